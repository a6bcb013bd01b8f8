import Changes
import Contracts
import GloveboxCore
import Logging

/// Sets that change agents' hosts. The agent makes each change and takes it back, and tells what came of it; the set goes on
/// by that. Orders are sent again until they're answered, and an agent does nothing twice.
extension ChangeService {
    /// After so long without an answer an agent is asked again.
    private static let patience = Duration.seconds(30)

    /// Goes on with a set that's to be applied, until it waits for a host or all of it is applied.
    /// - Parameter waits: whether a host whose agent is away is waited for.
    func advance(_ id: ChangeSetID, waits: Bool = false) async throws {
        while let machine = self.open[id]?.machine, case .apply(let step) = machine.next {
            guard let change = machine.hostChange(step) else {
                try await self.goOn(id)
                continue
            }
            // A set is inserted with its first step begun. As long as that's all that was stored of it, it may not be on
            // record; a gateway that's killed in between rather writes that twice than never.
            let isNew = step == 0 && machine.set.version == ChangeSet.firstVersion
            if isNew { try await self.recordApplied(machine.set) }
            try await self.begin(id, isRecorded: isNew)
            let grant = try await self.grant(change.lease)
            do {
                try self.hosts.send(self.order(.apply, machine.set, machine.steps[step].lowerBound, change, grant))
            } catch {
                guard waits else { throw error }
            }
            return
        }
    }

    /// Puts into the store that the next step begins.
    /// - Parameter isRecorded: whether the set has just come on record, which the store has to know, too.
    private func begin(_ id: ChangeSetID, isRecorded: Bool) async throws {
        guard var machine = self.open[id]?.machine else { return }
        let before = machine.set.journal.count
        _ = machine.begin(at: self.time.wall)
        guard machine.set.journal.count > before || isRecorded else { return }
        machine.stored(try await self.storage.update(machine.set, leadingTo: nil).version)
        self.open[id]?.machine = machine
    }

    private func order(
        _ verb: ChangeOrder.Verb, _ set: ChangeSet, _ number: Int, _ change: HostChange, _ grant: LeaseGrant? = nil,
        isUrgent: Bool = false
    ) -> ChangeOrder {
        var order = ChangeOrder(
            verb, set: set.id, number: number, title: set.title, change: change, grant: grant, isUrgent: isUrgent)
        let cause = ChangeMachine(set).cause
        order.cause = cause?.summary
        if case .asked(let identity)? = cause { order.by = identity }
        return order
    }

    /// Asks the host of a step to take it back; its answer ends the step.
    func undoOnHost(_ id: ChangeSetID, _ step: Int, _ change: HostChange, isUrgent: Bool) async {
        guard var machine = self.open[id]?.machine else { return }
        let attempts = machine.failedAttempts
        _ = machine.begin(at: self.time.wall)
        self.open[id]?.machine = machine
        do {
            // First: what's leased doesn't stay because the store can't be written.
            try self.hosts.send(
                self.order(.undo, machine.set, machine.steps[step].lowerBound, change, isUrgent: isUrgent))
            let wait = attempts > 0 ? ChangeMachine.delay(after: attempts + 1) : Self.patience
            self.open[id]?.due = self.time.boot.advanced(by: max(wait, Self.patience))
            try await self.store(id)
        } catch let error as GloveboxError where isUrgent && error.code == .unknownTarget {
            await self.giveUp(id, step)
        } catch {
            await self.undoFailed(id, error)
        }
    }

    /// Nobody serves its host any more, nor might: a person who takes it back says that what's left there is theirs.
    private func giveUp(_ id: ChangeSetID, _ step: Int) async {
        guard var machine = self.open[id]?.machine else { return }
        machine.undone(
            step: step, conflicts: [ChangeConflict(change: machine.steps[step].lowerBound, by: nil)], at: self.time.wall
        )
        self.open[id]?.machine = machine
        self.open[id]?.due = nil
        self.logger.warning(
            "a change goes back without its host, which no agent serves any more", metadata: ["change": "\(id)"])
        await self.finishUndo(id, isUrgent: true)
    }

    /// Stores an open set as it is.
    private func store(_ id: ChangeSetID) async throws {
        guard var machine = self.open[id]?.machine else { return }
        if let stored = try await self.storage.changeSet(id) { machine.stored(stored.version) }
        machine.stored(try await self.storage.update(machine.set, leadingTo: nil).version)
        self.open[id]?.machine = machine
    }

    // MARK: What hosts say

    func take(_ news: HostLines.News) async {
        switch news {
        case .report(let report): await self.take(report)
        case .joined: await self.askAgain()
        }
    }

    /// An agent is back: whatever hosts are waited for is asked for again.
    private func askAgain() async {
        for (id, open) in self.open {
            switch open.machine.next {
            case .apply(let step) where open.machine.hostChange(step) != nil:
                do {
                    try await self.advance(id, waits: true)
                } catch {
                    await self.fail(id, error)
                }
            case .undo(let step, _) where open.machine.hostChange(step) != nil: await self.tryUndo(id)
            case .apply, .undo, .wait, .none: break
            }
        }
    }

    private func take(_ report: ChangeReport) async {
        guard let machine = self.open[report.set]?.machine else { return await self.takeOver(report) }
        guard let step = machine.steps.firstIndex(where: { $0.contains(report.number) }),
            let change = machine.hostChange(step), change.target == report.target
        else { return }
        switch report.state {
        case .intent, .undoing: break
        case .applied:
            if let failure = report.failure, self.open[report.set]?.keeping != nil {
                await self.refuseKeeping(report.set, failure)
            } else if machine.next == .apply(step: step) {
                await self.applied(report.set, step)
            } else if case .undo(step, _) = machine.next {
                await self.undoOnHost(report.set, step, change, isUrgent: false)
            }
        case .kept: await self.confirmKept(report.set, step)
        case .stuck:
            let failure = report.failure?.error ?? GloveboxError(.unavailable, "its host couldn't take it back")
            if machine.cause == nil {
                // What wasn't applied yet goes back because it couldn't be, and not for its time.
                let cause: UndoCause =
                    machine.next == .apply(step: step)
                    ? .failed(code: failure.code.rawValue, message: failure.message) : Self.cause(report)
                await self.goBack(report.set, cause, tries: false)
            }
            guard case .undo(step, _)? = self.open[report.set]?.machine.next else { return }
            await self.undoFailed(report.set, failure)
        case .undone:
            if machine.cause == nil { await self.goBack(report.set, Self.cause(report), tries: false) }
            guard var machine = self.open[report.set]?.machine else { return }
            guard case .undo(step, _) = machine.next else {
                // Its turn comes, and then it's asked again.
                return await self.tryUndo(report.set)
            }
            _ = machine.begin(at: self.time.wall)
            var conflict = report.conflict
            if machine.hasApplied(step), report.failure?.code == GloveboxError.Code.notFound.rawValue {
                // Its agent has lost what it had written down, and with it what would undo it.
                conflict = ChangeConflict(change: report.number, by: nil)
                self.logger.critical(
                    "an agent knows nothing of a change that it has made: undo it by hand",
                    metadata: ["change": "\(report.set)", "target": "\(report.target)"])
            }
            machine.undone(step: step, conflicts: conflict.map { [$0] } ?? [], at: self.time.wall)
            self.open[report.set]?.machine = machine
            self.open[report.set]?.due = nil
            await self.finishUndo(report.set)
        }
    }

    private static func cause(_ report: ChangeReport) -> UndoCause {
        if let failure = report.failure, report.state == .undone {
            return .failed(code: failure.code, message: failure.message)
        }
        return .leaseEnded(.expired)
    }

    private func applied(_ id: ChangeSetID, _ step: Int) async {
        guard var machine = self.open[id]?.machine else { return }
        machine.applied(step: step, at: self.time.wall)
        self.open[id]?.machine = machine
        do {
            try await self.store(id)
            try await self.advance(id)
        } catch {
            return await self.fail(id, error)
        }
        // It may have ended while hosts were at work.
        for lease in machine.set.leases {
            if let reason = await self.ending(lease) { return await self.goBack(id, .leaseEnded(reason)) }
        }
    }

    private func fail(_ id: ChangeSetID, _ error: any Error) async {
        let cause = (error as? GloveboxError) ?? GloveboxError(.internal, "it couldn't be applied", cause: error)
        await self.goBack(id, .failed(code: cause.code.rawValue, message: cause.message))
    }

    /// A step is back: the store learns it, and the next goes back; after the last the set is over.
    private func finishUndo(_ id: ChangeSetID, isUrgent: Bool = false) async {
        guard let machine = self.open[id]?.machine else { return }
        do {
            try await self.store(id)
        } catch {
            self.logger.error("a change that has gone back can't be stored", metadata: ["error": "\(error)"])
        }
        guard machine.state == .undone else { return await self.tryUndo(id, isUrgent: isUrgent) }
        self.forget(id)
        self.settle(machine.set)
        await self.tellUndone(machine, machine.set.conflicts)
    }

    /// Of a set that's over, or that this gateway knows nothing of.
    private func takeOver(_ report: ChangeReport) async {
        // It says so again when it's back; an order is answered with a report, so that one for each would never end.
        guard ![.undoing, .stuck].contains(report.state) else { return }
        let set: ChangeSet?
        do {
            set = try await self.storage.changeSet(report.set)
        } catch {
            return
        }
        guard let set, set.changes.indices.contains(report.number),
            case .host(let change) = set.changes[report.number]
        else {
            // It was made by a gateway whose store is lost: nothing knows of it that could keep it.
            return await self.dropUnknown(report)
        }
        let isOver = set.state == .undone ? report.state == .undone : [.kept, .undone].contains(report.state)
        try? self.hosts.send(self.order(isOver ? .settle : .undo, set, report.number, change))
    }

    private func dropUnknown(_ report: ChangeReport) async {
        let isOver = report.state == .undone
        var order = ChangeOrder(
            isOver ? .settle : .undo, set: report.set, number: report.number, title: "",
            change: HostChange(
                target: report.target, lease: .random(), action: .runbook(name: "unknown", parameters: [:])))
        order.cause = "the gateway knows nothing of it"
        try? self.hosts.send(order)
        guard !isOver else { return }
        self.logger.warning(
            "an agent holds a change that this gateway knows nothing of: it goes back",
            metadata: ["change": "\(report.set)", "target": "\(report.target)"])
    }

    func settle(_ set: ChangeSet) {
        for (number, change) in set.changes.enumerated() {
            guard case .host(let change) = change else { continue }
            // One that's away says again that it has it, and is answered then.
            try? self.hosts.send(self.order(.settle, set, number, change))
        }
    }

    // MARK: Keeping

    /// Asks the hosts of a set to keep it; it's kept once all of them have said so.
    func beginKeeping(_ id: ChangeSetID, _ machine: ChangeMachine, by identity: IdentityName) throws {
        self.open[id]?.keeping = Keeping(by: identity, confirmed: [])
        do {
            for step in machine.steps.indices {
                guard let change = machine.hostChange(step) else { continue }
                try self.hosts.send(self.order(.keep, machine.set, machine.steps[step].lowerBound, change))
            }
        } catch {
            self.letGo(id)
            throw error
        }
    }

    /// It isn't kept after all: hosts that said they would have it go back with the others, also where they're cut off then.
    private func letGo(_ id: ChangeSetID) {
        self.open[id]?.keeping = nil
        guard let set = self.open[id]?.machine.set else { return }
        for (number, change) in set.changes.enumerated() {
            guard case .host(let change) = change else { continue }
            // One that's away says that it keeps it when it's back, and is told then.
            try? self.hosts.send(self.order(.apply, set, number, change))
        }
    }

    /// One of its hosts won't: those that said they would have it go back with the others.
    private func refuseKeeping(_ id: ChangeSetID, _ failure: GloveboxFailure) async {
        guard let keeping = self.open[id]?.keeping, let set = self.open[id]?.machine.set else { return }
        self.letGo(id)
        try? await self.record(
            keeping.by, set.target, set.lease, .changeRefused(code: failure.code, message: failure.message))
        self.logger.warning(
            "a host doesn't keep a change", metadata: ["change": "\(id)", "reason": "\(failure.message)"])
    }

    private func confirmKept(_ id: ChangeSetID, _ step: Int) async {
        guard let machine = self.open[id]?.machine else { return }
        guard var keeping = self.open[id]?.keeping else {
            // Nobody keeps it any more, as after a restart in between.
            if machine.state == .applied { self.letGo(id) }
            return
        }
        keeping.confirmed.insert(step)
        self.open[id]?.keeping = keeping
        let hosts = machine.steps.indices.filter { machine.hostChange($0) != nil }
        guard keeping.confirmed.isSuperset(of: hosts) else { return }
        do {
            let set = try await self.kept(id, by: keeping.by)
            self.settle(set)
        } catch {
            self.letGo(id)
            self.logger.error("a change can't be kept", metadata: ["change": "\(id)", "error": "\(error)"])
        }
    }
}
