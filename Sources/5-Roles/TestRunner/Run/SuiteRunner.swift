import Contracts
import GloveboxCore
import Suites
import Synchronization
package import TestReports

/// Runs a suite: its cases under one run, then each race under runs of its own.
package struct SuiteRunner: Sendable {
    private let suite: TestSuite
    private let options: SuiteRunOptions
    private let control: any RunControl
    private let tools: RunTools
    private let secrets: CaseSecrets
    private let told: @Sendable (RunEvent) -> Void

    /// - Parameter told: what happens, as it does; may be called from several tasks at once.
    package init(
        _ suite: TestSuite, _ options: SuiteRunOptions, _ control: any RunControl, _ tools: RunTools,
        _ secrets: CaseSecrets,
        told: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.suite = suite.with(options.variables)
        self.options = options
        self.control = control
        self.tools = tools
        self.secrets = secrets
        self.told = told
    }

    /// Why a run that was cancelled has ended.
    package static let stopped = "it was stopped"

    /// A case, and which time of `--repeat` it is.
    private struct Item: Sendable {
        var index: Int
        var testCase: SuiteCase
        var repetition: Int
    }

    /// What's still to be begun.
    private final class Queue: Sendable {
        private let items: Mutex<ArraySlice<Item>>

        init(_ items: [Item]) { self.items = Mutex(items[...]) }

        func next() -> Item? { self.items.withLock { $0.popFirst() } }
        func close() { self.items.withLock { $0 = [] } }
    }

    /// Cancelled, it ends the run with its undo, and returns what there is.
    /// - Throws: `invalid_argument`; why no run could be begun.
    package func run() async throws -> TestReport {
        if let name = self.options.variables.keys.sorted().first(where: { self.suite.variables[$0] == nil }) {
            throw GloveboxError(
                .invalidArgument,
                "suite.yaml has no variable '\(name.prefix(60))': declare it there, with what it is otherwise")
        }
        let cases = self.suite.cases.filter { self.options.wants($0) }
        guard !cases.isEmpty else {
            throw GloveboxError(.invalidArgument, "no case has these tags: see 'glovebox test check'")
        }
        let races = try self.races(cases)
        let start = self.tools.time.boot
        var report = TestReport(
            suite: self.suite.title, startedAt: String(SuiteDate(self.tools.time.wall).rfc3339.prefix(19)) + "Z",
            version: self.suite.version)
        let refusal = try await self.runCases(cases, into: &report)
        for (testCase, race) in races {
            let isOver = Task.isCancelled || report.endedEarly != nil || self.hasFailed(report)
            let isRefused = testCase.writes && refusal != nil
            guard !isOver, !isRefused else {
                let stopped = Task.isCancelled ? Self.stopped : "a case has failed"
                let why = report.endedEarly ?? (isOver ? stopped : "it writes, and \(refusal ?? "")")
                self.take(self.skipped(RaceRunner.named(testCase, race), 1, why), into: &report)
                continue
            }
            await self.runRace(testCase, race, into: &report)
        }
        report.seconds = start.duration(to: self.tools.time.boot).inSeconds
        return report
    }

    private func hasFailed(_ report: TestReport) -> Bool {
        self.options.failsFast && report.cases.contains { $0.outcome == .failed || $0.outcome == .error }
    }

    private func take(_ testCase: TestCaseReport, into report: inout TestReport) {
        self.told(.finished(testCase))
        report.cases.append(testCase)
    }

    private func races(_ cases: [SuiteCase]) throws(GloveboxError) -> [(SuiteCase, RaceSettings)] {
        var races: [(SuiteCase, RaceSettings)] = []
        for testCase in cases {
            var race = testCase.race
            if let lanes = self.options.race {
                race = race ?? RaceSettings(lanes: lanes)
                race?.lanes = lanes
            }
            guard let race else { continue }
            guard race.lanes <= self.suite.limits.concurrency else {
                throw GloveboxError(
                    .invalidArgument,
                    "'\(testCase.name)' is to run \(race.lanes) times at once, and the suite's limits allow \(self.suite.limits.concurrency) requests at once: raise 'concurrency' in suite.yaml"
                )
            }
            races.append((testCase, race))
        }
        return races
    }

    // MARK: cases

    /// Returns why cases that write weren't run, if that's so.
    private func runCases(_ cases: [SuiteCase], into report: inout TestReport) async throws -> String? {
        var items: [Item] = []
        for repetition in 1...max(1, self.options.repeats) {
            for testCase in cases { items.append(Item(index: items.count, testCase: testCase, repetition: repetition)) }
        }
        let all = items
        let frame = RunFrame(suite: self.suite, control: self.control, tools: self.tools)
        let finished = try await frame.run(RunPlan(self.suite, cases), told: self.told) { room in
            let refusal = await self.refusal(of: cases, in: room)
            return (await self.runItems(all, refusal, room), refusal)
        } outcome: { reports, _ in
            RunOutcome(reports.map(\.value))
        }
        report.run = finished.begun.run
        report.flags = finished.begun.flags
        report.endedEarly = finished.endedEarly
        report.problems = finished.problems
        report.leftovers = finished.leftovers.map(TestReport.Leftover.init)
        for item in items {
            if let done = finished.value.0[item.index] {
                report.cases.append(done)
            } else {
                self.take(
                    self.skipped(item.testCase, item.repetition, finished.endedEarly ?? "a case before it has failed"),
                    into: &report)
            }
        }
        return finished.value.1
    }

    /// Why no case may write: somebody on its way doesn't see that it's a test's.
    private func refusal(of cases: [SuiteCase], in room: RunRoom) async -> String? {
        guard !self.options.skipsPreflight, cases.contains(where: \.writes) else { return nil }
        return await Preflight.run(self.suite.cases, in: room, self.secrets).refusal
    }

    /// Only looks whether each service on the way of a request sees that it's a test's.
    /// - Throws: why there's no run.
    package func preflight() async throws -> (findings: Preflight, endedEarly: String?) {
        let cases = self.suite.cases.filter { self.options.wants($0) && !$0.writes }
        let frame = RunFrame(suite: self.suite, control: self.control, tools: self.tools)
        let finished = try await frame.run(RunPlan(self.suite, cases), told: self.told) { room in
            await Preflight.run(cases, in: room, self.secrets)
        } outcome: {
            RunOutcome(verdict: $0.refusal == nil ? .passed : .failed)
        }
        return (finished.value, finished.endedEarly)
    }

    private func skipped(_ testCase: SuiteCase, _ repetition: Int, _ why: String) -> TestCaseReport {
        TestCaseReport(
            name: testCase.name, file: testCase.file, repetition: repetition, tags: testCase.tags, outcome: .skipped,
            reason: why)
    }

    /// What has come of those that were begun, by their index.
    private func runItems(_ items: [Item], _ refusal: String?, _ room: RunRoom) async -> [Int: TestCaseReport] {
        let queue = Queue(items)
        return await withTaskGroup(of: [(Int, TestCaseReport)].self) { group in
            for _ in 0..<min(max(1, self.options.jobs), items.count) {
                group.addTask {
                    var done: [(Int, TestCaseReport)] = []
                    while !Task.isCancelled, room.endedBecause == nil, let item = queue.next() {
                        let report = await self.runItem(item, refusal, room)
                        self.told(.finished(report))
                        done.append((item.index, report))
                        if self.options.failsFast, report.outcome == .failed || report.outcome == .error {
                            queue.close()
                        }
                    }
                    return done
                }
            }
            var reports: [Int: TestCaseReport] = [:]
            for await done in group {
                for (index, report) in done { reports[index] = report }
            }
            return reports
        }
    }

    private func runItem(_ item: Item, _ refusal: String?, _ room: RunRoom) async -> TestCaseReport {
        let testCase = item.testCase
        if let refusal, testCase.writes {
            var report = self.skipped(testCase, item.repetition, "it writes, and wasn't run: \(refusal)")
            report.outcome = .error
            return report
        }
        self.told(.started(testCase))
        let reporting = CaseReporting(secrets: self.secrets, redact: self.tools.redact)
        var tries: [CaseTry.Ended] = []
        do {
            for _ in 0...testCase.retries {
                let ended = try await CaseTry(testCase: testCase, room: room, secrets: self.secrets).run()
                tries.append(ended)
                guard !ended.result.isPassed, !reporting.isError(ended.result) else { break }
            }
        } catch {
            var report = reporting.report(testCase, repetition: item.repetition, tries: tries)
            report.outcome = .error
            report.reason = "it was given up: \(room.endedBecause ?? "the run was stopped")"
            return report
        }
        return reporting.report(testCase, repetition: item.repetition, tries: tries)
    }

    // MARK: races

    private func runRace(_ testCase: SuiteCase, _ race: RaceSettings, into report: inout TestReport) async {
        let runner = RaceRunner(
            suite: self.suite, testCase: testCase, settings: race, control: self.control, tools: self.tools,
            secrets: self.secrets)
        let ended = await runner.run()
        report.problems += ended.problems
        report.leftovers += ended.leftovers.map(TestReport.Leftover.init)
        if report.endedEarly == nil { report.endedEarly = ended.endedEarly }
        self.take(ended.report, into: &report)
    }
}

extension TestReport.Leftover {
    fileprivate init(_ leftover: Leftover) {
        self.init(testCase: leftover.testCase, what: leftover.what, why: leftover.why)
    }
}

extension RunOutcome {
    init(_ reports: some Collection<TestCaseReport>) {
        let outcomes = Set(reports.map(\.outcome))
        let verdict: Verdict =
            outcomes.contains(.failed)
            ? .failed : outcomes.contains(.error) ? .error : outcomes.contains(.flaky) ? .flaky : .passed
        self.init(
            verdict: verdict, passed: reports.count { $0.outcome == .passed || $0.outcome == .flaky },
            failed: reports.count { $0.outcome == .failed || $0.outcome == .error })
    }
}
