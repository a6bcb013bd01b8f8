import GloveboxCore
import Testing

@Suite("Records in canonical form")
struct RecordTests {
    static let events: [RecordEvent] = [
        .identityInvited(name: IdentityName(unchecked: "ada"), role: .admin),
        .agentInvited(name: AgentName(unchecked: "demo")),
        .enrolled(subject: "identity ada", means: "code"),
        .signedOut(subject: "identity ada"),
        .signInRefused(code: "invite_invalid", claimed: nil),
        .signInRefused(code: "unauthenticated", claimed: "shop-db.x"),
        .signInRefused(code: "unauthenticated", claimed: nil, others: 17),
        .agentConnected(agent: AgentName(unchecked: "demo"), version: "1"),
        .agentDisconnected(agent: AgentName(unchecked: "demo"), reason: "closed"),
        .policyLoaded(digest: "abc"),
        .policyRefused(message: "line 3, column 1"),
        .leaseOpened(
            capabilities: [.read], limits: Limits(rows: 10, sessions: 1), lasts: .seconds(900), purpose: "INC-1",
            rule: "r"),
        .leaseExtended(lasts: .seconds(60)),
        .leaseEnded(.expired, by: nil),
        .leaseEnded(.admin, by: IdentityName(unchecked: "ada")),
        .leaseRefused(code: "policy_denied", rule: nil, message: "m"),
        .sessionStarted(application: "psql", client: nil),
        .sessionRefused(code: "ceiling_denied", message: "m"),
        .sessionEnded(
            SessionReceipt(
                statements: 1, rows: 2, bytes: 3, valuesSeen: 4, valuesMasked: ["email": 2, "card": 1],
                lasted: .milliseconds(5)), reason: "client closed"),
        .sessionEnded(
            SessionReceipt(
                valuesShown: [.init(kind: "email", reason: "they are public", count: 3)], lasted: .milliseconds(5)),
            reason: "client closed"),
        .statement(text: "select $1, $2", values: ["1", nil]),
        .statementRefused(code: "c", message: "m", text: "t"),
        .cancelRequested,
        .approvalRequested(ApprovalID(unchecked: "0123456789ab"), digest: "ab12", summary: "read on shop-db"),
        .approvalGranted(
            ApprovalID(unchecked: "0123456789ab"), by: IdentityName(unchecked: "bob"), digest: "ab12", reason: nil),
        .approvalDenied(
            ApprovalID(unchecked: "0123456789ab"), by: IdentityName(unchecked: "bob"), digest: "ab12", reason: "no"),
        .approvalExpired(ApprovalID(unchecked: "0123456789ab")),
        .approvalWithdrawn(ApprovalID(unchecked: "0123456789ab")),
        .approvalUsed(ApprovalID(unchecked: "0123456789ab"), grantedBy: [IdentityName(unchecked: "bob")]),
        .breakGlassOpened(ApprovalID(unchecked: "0123456789ab"), digest: "ab12", summary: "read on shop-db"),
        .breakGlassReviewed(
            ApprovalID(unchecked: "0123456789ab"), by: IdentityName(unchecked: "bob"), note: "fine"),
        .webhookFailed(webhook: "siem", event: "approval_requested", attempts: 6, reason: "it answered 500"),
        .sessionCut(by: IdentityName(unchecked: "bob")),
        .identityDisabled(name: IdentityName(unchecked: "ada")),
        .identityEnabled(name: IdentityName(unchecked: "ada")),
        .agentQuarantined(agent: AgentName(unchecked: "demo")),
        .agentReleased(agent: AgentName(unchecked: "demo")),
        .agentRemoved(agent: AgentName(unchecked: "demo")),
        .tokenCreated(
            name: TokenName(unchecked: "ci"), holder: IdentityName(unchecked: "robot"), scope: "read",
            lasts: .seconds(86_400)),
        .tokenRevoked(name: TokenName(unchecked: "ci")),
        .changeApplied(ChangeSetID(unchecked: "0123456789ab"), title: "a new checkout", changes: ["flag 'a': …"]),
        .changeAdvanced(ChangeSetID(unchecked: "0123456789ab"), percent: 10),
        .changeKept(ChangeSetID(unchecked: "0123456789ab"), by: IdentityName(unchecked: "ada")),
        .changeUndone(
            ChangeSetID(unchecked: "0123456789ab"), cause: "lease ended (expired)", by: nil,
            conflicts: ["flag 'a' was changed since by 0123456789ac"]),
        .changeUndone(
            ChangeSetID(unchecked: "0123456789ab"), cause: "asked for", by: IdentityName(unchecked: "ada"),
            conflicts: []),
        .changeStuck(ChangeSetID(unchecked: "0123456789ab"), attempts: 3, code: "unavailable", message: "m"),
        .changeRan(
            ChangeSetID(unchecked: "0123456789ab"), what: "apply of runbook 'deploy'", outcome: "exit 0", output: "o"),
        .changeRefused(code: "lease_not_active", message: "m"),
        .agentSealed(agent: AgentName(unchecked: "demo"), code: "canary_leaked", message: "m"),
        .agentUnsealed(agent: AgentName(unchecked: "demo")),
        .taintOverflow(kept: 4096),
    ]

    @Test("every event comes back as it was written, and has one byte form", arguments: Self.events)
    func roundTrip(event: RecordEvent) throws {
        let record = Record(
            time: WallTime(nanoseconds: -5), identity: IdentityName(unchecked: "ada"),
            target: TargetName(unchecked: "shop-db"), lease: .random(), session: .random(), event: event,
            isHostOnly: true)
        #expect(try Record(canonicalBytes: record.canonicalBytes) == record)
        let bare = Record(time: WallTime(nanoseconds: 1), event: event)
        #expect(try Record(canonicalBytes: bare.canonicalBytes) == bare)
    }

    @Test("bytes that are not canonical are refused", arguments: Self.events)
    func damaged(event: RecordEvent) throws {
        let bytes = Record(time: WallTime(nanoseconds: 1), event: event).canonicalBytes
        #expect(throws: GloveboxError.self) { try Record(canonicalBytes: bytes + [0]) }
        for end in bytes.indices {
            #expect(throws: GloveboxError.self) { try Record(canonicalBytes: bytes[..<end]) }
        }
        for index in bytes.indices {
            var flipped = bytes
            flipped[index] ^= 0x80
            // Either refused, or another record with exactly these bytes.
            if let other = try? Record(canonicalBytes: flipped) { #expect(other.canonicalBytes == flipped) }
        }
    }

    @Test("a secret prints as redacted whatever prints it")
    func secret() {
        let secret = Secret("hunter2hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \(dumped)".contains("hunter2"))
        #expect(secret.exposeSecret() == "hunter2hunter2")
    }

    @Test("the tighter of two limits holds, part by part")
    func limits() {
        let a = Limits(rows: 5, bytes: nil, seconds: 9)
        let b = Limits(rows: 7, bytes: 3, seconds: nil)
        #expect(a.tightened(by: b) == Limits(rows: 5, bytes: 3, seconds: 9))
    }
}
