package import Contracts
package import GloveboxCore

/// What a step did to an approval, for its driver to record, store and tell.
package enum ApprovalAction: Hashable, Sendable {
    /// Nothing changed; there's nothing to store.
    case none
    /// Somebody granted it, and it takes so many more.
    case counted(missing: Int)
    /// The last grant that it took.
    case granted
    case denied
    case expired
    case withdrawn
    case used
    /// It was to be used, and some of its grants count no longer: it takes so many more.
    case reopened(missing: Int)
    case reviewed
    /// Only what is left of its time.
    case changed
}

/// The life of one approval:
///
///     pending ⇄ granted → used
///        └────────┴─────→ denied | expired | withdrawn
///     unreviewed → reviewed                                (break-glass)
///
/// Invariants: it's used at most once, for exactly what its digest names, by who asked for it, before its time is up,
/// and only while enough approvers count **at that moment**: other people than the asker, not disabled, of a role that
/// approves, in a group that the rule names. One who counts can deny it for as long as it isn't used, after having
/// granted it too. All states but pending, granted and unreviewed are terminal. Time is judged on the boot clock.
package struct ApprovalMachine: Hashable, Sendable {
    /// The approval as it has to be stored.
    package private(set) var approval: Approval

    /// Goes on with a stored approval.
    package init(_ approval: Approval) {
        self.approval = approval
    }

    /// Somebody asks for what a rule allows with approval alone.
    package init(
        asking id: ApprovalID, _ subject: some ApprovalSubject, by asker: IdentityName,
        requirement: ApprovalRequirement, at now: ClockReading
    ) {
        self.approval = Approval(
            id: id, kind: type(of: subject).kind, asker: asker, subject: subject.canonicalBytes,
            digest: subject.digest, requirement: requirement, requestedAt: now.wall,
            expiry: .after(requirement.within, from: now), state: .pending)
    }

    /// Somebody takes what a rule lets them take at once, to be looked at afterwards.
    package init(
        breakingGlass id: ApprovalID, _ subject: some ApprovalSubject, by asker: IdentityName, for lease: LeaseID,
        at now: ClockReading
    ) {
        self.approval = Approval(
            id: id, kind: type(of: subject).kind, asker: asker, subject: subject.canonicalBytes,
            digest: subject.digest, requirement: nil, requestedAt: now.wall, expiry: nil, state: .unreviewed,
            lease: lease)
    }

    // MARK: What approvers say

    /// An approver grants or denies it.
    ///
    /// - Parameters:
    ///   - digest: of what they saw.
    ///   - others: those who have spoken before, as they are now.
    /// - Throws: `approval_not_open`; `approval_mismatch` when they saw something else; `forbidden` when they have no
    ///   say in it; `conflict` when they have granted it already. The approval is as it was.
    package mutating func vote(
        _ verdict: ApprovalVote.Verdict, on digest: [UInt8], by approver: Approver, reason: String?,
        others: [Approver], at now: ClockReading
    ) throws(GloveboxError) -> ApprovalAction {
        let requirement = try self.checkOpen(at: now)
        guard digest == self.approval.digest else {
            throw GloveboxError(
                .approvalMismatch,
                "approval \(self.approval.id) is about something else than what you saw: look at it again")
        }
        if let objection = requirement.objection(to: approver, asker: self.approval.asker) {
            throw GloveboxError(.forbidden, objection)
        }
        if verdict == .grant, self.approval.votes.contains(where: { $0.by == approver.name }) {
            throw GloveboxError(
                .conflict, "you have granted approval \(self.approval.id) already: somebody else has to")
        }
        self.approval.votes.removeAll { $0.by == approver.name }
        self.approval.votes.append(ApprovalVote(by: approver.name, verdict: verdict, at: now.wall, reason: reason))
        guard verdict == .grant else {
            self.approval.state = .denied(at: now.wall)
            return .denied
        }
        let missing = self.missing(of: requirement, others + [approver])
        let wasGranted = self.approval.state == .granted
        self.approval.state = missing == 0 ? .granted : .pending
        return missing == 0 && !wasGranted ? .granted : .counted(missing: missing)
    }

    /// Whoever asked for it doesn't want it any more.
    /// - Throws: `approval_not_open`, `forbidden`.
    package mutating func withdraw(
        by identity: IdentityName, at now: ClockReading
    ) throws(GloveboxError) -> ApprovalAction {
        _ = try self.checkOpen(at: now)
        guard identity == self.approval.asker else {
            throw GloveboxError(.forbidden, "only \(self.approval.asker) can withdraw this: deny it instead")
        }
        self.approval.state = .withdrawn(at: now.wall)
        return .withdrawn
    }

    // MARK: Use

    /// Whoever asked for it takes what was approved.
    ///
    /// - Parameters:
    ///   - requirement: what the rule asks for now.
    ///   - voters: those who have spoken, as they are now.
    /// - Returns: `used`, or `reopened` when some grants count no longer (to be stored, and to be told as
    ///   `approval_needed`).
    /// - Throws: `approval_not_open`, `approval_mismatch`, `approval_needed` while it isn't granted, `forbidden`.
    package mutating func use(
        for subject: some ApprovalSubject, by identity: IdentityName, lease: LeaseID, requirement: ApprovalRequirement,
        voters: [Approver], at now: ClockReading
    ) throws(GloveboxError) -> ApprovalAction {
        _ = try self.checkOpen(at: now)
        guard identity == self.approval.asker else {
            throw GloveboxError(
                .forbidden, "approval \(self.approval.id) is \(self.approval.asker)'s: ask for your own")
        }
        guard type(of: subject).kind == self.approval.kind, subject.digest == self.approval.digest else {
            throw GloveboxError(
                .approvalMismatch,
                "this isn't what approval \(self.approval.id) is about, or its rule has changed since: ask again without it"
            )
        }
        self.approval.requirement?.count = requirement.count
        self.approval.requirement?.groups = requirement.groups
        let missing = self.missing(of: requirement, voters)
        guard missing == 0 else {
            guard self.approval.state == .granted else { throw self.stillNeeded(missing, requirement) }
            self.approval.state = .pending
            return .reopened(missing: missing)
        }
        self.approval.state = .used(at: now.wall)
        self.approval.lease = lease
        return .used
    }

    /// What whoever can't use it yet is told.
    package func stillNeeded(_ missing: Int, _ requirement: ApprovalRequirement) -> GloveboxError {
        GloveboxError(
            .approvalNeeded,
            "approval \(self.approval.id) takes \(requirement.inWords), and \(missing) more: wait for them to grant it")
    }

    /// How many more have to grant it, as `voters` are now.
    package func missing(_ voters: [Approver]) -> Int {
        self.approval.requirement.map { self.missing(of: $0, voters) } ?? 0
    }

    private func missing(of requirement: ApprovalRequirement, _ voters: [Approver]) -> Int {
        let grants = Set(self.approval.votes.filter { $0.verdict == .grant }.map(\.by))
        let counting = Set(
            voters.filter { requirement.objection(to: $0, asker: self.approval.asker) == nil }.map(\.name))
        return max(0, requirement.count - grants.intersection(counting).count)
    }

    // MARK: Review

    /// Somebody else has looked at what was taken at once.
    /// - Throws: `approval_not_open` when there's nothing to review, `forbidden`.
    package mutating func review(
        by approver: Approver, note: String, at now: ClockReading
    ) throws(GloveboxError) -> ApprovalAction {
        guard self.approval.state == .unreviewed else {
            throw GloveboxError(
                .approvalNotOpen, "approval \(self.approval.id) is no open break-glass: there's nothing to review")
        }
        guard approver.name != self.approval.asker else {
            throw GloveboxError(.forbidden, "nobody reviews what they have done themselves: somebody else has to")
        }
        guard approver.mayApprove else {
            throw GloveboxError(.forbidden, "an approver or an administrator has to review this")
        }
        self.approval.state = .reviewed(by: approver.name, at: now.wall, note: note)
        return .reviewed
    }

    // MARK: Time

    /// Ends it if its time is up.
    package mutating func expire(at now: ClockReading) -> ApprovalAction {
        guard self.approval.isOpen, let expiry = self.approval.expiry, expiry.hasPassed(at: now) else { return .none }
        self.approval.state = .expired(at: now.wall)
        return .expired
    }

    /// A gateway has started and found it: its expiry is anchored in this boot, and it ends if its time is up.
    package mutating func resume(at now: ClockReading) -> ApprovalAction {
        guard self.approval.isOpen, let before = self.approval.expiry else { return .none }
        self.approval.expiry = before.rebased(at: now)
        let action = self.expire(at: now)
        return action == .none && self.approval.expiry != before ? .changed : action
    }

    /// Writes down what is left, for the day of a reboot.
    package mutating func keepRemainder(at now: ClockReading) -> ApprovalAction {
        guard self.approval.isOpen, let before = self.approval.expiry else { return .none }
        self.approval.expiry = before.withRemainder(at: now)
        return self.approval.expiry == before ? .none : .changed
    }

    private func checkOpen(at now: ClockReading) throws(GloveboxError) -> ApprovalRequirement {
        let reason: String
        switch self.approval.state {
        case .pending, .granted:
            guard let requirement = self.approval.requirement, self.approval.expiry?.hasPassed(at: now) == false else {
                reason = "has run out"
                break
            }
            return requirement
        case .denied: reason = "was denied"
        case .expired: reason = "has run out"
        case .withdrawn: reason = "was withdrawn"
        case .used: reason = "was used"
        case .unreviewed, .reviewed: reason = "is break-glass, which waits for nobody"
        }
        throw GloveboxError(.approvalNotOpen, "approval \(self.approval.id) \(reason): ask again for what you need")
    }
}

// MARK: - Recovery

extension ApprovalMachine {
    /// Takes in a step that is on record, if it hasn't been: the gateway may have died before it was stored. Steps come
    /// in the order of the log.
    package mutating func recover(_ record: Record) {
        guard self.approval.isOpen, record.event.approval == self.approval.id else { return }
        switch record.event {
        case .approvalGranted(_, let by, _, let reason):
            guard !self.approval.votes.contains(where: { $0.by == by }) else { return }
            self.approval.votes.append(ApprovalVote(by: by, verdict: .grant, at: record.time, reason: reason))
            // Whether each of them counts is asked when it's used.
            if self.approval.votes.count >= self.approval.requirement?.count ?? 0 { self.approval.state = .granted }
        case .approvalDenied(_, let by, _, let reason):
            self.approval.votes.removeAll { $0.by == by }
            self.approval.votes.append(ApprovalVote(by: by, verdict: .deny, at: record.time, reason: reason))
            self.approval.state = .denied(at: record.time)
        case .approvalExpired: self.approval.state = .expired(at: record.time)
        case .approvalWithdrawn: self.approval.state = .withdrawn(at: record.time)
        case .approvalUsed:
            self.approval.state = .used(at: record.time)
            self.approval.lease = record.lease
        default: break
        }
    }

    /// Whether its time is up, though nobody has said so yet.
    package func hasRunOut(at now: ClockReading) -> Bool {
        self.approval.expiry?.hasPassed(at: now) ?? false
    }
}
