import NIOPosix
import Synchronization

/// A few connections to PostgreSQL. libpq waits for its answers, so it's used on threads of its own, one a connection.
final class Database: Sendable {
    private let url: String
    private let threads: NIOThreadPool
    private let idle = Mutex<[DatabaseConnection]>([])

    /// - Parameter url: without a password; libpq finds it by PGPASSFILE or PGPASSWORD.
    init(url: String, connections: Int = 8) {
        self.url = url
        self.threads = NIOThreadPool(numberOfThreads: connections)
        self.threads.start()
    }

    func close() async throws {
        try await self.threads.shutdownGracefully()
        self.idle.withLock { $0.removeAll() }
    }

    /// Gives `body` a connection for as long as it runs, away from event loops. A connection that failed is not used again.
    /// - Throws: ``DatabaseError``, and what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable (DatabaseConnection) throws -> Value) async throws -> Value {
        try await self.threads.runIfActive {
            let connection = try self.idle.withLock { $0.popLast() } ?? DatabaseConnection(self.url)
            defer { if connection.isUsable { self.idle.withLock { $0.append(connection) } } }
            return try body(connection)
        }
    }

    /// As ``run(_:)``, all or nothing.
    func transaction<Value: Sendable>(
        _ body: @escaping @Sendable (DatabaseConnection) throws -> Value
    ) async throws -> Value {
        try await self.run { connection in
            try connection.query("BEGIN")
            do {
                let value = try body(connection)
                try connection.query("COMMIT")
                return value
            } catch {
                _ = try? connection.query("ROLLBACK")
                throw error
            }
        }
    }
}
