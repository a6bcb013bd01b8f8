import Contracts
import GloveboxCore
import Leases
import Logging
import Policy
import Redaction
import ServiceLifecycle

/// What happens elsewhere when a lease changes: sessions are cut, agents are told.
struct LeaseEffects: Sendable {
    var ended: @Sendable (Lease, LeaseEnd) -> Void
    /// With what's left now.
    var changed: @Sendable (Lease, Duration) -> Void
    /// No record, no access: every session ends.
    var cutAll: @Sendable (GloveboxError) -> Void
}

/// Opens, extends and ends leases, and ends those whose time is up. Each step is recorded, durably, before it counts;
/// an ending cuts the sessions even if it can't be recorded.
actor LeaseService: Service {
    /// SCRAM iterations for lease tokens. The tokens have 160 random bits, so that more would only cost time.
    static let iterations = 4096
    static let saltLength = 16
    /// How often what's left of each lease is written down: what a reboot with a false wall clock may add to one.
    private static let remainderInterval = Duration.seconds(30)
    /// How often a store that can't be written is tried.
    private static let mendInterval = Duration.seconds(1)

    let storage: any Storage
    let log: any RecordLog
    let time: any TimeSource
    let policy: PolicyHolder
    let fleet: AgentFleet
    let detectors: Detectors
    let approvals: ApprovalService
    let emergencyRoom: EmergencyRoom
    /// What was kept for break-glass is given up, and isn't there again.
    var isEmergency = false
    let effects: LeaseEffects
    let logger: Logger
    private(set) var active: [LeaseID: LeaseMachine] = [:]
    private var expiries = ExpiryQueue()
    /// Disabled: nothing opens for them.
    private(set) var barred: Set<IdentityName> = []
    let alarm: Alarm
    private let failures: AsyncStream<GloveboxError>
    private let failed: AsyncStream<GloveboxError>.Continuation
    private(set) var logRefusal: GloveboxError?
    var storeRefusal: GloveboxError?
    /// Why no lease or session opens any more.
    var refusal: GloveboxError? { self.logRefusal ?? self.storeRefusal }
    /// Leases that have ended, and that the store still has as active: it couldn't be written. Tried again, since a
    /// gateway that starts anew would believe the store.
    var unstored: [LeaseID: Lease] = [:]

    init(
        storage: any Storage, log: any RecordLog, time: any TimeSource, policy: PolicyHolder, fleet: AgentFleet,
        detectors: Detectors, approvals: ApprovalService, emergencyRoom: EmergencyRoom, effects: LeaseEffects,
        logger: Logger
    ) {
        self.storage = storage
        self.log = log
        self.time = time
        self.policy = policy
        self.fleet = fleet
        self.detectors = detectors
        self.approvals = approvals
        self.emergencyRoom = emergencyRoom
        self.effects = effects
        self.logger = logger
        self.alarm = Alarm(time)
        let (failures, failed) = AsyncStream.makeStream(of: GloveboxError.self)
        self.failures = failures
        self.failed = failed
        log.onFailure { failed.yield($0) }
    }

    // MARK: Life

    /// Finds the leases that are still active; to be called before anything is served.
    func resume() async throws {
        let now = self.time.reading
        self.barred = Set(try await self.storage.identities().filter(\.isDisabled).map(\.name))
        let leases = try await self.storage.leases(LeaseFilter(activeOnly: true))
        guard !leases.isEmpty else { return }
        let endings = try await self.recordedEndings()
        for lease in leases {
            var machine = LeaseMachine(lease)
            if let reason = endings[lease.id] {
                // It was recorded, and the gateway died before it was stored.
                _ = machine.end(reason, at: now)
                try await self.store(machine.lease)
                continue
            }
            try await self.carryOut(machine.resume(at: now), machine)
        }
        // The gateway may have died while it ended theirs.
        for holder in self.barred { try await self.bar(holder, by: nil) }
    }

    /// How many of the log's last records are looked through for endings that the store didn't get.
    private static let endingsLookedFor: UInt64 = 100_000

    private func recordedEndings() async throws -> [LeaseID: LeaseEnd] {
        var endings: [LeaseID: LeaseEnd] = [:]
        let position = self.log.position
        var cursor: UInt64? = position - min(position, Self.endingsLookedFor)
        while let after = cursor {
            let page = try await self.log.read(
                after: after, limit: 1000, where: RecordFilter(event: RecordEvent.leaseEndedName))
            for stored in page.records {
                if case .leaseEnded(let reason, _) = stored.record.event, let lease = stored.record.lease {
                    endings[lease] = reason
                }
            }
            cursor = page.next
        }
        return endings
    }

    /// The log can be written again after it couldn't.
    func logMended() async {
        self.logRefusal = nil
        let failed = self.failed
        self.log.onFailure { failed.yield($0) }
        self.logger.notice("the log can be written again: leases and sessions may open")
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    for await error in self.failures { await self.refuse(error) }
                }
                tasks.addTask { await self.watchExpiries() }
            }
        }
    }

    private func watchExpiries() async {
        var remaindersDue = self.time.boot.advanced(by: Self.remainderInterval)
        while !Task.isCancelled {
            await self.endDue()
            if self.time.boot >= remaindersDue {
                await self.storeAll()
                await self.endEmergency()
                let isFailing = self.storeRefusal != nil
                remaindersDue = self.time.boot.advanced(by: isFailing ? Self.mendInterval : Self.remainderInterval)
            }
            await self.alarm.wait(until: min(self.expiries.next ?? remaindersDue, remaindersDue))
            if self.storeRefusal != nil {
                remaindersDue = min(remaindersDue, self.time.boot.advanced(by: Self.mendInterval))
            }
        }
    }

    private func endDue() async {
        let now = self.time.reading
        for id in self.expiries.takeDue(at: now.boot) {
            guard var machine = self.active[id] else { continue }
            let action = machine.expire(at: now)
            await self.attempt("end") { try await self.carryOut(action, machine) }
        }
    }

    // MARK: Steps that people ask for

    func extend(_ id: LeaseID, by duration: Duration) async throws -> Lease {
        try self.checkOpen()
        let trial = try await self.extended(id, by: duration)
        try await self.record(trial.lease, .leaseExtended(lasts: trial.lease.granted))
        // It may have ended while that was written.
        let machine = try await self.extended(id, by: duration)
        self.keep(machine)
        self.effects.changed(machine.lease, machine.lease.expiry.remaining(at: self.time.reading))
        try await self.store(machine.lease)
        return machine.lease
    }

    private func extended(_ id: LeaseID, by duration: Duration) async throws -> LeaseMachine {
        var machine = try await self.machine(id)
        try machine.checkActive(at: self.time.reading)
        let terms = try self.terms(extending: machine.lease, by: duration)
        _ = try machine.extend(by: duration, terms: terms, at: self.time.reading)
        return machine
    }

    func end(_ id: LeaseID, _ reason: LeaseEnd, by identity: IdentityName?) async throws -> Lease {
        var machine = try await self.machine(id)
        let action = machine.end(reason, at: self.time.reading)
        if action == .none { try machine.checkActive(at: self.time.reading) }
        try await self.carryOut(action, machine, by: identity)
        return machine.lease
    }

    /// Ends all leases of somebody who has been disabled, and opens none for them until ``unbar(_:)``. All are cut before
    /// the first ending is on disk.
    func bar(_ holder: IdentityName, by identity: IdentityName?) async throws {
        self.barred.insert(holder)
        let held = self.active.values.filter { $0.lease.holder == holder }.map(\.lease.id)
        let failure = await withTaskGroup(of: (any Error)?.self) { endings in
            for id in held { endings.addTask { await self.failure(ofEnding: id, by: identity) } }
            var first: (any Error)?
            for await failure in endings { first = first ?? failure }
            return first
        }
        if let failure { throw failure }
    }

    func unbar(_ holder: IdentityName) {
        self.barred.remove(holder)
    }

    private func failure(ofEnding id: LeaseID, by identity: IdentityName?) async -> (any Error)? {
        do {
            _ = try await self.end(id, .holderDisabled, by: identity)
            return nil
        } catch let error as GloveboxError where error.code == .leaseNotActive {
            // It ended meanwhile, by itself.
            return nil
        } catch {
            return error
        }
    }

    func checkNotBarred(_ holder: IdentityName) throws(GloveboxError) {
        guard self.barred.contains(holder) else { return }
        throw GloveboxError(.unauthenticated, "identity \(holder) is disabled: ask an administrator")
    }

    /// Judges every open lease by the policy that's in force now.
    func rejudge() async {
        for id in self.active.keys {
            guard var machine = self.active[id] else { continue }
            let terms = try? self.termsNow(of: machine.lease)
            let action = machine.rejudge(terms, at: self.time.reading)
            await self.attempt("judge") { try await self.carryOut(action, machine) }
        }
    }

    // MARK: What sessions ask

    /// The verifier of an active lease on `target`.
    func verifier(of id: LeaseID, on target: TargetName) -> ScramVerifier? {
        guard self.refusal == nil, let machine = self.active[id], machine.lease.target == target,
            (try? machine.checkActive(at: self.time.reading)) != nil, (try? self.checkEmergency(machine.lease)) != nil
        else { return nil }
        return machine.lease.verifier
    }

    /// What an agent gets to judge a session by.
    func grant(_ id: LeaseID) throws -> LeaseGrant {
        try self.checkOpen()
        guard let machine = self.active[id] else {
            throw GloveboxError(.leaseNotActive, "lease \(id) has ended: open another")
        }
        try self.checkEmergency(machine.lease)
        return try machine.grant(at: self.time.reading)
    }

    /// When those of them end that are active.
    func expiries(of ids: Set<LeaseID>) -> [LeaseID: LeaseExpiry] {
        var expiries: [LeaseID: LeaseExpiry] = [:]
        for id in ids { expiries[id] = self.active[id]?.lease.expiry }
        return expiries
    }

    /// Why a lease has ended; nil while it's active.
    func ending(of id: LeaseID) async -> LeaseEnd? {
        if let machine = self.active[id] {
            return machine.lease.expiry.hasPassed(at: self.time.reading) ? .expired : nil
        }
        do {
            let lease = if let ended = self.unstored[id] { ended } else { try await self.storage.lease(id) }
            guard case .ended(let reason, _) = lease?.state else { return .restored }
            return reason
        } catch {
            // What can't be read is no reason to stay.
            return .records
        }
    }

    // MARK: Inside

    func checkOpen() throws {
        if let refusal { throw refusal }
    }

    private func refuse(_ error: GloveboxError) {
        let refusal = GloveboxError(
            .journalUnavailable,
            "the gateway can't write its log, so nothing may be opened: make room or mend its disk; it goes on by itself then",
            cause: error)
        self.logRefusal = refusal
        self.logger.critical(
            "the log can't be written: new access is refused, open sessions end", metadata: ["error": "\(error)"])
        self.effects.cutAll(refusal)
    }

    func terms(_ decision: PolicyDecision) throws(GloveboxError) -> LeaseTerms {
        switch decision {
        case .allow(let rule, let longest, let limits, let maskingProfile):
            return LeaseTerms(rule: rule, longest: longest, limits: limits, maskingProfile: maskingProfile)
        case .deny(_, let message):
            throw GloveboxError(.policyDenied, message)
        }
    }

    func question(_ lease: Lease, plus more: Duration = .zero) -> PolicyQuestion {
        PolicyQuestion(
            identity: lease.holder, target: lease.target,
            labels: self.fleet.announcement(of: lease.target)?.labels ?? [:], capabilities: lease.capabilities,
            duration: lease.granted + more)
    }

    private func machine(_ id: LeaseID) async throws -> LeaseMachine {
        if let machine = self.active[id] { return machine }
        if let ended = self.unstored[id] { return LeaseMachine(ended) }
        guard let lease = try await self.storage.lease(id) else {
            throw GloveboxError(.notFound, "there is no lease '\(id)'")
        }
        return LeaseMachine(lease)
    }

    /// Tells the rest what a machine did, records and stores it. Sessions are cut first: an ending that can't be
    /// recorded is still one, and one that can't be recorded is stored nonetheless.
    private func carryOut(_ action: LeaseAction, _ machine: LeaseMachine, by identity: IdentityName? = nil) async throws
    {
        let lease = machine.lease
        switch action {
        case .none:
            self.keep(machine)
        case .changed, .extended:
            self.keep(machine)
            self.effects.changed(lease, lease.expiry.remaining(at: self.time.reading))
            try await self.store(lease)
        case .ended(let reason):
            self.active[lease.id] = nil
            self.expiries.remove(lease.id)
            self.unstored[lease.id] = lease
            self.effects.ended(lease, reason)
            let recording: Result<Void, any Error>
            do {
                recording = .success(try await self.record(lease, .leaseEnded(reason, by: identity)))
            } catch {
                recording = .failure(error)
            }
            try await self.storeEnding(lease)
            try recording.get()
        }
    }

    func keep(_ machine: LeaseMachine) {
        self.active[machine.lease.id] = machine
        if self.expiries.schedule(machine.lease.id, at: machine.lease.expiry.deadline) {
            self.alarm.ring()
        }
    }

    private func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            self.logger.error("couldn't \(what) a lease", metadata: ["error": "\(error)"])
        }
    }

    private func record(_ lease: Lease, _ event: RecordEvent) async throws {
        try await self.log.append([
            Record(
                time: self.time.wall, identity: lease.holder, target: lease.target, lease: lease.id, event: event)
        ])
    }
}
