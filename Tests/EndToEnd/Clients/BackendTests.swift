import Glibc
import TestSupport
import Testing

/// The agent signs in to its target in each way that there is, and by way of PgBouncer in each of its modes.
@Suite("Each way to the database, with and without PgBouncer", .serialized, .timeLimit(.minutes(3)))
struct BackendTests {
    static let targets = [
        "lab-trust", "lab-md5", "lab-scram", "lab-verified", "lab-pool-session", "lab-pool-transaction",
        "lab-pool-undeclared",
    ]

    @Test("sessions sign in, query, are masked, copy, are cancelled and end", arguments: targets)
    func sessions(target: String) async throws {
        let lab = try await BackendLab.get()
        let lease = try await lab.shop.admin.openLease(target)
        let raw = try await lab.shop.directly([
            "-A", "-t", "-c", "SELECT id, country FROM customers WHERE id < 9 ORDER BY id",
        ])
        #expect(try await lease.rows("SELECT id, country FROM customers WHERE id < 9 ORDER BY id") == raw.line)
        let masked = try await lease.psql(
            [
                "-A", "-t", "-c", "SELECT email, card, date_of_birth FROM customers", "-c", "COPY customers TO STDOUT",
                "-c", "\\d+ customers",
            ])
        #expect(masked.status == 0 && masked.errors == "", "\(masked.errors)")
        #expect(masked.output.matches(of: /‹email:[0-9a-z]{16}›/).count >= 2000)
        #expect(try await SecretSearch(of: lab.shop.database).found(in: masked.standardOutput) == [])
        let refused = try await lease.psql([], input: "DELETE FROM customers;\nBEGIN;\nSHOW transaction_read_only;\n")
        #expect(refused.errors.contains("[statement_writes]") && refused.output.contains(" on\n"))
        // The extended protocol, as drivers use it that prepare nothing.
        let output = try await lease.python(
            """
            with connect(prepare_threshold=None) as connection:
                for _ in range(8):
                    show(connection.execute("SELECT id, email FROM customers WHERE id = %s", (7,)).fetchone()[0])
                try:
                    connection.execute("SELECT 1 / %s", (0,))
                except psycopg.Error as error:
                    show(error.sqlstate + " " + error.diag.message_primary)
            """)
        #expect(output.split(separator: "\n") == Array(repeating: "7", count: 8) + ["\"22012 division by zero\""])
        // A cancel reaches what runs, and so does the lease's end.
        let (interrupted, cut) = (try lease.start("SELECT pg_sleep(91)"), try lease.start("SELECT pg_sleep(92)"))
        try await lab.untilRunning("pg_sleep(9_)", count: 2)
        interrupted.signal(SIGINT)
        #expect(await interrupted.finished())
        #expect(interrupted.errors.contains("canceling statement due to user request"))
        try await lab.shop.admin.endLease(lease)
        #expect(await cut.finished())
        #expect(cut.errors.contains("FATAL"))
        try await lab.untilRunning("pg_sleep(9_)", count: 0)
    }

    /// Whichever way the agent signs in, and by way of a pooler of sessions.
    @Test(
        "drivers, tools, dumps and pgbench answer as they do without Glovebox and pooler",
        arguments: ["lab-trust", "lab-md5", "lab-scram", "lab-verified", "lab-pool-session"])
    func programs(target: String) async throws {
        let backends = try await BackendLab.get()
        let lab = backends.lab
        try await lab.withLease(target) { lease in
            for program in [.asyncpg, .sqlalchemy, .pgcli, .libpq, .jdbc("metadata"), .jdbc("reading")] as [LabProgram]
            {
                try await Answers.compared(program, under: lease, in: lab)
            }
            let dump = ["pg_dump", "-w", "-n", "museum", "-T", "museum.guards", "--restrict-key=lab"]
            let through = try await runClient(dump, lease.variables)
            #expect(through.status == 0, "\(through.errors)")
            #expect(try await through.output == runClient(dump, lab.directly).output)
            for mode in ["simple", "extended", "prepared"] {
                let bench = try await runClient(
                    ["pgbench", "-n", "-S", "-c", "4", "-j", "2", "-t", "25", "-M", mode], lease.variables)
                #expect(bench.output.contains("number of transactions actually processed: 100/100"), "\(bench.errors)")
            }
        }
    }

    @Test("a lease that may write writes by way of PgBouncer", arguments: ["lab-pool-session", "lab-pool-transaction"])
    func writing(target: String) async throws {
        let lab = try await BackendLab.get()
        let lease = try await lab.shop.admin.openLease(target, capabilities: ["read", "write"])
        let result = try await lease.psql(
            [],
            input:
                "BEGIN;\nUPDATE orders SET item = 'pooled' WHERE id = 9;\nCOMMIT;\nSELECT item FROM orders WHERE id = 9;\n"
        )
        #expect(result.errors == "" && result.output.contains("pooled"), "\(result.errors)")
        try await lab.shop.admin.endLease(lease)
    }

    @Test("where a pooler drops the agent's settings and the role could write, nobody reads")
    func notReadOnly() async throws {
        let lab = try await BackendLab.get()
        let lease = try await lab.shop.admin.openLease("lab-pool-unsure")
        let result = try await lease.psql(["-c", "SELECT 1"])
        #expect(
            result.status == 2 && result.errors.contains("[ceiling_denied]")
                && result.errors.contains("default_transaction_read_only"), "\(result.errors)")
        try await lab.shop.admin.endLease(lease)
    }

    @Test("behind a pooler that hands connections on, what another session left under a name shows nothing")
    func namesOfOthers() async throws {
        let lab = try await BackendLab.get()
        // All sessions have one connection between them.
        let (one, other) = (
            try await lab.shop.admin.openLease("lab-pool-single"), try await lab.shop.admin.openLease("lab-pool-single")
        )
        let secret = try await lab.shop.directly([
            "-A", "-t", "-c", "SELECT reverse(full_name) FROM customers WHERE id = 3",
        ]).line
        let left = try await one.psql(
            [
                "-A", "-t", "-c", "PREPARE theirs AS SELECT reverse(full_name) FROM customers WHERE id = 3", "-c",
                "EXECUTE theirs",
            ])
        #expect(left.status == 0 && !left.output.contains(secret), "\(left.errors)")
        let found = try await other.psql(["-A", "-t", "-c", "EXECUTE theirs"])
        #expect(!(found.output + found.errors).contains(secret))

        // By the protocol, under the unnamed statement too: ours says text, and theirs stands there when it's bound.
        let output = try await one.python(
            """
            other = psycopg.connect("", user="\(other.postgres.user)", password="\(other.token)", autocommit=True)
            with connect() as connection:
                for name in (b"", b"named"):
                    mine, theirs = connection.pgconn, other.pgconn
                    show(mine.prepare(name, b"SELECT 'harmless'::text").error_message.decode())
                    if name:
                        theirs.exec_(b"DEALLOCATE ALL")
                    show(theirs.prepare(name, b"SELECT reverse(full_name) FROM customers WHERE id = 3").error_message.decode())
                    result = mine.exec_prepared(name, [])
                    show([result.error_message.decode(), str(result.get_value(0, 0))])
                    show(connection.execute("SELECT 'goes on'").fetchone()[0])
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 8 && lines[3] == "\"goes on\"" && lines[7] == "\"goes on\"", "\(output)")
        #expect(!output.contains(secret), "\(output)")
        for lease in [one, other] { try await lab.shop.admin.endLease(lease) }
    }
}

/// The shop with a target for each way to it.
private final class BackendLab: Sendable {
    let lab: Lab
    var shop: Installation { self.lab.shop }
    private let bouncers: [PgBouncer]

    private init(_ lab: Lab, _ bouncers: [PgBouncer]) {
        self.lab = lab
        self.bouncers = bouncers
    }

    static func get() async throws -> BackendLab { try await Shared.instance.lab() }

    /// Waits until so many statements like it run in the database.
    func untilRunning(_ pattern: String, count: Int) async throws {
        try await eventually(timeout: .seconds(30), "\(count) running \(pattern)") {
            try await self.shop.database.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(self.shop.database.name)' AND state = 'active' AND query LIKE 'SELECT \(pattern)%'"
            ) == String(count)
        }
    }

    private static func start() async throws -> BackendLab {
        let database = try await Lab.database()
        let server = database.server
        let shop = try Installation(database: database)
        var passwords: [String: String] = [:]
        for group in ["trust", "md5", "scram", "tls"] {
            let role = "lab_\(group)"
            passwords[role] = try await server.makeRole(role, group: "auth_\(group)")
            try await server.sql("GRANT glovebox_read TO \(role)")
            try shop.write("\(role).password", (passwords[role] ?? "") + "\n")
        }
        let users = [
            ShopDatabase.readUser: ShopDatabase.readPassword, ShopDatabase.writeUser: ShopDatabase.writePassword,
            "lab_scram": passwords["lab_scram"] ?? "",
        ]
        let bySession = try await PgBouncer.start(before: database, mode: "session", users: users)
        let byTransaction = try await PgBouncer.start(
            before: database, mode: "transaction", users: users,
            settings: [
                "ignore_startup_parameters = extra_float_digits, default_transaction_read_only, statement_timeout"
            ])
        let single = try await PgBouncer.start(before: database, mode: "transaction", size: 1, users: users)

        func target(_ name: String, _ more: [String], role: String = ShopDatabase.readUser, port: Int? = nil) -> String
        {
            let password =
                switch role {
                case ShopDatabase.readUser: ", password: {file: read.password}"
                case "lab_trust": ""
                default: ", password: {file: \(role).password}"
                }
            let lines =
                [
                    "kind: postgres", "host: \(server.host)", "port: \(port ?? server.port)",
                    "database: \(database.name)",
                    "roles:", "  read: {user: \(role)\(password)}",
                ]
                + (port == nil ? [] : ["  write: {user: \(ShopDatabase.writeUser), password: {file: write.password}}"])
                + more + [
                    "columns: {public.customers.full_name: person_name, public.customers.date_of_birth: date_of_birth}"
                ]
            return "  \(name):\n" + lines.map { "    \($0)\n" }.joined()
        }
        let targets = [
            "lab-trust": target("lab-trust", ["tls: off"], role: "lab_trust"),
            "lab-md5": target("lab-md5", ["tls: off"], role: "lab_md5"),
            "lab-scram": target("lab-scram", ["tls: off"], role: "lab_scram"),
            "lab-verified": target(
                "lab-verified", ["tls: {authority: \(server.certificateFile), name: localhost}"], role: "lab_tls"),
            "lab-pool-session": target("lab-pool-session", ["pooling: session"], port: bySession.port),
            "lab-pool-transaction": target("lab-pool-transaction", ["pooling: transaction"], port: byTransaction.port),
            "lab-pool-undeclared": target("lab-pool-undeclared", [], port: bySession.port),
            "lab-pool-single": target("lab-pool-single", [], port: single.port),
            "lab-pool-unsure": target("lab-pool-unsure", [], role: "lab_scram", port: byTransaction.port),
        ]
        try shop.write("agent.yaml", shop.read("agent.yaml") + targets.values.joined())
        let allowed =
            "{capabilities: [read, write], longest: 2h, columns: {public.customers.password_hash: password_hash, public.customers.card: card, public.customers.iban: iban}}"
        try shop.write(
            "ceiling.yaml", shop.read("ceiling.yaml") + targets.keys.map { "  \($0): \(allowed)\n" }.joined())
        try shop.write(
            "policy.yaml",
            shop.read("policy.yaml") + """
                  - name: lab
                    groups: [oncall]
                    targets: [\(targets.keys.joined(separator: ", "))]
                    capabilities: [read, write]
                    longest: 1h

                """)
        let process = try await shop.up()
        atExit(kill: process.pid, remove: shop.root)
        return BackendLab(Lab(shop, process), [bySession, byTransaction, single])
    }

    private actor Shared {
        static let instance = Shared()
        private var start: Task<BackendLab, any Error>?

        func lab() async throws -> BackendLab {
            if let start { return try await start.value }
            let start = Task { try await BackendLab.start() }
            self.start = start
            return try await start.value
        }
    }
}
