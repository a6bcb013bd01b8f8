/// Names an approval. Not a secret.
package struct ApprovalID: RandomIdentifier {
    package static let length = 12
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// What can need approval. Each kind has a canonical form that its approvals are bound to (`Approvals`).
package enum ApprovalKind: String, Hashable, Sendable, Codable, CaseIterable {
    case lease
}

/// Whose consent a rule asks for before what it allows may be used.
package struct ApprovalRequirement: Hashable, Sendable, Codable {
    /// How many have to grant; each somebody else, and never who asks.
    package var count: Int
    /// They are in one of these groups of the policy; empty: anybody who may approve at all.
    package var groups: [String]
    /// From asking to using.
    package var within: Duration

    package init(count: Int = 1, groups: [String] = [], within: Duration) {
        self.count = count
        self.groups = groups
        self.within = within
    }

    /// What it takes, for people: `2 of leads`.
    package var inWords: String {
        "\(self.count) of \(self.groups.isEmpty ? "approvers" : self.groups.joined(separator: ", "))"
    }
}

/// Consent to exactly one thing: what was asked for, whose consent it takes, what each of them said, and what became of
/// it. For break-glass, which waits for nobody, the account that's open until somebody else has reviewed it.
///
/// A value as the store keeps it; the engine `Approvals` says how it changes.
package struct Approval: Hashable, Sendable, Codable {
    package var id: ApprovalID
    package var kind: ApprovalKind
    package var asker: IdentityName
    /// What was asked for, in the canonical form of its kind.
    package var subject: [UInt8]
    /// SHA-256 of kind and subject: what approvers consent to, and what is held against them when it's used.
    package var digest: [UInt8]
    /// Absent for break-glass.
    package var requirement: ApprovalRequirement?
    package var requestedAt: WallTime
    /// Until when it may be granted and used; absent for break-glass, which stays open until it's reviewed.
    package var expiry: LeaseExpiry?
    /// The last word of each approver, in the order in which they spoke.
    package var votes: [ApprovalVote]
    package var state: ApprovalState
    /// What it was used for.
    package var lease: LeaseID?
    /// Counts the writes of the row; the store refuses a write that expects another one.
    package var version: Int64

    package init(
        id: ApprovalID, kind: ApprovalKind, asker: IdentityName, subject: [UInt8], digest: [UInt8],
        requirement: ApprovalRequirement?, requestedAt: WallTime, expiry: LeaseExpiry?, votes: [ApprovalVote] = [],
        state: ApprovalState, lease: LeaseID? = nil, version: Int64 = 0
    ) {
        self.id = id
        self.kind = kind
        self.asker = asker
        self.subject = subject
        self.digest = digest
        self.requirement = requirement
        self.requestedAt = requestedAt
        self.expiry = expiry
        self.votes = votes
        self.state = state
        self.lease = lease
        self.version = version
    }

    package var isBreakGlass: Bool { self.requirement == nil }
    /// Whether it may still be granted, denied, withdrawn or used.
    package var isOpen: Bool { self.state == .pending || self.state == .granted }
    package var isUnreviewed: Bool { self.state == .unreviewed }
}

/// What one approver said.
package struct ApprovalVote: Hashable, Sendable, Codable {
    package enum Verdict: String, Hashable, Sendable, Codable {
        case grant, deny
    }

    package var by: IdentityName
    package var verdict: Verdict
    package var at: WallTime
    package var reason: String?

    package init(by: IdentityName, verdict: Verdict, at: WallTime, reason: String?) {
        self.by = by
        self.verdict = verdict
        self.at = at
        self.reason = reason
    }
}

package enum ApprovalState: Hashable, Sendable, Codable {
    case pending
    /// By enough approvers; whether they still count is asked again when it's used.
    case granted
    case denied(at: WallTime)
    case expired(at: WallTime)
    case withdrawn(at: WallTime)
    case used(at: WallTime)
    /// Break-glass that nobody else has looked at yet.
    case unreviewed
    case reviewed(by: IdentityName, at: WallTime, note: String)
}

/// Why a lease could be opened although its rule asks for approval.
package enum LeaseApproval: Hashable, Sendable, Codable {
    case granted(ApprovalID)
    case breakGlass(ApprovalID)

    package var id: ApprovalID {
        switch self {
        case .granted(let id), .breakGlass(let id): id
        }
    }
}
