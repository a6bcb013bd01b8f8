package import GloveboxCore

/// What one rule says to a question, and which of its parts says so.
package struct RuleVerdict: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// The first rule of these decides.
        case allows
        case namesOthers
        case aboutOtherTargets
        /// These of the capabilities that are asked for aren't in it.
        case lacks([Capability])
        /// It allows less time.
        case tooLong(longest: Duration)
    }

    package var rule: String
    package var reason: Reason

    package init(rule: String, reason: Reason) {
        self.rule = rule
        self.reason = reason
    }

    package var allows: Bool { self.reason == .allows }
}

extension PolicyDocument {
    /// What each rule says to `question`, in the file's order: the first that allows it is the one that
    /// ``decide(_:)`` answers by. Of several reasons against it, a rule gives the first in the order of
    /// ``RuleVerdict/Reason``.
    package func explain(_ question: PolicyQuestion) -> [RuleVerdict] {
        self.rules.map { rule in
            let missing = question.capabilities.subtracting(rule.capabilities).sorted()
            let reason: RuleVerdict.Reason =
                if !self.names(rule, question.identity) {
                    .namesOthers
                } else if !rule.covers(question.target, labels: question.labels) {
                    .aboutOtherTargets
                } else if !missing.isEmpty {
                    .lacks(missing)
                } else if rule.longest < question.duration {
                    .tooLong(longest: rule.longest)
                } else {
                    .allows
                }
            return RuleVerdict(rule: rule.name, reason: reason)
        }
    }
}
