import Contracts
import GRDB
import GloveboxCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A value that's kept as one row: its JSON in `body`, its name in `key`, and the columns that it's looked up by.
protocol StoredRow: Codable, Sendable {
    static var table: String { get }
    /// What a row is called in an error.
    static var noun: String { get }
    var key: String { get }
    /// What an error may call this row; not a secret.
    var title: String { get }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] { get }
}

/// A row whose writes are counted.
protocol VersionedRow: StoredRow {
    var version: Int64 { get set }
}

extension StoredRow {
    var title: String { "\(Self.noun) '\(self.key)'" }

    static func fetch(_ db: Database, key: String) throws -> Self? {
        try self.fetchAll(db, rest: "WHERE key = ?", [key]).first
    }

    /// The rows that the rest of a `SELECT` takes.
    static func fetchAll(
        _ db: Database, rest: String, _ arguments: [any DatabaseValueConvertible & Sendable] = []
    ) throws -> [Self] {
        let decoder = JSONDecoder()
        return try String.fetchAll(
            db, sql: "SELECT body FROM \(self.table) \(rest)", arguments: StatementArguments(arguments)
        ).map { try decoder.decode(Self.self, from: Data($0.utf8)) }
    }

    /// - Throws: `conflict` when the key is taken.
    func insert(_ db: Database) throws {
        let columns = self.columns
        let names = ["key", "body"] + columns.map(\.name)
        let marks = names.map { _ in "?" }.joined(separator: ", ")
        do {
            try db.execute(
                sql: "INSERT INTO \(Self.table) (\(names.joined(separator: ", "))) VALUES (\(marks))",
                arguments: StatementArguments([self.key, try self.body()] + columns.map(\.value)))
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw GloveboxError(.conflict, "\(self.title) exists already: choose another", cause: error)
        }
    }

    /// Writes the row that has this key.
    func overwrite(_ db: Database) throws {
        let columns = self.columns
        let assignments = (["body"] + columns.map(\.name)).map { "\($0) = ?" }.joined(separator: ", ")
        try db.execute(
            sql: "UPDATE \(Self.table) SET \(assignments) WHERE key = ?",
            arguments: StatementArguments([try self.body()] + columns.map(\.value) + [self.key]))
    }

    private func body() throws -> String {
        String(decoding: try JSONEncoder().encode(self), as: UTF8.self)
    }
}

extension VersionedRow {
    /// Writes the row if its stored version is `version`, and returns it with the next one.
    /// - Throws: `not_found`, `store_conflict`.
    func update(_ db: Database) throws -> Self {
        try self.checkVersion(db)
        var next = self
        next.version += 1
        try next.overwrite(db)
        return next
    }

    /// Removes the row if its stored version is `version`.
    /// - Throws: `not_found`, `store_conflict`.
    func remove(_ db: Database) throws {
        try self.checkVersion(db)
        try db.execute(sql: "DELETE FROM \(Self.table) WHERE key = ?", arguments: [self.key])
    }

    private func checkVersion(_ db: Database) throws {
        let stored = try Int64.fetchOne(
            db, sql: "SELECT version FROM \(Self.table) WHERE key = ?", arguments: [self.key])
        guard let stored else { throw GloveboxError(.notFound, "there is no \(self.title)") }
        guard stored == self.version else {
            throw GloveboxError(.storeConflict, "somebody else changed \(self.title) meanwhile: read it and try again")
        }
    }
}

extension IdentityEntry: VersionedRow {
    static var table: String { "identity" }
    static var noun: String { "identity" }
    var key: String { self.name.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] { [("version", self.version)] }
}

extension AgentEntry: VersionedRow {
    static var table: String { "agent" }
    static var noun: String { "agent" }
    var key: String { self.name.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] { [("version", self.version)] }
}

extension InviteEntry: StoredRow {
    static var table: String { "invite" }
    static var noun: String { "invitation" }
    static func key(_ hash: [UInt8]) -> String { Base32.encode(hash) }
    var key: String { Self.key(self.codeHash) }
    var title: String { "this invitation" }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [("expires_at", self.expiresAt.nanoseconds), ("used_at", self.usedAt?.nanoseconds)]
    }
}

extension TokenEntry: StoredRow {
    static var table: String { "token" }
    static var noun: String { "token" }
    static func key(_ hash: [UInt8]) -> String { Base32.encode(hash) }
    var key: String { Self.key(self.hash) }
    var title: String { "token '\(self.name)'" }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [
            ("name", self.name.rawValue), ("holder", self.holder.rawValue),
            ("revoked_at", self.revokedAt?.nanoseconds),
        ]
    }
}

extension CreationEntry: StoredRow {
    static var table: String { "creation" }
    static var noun: String { "request" }
    static func key(_ hash: [UInt8]) -> String { Base32.encode(hash) }
    var key: String { Self.key(self.keyHash) }
    var title: String { "this request" }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [("expires_at", self.expiresAt.nanoseconds)]
    }
}

extension CertificateEntry: StoredRow {
    static var table: String { "certificate" }
    static var noun: String { "certificate" }
    var key: String { self.serial }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [("not_after", self.notAfter.nanoseconds), ("is_revoked", self.isRevoked)]
    }
}

extension Lease: VersionedRow {
    static var table: String { "lease" }
    static var noun: String { "lease" }
    var key: String { self.id.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [
            ("version", self.version), ("holder", self.holder.rawValue), ("target", self.target.rawValue),
            ("is_active", self.state == .active), ("opened_at", self.openedAt.nanoseconds),
        ]
    }
}

extension Approval: VersionedRow {
    static var table: String { "approval" }
    static var noun: String { "approval" }
    var key: String { self.id.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [
            ("version", self.version), ("asker", self.asker.rawValue), ("is_open", self.isOpen),
            ("is_unreviewed", self.isUnreviewed), ("requested_at", self.requestedAt.nanoseconds),
        ]
    }
}

extension ChangeSet: VersionedRow {
    static var table: String { "change_set" }
    static var noun: String { "change" }
    var key: String { self.id.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] {
        [
            ("version", self.version), ("holder", self.holder.rawValue), ("lease", self.lease.rawValue),
            ("is_open", self.state.isOpen),
        ]
    }
}

extension FlagState: StoredRow {
    static var table: String { "flags" }
    static var noun: String { "flags of target" }
    var key: String { self.target.rawValue }
    var columns: [(name: String, value: (any DatabaseValueConvertible & Sendable)?)] { [("epoch", self.epoch)] }

    /// Writes the row, whether or not there was one.
    func put(_ db: Database) throws {
        try self.overwrite(db)
        if db.changesCount == 0 { try self.insert(db) }
    }
}
