import Contracts
import GloveboxCore

/// Begins a run, watches it while something is done under it, and ends it however that goes.
struct RunFrame: Sendable {
    struct Finished<Value: Sendable>: Sendable {
        var value: Value
        var begun: RunBegun
        /// Why it was over before its time.
        var endedEarly: String?
        var leftovers: [Leftover]
        var problems: [String]
    }

    let suite: TestSuite
    let control: any RunControl
    let tools: RunTools

    /// - Parameters:
    ///   - body: is cancelled when the run is over before its time; what it returns then is what it came to.
    ///   - outcome: what the gateway is told of it.
    /// - Throws: why there's no run.
    func run<Value: Sendable>(
        _ plan: RunPlan, told: @escaping @Sendable (RunEvent) -> Void = { _ in },
        _ body: @escaping @Sendable (RunRoom) async -> Value, outcome: (Value) -> RunOutcome
    ) async throws -> Finished<Value> {
        try Task.checkCancellation()
        let begun = try await self.begin(plan)
        told(.begun(begun))
        let room = RunRoom(self.suite, self.control, self.tools, begun)
        let value = await self.watched(room, body)
        if Task.isCancelled { room.end(because: SuiteRunner.stopped) }
        var ending = value.map(outcome) ?? RunOutcome(verdict: .error)
        ending.endedEarly = room.endedBecause
        if room.endedBecause != nil, ending.verdict == .passed || ending.verdict == .flaky { ending.verdict = .error }
        var leftovers: [Leftover] = []
        var problems: [String] = []
        do {
            leftovers = try await self.end(ending)
        } catch {
            let why = (error as? GloveboxError)?.description ?? "\(error)"
            problems.append("run \(begun.run) couldn't be ended, so that its undo is left to the gateway: \(why)")
        }
        guard let value else { throw GloveboxError(.internal, "the run came to nothing") }
        return Finished(
            value: value, begun: begun, endedEarly: room.endedBecause, leftovers: leftovers, problems: problems)
    }

    /// In a task of its own, so that no run is left half begun: one that's cancelled meanwhile is ended right away.
    private func begin(_ plan: RunPlan) async throws -> RunBegun {
        let control = self.control
        return try await Task { try await control.begin(plan) }.value
    }

    /// In a task of its own, since a run that's cancelled has to be ended all the same.
    private func end(_ outcome: RunOutcome) async throws -> [Leftover] {
        let control = self.control
        return try await Task { try await control.end(outcome) }.value
    }

    /// Always what the body returned.
    private func watched<Value: Sendable>(
        _ room: RunRoom, _ body: @escaping @Sendable (RunRoom) async -> Value
    ) async -> Value? {
        await withTaskGroup(of: Value?.self, returning: Value?.self) { group in
            group.addTask { await body(room) }
            group.addTask {
                await self.watch(room)
                return nil
            }
            var value: Value?
            for await one in group {
                group.cancelAll()
                if let one { value = one }
            }
            return value
        }
    }

    /// Returns when the run is over, or nobody wants to know any more.
    private func watch(_ room: RunRoom) async {
        let time = self.tools.time
        let limit = min(self.suite.limits.duration, room.begun.lasts ?? self.suite.limits.duration)
        let end = time.boot.advanced(by: limit)
        while !Task.isCancelled {
            let next = min(end, time.boot.advanced(by: .seconds(1)))
            guard (try? await time.sleep(until: next)) != nil else { return }
            if time.boot >= end { return room.end(because: "its time, \(limit.written), is over") }
            // A gateway that can't be asked for a moment is no reason: without marks nothing goes on anyway.
            if case .ended(let reason)? = try? await self.control.standing() { return room.end(because: reason) }
        }
    }
}

extension RunPlan {
    init(_ suite: TestSuite, _ cases: [SuiteCase], trial: String? = nil) {
        self.init(
            title: suite.title, edge: suite.edge, routes: suite.routes, version: suite.version, flags: suite.flags,
            guards: suite.guards, limits: suite.limits,
            methods: cases.reduce(into: []) { $0.formUnion($1.methods) },
            cases: cases.map { Case(name: $0.name, writes: $0.writes, undo: $0.undo) }, trial: trial)
    }
}
