package import GloveboxCore

/// `POST /v1/leases`
package struct LeaseRequest: RequestContent {
    package static let fields: Set<String> = [
        "target", "capabilities", "duration", "purpose", "approval", "breakGlass",
    ]

    package var target: TargetName
    /// `read` when absent.
    package var capabilities: Set<Capability>
    package var duration: Seconds
    package var purpose: String
    /// What was approved is taken: the rest is what the approval says, to the letter.
    package var approval: ApprovalID?
    /// Without waiting for approval, where a rule lets the holder; reviewed afterwards.
    package var breakGlass: Bool

    package init(
        target: TargetName, capabilities: Set<Capability> = [.read], duration: Duration, purpose: String,
        approval: ApprovalID? = nil, breakGlass: Bool = false
    ) {
        self.target = target
        self.capabilities = capabilities
        self.duration = Seconds(duration)
        self.purpose = purpose
        self.approval = approval
        self.breakGlass = breakGlass
    }

    private enum CodingKeys: String, CodingKey {
        case target, capabilities, duration, purpose, approval, breakGlass
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.target = try container.decode(TargetName.self, forKey: .target)
        self.capabilities = try container.decodeIfPresent(Set<Capability>.self, forKey: .capabilities) ?? [.read]
        self.duration = try container.decode(Seconds.self, forKey: .duration)
        self.purpose = try container.decode(String.self, forKey: .purpose)
        self.approval = try container.decodeIfPresent(ApprovalID.self, forKey: .approval)
        self.breakGlass = try container.decodeIfPresent(Bool.self, forKey: .breakGlass) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.target, forKey: .target)
        try container.encode(self.capabilities.sorted(), forKey: .capabilities)
        try container.encode(self.duration, forKey: .duration)
        try container.encode(self.purpose, forKey: .purpose)
        try container.encodeIfPresent(self.approval, forKey: .approval)
        if self.breakGlass { try container.encode(true, forKey: .breakGlass) }
    }

    /// - Throws: `invalid_argument` for what no policy could allow.
    package func validate() throws(GloveboxError) {
        guard !self.capabilities.isEmpty else {
            throw GloveboxError(.invalidArgument, "capabilities: name at least one, such as \"read\"")
        }
        guard self.duration.duration > .zero else {
            throw GloveboxError(.invalidArgument, "duration: a lease lasts longer than 0 seconds")
        }
        try validateLine(self.purpose, "purpose: say why")
        guard self.approval == nil || !self.breakGlass else {
            throw GloveboxError(.invalidArgument, "breakGlass: it waits for no approval, so name none")
        }
    }
}

/// `POST /v1/leases/{id}/extend`
package struct LeaseExtension: RequestContent {
    package static let fields: Set<String> = ["duration"]

    /// How much longer the lease is to last; with all that was granted before, never beyond its `longest`.
    package var duration: Seconds

    package init(duration: Duration) {
        self.duration = Seconds(duration)
    }

    package func validate() throws(GloveboxError) {
        guard self.duration.duration > .zero else {
            throw GloveboxError(.invalidArgument, "duration: a lease is extended by more than 0 seconds")
        }
    }
}

/// A lease as the API shows it.
package struct LeaseStatus: Sendable, Codable {
    package enum State: String, Sendable, Codable {
        case active, ended
    }

    package struct Ending: Sendable, Codable {
        package var reason: LeaseEnd
        package var at: Timestamp

        package init(reason: LeaseEnd, at: WallTime) {
            self.reason = reason
            self.at = Timestamp(at)
        }
    }

    package var id: LeaseID
    package var holder: IdentityName
    package var target: TargetName
    package var purpose: String
    package var capabilities: [Capability]
    package var limits: Limits
    package var maskingProfile: String
    /// The policy rule that allowed it.
    package var rule: String
    /// Which approval let it open, where its rule asks for one or it was opened by break-glass.
    package var approval: ApprovalID?
    package var isBreakGlass: Bool?
    package var openedAt: Timestamp
    package var expiresAt: Timestamp
    /// What is left by the gateway's boot clock; 0 once it has ended.
    package var remaining: Seconds
    /// How long it may last in all, extensions included.
    package var longest: Seconds
    package var state: State
    package var ended: Ending?

    /// - Parameter remaining: what is left by the clock that judges the lease.
    package init(_ lease: Lease, remaining: Duration) {
        self.id = lease.id
        self.holder = lease.holder
        self.target = lease.target
        self.purpose = lease.purpose
        self.capabilities = lease.capabilities.sorted()
        self.limits = lease.limits
        self.maskingProfile = lease.maskingProfile
        self.rule = lease.rule
        self.approval = lease.approval?.id
        if case .breakGlass = lease.approval { self.isBreakGlass = true }
        self.openedAt = Timestamp(lease.openedAt)
        self.expiresAt = Timestamp(lease.expiry.wall)
        self.longest = Seconds(lease.longest)
        switch lease.state {
        case .active:
            self.remaining = Seconds(max(.zero, remaining))
            self.state = .active
        case .ended(let reason, let at):
            self.remaining = Seconds(.zero)
            self.state = .ended
            self.ended = Ending(reason: reason, at: at)
        }
    }
}

/// The answer to `POST /v1/leases`: the token is shown this once.
package struct OpenedLease: Sendable, Codable {
    package var lease: LeaseStatus
    package var token: OneTimeSecret
    /// Where a PostgreSQL client connects; absent for targets of other kinds.
    package var postgres: PostgresAddress?

    package init(lease: LeaseStatus, token: Secret<String>, postgres: PostgresAddress?) {
        self.lease = lease
        self.token = OneTimeSecret(token)
        self.postgres = postgres
    }
}

/// Where PostgreSQL clients reach the gateway; its certificate is signed by the gateway's CA.
package struct PostgresAddress: Sendable, Codable {
    package var host: String
    package var port: Int
    /// `TARGET.LEASE`
    package var user: String

    package init(host: String, port: Int, user: String) {
        self.host = host
        self.port = port
        self.user = user
    }
}

/// `GET /v1/leases?active=&holder=&target=&after=&limit=`
package struct LeaseQuery: Sendable, Hashable {
    package var activeOnly: Bool
    package var holder: IdentityName?
    package var target: TargetName?
    package var page: PageRequest

    package init(
        activeOnly: Bool = false, holder: IdentityName? = nil, target: TargetName? = nil, page: PageRequest = .init()
    ) {
        self.activeOnly = activeOnly
        self.holder = holder
        self.target = target
        self.page = page
    }
}
