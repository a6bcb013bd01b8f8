import Glibc
import TestSupport

/// Ordinary PostgreSQL clients with a lease: nothing of Glovebox's on their side.
extension OpenedLease {
    /// What psql is told on its command line; the token isn't there.
    func connection(user: String? = nil, sslmode: String = "verify-full", more: String = "") -> String {
        "host=\(self.postgres.host) port=\(self.postgres.port) user=\(user ?? self.postgres.user) dbname=\(self.target) "
            + "sslmode=\(sslmode) sslrootcert=\(self.postgres.rootCertificate) \(more)"
    }

    private func environment(token: String?) -> [String: String] {
        ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PGPASSWORD": token ?? self.token]
    }

    private func arguments(_ connection: String?, _ arguments: [String]) -> [String] {
        ["psql", "-X", "-w", connection ?? self.connection()] + arguments
    }

    /// Runs psql to its end.
    func psql(
        _ arguments: [String], input: String? = nil, connection: String? = nil, token: String? = nil
    ) async throws -> Subprocess.Result {
        try await Subprocess.run(
            self.arguments(connection, arguments), environment: self.environment(token: token),
            input: input.map { .text($0) } ?? .none)
    }

    /// Runs pg_dump to its end.
    func pgDump(_ arguments: [String]) async throws -> Subprocess.Result {
        try await Subprocess.run(
            ["pg_dump", "-w", "-d", self.connection()] + arguments, environment: self.environment(token: nil))
    }

    /// Rows of one statement, unaligned and without a header; the statement must succeed.
    func rows(_ statement: String) async throws -> String {
        let result = try await self.psql(["-A", "-t", "-c", statement])
        guard result.succeeded else { throw TestSupportError("'\(statement)' failed: \(result.errors)") }
        return result.line
    }

    /// Starts psql with a statement that takes its time.
    func start(_ statement: String) throws -> RunningProcess {
        try RunningProcess(
            self.arguments(nil, ["-A", "-t", "-c", statement]), environment: self.environment(token: nil))
    }

    private var libpq: [String: String] {
        self.environment(token: nil).merging([
            "PGHOST": self.postgres.host, "PGPORT": String(self.postgres.port), "PGUSER": self.postgres.user,
            "PGDATABASE": self.target, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": self.postgres.rootCertificate,
        ]) { $1 }
    }

    /// Runs a Python program whose `connect()` connects with this lease.
    func python(_ program: String, timeout: Duration = .seconds(60)) async throws -> String {
        try await runPython(program, environment: self.libpq, timeout: timeout)
    }

    /// Starts such a program; its standard input stays open.
    func startPython(_ program: String) throws -> RunningProcess {
        try RunningProcess(
            [try pythonInterpreter(), "-I", "-u", "-c", pythonPreamble + program], environment: self.libpq, input: .open
        )
    }
}

/// What the tests' Python programs begin with.
private let pythonPreamble = """
    import datetime, json, os, select, socket, struct, sys, threading, psycopg

    def connect(**options):
        return psycopg.connect("", **{"autocommit": True, **options})

    def show(value):
        print(json.dumps(value, default=str))


    """

private func pythonInterpreter() throws -> String {
    let interpreter = Repository.file(".build-venv/bin/python")
    guard access(interpreter, X_OK) == 0 else {
        throw TestSupportError("psycopg isn't installed: run 'scripts/install-packages test'")
    }
    return interpreter
}

/// Runs a Python program with psycopg; it finds `connect()`, which takes libpq's environment variables, and `show()`,
/// which prints a value as a line of JSON.
func runPython(
    _ program: String, environment: [String: String], timeout: Duration = .seconds(60)
) async throws -> String {
    let result = try await Subprocess.run(
        [try pythonInterpreter(), "-I", "-"], environment: environment, input: .text(pythonPreamble + program),
        timeout: timeout)
    guard result.succeeded else { throw TestSupportError("Python failed: \(result.errors)") }
    return result.line
}

/// What a masked text has in place of the value: `‹KIND:sixteen letters and digits›`.
func isPseudonym(_ text: some StringProtocol, of kind: String) -> Bool {
    let text = String(text)
    guard text.hasPrefix("‹\(kind):"), text.hasSuffix("›") else { return false }
    let digits = text.dropFirst(kind.count + 2).dropLast()
    return digits.count == 16 && digits.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber) }
}
