package import Baselines
import Contracts
package import GloveboxCore
import Suites

/// Records what the primary answers to a suite's cases, and compares a candidate with it; each under a run of its own.
package struct SuiteComparing: Sendable {
    /// What came of it, and what was left behind.
    package struct Ended<Value: Sendable>: Sendable {
        package var value: Value
        package var run: String
        /// Why it was over before its time.
        package var endedEarly: String?
        package var leftovers: [Leftover]
        package var problems: [String]
    }

    private let suite: TestSuite
    private let options: SuiteRunOptions
    private let control: any RunControl
    private let tools: RunTools
    private let secrets: CaseSecrets
    private let told: @Sendable (RunEvent) -> Void

    package init(
        _ suite: TestSuite, _ options: SuiteRunOptions, _ control: any RunControl, _ tools: RunTools,
        _ secrets: CaseSecrets, told: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.suite = suite
        self.options = options
        self.control = control
        self.tools = tools
        self.secrets = secrets
        self.told = told
    }

    /// Takes what's secret, and what a mark is, out of a text.
    private var mask: TextMask {
        let (mask, redact) = (self.secrets.mask, self.tools.redact)
        return { try redact(RequestMark.masked(mask.masked($0))) }
    }

    private var cases: [SuiteCase] {
        get throws(GloveboxError) {
            let cases = self.suite.cases.filter { self.options.wants($0) }
            guard !cases.isEmpty else {
                throw GloveboxError(.invalidArgument, "no case has these tags: see 'glovebox test check'")
            }
            return cases
        }
    }

    // MARK: recording

    /// Sends each case so many times to whichever version serves users, in an order that's drawn.
    /// - Throws: `invalid_argument`, `redaction_failed`, why there's no run, and why a case came to nothing.
    package func record(
        runs: Int, expires: CalendarDay, seed: UInt64 = .random(in: .min ... .max)
    ) async throws -> Ended<[Baseline]> {
        let cases = try self.cases
        let observed = cases.map(ObservedCase.init)
        let order = RecordingOrder(caseCount: cases.count, runs: runs, seed: seed)
        let secrets = self.secrets
        let told = self.told
        let ended = try await self.frame(cases) { room -> Result<[[[ObservedAnswer]]], any Error> in
            do {
                try await self.checkWriting(cases, in: [room])
                var answers = [[[ObservedAnswer]]](repeating: [], count: observed.count)
                for place in order.cases {
                    answers[place].append(try await observed[place].answers(in: room, secrets))
                    if answers[place].count == runs {
                        told(
                            .note("\(observed[place].name): \(observed[place].endpoints.count) requests, \(runs) times")
                        )
                    }
                }
                return .success(answers)
            } catch {
                return .failure(error)
            }
        }
        let answers = try self.value(ended)
        let mask = self.mask
        let baselines = try zip(observed, answers).map { one, runs in
            try Baseline.recorded(
                caseName: one.name, endpoints: one.endpoints, runs: runs, at: self.tools.time.wall, expires: expires,
                mask: mask)
        }
        return Ended(
            value: baselines, run: ended.run, endedEarly: ended.endedEarly, leftovers: ended.leftovers,
            problems: ended.problems)
    }

    // MARK: comparing

    /// Sends each case to the primary, the primary again and the candidate, in an order that's drawn, until all is known or
    /// the budget is used.
    /// - Parameters:
    ///   - candidate: the version's name, as the edge has it.
    ///   - baselines: by the case's name; what's known of each one's noise.
    /// - Throws: `baseline_missing`, why there's no run.
    package func compare(
        with candidate: String, _ baselines: [String: Baseline], _ rules: RuleFile, _ settings: Comparison.Settings
    ) async throws -> Ended<ComparisonReport> {
        let cases = try self.cases
        let observed = cases.map(ObservedCase.init)
        var compared: [Comparison.Case] = []
        for one in observed {
            guard let baseline = baselines[one.name] else {
                throw GloveboxError(
                    .baselineMissing,
                    "there's no baseline of '\(one.name)': record one with 'glovebox baseline record'")
            }
            guard baseline.entries.map(\.endpoint) == one.endpoints else {
                throw GloveboxError(
                    .baselineMissing,
                    "'\(one.name)' has other requests than when its baseline was recorded: record it again")
            }
            compared.append(Comparison.Case(baseline, written: rules))
        }
        let all = compared
        let mask = self.mask
        let secrets = self.secrets
        let told = self.told
        let ended = try await self.frame(cases) { room -> Result<ComparisonReport, any Error> in
            let candidates = RunRoom(sharing: room, version: candidate)
            do {
                try await self.checkWriting(cases, in: [room, candidates])
            } catch {
                return .failure(error)
            }
            var reasons: Set<String> = []
            var comparison = Comparison(all, settings, mask: mask)
            var action = comparison.next()
            while case .send(let index, let side) = action {
                do {
                    let answers = try await observed[index].answers(in: side == .candidate ? candidates : room, secrets)
                    action = comparison.answered(answers)
                } catch {
                    let isOver = Task.isCancelled || room.endedBecause != nil || candidates.endedBecause != nil
                    if let reason = candidates.endedBecause { room.end(because: reason) }
                    let why = (error as? GloveboxError)?.message ?? "it was stopped"
                    if !isOver, reasons.count < 5, reasons.insert(why).inserted {
                        told(.note("\(observed[index].name) couldn't be sent to all, so that it says nothing: \(why)"))
                    }
                    action = isOver ? comparison.stop() : comparison.gaveUp()
                }
            }
            return .success(comparison.report)
        }
        return Ended(
            value: try self.value(ended), run: ended.run, endedEarly: ended.endedEarly, leftovers: ended.leftovers,
            problems: ended.problems)
    }

    /// Before a case writes, each service on the way has to see that it's a test's.
    /// - Throws: `case_may_not_write`.
    private func checkWriting(_ cases: [SuiteCase], in rooms: [RunRoom]) async throws(GloveboxError) {
        guard !self.options.skipsPreflight, cases.contains(where: \.writes) else { return }
        for room in rooms {
            guard let refusal = await Preflight.run(self.suite.cases, in: room, self.secrets).refusal else { continue }
            throw GloveboxError(
                .caseMayNotWrite,
                "cases that write aren't sent: \(refusal) (leave them out with --tag, or mend the service)")
        }
    }

    /// - Throws: why it came to nothing; what's left of the run is told before.
    private func value<Value>(_ ended: Ended<Result<Value, any Error>>) throws -> Value {
        if case .failure = ended.value {
            for problem in ended.problems { self.told(.note(problem)) }
            for left in ended.leftovers { self.told(.note("\(left.testCase): \(left.what) isn't undone: \(left.why)")) }
        }
        return try ended.value.get()
    }

    /// Marks of the primary's requests name no version: they go where ordinary ones do.
    private func frame<Value: Sendable>(
        _ cases: [SuiteCase], _ body: @escaping @Sendable (RunRoom) async -> Value
    ) async throws -> Ended<Value> {
        var suite = self.suite
        suite.version = nil
        let frame = RunFrame(suite: suite, control: self.control, tools: self.tools)
        let finished = try await frame.run(RunPlan(suite, cases), told: self.told, body) { _ in
            RunOutcome(verdict: .passed)
        }
        return Ended(
            value: finished.value, run: finished.begun.run, endedEarly: finished.endedEarly,
            leftovers: finished.leftovers, problems: finished.problems)
    }
}

extension GloveboxError.Code {
    /// There's no baseline of a case that's to be compared, or the case has changed since.
    package static let baselineMissing = Self("baseline_missing")
}
