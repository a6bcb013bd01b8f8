package import GloveboxCore

/// An approval as the API shows it: what was asked for is read back from the bytes that its digest names.
package struct ApprovalStatus: Sendable, Codable {
    package enum State: String, Sendable, Codable {
        case pending, granted, denied, expired, withdrawn, used
        /// Break-glass that nobody else has looked at yet, and that somebody has.
        case unreviewed, reviewed
    }

    /// A lease as it would be opened.
    package struct AskedLease: Sendable, Codable {
        package var holder: IdentityName
        package var target: TargetName
        package var purpose: String
        package var capabilities: [Capability]
        package var duration: Seconds
        package var rule: String
        package var limits: Limits
        package var maskingProfile: String

        package init(
            holder: IdentityName, target: TargetName, purpose: String, capabilities: [Capability], duration: Duration,
            rule: String, limits: Limits, maskingProfile: String
        ) {
            self.holder = holder
            self.target = target
            self.purpose = purpose
            self.capabilities = capabilities
            self.duration = Seconds(duration)
            self.rule = rule
            self.limits = limits
            self.maskingProfile = maskingProfile
        }
    }

    package struct Requirement: Sendable, Codable {
        package var count: Int
        /// The policy's groups; empty for anybody who may approve at all.
        package var from: [String]
        /// From asking to using.
        package var within: Seconds

        package init(_ requirement: ApprovalRequirement) {
            self.count = requirement.count
            self.from = requirement.groups
            self.within = Seconds(requirement.within)
        }
    }

    package struct Vote: Sendable, Codable {
        package var by: IdentityName
        package var verdict: ApprovalVote.Verdict
        package var at: Timestamp
        package var reason: String?

        package init(_ vote: ApprovalVote) {
            self.by = vote.by
            self.verdict = vote.verdict
            self.at = Timestamp(vote.at)
            self.reason = vote.reason
        }
    }

    package struct Review: Sendable, Codable {
        package var by: IdentityName
        package var at: Timestamp
        package var note: String
    }

    package var id: ApprovalID
    package var kind: ApprovalKind
    package var asker: IdentityName
    package var state: State
    /// SHA-256 of what was asked for, in hexadecimal: who grants or denies sends it along.
    package var digest: String
    package var lease: AskedLease?
    /// Absent for break-glass.
    package var requirement: Requirement?
    /// How many more have to grant it, as approvers are now.
    package var missing: Int
    package var votes: [Vote]
    package var requestedAt: Timestamp
    /// Until when it may be granted and used.
    package var expiresAt: Timestamp?
    /// What is left by the gateway's boot clock.
    package var remaining: Seconds?
    /// The lease that it let open.
    package var opened: LeaseID?
    package var review: Review?

    /// - Parameters:
    ///   - lease: what `approval.subject` says.
    ///   - remaining: what is left by the clock that judges it.
    package init(_ approval: Approval, lease: AskedLease?, missing: Int, remaining: Duration?) {
        self.id = approval.id
        self.kind = approval.kind
        self.asker = approval.asker
        self.digest = hexadecimal(approval.digest)
        self.lease = lease
        self.requirement = approval.requirement.map(Requirement.init)
        self.missing = missing
        self.votes = approval.votes.map(Vote.init)
        self.requestedAt = Timestamp(approval.requestedAt)
        self.expiresAt = approval.expiry.map { Timestamp($0.wall) }
        self.remaining = approval.isOpen ? remaining.map { Seconds($0) } : nil
        self.opened = approval.lease
        switch approval.state {
        case .pending: self.state = .pending
        case .granted: self.state = .granted
        case .denied: self.state = .denied
        case .expired: self.state = .expired
        case .withdrawn: self.state = .withdrawn
        case .used: self.state = .used
        case .unreviewed: self.state = .unreviewed
        case .reviewed(let by, let at, let note):
            self.state = .reviewed
            self.review = Review(by: by, at: Timestamp(at), note: note)
        }
    }
}

/// What `POST /v1/leases` comes to: 201 with the lease and its token, or 202 with the approval that it waits for.
package enum LeaseAnswer: Sendable, Encodable {
    case opened(OpenedLease)
    case waits(ApprovalStatus)

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .opened(let opened): try opened.encode(to: encoder)
        case .waits(let approval): try approval.encode(to: encoder)
        }
    }
}

/// `POST /v1/approvals/{id}/grant`, `…/deny`
package struct ApprovalVerdict: RequestContent {
    package static let fields: Set<String> = ["digest", "reason"]

    /// Of what the approver saw.
    package var digest: String
    package var reason: String?

    package init(digest: String, reason: String? = nil) {
        self.digest = digest
        self.reason = reason
    }

    /// - Throws: `invalid_argument`.
    package func validate() throws(GloveboxError) {
        if let reason { try validateLine(reason, "reason: say why") }
    }
}

/// `POST /v1/approvals/{id}/review`
package struct ApprovalReview: RequestContent {
    package static let fields: Set<String> = ["note"]

    package var note: String

    package init(note: String) {
        self.note = note
    }

    /// - Throws: `invalid_argument`.
    package func validate() throws(GloveboxError) {
        try validateLine(self.note, "note: say what you found")
    }
}

/// `GET /v1/approvals?open=&unreviewed=&asker=&after=&limit=`, newest first.
package struct ApprovalQuery: Sendable, Hashable {
    package var openOnly: Bool
    package var unreviewedOnly: Bool
    package var asker: IdentityName?
    package var page: PageRequest

    package init(
        openOnly: Bool = false, unreviewedOnly: Bool = false, asker: IdentityName? = nil, page: PageRequest = .init()
    ) {
        self.openOnly = openOnly
        self.unreviewedOnly = unreviewedOnly
        self.asker = asker
        self.page = page
    }
}

/// Text that goes on record as one line.
/// - Throws: `invalid_argument`.
func validateLine(_ text: String, _ what: String) throws(GloveboxError) {
    let printable = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    guard text.contains(where: { !$0.isWhitespace }), text.utf8.count <= 500, printable else {
        throw GloveboxError(.invalidArgument, "\(what), on one line of at most 500 bytes")
    }
}

/// Lower-case digits, two a byte.
package func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
}
