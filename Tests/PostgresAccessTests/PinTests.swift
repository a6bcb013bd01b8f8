import GloveboxCore
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

@Suite("Settings that a session keeps as they are", .timeLimit(.minutes(3)))
struct PinTests {
    let database: TestDatabase

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 10)
    }

    /// What goes back to what a session began with.
    static let resets = [
        "RESET ALL", "DISCARD ALL", "RESET standard_conforming_strings", "SET standard_conforming_strings TO DEFAULT",
        "SET LOCAL standard_conforming_strings TO DEFAULT", "RESET client_encoding", "SET client_encoding TO DEFAULT",
        "SET NAMES DEFAULT", "RESET search_path", "SET search_path TO DEFAULT", "RESET ROLE",
        "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION DEFAULT", "SET standard_conforming_strings = on",
        "SELECT set_config('standard_conforming_strings', 'on', false)", "SET client_encoding = 'UTF8'",
    ]

    /// What would change a pin, now or later.
    static let changes = [
        "SET standard_conforming_strings = off", "SET SESSION standard_conforming_strings TO 'off'",
        "SET LOCAL standard_conforming_strings = off", "SET client_encoding = 'SJIS'", "SET NAMES 'LATIN1'",
        "SET search_path = evil", "SET SCHEMA 'evil'", "SET search_path FROM CURRENT",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "SELECT set_config('standard_conforming_' || 'strings', 'off', false)",
        "SELECT set_config('client_encoding', 'SJIS', true)",
        "SELECT pg_catalog.set_config('search_path', 'evil', false)",
        "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'",
        "UPDATE pg_catalog.pg_settings SET setting = 'evil' WHERE name = 'search_path'",
        "WITH u AS (UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings' RETURNING 1) SELECT 1",
        "ALTER ROLE CURRENT_USER SET standard_conforming_strings = off", "ALTER ROLE ALL SET search_path = evil",
        "ALTER DATABASE postgres SET client_encoding = 'SJIS'", "ALTER SYSTEM SET standard_conforming_strings = off",
    ]

    /// What of it a session of a `read` lease must keep as well.
    static let readChanges = [
        "SET default_transaction_read_only = off", "RESET default_transaction_read_only",
        "SET default_transaction_read_only TO DEFAULT", "SET transaction_read_only = off", "BEGIN READ WRITE",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    ]

    /// `\\` is two letters where strings are read as the standard says.
    static let state = """
        SELECT length('\\\\'), current_setting('standard_conforming_strings'), current_setting('client_encoding'), \
        current_setting('search_path'), current_setting('transaction_read_only'), current_setting('default_transaction_read_only')
        """

    /// A role that reads the shop, and begins with settings that nobody wants.
    private func makeRole(_ settings: [String], group: String? = nil) async throws -> (name: String, password: String) {
        let name = "role_\(SessionID.random())"
        let password = try await self.database.server.makeRole(name, group: group)
        try await self.database.server.sql("GRANT glovebox_read TO \(name)")
        try await self.database.sql("CREATE SCHEMA IF NOT EXISTS evil; GRANT USAGE ON SCHEMA evil TO PUBLIC")
        try await self.database.server.sql("GRANT CONNECT ON DATABASE \(self.database.name) TO \(name)")
        for setting in settings { try await self.database.server.sql("ALTER ROLE \(name) SET \(setting)") }
        return (name, password)
    }

    private func target(
        _ role: (name: String, password: String), port: Int
    ) throws -> PostgresTarget {
        var target = try PostgresTarget.shop(self.database)
        target.address = .tcp(host: self.database.server.host, port: port)
        target.signIns[.read] = PostgresTarget.SignIn(
            user: role.name, credential: .command(["printf", "%s", role.password]))
        return target
    }

    private func check(_ client: RawClient, _ expected: [String?], changes: [String]) async throws {
        #expect(try await client.query(Self.state).rows == [expected])
        for sql in Self.resets {
            let errors = try await client.query(sql).errors
            #expect(errors.isEmpty, "\(sql): \(errors)")
            let rows = try await client.query(Self.state).rows
            #expect(rows == [expected], "\(sql): \(rows)")
        }
        for sql in changes {
            let error = try #require(await client.query(sql).errors.first, "\(sql)")
            #expect(error.message.hasSuffix("]"), "\(sql): \(error.message)")
            let rows = try await client.query(Self.state).rows
            #expect(rows == [expected], "\(sql): \(rows)")
        }
    }

    @Test("pins hold whatever the role and the database begin with, through every way to reset or set them")
    func direct() async throws {
        let role = try await self.makeRole(
            [
                "standard_conforming_strings = off", "client_encoding = 'SJIS'", "default_transaction_read_only = off",
                "search_path = evil, public",
            ])
        for setting in ["standard_conforming_strings = off", "client_encoding = 'LATIN1'", "search_path = evil"] {
            try await self.database.sql("ALTER DATABASE \(self.database.name) SET \(setting)")
        }
        let target = try self.target(role, port: self.database.server.port)
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            try await self.check(
                client, ["2", "on", "UTF8", "evil, public", "on", "on"], changes: Self.changes + Self.readChanges)
            let name = try await client.query("SELECT full_name FROM customers WHERE id = 3").rows
            #expect(name.first?.first??.hasPrefix("‹person_name:") == true, "\(name)")
        }
        // A lease that may write sets none of it either.
        try await LoopbackGlovebox.run(target: try .shop(self.database)) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            try await self.check(client, ["2", "on", "UTF8", "evil", "off", "off"], changes: Self.changes)
        }
    }

    @Test("what a client puts into its startup packet or PGOPTIONS changes no pin")
    func startup() async throws {
        try await LoopbackGlovebox.run(target: try .shop(self.database)) { glovebox in
            let result = try await glovebox.psql(
                glovebox.lease(), Self.state + ";",
                settings:
                    "sslmode=disable options='-c standard_conforming_strings=off -c search_path=evil -c default_transaction_read_only=off -c client_encoding=LATIN1'"
            )
            #expect(result.output == "2|on|UTF8|\"$user\", public|on|on\n", "\(result)")
            let encoding = try await glovebox.psql(
                glovebox.lease(), "SELECT 1;", settings: "sslmode=disable client_encoding=SJIS")
            #expect(encoding.errors.contains("[invalid_argument]"), "\(encoding)")
        }
    }

    @Test("behind PgBouncer, pins hold, or no session opens", arguments: ["session", "transaction"])
    func pooled(mode: String) async throws {
        for (bad, told) in [
            ("standard_conforming_strings = off", "standard_conforming_strings"),
            ("client_encoding = 'SJIS'", "client_encoding"),
            ("default_transaction_read_only = off", "default_transaction_read_only"),
        ] {
            let role = try await self.makeRole(["default_transaction_read_only = on", bad])
            let bouncer = try await PgBouncer.start(
                before: self.database, mode: mode, users: [role.name: role.password])
            let target = try self.target(role, port: bouncer.port)
            try await LoopbackGlovebox.run(target: target) { glovebox in
                let result = try await glovebox.psql(glovebox.lease(), "SELECT 1;")
                #expect(result.errors.contains(told) && result.output == "", "\(bad): \(result)")
            }
        }
        let role = try await self.makeRole(["default_transaction_read_only = on", "search_path = evil, public"])
        let bouncer = try await PgBouncer.start(
            before: self.database, mode: mode, size: 1, users: [role.name: role.password])
        var target = try self.target(role, port: bouncer.port)
        target.pooling = mode == "session" ? .session : .transaction
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            try await self.check(
                client, ["2", "on", "UTF8", "evil, public", "on", "on"], changes: Self.changes + Self.readChanges)
        }
    }

    @Test("a database that reports another reading of strings has its session ended")
    func reported() async throws {
        // Nothing that a lease may run does this; a function of the owner's might.
        try await self.database.sql(
            """
            CREATE FUNCTION careless() RETURNS int LANGUAGE plpgsql STABLE AS
            $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); RETURN 1; END $$;
            """)
        try await LoopbackGlovebox.run(target: try .shop(self.database)) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let answer = try await client.query("SELECT careless()")
            #expect(answer.errors.first?.message.contains("[redaction_failed]") == true, "\(answer)")
        }
    }
}
