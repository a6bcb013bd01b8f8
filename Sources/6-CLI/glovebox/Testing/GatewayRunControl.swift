import ControlAPI
import ControlClient
import GloveboxCore
import TestRunner

/// Runs at a gateway. A run is a change set of its edge's, what its cases write has its undo in sets of the hosts', and its
/// flags are a set that the run alone sees; each under a lease that's opened for it, so that all of it goes back by itself,
/// with this process or without.
actor GatewayRunControl: RunControl {
    private struct Undo {
        var testCase: String
        var set: ChangeSetID
        var what: String
    }

    private struct Run {
        var id: ChangeSetID
        var undos: [Undo] = []
        var flags: ChangeSetID?
    }

    private let client: ControlClient
    /// On the edge, where somebody named one.
    private let given: LeaseID?
    private let duration: Duration
    private let reason: String
    private var leases: [TargetName: LeaseID] = [:]
    private var opened: [LeaseID] = []
    private var current: Run?
    /// Sets that are being written down, so that one that's asked for twice at once is made once.
    private static let patience = Duration.seconds(20)

    /// - Parameters:
    ///   - lease: on the edge; one is opened without.
    ///   - duration: of the leases that are opened.
    init(_ client: ControlClient, lease: LeaseID?, for duration: Duration, reason: String) {
        self.client = client
        self.given = lease
        self.duration = duration
        self.reason = reason
    }

    // MARK: A run

    func begin(_ plan: RunPlan) async throws -> RunBegun {
        let edge = try TargetName(plan.edge)
        var hosts: [TargetName] = []
        for testCase in plan.cases {
            guard case .steps(let steps) = testCase.undo else { continue }
            for step in steps {
                let host = try TargetName(step.target)
                if !hosts.contains(host) { hosts.append(host) }
            }
        }
        // All that's needed is asked for before anything is changed.
        let main = try await self.lease(on: edge, .test)
        var more: [LeaseID] = []
        for host in hosts { more.append(try await self.lease(on: host, .change)) }
        let flags = plan.flags.isEmpty ? nil : try await self.flagTarget()
        if let flags { more.append(try await self.lease(on: flags, .change)) }

        let title = plan.trial.map { "\(plan.title), \($0)" } ?? plan.title
        let applied = try await self.apply(
            ChangeRequest(
                lease: main, moreLeases: more, title: String(title.prefix(300)),
                changes: [
                    ChangeItem(
                        testRun: TestRunEdit(
                            routes: plan.routes.map { .init(host: $0.host, path: $0.path) },
                            writes: plan.cases.contains(where: \.writes) ? plan.limits.writes : 0))
                ],
                guards: plan.guards.isEmpty ? nil : plan.guards.map(GuardItem.init)))
        self.current = Run(id: applied.id)
        do {
            try await self.acknowledged(applied)
            let shown = try await self.apply(plan.flags, flags, for: applied.id)
            return RunBegun(run: applied.id.rawValue, lasts: applied.remaining?.duration, flags: shown)
        } catch {
            // Nothing is left of a run that didn't come about.
            _ = try? await self.end(RunOutcome(verdict: .error))
            throw error
        }
    }

    func marks(_ wish: MarkWish) async throws -> [String] {
        let id = try self.run().id
        let request = MarkRequest(
            testCase: CaseWord.of(wish.testCase), methods: wish.methods, version: wish.version,
            count: min(wish.count, MarkRequest.most))
        return try await self.patiently { try await self.client.issueMarks(id, request) }.marks
    }

    func standing() async throws -> RunStanding {
        let id = try self.run().id
        let status = try await self.patiently { try await self.client.attendRun(id) }
        guard ![.intent, .applied].contains(status.state) else { return .running }
        return .ended(reason: status.cause ?? "it has gone back")
    }

    /// As one set, applied in reverse, since sets go back in reverse.
    func declareUndo(_ undo: CaseUndo) async throws {
        let id = try self.run().id
        var leases: [LeaseID] = []
        var items: [ChangeItem] = []
        for step in undo.steps.reversed() {
            let target = try TargetName(step.target)
            let lease = try await self.lease(on: target, .change)
            if !leases.contains(lease) { leases.append(lease) }
            let use = HostUse(target: target, name: step.name, parameters: step.parameters)
            switch step.kind {
            case .runbook: items.append(ChangeItem(runbook: use))
            case .call: items.append(ChangeItem(call: use))
            }
        }
        guard let first = leases.first else { return }
        var status = try await self.apply(
            ChangeRequest(
                lease: first, moreLeases: Array(leases.dropFirst()),
                title: "undo of \(undo.testCase) of test run \(id)",
                changes: items))
        self.current?.undos.append(
            Undo(
                testCase: undo.testCase, set: status.id,
                what: undo.steps.map { "\($0.kind.rawValue) '\($0.name)' on \($0.target)" }.joined(separator: ", ")))
        status = try await self.settled(status) { $0 == .intent }
        guard status.state == .applied else {
            throw GloveboxError(.changeNotOpen, status.cause ?? "it isn't written down on the host")
        }
    }

    /// The run itself first, so that no request of it counts any more; then what the cases wrote, the latest first, and the
    /// run's flags.
    func end(_ outcome: RunOutcome) async throws -> [Leftover] {
        guard let run = self.current else { return [] }
        self.current = nil
        var leftovers: [Leftover] = []
        // What went back before the run did left what was written since.
        var spent: Set<ChangeSetID> = []
        for undo in run.undos where await self.hasGoneBack(undo.set) { spent.insert(undo.set) }
        if let left = await self.undone(run.id) {
            leftovers.append(Leftover(testCase: "", what: "the run itself", why: left))
        }
        for undo in run.undos.reversed() {
            let early = "it went back before the run had ended, so that what was written since may be there"
            if let left = spent.contains(undo.set) ? early : await self.undone(undo.set) {
                leftovers.append(Leftover(testCase: undo.testCase, what: undo.what, why: left))
            }
        }
        if let flags = run.flags, let left = await self.undone(flags) {
            leftovers.append(Leftover(testCase: "", what: "flags of the run", why: left))
        }
        return leftovers
    }

    /// Whether somebody else has taken it back. A gateway that can't be asked is asked again when it's undone.
    private func hasGoneBack(_ set: ChangeSetID) async -> Bool {
        let status = try? await self.patiently { try await self.client.change(set) }
        return status.map { [.undone, .undoing].contains($0.state) } ?? false
    }

    /// Ends the leases that were opened; to be called when no run follows.
    func close() async {
        for lease in self.opened.reversed() { _ = try? await self.client.endLease(lease) }
        self.opened = []
        self.leases = [:]
    }

    // MARK: Steps

    private func apply(_ request: ChangeRequest) async throws -> ChangeStatus {
        try await self.patiently { try await self.client.applyChanges(request) }
    }

    private func run() throws(GloveboxError) -> Run {
        guard let current else { throw GloveboxError(.internal, "no run has begun") }
        return current
    }

    private func lease(on target: TargetName, _ capability: Capability) async throws -> LeaseID {
        if let known = self.leases[target] { return known }
        if capability == .test, let given {
            let lease = try await self.client.lease(given)
            guard lease.target == target else {
                throw GloveboxError(
                    .invalidArgument, "lease \(given) is on '\(lease.target)', and the suite's edge is '\(target)'")
            }
            self.leases[target] = given
            return given
        }
        let opened = try await LeaseWaiting.open(
            LeaseRequest(
                target: target, capabilities: [capability], duration: self.duration, purpose: self.reason),
            self.client)
        self.leases[target] = opened.lease.id
        self.opened.append(opened.lease.id)
        return opened.lease.id
    }

    private func flagTarget() async throws -> TargetName {
        let flags = try await allItems { try await self.client.targets($0) }.filter { $0.kind == "flags" }
        guard flags.count == 1, let only = flags.first else {
            throw GloveboxError(
                .invalidArgument,
                flags.isEmpty
                    ? "the suite sets flags, and this gateway serves none: see 'flags' in gateway.yaml"
                    : "the suite sets flags, and this gateway serves those of several targets: leave them out")
        }
        return only.name
    }

    private func apply(
        _ flags: [SuiteFlag], _ target: TargetName?, for run: ChangeSetID
    ) async throws -> [String] {
        guard let target, let lease = self.leases[target] else { return [] }
        let applied = try await self.apply(
            ChangeRequest(
                lease: lease, title: "flags of test run \(run)",
                changes: flags.map { flag in
                    ChangeItem(
                        flag: FlagEdit(
                            key: flag.key, defaultVariant: flag.defaultVariant, isEnabled: flag.isEnabled))
                }, scope: .testRun(run.rawValue)))
        self.current?.flags = applied.id
        return flags.map { "\($0.key)=\($0.defaultVariant ?? ($0.isEnabled == false ? "disabled" : "enabled"))" }
    }

    /// Until the edge says that it takes the run's marks: before that they'd be served as ordinary requests.
    private func acknowledged(_ applied: ChangeStatus) async throws {
        guard let epoch = applied.epoch else { return }
        let deadline = ContinuousClock.now.advanced(by: Self.patience)
        while ContinuousClock.now < deadline {
            let status = try await self.patiently { try await self.client.attendRun(applied.id) }
            guard [.intent, .applied].contains(status.state) else {
                throw GloveboxError(.changeNotOpen, "the run is over: \(status.cause ?? "it has gone back")")
            }
            let count = status.clients.reduce(0) { $0 + $1.count }
            let behind = status.clients.filter { ($0.epoch ?? .min) < epoch }.reduce(0) { $0 + $1.count }
            if count > 0, behind == 0 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw GloveboxError(
            .unavailable,
            "no edge that follows '\(applied.target)' has taken the run: see whether 'glovebox edge' runs, and 'gateway' in its file"
        )
    }

    /// Why it isn't; `nil` once it's undone.
    private func undone(_ set: ChangeSetID) async -> String? {
        do {
            return try await self.undoneOnce(set)
        } catch {
            let why = (error as? GloveboxError)?.message ?? "\(error)"
            return "\(why); see 'glovebox change show \(set)'"
        }
    }

    /// A gateway that was asked too often is asked again, for half a minute: nothing is given up for that.
    private func patiently<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while true {
            do {
                return try await body()
            } catch let error as GloveboxError where error.code == .rateLimited {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(Int.random(in: 200...800)))
            }
        }
    }

    private func undoneOnce(_ set: ChangeSetID) async throws -> String? {
        var status = try await self.patiently { try await self.client.change(set) }
        if ![.undone, .undoing].contains(status.state) {
            status = try await self.patiently { try await self.client.undoChange(set) }
        }
        status = try await self.settled(status) { $0 == .undoing || $0 == .applied || $0 == .intent }
        if status.state == .undone {
            let changed = status.changes.filter { $0.changedSinceBy != nil || $0.isChangedOutside == true }
            return changed.isEmpty ? nil : "it was changed since by others, and stays so"
        }
        let failure = status.failure.map { ": \($0.message)" } ?? ""
        return "it's \(status.state.rawValue)\(failure); see 'glovebox change show \(set)'"
    }

    private func settled(_ status: ChangeStatus, while waits: (ChangeState) -> Bool) async throws -> ChangeStatus {
        var status = status
        let deadline = ContinuousClock.now.advanced(by: .seconds(120))
        var pause = 25
        while waits(status.state), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(pause))
            pause = min(pause * 2, 500)
            let id = status.id
            status = try await self.patiently { try await self.client.change(id) }
        }
        return status
    }
}

extension GuardItem {
    fileprivate init(_ wanted: SuiteGuard) {
        self.init(
            name: wanted.name, signal: wanted.signal, query: wanted.query, atMost: wanted.atMost,
            atLeast: wanted.atLeast, patience: wanted.patience.map(Seconds.init))
    }
}
