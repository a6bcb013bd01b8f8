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

    /// The rule of this name.
    package func rule(named name: String) -> PolicyRule? {
        self.rules.first { $0.name == name }
    }

    /// Answers `question` by the first rule that lets this holder break glass for all of it; the rule's capabilities,
    /// limits and masking hold, and its break-glass time.
    package func decideBreakGlass(_ question: PolicyQuestion) -> PolicyDecision {
        guard !question.capabilities.isEmpty, question.duration > .zero else { return self.decide(question) }
        let naming = self.rules.filter { rule in
            guard let breakGlass = rule.breakGlass else { return false }
            return self.names(breakGlass.identities, breakGlass.groups, question.identity)
                && rule.covers(question.target, labels: question.labels)
                && question.capabilities.isSubset(of: rule.capabilities)
        }
        for rule in naming {
            guard let breakGlass = rule.breakGlass, breakGlass.longest >= question.duration else { continue }
            return .allow(
                rule: rule.name, longest: breakGlass.longest, limits: rule.limits, maskingProfile: rule.maskingProfile)
        }
        let asked = question.capabilities.sorted().map(\.rawValue).joined(separator: ", ")
        let refusal = "no rule lets \(question.identity) break glass to \(asked) \(question.target)"
        guard let nearest = naming.max(by: { $0.breakGlassTime < $1.breakGlassTime }) else {
            return .deny(rule: nil, message: "\(refusal): ask for approval without --break-glass")
        }
        return .deny(
            rule: nearest.name,
            message: "\(refusal) for \(question.duration.written): rule '\(nearest.name)' allows at most "
                + nearest.breakGlassTime.written)
    }

    /// As ``rejudge(_:)``, for a lease that was opened by break-glass.
    package func rejudgeBreakGlass(_ question: PolicyQuestion) -> PolicyDecision {
        let decision = self.decideBreakGlass(question)
        guard case .deny(let rule?, _) = decision, let rule = self.rule(named: rule) else { return decision }
        return .allow(
            rule: rule.name, longest: rule.breakGlassTime, limits: rule.limits, maskingProfile: rule.maskingProfile)
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
        self.names(rule.identities, rule.groups, identity)
    }

    private func names(_ identities: Set<IdentityName>, _ groups: Set<String>, _ identity: IdentityName) -> Bool {
        identities.contains(identity) || groups.contains { self.groups[$0]?.contains(identity) ?? false }
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
    fileprivate var breakGlassTime: Duration { self.breakGlass?.longest ?? .zero }

    fileprivate var allowance: PolicyDecision {
        .allow(rule: self.name, longest: self.longest, limits: self.limits, maskingProfile: self.maskingProfile)
    }
}
