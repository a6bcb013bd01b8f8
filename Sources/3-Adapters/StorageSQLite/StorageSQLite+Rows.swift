package import Contracts
import GRDB
package import GloveboxCore

extension StorageSQLite {
    // MARK: Identities

    package func identity(_ name: IdentityName) async throws -> IdentityEntry? {
        try await self.read { try IdentityEntry.fetch($0, key: name.rawValue) }
    }

    package func identities() async throws -> [IdentityEntry] {
        try await self.read { try IdentityEntry.fetchAll($0, rest: "ORDER BY key") }
    }

    package func insert(_ identity: IdentityEntry) async throws {
        try await self.write { try identity.insert($0) }
    }

    package func update(_ identity: IdentityEntry) async throws {
        try await self.write { _ = try identity.update($0) }
    }

    // MARK: Agents

    package func agent(_ name: AgentName) async throws -> AgentEntry? {
        try await self.read { try AgentEntry.fetch($0, key: name.rawValue) }
    }

    package func agents() async throws -> [AgentEntry] {
        try await self.read { try AgentEntry.fetchAll($0, rest: "ORDER BY key") }
    }

    package func insert(_ agent: AgentEntry) async throws {
        try await self.write { try agent.insert($0) }
    }

    package func update(_ agent: AgentEntry) async throws {
        try await self.write { _ = try agent.update($0) }
    }

    package func remove(_ agent: AgentEntry) async throws {
        try await self.write { try agent.remove($0) }
    }

    // MARK: Invitations

    package func insert(_ invite: InviteEntry) async throws {
        try await self.write { try invite.insert($0) }
    }

    package func redeemInvite(codeHash: [UInt8], at time: WallTime) async throws -> InviteEntry? {
        try await self.write { db in
            let rows = try InviteEntry.fetchAll(
                db, rest: "WHERE key = ? AND used_at IS NULL AND expires_at > ?",
                [InviteEntry.key(codeHash), time.nanoseconds])
            guard var invite = rows.first else { return nil }
            invite.usedAt = time
            try invite.overwrite(db)
            return invite
        }
    }

    package func withdrawInvites(for subject: CertificateSubject, at time: WallTime) async throws {
        try await self.write { db in
            for var invite in try InviteEntry.fetchAll(db, rest: "WHERE used_at IS NULL")
            where invite.guest.isFor(subject) {
                invite.usedAt = time
                try invite.overwrite(db)
            }
        }
    }

    // MARK: Certificates

    package func insert(_ certificate: CertificateEntry) async throws {
        try await self.write { try certificate.insert($0) }
    }

    package func certificate(serial: String) async throws -> CertificateEntry? {
        try await self.read { try CertificateEntry.fetch($0, key: serial) }
    }

    package func revokeCertificate(serial: String) async throws -> Bool {
        try await self.write { db in
            guard var certificate = try CertificateEntry.fetch(db, key: serial), !certificate.isRevoked else {
                return false
            }
            certificate.isRevoked = true
            try certificate.overwrite(db)
            return true
        }
    }

    package func revokeCertificates(of subject: CertificateSubject, at time: WallTime) async throws {
        try await self.write { db in
            let valid = try CertificateEntry.fetchAll(
                db, rest: "WHERE is_revoked = 0 AND not_after > ?", [time.nanoseconds])
            for var certificate in valid where certificate.subject == subject {
                certificate.isRevoked = true
                try certificate.overwrite(db)
            }
        }
    }

    // MARK: Tokens

    package func insert(_ token: TokenEntry) async throws {
        try await self.write { try token.insert($0) }
    }

    package func token(_ name: TokenName) async throws -> TokenEntry? {
        try await self.read { try TokenEntry.fetchAll($0, rest: "WHERE name = ?", [name.rawValue]).first }
    }

    package func token(hash: [UInt8]) async throws -> TokenEntry? {
        try await self.read { try TokenEntry.fetch($0, key: TokenEntry.key(hash)) }
    }

    package func tokens() async throws -> [TokenEntry] {
        try await self.read { try TokenEntry.fetchAll($0, rest: "ORDER BY name") }
    }

    package func revokeToken(_ name: TokenName, at time: WallTime) async throws -> Bool {
        try await self.write { try Self.revokeTokens($0, "name = ?", name.rawValue, at: time) > 0 }
    }

    package func revokeTokens(of holder: IdentityName, at time: WallTime) async throws {
        try await self.write { _ = try Self.revokeTokens($0, "holder = ?", holder.rawValue, at: time) }
    }

    private static func revokeTokens(
        _ db: Database, _ condition: String, _ argument: String, at time: WallTime
    ) throws -> Int {
        let tokens = try TokenEntry.fetchAll(db, rest: "WHERE revoked_at IS NULL AND \(condition)", [argument])
        for var token in tokens {
            token.revokedAt = time
            try token.overwrite(db)
        }
        return tokens.count
    }

    // MARK: Leases

    package func lease(_ id: LeaseID) async throws -> Lease? {
        try await self.read { try Lease.fetch($0, key: id.rawValue) }
    }

    package func leases(_ filter: LeaseFilter) async throws -> [Lease] {
        var conditions: [String] = []
        var arguments: [any DatabaseValueConvertible & Sendable] = []
        if let holder = filter.holder {
            conditions.append("holder = ?")
            arguments.append(holder.rawValue)
        }
        if let target = filter.target {
            conditions.append("target = ?")
            arguments.append(target.rawValue)
        }
        if filter.activeOnly { conditions.append("is_active = 1") }
        let condition = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        return try await self.read { [arguments] db in
            try Lease.fetchAll(db, rest: "\(condition) ORDER BY opened_at DESC, number DESC", arguments)
        }
    }

    package func insert(_ lease: Lease) async throws {
        try await self.write { try lease.insert($0) }
    }

    package func update(_ lease: Lease) async throws -> Lease {
        try await self.write { try lease.update($0) }
    }

    // MARK: Approvals

    package func approval(_ id: ApprovalID) async throws -> Approval? {
        try await self.read { try Approval.fetch($0, key: id.rawValue) }
    }

    package func approvals(_ filter: ApprovalFilter) async throws -> [Approval] {
        var conditions: [String] = []
        if filter.asker != nil { conditions.append("asker = ?") }
        if filter.openOnly { conditions.append("is_open = 1") }
        if filter.unreviewedOnly { conditions.append("is_unreviewed = 1") }
        let condition = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        let arguments = [filter.asker?.rawValue].compactMap { $0 }
        return try await self.read { db in
            try Approval.fetchAll(db, rest: "\(condition) ORDER BY requested_at DESC, number DESC", arguments)
        }
    }

    package func insert(_ approval: Approval) async throws {
        try await self.write { try approval.insert($0) }
    }

    package func update(_ approval: Approval) async throws -> Approval {
        try await self.write { try approval.update($0) }
    }

    package func insert(_ lease: Lease, using approval: Approval) async throws {
        try await self.write { db in
            _ = try approval.update(db)
            try lease.insert(db)
        }
    }

    // MARK: Changes

    package func changeSet(_ id: ChangeSetID) async throws -> ChangeSet? {
        try await self.read { try ChangeSet.fetch($0, key: id.rawValue) }
    }

    package func changeSets(_ filter: ChangeFilter) async throws -> [ChangeSet] {
        var conditions: [String] = []
        if filter.holder != nil { conditions.append("holder = ?") }
        if filter.lease != nil { conditions.append("lease = ?") }
        if filter.openOnly { conditions.append("is_open = 1") }
        let condition = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND "))"
        let arguments = [filter.holder?.rawValue, filter.lease?.rawValue].compactMap { $0 }
        return try await self.read { try ChangeSet.fetchAll($0, rest: "\(condition) ORDER BY number DESC", arguments) }
    }

    package func insert(_ set: ChangeSet) async throws {
        try await self.write { try set.insert($0) }
    }

    package func update(_ set: ChangeSet, leadingTo flags: FlagState?) async throws -> ChangeSet {
        try await self.write { db in
            let set = try set.update(db)
            try flags?.put(db)
            return set
        }
    }

    package func flags(of target: TargetName) async throws -> FlagState? {
        try await self.read { try FlagState.fetch($0, key: target.rawValue) }
    }

    package func put(_ flags: FlagState) async throws {
        try await self.write { try flags.put($0) }
    }

    // MARK: Creations

    /// Most that are kept: the oldest go first.
    private static let mostCreations: Int64 = 100_000

    package func claim(_ creation: CreationEntry, at time: WallTime) async throws -> CreationEntry? {
        try await self.write { db in
            try db.execute(sql: "DELETE FROM creation WHERE expires_at <= ?", arguments: [time.nanoseconds])
            if let there = try CreationEntry.fetch(db, key: creation.key) { return there }
            try creation.insert(db)
            try db.execute(
                sql: "DELETE FROM creation WHERE rowid <= ?", arguments: [db.lastInsertedRowID - Self.mostCreations])
            return nil
        }
    }

    package func settle(_ keyHash: [UInt8], created: String) async throws {
        try await self.write { db in
            guard var creation = try CreationEntry.fetch(db, key: CreationEntry.key(keyHash)) else { return }
            creation.created = created
            try creation.overwrite(db)
        }
    }

    package func release(_ keyHash: [UInt8]) async throws {
        try await self.write { db in
            try db.execute(sql: "DELETE FROM creation WHERE key = ?", arguments: [CreationEntry.key(keyHash)])
        }
    }
}

extension InviteEntry.Guest {
    fileprivate func isFor(_ subject: CertificateSubject) -> Bool {
        switch self {
        case .person(let name, _): subject == .identity(name)
        case .agent(let name): subject == .agent(name)
        }
    }
}
