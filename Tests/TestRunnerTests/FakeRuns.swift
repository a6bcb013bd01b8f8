import Contracts
import CurlHTTP
import GloveboxCore
import Synchronization
import TestRunner

/// A gateway's side of runs, kept in memory: everything that it's told is noted in order.
final class FakeRuns: RunControl {
    struct State {
        var plans: [RunPlan] = []
        var log: [String] = []
        var wishes: [MarkWish] = []
        var undos: [CaseUndo] = []
        var outcomes: [RunOutcome] = []
        var marks = 0
        var standing = RunStanding.running
        /// Where there is one, a run isn't begun before it gives something.
        var beginning: AsyncStream<Void>?
        var isRefusingMarks = false
        var isRefusingUndo = false
        var leftovers: [Leftover] = []
    }

    let state = Mutex(State())
    private let (notes, noted) = AsyncStream.makeStream(of: Void.self)

    private func note(_ line: String) {
        self.state.withLock { $0.log.append(line) }
        self.noted.yield()
    }

    /// Returns when this is in the log. For one that waits.
    func until(_ line: String) async {
        if self.log.contains(line) { return }
        for await _ in self.notes where self.log.contains(line) { return }
    }

    /// As a call over a network would, it fails in a task that's cancelled.
    func begin(_ plan: RunPlan) async throws -> RunBegun {
        let begun = self.state.withLock { state in
            state.plans.append(plan)
            return RunBegun(
                run: "run-\(state.plans.count)", flags: plan.flags.map { "\($0.key)=\($0.defaultVariant ?? "")" })
        }
        self.note("begin")
        if let beginning = self.state.withLock({ $0.beginning }) { for await _ in beginning { break } }
        try Task.checkCancellation()
        return begun
    }

    func marks(_ wish: MarkWish) async throws -> [String] {
        try self.state.withLock { state in
            state.wishes.append(wish)
            if state.isRefusingMarks { throw GloveboxError(.limitReached, "no more marks") }
            return (0..<wish.count).map { _ in
                state.marks += 1
                return "run-\(state.plans.count).\(state.marks)"
            }
        }
    }

    func declareUndo(_ undo: CaseUndo) async throws {
        // As long as a call takes, in which others may ask for the same.
        for _ in 0..<50 { await Task.yield() }
        try self.state.withLock { state in
            if state.isRefusingUndo { throw GloveboxError(.agentOffline, "no agent") }
            state.undos.append(undo)
        }
        self.note("undo \(undo.testCase)")
    }

    func standing() async throws -> RunStanding { self.state.withLock { $0.standing } }

    /// As a call over a network would, it fails in a task that's cancelled.
    func end(_ outcome: RunOutcome) async throws -> [Leftover] {
        try Task.checkCancellation()
        self.note("end")
        return self.state.withLock { state in
            state.outcomes.append(outcome)
            return state.leftovers
        }
    }

    var log: [String] { self.state.withLock { $0.log } }

    /// A session by curl whose requests are noted beside what the gateway is told.
    func carrier() -> any ExchangeCarrier { Noting(runs: self) }

    private struct Noting: ExchangeCarrier {
        let runs: FakeRuns
        let session = CurlSession()

        func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer] {
            self.runs.note("\(request.method) \(request.url.pathOfURL)")
            return try await self.session.exchange(request)
        }
    }
}

extension String {
    /// Behind scheme and authority.
    fileprivate var pathOfURL: String {
        String(self.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: true).last.map { "/\($0)" } ?? "/")
    }
}
