import TestSupport

/// A running `glovebox connect`: a loopback port that speaks PostgreSQL without TLS.
struct ConnectedPort: Sendable {
    private struct Output: Decodable {
        var id: String
        var token: String
        var port: Int
        var user: String
    }

    let process: RunningProcess
    /// The lease's.
    let id: String
    let token: String
    let port: Int
    let user: String

    static func open(_ person: Person, _ target: String = "shop-db", more: [String] = []) async throws -> ConnectedPort
    {
        let process = try RunningProcess(
            [Repository.program, "connect", target, "--for", "15m", "--json"] + more, environment: person.environment)
        let said = await process.wait(timeout: .seconds(30)) { $0.finished || $0.output.suffix(2) == Array("}\n".utf8) }
        guard said, let output = try? decode(Output.self, from: process.output) else {
            throw TestSupportError("'glovebox connect' said \(process.output) \(process.errors)")
        }
        return ConnectedPort(
            process: process, id: output.id, token: output.token, port: output.port, user: output.user)
    }

    private func arguments(_ port: Int?, _ arguments: [String]) -> [String] {
        ["psql", "-X", "-w", "host=127.0.0.1 port=\(port ?? self.port) user=\(self.user) dbname=shop-db"] + arguments
    }

    private func environment(_ password: String?) -> [String: String] {
        ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PGPASSWORD": password ?? self.token]
    }

    /// - Parameter port: another way to it, such as a proxy.
    func psql(
        _ arguments: [String], port: Int? = nil, password: String? = nil, input: String? = nil
    ) async throws -> Subprocess.Result {
        try await Subprocess.run(
            self.arguments(port, arguments), environment: self.environment(password),
            input: input.map { .text($0) } ?? .none)
    }

    func start(_ statement: String) throws -> RunningProcess {
        try RunningProcess(self.arguments(nil, ["-c", statement]), environment: self.environment(nil))
    }

    /// Runs a Python program whose `connect()` connects to this port, without TLS.
    func python(_ program: String, port: Int? = nil, timeout: Duration = .seconds(60)) async throws -> String {
        try await runPython(
            program,
            environment: self.environment(nil).merging([
                "PGHOST": "127.0.0.1", "PGPORT": String(port ?? self.port), "PGUSER": self.user,
                "PGDATABASE": "shop-db",
                "PGSSLMODE": "disable",
            ]) { $1 }, timeout: timeout)
    }
}
