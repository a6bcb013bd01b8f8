import AuditFiles
import Contracts
import ControlAPI
import ControlServer
import GloveboxCore
import Identity
import Leases
import Policy
import TransparencyLog
import YAMLDocument

/// What the API does, on top of the gateway's parts.
struct GatewayOperations: ControlOperations {
    let authorityPEM: String
    let enrolment: Enrolment
    let machineTokens: MachineTokens
    let storage: any Storage
    let log: any RecordLog
    /// The log's tree, for proofs.
    let tree: TiledLog
    let refusals: RefusedSignIns
    let time: any TimeSource
    let policy: PolicyHolder
    let fleet: AgentFleet
    let links: AgentLinks
    let leases: LeaseService
    let approvals: ApprovalService
    let changes: ChangeService
    let flagHouse: FlagHouse
    let markIssuer: MarkIssuer
    let sessionTable: SessionTable
    let ports: GatewayPorts
    /// Where PostgreSQL clients are to connect.
    let postgres: SocketPlace

    func authority() async throws -> String { self.authorityPEM }

    func health() async throws -> Health {
        if let reason = await self.leases.refusal {
            return Health(status: .degraded, reason: reason.message, version: GloveboxVersion.current)
        }
        return Health(status: .ok, version: GloveboxVersion.current)
    }

    // MARK: Certificates

    func enrol(_ request: EnrolmentRequest, from origin: RequestOrigin) async throws -> IssuedCertificate {
        do {
            let guest = try await self.enrolment.redeem(
                code: request.code.secret, request: request.certificateRequest)
            try await self.record(
                guest.subject.identity, .enrolled(subject: guest.subject.description, means: "invitation"))
            return IssuedCertificate(guest)
        } catch let error as GloveboxError where error.code == .inviteInvalid {
            self.refusals.refused(code: error.code.rawValue, claimed: nil)
            throw error
        }
    }

    func renewCertificate(_ request: CertificateRenewal, _ call: Call) async throws -> IssuedCertificate {
        let (serial, expiresAt) = try Self.certificate(of: call.caller)
        let peer = AuthenticatedPeer(
            subject: call.caller.subject, role: call.caller.role, serial: serial, notAfter: expiresAt)
        let guest = try await self.enrolment.renew(peer, request: request.certificateRequest)
        try await self.record(guest.subject.identity, .enrolled(subject: guest.subject.description, means: "renewal"))
        return IssuedCertificate(guest)
    }

    func revokeCurrentCertificate(_ call: Call) async throws {
        try await self.enrolment.revoke(serial: Self.certificate(of: call.caller).serial)
        try await self.record(call.caller.identity, .signedOut(subject: call.caller.subject.description))
    }

    func whoAmI(_ call: Call) async throws -> WhoAmI {
        var me = WhoAmI(
            subject: call.caller.subject, role: call.caller.role,
            groups: call.caller.identity.map { self.policy.current.groups(of: $0).sorted() } ?? [])
        switch call.caller.credential {
        case .certificate(let serial, let expiresAt): me.certificate = .init(serial: serial, expiresAt: expiresAt)
        case .token(let name, let scope, let expiresAt):
            me.token = .init(name: name, scope: scope, expiresAt: expiresAt)
        }
        return me
    }

    private static func certificate(of caller: Caller) throws(GloveboxError) -> (serial: String, expiresAt: WallTime) {
        guard case .certificate(let serial, let expiresAt) = caller.credential else {
            throw GloveboxError(.forbidden, "a token has no certificate: this takes a client certificate")
        }
        return (serial, expiresAt)
    }

    // MARK: Invitations

    func inviteIdentity(_ request: IdentityInviteRequest, _ call: Call) async throws -> Invitation {
        try await self.invite(
            .person(request.name, request.role), .identityInvited(name: request.name, role: request.role), call)
    }

    func inviteAgent(_ request: AgentInviteRequest, _ call: Call) async throws -> Invitation {
        try await self.invite(.agent(request.name), .agentInvited(name: request.name), call)
    }

    private func invite(_ guest: InviteEntry.Guest, _ event: RecordEvent, _ call: Call) async throws -> Invitation {
        try await self.record(call.caller.identity, event)
        let invited = try await self.enrolment.invite(guest, by: call.caller.identity)
        return Invitation(subject: invited.subject, code: invited.code.text, expiresAt: invited.expiresAt)
    }

    // MARK: Inventory

    func targets(_ page: PageRequest, _ call: Call) async throws -> Page<TargetStatus> {
        page.of(
            self.fleet.targets, by: { "\($0.target.name) \($0.agent)" },
            { TargetStatus($0.target, agent: $0.agent, isOnline: $0.isOnline) })
    }

    // MARK: Leases

    func openLease(_ request: LeaseRequest, _ call: Call) async throws -> LeaseAnswer {
        guard let holder = call.caller.identity else {
            throw GloveboxError(.forbidden, "agents open no leases")
        }
        let ask = LeaseAsk(
            holder: holder, target: request.target, capabilities: request.capabilities,
            duration: request.duration.duration, purpose: request.purpose, approval: request.approval,
            breakGlass: request.breakGlass)
        switch try await self.leases.open(ask) {
        case .waits(let approval): return .waits(try await self.approvals.status(approval))
        case .opened(let lease, let token):
            return .opened(
                OpenedLease(
                    lease: self.status(lease), token: token,
                    postgres: self.fleet.announcement(of: lease.target).map { $0.kind != "postgres" } ?? false
                        ? nil
                        : PostgresAddress(
                            host: self.postgres.host, port: self.postgres.port, user: "\(lease.target).\(lease.id)")))
        }
    }

    func leases(_ query: LeaseQuery, _ call: Call) async throws -> Page<LeaseStatus> {
        var filter = LeaseFilter(holder: query.holder, target: query.target, activeOnly: query.activeOnly)
        if case .own = call.reach {
            guard query.holder == nil || call.reach.includes(query.holder) else { return Page(items: []) }
            filter.holder = call.caller.identity
        }
        // Newest first; the cursor is the last lease of the page before.
        var found = try await self.storage.leases(filter)[...]
        if let after = query.page.after {
            guard let index = found.firstIndex(where: { $0.id.rawValue == after }) else {
                throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
            }
            found = found[found.index(after: index)...]
        }
        let page = found.prefix(query.page.limit)
        return Page(
            items: page.map(self.status), next: page.count < found.count ? page.last?.id.rawValue : nil)
    }

    func lease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus {
        self.status(try await self.within(call.reach, id))
    }

    func extendLease(_ id: LeaseID, _ request: LeaseExtension, _ call: Call) async throws -> LeaseStatus {
        _ = try await self.within(call.reach, id)
        return self.status(try await self.leases.extend(id, by: request.duration.duration))
    }

    func endLease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus {
        let lease = try await self.within(call.reach, id)
        let reason: LeaseEnd = lease.holder == call.caller.identity ? .holder : .admin
        return self.status(try await self.leases.end(id, reason, by: call.caller.identity))
    }

    private func within(_ reach: Reach, _ id: LeaseID) async throws -> Lease {
        guard let lease = try await self.storage.lease(id), reach.includes(lease.holder) else {
            throw GloveboxError(.notFound, "there is no lease '\(id)' that you may see")
        }
        return lease
    }

    private func status(_ lease: Lease) -> LeaseStatus {
        LeaseStatus(lease, remaining: lease.expiry.remaining(at: self.time.reading))
    }

    // MARK: Records

    func records(_ query: RecordQuery, _ call: Call) async throws -> Page<RecordEntry> {
        guard let filter = self.filter(query, call) else { return Page(items: []) }
        let page = try await self.log.read(
            after: try Self.cursor(query.page) ?? 0, limit: query.page.limit, where: filter)
        return Page(items: page.records.map(RecordEntry.init), next: page.next.map(String.init))
    }

    func record(_ id: RecordID, _ call: Call) async throws -> RecordEntry {
        guard let stored = try await self.log.record(id), call.reach.includes(stored.record.identity) else {
            throw GloveboxError(.notFound, "there is no record '\(id)' that you may see")
        }
        return RecordEntry(stored)
    }

    func proof(of id: RecordID, _ call: Call) async throws -> RecordProofAnswer {
        _ = try await self.record(id, call)
        guard let proof = try await self.tree.proof(of: id) else {
            throw GloveboxError(.notFound, "there is no record '\(id)' that you may see")
        }
        return RecordProofAnswer(
            record: id.description, index: proof.index, entry: Base64.text(proof.entry),
            inclusion: proof.path.map { Base64.text($0.bytes) }, key: proof.checkpoint.key.description,
            checkpoint: String(decoding: proof.checkpoint.note, as: UTF8.self))
    }

    func checkpoint(since size: UInt64, _ call: Call) async throws -> CheckpointAnswer {
        let (known, proof) = try await self.tree.consistency(from: size)
        return CheckpointAnswer(
            key: known.key.description, checkpoint: String(decoding: known.note, as: UTF8.self),
            consistency: proof.map { Base64.text($0.bytes) })
    }

    /// From the given cursor on, or from now on.
    func follow(_ query: RecordQuery, _ call: Call) async throws -> AsyncThrowingStream<ServerEvent, any Error> {
        guard let filter = self.filter(query, call) else {
            throw GloveboxError(.forbidden, "you may follow your own records: leave the identity out")
        }
        let follower = RecordFollower(
            log: self.log, filter: filter, after: try Self.cursor(query.page) ?? self.log.position, time: self.time)
        return AsyncThrowingStream { try await follower.next() }
    }

    /// `nil` when the caller may see none of what's asked for.
    private func filter(_ query: RecordQuery, _ call: Call) -> RecordFilter? {
        var filter = RecordFilter(
            identity: query.identity, target: query.target, lease: query.lease, event: query.event,
            since: query.since?.wall, until: query.until?.wall)
        if case .own = call.reach {
            guard query.identity == nil || call.reach.includes(query.identity) else { return nil }
            filter.identity = call.caller.identity
        }
        return filter
    }

    private static func cursor(_ page: PageRequest) throws(GloveboxError) -> UInt64? {
        guard let cursor = page.after else { return nil }
        guard let position = UInt64(cursor) else {
            throw GloveboxError(.invalidArgument, "after: this cursor leads nowhere; begin again without one")
        }
        return position
    }

    func record(_ identity: IdentityName?, _ event: RecordEvent) async throws {
        try await self.log.append([Record(time: self.time.wall, identity: identity, event: event)])
    }
}

extension PageRequest {
    /// The page of a list that's in order of `key`; the cursor is the last key of the page before, which may be gone.
    func of<Row, Item>(
        _ rows: [Row], by key: (Row) -> String, _ item: (Row) -> Item
    ) -> Page<Item> {
        let rest = self.after.map { after in rows.drop { key($0) <= after } } ?? rows[...]
        let page = rest.prefix(self.limit)
        return Page(items: page.map(item), next: page.count < rest.count ? page.last.map(key) : nil)
    }
}

extension CertificateSubject {
    var identity: IdentityName? {
        switch self {
        case .identity(let name): name
        case .agent: nil
        }
    }
}

extension IssuedCertificate {
    fileprivate init(_ guest: EnrolledGuest) {
        self.init(
            certificate: guest.certificate.pem, authority: guest.authority, subject: guest.subject,
            expiresAt: guest.certificate.notAfter)
    }
}
