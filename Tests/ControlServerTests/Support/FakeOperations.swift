import ControlAPI
import ControlServer
import GloveboxCore
import Identity
import Synchronization

/// Operations that write down what they are asked and answer what a test tells them to.
final class FakeOperations: ControlOperations {
    /// One operation that was called, with all that the server handed it.
    enum Asked: Hashable, Sendable {
        case authority, health
        case enrol(code: String, request: String)
        case renewCertificate(request: String), revokeCurrentCertificate, whoAmI
        case inviteIdentity(IdentityName, Role), inviteAgent(AgentName)
        case identities(PageRequest), identity(IdentityName)
        case disableIdentity(IdentityName, Precondition), enableIdentity(IdentityName, Precondition)
        case agent(AgentName), quarantineAgent(AgentName, Precondition), releaseAgent(AgentName, Precondition)
        case removeAgent(AgentName, Precondition)
        case createToken(TokenName, IdentityName?, Role, TokenScope?, Duration), tokens(PageRequest)
        case revokeToken(TokenName)
        case targets(PageRequest), agents(PageRequest)
        case openLease(TargetName, Set<Capability>, Duration, String)
        case leases(LeaseQuery), lease(LeaseID), extendLease(LeaseID, Duration), endLease(LeaseID)
        case records(RecordQuery), record(RecordID), proof(RecordID), follow(RecordQuery), checkpoint(UInt64)
        case approvals(ApprovalQuery), approval(ApprovalID), withdrawApproval(ApprovalID)
        case grantApproval(ApprovalID, String, String?), denyApproval(ApprovalID, String, String?)
        case reviewApproval(ApprovalID, String)
        case sessions(PageRequest), sessionRecords(SessionID, PageRequest), endSession(SessionID)
        case applyChanges(LeaseID, String, [ChangeItem]), changes(ChangeQuery), change(ChangeSetID)
        case keepChange(ChangeSetID), undoChange(ChangeSetID)
        case rollBack(ChangeSetID?, LeaseID?, Timestamp?, Bool, Bool)
        case flags(FlagQuery), explainFlag(String, TargetName?, [String: JSONValue])
        case followFlags(TargetName, String?), acknowledged(String)
        case attendRun(ChangeSetID), issueMarks(ChangeSetID, String, Set<String>, String?, Int), markKeys(TargetName)
    }

    struct Entry: Sendable {
        var asked: Asked
        var call: Call?
    }

    private struct State {
        var entries: [Entry] = []
        var failure: (any Error)?
        var fails: @Sendable (Asked) -> Bool = { _ in true }
        var delay: (@Sendable () async -> Void)?
    }

    let authorityCertificate: CertificateAuthority
    /// What `GET /v1/ca` shows, if it's something else than the CA that signs.
    let shownAuthority: String?
    private let state = Mutex(State())

    init(authority: CertificateAuthority, shownAuthority: String? = nil) {
        self.authorityCertificate = authority
        self.shownAuthority = shownAuthority
    }

    var entries: [Entry] { self.state.withLock { $0.entries } }
    var asked: [Asked] { self.entries.map(\.asked) }

    /// Every operation that `fails` takes throws this from now on.
    func fail(with error: (any Error)?, when fails: @escaping @Sendable (Asked) -> Bool = { _ in true }) {
        self.state.withLock {
            $0.failure = error
            $0.fails = fails
        }
    }
    /// Every operation waits for this first.
    func wait(for delay: (@Sendable () async -> Void)?) { self.state.withLock { $0.delay = delay } }

    private func note(_ asked: Asked, _ call: Call? = nil) async throws {
        let (failure, delay) = self.state.withLock { state in
            state.entries.append(Entry(asked: asked, call: call))
            return (state.fails(asked) ? state.failure : nil, state.delay)
        }
        await delay?()
        if let failure { throw failure }
    }

    func authority() async throws -> String {
        try await self.note(.authority)
        return self.shownAuthority ?? self.authorityCertificate.pem
    }

    func health() async throws -> Health {
        try await self.note(.health)
        return Health(status: .ok, version: "1.2.3")
    }

    func enrol(_ request: EnrolmentRequest, from origin: RequestOrigin) async throws -> IssuedCertificate {
        try await self.note(
            .enrol(code: request.code.secret.exposeSecret(), request: request.certificateRequest))
        return try self.issue(request.certificateRequest, to: .identity(IdentityName("ada")))
    }

    func renewCertificate(_ request: CertificateRenewal, _ call: Call) async throws -> IssuedCertificate {
        try await self.note(.renewCertificate(request: request.certificateRequest), call)
        return try self.issue(request.certificateRequest, to: call.caller.subject)
    }

    private func issue(_ request: String, to subject: CertificateSubject) throws -> IssuedCertificate {
        let leaf = try self.authorityCertificate.issueClient(request, subject: subject)
        return IssuedCertificate(
            certificate: leaf.pem, authority: self.authorityCertificate.pem, subject: subject, expiresAt: leaf.notAfter)
    }

    func revokeCurrentCertificate(_ call: Call) async throws {
        try await self.note(.revokeCurrentCertificate, call)
    }

    func whoAmI(_ call: Call) async throws -> WhoAmI {
        try await self.note(.whoAmI, call)
        return WhoAmI(
            subject: call.caller.subject, role: call.caller.role, groups: ["on-call"],
            certificate: .init(serial: "0a", expiresAt: Self.moment))
    }

    func inviteIdentity(_ request: IdentityInviteRequest, _ call: Call) async throws -> Invitation {
        try await self.note(.inviteIdentity(request.name, request.role), call)
        return Invitation(subject: .identity(request.name), code: Secret("gbi_test"), expiresAt: Self.moment)
    }

    func inviteAgent(_ request: AgentInviteRequest, _ call: Call) async throws -> Invitation {
        try await self.note(.inviteAgent(request.name), call)
        return Invitation(subject: .agent(request.name), code: Secret("gba_test"), expiresAt: Self.moment)
    }

    func identities(_ page: PageRequest, _ call: Call) async throws -> Page<IdentityStatus> {
        try await self.note(.identities(page), call)
        return Page(items: [try Self.identity()])
    }

    func identity(_ name: IdentityName, _ call: Call) async throws -> Versioned<IdentityStatus> {
        try await self.note(.identity(name), call)
        return Versioned(try Self.identity(), version: 3)
    }

    func disableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus> {
        try await self.note(.disableIdentity(name, precondition), call)
        try precondition.check(3)
        return Versioned(try Self.identity(isDisabled: true), version: 4)
    }

    func enableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus> {
        try await self.note(.enableIdentity(name, precondition), call)
        return Versioned(try Self.identity(), version: 4)
    }

    func agent(_ name: AgentName, _ call: Call) async throws -> Versioned<AgentStatus> {
        try await self.note(.agent(name), call)
        return Versioned(try Self.agent(), version: 3)
    }

    func quarantineAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus> {
        try await self.note(.quarantineAgent(name, precondition), call)
        return Versioned(try Self.agent(isQuarantined: true), version: 4)
    }

    func releaseAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus> {
        try await self.note(.releaseAgent(name, precondition), call)
        return Versioned(try Self.agent(), version: 4)
    }

    func removeAgent(_ name: AgentName, if precondition: Precondition, _ call: Call) async throws {
        try await self.note(.removeAgent(name, precondition), call)
    }

    func createToken(_ request: TokenRequest, _ call: Call) async throws -> CreatedToken {
        try await self.note(
            .createToken(request.name, request.identity, request.role, request.scope, request.lifetime.duration), call)
        return CreatedToken(token: try Self.token(scope: request.scope ?? .all), secret: Secret("gbt_test"))
    }

    func tokens(_ page: PageRequest, _ call: Call) async throws -> Page<TokenStatus> {
        try await self.note(.tokens(page), call)
        return Page(items: [try Self.token()])
    }

    func revokeToken(_ name: TokenName, _ call: Call) async throws {
        try await self.note(.revokeToken(name), call)
    }

    func targets(_ page: PageRequest, _ call: Call) async throws -> Page<TargetStatus> {
        try await self.note(.targets(page), call)
        return Page(items: [
            TargetStatus(
                TargetAnnouncement(
                    name: try TargetName("shop-db"), kind: "postgres", labels: ["tier": "gold"],
                    capabilities: [.write, .read]),
                agent: try AgentName("eu-1"), isOnline: true)
        ])
    }

    func agents(_ page: PageRequest, _ call: Call) async throws -> Page<AgentStatus> {
        try await self.note(.agents(page), call)
        return Page(items: [try Self.agent()])
    }

    func openLease(_ request: LeaseRequest, _ call: Call) async throws -> LeaseAnswer {
        try await self.note(
            .openLease(request.target, request.capabilities, request.duration.duration, request.purpose), call)
        guard request.purpose != Self.purposeThatWaits else { return .waits(try Self.approval()) }
        let lease = try Self.lease(try LeaseID("0123456789ab"))
        return .opened(
            OpenedLease(
                lease: lease, token: Secret("gbl_token"),
                postgres: PostgresAddress(host: "gateway.test", port: 6543, user: "\(lease.target).\(lease.id)")))
    }

    func leases(_ query: LeaseQuery, _ call: Call) async throws -> Page<LeaseStatus> {
        try await self.note(.leases(query), call)
        return Page(items: [try Self.lease(try LeaseID("0123456789ab"))], next: "cursor &1")
    }

    func lease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus {
        try await self.note(.lease(id), call)
        return try Self.lease(id)
    }

    func extendLease(_ id: LeaseID, _ request: LeaseExtension, _ call: Call) async throws -> LeaseStatus {
        try await self.note(.extendLease(id, request.duration.duration), call)
        return try Self.lease(id)
    }

    func endLease(_ id: LeaseID, _ call: Call) async throws -> LeaseStatus {
        try await self.note(.endLease(id), call)
        return try Self.lease(id, state: .ended(.holder, at: Self.moment))
    }

    func records(_ query: RecordQuery, _ call: Call) async throws -> Page<RecordEntry> {
        try await self.note(.records(query), call)
        return Page(items: [RecordEntry(try Self.record(RecordID(origin: "agent/eu-1", sequence: 7)))], next: "9")
    }

    func record(_ id: RecordID, _ call: Call) async throws -> RecordEntry {
        try await self.note(.record(id), call)
        return RecordEntry(try Self.record(id))
    }

    func approvals(_ query: ApprovalQuery, _ call: Call) async throws -> Page<ApprovalStatus> {
        try await self.note(.approvals(query), call)
        return Page(items: [try Self.approval()])
    }

    func approval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus {
        try await self.note(.approval(id), call)
        return try Self.approval(id)
    }

    func grantApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus {
        try await self.note(.grantApproval(id, verdict.digest, verdict.reason), call)
        return try Self.approval(id, state: .granted)
    }

    func denyApproval(_ id: ApprovalID, _ verdict: ApprovalVerdict, _ call: Call) async throws -> ApprovalStatus {
        try await self.note(.denyApproval(id, verdict.digest, verdict.reason), call)
        return try Self.approval(id, state: .denied(at: Self.moment))
    }

    func withdrawApproval(_ id: ApprovalID, _ call: Call) async throws -> ApprovalStatus {
        try await self.note(.withdrawApproval(id), call)
        return try Self.approval(id, state: .withdrawn(at: Self.moment))
    }

    func reviewApproval(_ id: ApprovalID, _ review: ApprovalReview, _ call: Call) async throws -> ApprovalStatus {
        try await self.note(.reviewApproval(id, review.note), call)
        return try Self.approval(
            id, state: .reviewed(by: try IdentityName("ann"), at: Self.moment, note: review.note))
    }

    func sessions(_ page: PageRequest, _ call: Call) async throws -> Page<SessionStatus> {
        try await self.note(.sessions(page), call)
        return Page(items: [try Self.session()])
    }

    func sessionRecords(_ id: SessionID, _ page: PageRequest, _ call: Call) async throws -> SessionRecords {
        try await self.note(.sessionRecords(id, page), call)
        return SessionRecords(
            items: [RecordEntry(try Self.record(RecordID(origin: "agent/eu-1", sequence: 7)))], next: "12")
    }

    func endSession(_ id: SessionID, _ call: Call) async throws -> SessionStatus {
        try await self.note(.endSession(id), call)
        return try Self.session(id, endedAt: Self.moment)
    }

    func applyChanges(_ request: ChangeRequest, _ call: Call) async throws -> ChangeStatus {
        try await self.note(.applyChanges(request.lease, request.title, request.changes), call)
        return try Self.change()
    }

    func changes(_ query: ChangeQuery, _ call: Call) async throws -> Page<ChangeStatus> {
        try await self.note(.changes(query), call)
        return Page(items: [try Self.change()])
    }

    func change(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        try await self.note(.change(id), call)
        return try Self.change(id)
    }

    func keepChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        try await self.note(.keepChange(id), call)
        return try Self.change(id, state: .kept)
    }

    func undoChange(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        try await self.note(.undoChange(id), call)
        return try Self.change(id, state: .undone)
    }

    func rollBack(_ request: RollbackRequest, _ call: Call) async throws -> Rollback {
        try await self.note(
            .rollBack(request.change, request.lease, request.since, request.all, request.preview), call)
        return Rollback(isPreview: request.preview, changes: [try Self.change()])
    }

    func flags(_ query: FlagQuery, _ call: Call) async throws -> Page<FlagStatus> {
        try await self.note(.flags(query), call)
        return Page(items: [try Self.flag()])
    }

    func explainFlag(_ key: String, _ question: FlagQuestion, _ call: Call) async throws -> FlagExplanation {
        try await self.note(.explainFlag(key, question.target, question.context), call)
        return try Self.explanation()
    }

    /// One event, and an end once the caller has said something of it.
    func followFlags(_ target: TargetName, having tag: String?, _ call: Call) async throws -> FlagFollowing {
        try await self.note(.followFlags(target, tag), call)
        let (stream, events) = AsyncThrowingStream.makeStream(of: ServerEvent.self)
        events.yield(ServerEvent(id: "7-ab", name: "epoch", data: "{}"))
        guard target.rawValue == "talks" else {
            events.finish()
            return FlagFollowing(events: stream, acknowledge: { _ in })
        }
        return FlagFollowing(
            events: stream,
            acknowledge: { tag in
                self.state.withLock { $0.entries.append(Entry(asked: .acknowledged(tag), call: call)) }
                events.finish()
            })
    }

    func attendRun(_ id: ChangeSetID, _ call: Call) async throws -> ChangeStatus {
        try await self.note(.attendRun(id), call)
        return try Self.change(id)
    }

    func issueMarks(_ id: ChangeSetID, _ request: MarkRequest, _ call: Call) async throws -> Marks {
        try await self.note(.issueMarks(id, request.testCase, request.methods, request.version, request.count), call)
        return Marks(
            marks: (0..<request.count).map { "mark-\($0)" }, expiresAt: Timestamp(Self.moment))
    }

    func markKeys(_ edge: TargetName, _ call: Call) async throws -> MarkKeys {
        try await self.note(.markKeys(edge), call)
        return Self.markKeys
    }

    static let markKeys = MarkKeys(keys: [
        .init(
            publicKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", validFrom: Timestamp(FakeOperations.moment),
            validUntil: Timestamp(FakeOperations.moment))
    ])

    /// With all fields, or with no more than must be there.
    static func change(
        _ id: ChangeSetID = ChangeSetID(unchecked: "0123456789ab"), state: ChangeState = .applied, isWhole: Bool = true
    ) throws -> ChangeStatus {
        let set = ChangeSet(
            id: id, title: "a new checkout", holder: try IdentityName("ada"), lease: try LeaseID("0123456789ab"),
            target: try TargetName("flags"), changes: [], scope: isWhole ? .testRun("nightly") : nil,
            plannedAt: Self.moment, state: state)
        let item = ChangeStatus.Item(
            kind: "flag", key: "a", definition: isWhole ? .object(["state": .string("ENABLED")]) : nil,
            former: isWhole ? .object([:]) : nil, changedSinceBy: isWhole ? id : nil)
        let host = ChangeStatus.Item(
            HostChange(
                target: try TargetName("host"), lease: try LeaseID("0123456789ab"),
                action: .runbook(name: "deploy", parameters: ["version": "2"])), isChangedSince: true, by: nil)
        var status = ChangeStatus(set, changes: isWhole ? [item, host] : [item])
        guard isWhole else { return status }
        status.remaining = Seconds(.seconds(60))
        status.epoch = 7
        status.clients = [.init(epoch: 7, count: 2), .init(epoch: nil, count: 1)]
        var judged = ChangeStatus.Guard(
            GuardCondition(name: "e", sign: .signal("errors"), bound: .atMost(0.1), patience: .seconds(5)))
        judged.verdict = "holds"
        judged.value = 0.01
        status.guards = [
            judged,
            ChangeStatus.Guard(
                GuardCondition(name: "q", sign: .query("up"), bound: .atLeast(1), patience: .seconds(5))),
        ]
        status.rollout = [RolloutItem(percent: 10, holds: Seconds(.seconds(5)))]
        status.percent = 10
        status.keptBy = try IdentityName("ann")
        status.cause = "its lease ended (expired)"
        status.failure = .init(attempts: 2, code: "unavailable", message: "the disk is full")
        return status
    }

    static func flag(isWhole: Bool = true) throws -> FlagStatus {
        FlagStatus(
            target: try TargetName("flags"), key: "a", definition: .object(["state": .string("ENABLED")]),
            fault: isWhole ? "its variants are an object with one at least" : nil,
            changes: [ChangeSetID(unchecked: "0123456789ab")])
    }

    static func explanation(isWhole: Bool = true) throws -> FlagExplanation {
        var answer = FlagExplanation(
            target: try TargetName("flags"), key: "a", epoch: 7, reason: "STATIC", changes: [])
        guard isWhole else { return answer }
        answer.value = .bool(true)
        answer.variant = "on"
        answer.errorCode = "GENERAL"
        answer.detail = "why"
        return answer
    }

    static func session(
        _ id: SessionID = SessionID(unchecked: "0123456789abcdef"), endedAt: WallTime? = nil
    ) throws -> SessionStatus {
        SessionStatus(
            id: id, lease: try LeaseID("0123456789ab"), holder: try IdentityName("ada"),
            target: try TargetName("shop-db"), client: "127.0.0.1", openedAt: Self.moment, endedAt: endedAt)
    }

    /// A lease with this purpose waits for approval.
    static let purposeThatWaits = "needs approval"

    static func approval(
        _ id: ApprovalID = ApprovalID(unchecked: "0123456789ab"), state: ApprovalState = .pending
    ) throws -> ApprovalStatus {
        ApprovalStatus(
            Approval(
                id: id, kind: .lease, asker: try IdentityName("ada"), subject: [1], digest: [0xAB, 0x01],
                requirement: ApprovalRequirement(count: 2, groups: ["leads"], within: .seconds(3600)),
                requestedAt: Self.moment,
                expiry: LeaseExpiry(
                    wall: Self.moment.advanced(by: .seconds(3600)), bootID: BootID("b"),
                    deadline: BootInstant(nanoseconds: 1), remainder: .seconds(3600)),
                votes: [
                    ApprovalVote(by: try IdentityName("ann"), verdict: .grant, at: Self.moment, reason: "go ahead")
                ], state: state),
            lease: .init(
                holder: try IdentityName("ada"), target: try TargetName("shop-db"), purpose: "INC-4711",
                capabilities: [.write], duration: .seconds(900), rule: "writes", limits: Limits(rows: 10),
                maskingProfile: "default"),
            missing: 1, remaining: .seconds(60))
    }

    func proof(of id: RecordID, _ call: Call) async throws -> RecordProofAnswer {
        try await self.note(.proof(id), call)
        return RecordProofAnswer(
            record: id.description, index: 0, entry: "AA==", inclusion: [], key: "k", checkpoint: "c\n")
    }

    func follow(_ query: RecordQuery, _ call: Call) async throws -> AsyncThrowingStream<ServerEvent, any Error> {
        try await self.note(.follow(query), call)
        let data = try JSONForm.encode(RecordEntry(try Self.record(RecordID(origin: "gateway", sequence: 1))))
        return AsyncThrowingStream { events in
            events.yield(ServerEvent(id: "1", name: "record", data: String(decoding: data, as: UTF8.self)))
            events.yield(.alive)
            events.finish()
        }
    }

    func checkpoint(since size: UInt64, _ call: Call) async throws -> CheckpointAnswer {
        try await self.note(.checkpoint(size), call)
        return CheckpointAnswer(key: "k", checkpoint: "c\n", consistency: [])
    }

    /// 2025-01-01T00:00:00Z
    static let moment = WallTime(nanoseconds: 1_735_689_600_000_000_000)

    static func identity(isDisabled: Bool = false) throws -> IdentityStatus {
        IdentityStatus(name: try IdentityName("max"), role: .member, isDisabled: isDisabled, createdAt: Self.moment)
    }

    static func agent(isQuarantined: Bool = false) throws -> AgentStatus {
        AgentStatus(
            name: try AgentName("eu-1"), isOnline: true, isQuarantined: isQuarantined, since: Self.moment,
            version: "1.2.3", targets: [try TargetName("shop-db")])
    }

    static func token(scope: TokenScope = .all, isWhole: Bool = true) throws -> TokenStatus {
        TokenStatus(
            name: try TokenName("ci"), identity: try IdentityName("robot"), scope: scope,
            createdBy: isWhole ? try IdentityName("ada") : nil, createdAt: Self.moment,
            expiresAt: Self.moment.advanced(by: .seconds(60)), revokedAt: isWhole ? Self.moment : nil,
            isActive: !isWhole)
    }

    static func lease(_ id: LeaseID, state: LeaseState = .active) throws -> LeaseStatus {
        LeaseStatus(
            Lease(
                id: id, holder: try IdentityName("ada"), target: try TargetName("shop-db"), purpose: "INC-4711",
                capabilities: [.read], limits: Limits(rows: 1000), maskingProfile: "standard", rule: "on-call reads",
                longest: .seconds(3600), openedAt: Self.moment,
                expiry: LeaseExpiry(
                    wall: Self.moment.advanced(by: .seconds(900)), bootID: BootID("b"),
                    deadline: BootInstant(nanoseconds: 1), remainder: .seconds(900)),
                state: state, verifier: ScramVerifier(salt: [1], iterations: 4096, storedKey: [2], serverKey: [3])),
            remaining: .milliseconds(899_500))
    }

    static func record(_ id: RecordID) throws -> StoredRecord {
        StoredRecord(
            id: id,
            record: Record(
                time: Self.moment, identity: try IdentityName("ada"), target: try TargetName("shop-db"),
                lease: try LeaseID("0123456789ab"), event: .statement(text: "SELECT 1", values: ["‹email:x›", nil])))
    }
}
