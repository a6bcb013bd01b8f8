import Glibc
import TestSupport

/// Glovebox as somebody would have it: a folder with its four files (or two, for gateway and agent apart), a database
/// with the demo's shop in it, and the home of the first administrator. Nothing runs until it's started.
final class Installation: Sendable {
    struct Ports: Sendable {
        var api: Int
        var postgres: Int
        var tunnel: Int
    }

    let database: TestDatabase
    let ports: Ports
    let admin: Person
    /// The gateway's folder.
    let state: String
    /// The agent's folder: the same one unless they are apart.
    let agentState: String
    private let folder: TemporaryFolder

    /// - Parameters:
    ///   - apart: gateway and agent have folders of their own, as on two hosts.
    ///   - tunnel: where the agent dials instead of the gateway's own port, which is `gatewayTunnel` then.
    init(
        database: TestDatabase, policy: String = Configuration.policy, apart: Bool = false, tunnel: Int? = nil,
        gatewayTunnel: Int? = nil
    ) throws {
        self.database = database
        self.ports = Ports(api: try freePort(), postgres: try freePort(), tunnel: try gatewayTunnel ?? freePort())
        self.folder = try TemporaryFolder()
        self.state = self.folder.file("state")
        self.agentState = apart ? self.folder.file("agent-host") : self.state
        self.admin = Person(name: "admin", folder: self.folder)
        try self.write("gateway.yaml", Configuration.gateway(self.ports))
        try self.write("policy.yaml", policy)
        let agent = apart ? "agent-host" : "state"
        let dialled = Ports(api: 0, postgres: 0, tunnel: tunnel ?? self.ports.tunnel)
        try self.folder.write("\(agent)/agent.yaml", Configuration.agent(dialled, database))
        try self.folder.write("\(agent)/ceiling.yaml", Configuration.ceiling)
        try self.folder.write("\(agent)/read.password", ShopDatabase.readPassword + "\n")
        try self.folder.write("\(agent)/write.password", ShopDatabase.writePassword + "\n")
    }

    /// A fresh shop with an installation before it.
    /// - Parameter server: the one that all tests share unless it's to be broken.
    static func make(
        customers: Int = 1000, apart: Bool = false, server: PostgresServer? = nil, proxy: TunnelProxy? = nil
    ) async throws -> Installation {
        let shared = if let server { server } else { try await PostgresServer.shared() }
        return try Installation(
            database: await shared.makeShop(customers: customers), apart: apart, tunnel: proxy?.port,
            gatewayTunnel: proxy?.behind)
    }

    /// Everything of this installation: state, homes.
    var root: String { self.folder.path }
    var gatewayAddress: String { "https://localhost:\(self.ports.api)" }

    /// Somebody else on this machine, who has no profile yet.
    func person(_ name: String) -> Person {
        Person(name: name, folder: self.folder)
    }

    /// Writes a file of the gateway's folder.
    func write(_ name: String, _ text: String) throws {
        try self.folder.write("state/\(name)", text)
    }

    /// Adds to a file of the agent's folder.
    func addToAgent(_ name: String, _ text: String) throws {
        let path = "\(self.agentState)/\(name)"
        try writeFile(path, try readFile(path) + Array(text.utf8))
    }

    func read(_ name: String) throws -> String {
        String(decoding: try self.folder.read("state/\(name)"), as: UTF8.self)
    }

    // MARK: Running

    /// Starts one of the roles and returns once it says that it's ready.
    func start(
        _ role: String, more: [String] = [], prefix: [String] = [], environment: [String: String] = [:]
    ) async throws -> RunningProcess {
        let process = try self.launch(role, more: more, prefix: prefix, environment: environment)
        let said = await process.wait(timeout: .seconds(60)) { $0.finished || $0.saysReady }
        guard said, process.snapshot.saysReady else {
            throw TestSupportError(
                "'glovebox \(role)' isn't ready; output: \(process.output), errors: \(process.errors.suffix(4000))")
        }
        return process
    }

    /// Starts one of the roles, without waiting for anything.
    ///
    /// - Parameters:
    ///   - prefix: the program that starts it.
    ///   - environment: beside what everybody's programs get.
    func launch(
        _ role: String, more: [String] = [], prefix: [String] = [], environment: [String: String] = [:]
    ) throws -> RunningProcess {
        // Writing beyond a limit on files then fails, as on a full disk, and doesn't end the process.
        let command = prefix + ["env", "--ignore-signal=XFSZ", Repository.program, role, "--state"]
        return try RunningProcess(
            command + [role == "agent" ? self.agentState : self.state] + more,
            environment: self.admin.environment.merging(environment) { $1 })
    }

    /// From now on the process can write no file beyond so many bytes, as if the disk were full.
    func limit(_ process: RunningProcess, fileBytes: Int) async throws {
        // The soft limit alone, so that anybody may lift it.
        try await Subprocess.check(["prlimit", "--pid", String(process.pid), "--fsize=\(fileBytes):"])
    }

    func limitNothing(_ process: RunningProcess) async throws {
        try await Subprocess.check(["prlimit", "--pid", String(process.pid), "--fsize=unlimited:unlimited"])
    }

    /// Starts gateway and agent in one process.
    func up() async throws -> RunningProcess {
        try await self.start("up")
    }

    /// Waits until a target can be reached.
    func untilOnline(_ target: String = "shop-db") async throws {
        try await eventually(timeout: .seconds(30), "\(target) online") {
            try await self.admin.targets().contains { $0.name == target && $0.isOnline }
        }
    }

    // MARK: The database behind

    /// How many of the database's sessions belong to a lease and are in the state given.
    func activity(of lease: OpenedLease, where condition: String = "true") async throws -> Int {
        let count = try await self.database.server.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'glovebox/\(lease.id)' AND (\(condition))")
        return Int(count) ?? -1
    }

    /// Waits until a statement of the lease runs.
    func untilRunning(_ lease: OpenedLease, _ pattern: String, count: Int = 1) async throws {
        try await eventually(timeout: .seconds(30), "a running \(pattern)") {
            try await self.activity(of: lease, where: "state = 'active' AND query LIKE '%\(pattern)%'") == count
        }
    }

    /// Waits until the database has no session of the lease any more.
    func untilGone(_ lease: OpenedLease) async throws {
        try await eventually(timeout: .seconds(30), "the end of the lease's sessions in the database") {
            try await self.activity(of: lease) == 0
        }
    }

    /// psql straight to the database, as the role that leases read as.
    func directly(_ arguments: [String], input: String? = nil) async throws -> Subprocess.Result {
        let server = self.database.server
        return try await Subprocess.run(
            [
                "psql", "-X", "-w",
                "host=\(server.host) port=\(server.port) dbname=\(self.database.name) user=\(ShopDatabase.readUser)",
            ]
                + arguments,
            environment: self.admin.environment.merging(["PGPASSWORD": ShopDatabase.readPassword]) { $1 },
            input: input.map { .text($0) } ?? .none)
    }
}

extension RunningProcess.Snapshot {
    /// Whether a line of the output begins with `ready`.
    var saysReady: Bool {
        String(decoding: self.output, as: UTF8.self).split(separator: "\n").contains { $0.hasPrefix("ready") }
    }
}

/// The installation that suites share which don't change its configuration: one `glovebox up`.
actor SharedInstallation {
    private static let instance = SharedInstallation()
    private var start: Task<(Installation, RunningProcess), any Error>?

    static func get() async throws -> Installation {
        try await self.instance.installation()
    }

    private func installation() async throws -> Installation {
        if let start { return try await start.value.0 }
        let start = Task {
            let installation = try await Installation.make()
            let process = try await installation.up()
            atExit(kill: process.pid, remove: installation.root)
            return (installation, process)
        }
        self.start = start
        return try await start.value.0
    }
}
