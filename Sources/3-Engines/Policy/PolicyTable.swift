package import GloveboxCore
import YAMLDocument

/// A table of questions and the decisions that are expected, to hold a policy against before it comes into force.
///
///     version: 1
///     cases:
///       - name: on call reads the shop
///         identity: ada
///         target: shop-db
///         labels: {env: production}   # as the agent would announce them
///         capabilities: [read]
///         for: 15m
///         expect: allow               # or deny, or approval
///         rule: oncall-reads-shop     # which one is to decide; may be left out
package struct PolicyTable: Hashable, Sendable {
    package enum Decision: String, CaseIterable, Hashable, Sendable, Codable {
        case allow, deny
        /// Allowed once others have approved it.
        case approval
    }

    package struct Case: Hashable, Sendable {
        package var name: String
        package var question: PolicyQuestion
        package var expected: Decision
        package var rule: String?
        /// Where it's written, from 1.
        package var line: Int
    }

    /// What the policy says to one case.
    package struct Outcome: Hashable, Sendable {
        package var tested: Case
        package var decision: Decision
        /// The rule that decides, or the nearest of those that don't allow it.
        package var rule: String?
        /// Why it's denied.
        package var message: String?

        package var isExpected: Bool {
            self.decision == self.tested.expected && (self.tested.rule == nil || self.tested.rule == self.rule)
        }
    }

    package var cases: [Case] = []

    /// - Throws: `configuration_invalid` with `FILE:LINE:COLUMN: what is wrong and what to write`.
    package init(yaml: String, file: String) throws(GloveboxError) {
        let document = try YAMLNode(yaml: yaml, file: file).mapping("version", "cases")
        try document.checkVersion(1)
        let cases = try document.required("cases")
        self.cases = try cases.map { node throws(GloveboxError) in try Case(node) }
        guard !self.cases.isEmpty else {
            throw cases.error("'cases' is empty, and would pass with any policy: write at least one")
        }
    }
}

extension PolicyTable.Case {
    fileprivate init(_ node: YAMLNode) throws(GloveboxError) {
        let entry = try node.mapping(
            "name", "identity", "target", "labels", "capabilities", "for", "expect", "rule")
        var labels: [String: String] = [:]
        for label in try entry["labels"]?.entries ?? [] { labels[label.key] = try label.value.string }
        self.init(
            name: try entry.required("name").string,
            question: PolicyQuestion(
                identity: try entry.required("identity").name(), target: try entry.required("target").name(),
                labels: labels, capabilities: try entry.required("capabilities").capabilities(),
                duration: try entry.required("for").duration),
            expected: try entry.required("expect").choice(), rule: try entry["rule"]?.word, line: node.line)
    }
}

extension PolicyDocument {
    /// The decision on every case, in the table's order.
    package func test(_ table: PolicyTable) -> [PolicyTable.Outcome] {
        table.cases.map { tested in
            if case .deny(let nearest, let message) = self.decide(tested.question) {
                return PolicyTable.Outcome(tested: tested, decision: .deny, rule: nearest, message: message)
            }
            let deciding = self.explain(tested.question).first(where: \.allows)
            let takesApproval = deciding.flatMap { self.rule(named: $0.rule)?.approval } != nil
            return PolicyTable.Outcome(
                tested: tested, decision: takesApproval ? .approval : .allow, rule: deciding?.rule)
        }
    }
}
