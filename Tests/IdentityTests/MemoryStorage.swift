import Contracts
import GloveboxCore
import Identity

/// What enrolment needs of a store, in memory. Leases and approvals aren't touched here.
actor MemoryStorage: Storage {
    private var identityRows: [IdentityName: IdentityEntry] = [:]
    private var agentRows: [AgentName: AgentEntry] = [:]
    private var invites: [[UInt8]: InviteEntry] = [:]
    private var certificates: [String: CertificateEntry] = [:]
    private var tokenRows: [TokenName: TokenEntry] = [:]

    /// Everything that's stored, as text: to search it for what mustn't be.
    var dump: String { "\(self.identityRows) \(self.agentRows) \(self.invites) \(self.certificates) \(self.tokenRows)" }
    var inviteHashes: [[UInt8]] { Array(self.invites.keys) }

    func identity(_ name: IdentityName) -> IdentityEntry? { self.identityRows[name] }
    func identities() -> [IdentityEntry] { Array(self.identityRows.values) }
    func insert(_ identity: IdentityEntry) throws {
        guard self.identityRows[identity.name] == nil else { throw GloveboxError(.conflict, "taken") }
        self.identityRows[identity.name] = identity
    }
    func update(_ identity: IdentityEntry) { self.identityRows[identity.name] = identity }
    func agent(_ name: AgentName) -> AgentEntry? { self.agentRows[name] }
    func agents() -> [AgentEntry] { Array(self.agentRows.values) }
    func insert(_ agent: AgentEntry) throws {
        guard self.agentRows[agent.name] == nil else { throw GloveboxError(.conflict, "taken") }
        self.agentRows[agent.name] = agent
    }
    func update(_ agent: AgentEntry) { self.agentRows[agent.name] = agent }
    func remove(_ agent: AgentEntry) { self.agentRows[agent.name] = nil }
    func insert(_ invite: InviteEntry) { self.invites[invite.codeHash] = invite }
    func redeemInvite(codeHash: [UInt8], at time: WallTime) -> InviteEntry? {
        guard var invite = self.invites[codeHash], invite.usedAt == nil, invite.expiresAt > time else { return nil }
        invite.usedAt = time
        self.invites[codeHash] = invite
        return invite
    }
    func insert(_ certificate: CertificateEntry) { self.certificates[certificate.serial] = certificate }
    func certificate(serial: String) -> CertificateEntry? { self.certificates[serial] }
    func revokeCertificate(serial: String) -> Bool {
        guard self.certificates[serial] != nil else { return false }
        self.certificates[serial]?.isRevoked = true
        return true
    }
    func withdrawInvites(for subject: CertificateSubject, at time: WallTime) {
        for hash in self.invites.keys where self.invites[hash]?.guest.subject == subject {
            self.invites[hash]?.usedAt = time
        }
    }
    func revokeCertificates(of subject: CertificateSubject, at time: WallTime) {
        for serial in self.certificates.keys where self.certificates[serial]?.subject == subject {
            self.certificates[serial]?.isRevoked = true
        }
    }
    func insert(_ token: TokenEntry) throws {
        guard self.tokenRows[token.name] == nil else { throw GloveboxError(.conflict, "taken") }
        self.tokenRows[token.name] = token
    }
    func token(_ name: TokenName) -> TokenEntry? { self.tokenRows[name] }
    func token(hash: [UInt8]) -> TokenEntry? { self.tokenRows.values.first { $0.hash == hash } }
    func tokens() -> [TokenEntry] { Array(self.tokenRows.values) }
    func revokeToken(_ name: TokenName, at time: WallTime) -> Bool {
        guard let token = self.tokenRows[name], token.revokedAt == nil else { return false }
        self.tokenRows[name]?.revokedAt = time
        return true
    }
    func revokeTokens(of holder: IdentityName, at time: WallTime) {
        for name in self.tokenRows.keys where self.tokenRows[name]?.holder == holder {
            self.tokenRows[name]?.revokedAt = time
        }
    }
    func claim(_ creation: CreationEntry, at time: WallTime) -> CreationEntry? { nil }
    func settle(_ keyHash: [UInt8], created: String) {}
    func release(_ keyHash: [UInt8]) {}
    func lease(_ id: LeaseID) -> Lease? { nil }
    func leases(_ filter: LeaseFilter) -> [Lease] { [] }
    func insert(_ lease: Lease) {}
    func update(_ lease: Lease) -> Lease { lease }
    func approval(_ id: ApprovalID) -> Approval? { nil }
    func approvals(_ filter: ApprovalFilter) -> [Approval] { [] }
    func insert(_ approval: Approval) {}
    func update(_ approval: Approval) -> Approval { approval }
    func insert(_ lease: Lease, using approval: Approval) {}
    func changeSet(_ id: ChangeSetID) -> ChangeSet? { nil }
    func changeSets(_ filter: ChangeFilter) -> [ChangeSet] { [] }
    func insert(_ set: ChangeSet) {}
    func update(_ set: ChangeSet, leadingTo flags: FlagState?) -> ChangeSet { set }
    func flags(of target: TargetName) -> FlagState? { nil }
    func put(_ flags: FlagState) {}
    func close() {}
}

/// The code of the error that `body` throws; `nil` if it throws none.
func code(_ body: () async throws -> Void) async -> String? {
    do {
        try await body()
        return nil
    } catch let error as GloveboxError {
        return error.code.rawValue
    } catch {
        return "\(error)"
    }
}
