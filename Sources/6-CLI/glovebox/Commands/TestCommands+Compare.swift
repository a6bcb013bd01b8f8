import ArgumentParser
import Baselines
import GloveboxCore
import TestRunner

extension TestCommand {
    struct Compare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say in what a candidate's answers differ from those of the version that serves users.",
            discussion: """
                Sends each case to the primary, the primary again and the candidate, in an order that's drawn, until all is \
                known or --most is used up. What differs by itself is known from 'glovebox baseline record'.
                Exits with \(ExitStatus.failure.rawValue) unless the candidate is the same.
                """)

        @Argument(
            help: .init("The suite's folder, or its suite.yaml.", valueName: "suite"),
            completion: .file(extensions: ["yaml"]))
        var suite: String
        @Option(
            help: .init("The version to compare, as the edge names it. (default: the suite's)", valueName: "version"))
        var candidate: String?
        @Option(help: .init("How often cases are sent three times, all together.", valueName: "count"))
        var most = 1000
        @Option(help: .init("The probability of a false alarm anywhere.", valueName: "share"))
        var falseAlarm = 0.01
        @Option(help: .init("By how much more often something has to differ to count.", valueName: "share"))
        var effect = 0.05
        @Option(help: .init("Draws the same order again.", valueName: "number"))
        var seed: UInt64?
        @OptionGroup var selection: SuiteSelection
        @OptionGroup var under: RunLeaseOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...1_000_000).contains(self.most) else {
                throw ValidationError("--most: a number from 1 to 1000000 is wanted")
            }
            for (name, share) in [("--false-alarm", self.falseAlarm), ("--effect", self.effect)]
            where !(share > 0 && share < 1) {
                throw ValidationError("\(name): a share between 0 and 1 is wanted, such as 0.01")
            }
        }

        func run() async throws {
            let run = try SuiteRun(try SuiteRun.loading(self.suite), try self.selection.options, reports: [])
            guard let candidate = self.candidate ?? run.suite.version else {
                throw GloveboxError(
                    .invalidArgument, "say which version: --candidate, or 'version' in the suite's file")
            }
            let files = BaselineFiles(suite: self.suite)
            let baselines = try files.read(run.suite.cases.map(\.name))
            let rules = try files.rules()
            let settings = Comparison.Settings(
                error: .init(falseAlarm: self.falseAlarm, effect: self.effect), mostTriples: self.most,
                seed: self.seed ?? .random(in: .min ... .max))
            let ended = try await run.atGateway(self.under) { control in
                try await interruptible {
                    try await SuiteComparing(run.suite, run.options, control, run.tools, run.secrets, told: note)
                        .compare(with: candidate, baselines, rules, settings)
                }
            }
            if self.output.json {
                try Terminal.show(json: ended.value)
            } else {
                for line in ended.value.lines { Terminal.show(Terminal.harmless(line)) }
            }
            if let reason = ended.endedEarly { Terminal.complain("it ended before its time: \(reason)") }
            try tellLeftovers(ended.leftovers, ended.problems)
            guard ended.value.verdict == .same, ended.endedEarly == nil else {
                throw ProgramExit(status: ExitStatus.failure.rawValue)
            }
        }
    }

    struct PreflightCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "preflight",
            abstract: "Show each service that sees that a request is a test's, and which one drops that.",
            discussion: """
                Sends the suite's cases that only read. 'glovebox test run' looks by itself before a case writes.
                Exits with \(ExitStatus.failure.rawValue) where a service doesn't see it.
                """)

        @Argument(
            help: .init("The suite's folder, or its suite.yaml.", valueName: "suite"),
            completion: .file(extensions: ["yaml"]))
        var suite: String
        @OptionGroup var selection: SuiteSelection
        @OptionGroup var under: RunLeaseOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let run = try SuiteRun(try SuiteRun.loading(self.suite), try self.selection.options, reports: [])
            let (preflight, endedEarly) = try await run.atGateway(self.under) { control in
                try await interruptible {
                    try await SuiteRunner(run.suite, run.options, control, run.tools, run.secrets, told: note)
                        .preflight()
                }
            }
            if self.output.json {
                try Terminal.show(json: preflight.findings)
            } else {
                Terminal.show(
                    Terminal.table(
                        ["Case", "Way"], preflight.findings.map { [$0.testCase, Terminal.harmless($0.summary)] }))
            }
            if let endedEarly { Terminal.complain("it ended before its time: \(endedEarly)") }
            if let refusal = preflight.refusal {
                Terminal.complain("cases that write won't be run: \(refusal)")
                throw ProgramExit(status: ExitStatus.failure.rawValue)
            }
        }
    }
}

/// Which cases of a suite.
struct SuiteSelection: ParsableArguments {
    @Option(
        name: .customLong("tag"),
        help: .init(
            "Only cases with this tag; with !tag those without it. May be given more than once.", valueName: "tag"))
    var tags: [String] = []

    var options: SuiteRunOptions {
        get throws {
            var options = SuiteRunOptions()
            try options.take(tags: self.tags)
            return options
        }
    }
}

/// Under which lease a run is.
struct RunLeaseOptions: ParsableArguments {
    @Option(
        help: "The lease on the edge to run under. (default: one that's opened for the run)",
        transform: argument { try LeaseID($0) })
    var lease: LeaseID?
    @Option(help: "Why, for the record. (default: the suite's title)")
    var reason: String?
}

extension SuiteRun {
    /// Ends the leases that were opened for it, however it goes.
    func atGateway<Value: Sendable>(
        _ under: RunLeaseOptions, _ body: @escaping @Sendable (GatewayRunControl) async throws -> Value
    ) async throws -> Value {
        try await SignedIn.call { client, _ in
            let control = GatewayRunControl(
                client, lease: under.lease, for: self.leaseDuration, reason: under.reason ?? self.title)
            do {
                let value = try await body(control)
                await control.close()
                return value
            } catch {
                await control.close()
                throw error
            }
        }
    }
}
