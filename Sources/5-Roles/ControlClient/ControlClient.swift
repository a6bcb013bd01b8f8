package import Contracts
package import ControlAPI
package import GloveboxCore
import Identity
import OutboundHTTP

/// The API as its callers see it: one method an endpoint. Made from a profile; renews the profile's certificate in place
/// when less than half of its life is left. Call ``shutdown()`` when done.
package actor ControlClient {
    package static let standardTimeout = Duration.seconds(30)

    /// A machine with a token has none.
    private var profile: Profile?
    private var transport: HTTPTransport
    private let timeout: Duration
    private let time: any TimeSource
    private var hasLookedAtCertificate = false

    /// - Parameter timeout: for each request.
    /// - Throws: `certificate_expired`, `profile_invalid`.
    package init(
        _ profile: Profile, timeout: Duration = ControlClient.standardTimeout, time: any TimeSource = SystemTime()
    ) throws(GloveboxError) {
        guard profile.certificate.notAfter > time.wall else {
            throw GloveboxError(
                .certificateExpired,
                "your certificate ran out at \(Timestamp(profile.certificate.notAfter)): ask for a new code and run 'glovebox login'"
            )
        }
        self.profile = profile
        self.timeout = timeout
        self.time = time
        self.transport = HTTPTransport(profile.gateway, trust: try profile.trust(), timeout: timeout)
    }

    package init(
        _ machine: MachineAccess, timeout: Duration = ControlClient.standardTimeout, time: any TimeSource = SystemTime()
    ) throws {
        self.profile = nil
        self.timeout = timeout
        self.time = time
        self.transport = HTTPTransport(
            machine.gateway, trust: try machine.trust(), timeout: timeout, token: machine.token)
    }

    /// Closes the connections; nothing is called after it.
    package func shutdown() async {
        await self.transport.shutdown()
    }

    package var certificateExpiresAt: WallTime? { self.profile?.certificateExpiresAt }

    // Certificates

    /// A new certificate, written to the profile.
    package func renewCertificate() async throws -> IssuedCertificate {
        guard let profile else { throw GloveboxError(.forbidden, "a token has no certificate to renew") }
        let request = CertificateRenewal(certificateRequest: try profile.key.certificateRequest())
        let issued: IssuedCertificate = try await self.send(.renewCertificate, body: request)
        let renewed = try profile.renewed(issued)
        try renewed.saveCertificate()
        let old = self.transport
        self.transport = HTTPTransport(renewed.gateway, trust: try renewed.trust(), timeout: self.timeout)
        self.profile = renewed
        await old.shutdown()
        return issued
    }

    package func revokeCurrentCertificate() async throws {
        _ = try await self.success(.revokeCurrentCertificate)
    }

    package func whoAmI() async throws -> WhoAmI { try await self.call(.whoAmI) }
    package func health() async throws -> Health { try await self.call(.health) }

    /// The same, with what the gateway's clock showed (RFC 9110's `Date`, to the second); `nil` where it says none.
    package func healthAndDate() async throws -> (health: Health, date: String?) {
        let answer = try await self.success(.health)
        return (try self.transport.decode(Health.self, from: answer), answer.date)
    }

    // Invitations

    package func inviteIdentity(_ request: IdentityInviteRequest) async throws -> Invitation {
        try await self.call(.inviteIdentity, body: request)
    }

    package func inviteAgent(_ request: AgentInviteRequest) async throws -> Invitation {
        try await self.call(.inviteAgent, body: request)
    }

    // Identities

    package func identities(_ page: PageRequest = .init()) async throws -> Page<IdentityStatus> {
        try await self.call(.listIdentities, query: page.parameters)
    }

    package func identity(_ name: IdentityName) async throws -> (status: IdentityStatus, eTag: String) {
        try await self.tagged(.showIdentity, id: name.rawValue)
    }

    /// - Parameter eTag: of the version that's to be changed; `*` whatever it is.
    package func disableIdentity(_ name: IdentityName, if eTag: String) async throws -> IdentityStatus {
        try await self.call(.disableIdentity, id: name.rawValue, fields: [("if-match", eTag)])
    }

    package func enableIdentity(_ name: IdentityName, if eTag: String) async throws -> IdentityStatus {
        try await self.call(.enableIdentity, id: name.rawValue, fields: [("if-match", eTag)])
    }

    // Agents

    package func agents(_ page: PageRequest = .init()) async throws -> Page<AgentStatus> {
        try await self.call(.listAgents, query: page.parameters)
    }

    package func agent(_ name: AgentName) async throws -> (status: AgentStatus, eTag: String) {
        try await self.tagged(.showAgent, id: name.rawValue)
    }

    package func quarantineAgent(_ name: AgentName, if eTag: String) async throws -> AgentStatus {
        try await self.call(.quarantineAgent, id: name.rawValue, fields: [("if-match", eTag)])
    }

    package func releaseAgent(_ name: AgentName, if eTag: String) async throws -> AgentStatus {
        try await self.call(.releaseAgent, id: name.rawValue, fields: [("if-match", eTag)])
    }

    package func removeAgent(_ name: AgentName, if eTag: String) async throws {
        _ = try await self.success(.removeAgent, id: name.rawValue, fields: [("if-match", eTag)])
    }

    // Tokens

    package func createToken(_ request: TokenRequest) async throws -> CreatedToken {
        try await self.call(.createToken, body: request)
    }

    package func tokens(_ page: PageRequest = .init()) async throws -> Page<TokenStatus> {
        try await self.call(.listTokens, query: page.parameters)
    }

    package func revokeToken(_ name: TokenName) async throws {
        _ = try await self.success(.revokeToken, id: name.rawValue)
    }

    // Inventory

    package func targets(_ page: PageRequest = .init()) async throws -> Page<TargetStatus> {
        try await self.call(.listTargets, query: page.parameters)
    }

    // Leases

    package func openLease(_ request: LeaseRequest) async throws -> LeaseAnswer {
        await self.renewWhenDue()
        let answer = try await self.success(.openLease, body: request)
        return answer.status == 202
            ? .waits(try self.transport.decode(ApprovalStatus.self, from: answer))
            : .opened(try self.transport.decode(OpenedLease.self, from: answer))
    }

    package func leases(_ query: LeaseQuery = .init()) async throws -> Page<LeaseStatus> {
        try await self.call(.listLeases, query: query.parameters)
    }

    package func lease(_ id: LeaseID) async throws -> LeaseStatus {
        try await self.call(.showLease, id: id.rawValue)
    }

    package func extendLease(_ id: LeaseID, _ request: LeaseExtension) async throws -> LeaseStatus {
        try await self.call(.extendLease, id: id.rawValue, body: request)
    }

    package func endLease(_ id: LeaseID) async throws -> LeaseStatus {
        try await self.call(.endLease, id: id.rawValue)
    }

    // Records

    package func records(_ query: RecordQuery = .init()) async throws -> Page<RecordEntry> {
        try await self.call(.listRecords, query: query.parameters)
    }

    package func record(_ id: RecordID) async throws -> RecordEntry {
        try await self.call(.showRecord, id: id.description)
    }

    package func proof(of id: RecordID) async throws -> RecordProofAnswer {
        try await self.call(.proveRecord, id: id.description)
    }

    package func checkpoint(since size: UInt64) async throws -> CheckpointAnswer {
        try await self.call(.showCheckpoint, query: [("since", String(size))])
    }

    /// Calls `each` with records as they come in, from the query's cursor or from now on, until it throws, or the task is
    /// cancelled. A stream that ends is begun again where it ended.
    package func follow(_ query: RecordQuery, each: (RecordEntry) throws -> Void) async throws {
        var query = query
        while true {
            await self.renewWhenDue()
            let pairs = query.parameters.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
            let path = "\(Endpoint.followRecords.path)?\(pairs.joined(separator: "&"))"
            try await self.transport.events(path) { event in
                guard event.name == "record" else { return }
                try each(try JSONForm.decode(RecordEntry.self, from: Array(event.data.utf8)))
                if let id = event.id { query.page.after = id }
            }
        }
    }

    // Approvals

    package func approvals(_ query: ApprovalQuery = .init()) async throws -> Page<ApprovalStatus> {
        try await self.call(.listApprovals, query: query.parameters)
    }

    package func approval(_ id: ApprovalID) async throws -> ApprovalStatus {
        try await self.call(.showApproval, id: id.rawValue)
    }

    package func grantApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict) async throws -> ApprovalStatus {
        try await self.call(.grantApproval, id: id.rawValue, body: verdict)
    }

    package func denyApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict) async throws -> ApprovalStatus {
        try await self.call(.denyApproval, id: id.rawValue, body: verdict)
    }

    package func withdrawApproval(_ id: ApprovalID) async throws -> ApprovalStatus {
        try await self.call(.withdrawApproval, id: id.rawValue)
    }

    package func reviewApproval(_ id: ApprovalID, _ review: ApprovalReview) async throws -> ApprovalStatus {
        try await self.call(.reviewApproval, id: id.rawValue, body: review)
    }

    // Sessions

    package func sessions(_ page: PageRequest = .init()) async throws -> Page<SessionStatus> {
        try await self.call(.listSessions, query: page.parameters)
    }

    package func sessionRecords(_ id: SessionID, after: String? = nil) async throws -> SessionRecords {
        try await self.call(.sessionRecords, id: id.rawValue, query: PageRequest(after: after).parameters)
    }

    package func endSession(_ id: SessionID) async throws -> SessionStatus {
        try await self.call(.endSession, id: id.rawValue)
    }

    // Changes

    package func applyChanges(_ request: ChangeRequest) async throws -> ChangeStatus {
        try await self.call(.applyChanges, body: request)
    }

    package func changes(_ query: ChangeQuery = .init()) async throws -> Page<ChangeStatus> {
        try await self.call(.listChanges, query: query.parameters)
    }

    package func change(_ id: ChangeSetID) async throws -> ChangeStatus {
        try await self.call(.showChange, id: id.rawValue)
    }

    package func keepChange(_ id: ChangeSetID) async throws -> ChangeStatus {
        try await self.call(.keepChange, id: id.rawValue)
    }

    package func undoChange(_ id: ChangeSetID) async throws -> ChangeStatus {
        try await self.call(.undoChange, id: id.rawValue)
    }

    package func rollBack(_ request: RollbackRequest) async throws -> Rollback {
        try await self.call(.rollBack, body: request)
    }

    // Test runs

    package func attendRun(_ id: ChangeSetID) async throws -> ChangeStatus {
        try await self.call(.attendRun, id: id.rawValue)
    }

    package func issueMarks(_ id: ChangeSetID, _ request: MarkRequest) async throws -> Marks {
        try await self.call(.issueMarks, id: id.rawValue, body: request)
    }

    // Flags

    package func flags(_ query: FlagQuery = .init()) async throws -> Page<FlagStatus> {
        try await self.call(.listFlags, query: query.parameters)
    }

    package func explainFlag(_ key: String, _ question: FlagQuestion) async throws -> FlagExplanation {
        try await self.call(.explainFlag, id: key, body: question)
    }

    // Steps

    private func call<Value: Decodable>(
        _ endpoint: Endpoint, id: String? = nil, query: [(String, String?)] = [], fields: [(String, String)] = [],
        body: (any RequestContent)? = nil
    ) async throws -> Value {
        await self.renewWhenDue()
        return try await self.send(endpoint, id: id, query: query, fields: fields, body: body)
    }

    private func send<Value: Decodable>(
        _ endpoint: Endpoint, id: String? = nil, query: [(String, String?)] = [], fields: [(String, String)] = [],
        body: (any RequestContent)? = nil
    ) async throws -> Value {
        let answer = try await self.success(endpoint, id: id, query: query, fields: fields, body: body)
        return try self.transport.decode(Value.self, from: answer)
    }

    private func tagged<Value: Decodable>(_ endpoint: Endpoint, id: String) async throws -> (Value, String) {
        await self.renewWhenDue()
        let answer = try await self.success(endpoint, id: id)
        guard let tag = answer.eTag else { throw self.transport.unexpected("no ETag") }
        return (try self.transport.decode(Value.self, from: answer), tag)
    }

    private func success(
        _ endpoint: Endpoint, id: String? = nil, query: [(String, String?)] = [], fields: [(String, String)] = [],
        body: (any RequestContent)? = nil
    ) async throws -> HTTPTransport.Answer {
        var path = id.map { endpoint.path(id: $0) } ?? endpoint.path
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
        if !pairs.isEmpty { path += "?\(pairs.joined(separator: "&"))" }
        let bytes = try body.map { try JSONForm.encode($0) }
        return try await self.transport.success(endpoint.method, path, fields: fields, body: bytes)
    }

    /// Looks once in the client's life. A renewal that fails is no reason to fail a call that the old certificate still
    /// serves; the next run tries again.
    private func renewWhenDue() async {
        guard !self.hasLookedAtCertificate else { return }
        self.hasLookedAtCertificate = true
        guard self.profile?.needsRenewal(at: self.time.wall) == true else { return }
        _ = try? await self.renewCertificate()
    }
}

extension LeaseQuery {
    fileprivate var parameters: [(String, String?)] {
        [
            ("active", self.activeOnly ? "true" : nil), ("holder", self.holder?.rawValue),
            ("target", self.target?.rawValue),
        ] + self.page.parameters
    }
}

extension ApprovalQuery {
    fileprivate var parameters: [(String, String?)] {
        [
            ("open", self.openOnly ? "true" : nil), ("unreviewed", self.unreviewedOnly ? "true" : nil),
            ("asker", self.asker?.rawValue),
        ] + self.page.parameters
    }
}

extension ChangeQuery {
    fileprivate var parameters: [(String, String?)] {
        [("open", self.openOnly ? "true" : nil), ("lease", self.lease?.rawValue)] + self.page.parameters
    }
}

extension FlagQuery {
    fileprivate var parameters: [(String, String?)] {
        [("target", self.target?.rawValue)] + self.page.parameters
    }
}

extension RecordQuery {
    fileprivate var parameters: [(String, String?)] {
        [
            ("identity", self.identity?.rawValue), ("target", self.target?.rawValue), ("lease", self.lease?.rawValue),
            ("event", self.event), ("since", self.since?.description), ("until", self.until?.description),
        ] + self.page.parameters
    }
}

extension PageRequest {
    fileprivate var parameters: [(String, String?)] {
        [("after", self.after), ("limit", self.limit == Self.standardLimit ? nil : String(self.limit))]
    }
}
