package import GloveboxCore

/// What a gateway keeps: identities, invitations, certificates, agents, leases, approvals.
///
/// Rows have versions: `update` expects the version that was read and adds one; if somebody else wrote the row first
/// it throws `store_conflict`, and the caller reads again. Every method is atomic and durable when it returns.
/// The suite `StorageConformance` says what an adapter has to do.
package protocol Storage: Sendable {
    // Identities
    func identity(_ name: IdentityName) async throws -> IdentityEntry?
    func identities() async throws -> [IdentityEntry]
    /// - Throws: `conflict` when the name is taken.
    func insert(_ identity: IdentityEntry) async throws
    func update(_ identity: IdentityEntry) async throws

    // Agents
    func agent(_ name: AgentName) async throws -> AgentEntry?
    func agents() async throws -> [AgentEntry]
    func insert(_ agent: AgentEntry) async throws
    func update(_ agent: AgentEntry) async throws

    // Invitations
    func insert(_ invite: InviteEntry) async throws
    /// Marks the invitation as used and returns it: once, and only before it runs out. `nil` otherwise.
    func redeemInvite(codeHash: [UInt8], at time: WallTime) async throws -> InviteEntry?

    // Certificates
    func insert(_ certificate: CertificateEntry) async throws
    func certificate(serial: String) async throws -> CertificateEntry?
    /// Returns whether there was one to revoke.
    func revokeCertificate(serial: String) async throws -> Bool

    // Leases
    func lease(_ id: LeaseID) async throws -> Lease?
    /// Newest first.
    func leases(_ filter: LeaseFilter) async throws -> [Lease]
    func insert(_ lease: Lease) async throws
    /// Writes `lease` if its stored version is `lease.version`, and returns it with the next version.
    func update(_ lease: Lease) async throws -> Lease

    // Approvals
    func approval(_ id: ApprovalID) async throws -> Approval?
    /// Newest first.
    func approvals(_ filter: ApprovalFilter) async throws -> [Approval]
    func insert(_ approval: Approval) async throws
    /// As for a lease.
    func update(_ approval: Approval) async throws -> Approval
    /// Inserts a lease and updates the approval that lets it open: both or neither.
    func insert(_ lease: Lease, using approval: Approval) async throws

    /// Closes files and connections; nothing is called after it.
    func close() async throws
}

/// A person or machine, as stored.
package struct IdentityEntry: Hashable, Sendable, Codable {
    package var name: IdentityName
    package var role: Role
    package var isDisabled: Bool
    package var createdAt: WallTime
    package var version: Int64

    package init(name: IdentityName, role: Role, isDisabled: Bool = false, createdAt: WallTime, version: Int64 = 0) {
        self.name = name
        self.role = role
        self.isDisabled = isDisabled
        self.createdAt = createdAt
        self.version = version
    }
}

/// An agent, as stored.
package struct AgentEntry: Hashable, Sendable, Codable {
    package var name: AgentName
    package var isDisabled: Bool
    package var createdAt: WallTime
    package var version: Int64

    package init(name: AgentName, isDisabled: Bool = false, createdAt: WallTime, version: Int64 = 0) {
        self.name = name
        self.isDisabled = isDisabled
        self.createdAt = createdAt
        self.version = version
    }
}

/// A single-use invitation; only the SHA-256 of its code is stored.
package struct InviteEntry: Hashable, Sendable, Codable {
    package enum Guest: Hashable, Sendable, Codable {
        case person(IdentityName, Role)
        case agent(AgentName)
    }

    package var codeHash: [UInt8]
    package var guest: Guest
    package var invitedBy: IdentityName?
    package var expiresAt: WallTime
    package var usedAt: WallTime?

    package init(
        codeHash: [UInt8], guest: Guest, invitedBy: IdentityName?, expiresAt: WallTime, usedAt: WallTime? = nil
    ) {
        self.codeHash = codeHash
        self.guest = guest
        self.invitedBy = invitedBy
        self.expiresAt = expiresAt
        self.usedAt = usedAt
    }
}

/// A client certificate that the gateway issued.
package struct CertificateEntry: Hashable, Sendable, Codable {
    /// Lower-case hexadecimal.
    package var serial: String
    package var subject: CertificateSubject
    package var notAfter: WallTime
    package var isRevoked: Bool

    package init(serial: String, subject: CertificateSubject, notAfter: WallTime, isRevoked: Bool = false) {
        self.serial = serial
        self.subject = subject
        self.notAfter = notAfter
        self.isRevoked = isRevoked
    }
}

package struct LeaseFilter: Hashable, Sendable {
    package var holder: IdentityName?
    package var target: TargetName?
    package var activeOnly: Bool

    package init(holder: IdentityName? = nil, target: TargetName? = nil, activeOnly: Bool = false) {
        self.holder = holder
        self.target = target
        self.activeOnly = activeOnly
    }
}

package struct ApprovalFilter: Hashable, Sendable {
    package var asker: IdentityName?
    /// Those that may still be granted, denied or used.
    package var openOnly: Bool
    /// Break-glass that nobody has reviewed.
    package var unreviewedOnly: Bool

    package init(asker: IdentityName? = nil, openOnly: Bool = false, unreviewedOnly: Bool = false) {
        self.asker = asker
        self.openOnly = openOnly
        self.unreviewedOnly = unreviewedOnly
    }
}
