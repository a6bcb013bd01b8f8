import ArgumentParser
import GloveboxCore
import TestRunner

struct TestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Suites of tests that run inside production.",
        subcommands: [Check.self, PreflightCommand.self, Run.self, Compare.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what's wrong with a suite, before anything of it is sent.",
            discussion: "Reads the files on this machine, and asks no gateway.")

        @Argument(
            help: .init("The suite's folder, its suite.yaml, or one file of Hurl's.", valueName: "suite"),
            completion: .file(extensions: ["yaml", "hurl"]))
        var suite: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            if !SuiteLoading.isFolder(self.suite), self.suite.hasSuffix(".hurl") {
                return try self.tell(try SuiteLoading.problems(ofFile: self.suite), nil)
            }
            let loading = try SuiteRun.loading(self.suite)
            try self.tell(loading.problems, loading)
        }

        private func tell(_ problems: [SuiteProblem], _ loading: SuiteLoading?) throws {
            if self.output.json {
                try Terminal.show(
                    json: CheckedSuite(
                        isRight: problems.isEmpty,
                        problems: problems.map { .init(message: $0.message, code: $0.code) },
                        notes: loading?.notes ?? [], cases: loading?.suite?.cases.map(CheckedSuite.Case.init) ?? []))
            } else {
                for problem in problems { Terminal.complain(problem.description) }
                for note in loading?.notes ?? [] { Terminal.note(Terminal.harmless(note)) }
                if let suite = loading?.suite {
                    Terminal.show(
                        Terminal.table(
                            ["Case", "Tags", "Writes", "File"],
                            suite.cases.map { testCase in
                                [
                                    testCase.name, testCase.tags.joined(separator: ", "),
                                    testCase.writes ? "yes" : "no", testCase.file,
                                ]
                            }))
                }
                if problems.isEmpty {
                    Terminal.show(
                        "\(Terminal.harmless(self.suite)): \(loading.map { "\($0.caseCount) cases, " } ?? "")all right")
                }
            }
            if !problems.isEmpty { throw ProgramExit(status: ExitStatus.failure.rawValue) }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a suite inside production, and undo what it wrote.",
            discussion: """
                Exits with \(ExitStatus.failure.rawValue) when a case fails or can't be judged. A case that passes only \
                when it's tried again is told as flaky.
                """)

        @Argument(
            help: .init("The suite's folder, or its suite.yaml.", valueName: "suite"),
            completion: .file(extensions: ["yaml"]))
        var suite: String
        @OptionGroup var options: SuiteOptions
        @OptionGroup var under: RunLeaseOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let run = try SuiteRun(
                try SuiteRun.loading(self.suite), try self.options.options, reports: self.options.report)
            try await run.atGateway(self.under) { try await run.run(under: $0, json: self.output.json) }
        }
    }
}

/// How a suite is run, whatever it's run under.
struct SuiteOptions: ParsableArguments {
    @Option(help: .init("How many cases run at once.", valueName: "count"))
    var jobs = 1
    @Option(name: .customLong("repeat"), help: .init("How often each case runs.", valueName: "count"))
    var repeats = 1
    @Option(
        name: .customLong("tag"),
        help: .init(
            "Only cases with this tag; with !tag those without it. May be given more than once.", valueName: "tag"))
    var tags: [String] = []
    @Option(
        name: .customLong("variable"),
        help: .init(
            "Another value of a variable that suite.yaml declares. May be given more than once.",
            valueName: "name=value"))
    var variables: [String] = []
    @Flag(help: "Begin no other case after the first that fails.")
    var failFast = false
    @Option(
        help: .init(
            "Run each case so many times at once as well, and say what came of it that no order comes to.",
            valueName: "count"))
    var race: Int?
    @Option(
        help: .init(
            "Write a report: junit=FILE, tap=FILE, json=FILE or html=FILE. May be given more than once.",
            valueName: "form=file"), transform: argument { try ReportFile($0) })
    var report: [ReportFile] = []

    func validate() throws {
        guard (1...64).contains(self.jobs) else { throw ValidationError("--jobs: a number from 1 to 64 is wanted") }
        guard (1...1_000).contains(self.repeats) else {
            throw ValidationError("--repeat: a number from 1 to 1000 is wanted")
        }
        guard self.race.map({ (2...RaceSettings.mostLanes).contains($0) }) != false else {
            throw ValidationError("--race: a number from 2 to \(RaceSettings.mostLanes) is wanted")
        }
    }

    var options: SuiteRunOptions {
        get throws {
            var options = SuiteRunOptions()
            options.jobs = self.jobs
            options.repeats = self.repeats
            options.failsFast = self.failFast
            options.race = self.race
            try options.take(tags: self.tags)
            try options.take(variables: self.variables)
            return options
        }
    }
}

/// What `test check --json` prints.
private struct CheckedSuite: Encodable {
    struct Problem: Encodable {
        var message: String
        var code: String
    }

    struct Case: Encodable {
        var name: String
        var file: String
        var tags: [String]
        var writes: Bool

        init(_ testCase: SuiteCase) {
            self.name = testCase.name
            self.file = testCase.file
            self.tags = testCase.tags
            self.writes = testCase.writes
        }
    }

    var isRight: Bool
    var problems: [Problem]
    var notes: [String]
    var cases: [Case]
}
