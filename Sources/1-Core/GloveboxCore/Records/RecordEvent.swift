/// What a record tells. Each case has a stable number (its field tag in canonical form) and a stable name.
package enum RecordEvent: Hashable, Sendable {
    case identityInvited(name: IdentityName, role: Role)
    case agentInvited(name: AgentName)
    /// A certificate was issued: by a code, a token, or a renewal.
    case enrolled(subject: String, means: String)
    case signedOut(subject: String)
    /// Somebody was refused before it was known who they are.
    /// `others` were refused since the last of these records, and have none of their own: who floods a port doesn't fill
    /// the log.
    case signInRefused(code: String, claimed: String?, others: UInt64 = 0)
    case agentConnected(agent: AgentName, version: String)
    case agentDisconnected(agent: AgentName, reason: String)
    case policyLoaded(digest: String)
    case policyRefused(message: String)
    case leaseOpened(capabilities: [Capability], limits: Limits, lasts: Duration, purpose: String, rule: String)
    case leaseExtended(lasts: Duration)
    case leaseEnded(LeaseEnd, by: IdentityName?)
    case leaseRefused(code: String, rule: String?, message: String)
    case sessionStarted(application: String?, client: String?)
    case sessionRefused(code: String, message: String)
    case sessionEnded(SessionReceipt, reason: String)
    /// A statement that is about to be forwarded; text and values are redacted.
    case statement(text: String, values: [String?])
    case statementRefused(code: String, message: String, text: String)
    case cancelRequested
    /// The oldest records up to a position, all from before a moment, were removed as the gateway's retention has it.
    case recordsPruned(upTo: UInt64, before: WallTime)
    /// The gateway was restored: its log goes on under another name and key. `checkpoint` is the last one of the old name,
    /// a signed note.
    case logBegun(origin: String, checkpoint: String)
    /// Somebody asked for what a rule allows with approval alone; `summary` says what in one line, `digest` is what
    /// approvers consent to, in hexadecimal.
    case approvalRequested(ApprovalID, digest: String, summary: String)
    case approvalGranted(ApprovalID, by: IdentityName, digest: String, reason: String?)
    case approvalDenied(ApprovalID, by: IdentityName, digest: String, reason: String?)
    case approvalExpired(ApprovalID)
    case approvalWithdrawn(ApprovalID)
    /// With those whose grants counted.
    case approvalUsed(ApprovalID, grantedBy: [IdentityName])
    /// A rule let somebody in without approval; `approval` is open until somebody else has reviewed it.
    case breakGlassOpened(ApprovalID, digest: String, summary: String)
    case breakGlassReviewed(ApprovalID, by: IdentityName, note: String)
    /// Somebody outside wasn't told of an event.
    case webhookFailed(webhook: String, event: String, attempts: UInt64, reason: String)
    /// Somebody who watches over sessions ended one; its end has a record of its own.
    case sessionCut(by: IdentityName)
    /// All that it held was ended.
    case identityDisabled(name: IdentityName)
    case identityEnabled(name: IdentityName)
    /// It serves nothing any more; its sessions were ended.
    case agentQuarantined(agent: AgentName)
    case agentReleased(agent: AgentName)
    /// Its certificates are no longer accepted.
    case agentRemoved(agent: AgentName)
    case tokenCreated(name: TokenName, holder: IdentityName, scope: String, lasts: Duration)
    case tokenRevoked(name: TokenName)
    /// Changes that are about to be made; `changes` says in one line each what they are.
    case changeApplied(ChangeSetID, title: String, changes: [String])
    /// Its rollout goes on: this share of those who ask is about to see it.
    case changeAdvanced(ChangeSetID, percent: UInt64)
    /// It outlives its lease.
    case changeKept(ChangeSetID, by: IdentityName)
    /// It has gone back, but for what others have changed since (`conflicts`).
    case changeUndone(ChangeSetID, cause: String, by: IdentityName?, conflicts: [String])
    /// It's to go back and doesn't; it's tried again.
    case changeStuck(ChangeSetID, attempts: UInt64, code: String, message: String)
    case changeRefused(code: String, message: String)
    /// Its masking may not be trusted, and its sessions were ended; none opens until ``agentUnsealed(agent:)``.
    case agentSealed(agent: AgentName, code: String, message: String)
    /// A reload has made its masking trusted again.
    case agentUnsealed(agent: AgentName)
    /// So many secrets of a lease are known again where they turn up; those that are masked from here on aren't.
    case taintOverflow(kept: UInt64)
    /// Something was run on a host to apply a change, or to undo it; `output` is redacted, `outcome` says how it ended.
    case changeRan(ChangeSetID, what: String, outcome: String, output: String)

    /// Whether it tells what has happened whether or not it can be written down: such records are kept in memory while
    /// the disk takes none. All others are written before what they tell of, which doesn't happen then; refusals aren't
    /// kept, since anybody can cause any number of them.
    package var isReport: Bool {
        switch self {
        case .enrolled, .signedOut, .agentDisconnected, .policyLoaded, .leaseEnded, .sessionEnded, .approvalExpired,
            .sessionCut, .identityDisabled, .agentQuarantined, .agentRemoved, .tokenRevoked, .changeUndone,
            .changeStuck, .agentSealed, .agentUnsealed, .taintOverflow, .changeRan:
            true
        case .identityInvited, .agentInvited, .signInRefused, .agentConnected, .policyRefused, .leaseOpened,
            .leaseExtended, .leaseRefused, .sessionStarted, .sessionRefused, .statement, .statementRefused,
            .cancelRequested, .recordsPruned, .logBegun, .approvalRequested, .approvalGranted, .approvalDenied,
            .approvalWithdrawn, .approvalUsed, .breakGlassOpened, .breakGlassReviewed, .webhookFailed,
            .identityEnabled, .agentReleased, .tokenCreated, .changeApplied, .changeAdvanced, .changeKept,
            .changeRefused:
            false
        }
    }

    /// Which approval it's about.
    package var approval: ApprovalID? {
        switch self {
        case .approvalRequested(let id, _, _), .approvalGranted(let id, _, _, _), .approvalDenied(let id, _, _, _),
            .approvalExpired(let id), .approvalWithdrawn(let id), .approvalUsed(let id, _),
            .breakGlassOpened(let id, _, _), .breakGlassReviewed(let id, _, _):
            id
        default: nil
        }
    }

    package static let leaseEndedName = "lease_ended"

    /// Stable; used by filters and exports.
    package var name: String {
        switch self {
        case .identityInvited: "identity_invited"
        case .agentInvited: "agent_invited"
        case .enrolled: "enrolled"
        case .signedOut: "signed_out"
        case .signInRefused: "sign_in_refused"
        case .agentConnected: "agent_connected"
        case .agentDisconnected: "agent_disconnected"
        case .policyLoaded: "policy_loaded"
        case .policyRefused: "policy_refused"
        case .leaseOpened: "lease_opened"
        case .leaseExtended: "lease_extended"
        case .leaseEnded: Self.leaseEndedName
        case .leaseRefused: "lease_refused"
        case .sessionStarted: "session_started"
        case .sessionRefused: "session_refused"
        case .sessionEnded: "session_ended"
        case .statement: "statement"
        case .statementRefused: "statement_refused"
        case .cancelRequested: "cancel_requested"
        case .recordsPruned: "records_pruned"
        case .logBegun: "log_begun"
        case .approvalRequested: "approval_requested"
        case .approvalGranted: "approval_granted"
        case .approvalDenied: "approval_denied"
        case .approvalExpired: "approval_expired"
        case .approvalWithdrawn: "approval_withdrawn"
        case .approvalUsed: "approval_used"
        case .breakGlassOpened: "break_glass_opened"
        case .breakGlassReviewed: "break_glass_reviewed"
        case .webhookFailed: "webhook_failed"
        case .sessionCut: "session_cut"
        case .identityDisabled: "identity_disabled"
        case .identityEnabled: "identity_enabled"
        case .agentQuarantined: "agent_quarantined"
        case .agentReleased: "agent_released"
        case .agentRemoved: "agent_removed"
        case .tokenCreated: "token_created"
        case .tokenRevoked: "token_revoked"
        case .changeApplied: "change_applied"
        case .changeAdvanced: "change_advanced"
        case .changeKept: "change_kept"
        case .changeUndone: "change_undone"
        case .changeStuck: "change_stuck"
        case .changeRefused: "change_refused"
        case .agentSealed: "agent_sealed"
        case .agentUnsealed: "agent_unsealed"
        case .taintOverflow: "taint_overflow"
        case .changeRan: "change_ran"
        }
    }
}

/// What a session carried, told when it ends.
package struct SessionReceipt: Hashable, Sendable {
    /// How many values of a kind were shown for one reason.
    package struct Shown: Hashable, Sendable {
        package var kind: String
        package var reason: String
        package var count: Int64

        package init(kind: String, reason: String, count: Int64) {
            self.kind = kind
            self.reason = reason
            self.count = count
        }
    }

    package var statements: Int64
    package var rows: Int64
    /// Bytes of results that left the agent.
    package var bytes: Int64
    /// Values looked at.
    package var valuesSeen: Int64
    /// Values masked, by kind of detector or classification.
    package var valuesMasked: [String: Int64]
    /// Values that were found and shown all the same, as the masking profile has it.
    package var valuesShown: [Shown]
    package var lasted: Duration

    package init(
        statements: Int64 = 0, rows: Int64 = 0, bytes: Int64 = 0, valuesSeen: Int64 = 0,
        valuesMasked: [String: Int64] = [:], valuesShown: [Shown] = [], lasted: Duration = .zero
    ) {
        self.statements = statements
        self.rows = rows
        self.bytes = bytes
        self.valuesSeen = valuesSeen
        self.valuesMasked = valuesMasked
        self.valuesShown = valuesShown
        self.lasted = lasted
    }
}
