import TestSupport
import Testing

@Suite("What a lease allows, and no more", .serialized, .timeLimit(.minutes(2)))
struct LimitTests {
    @Test(
        "a result with more rows than the lease has left ends the session",
        arguments: [("few-rows", 10), ("few-by-ceiling", 5)])
    func rows(target: String, most: Int) async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(target)
        let result = try await lease.psql(["-A", "-t", "-c", "SELECT id FROM customers ORDER BY id LIMIT \(most - 2)"])
        #expect(result.status == 0)
        #expect(result.output.split(separator: "\n").count == most - 2)
        // Without buffering in psql, so that what came before the end is seen.
        let more = try await lease.psql(
            ["-A", "-t", "-v", "FETCH_COUNT=1", "-c", "SELECT id FROM customers ORDER BY id LIMIT 50"])
        #expect(more.status != 0)
        #expect(more.output.split(separator: "\n").count <= 2)
        #expect(more.errors.contains("FATAL") && more.errors.contains("[limit_reached]"), "\(more.errors)")
        #expect(more.errors.contains("\(most) rows"))
        try await shop.untilGone(lease)
        try await shop.admin.endLease(lease)
    }

    @Test("COPY data count as rows too")
    func copied() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease("few-rows")
        let result = try await lease.psql(["-c", "COPY customers TO STDOUT"])
        #expect(result.status != 0)
        #expect(result.output.split(separator: "\n").count <= 10)
        #expect(result.errors.contains("[limit_reached]"), "\(result.errors)")
        try await shop.admin.endLease(lease)
    }

    @Test("more bytes of results than the lease has left end the session")
    func bytes() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease("few-bytes")
        let small = try await lease.rows("SELECT repeat('x', 5000)")
        #expect(small.count == 5000)
        let result = try await lease.psql(["-A", "-t", "-c", "SELECT repeat('x', 50000)"])
        #expect(result.status != 0)
        #expect(result.output.count < 20_000)
        #expect(result.errors.contains("FATAL") && result.errors.contains("[limit_reached]"), "\(result.errors)")
        try await shop.admin.endLease(lease)
    }

    @Test("a statement that runs longer than the lease allows is cancelled")
    func seconds() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease("one-second")
        // Whoever lifts the database's own timeout is still stopped, by the agent.
        for script in ["SELECT pg_sleep(67);", "SET statement_timeout = 0; SELECT pg_sleep(67);"] {
            let result = try await lease.psql(["-v", "ON_ERROR_STOP=1"], input: script + "\nSELECT 1;\n")
            #expect(result.status != 0)
            #expect(
                result.errors.contains("statement timeout") || result.errors.contains("[limit_reached]"),
                "\(script): \(result.errors)")
        }
        try await eventually("nothing running") { try await shop.activity(of: lease, where: "state = 'active'") == 0 }
        try await shop.admin.endLease(lease)
    }

    @Test("a lease has as many sessions at once as its rule says, counted over all connections")
    func sessions() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease("one-session")
        let first = try lease.start("SELECT pg_sleep(68)")
        try await shop.untilRunning(lease, "pg_sleep")
        let second = try await lease.psql(["-c", "SELECT 1"])
        #expect(second.status == 2)
        #expect(second.errors.contains("FATAL") && second.errors.contains("[limit_reached]"), "\(second.errors)")
        first.signal(2)
        #expect(await first.finished())
        try await shop.untilGone(lease)
        try await eventually("a free place") { try await lease.psql(["-c", "SELECT 1"]).status == 0 }
        try await shop.admin.endLease(lease)
    }

    @Test(
        "nothing can be written under a read lease, whatever the client sets",
        arguments: [
            "INSERT INTO orders SELECT 9000000, 1, 'x', 'x', 1, 1, NULL, now();",
            "SET default_transaction_read_only = off; DELETE FROM payments;",
            "BEGIN READ WRITE; UPDATE customers SET notes = NULL; COMMIT;",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; TRUNCATE payments;",
            "BEGIN; SET TRANSACTION READ WRITE; CREATE TABLE mine (x int); COMMIT;",
            "SET ROLE glovebox_write; DELETE FROM payments;",
            "SET SESSION AUTHORIZATION postgres;",
            "SET default_transaction_read_only = off; COPY orders (id) FROM STDIN;\n1\n\\.\n",
            "SET default_transaction_read_only = off; CREATE TEMP TABLE mine (x int);",
            // Before PostgreSQL 16 a read-only transaction may make large objects, so the role must not.
            "SELECT lo_create(0);", "SELECT lo_from_bytea(0, 'kept');",
            // What a role may do to itself outlives the session.
            "BEGIN READ WRITE; ALTER ROLE glovebox_read PASSWORD 'known'; COMMIT;",
            "ALTER ROLE glovebox_read SET search_path = evil;",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public;",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user;",
            "DO $$ BEGIN PERFORM 1; END $$;",
        ])
    func reading(script: String) async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let count = "SELECT count(*) FROM payments"
        let before = try await shop.database.sql(count)
        let result = try await lease.psql(["-v", "ON_ERROR_STOP=1"], input: script)
        #expect(result.status == 3, "\(result.output)")
        #expect(
            result.errors.contains(/\[(statement_writes|statement_refused|setting_refused|function_refused)\]\n/),
            "\(result.errors)")
        #expect(try await shop.admin.record(lease: lease, event: "statement_refused").details["code"] != nil)
        #expect(try await shop.database.sql(count) == before)
        #expect(try await lease.rows("SHOW transaction_read_only") == "on")
        try await shop.admin.endLease(lease)
    }

    @Test("a lease that may write writes, with random pseudonyms, so that nothing written can be compared")
    func writing() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let result = try await lease.psql(
            ["-A", "-t"],
            input: """
                UPDATE orders SET status = 'returned' WHERE id = 2999 RETURNING status;
                SELECT email FROM customers WHERE id = 5;
                SELECT email FROM customers WHERE id = 5;

                """)
        let lines = result.output.split(separator: "\n").filter { !$0.hasPrefix("UPDATE") }
        try #require(lines.count == 3, "\(result.output) \(result.errors)")
        #expect(lines[0] == "returned")
        #expect(isPseudonym(lines[1], of: "email") && isPseudonym(lines[2], of: "email") && lines[1] != lines[2])
        #expect(try await shop.database.sql("SELECT status FROM orders WHERE id = 2999") == "returned")
        try await shop.admin.endLease(lease)
    }
}
