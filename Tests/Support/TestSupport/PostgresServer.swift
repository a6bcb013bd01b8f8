package import Glibc
import Synchronization

/// A real PostgreSQL cluster in a temporary folder, on loopback, run as a user that isn't root.
///
/// It stops and its folder goes away with ``stop()``, and also when the test process dies in any way: a small
/// supervisor waits for the end of a pipe that only this process holds.
///
/// How a role may sign in depends on the group role it's a member of: `auth_trust`, `auth_md5`, `auth_scram`,
/// `auth_tls` (SCRAM over TLS only), `auth_cleartext` (the password as it is), `auth_reject`; others by SCRAM, with
/// or without TLS. The superuser `postgres` gets in by trust.
package final class PostgresServer: Sendable {
    package static let superuser = "postgres"
    package let host = "127.0.0.1"
    package let port: Int
    /// The certificate that a client verifies the server by, in PEM; it names `localhost` and `127.0.0.1`.
    package let certificateFile: String
    /// Server log, for looking at what a test did.
    package let logFile: String

    private let folder: String
    private let supervisor: pid_t
    /// The pipe's end whose closing stops the server.
    private let lifeline: Mutex<Int32>
    private let databases = Mutex(0)
    private let templates = DatabaseTemplates()

    /// The cluster that all tests of this process share. Make a database of your own in it.
    package static func shared() async throws -> PostgresServer {
        try await SharedServer.instance.server()
    }

    /// Starts a cluster of its own, for tests that stop or break it.
    ///
    /// - Parameter settings: lines for `postgresql.conf`.
    package static func start(settings: [String] = [], port: Int? = nil) async throws -> PostgresServer {
        let port = try port ?? freePort()
        let pipe = try Pipe()
        let (reader, writer) = (pipe.reader, pipe.writer)
        let temporary = try TemporaryFolder()
        let folder = temporary.path + ".pg"
        try temporary.write("start.sh", Self.script, mode: 0o700)
        try temporary.write("settings.conf", (Self.settings(port: port) + settings).joined(separator: "\n") + "\n")
        try temporary.write("hba.conf", Self.authentication)
        // Detached by setsid, so that neither a Ctrl-C nor the end of the process group reaches it before the pipe does.
        let launched = try await Subprocess.run(
            ["setsid", "--fork", "bash", temporary.file("start.sh"), folder, temporary.path],
            descriptors: [9: reader], timeout: .seconds(60))
        close(reader)
        guard launched.succeeded, let supervisor = pid_t(launched.line) else {
            close(writer)
            throw TestSupportError("PostgreSQL didn't start: \(launched.output)\(launched.errors)")
        }
        let server = PostgresServer(port: port, folder: folder, supervisor: supervisor, lifeline: writer)
        try await server.sql(Self.roles)
        return server
    }

    private init(port: Int, folder: String, supervisor: pid_t, lifeline: Int32) {
        self.port = port
        self.folder = folder
        self.certificateFile = "\(folder)/server.crt"
        self.logFile = "\(folder)/log"
        self.supervisor = supervisor
        self.lifeline = Mutex(lifeline)
    }

    deinit {
        let descriptor = self.lifeline.withLock { $0 }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Stops the cluster at once (clients see the connection close) and removes it.
    package func stop() async throws {
        let descriptor = self.lifeline.withLock { held -> Int32 in
            defer { held = -1 }
            return held
        }
        if descriptor >= 0 { close(descriptor) }
        let supervisor = self.supervisor
        try await eventually(timeout: .seconds(20), "PostgreSQL's end") { kill(supervisor, 0) != 0 && errno == ESRCH }
    }

    /// Starts the server again after it was killed. It ends with the process that's returned.
    package func startAgain() async throws -> RunningProcess {
        let home = self.folder
        let command = #"""
            for folder in /usr/lib/postgresql/15/bin $(ls -d /usr/lib/postgresql/*/bin | sort -rV); do
                [ -x "$folder/postgres" ] && exec setpriv --pdeathsig KILL -- "$folder/postgres" -D "$1/data" >>"$1/log" 2>&1
            done
            """#
        let user = getuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : []
        let process = try RunningProcess(user + ["bash", "-c", command, "bash", home])
        try await eventually(timeout: .seconds(60), "PostgreSQL's start") { (try? await self.sql("SELECT 1")) == "1" }
        return process
    }

    /// The server's main process.
    package func processID() throws -> pid_t {
        let text = String(decoding: try readFile("\(self.folder)/data/postmaster.pid"), as: UTF8.self)
        guard let line = text.split(separator: "\n").first, let pid = pid_t(line) else {
            throw TestSupportError("postmaster.pid says “\(text)”")
        }
        return pid
    }

    /// Makes an empty database that only the caller uses.
    package func makeDatabase() async throws -> TestDatabase {
        try await self.makeDatabase(template: "template0")
    }

    /// Makes a database with the demo's shop in it, copied from one that's seeded once per process.
    package func makeShop(customers: Int = 1000) async throws -> TestDatabase {
        let template = try await self.templates.shop(customers: customers, on: self)
        let database = try await self.makeDatabase(template: template)
        // A copy has the rights inside of a database, not those to it.
        try await self.sql(
            """
            REVOKE ALL ON DATABASE \(database.name) FROM PUBLIC;
            GRANT CONNECT ON DATABASE \(database.name) TO glovebox_read, glovebox_write;
            """)
        return database
    }

    func makeDatabase(template: String, name: String? = nil) async throws -> TestDatabase {
        let number = self.databases.withLock { count -> Int in
            count += 1
            return count
        }
        let name = name ?? "test_\(number)"
        try await self.sql("CREATE DATABASE \(name) TEMPLATE \(template)")
        return TestDatabase(server: self, name: name)
    }

    /// Makes a role that can sign in, with a password that's drawn at random, and returns the password.
    ///
    /// - Parameter group: what decides how it signs in; see the type's own words. `auth_md5` gets an MD5 hash stored.
    @discardableResult
    package func makeRole(_ name: String, group: String? = nil, attributes: String = "") async throws -> String {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let password = String((0..<24).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
        let membership = group.map { "IN ROLE \($0)" } ?? ""
        let encryption = group == "auth_md5" ? "md5" : "scram-sha-256"
        try await self.sql(
            """
            SET password_encryption = '\(encryption)';
            CREATE ROLE \(name) LOGIN \(attributes) \(membership) PASSWORD '\(password)';
            """)
        return password
    }

    /// Runs SQL as the superuser through psql, and returns unaligned rows without headers.
    @discardableResult
    package func sql(
        _ text: String, database: String = "postgres", variables: [String: String] = [:],
        timeout: Duration = .seconds(60)
    ) async throws -> String {
        let settings = variables.sorted { $0.key < $1.key }.flatMap { ["--set", "\($0.key)=\($0.value)"] }
        return try await Subprocess.check(
            [
                "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1", "--host",
                self.host, "--port", String(self.port), "--username", Self.superuser, "--dbname", database,
            ] + settings, input: .text(text), timeout: timeout)
    }
}

/// A database that one test uses.
package struct TestDatabase: Sendable {
    package let server: PostgresServer
    package let name: String

    /// Runs SQL as the superuser in this database.
    @discardableResult
    package func sql(_ text: String, timeout: Duration = .seconds(60)) async throws -> String {
        try await self.server.sql(text, database: self.name, timeout: timeout)
    }
}

/// One cluster a process; started by the first who asks, while others wait for the same start.
private actor SharedServer {
    static let instance = SharedServer()
    private var start: Task<PostgresServer, any Error>?

    func server() async throws -> PostgresServer {
        if let start { return try await start.value }
        let start = Task { try await PostgresServer.start() }
        self.start = start
        return try await start.value
    }
}
