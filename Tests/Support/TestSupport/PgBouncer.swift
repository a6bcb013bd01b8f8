import Glibc

/// A PgBouncer before a test's database, as an administrator would run it: it knows nothing of Glovebox.
package final class PgBouncer: Sendable {
    package let port: Int
    private let folder: TemporaryFolder
    private let process: RunningProcess

    /// - Parameters:
    ///   - mode: `session` or `transaction`.
    ///   - size: connections to the database for each role.
    ///   - settings: further lines of its configuration.
    package static func start(
        before database: TestDatabase, mode: String, size: Int = 20, users: [String: String], settings: [String] = []
    ) async throws -> PgBouncer {
        let (port, folder) = (try freePort(), try TemporaryFolder())
        let list = users.sorted { $0.key < $1.key }.map { "\"\($0)\" \"\($1)\"\n" }.joined()
        let configuration = """
            [databases]
            \(database.name) = host=\(database.server.host) port=\(database.server.port) dbname=\(database.name)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = \(try folder.write("users", list, mode: 0o644))
            pool_mode = \(mode)
            default_pool_size = \(size)
            \(settings.joined(separator: "\n"))

            """
        let file = try folder.write("pgbouncer.ini", configuration, mode: 0o644)
        chmod(folder.path, 0o755)
        // It won't run as root. The kernel forgets the signal at a parent's death when the user changes, so it's set anew.
        let other =
            getuid() == 0
            ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig", "KILL", "--"] : []
        let process = try RunningProcess(
            other + ["pgbouncer", file],
            environment: ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent"])
        try await process.printed("process up")
        return PgBouncer(port, folder, process)
    }

    private init(_ port: Int, _ folder: TemporaryFolder, _ process: RunningProcess) {
        self.port = port
        self.folder = folder
        self.process = process
    }
}
