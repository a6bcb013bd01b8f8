package import GloveboxCore
import YAMLDocument

/// What somebody asks of the policy.
package struct PolicyQuestion: Hashable, Sendable {
    package var identity: IdentityName
    package var target: TargetName
    package var labels: [String: String]
    package var capabilities: Set<Capability>
    /// How long the lease would last in all, from its opening; for an extension what was granted before counts too.
    package var duration: Duration

    package init(
        identity: IdentityName, target: TargetName, labels: [String: String] = [:], capabilities: Set<Capability>,
        duration: Duration
    ) {
        self.identity = identity
        self.target = target
        self.labels = labels
        self.capabilities = capabilities
        self.duration = duration
    }
}

/// What the policy answers.
package enum PolicyDecision: Hashable, Sendable {
    case allow(rule: String, longest: Duration, limits: Limits, maskingProfile: String)
    /// `rule` is the nearest one that names the asker and the target, if there's any; rules about others stay unnamed.
    case deny(rule: String?, message: String)

    /// A denial as an error, `policy_denied`.
    package var error: GloveboxError? {
        switch self {
        case .allow: nil
        case .deny(_, let message): GloveboxError(.policyDenied, message)
        }
    }
}

extension PolicyDocument {
    /// Answers `question` by the first rule that allows all of it.
    package func decide(_ question: PolicyQuestion) -> PolicyDecision {
        guard !question.capabilities.isEmpty else {
            return .deny(rule: nil, message: "a lease needs at least one capability: ask for read, for example")
        }
        guard question.duration > .zero else {
            return .deny(rule: nil, message: "a lease lasts longer than nothing: ask for a time such as 15m")
        }
        for rule in self.rules(for: question) where rule.longest >= question.duration {
            return rule.allowance
        }
        return self.denial(question)
    }

    /// Judges an open lease again, after the policy has changed: `question.duration` is what was granted in all.
    ///
    /// As ``decide(_:)``; but where rules allow everything except so long a time, the one that allows the longest (the
    /// first of equals) answers, so that a lease is shortened to what's allowed now and doesn't end at once.
    package func rejudge(_ question: PolicyQuestion) -> PolicyDecision {
        let decision = self.decide(question)
        guard case .deny = decision else { return decision }
        var widest: PolicyRule?
        for rule in self.rules(for: question) where rule.longest > widest?.longest ?? .zero { widest = rule }
        return widest?.allowance ?? decision
    }

    /// The groups that `identity` belongs to.
    package func groups(of identity: IdentityName) -> Set<String> {
        Set(self.groups.filter { $0.value.contains(identity) }.keys)
    }

    /// The rules that allow all but perhaps the time, in order.
    private func rules(for question: PolicyQuestion) -> [PolicyRule] {
        guard !question.capabilities.isEmpty else { return [] }
        return self.rules.filter { rule in
            self.names(rule, question.identity) && rule.covers(question.target, labels: question.labels)
                && question.capabilities.isSubset(of: rule.capabilities)
        }
    }

    func names(_ rule: PolicyRule, _ identity: IdentityName) -> Bool {
        rule.identities.contains(identity) || rule.groups.contains { self.groups[$0]?.contains(identity) ?? false }
    }

    /// Names the nearest rule: of those about this holder and target the one that lacks the fewest capabilities, and of
    /// equals the first whose time would do, else the one with the longest.
    private func denial(_ question: PolicyQuestion) -> PolicyDecision {
        let asked = question.capabilities.sorted().map(\.rawValue).joined(separator: ", ")
        let refusal = "no rule lets \(question.identity) \(asked) \(question.target)"
        let own = self.rules.filter { self.names($0, question.identity) }
        guard !own.isEmpty else {
            return .deny(rule: nil, message: "\(refusal): no rule names \(question.identity); ask who keeps the policy")
        }
        func distance(_ rule: PolicyRule) -> (Int, Duration) {
            let missing = question.capabilities.subtracting(rule.capabilities).count
            return (missing, max(.zero, question.duration - rule.longest))
        }
        let near = own.filter { $0.covers(question.target, labels: question.labels) }
        guard let nearest = near.min(by: { distance($0) < distance($1) }) else {
            return .deny(
                rule: nil,
                message: "\(refusal): the rules that name \(question.identity) are about other targets; "
                    + "ask who keeps the policy")
        }
        let allowed = nearest.capabilities.sorted().map(\.rawValue).joined(separator: ", ")
        return .deny(
            rule: nearest.name,
            message: question.capabilities.isSubset(of: nearest.capabilities)
                ? "\(refusal) for \(question.duration.written): rule '\(nearest.name)' allows \(allowed) but at most \(nearest.longest.written)"
                : "\(refusal): rule '\(nearest.name)' allows \(allowed)")
    }
}

extension PolicyRule {
    fileprivate var allowance: PolicyDecision {
        .allow(rule: self.name, longest: self.longest, limits: self.limits, maskingProfile: self.maskingProfile)
    }
}
