package import GloveboxCore

/// What a gateway keeps: identities, invitations, certificates, tokens, agents, leases, approvals, changes, flags.
///
/// Rows have versions: `update` expects the version that was read and adds one; if somebody else wrote the row first
/// it throws `store_conflict`, and the caller reads again. Every method is atomic and durable when it returns.
/// The suite `StorageConformance` says what an adapter has to do.
package protocol Storage: CreationLedger {
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
    /// - Throws: `not_found`, and `store_conflict` when somebody else wrote the row meanwhile.
    func remove(_ agent: AgentEntry) async throws

    // Invitations
    func insert(_ invite: InviteEntry) async throws
    /// Marks the invitation as used and returns it: once, and only before it runs out. `nil` otherwise.
    func redeemInvite(codeHash: [UInt8], at time: WallTime) async throws -> InviteEntry?

    /// Marks what nobody has redeemed as used.
    func withdrawInvites(for subject: CertificateSubject, at time: WallTime) async throws

    // Certificates
    func insert(_ certificate: CertificateEntry) async throws
    func certificate(serial: String) async throws -> CertificateEntry?
    /// Returns whether there was one to revoke.
    func revokeCertificate(serial: String) async throws -> Bool
    /// Revokes all that haven't run out.
    func revokeCertificates(of subject: CertificateSubject, at time: WallTime) async throws

    // Tokens
    /// - Throws: `conflict` when the name is taken, by a token that's revoked too.
    func insert(_ token: TokenEntry) async throws
    func token(_ name: TokenName) async throws -> TokenEntry?
    func token(hash: [UInt8]) async throws -> TokenEntry?
    func tokens() async throws -> [TokenEntry]
    /// Returns whether there was one to revoke.
    func revokeToken(_ name: TokenName, at time: WallTime) async throws -> Bool
    func revokeTokens(of holder: IdentityName, at time: WallTime) async throws

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

    // Changes
    func changeSet(_ id: ChangeSetID) async throws -> ChangeSet?
    /// Newest first.
    func changeSets(_ filter: ChangeFilter) async throws -> [ChangeSet]
    func insert(_ set: ChangeSet) async throws
    /// As for a lease; with what the target's flags come to by it, where that changes: both or neither.
    func update(_ set: ChangeSet, leadingTo flags: FlagState?) async throws -> ChangeSet
    func flags(of target: TargetName) async throws -> FlagState?
    /// Whatever was there before.
    func put(_ flags: FlagState) async throws

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
    /// It may connect, and deliver its records, but serves nothing.
    package var isQuarantined: Bool
    package var createdAt: WallTime
    package var version: Int64

    package init(name: AgentName, isQuarantined: Bool = false, createdAt: WallTime, version: Int64 = 0) {
        self.name = name
        self.isQuarantined = isQuarantined
        self.createdAt = createdAt
        self.version = version
    }

    private enum CodingKeys: String, CodingKey {
        case name, createdAt, version
        /// As the first stores have it.
        case isQuarantined = "isDisabled"
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

/// A machine's token, as stored: the SHA-256 of it.
package struct TokenEntry: Hashable, Sendable, Codable {
    package var hash: [UInt8]
    package var name: TokenName
    /// Whom it speaks for, in that identity's role.
    package var holder: IdentityName
    package var scope: TokenScope
    package var createdBy: IdentityName?
    package var createdAt: WallTime
    package var expiresAt: WallTime
    package var revokedAt: WallTime?

    package init(
        hash: [UInt8], name: TokenName, holder: IdentityName, scope: TokenScope, createdBy: IdentityName?,
        createdAt: WallTime, expiresAt: WallTime, revokedAt: WallTime? = nil
    ) {
        self.hash = hash
        self.name = name
        self.holder = holder
        self.scope = scope
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }

    package func isActive(at time: WallTime) -> Bool {
        self.revokedAt == nil && time < self.expiresAt
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

package struct ChangeFilter: Hashable, Sendable {
    package var holder: IdentityName?
    package var lease: LeaseID?
    /// Those that may still be kept or undone.
    package var openOnly: Bool

    package init(holder: IdentityName? = nil, lease: LeaseID? = nil, openOnly: Bool = false) {
        self.holder = holder
        self.lease = lease
        self.openOnly = openOnly
    }
}
