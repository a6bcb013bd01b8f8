import TestSupport

/// The lab: real clients before a real gateway, agent and database. Beside the shop the database has one of each kind of
/// object that a client may list (`Tests/Lab/museum.sql`), and pgbench's tables.
final class Lab: Sendable {
    let shop: Installation
    private let process: RunningProcess

    init(_ shop: Installation, _ process: RunningProcess) {
        self.shop = shop
        self.process = process
    }

    static func get() async throws -> Lab { try await SharedLab.instance.lab() }

    /// The shop with all that the lab's programs ask for.
    static func database() async throws -> TestDatabase {
        let database = try await PostgresServer.shared().makeShop(customers: 1000)
        try await database.sql(String(decoding: try readFile(Repository.file("Tests/Lab/museum.sql")), as: UTF8.self))
        try await Subprocess.check(
            ["pgbench", "-h", database.server.host, "-p", String(database.server.port), "-U", "postgres"]
                + ["-i", "-q", "-s", "1", database.name])
        try await database.sql(
            """
            GRANT SELECT ON pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers TO glovebox_read;
            GRANT SELECT, INSERT, UPDATE ON pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers
                TO glovebox_write;
            """)
        return database
    }

    fileprivate static func start() async throws -> Lab {
        let shop = try Installation(database: await Self.database())
        let process = try await shop.up()
        atExit(kill: process.pid, remove: shop.root)
        return Lab(shop, process)
    }

    /// What a program needs to reach the database without Glovebox, as the role that leases read as.
    var directly: [String: String] {
        let server = self.shop.database.server
        return [
            "PGHOST": server.host, "PGPORT": String(server.port), "PGUSER": ShopDatabase.readUser,
            "PGPASSWORD": ShopDatabase.readPassword, "PGDATABASE": self.shop.database.name, "PGSSLMODE": "disable",
        ]
    }

    /// Ends the lease, however the body ends.
    func withLease<Result>(
        _ target: String = "shop-db", capabilities: [String] = [], _ body: (OpenedLease) async throws -> Result
    ) async throws -> Result {
        let lease = try await self.shop.admin.openLease(target, capabilities: capabilities)
        let result: Result
        do {
            result = try await body(lease)
        } catch {
            _ = try? await self.shop.admin.endLease(lease)
            throw error
        }
        try await self.shop.admin.endLease(lease)
        return result
    }
}

extension OpenedLease {
    /// What any program that reads libpq's environment variables needs.
    var variables: [String: String] {
        [
            "PGHOST": self.postgres.host, "PGPORT": String(self.postgres.port), "PGUSER": self.postgres.user,
            "PGPASSWORD": self.token, "PGDATABASE": self.target, "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": self.postgres.rootCertificate,
        ]
    }
}

/// Runs one of the programs of the lab to its end: an ordinary client that knows nothing of Glovebox.
func runClient(
    _ arguments: [String], _ variables: [String: String], input: String? = nil, folder: String? = nil,
    timeout: Duration = .seconds(100)
) async throws -> Subprocess.Result {
    try await Subprocess.run(
        arguments,
        environment: [
            "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PSQLRC": "/dev/null",
        ].merging(variables) { $1 }, input: input.map { .text($0) } ?? .none, folder: folder, timeout: timeout)
}

private actor SharedLab {
    static let instance = SharedLab()
    private var start: Task<Lab, any Error>?

    func lab() async throws -> Lab {
        if let start { return try await start.value }
        let start = Task { try await Lab.start() }
        self.start = start
        return try await start.value
    }
}
