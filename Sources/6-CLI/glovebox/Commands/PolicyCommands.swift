import ArgumentParser
import GloveboxCore
import Identity
import Policy

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Policy files: hold one against what you mean before a gateway reads it.",
        discussion: "These read the file on this machine, and ask no gateway.",
        subcommands: [Check.self, Explain.self, Test.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say whether a gateway would take a policy file.")

        @Argument(help: .init("The policy file.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
        var file: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            let policy = try PolicyDocument(reading: self.file)
            if self.output.json {
                return try Terminal.show(
                    json: CheckedOutput(rules: policy.rules.map(\.name), groups: policy.groups.keys.sorted()))
            }
            Terminal.show(
                "\(self.file) can be used: \(policy.rules.count) rules, \(policy.groups.count) groups. What no rule allows is denied."
            )
        }
    }

    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a policy answers to a question, and why.",
            discussion: "Exits with \(ExitStatus.refused.rawValue) when it's denied.")

        @Argument(help: .init("The policy file.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
        var file: String
        @Option(help: "Who asks.", transform: argument { try IdentityName($0) })
        var identity: IdentityName
        @Option(help: "For which target.", transform: argument { try TargetName($0) })
        var target: TargetName
        @Option(
            name: .customLong("label"),
            help: .init("A label of the target's, as its agent announces it; may be repeated.", valueName: "key=value"),
            transform: argument(Self.label))
        var labels: [Label] = []
        @Option(name: .customLong("capability"), help: "What it's to allow; may be repeated. (default: read)")
        var capabilities: [Capability] = []
        @Option(
            name: .customLong("for"), help: .init("How long: 90s, 15m, 1h30m.", valueName: "duration"),
            transform: argument(DurationText.parse))
        var duration = Duration.seconds(900)
        @OptionGroup var output: OutputOptions

        func run() throws {
            let policy = try PolicyDocument(reading: self.file)
            let question = PolicyQuestion(
                identity: self.identity, target: self.target,
                labels: Dictionary(self.labels.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last }),
                capabilities: self.capabilities.isEmpty ? [.read] : Set(self.capabilities), duration: self.duration)
            let verdicts = policy.explain(question)
            var denial: String?
            if case .deny(_, let message) = policy.decide(question) { denial = message }
            let deciding = denial == nil ? verdicts.first(where: \.allows)?.rule : nil
            try self.show(verdicts, denial, deciding.flatMap { policy.rule(named: $0)?.approval })
            if denial != nil { throw ProgramExit(status: ExitStatus.refused.rawValue) }
        }

        private func show(
            _ verdicts: [RuleVerdict], _ denial: String?, _ requirement: ApprovalRequirement?
        ) throws {
            let deciding = denial == nil ? verdicts.firstIndex(where: \.allows) : nil
            if self.output.json {
                return try Terminal.show(
                    json: ExplainedOutput(
                        decision: denial != nil ? .deny : requirement == nil ? .allow : .approval,
                        rule: deciding.map { verdicts[$0].rule },
                        message: denial,
                        rules: verdicts.map { .init(name: $0.rule, allows: $0.allows, because: $0.because) }))
            }
            let approval = requirement.map { ", with approval by \($0.inWords) within \($0.within.written)" } ?? ""
            Terminal.show(
                denial.map { "Denied: \($0)" }
                    ?? "Allowed by rule '\(deciding.map { verdicts[$0].rule } ?? "")'\(approval).")
            guard !verdicts.isEmpty else { return }
            Terminal.show(
                "\n"
                    + Terminal.table(
                        ["Rule", "Says"],
                        verdicts.enumerated().map { index, verdict in
                            [verdict.rule, index == deciding ? "\(verdict.because), and decides" : verdict.because]
                        }))
        }

        struct Label: Sendable {
            var key: String
            var value: String
        }

        private static func label(_ text: String) throws(GloveboxError) -> Label {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw GloveboxError(.invalidArgument, "'\(text.prefix(40))' is no label: write KEY=VALUE")
            }
            return Label(key: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
        }
    }

    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hold a policy against a table of decisions that you expect.",
            discussion: """
                The table is a file of its own:

                  version: 1
                  cases:
                    - name: on call reads the shop
                      identity: ada
                      target: shop-db
                      labels: {env: production}   # may be left out
                      capabilities: [read]
                      for: 15m
                      expect: allow               # or deny, or approval
                      rule: oncall-reads-shop     # may be left out

                Exits with \(ExitStatus.failure.rawValue) when one comes out otherwise.
                """)

        @Argument(help: .init("The policy file.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
        var file: String
        @Argument(help: .init("The table.", valueName: "table"), completion: .file(extensions: ["yaml", "yml"]))
        var table: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            let policy = try PolicyDocument(reading: self.file)
            let outcomes = policy.test(try PolicyTable(yaml: text(of: self.table), file: self.table))
            let failed = outcomes.filter { !$0.isExpected }
            if self.output.json {
                try Terminal.show(json: outcomes.map(TestedOutput.init))
            } else {
                for outcome in outcomes { self.show(outcome) }
                Terminal.show("\(outcomes.count - failed.count) of \(outcomes.count) as expected.")
            }
            if !failed.isEmpty { throw ProgramExit(status: ExitStatus.failure.rawValue) }
        }

        private func show(_ outcome: PolicyTable.Outcome) {
            let tested = outcome.tested
            guard !outcome.isExpected else { return Terminal.show("ok      \(Terminal.harmless(tested.name))") }
            func told(_ decision: PolicyTable.Decision, _ rule: String?) -> String {
                decision.rawValue + (rule.map { " by '\($0)'" } ?? "")
            }
            let expected = told(tested.expected, tested.rule)
            let found = told(outcome.decision, outcome.decision == .deny ? nil : outcome.rule)
            Terminal.show("FAILED  \(Terminal.harmless(tested.name))")
            Terminal.show(
                "        \(self.table):\(tested.line): expected \(expected), but it's \(found)"
                    + (outcome.message.map { " (\(Terminal.harmless($0)))" } ?? ""))
        }
    }
}

extension PolicyDocument {
    fileprivate init(reading file: String) throws(GloveboxError) {
        try self.init(yaml: text(of: file), file: file)
    }
}

private func text(of file: String) throws(GloveboxError) -> String {
    String(decoding: try PrivateFile.read(file, sharing: true), as: UTF8.self)
}

extension RuleVerdict {
    fileprivate var because: String {
        switch self.reason {
        case .allows: "allows it"
        case .namesOthers: "is for others"
        case .aboutOtherTargets: "is about other targets"
        case .lacks(let missing): "lacks \(missing.map(\.rawValue).joined(separator: ", "))"
        case .tooLong(let longest): "allows at most \(longest.written)"
        }
    }
}

private struct CheckedOutput: Encodable {
    var rules: [String]
    var groups: [String]
}

private struct ExplainedOutput: Encodable {
    struct Rule: Encodable {
        var name: String
        var allows: Bool
        var because: String
    }

    var decision: PolicyTable.Decision
    /// The one that decides.
    var rule: String?
    var message: String?
    var rules: [Rule]
}

private struct TestedOutput: Encodable {
    var name: String
    var isExpected: Bool
    var expected: PolicyTable.Decision
    var expectedRule: String?
    var decision: PolicyTable.Decision
    var rule: String?
    var message: String?

    init(_ outcome: PolicyTable.Outcome) {
        self.name = outcome.tested.name
        self.isExpected = outcome.isExpected
        self.expected = outcome.tested.expected
        self.expectedRule = outcome.tested.rule
        self.decision = outcome.decision
        self.rule = outcome.rule
        self.message = outcome.message
    }
}
