import ArgumentParser
import Baselines
import GloveboxCore
import TestRunner

struct BaselineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline", abstract: "What the version that serves users answers, and what of it may differ.",
        subcommands: [Record.self])

    struct Record: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a suite's cases to the version that serves users, and learn what differs by itself.",
            discussion: """
                Writes a file for each case, baselines/CASE.yaml beside the suite, masked, for people to read and review. \
                What differed from run to run for no reason that's known is named: write a rule for it in rules.yaml.
                """)

        @Argument(
            help: .init("The suite's folder, or its suite.yaml.", valueName: "suite"),
            completion: .file(extensions: ["yaml"]))
        var suite: String
        @Option(help: .init("How often each case is sent.", valueName: "count"))
        var runs = 5
        @Option(help: .init("For how many days it counts.", valueName: "days"))
        var days = 30
        @OptionGroup var selection: SuiteSelection
        @OptionGroup var under: RunLeaseOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (2...1000).contains(self.runs) else {
                throw ValidationError("--runs: a number from 2 to 1000 is wanted")
            }
            guard (1...366).contains(self.days) else {
                throw ValidationError("--days: a number from 1 to 366 is wanted")
            }
        }

        func run() async throws {
            let run = try SuiteRun(try SuiteRun.loading(self.suite), try self.selection.options, reports: [])
            let files = BaselineFiles(suite: self.suite)
            let (runs, expires) = (self.runs, files.expiry(in: self.days))
            let ended = try await run.atGateway(self.under) { control in
                try await interruptible {
                    try await SuiteComparing(run.suite, run.options, control, run.tools, run.secrets, told: note)
                        .record(runs: runs, expires: expires)
                }
            }
            let written = try files.write(ended.value)
            for baseline in ended.value {
                for entry in baseline.entries {
                    for one in entry.noise.unexplained {
                        Terminal.note(
                            Terminal.harmless(
                                "\(baseline.caseName), \(entry.endpoint): \(one.path) differs for no reason that's known: write a rule for it"
                            ))
                    }
                }
            }
            if self.output.json {
                try Terminal.show(json: Recorded(run: ended.run, files: written))
            } else {
                for path in written { Terminal.show(Terminal.harmless(path)) }
            }
            try tellLeftovers(ended.leftovers, ended.problems)
        }
    }
}

private struct Recorded: Encodable {
    var run: String
    var files: [String]
}

/// What's told while a run goes on, without a line for each request.
func note(_ event: RunEvent) {
    switch event {
    case .begun(let run): Terminal.note("run \(Terminal.harmless(run.run))")
    case .note(let text): Terminal.note(Terminal.harmless(text))
    case .started, .finished: break
    }
}

/// - Throws: `ProgramExit` where something of the run is left.
func tellLeftovers(_ leftovers: [Leftover], _ problems: [String]) throws {
    for problem in problems { Terminal.complain(problem) }
    for left in leftovers {
        let place = left.testCase.isEmpty ? "" : "\(left.testCase): "
        Terminal.complain("\(place)\(left.what) isn't undone: \(left.why)")
    }
    if !leftovers.isEmpty || !problems.isEmpty { throw ProgramExit(status: ExitStatus.failure.rawValue) }
}
