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

    /// Whether it tells what has happened whether or not it can be written down: such records are kept in memory while
    /// the disk takes none. All others are written before what they tell of, which doesn't happen then; refusals aren't
    /// kept, since anybody can cause any number of them.
    package var isReport: Bool {
        switch self {
        case .enrolled, .signedOut, .agentDisconnected, .policyLoaded, .leaseEnded, .sessionEnded: true
        case .identityInvited, .agentInvited, .signInRefused, .agentConnected, .policyRefused, .leaseOpened,
            .leaseExtended, .leaseRefused, .sessionStarted, .sessionRefused, .statement, .statementRefused,
            .cancelRequested:
            false
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
        }
    }
}

/// What a session carried, told when it ends.
package struct SessionReceipt: Hashable, Sendable {
    package var statements: Int64
    package var rows: Int64
    /// Bytes of results that left the agent.
    package var bytes: Int64
    /// Values looked at.
    package var valuesSeen: Int64
    /// Values masked, by kind of detector or classification.
    package var valuesMasked: [String: Int64]
    package var lasted: Duration

    package init(
        statements: Int64 = 0, rows: Int64 = 0, bytes: Int64 = 0, valuesSeen: Int64 = 0,
        valuesMasked: [String: Int64] = [:], lasted: Duration = .zero
    ) {
        self.statements = statements
        self.rows = rows
        self.bytes = bytes
        self.valuesSeen = valuesSeen
        self.valuesMasked = valuesMasked
        self.lasted = lasted
    }
}
