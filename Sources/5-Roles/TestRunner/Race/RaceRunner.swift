import Contracts
import GloveboxCore
import HurlFile
import Suites
import TestReports

/// Runs one case several times at once, and says what came of it that no order of its requests comes to.
///
/// Each trial is a run of its own, so that all begin from the same state: what a run has written is undone, and nothing
/// of it is seen by another run. What can come of the requests one after another is found by trying orders, each twice:
/// all of them where there are few, some at random otherwise. An outcome at once that's among none of those is a race.
struct RaceRunner: Sendable {
    let suite: TestSuite
    let testCase: SuiteCase
    let settings: RaceSettings
    let control: any RunControl
    let tools: RunTools
    let secrets: CaseSecrets

    struct Ended: Sendable {
        var report: TestCaseReport
        var problems: [String] = []
        var leftovers: [Leftover] = []
        var endedEarly: String?
    }

    /// What there is up to now.
    private struct Progress {
        var inOrder: [TrialFacts] = []
        var atOnce: [(facts: TrialFacts, lanes: [CaseTry.Ended])] = []
        var orders: [[Int]] = []
        var allOrders = 1
        var trials = 0
        var requests = 0
        var versions: [String] = []
        var problems: [String] = []
        var leftovers: [Leftover] = []
        var endedEarly: String?
        var failure: (reason: String, attempt: TestCaseReport.Attempt?)?

        var isOver: Bool { self.endedEarly != nil || self.failure != nil }
    }

    /// As often each order is tried: the noise shows in what differs.
    private static let repeats = 2

    static func named(_ testCase: SuiteCase, _ settings: RaceSettings) -> SuiteCase {
        var named = testCase
        named.name += " [race of \(settings.lanes)]"
        return named
    }

    private var reporting: CaseReporting { CaseReporting(secrets: self.secrets, redact: self.tools.redact) }

    func run() async -> Ended {
        let start = self.tools.time.boot
        var progress = Progress()
        await self.tryOrders(&progress)
        for _ in 0..<self.settings.rounds where !progress.isOver {
            let gate = RaceGate(
                lanes: self.settings.lanes, .atOnce(isLockstep: self.settings.isLockstep))
            guard let lanes = await self.trial(gate, &progress) else { break }
            let facts = TrialFacts(order: nil, lanes: lanes.map { LaneFacts($0.result) })
            progress.atOnce.append((facts, lanes.map(\.withoutBodies)))
        }
        var judgement = RaceJudgement(inOrder: progress.inOrder, atOnce: progress.atOnce.map(\.facts))
        if !progress.isOver, !judgement.races.isEmpty {
            // Before it's said of an outcome that no order comes to it, they're asked once more.
            for order in progress.orders.prefix(self.settings.orders) where !progress.isOver {
                await self.tryOrder(LaneOrder(prefix: order), &progress)
            }
            judgement = RaceJudgement(inOrder: progress.inOrder, atOnce: progress.atOnce.map(\.facts))
        }
        let duration = start.duration(to: self.tools.time.boot)
        return Ended(
            report: self.report(progress, judgement, duration), problems: progress.problems,
            leftovers: progress.leftovers, endedEarly: progress.endedEarly)
    }

    // MARK: trials

    /// All orders, or as many as are allowed: the first is that of one lane after the other.
    private func tryOrders(_ progress: inout Progress) async {
        let requests = self.testCase.document.entries.count
        let count = LaneOrder.count(
            lanes: self.settings.lanes, requests: requests, isLockstep: self.settings.isLockstep)
        progress.allOrders = count
        var next: LaneOrder? = LaneOrder()
        var seed: UInt64 = 0
        // One at random may have been there already; that's found out when it has been tried.
        while let order = next, !progress.isOver, progress.orders.count < self.settings.orders,
            seed < UInt64(self.settings.orders)
        {
            guard let taken = await self.tryOrder(order, &progress) else { return }
            for _ in 1..<Self.repeats { await self.tryOrder(LaneOrder(prefix: taken.choices), &progress) }
            if !progress.orders.contains(taken.choices) { progress.orders.append(taken.choices) }
            if count <= self.settings.orders {
                next = taken.following.map { LaneOrder(prefix: $0) }
            } else {
                seed += 1
                next = LaneOrder(seed: seed)
            }
        }
        let isExhausted = count <= self.settings.orders && next == nil
        progress.allOrders = isExhausted ? progress.orders.count : max(count, progress.orders.count + 1)
    }

    @discardableResult
    private func tryOrder(_ order: LaneOrder, _ progress: inout Progress) async -> LaneOrder? {
        guard !progress.isOver else { return nil }
        let gate = RaceGate(
            lanes: self.settings.lanes, .inOrder(order, isLockstep: self.settings.isLockstep))
        guard let lanes = await self.trial(gate, &progress), let taken = gate.order else { return nil }
        progress.inOrder.append(TrialFacts(order: taken.choices, lanes: lanes.map { LaneFacts($0.result) }))
        return taken
    }

    /// One trial, a run of its own; nil where it came to nothing, and why is in `progress`.
    private func trial(_ gate: RaceGate, _ progress: inout Progress) async -> [CaseTry.Ended]? {
        progress.trials += 1
        let frame = RunFrame(suite: self.suite, control: self.control, tools: self.tools)
        let plan = RunPlan(self.suite, [self.testCase], trial: "\(self.testCase.name), trial \(progress.trials)")
        do {
            let finished = try await frame.run(plan) { room in
                await self.lanes(gate, room)
            } outcome: { lanes in
                RunOutcome(verdict: lanes.count == self.settings.lanes ? .passed : .error)
            }
            progress.problems += finished.problems
            progress.leftovers += finished.leftovers
            progress.endedEarly = finished.endedEarly
            for lane in finished.value {
                progress.requests += lane.requests
                for version in lane.sent.flatMap(\.versions).map({ self.reporting.shown($0) })
                where !progress.versions.contains(version) { progress.versions.append(version) }
            }
            if let bad = finished.value.first(where: { self.reporting.isError($0.result) }) {
                let attempt = self.reporting.attempt(bad, self.testCase)
                progress.failure = (attempt.failures.last?.summary ?? "a lane couldn't be judged", attempt)
            }
            guard !progress.isOver, finished.value.count == self.settings.lanes else { return nil }
            return finished.value
        } catch {
            let why = (error as? GloveboxError)?.description ?? "\(error)"
            if error is CancellationError {
                progress.endedEarly = SuiteRunner.stopped
            } else {
                progress.failure = ("a trial couldn't be begun: \(why)", nil)
            }
            return nil
        }
    }

    /// In their order; those that were given up are left out.
    private func lanes(_ gate: RaceGate, _ room: RunRoom) async -> [CaseTry.Ended] {
        await withTaskGroup(of: (Int, CaseTry.Ended?).self) { group in
            for lane in 0..<self.settings.lanes {
                group.addTask {
                    let one = CaseTry(
                        testCase: self.testCase, room: room, secrets: self.secrets,
                        gate: RaceGate.Lane(gate: gate, lane: lane))
                    let ended = try? await one.run()
                    gate.finish(lane)
                    return (lane, ended)
                }
            }
            var lanes: [Int: CaseTry.Ended] = [:]
            for await (lane, ended) in group { lanes[lane] = ended }
            return lanes.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    // MARK: report

    private func report(
        _ progress: Progress, _ judgement: RaceJudgement, _ duration: Duration
    ) -> TestCaseReport {
        let mask = self.reporting.mask(progress.atOnce.flatMap(\.lanes).flatMap(\.marks))
        let varying = RaceOutcome.varying(Array(judgement.inOrder.keys) + Array(judgement.atOnce.keys))
        func seen(_ outcomes: [RaceOutcome: Int]) -> [RaceReport.Seen] {
            outcomes.map { outcome, times in
                RaceReport.Seen(
                    outcome: outcome.lines(varying: varying).map { self.reporting.shown($0, mask) }, times: times)
            }.sorted { left, right in
                left.times == right.times
                    ? left.outcome.lexicographicallyPrecedes(right.outcome) : left.times > right.times
            }
        }
        let named = Self.named(self.testCase, self.settings)
        var report = TestCaseReport(
            name: named.name, file: named.file, tags: named.tags, outcome: .passed, seconds: duration.inSeconds,
            requests: progress.requests, versions: progress.versions)
        guard !progress.isOver else {
            report.outcome = .error
            report.reason =
                progress.failure.map { self.reporting.shown($0.reason) }
                ?? "it was given up: \(progress.endedEarly ?? "")"
            report.attempts = progress.failure?.attempt.map { [$0] } ?? []
            return report
        }
        let race = RaceReport(
            lanes: self.settings.lanes, orders: progress.orders.count, allOrders: progress.allOrders,
            rounds: progress.atOnce.count, inOrder: seen(judgement.inOrder), atOnce: seen(judgement.atOnce),
            races: seen(judgement.races),
            ignored: judgement.noise.facts.sorted().map { self.reporting.shown($0.name) })
        report.race = race
        guard !race.races.isEmpty else { return report }
        report.outcome = .failed
        let example = progress.atOnce.first { judgement.isRace($0.facts) }
        report.attempts = [
            TestCaseReport.Attempt(
                isPassed: false, seconds: duration.inSeconds, failures: [self.failure(race, example?.lanes ?? [])])
        ]
        return report
    }

    private func failure(_ race: RaceReport, _ lanes: [CaseTry.Ended]) -> Failure {
        let entries = lanes.first?.result.entries ?? []
        let entry =
            entries.first { !SuiteCase.safeMethods.contains($0.request?.method ?? "GET") } ?? entries.first
        let line = entry?.position ?? SourcePosition()
        let expected = race.inOrder.map { $0.outcome.joined(separator: "\n") }
        let sent = lanes.flatMap(\.sent)
        var versions: [String] = []
        for version in sent.flatMap(\.versions) where !versions.contains(version) { versions.append(version) }
        var seenBy: [String] = []
        for hop in sent.flatMap(\.seenBy) where !seenBy.contains(hop) { seenBy.append(hop) }
        let mask = self.reporting.mask(lanes.flatMap(\.marks))
        return Failure(
            place: "\(self.testCase.file):\(line.line):\(line.column)", path: "race",
            expected: expected.joined(separator: "\nor\n"),
            actual: race.races.first?.outcome.joined(separator: "\n"),
            request: entry?.curl.map { self.reporting.shown($0, mask) }, status: nil,
            traceID: sent.compactMap(\.traceID).joined(separator: " "),
            versions: versions.map { self.reporting.shown($0, mask) },
            seenBy: seenBy.map { self.reporting.shown($0, mask) })
    }
}
