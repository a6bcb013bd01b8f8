import Approvals
import Contracts
import ControlAPI
import GloveboxCore
import Leases
import Logging
import Policy
import Redaction
import ServiceLifecycle

/// Something that happened to an approval, for those who are told outside of the log.
struct ApprovalNotice: Sendable {
    /// The stable name of the record's event.
    var event: String
    var approval: Approval
    /// Who did it; `nil` where time did.
    var by: IdentityName?
    var at: WallTime
}

/// Keeps approvals: asks for them, counts what approvers say, lets each be used once. Each step is recorded, durably,
/// before it counts, and one step is taken at a time, so that two who speak at once are both heard and nothing is used
/// twice.
///
/// A step that was recorded and couldn't be stored counts: it's held in memory and stored as soon as that's possible,
/// and a gateway that starts anew finds it in the log.
actor ApprovalService: Service {
    /// How often what's left of each is written down, and how often a store that can't be written is tried.
    private static let remainderInterval = Duration.seconds(30)
    private static let mendInterval = Duration.seconds(1)
    /// How many one identity may have open at once.
    private static let mostOpen = 20
    /// How many of the log's last records are looked through for steps that the store didn't get.
    private static let stepsLookedFor: UInt64 = 100_000

    let storage: any Storage
    let log: any RecordLog
    let time: any TimeSource
    private let policy: PolicyHolder
    private let detectors: Detectors
    private let tell: @Sendable (ApprovalNotice) -> Void
    private let logger: Logger
    private let alarm: Alarm
    /// Those that may still be granted, denied or used.
    private var open: [ApprovalID: ApprovalMachine] = [:]
    private var unstored: [ApprovalID: Approval] = [:]
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(
        storage: any Storage, log: any RecordLog, time: any TimeSource, policy: PolicyHolder, detectors: Detectors,
        tell: @escaping @Sendable (ApprovalNotice) -> Void, logger: Logger
    ) {
        self.storage = storage
        self.log = log
        self.time = time
        self.policy = policy
        self.detectors = detectors
        self.tell = tell
        self.logger = logger
        self.alarm = Alarm(time)
    }

    // MARK: Life

    /// Finds the approvals that are still open; to be called before anything is served.
    func resume() async throws {
        let now = self.time.reading
        let stored = try await self.storage.approvals(ApprovalFilter(openOnly: true))
        guard !stored.isEmpty else { return }
        let recorded = try await self.recordedSteps(of: Set(stored.map(\.id)))
        for approval in stored {
            var machine = ApprovalMachine(approval)
            for record in recorded[approval.id] ?? [] { machine.recover(record) }
            let action = machine.resume(at: now)
            if action == .expired { try? await self.record(machine.approval, .approvalExpired(approval.id)) }
            self.keep(machine)
            if machine.approval != approval { try await self.store(machine.approval) }
        }
        // The gateway may have died while it withdrew theirs.
        for asker in Set(self.open.values.map(\.approval.asker)) {
            guard try await self.storage.identity(asker)?.isDisabled == true else { continue }
            try? await self.withdrawAll(of: asker)
        }
    }

    private func recordedSteps(of open: Set<ApprovalID>) async throws -> [ApprovalID: [Record]] {
        var steps: [ApprovalID: [Record]] = [:]
        let position = self.log.position
        var cursor: UInt64? = position - min(position, Self.stepsLookedFor)
        while let after = cursor {
            let page = try await self.log.read(after: after, limit: 1000, where: RecordFilter())
            for stored in page.records {
                if let id = stored.record.event.approval, open.contains(id) {
                    steps[id, default: []].append(stored.record)
                }
            }
            cursor = page.next
        }
        return steps
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.watch() }
    }

    private func watch() async {
        var storingDue = self.time.boot.advanced(by: Self.remainderInterval)
        while !Task.isCancelled {
            await self.inTurn {
                await self.expireDue()
                guard self.time.boot >= storingDue || !self.unstored.isEmpty else { return }
                await self.storeAll()
                storingDue = self.time.boot.advanced(
                    by: self.unstored.isEmpty ? Self.remainderInterval : Self.mendInterval)
            }
            let next = self.open.values.compactMap { $0.approval.expiry?.deadline }.min()
            await self.alarm.wait(until: min(next ?? storingDue, storingDue))
        }
    }

    private func expireDue() async {
        let now = self.time.reading
        for id in self.open.keys {
            guard var machine = self.open[id], machine.expire(at: now) == .expired else { continue }
            self.keep(machine)
            do {
                try await self.record(machine.approval, .approvalExpired(id))
                try await self.store(machine.approval)
            } catch {
                self.logger.error(
                    "couldn't write down that approval \(id) has run out", metadata: ["error": "\(error)"])
            }
            self.notify("approval_expired", machine.approval, by: nil)
        }
    }

    private func storeAll() async {
        let now = self.time.reading
        do {
            for approval in self.unstored.values { try await self.store(approval) }
            for id in self.open.keys {
                guard var machine = self.open[id], machine.keepRemainder(at: now) == .changed else { continue }
                self.keep(machine)
                try await self.store(machine.approval)
            }
        } catch {
            self.logger.error("couldn't store an approval: it's tried again", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Asking and using

    /// Asks for approval, or finds what the same asker has asked for to the letter and may still be granted.
    func ask(_ subject: LeaseSubject, requirement: ApprovalRequirement) async throws -> Approval {
        try await self.inTurn {
            let own = self.open.values.filter { $0.approval.asker == subject.holder }
            let now = self.time.reading
            if let same = own.first(where: { $0.approval.digest == subject.digest && !$0.hasRunOut(at: now) }) {
                return same.approval
            }
            guard own.count < Self.mostOpen else {
                throw GloveboxError(
                    .limitReached,
                    "you wait for \(own.count) approvals already: use or withdraw some ('glovebox approval list')")
            }
            let machine = ApprovalMachine(
                asking: .random(), subject, by: subject.holder, requirement: requirement, at: now)
            let approval = machine.approval
            try await self.log.append([
                self.entry(
                    approval, on: subject.target,
                    .approvalRequested(
                        approval.id, digest: hexadecimal(approval.digest), summary: subject.inWords))
            ])
            try await self.storage.insert(approval)
            self.keep(machine)
            self.notify("approval_requested", approval, by: approval.asker)
            return approval
        }
    }

    /// Opens `lease` by the approval that it needs: both go on record and into the store together.
    /// - Parameter opening: the record of the lease's opening.
    /// - Throws: what `ApprovalMachine.use` throws, `approval_needed` when grants count no longer.
    func use(
        _ id: ApprovalID, for subject: LeaseSubject, requirement: ApprovalRequirement, opening: Record, _ lease: Lease
    ) async throws {
        try await self.inTurn {
            var machine = try await self.machine(id)
            let voters = try await self.approvers(machine.approval.votes.map(\.by))
            let action = try machine.use(
                for: subject, by: subject.holder, lease: lease.id, requirement: requirement, voters: voters,
                at: self.time.reading)
            if case .reopened(let missing) = action {
                self.keep(machine)
                try await self.store(machine.approval)
                throw machine.stillNeeded(missing, requirement)
            }
            let grants = machine.approval.votes.map(\.by)
            var used = self.entry(machine.approval, on: subject.target, .approvalUsed(id, grantedBy: grants))
            used.lease = lease.id
            try await self.log.append([used, opening])
            // From here on it's used, whatever comes: nothing is granted twice.
            self.keep(machine)
            self.unstored[id] = machine.approval
            var row = machine.approval
            row.version = try await self.storage.approval(id)?.version ?? row.version
            try await self.storage.insert(lease, using: row)
            self.unstored[id] = nil
            self.notify("approval_used", machine.approval, by: subject.holder)
        }
    }

    /// Opens `lease` without asking anybody, to be reviewed.
    func breakGlass(
        _ id: ApprovalID, for subject: LeaseSubject, opening: Record, _ lease: Lease
    ) async throws {
        let approval = ApprovalMachine(
            breakingGlass: id, subject, by: subject.holder, for: lease.id, at: self.time.reading
        ).approval
        var broken = self.entry(
            approval, on: subject.target,
            .breakGlassOpened(id, digest: hexadecimal(approval.digest), summary: subject.inWords))
        broken.lease = lease.id
        try await self.log.append([broken, opening])
        // The account that's open comes first: no lease without it.
        try await self.storage.insert(approval)
        try await self.storage.insert(lease)
        self.logger.critical(
            "break-glass: \(subject.holder) opened a lease without approval",
            metadata: ["approval": "\(id)", "lease": "\(lease.id)", "target": "\(subject.target)"])
        self.notify("break_glass_opened", approval, by: subject.holder)
    }

    // MARK: What people say

    func vote(
        _ verdict: ApprovalVote.Verdict, on id: ApprovalID, digest: String, by name: IdentityName, reason: String?
    ) async throws -> Approval {
        let reason = try reason.map { try self.masked($0) }
        return try await self.inTurn {
            var machine = try await self.machine(id)
            let approver = try await self.approver(name)
            let others = try await self.approvers(machine.approval.votes.map(\.by))
            let seen = hexadecimal(machine.approval.digest) == digest ? machine.approval.digest : []
            let action = try machine.vote(
                verdict, on: seen, by: approver, reason: reason, others: others, at: self.time.reading)
            let event: RecordEvent =
                verdict == .grant
                ? .approvalGranted(id, by: name, digest: digest, reason: reason)
                : .approvalDenied(id, by: name, digest: digest, reason: reason)
            try await self.take(machine, event)
            if action == .granted || action == .denied { self.notify(event.name, machine.approval, by: name) }
            return machine.approval
        }
    }

    func withdraw(_ id: ApprovalID, by name: IdentityName) async throws -> Approval {
        try await self.inTurn {
            var machine = try await self.machine(id)
            _ = try machine.withdraw(by: name, at: self.time.reading)
            try await self.take(machine, .approvalWithdrawn(id))
            self.notify("approval_withdrawn", machine.approval, by: name)
            return machine.approval
        }
    }

    /// All that somebody has asked for who has been disabled: none of it can be taken if they're enabled again.
    func withdrawAll(of asker: IdentityName) async throws {
        try await self.inTurn {
            for var machine in self.open.values where machine.approval.asker == asker {
                // What has run out meanwhile says so by itself.
                guard (try? machine.withdraw(by: asker, at: self.time.reading)) != nil else { continue }
                try await self.take(machine, .approvalWithdrawn(machine.approval.id))
                self.notify("approval_withdrawn", machine.approval, by: nil)
            }
        }
    }

    func review(_ id: ApprovalID, note: String, by name: IdentityName) async throws -> Approval {
        let note = try self.masked(note)
        return try await self.inTurn {
            var machine = try await self.machine(id)
            _ = try machine.review(by: try await self.approver(name), note: note, at: self.time.reading)
            try await self.take(machine, .breakGlassReviewed(id, by: name, note: note))
            self.notify("break_glass_reviewed", machine.approval, by: name)
            return machine.approval
        }
    }

    // MARK: What's shown

    func approval(_ id: ApprovalID) async throws -> Approval {
        try await self.machine(id).approval
    }

    /// As it's shown now: with those who count now.
    func status(_ approval: Approval) async throws -> ApprovalStatus {
        let machine = ApprovalMachine(approval)
        let subject = try LeaseSubject(of: approval)
        return ApprovalStatus(
            approval, lease: .init(subject),
            missing: approval.isOpen ? machine.missing(try await self.approvers(approval.votes.map(\.by))) : 0,
            remaining: approval.expiry?.remaining(at: self.time.reading))
    }

    // MARK: Inside

    /// Records a step, and then lets it count.
    private func take(_ machine: ApprovalMachine, _ event: RecordEvent) async throws {
        try await self.record(machine.approval, event)
        self.keep(machine)
        do {
            try await self.store(machine.approval)
        } catch {
            self.logger.error("couldn't store an approval: it's tried again", metadata: ["error": "\(error)"])
        }
    }

    private func machine(_ id: ApprovalID) async throws -> ApprovalMachine {
        if let machine = self.open[id] { return machine }
        if let approval = self.unstored[id] { return ApprovalMachine(approval) }
        guard let approval = try await self.storage.approval(id) else {
            throw GloveboxError(.notFound, "there is no approval '\(id)'")
        }
        return ApprovalMachine(approval)
    }

    private func keep(_ machine: ApprovalMachine) {
        let approval = machine.approval
        self.open[approval.id] = approval.isOpen ? machine : nil
        self.alarm.ring()
    }

    private func store(_ approval: Approval) async throws {
        self.unstored[approval.id] = approval
        var row = approval
        guard let stored = try await self.storage.approval(approval.id) else {
            self.unstored[approval.id] = nil
            return
        }
        row.version = stored.version
        _ = try await self.storage.update(row)
        self.unstored[approval.id] = nil
    }

    private func approver(_ name: IdentityName) async throws -> Approver {
        guard let entry = try await self.storage.identity(name) else {
            throw GloveboxError(.forbidden, "\(name) is no identity of this gateway any more")
        }
        return Approver(
            name: name, role: entry.role, isDisabled: entry.isDisabled, groups: self.policy.current.groups(of: name))
    }

    /// Those of them who are still there.
    private func approvers(_ names: [IdentityName]) async throws -> [Approver] {
        var approvers: [Approver] = []
        for name in names {
            if let entry = try await self.storage.identity(name) {
                approvers.append(
                    Approver(
                        name: name, role: entry.role, isDisabled: entry.isDisabled,
                        groups: self.policy.current.groups(of: name)))
            }
        }
        return approvers
    }

    private func masked(_ text: String) throws -> String {
        try Masker(detectors: self.detectors, pseudonyms: Pseudonyms(linkable: false)).maskText(text)
    }

    private func record(_ approval: Approval, _ event: RecordEvent) async throws {
        let target = try? LeaseSubject(of: approval).target
        var record = self.entry(approval, on: target, event)
        record.lease = approval.lease
        try await self.log.append([record])
    }

    private func entry(_ approval: Approval, on target: TargetName?, _ event: RecordEvent) -> Record {
        Record(time: self.time.wall, identity: approval.asker, target: target, event: event)
    }

    private func notify(_ event: String, _ approval: Approval, by name: IdentityName?) {
        self.tell(ApprovalNotice(event: event, approval: approval, by: name, at: self.time.wall))
    }

    /// Runs one body after the other, in the order in which they came.
    private func inTurn<Value>(_ body: () async throws -> Value) async rethrows -> Value {
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

extension LeaseSubject {
    /// What a proposal comes to by the terms of its rule.
    init(_ proposal: LeaseProposal, _ terms: LeaseTerms) {
        self.init(
            holder: proposal.holder, target: proposal.target, purpose: proposal.purpose,
            capabilities: proposal.capabilities, duration: proposal.duration, rule: terms.rule, limits: terms.limits,
            maskingProfile: terms.maskingProfile)
    }

    /// On one line, for records and notices.
    var inWords: String {
        let capabilities = self.capabilities.sorted().map(\.rawValue).joined(separator: ", ")
        return "\(capabilities) on \(self.target) for \(self.duration.written) by rule '\(self.rule)': \(self.purpose)"
    }
}

extension ApprovalStatus.AskedLease {
    init(_ subject: LeaseSubject) {
        self.init(
            holder: subject.holder, target: subject.target, purpose: subject.purpose,
            capabilities: subject.capabilities.sorted(), duration: subject.duration, rule: subject.rule,
            limits: subject.limits, maskingProfile: subject.maskingProfile)
    }
}
