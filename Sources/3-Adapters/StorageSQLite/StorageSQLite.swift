import Contracts
import GRDB
package import GloveboxCore

/// The default store: one SQLite file on the gateway's disk, used by one process at a time.
///
/// A write-ahead log with `synchronous=FULL`, so that what a method wrote survives a power cut once it has returned;
/// one writer, so that every method is one transaction; readers beside it. A row is the JSON of its value, with the
/// columns beside that it's looked up by. Files are for their owner alone (mode 0600).
///
/// Errors: `store_locked`, `store_corrupt`, `store_newer` and `store_foreign` when opening; `store_corrupt`,
/// `unavailable` (disk full, files gone, closed) from any method; and what ``Storage`` says.
package final class StorageSQLite: Storage {
    private let path: String
    private let pool: DatabasePool
    private let lock: StoreLock

    /// Opens the store at `path`, which is made if it isn't there; its folder has to be. Checks the file, and brings its
    /// schema up to date.
    ///
    /// A new store gets its name once it's whole, so that a file without content is always a loss: taken for a new
    /// store, it would forget which leases have ended and which certificates were revoked.
    package init(path: String) throws(GloveboxError) {
        self.path = path
        self.lock = try StoreLock(path: "\(path).lock")
        do {
            if try StoreFiles.isNew(path) {
                let unfinished = "\(path).new"
                try StoreFiles.clear(unfinished)
                try makePrivate(unfinished)
                try Self.open(unfinished).close()
                try StoreFiles.name(unfinished, path)
            }
            try makePrivate(path)
            self.pool = try Self.open(path)
        } catch {
            self.lock.release()
            throw StoreFailure.translate(error, path: path, isOpening: true)
        }
    }

    private static func open(_ path: String) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "glovebox-store"
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        let pool = try DatabasePool(path: path, configuration: configuration)
        try pool.writeWithoutTransaction { db in
            // The pool has set NORMAL, by which a power cut could take the last commits.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try StoreSchema.check(db, path: path)
        }
        try StoreSchema.migrator.migrate(pool)
        return pool
    }

    package func close() async throws {
        defer { self.lock.release() }
        do {
            // One file is left, which is all that a copy needs.
            try await self.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try self.pool.close()
        } catch {
            throw StoreFailure.translate(error, path: self.path)
        }
    }

    /// The values of SQLite's settings that durability hangs on, for tests.
    func durability() async throws -> (journal: String?, synchronous: Int?) {
        try await self.pool.writeWithoutTransaction { db in
            (try String.fetchOne(db, sql: "PRAGMA journal_mode"), try Int.fetchOne(db, sql: "PRAGMA synchronous"))
        }
    }

    /// Does to the file what no method does, for tests of damage.
    func execute(_ sql: String) async throws {
        try await self.write { try $0.execute(sql: sql) }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do {
            return try await self.pool.read(body)
        } catch {
            throw StoreFailure.translate(error, path: self.path)
        }
    }

    func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        do {
            return try await self.pool.write(body)
        } catch {
            throw StoreFailure.translate(error, path: self.path)
        }
    }
}
