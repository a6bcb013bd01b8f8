import ControlAPI
import GloveboxCore

@testable import ControlServer

/// Values of every type that the API speaks: with all fields, and with no more than must be there.
struct DocumentSamples {
    var schema: String
    var full: JSONValue
    var least: JSONValue
    /// What a request's type takes; nil for an answer's.
    var fields: Set<String>?

    private static func answer<Value: Codable>(
        _ schema: String, full: Value, least: Value? = nil
    ) throws -> DocumentSamples {
        DocumentSamples(schema: schema, full: try json(full), least: try json(least ?? full))
    }

    /// - Parameter rest: fields that none but another request has; each is read beside what must be there.
    private static func request<Value: RequestContent>(
        _ schema: String, _ full: Value, least: String? = nil, rest: [String: JSONValue] = [:]
    ) throws -> DocumentSamples {
        var full = try json(full)
        let least = try least.map { try JSONForm.decode(JSONValue.self, from: Array($0.utf8)) } ?? full
        for value in [full, least] { _ = try JSONForm.decodeBody(Value.self, from: try JSONForm.encode(value)) }
        for (name, value) in rest {
            let other = JSONValue.object((least.object ?? [:]).merging([name: value]) { $1 })
            _ = try JSONForm.decodeBody(Value.self, from: try JSONForm.encode(other))
            full = .object((full.object ?? [:]).merging([name: value]) { $1 })
        }
        return DocumentSamples(schema: schema, full: full, least: least, fields: Value.fields)
    }

    private static func page<Item: Codable & Sendable>(_ schema: String, _ item: Item) throws -> DocumentSamples {
        try Self.answer("\(schema)Page", full: Page(items: [item], next: "x"), least: Page(items: [item]))
    }

    private static func json(_ value: some Encodable) throws -> JSONValue {
        try JSONForm.decode(JSONValue.self, from: try JSONForm.encode(value))
    }

    static func all() throws -> [DocumentSamples] {
        try Self.requests() + Self.certificates() + Self.inventory() + Self.leases() + Self.approvals() + Self.records()
            + Self.sessions() + Self.changes()
    }

    private static func requests() throws -> [DocumentSamples] {
        [
            try Self.request(
                "EnrolmentRequest", EnrolmentRequest(code: OneTimeSecret(Secret("gbi_x")), certificateRequest: "pem")),
            try Self.request("CertificateRenewal", CertificateRenewal(certificateRequest: "pem")),
            try Self.request("IdentityInviteRequest", IdentityInviteRequest(name: IdentityName("ada"), role: .admin)),
            try Self.request("AgentInviteRequest", AgentInviteRequest(name: AgentName("eu-1"))),
            try Self.request(
                "LeaseRequest",
                LeaseRequest(
                    target: TargetName("shop-db"), capabilities: [.read, .write], duration: .milliseconds(1500),
                    purpose: "INC-4711"), least: #"{"target":"shop-db","duration":60,"purpose":"x"}"#,
                rest: ["approval": .string("0123456789ab"), "breakGlass": .bool(true)]),
            try Self.request(
                "TokenRequest",
                TokenRequest(
                    name: TokenName("ci"), identity: IdentityName("robot"), role: .member, scope: .read,
                    lifetime: .seconds(60)), least: #"{"name":"ci","role":"member","lifetime":60}"#),
            try Self.request("LeaseExtension", LeaseExtension(duration: .seconds(60))),
            try Self.request(
                "ApprovalVerdict", ApprovalVerdict(digest: "ab01", reason: "why"), least: #"{"digest":"ab01"}"#),
            try Self.request("ApprovalReview", ApprovalReview(note: "fine")),
        ]
    }

    private static func certificates() throws -> [DocumentSamples] {
        let ada = CertificateSubject.identity(try IdentityName("ada"))
        let moment = FakeOperations.moment
        return [
            try Self.answer("Subject", full: Subject(ada)),
            try Self.answer(
                "Health", full: Health(status: .degraded, reason: "the disk is full", version: "1"),
                least: Health(status: .ok, version: "1")),
            try Self.answer(
                "IssuedCertificate",
                full: IssuedCertificate(certificate: "pem", authority: "pem", subject: ada, expiresAt: moment)),
            try Self.answer(
                "WhoAmI",
                full: WhoAmI(
                    subject: ada, role: .admin, groups: ["on-call"],
                    certificate: .init(serial: "0a", expiresAt: moment),
                    token: .init(name: TokenName("ci"), scope: .read, expiresAt: moment)),
                least: WhoAmI(subject: .agent(AgentName("eu-1")), role: nil, groups: [])),
            try Self.answer("IdentityStatus", full: FakeOperations.identity()),
            try Self.page("IdentityStatus", FakeOperations.identity()),
            try Self.answer("Scope", full: TokenScope.operations(["openLease"]), least: .all),
            try Self.answer("TokenStatus", full: FakeOperations.token(), least: FakeOperations.token(isWhole: false)),
            try Self.page("TokenStatus", FakeOperations.token()),
            try Self.answer(
                "CreatedToken", full: CreatedToken(token: FakeOperations.token(), secret: Secret("gbt_x"))),
            try Self.answer("Invitation", full: Invitation(subject: ada, code: Secret("gbi_x"), expiresAt: moment)),
            try Self.answer(
                "Problem", full: Problem(GloveboxError(.notFound, "no"), requestID: "r1"),
                least: Problem(GloveboxError(.notFound, "no"))),
        ]
    }

    private static func inventory() throws -> [DocumentSamples] {
        let target = TargetStatus(
            TargetAnnouncement(
                name: try TargetName("shop-db"), kind: "postgres", labels: ["tier": "gold"], capabilities: [.read]),
            agent: try AgentName("eu-1"), isOnline: true)
        func agent(_ since: WallTime?, _ version: String?) throws -> AgentStatus {
            AgentStatus(
                name: try AgentName("eu-1"), isOnline: true, isQuarantined: false, since: since, version: version,
                targets: [try TargetName("shop-db")])
        }
        return [
            try Self.answer("TargetStatus", full: target), try Self.page("TargetStatus", target),
            try Self.answer("AgentStatus", full: agent(FakeOperations.moment, "1"), least: agent(nil, nil)),
            try Self.page("AgentStatus", agent(nil, nil)),
        ]
    }

    private static func leases() throws -> [DocumentSamples] {
        let id = try LeaseID("0123456789ab")
        let active = try FakeOperations.lease(id)
        var ended = try FakeOperations.lease(id, state: .ended(.holderDisabled, at: FakeOperations.moment))
        ended.approval = try ApprovalID("0123456789ab")
        ended.isBreakGlass = true
        let address = PostgresAddress(host: "gateway.test", port: 6543, user: "shop-db.0123456789ab")
        return [
            try Self.answer("Limits", full: Limits(rows: 1, bytes: 2, seconds: 3, sessions: 4), least: Limits()),
            try Self.answer("LeaseStatus", full: ended, least: active), try Self.page("LeaseStatus", active),
            try Self.answer("PostgresAddress", full: address),
            try Self.answer(
                "OpenedLease", full: OpenedLease(lease: active, token: Secret("gbl_x"), postgres: address),
                least: OpenedLease(lease: active, token: Secret("gbl_x"), postgres: nil)),
        ]
    }

    private static func approvals() throws -> [DocumentSamples] {
        var full = try FakeOperations.approval(
            state: .reviewed(by: IdentityName("ann"), at: FakeOperations.moment, note: "fine"))
        full.remaining = Seconds(.seconds(60))
        full.opened = try LeaseID("0123456789ab")
        var least = try FakeOperations.approval(state: .unreviewed)
        least.lease = nil
        least.requirement = nil
        least.votes[0].reason = nil
        least.expiresAt = nil
        least.remaining = nil
        return [
            try Self.answer("ApprovalStatus", full: full, least: least), try Self.page("ApprovalStatus", least),
        ]
    }

    private static func sessions() throws -> [DocumentSamples] {
        let full = try FakeOperations.session(endedAt: FakeOperations.moment)
        var least = full
        least.client = nil
        least.endedAt = nil
        let record = RecordEntry(try FakeOperations.record(RecordID(origin: "agent/eu-1", sequence: 7)))
        return [
            try Self.answer("SessionStatus", full: full, least: least), try Self.page("SessionStatus", full),
            try Self.answer("SessionRecords", full: SessionRecords(items: [record], next: "12")),
        ]
    }

    private static func changes() throws -> [DocumentSamples] {
        let flag = FlagEdit(key: "a", definition: .object([:]))
        return [
            try Self.request(
                "ChangeRequest",
                ChangeRequest(
                    lease: LeaseID("0123456789ab"), moreLeases: [LeaseID("0123456789ab")], title: "x",
                    changes: [
                        ChangeItem(flag: flag),
                        ChangeItem(
                            runbook: HostUse(target: try TargetName("host"), name: "deploy", parameters: ["a": "1"])),
                        ChangeItem(file: FileEdit(target: try TargetName("host"), path: "/etc/a", content: "b")),
                        ChangeItem(call: HostUse(name: "drain")),
                        ChangeItem(route: RouteEdit(service: "web", weights: ["v1": 90, "v2": 10])),
                        ChangeItem(
                            testRun: TestRunEdit(routes: [.init(host: "shop.example", path: "/api")], writes: 5)),
                    ],
                    guards: [
                        GuardItem(name: "e", signal: "errors", atMost: 0.1, patience: Seconds(.seconds(5))),
                        GuardItem(query: "up", atLeast: 1),
                    ], rollout: [RolloutItem(percent: 10, holds: Seconds(.seconds(5)))], scope: .testRun("nightly")),
                least:
                    #"{"lease": "0123456789ab", "title": "x", "changes": [{"flag": {"key": "a", "isRemoved": true}}]}"#),
            try Self.request(
                "RollbackRequest", RollbackRequest(all: true, preview: true), least: "{}",
                rest: [
                    "change": .string("0123456789ab"), "lease": .string("0123456789ab"),
                    "since": .string("2026-11-25T07:17:57Z"),
                ]),
            try Self.request(
                "MarkRequest", MarkRequest(testCase: "order", methods: ["GET"], version: "v2", count: 3),
                least: #"{"testCase": "a", "methods": ["POST"]}"#),
            try Self.answer("Marks", full: Marks(marks: ["a"], expiresAt: Timestamp(FakeOperations.moment))),
            try Self.answer("MarkKeys", full: FakeOperations.markKeys),
            try Self.request(
                "FlagQuestion", FlagQuestion(target: TargetName("flags"), context: ["a": .integer(1)]), least: "{}"),
            DocumentSamples(
                schema: "HostUse",
                full: try json(
                    HostUse(target: try TargetName("host"), name: "deploy", parameters: ["version": "2"])),
                least: .object(["name": .string("drain")])),
            try Self.answer(
                "ChangeStatus", full: FakeOperations.change(), least: FakeOperations.change(isWhole: false)),
            try Self.page("ChangeStatus", FakeOperations.change()),
            try Self.answer("Rollback", full: Rollback(isPreview: true, changes: [FakeOperations.change()])),
            try Self.answer("FlagStatus", full: FakeOperations.flag(), least: FakeOperations.flag(isWhole: false)),
            try Self.page("FlagStatus", FakeOperations.flag()),
            try Self.answer(
                "FlagExplanation", full: FakeOperations.explanation(),
                least: FakeOperations.explanation(isWhole: false)),
        ]
    }

    private static func records() throws -> [DocumentSamples] {
        let id = RecordID(origin: "agent/eu-1", sequence: 7)
        var full = try FakeOperations.record(id)
        full.record.session = .random()
        let least = StoredRecord(id: id, record: Record(time: FakeOperations.moment, event: .cancelRequested))
        return [
            try Self.answer("RecordEntry", full: RecordEntry(full), least: RecordEntry(least)),
            try Self.page("RecordEntry", RecordEntry(full)),
            try Self.answer(
                "RecordProofAnswer",
                full: RecordProofAnswer(
                    record: id.description, index: 6, entry: "AA==", inclusion: ["AA=="], key: "k", checkpoint: "c\n")),
            try Self.answer(
                "CheckpointAnswer", full: CheckpointAnswer(key: "k", checkpoint: "c\n", consistency: ["AA=="])),
        ]
    }

    /// What each endpoint's query takes; MalformedRequestTests has what else is refused.
    static let queries: [Endpoint: [String]] = [
        .listIdentities: ["after", "limit"], .listTokens: ["after", "limit"],
        .listTargets: ["after", "limit"], .listAgents: ["after", "limit"],
        .listLeases: ["active", "holder", "target", "after", "limit"],
        .listRecords: ["identity", "target", "lease", "event", "since", "until", "after", "limit"],
        .followRecords: ["identity", "target", "lease", "event", "since", "until", "after", "limit"],
        .showCheckpoint: ["since"], .listApprovals: ["open", "unreviewed", "asker", "after", "limit"],
        .listSessions: ["after", "limit"], .sessionRecords: ["after", "limit"],
        .listChanges: ["open", "lease", "after", "limit"], .listFlags: ["target", "after", "limit"],
    ]

    /// The schema of what each endpoint takes.
    static let bodies: [Endpoint: String] = [
        .enrol: "EnrolmentRequest", .renewCertificate: "CertificateRenewal", .inviteIdentity: "IdentityInviteRequest",
        .inviteAgent: "AgentInviteRequest", .createToken: "TokenRequest", .openLease: "LeaseRequest",
        .extendLease: "LeaseExtension", .grantApproval: "ApprovalVerdict", .denyApproval: "ApprovalVerdict",
        .reviewApproval: "ApprovalReview", .applyChanges: "ChangeRequest", .rollBack: "RollbackRequest",
        .explainFlag: "FlagQuestion", .issueMarks: "MarkRequest",
    ]

    /// The schema of what each endpoint answers with; `followRecords` and `followFlags` answer no JSON.
    static let answers: [Endpoint: String] = [
        .health: "Health", .enrol: "IssuedCertificate", .renewCertificate: "IssuedCertificate", .whoAmI: "WhoAmI",
        .inviteIdentity: "Invitation", .inviteAgent: "Invitation", .listIdentities: "IdentityStatusPage",
        .showIdentity: "IdentityStatus", .disableIdentity: "IdentityStatus", .enableIdentity: "IdentityStatus",
        .showAgent: "AgentStatus", .quarantineAgent: "AgentStatus", .releaseAgent: "AgentStatus",
        .createToken: "CreatedToken", .listTokens: "TokenStatusPage", .listTargets: "TargetStatusPage",
        .listAgents: "AgentStatusPage", .openLease: "OpenedLease", .listLeases: "LeaseStatusPage",
        .showLease: "LeaseStatus", .extendLease: "LeaseStatus", .endLease: "LeaseStatus",
        .listRecords: "RecordEntryPage", .showRecord: "RecordEntry", .proveRecord: "RecordProofAnswer",
        .showCheckpoint: "CheckpointAnswer", .listApprovals: "ApprovalStatusPage", .showApproval: "ApprovalStatus",
        .grantApproval: "ApprovalStatus", .denyApproval: "ApprovalStatus", .withdrawApproval: "ApprovalStatus",
        .reviewApproval: "ApprovalStatus", .listSessions: "SessionStatusPage", .sessionRecords: "SessionRecords",
        .endSession: "SessionStatus", .applyChanges: "ChangeStatus", .listChanges: "ChangeStatusPage",
        .showChange: "ChangeStatus", .keepChange: "ChangeStatus", .undoChange: "ChangeStatus", .rollBack: "Rollback",
        .attendRun: "ChangeStatus", .issueMarks: "Marks", .markKeys: "MarkKeys",
        .listFlags: "FlagStatusPage", .explainFlag: "FlagExplanation",
    ]
}
