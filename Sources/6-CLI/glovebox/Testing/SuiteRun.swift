import Contracts
import Crypto
import CurlHTTP
import Foundation
import GloveboxCore
import Identity
import NIOCore
import Redaction
import Suites
import Synchronization
import TestReports
import TestRunner

/// One `glovebox test run`: reads the suite's secrets, runs it under whatever begins runs, tells how far it is, and writes
/// the reports.
struct SuiteRun {
    let suite: TestSuite
    let options: SuiteRunOptions
    private let reports: [ReportFile]
    let secrets: CaseSecrets
    let tools: RunTools

    var title: String { self.suite.title }

    /// As long as the suite may take, and a minute for what's undone then.
    var leaseDuration: Duration { self.suite.limits.duration + .seconds(60) }

    static func loading(_ path: String) throws -> SuiteLoading {
        try SuiteLoading(path) { path throws(GloveboxError) in try PrivateFile.read(path) }
    }

    /// - Throws: the suite's first problem; `not_found`, `file_exposed`, `configuration_invalid` where a secret isn't as it
    ///   has to be; `file_unusable` where a report can't be written.
    init(_ loading: SuiteLoading, _ options: SuiteRunOptions, reports: [ReportFile]) throws {
        guard let suite = loading.suite else {
            for problem in loading.problems.dropFirst() { Terminal.complain(problem.description) }
            throw loading.problems.first?.gloveboxError ?? GloveboxError(.internal, "the suite can't be read")
        }
        for report in reports { try report.checkPlace() }
        let masking = try ReportMasking()
        self.suite = suite
        self.options = options
        self.reports = reports
        self.secrets = try CaseSecrets(
            suite.secrets, file: { path throws(GloveboxError) in try PrivateFile.read(path) },
            environment: ProcessInfo.processInfo.environment)
        self.tools = RunTools(
            carrier: { CurlSession() }, redact: { try masking.masked($0) },
            digest: { algorithm, bytes throws(SuiteError) in
                switch algorithm {
                case .sha256: Array(SHA256.hash(data: bytes))
                case .md5: Array(Insecure.MD5.hash(data: bytes))
                }
            })
    }

    /// Until it's done, or somebody interrupts it: then it's ended with its undo. A second interrupt doesn't wait for that;
    /// the gateway undoes it all the same.
    ///
    /// - Throws: `ProgramExit` where a case failed or couldn't be judged; why no run could be begun.
    func run(under control: any RunControl, json: Bool) async throws {
        let progress = SuiteProgress(of: self.suite.cases.count * max(1, self.options.repeats), isSilent: json)
        let runner = SuiteRunner(self.suite, self.options, control, self.tools, self.secrets) { progress.take($0) }
        let report = try await interruptible { try await runner.run() }
        progress.end()
        for file in self.reports { try file.write(report) }
        if json {
            Terminal.show(try report.json().trimmingCharacters(in: .newlines))
        } else {
            for line in ReportLines.summary(report, isColored: Terminal.isColored(STDOUT_FILENO)) {
                Terminal.show(line)
            }
        }
        if report.endedEarly == SuiteRunner.stopped { throw ProgramExit(status: ExitStatus.interrupted.rawValue) }
        switch report.verdict {
        case .passed, .flaky: return
        case .failed, .error: throw ProgramExit(status: ExitStatus.failure.rawValue)
        }
    }
}

/// Masks what answers say before it's reported. Equal values of one run get the same pseudonym, so that expected and actual
/// can be compared.
private final class ReportMasking: Sendable {
    private let masker: Mutex<Masker>

    init() throws {
        let rules = try RedactionRules()
        self.masker = Mutex(
            try rules.masker(profile: MaskingProfile.default.name, pseudonyms: Pseudonyms(linkable: true)))
    }

    /// - Throws: `redaction_failed`.
    func masked(_ text: String) throws -> String {
        try self.masker.withLock { masker in
            switch try masker.mask(ByteBuffer(string: text), as: .text, scope: .column(table: 0, attribute: 0)) {
            case .clean: text
            case .masked(let bytes): String(buffer: bytes)
            case .null: ""
            }
        }
    }
}

/// A line on standard output for each case that's done, and on a terminal what's under way, on standard error.
private final class SuiteProgress: Sendable {
    private struct State {
        var done = 0
        var isShown = false
    }

    private let count: Int
    private let isTerminal: Bool
    /// The report is all that's wanted on standard output.
    private let isSilent: Bool
    private let state = Mutex(State())

    init(of count: Int, isSilent: Bool) {
        self.count = count
        self.isSilent = isSilent
        self.isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    func take(_ event: RunEvent) {
        self.state.withLock { state in
            self.clear(&state)
            switch event {
            case .begun(let run): Terminal.note("run \(Terminal.harmless(run.run))")
            case .note(let text): Terminal.note(Terminal.harmless(text))
            case .started(let testCase):
                guard self.isTerminal else { return }
                state.isShown = true
                let name = Terminal.harmless(String(testCase.name.prefix(60)))
                Terminal.write("\(state.done) of \(self.count): \(name)", to: STDERR_FILENO)
            case .finished(let report):
                state.done += 1
                guard !self.isSilent else { return }
                for line in ReportLines.lines(report, isColored: Terminal.isColored(STDOUT_FILENO)) {
                    Terminal.show(line)
                }
            }
        }
    }

    func end() { self.state.withLock { self.clear(&$0) } }

    private func clear(_ state: inout State) {
        guard state.isShown else { return }
        state.isShown = false
        Terminal.write("\r\u{1B}[K", to: STDERR_FILENO)
    }
}
