import Changes
import Contracts
import GloveboxCore
import Logging

/// Guards: each is measured by a task of its own, so that a sign that's slow holds up no other.
extension ChangeService {
    /// How often each is measured.
    private static let measuring = Duration.seconds(1)

    /// How the guards of an open set stand, in the set's order.
    func guards(of id: ChangeSetID) -> [GuardMachine] { self.open[id]?.guards ?? [] }

    /// Measures each once, before anything is changed.
    /// - Throws: `not_found` for a sign that there isn't; `guard_tripped` where one doesn't hold to begin with.
    func judged(_ guards: [GuardCondition]) async throws -> [GuardMachine] {
        for condition in guards { try self.signals.check(condition.sign) }
        let measuring = guards.map { condition in Task { await self.measured(condition.sign) } }
        var machines: [GuardMachine] = []
        for (condition, task) in zip(guards, measuring) {
            var machine = GuardMachine(condition, at: self.time.boot)
            machine.take(await task.value, at: self.time.boot)
            machines.append(machine)
        }
        for machine in machines {
            guard case .tripped(let reason) = machine.verdict else { continue }
            throw GloveboxError(
                .guardTripped,
                "guard '\(try self.masked(machine.condition.name))' doesn't hold before anything is changed: \(reason)")
        }
        return machines
    }

    /// Measures and judges for as long as the set is open, whoever it waits for meanwhile.
    func watchGuards(of id: ChangeSetID) {
        guard let open = self.open[id], open.watching.isEmpty else { return }
        self.open[id]?.watching = open.guards.enumerated().map { index, machine in
            let sign = machine.condition.sign
            return self.watch(id) { service in
                await service.judge(id, index, await service.measured(sign))
            }
        }
        if open.guards.isEmpty, open.rollout != nil {
            self.open[id]?.watching = [self.watch(id) { await $0.judge(id, nil, .success(0)) }]
        }
    }

    /// - Parameter look: says whether there's still something to look at.
    private func watch(
        _ id: ChangeSetID, _ look: @escaping @Sendable (ChangeService) async -> Bool
    ) -> Task<Void, Never> {
        Task { [weak self, time] in
            while !Task.isCancelled {
                guard let service = self, await look(service) else { return }
                guard (try? await time.sleep(until: time.boot.advanced(by: Self.measuring))) != nil else { return }
            }
        }
    }

    /// What a sign comes to now, or why to nothing.
    nonisolated private func measured(_ sign: GuardCondition.Sign) async -> Result<Double, GloveboxError> {
        do {
            return .success(try await self.signals.measure(sign))
        } catch {
            return .failure(
                (error as? GloveboxError) ?? GloveboxError(.unavailable, "it couldn't be measured", cause: error))
        }
    }

    /// Takes what was measured: a set of which a guard trips goes back, a rollout that holds goes on.
    /// - Parameter guardIndex: whose measurement it is; nil for a rollout without guards, which only time moves.
    /// - Returns: whether there's still something to look at.
    private func judge(
        _ id: ChangeSetID, _ guardIndex: Int?, _ measured: Result<Double, GloveboxError>
    ) async -> Bool {
        await self.inTurn {
            guard let open = self.open[id], [.intent, .applied].contains(open.machine.state), !Task.isCancelled else {
                return false
            }
            var guards = open.guards
            let now = self.time.boot
            if let guardIndex { guards[guardIndex].take(measured, at: now) }
            self.open[id]?.guards = guards
            // What isn't applied yet doesn't go on, and goes back all the same.
            let goesOn = open.machine.state == .applied
            var rollout = (goesOn ? open.rollout : nil) ?? RolloutMachine.whole(at: now)
            switch rollout.look(guards, at: now) {
            case .goBack(let name, let reason):
                // Names are people's words, and a reason may repeat a query of theirs.
                let (name, reason) = (
                    (try? self.masked(name)) ?? "a guard", (try? self.masked(reason)) ?? "what it saw can't be shown"
                )
                self.logger.warning(
                    "a guard has tripped, and its change goes back",
                    metadata: ["change": "\(id)", "guard": "\(name)", "reason": "\(reason)"])
                await self.goBack(id, .guardTripped(name, reason: reason))
                return false
            case .advance:
                do {
                    try await self.advance(id, to: rollout.step)
                    self.open[id]?.rollout = rollout
                } catch {
                    self.logger.error(
                        "a rollout can't go on, and is tried again",
                        metadata: ["change": "\(id)", "error": "\(String(reflecting: error))"])
                }
            case .wait, .hold: break
            case .done where guards.isEmpty && goesOn: return false
            case .done: break
            }
            return true
        }
    }

    /// The share of a rollout's step: on record, then in the store, then in force.
    private func advance(_ id: ChangeSetID, to step: Int) async throws {
        guard var machine = self.open[id]?.machine, var state = self.states[machine.set.target] else { return }
        let set = machine.set
        machine.rolledOut(step: step, at: self.time.wall)
        state.roll(id, to: machine.percent ?? 100)
        let epoch = try self.epoch(state)
        try await self.record(
            set.holder, set.target, set.lease, .changeAdvanced(id, percent: UInt64(machine.percent ?? 100)))
        machine.stored(try await self.storage.update(machine.set, leadingTo: state).version)
        self.states[set.target] = state
        self.open[id]?.machine = machine
        if self.isServed(set.target) { await self.publish(epoch) }
    }
}
