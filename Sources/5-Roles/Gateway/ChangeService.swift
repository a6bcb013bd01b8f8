import Changes
import Contracts
import FlagRules
import GloveboxCore
import Logging
import Redaction
import ServiceLifecycle

/// Applies sets of changes, keeps them, and takes them back: one step at a time, each in the store before it counts. What
/// goes back does so in memory first, so that it goes back while nothing can be written, too.
actor ChangeService: Service {
    /// A set that's neither kept nor undone.
    struct Open {
        var machine: ChangeMachine
        /// What had changed since, as it was found when the flags went back; the store may not have got it yet.
        var conflicts: [ChangeConflict]?
        /// When its undo is tried again.
        var due: BootInstant?
        /// What it may stay under, in the set's order.
        var guards: [GuardMachine] = []
        var rollout: RolloutMachine?
        /// Measure for them until it's over, one for each guard.
        var watching: [Task<Void, Never>] = []
        /// Somebody keeps it, and its hosts haven't all said that they do.
        var keeping: Keeping?
    }

    struct Keeping {
        var by: IdentityName
        /// Steps whose hosts keep it.
        var confirmed: Set<Int>
    }

    /// How often those who wait for flags get a sign of life.
    private static let look = Duration.seconds(15)
    /// How often edges do, which take no test's mark soon after they've lost their gateway.
    private static let edgeLook = Duration.seconds(3)
    /// How many sets may be open at once.
    private static let mostOpen = 1000

    let house: FlagHouse
    let storage: any Storage
    private let log: any RecordLog
    let time: any TimeSource
    let hosts: HostLines
    private let detectors: Detectors
    let signals: any GuardMeasuring
    private let alarms: ChangeAlarms
    let logger: Logger
    /// What a lease that's active allows.
    let grant: @Sendable (LeaseID) async throws -> LeaseGrant
    /// Whether a lease is active, and if not, why.
    let ending: @Sendable (LeaseID) async -> LeaseEnd?
    /// When leases end that are active.
    private let expiries: @Sendable (Set<LeaseID>) async -> [LeaseID: LeaseExpiry]
    var states: [TargetName: FlagState] = [:]
    var open: [ChangeSetID: Open] = [:]
    /// Test runs that somebody attends to, or has to.
    var attended: [ChangeSetID: Attendance] = [:]
    /// Newest last, as they were planned.
    private var order: [ChangeSetID] = []
    private let endings: LeaseEndings
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(
        house: FlagHouse, storage: any Storage, log: any RecordLog, time: any TimeSource, detectors: Detectors,
        signals: any GuardMeasuring, endings: LeaseEndings, ending: @escaping @Sendable (LeaseID) async -> LeaseEnd?,
        expiries: @escaping @Sendable (Set<LeaseID>) async -> [LeaseID: LeaseExpiry] = { _ in [:] },
        grant: @escaping @Sendable (LeaseID) async throws -> LeaseGrant = { _ in throw ChangeService.noHosts },
        hosts: HostLines? = nil, alarms: ChangeAlarms = ChangeAlarms { _ in }, logger: Logger
    ) {
        self.house = house
        self.storage = storage
        self.log = log
        self.time = time
        self.detectors = detectors
        self.signals = signals
        self.ending = ending
        self.expiries = expiries
        self.alarms = alarms
        self.logger = logger
        self.endings = endings
        self.grant = grant
        self.hosts = hosts ?? HostLines(alarm: endings.alarm) { _ in throw Self.noHosts }
    }

    static var noHosts: GloveboxError { GloveboxError(.agentOffline, "no agent is connected that changes a host") }

    // MARK: Life

    /// Finds the flags and the sets that are open, and goes on with these; to be called before anything is served, and
    /// after the leases were found.
    /// - Throws: `not_found` where a target's flags are neither in the store nor in a file.
    func resume(_ served: [FlagTarget]) async throws {
        for target in served {
            var state = try await self.storage.flags(of: target.name)
            if state == nil {
                if let missing = target.missingSeed { throw missing }
                let seeded = FlagState(target: target.name, base: target.seed)
                try await self.storage.put(seeded)
                state = seeded
            }
            if let state { self.states[target.name] = state }
        }
        for set in try await self.storage.changeSets(ChangeFilter(openOnly: true)).reversed() {
            if self.states[set.target] == nil, set.changesFlags {
                // It's served no more, and what's leased goes back all the same.
                self.states[set.target] = try await self.storage.flags(of: set.target) ?? FlagState(target: set.target)
            }
            let machine = ChangeMachine(set)
            // What was measured before is of no use now; nobody looked meanwhile.
            self.open[set.id] = Open(
                machine: machine, guards: set.guards.map { GuardMachine($0, at: self.time.boot) },
                rollout: set.rollout.map {
                    RolloutMachine($0, step: machine.rolloutStep, at: self.time.boot)
                })
            self.order.append(set.id)
            self.attend(set)
        }
        for target in served { try await self.publish(target.name) }
        for id in self.order {
            guard let set = self.open[id]?.machine.set else { continue }
            if [.intent, .applied].contains(set.state), let reason = await self.ending(of: set) {
                await self.goBack(id, .leaseEnded(reason), tries: false)
                await self.undoOnceAgentsAreThere(id)
            } else {
                switch set.state {
                case .intent: try await self.advance(id, waits: true)
                case .undoing, .stuck: await self.undoOnceAgentsAreThere(id)
                case .applied, .kept, .undone: break
                }
            }
        }
    }

    func run() async throws {
        for id in self.order { self.watchGuards(of: id) }
        await cancelWhenGracefulShutdown { await self.watch() }
        for task in self.open.values.flatMap(\.watching) { task.cancel() }
        await self.signals.close()
        self.house.close()
    }

    private func watch() async {
        var reminding = self.time.boot.advanced(by: Self.look)
        var remindingEdges = self.time.boot.advanced(by: Self.edgeLook)
        while !Task.isCancelled {
            await self.inTurn {
                for news in self.hosts.take() { await self.take(news) }
                for (lease, reason) in self.endings.take() { await self.goBack(allUnder: lease, .leaseEnded(reason)) }
                await self.revise(self.endings.takeMoved())
                let now = self.time.boot
                for (id, open) in self.open where open.due.map({ $0 <= now }) ?? false { await self.tryUndo(id) }
                await self.leaveUnattended()
            }
            if self.time.boot >= reminding {
                self.house.remind()
                reminding = self.time.boot.advanced(by: Self.look)
            }
            if self.time.boot >= remindingEdges {
                self.house.remindEdges()
                remindingEdges = self.time.boot.advanced(by: Self.edgeLook)
            }
            let due = self.open.values.compactMap(\.due) + self.attended.values.map(\.due)
            let next = self.house.hasEdges ? min(reminding, remindingEdges) : reminding
            await self.endings.alarm.wait(until: due.min().map { min($0, next) } ?? next)
        }
    }

    // MARK: Steps that people ask for

    /// Applies `edits` as one set. The lease was looked at by the caller; it's looked at again once all is in force.
    /// - Parameter scope: who sees it; `nil` for everyone.
    /// - Throws: `unknown_target`, `flags_invalid`, `not_found` for a flag or a signal that isn't there, `limit_reached`,
    ///   `guard_tripped` where a guard doesn't hold to begin with.
    func apply(
        _ edits: [FlagChangePlan], guards: [GuardCondition] = [], rollout: Rollout? = nil, title: String,
        for scope: FlagScope? = nil, under grant: LeaseGrant
    ) async throws -> ChangeSet {
        try await self.apply(
            edits.map(ChangePlan.flag), guards: guards, rollout: rollout, title: title, for: scope, under: grant)
    }

    /// The same with changes on hosts, each under a lease of its own. A set that has any is applied once it says so: what
    /// hosts do takes its time.
    func apply(
        _ edits: [ChangePlan], guards: [GuardCondition] = [], rollout: Rollout? = nil, title: String,
        for scope: FlagScope? = nil, under grant: LeaseGrant
    ) async throws -> ChangeSet {
        do {
            let machines = try await self.judged(guards)
            return try await self.inTurn {
                return try await self.applied(edits, machines, rollout, title: title, for: scope, under: grant)
            }
        } catch let error as GloveboxError {
            try? await self.record(
                grant.holder, grant.target, grant.lease,
                .changeRefused(code: error.code.rawValue, message: error.message))
            throw error
        }
    }

    private func applied(
        _ edits: [ChangePlan], _ guards: [GuardMachine], _ rollout: Rollout?, title: String,
        for scope: FlagScope?, under grant: LeaseGrant
    ) async throws -> ChangeSet {
        guard self.open.count < Self.mostOpen else {
            throw GloveboxError(
                .limitReached, "\(Self.mostOpen) changes are open at this gateway: keep or undo some first")
        }
        let id = ChangeSetID.random()
        let changes = try self.changes(edits, id, grant.target, scope)
        guard rollout == nil || changes.allSatisfy(\.isFlag) else {
            throw GloveboxError(
                .invalidArgument,
                "rollout: only flags change for a share after the other; put hosts into a set of their own")
        }
        let title = try self.masked(title)
        let set = ChangeSet(
            id: id, title: title, holder: grant.holder, lease: grant.lease, target: grant.target,
            changes: changes, guards: guards.map(\.condition), rollout: rollout, scope: scope,
            plannedAt: self.time.wall)
        try set.checkShares()
        var machine = ChangeMachine(set)
        _ = machine.begin(at: self.time.wall)
        try await self.storage.insert(machine.set)
        self.open[set.id] = Open(
            machine: machine, guards: guards,
            rollout: rollout.map { RolloutMachine($0, step: 0, at: self.time.boot) })
        self.order.append(set.id)
        do {
            try await self.advance(set.id)
        } catch {
            let cause = (error as? GloveboxError) ?? GloveboxError(.internal, "it couldn't be applied", cause: error)
            await self.goBack(set.id, .failed(code: cause.code.rawValue, message: cause.message))
            throw cause
        }
        if let reason = await self.ending(of: set) {
            // It ended meanwhile, and nobody may have known of this set then.
            await self.goBack(set.id, .leaseEnded(reason))
            throw GloveboxError(
                .leaseNotActive, "lease \(grant.lease) ended (\(reason.rawValue)) while change \(set.id) was applied")
        }
        self.watchGuards(of: set.id)
        self.attend(set)
        self.endings.alarm.ring()
        return try await self.changeSet(set.id)
    }

    /// - Throws: `unknown_target`, `flags_invalid`, `not_found`, `invalid_argument`.
    private func changes(
        _ edits: [ChangePlan], _ id: ChangeSetID, _ target: TargetName, _ scope: FlagScope?
    ) throws -> [Change] {
        var changes: [Change] = []
        var effective: [String: String]?
        for edit in edits {
            switch edit {
            case .host(let change):
                guard scope == nil else {
                    throw GloveboxError(.invalidArgument, "scope: only flags can be for some alone")
                }
                changes.append(.host(change))
            case .flag, .testRun:
                let edit = try edit.flagPlan(in: id)
                if effective == nil {
                    guard let state = self.states[target], self.isServed(target) else {
                        throw GloveboxError(
                            .unknownTarget, "the target '\(target)' has no flags: take a lease on one that has")
                    }
                    effective = state.effective(for: scope)
                }
                changes.append(.flag(try edit.change(of: effective?[edit.key])))
            }
        }
        let epochs =
            zip(changes, changes.dropFirst()).count { $0.isFlag && !$1.isFlag } + (changes.last?.isFlag == true ? 1 : 0)
        guard epochs <= 1 else {
            throw GloveboxError(
                .invalidArgument, "changes: a set's flags are seen at one moment, so write them one after the other")
        }
        return changes
    }

    /// Why a set ends now, if it does.
    private func ending(of set: ChangeSet) async -> LeaseEnd? {
        for lease in set.leases.sorted(by: { $0.rawValue < $1.rawValue }) {
            if let reason = await self.ending(lease) { return reason }
        }
        return nil
    }

    func recordApplied(_ set: ChangeSet) async throws {
        try await self.record(
            set.holder, set.target, set.lease,
            .changeApplied(set.id, title: set.title, changes: set.summaries))
    }

    /// Does the next step of a set that's to be applied: on record, then in the store, then in force.
    /// - Throws: also where there's no such step; whoever comes here until it's done would come for ever.
    func goOn(_ id: ChangeSetID) async throws {
        guard var machine = self.open[id]?.machine, case .apply(let step) = machine.next,
            var state = self.states[machine.set.target]
        else {
            throw GloveboxError(
                .internal, "change \(id) can't go on, since its flags aren't there: undo it, and apply it again")
        }
        let set = machine.set
        if step == 0 { try await self.recordApplied(set) }
        _ = machine.begin(at: self.time.wall)
        state.apply(set, machine.steps[step], percent: set.rollout?.steps.first?.percent)
        let epoch = try self.epoch(state)
        machine.applied(step: step, at: self.time.wall)
        machine.stored(try await self.storage.update(machine.set, leadingTo: state).version)
        self.states[set.target] = state
        self.open[id]?.machine = machine
        if self.isServed(set.target) { await self.publish(epoch) }
    }

    /// Lets a set outlive its lease. Whether somebody may is the caller's affair.
    /// - Throws: `change_not_open`.
    func keep(_ id: ChangeSetID, by identity: IdentityName) async throws -> ChangeSet {
        try await self.inTurn {
            guard var machine = self.open[id]?.machine else {
                return try await self.closed(id) { machine throws(GloveboxError) in
                    try machine.keep(by: identity, at: self.time.wall)
                }
            }
            guard !machine.set.isTestRun else {
                throw GloveboxError(
                    .invalidArgument, "change \(id) is a test run, which ends with its lease: it can't be kept")
            }
            if let scope = machine.set.scope, machine.state == .applied {
                throw GloveboxError(
                    .invalidArgument, "change \(id) is for \(scope) alone: apply it for everyone to keep it")
            }
            let applied = machine
            try self.states[machine.set.target]?.checkKeeping(id)
            try machine.keep(by: identity, at: self.time.wall)
            guard machine.steps.indices.contains(where: { machine.hostChange($0) != nil }) else {
                return try await self.kept(id, by: identity)
            }
            try self.beginKeeping(id, applied, by: identity)
            return applied.set
        }
    }

    func kept(_ id: ChangeSetID, by identity: IdentityName) async throws -> ChangeSet {
        guard var machine = self.open[id]?.machine else { return try await self.changeSet(id) }
        try machine.keep(by: identity, at: self.time.wall)
        let set = machine.set
        var state = set.changesFlags ? self.states[set.target] : nil
        state?.keep(id)
        let epoch = try state.map { try self.epoch($0) }
        try await self.record(set.holder, set.target, set.lease, .changeKept(id, by: identity))
        let stored = try await self.storage.update(set, leadingTo: state)
        self.forget(id)
        if let state, let epoch {
            self.states[set.target] = state
            if self.isServed(set.target) { await self.publish(epoch) }
        }
        return stored
    }

    /// Takes a set back now; one that's stuck is tried at once.
    /// - Throws: `change_not_open`.
    func undo(_ id: ChangeSetID, by identity: IdentityName) async throws -> ChangeSet {
        try await self.inTurn {
            guard self.open[id] != nil else {
                return try await self.closed(id) { machine throws(GloveboxError) in
                    _ = try machine.undo(.asked(by: identity), at: self.time.wall)
                }
            }
            await self.goBack(id, .asked(by: identity), isUrgent: true)
            return try await self.changeSet(id)
        }
    }

    /// Says why nothing can be done to a set that's over.
    private func closed(
        _ id: ChangeSetID, _ step: (inout ChangeMachine) throws(GloveboxError) -> Void
    ) async throws -> ChangeSet {
        var machine = ChangeMachine(try await self.changeSet(id))
        try step(&machine)
        return machine.set
    }

    // MARK: Going back

    private func goBack(allUnder lease: LeaseID, _ cause: UndoCause) async {
        for id in self.order.reversed() where self.open[id]?.machine.set.leases.contains(lease) == true {
            await self.goBack(id, cause)
        }
    }

    /// - Parameter tries: whether to begin with it, too.
    func goBack(_ id: ChangeSetID, _ cause: UndoCause, isUrgent: Bool = false, tries: Bool = true) async {
        guard var machine = self.open[id]?.machine else { return }
        for run in self.runs(deprivedBy: machine.set) {
            await self.goBack(run, .told("change \(id), which takes back what it writes, goes back"))
        }
        _ = try? machine.undo(cause, at: self.time.wall)
        self.open[id]?.machine = machine
        self.open[id]?.keeping = nil
        if tries { await self.tryUndo(id, isUrgent: isUrgent) }
    }

    /// So long after its start a gateway waits for agents before one that isn't there is an alarm.
    private static let patience = Duration.seconds(15)

    /// At a start: flags go back at once, hosts when their agents have joined.
    private func undoOnceAgentsAreThere(_ id: ChangeSetID) async {
        guard let machine = self.open[id]?.machine, case .undo(let step, _) = machine.next,
            machine.hostChange(step) != nil
        else { return await self.tryUndo(id) }
        self.open[id]?.due = self.time.boot.advanced(by: Self.patience)
    }

    func tryUndo(_ id: ChangeSetID, isUrgent: Bool = false) async {
        guard let open = self.open[id] else { return }
        if case .undo(let step, _) = open.machine.next, let change = open.machine.hostChange(step) {
            return await self.undoOnHost(id, step, change, isUrgent: isUrgent)
        }
        guard var state = self.states[open.machine.set.target] else { return }
        let conflicts = open.conflicts ?? state.conflicts(of: id)
        self.open[id]?.conflicts = conflicts
        self.open[id]?.due = nil
        _ = state.undo(id)
        var machine = open.machine
        let set = machine.set
        do {
            if state != self.states[set.target] {
                // In force before it's written: what's leased doesn't stay because a disk is full.
                let epoch = try self.epoch(state)
                self.states[set.target] = state
                if self.isServed(set.target) { await self.publish(epoch) }
            }
            while case .undo(let step, _) = machine.next, machine.hostChange(step) == nil {
                _ = machine.begin(at: self.time.wall)
                machine.undone(step: step, conflicts: conflicts, at: self.time.wall)
            }
            if open.machine.failedAttempts > 0, let stored = try await self.storage.changeSet(id) {
                // What failed may have been written all the same.
                machine.stored(stored.version)
            }
            machine.stored(try await self.storage.update(machine.set, leadingTo: state).version)
            guard machine.state == .undone else {
                self.open[id]?.machine = machine
                return await self.tryUndo(id, isUrgent: isUrgent)
            }
            self.forget(id)
            self.settle(machine.set)
            await self.tellUndone(machine, conflicts)
        } catch {
            await self.undoFailed(id, error)
        }
    }

    func undoFailed(_ id: ChangeSetID, _ error: any Error) async {
        guard var machine = self.open[id]?.machine, case .undo(let step, _) = machine.begin(at: self.time.wall) else {
            return
        }
        let failure = (error as? GloveboxError) ?? GloveboxError(.internal, "it couldn't be undone", cause: error)
        machine.undoFailed(step: step, failure, at: self.time.wall)
        let set = machine.set
        self.open[id]?.machine = machine
        if case .undo(_, let after) = machine.next { self.open[id]?.due = self.time.boot.advanced(by: after) }
        self.endings.alarm.ring()
        self.logger.critical(
            "a change can't be undone, and is tried again",
            metadata: [
                "change": "\(id)", "attempts": "\(machine.failedAttempts)",
                "error": "\(String(reflecting: error))",
            ])
        guard machine.failedAttempts == 1 else { return }
        self.alarms.stuck(set, failure, at: self.time.wall)
        try? await self.record(
            set.holder, set.target, set.lease,
            .changeStuck(id, attempts: 1, code: failure.code.rawValue, message: failure.message))
    }

    func tellUndone(_ machine: ChangeMachine, _ conflicts: [ChangeConflict]) async {
        let set = machine.set
        let told = conflicts.map { conflict in
            let who = conflict.by.map { "by \($0)" } ?? "without Glovebox"
            return "\(set.changes[conflict.change].title) was changed since \(who), and stays so"
        }
        var by: IdentityName?
        if case .asked(let identity) = machine.cause { by = identity }
        try? await self.record(
            set.holder, set.target, set.lease,
            .changeUndone(set.id, cause: machine.cause?.summary ?? "", by: by, conflicts: told))
        self.alarms.undone(set, cause: machine.cause?.summary ?? "it was undone", at: self.time.wall)
        self.logger.notice(
            "a change has gone back", metadata: ["change": "\(set.id)", "cause": "\(machine.cause?.summary ?? "")"])
    }

    // MARK: What's shown

    /// - Throws: `not_found`.
    func changeSet(_ id: ChangeSetID) async throws -> ChangeSet {
        if let open = self.open[id] { return open.machine.set }
        guard let set = try await self.storage.changeSet(id) else {
            throw GloveboxError(.notFound, "there is no change '\(id)' that you may see")
        }
        return set
    }

    /// Those that may go back, newest first, which is the order in which they do.
    var openSets: [ChangeSet] { self.order.reversed().compactMap { self.open[$0]?.machine.set } }

    /// What would be left as it is if `sets` went back, one after the other.
    func conflicts(_ sets: [ChangeSet]) -> [ChangeSetID: [ChangeConflict]] {
        var states = self.states
        var found: [ChangeSetID: [ChangeConflict]] = [:]
        for set in sets where set.changesFlags { found[set.id] = states[set.target]?.undo(set.id) ?? [] }
        return found
    }

    // MARK: Inside

    private func publish(_ target: TargetName) async throws {
        guard let state = self.states[target] else { return }
        await self.publish(try FlagEpoch(state))
    }

    func isServed(_ target: TargetName) -> Bool {
        (try? self.house.epoch(of: target)) != nil
    }

    func epoch(_ state: FlagState) throws -> FlagEpoch {
        try FlagEpoch(state, after: try? self.house.epoch(of: state.target))
    }

    /// Brings an epoch in force, with how long what's leased in it lasts.
    func publish(_ epoch: FlagEpoch) async {
        let expiries = await self.expiries(in: epoch.state)
        self.house.publish(epoch, expiries, at: self.time.reading)
    }

    private func expiries(in state: FlagState) async -> [ChangeSetID: LeaseExpiry] {
        let sets = state.layers.compactMap { self.open[$0.set]?.machine.set }
        guard !sets.isEmpty else { return [:] }
        let known = await self.expiries(Set(sets.flatMap(\.leases)))
        let now = self.time.reading
        var expiries: [ChangeSetID: LeaseExpiry] = [:]
        for set in sets {
            // It goes back as soon as one of its leases ends; where one isn't known, nobody knows when.
            let ends = set.leases.map { known[$0] }
            guard !ends.contains(where: { $0 == nil }) else { continue }
            expiries[set.id] = ends.compactMap { $0 }.min { $0.remaining(at: now) < $1.remaining(at: now) }
        }
        return expiries
    }

    /// Tells those who evaluate flags by themselves how long changes last now.
    private func revise(_ leases: Set<LeaseID>) async {
        let targets = self.open.values.map(\.machine.set).filter { !$0.leases.isDisjoint(with: leases) }.map(\.target)
        for target in Set(targets) {
            guard let state = self.states[target], self.isServed(target) else { continue }
            self.house.revise(target, await self.expiries(in: state))
        }
    }

    /// A text for records and stores, without the secrets in it.
    func masked(_ text: String) throws(GloveboxError) -> String {
        try Masker(detectors: self.detectors, pseudonyms: Pseudonyms(linkable: false)).maskText(text)
    }

    func forget(_ id: ChangeSetID) {
        self.attended[id]?.until = self.time.wall
        for task in self.open[id]?.watching ?? [] { task.cancel() }
        self.open[id] = nil
        self.order.removeAll { $0 == id }
    }

    func record(
        _ identity: IdentityName?, _ target: TargetName, _ lease: LeaseID, _ event: RecordEvent
    ) async throws {
        try await self.log.append([
            Record(time: self.time.wall, identity: identity, target: target, lease: lease, event: event)
        ])
    }

    func inTurn<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        if self.isBusy {
            await withCheckedContinuation { self.waiting.append($0) }
        } else {
            self.isBusy = true
        }
        defer {
            if self.waiting.isEmpty { self.isBusy = false } else { self.waiting.removeFirst().resume() }
        }
        return try await body()
    }
}
