package import GloveboxCore

/// What a gateway allows: the rules of one policy file. What no rule allows is denied.
///
/// A question is answered by **one** rule: the first in the file's order that lets this holder use all the
/// capabilities that it asks for on this target for as long as it asks. Rules never add up (two rules that each allow
/// half of what's asked allow nothing), none can deny, and the same file and question always give the same answer.
package struct PolicyDocument: Hashable, Sendable {
    /// Who belongs to which group.
    package var groups: [String: Set<IdentityName>]
    /// In the order of the file.
    package var rules: [PolicyRule]

    /// A policy without a rule denies everything.
    package init(groups: [String: Set<IdentityName>] = [:], rules: [PolicyRule] = []) {
        self.groups = groups
        self.rules = rules
    }
}

/// One rule: who may do what, where, for how long, within which limits.
package struct PolicyRule: Hashable, Sendable {
    package var name: String
    package var identities: Set<IdentityName>
    package var groups: Set<String>
    /// Any of these; empty means that `labels` alone say which targets.
    package var targets: [TargetPattern]
    /// All of these; with `targets`, both must fit.
    package var labels: [String: String]
    package var capabilities: Set<Capability>
    /// Longest that a lease may last in all, extensions included.
    package var longest: Duration
    package var limits: Limits
    package var maskingProfile: String
    /// Whose consent a lease takes; `nil` when it opens at once.
    package var approval: ApprovalRequirement?
    /// Who may take it without anybody's consent, to be reviewed afterwards.
    package var breakGlass: BreakGlassRule?
    /// Whether the holder may let a change of their own outlive its lease.
    package var mayKeep: Bool

    package init(
        name: String, identities: Set<IdentityName> = [], groups: Set<String> = [], targets: [TargetPattern] = [],
        labels: [String: String] = [:], capabilities: Set<Capability>, longest: Duration, limits: Limits = Limits(),
        maskingProfile: String = "default", approval: ApprovalRequirement? = nil, breakGlass: BreakGlassRule? = nil,
        mayKeep: Bool = false
    ) {
        self.name = name
        self.identities = identities
        self.groups = groups
        self.targets = targets
        self.labels = labels
        self.capabilities = capabilities
        self.longest = longest
        self.limits = limits
        self.maskingProfile = maskingProfile
        self.approval = approval
        self.breakGlass = breakGlass
        self.mayKeep = mayKeep
    }

    /// Whether the rule is about this target. A rule with neither names nor labels is about none.
    func covers(_ target: TargetName, labels: [String: String]) -> Bool {
        guard !self.targets.isEmpty || !self.labels.isEmpty else { return false }
        return (self.targets.isEmpty || self.targets.contains { $0.matches(target) })
            && self.labels.allSatisfy { labels[$0.key] == $0.value }
    }
}

/// Who may open a rule's lease at once in an emergency, whether or not the rule is otherwise for them, and how long at
/// most.
package struct BreakGlassRule: Hashable, Sendable {
    package var identities: Set<IdentityName>
    package var groups: Set<String>
    package var longest: Duration

    package init(identities: Set<IdentityName> = [], groups: Set<String> = [], longest: Duration) {
        self.identities = identities
        self.groups = groups
        self.longest = longest
    }
}

/// A target's name, or the beginning of one followed by `*`; `*` alone is every target.
package struct TargetPattern: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// `nil` unless `text` is a name, or ends in its only `*` after what a name can begin with.
    package init?(_ text: String) {
        let beginning = text.hasSuffix("*") ? String(text.dropLast()) : text
        guard (beginning.isEmpty && text == "*") || TargetName(rawValue: beginning) != nil else { return nil }
        self.text = text
    }

    package func matches(_ target: TargetName) -> Bool {
        self.text.hasSuffix("*") ? target.rawValue.hasPrefix(self.text.dropLast()) : target.rawValue == self.text
    }

    package var description: String { self.text }
}
