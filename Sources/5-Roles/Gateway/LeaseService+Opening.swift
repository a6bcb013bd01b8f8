import Approvals
import Contracts
import GloveboxCore
import Identity
import Leases
import Policy
import PostgresWire
import Redaction

/// What somebody asks for when opening a lease, and how.
struct LeaseAsk: Sendable {
    var holder: IdentityName
    var target: TargetName
    var capabilities: Set<Capability>
    var duration: Duration
    var purpose: String
    /// What was approved is taken.
    var approval: ApprovalID?
    /// Without waiting for approval.
    var breakGlass = false
}

/// What asking for a lease comes to.
enum LeaseOpening: Sendable {
    /// The token is known to nobody else from here on.
    case opened(Lease, token: Secret<String>)
    case waits(Approval)
}

extension LeaseService {
    /// Opens a lease, or asks for the approval that its rule wants. Policy, ceiling and target are judged each time: when
    /// it's asked for and when what was approved is taken.
    func open(_ ask: LeaseAsk) async throws -> LeaseOpening {
        var nearestRule: String?
        do {
            try self.checkNotBarred(ask.holder)
            if ask.breakGlass {
                try self.checkBreakGlass(ask)
                try await self.makeRoom()
            } else {
                try self.checkEmergency()
            }
            try self.checkOpen()
            let proposal = LeaseProposal(
                holder: ask.holder, target: ask.target, purpose: try await self.purpose(of: ask),
                capabilities: ask.capabilities, duration: ask.duration)
            let served = try self.fleet.server(of: ask.target)
            let policy = self.policy.current
            let question = PolicyQuestion(
                identity: ask.holder, target: ask.target, labels: served.target.labels, capabilities: ask.capabilities,
                duration: ask.duration)
            let decision = ask.breakGlass ? policy.decideBreakGlass(question) : policy.decide(question)
            if case .deny(let rule, _) = decision { nearestRule = rule }
            let terms = try self.terms(decision)
            try self.checkCeiling(ask, served.target, of: served.agent)
            return try await self.open(
                proposal, terms, requirement: policy.rule(named: terms.rule)?.approval, approval: ask.approval,
                breakGlass: ask.breakGlass)
        } catch let error as GloveboxError {
            try await self.log.append([
                Record(
                    time: self.time.wall, identity: ask.holder, target: ask.target,
                    event: .leaseRefused(code: error.code.rawValue, rule: nearestRule, message: error.message))
            ])
            throw error
        }
    }

    /// The room isn't given up for somebody whom no rule lets in.
    private func checkBreakGlass(_ ask: LeaseAsk) throws(GloveboxError) {
        let served = try self.fleet.server(of: ask.target)
        let question = PolicyQuestion(
            identity: ask.holder, target: ask.target, labels: served.target.labels, capabilities: ask.capabilities,
            duration: ask.duration)
        _ = try self.terms(self.policy.current.decideBreakGlass(question))
    }

    private func open(
        _ proposal: LeaseProposal, _ terms: LeaseTerms, requirement: ApprovalRequirement?, approval: ApprovalID?,
        breakGlass: Bool
    ) async throws -> LeaseOpening {
        let subject = LeaseSubject(proposal, terms)
        if let requirement, approval == nil, !breakGlass {
            let asked = try await self.noticing { try await self.approvals.ask(subject, requirement: requirement) }
            if self.barred.contains(proposal.holder) {
                try await self.approvals.withdrawAll(of: proposal.holder)
                try self.checkNotBarred(proposal.holder)
            }
            return .waits(asked)
        }
        let basis = breakGlass ? LeaseApproval.breakGlass(.random()) : approval.map(LeaseApproval.granted)
        let token = LeaseToken.random()
        let verifier = ScramVerifier.derive(
            password: Secret(Array(token.exposeSecret().utf8)), salt: randomBytes(Self.saltLength),
            iterations: Self.iterations)
        let machine = try LeaseMachine(
            opening: .random(), proposal, terms: terms, verifier: verifier, approval: basis, at: self.time.reading)
        let lease = machine.lease
        let opening = Record(
            time: self.time.wall, identity: lease.holder, target: lease.target, lease: lease.id,
            event: .leaseOpened(
                capabilities: lease.capabilities.sorted(), limits: lease.limits, lasts: proposal.duration,
                purpose: lease.purpose, rule: lease.rule))
        switch basis {
        case nil:
            try await self.log.append([opening])
            try await self.storing { try await self.storage.insert(lease) }
        case .granted(let id):
            // A rule that asks for nobody any more still lets take what was approved, if nothing else has changed.
            try await self.noticing {
                try await self.approvals.use(
                    id, for: subject, requirement: requirement ?? ApprovalRequirement(count: 0, within: .zero),
                    opening: opening, lease)
            }
        case .breakGlass(let id):
            do {
                try await self.approvals.breakGlass(id, for: subject, opening: opening, lease)
            } catch let error as GloveboxError where !self.isEmergency && Self.isFull(error) && !Task.isCancelled {
                // Nobody had noticed before that nothing can be written: from the start, on the room that's kept.
                try await self.makeRoom(error)
                return try await self.open(
                    proposal, terms, requirement: requirement, approval: approval, breakGlass: breakGlass)
            }
        }
        self.keep(machine)
        if self.barred.contains(lease.holder) {
            _ = try await self.end(lease.id, .holderDisabled, by: nil)
            try self.checkNotBarred(lease.holder)
        }
        return .opened(lease, token: token)
    }

    /// What approvals find out about the store counts for leases too.
    private func noticing<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as GloveboxError where error.code == .unavailable {
            if !Task.isCancelled { self.storeFailed(error) }
            throw error
        }
    }

    /// A reason may quote what it's about. What was approved is masked already, and has to be the same to the letter.
    private func purpose(of ask: LeaseAsk) async throws -> String {
        if let id = ask.approval {
            let approved = try LeaseSubject(of: try await self.approvals.approval(id))
            if approved.purpose == ask.purpose { return ask.purpose }
        }
        return try Masker(detectors: self.detectors, pseudonyms: Pseudonyms(linkable: false)).maskText(ask.purpose)
    }

    private func checkCeiling(
        _ ask: LeaseAsk, _ target: TargetAnnouncement, of agent: AgentName
    ) throws(GloveboxError) {
        guard ask.capabilities.isSubset(of: target.capabilities) else {
            let missing = ask.capabilities.subtracting(target.capabilities).sorted().map(\.rawValue)
            throw GloveboxError(
                .ceilingDenied,
                "the ceiling of agent \(agent) doesn't allow \(missing.joined(separator: ", ")) on \(target.name): it's lifted on the agent's host alone"
            )
        }
        if let longest = target.longest, ask.duration > longest {
            throw GloveboxError(
                .ceilingDenied,
                "the ceiling of agent \(agent) allows leases on \(target.name) of at most \(longest.written) (targets.\(target.name).longest), not \(ask.duration.written)"
            )
        }
    }

    // MARK: Approval of leases that are open

    /// What the policy in force makes of an open lease.
    /// - Throws: `policy_denied`, also when a lease that nobody approved would need it now.
    func termsNow(of lease: Lease) throws(GloveboxError) -> LeaseTerms {
        let policy = self.policy.current
        let question = self.question(lease)
        switch lease.approval {
        case .breakGlass: return try self.terms(policy.rejudgeBreakGlass(question))
        case .granted: return try self.terms(policy.rejudge(question))
        case nil:
            let terms = try self.terms(policy.rejudge(question))
            guard policy.rule(named: terms.rule)?.approval == nil else {
                throw GloveboxError(.policyDenied, "rule '\(terms.rule)' asks for approval now: open another lease")
            }
            return terms
        }
    }

    /// What the policy in force makes of a lease that's to last longer.
    /// - Throws: `approval_needed` where that takes approval: what was approved had an end.
    func terms(extending lease: Lease, by duration: Duration) throws(GloveboxError) -> LeaseTerms {
        let policy = self.policy.current
        if case .breakGlass = lease.approval {
            throw GloveboxError(
                .approvalNeeded, "a lease opened by break-glass isn't extended: open another, with approval")
        }
        let terms = try self.terms(policy.decide(self.question(lease, plus: duration)))
        guard policy.rule(named: terms.rule)?.approval == nil else {
            throw GloveboxError(
                .approvalNeeded,
                "rule '\(terms.rule)' asks for approval, and what was approved had an end: open another lease for more time"
            )
        }
        return terms
    }
}
