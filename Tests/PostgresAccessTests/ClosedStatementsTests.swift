import GloveboxCore
import NIOCore
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

/// What a `read` lease doesn't run, on a real server that would: the agent's role is a superuser there, and only the
/// statements' judge stands in between.
@Suite("What is closed under a read lease", .timeLimit(.minutes(2)))
struct ClosedStatementsTests {
    static let closed: [(sql: String, code: String)] = [
        ("WITH d AS (DELETE FROM payments RETURNING *) SELECT count(*) FROM d", "statement_writes"),
        ("SELECT * INTO kept FROM orders", "statement_writes"),
        ("CREATE TABLE kept AS TABLE orders", "statement_refused"),
        ("SELECT id FROM orders FOR UPDATE", "statement_writes"),
        ("SELECT id FROM orders FOR KEY SHARE SKIP LOCKED", "statement_writes"),
        ("EXPLAIN ANALYZE DELETE FROM payments", "statement_writes"),
        ("PREPARE d AS DELETE FROM payments", "statement_writes"), ("TRUNCATE payments", "statement_writes"),
        ("COPY orders TO PROGRAM 'cat > /dev/null'", "statement_refused"),
        ("COPY orders FROM PROGRAM 'true'", "statement_refused"),
        ("COPY orders TO '/dev/null'", "statement_refused"), ("COPY orders FROM '/dev/null'", "statement_refused"),
        ("DO $$ BEGIN DELETE FROM payments; END $$", "statement_refused"), ("CALL clean()", "statement_writes"),
        ("SELECT touch()", "function_refused"), ("SELECT nextval('numbers')", "function_refused"),
        ("SELECT pg_read_file('/etc/hostname')", "function_refused"), ("SELECT pg_ls_dir('/')", "function_refused"),
        ("SELECT lo_import('/etc/hostname')", "function_refused"), ("SELECT lo_get(1)", "function_refused"),
        ("SELECT dblink('dbname=postgres')", "function_refused"),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "function_refused"),
        ("SELECT query_to_xml('TABLE payments', true, true, '')", "function_refused"),
        ("SELECT pg_advisory_lock(1)", "function_refused"), ("SELECT pg_notify('a', 'b')", "function_refused"),
        ("SELECT set_config('role', 'glovebox_write', false)", "setting_refused"),
        ("SET ROLE glovebox_write", "setting_refused"),
        ("SET SESSION AUTHORIZATION glovebox_write", "setting_refused"),
        ("BEGIN READ WRITE", "statement_writes"), ("SET TRANSACTION READ WRITE", "statement_writes"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "statement_writes"),
        ("SET default_transaction_read_only = off", "statement_writes"),
        ("PREPARE TRANSACTION 'later'", "statement_refused"), ("COMMIT PREPARED 'later'", "statement_refused"),
        ("LOCK TABLE payments IN EXCLUSIVE MODE", "statement_writes"), ("NOTIFY a", "statement_writes"),
        ("ALTER SYSTEM SET work_mem = '1MB'", "statement_refused"), ("LOAD 'auto_explain'", "statement_refused"),
        ("VACUUM payments", "statement_refused"), ("CREATE TEMP TABLE kept (n int)", "statement_refused"),
        ("GRANT postgres TO glovebox_read", "statement_refused"), ("SELEC 1", "statement_not_parsed"),
    ]

    @Test("by itself, behind another statement, in a prepared one, and the session goes on")
    func closed() async throws {
        let database = try await PostgresServer.shared().makeShop(customers: 10)
        try await database.sql(
            """
            CREATE SEQUENCE numbers;
            CREATE PROCEDURE clean() LANGUAGE sql AS 'DELETE FROM payments';
            CREATE FUNCTION touch() RETURNS bigint LANGUAGE sql AS 'DELETE FROM payments; SELECT nextval(''numbers'')';
            CREATE FUNCTION dblink(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1';
            """)
        var target = try PostgresTarget.shop(database)
        target.signIns[.read] = PostgresTarget.SignIn(user: PostgresServer.superuser, credential: nil)
        target.allowsSuperuser = true
        target.allowsWritingReader = true
        let state = """
            SELECT count(*), (SELECT last_value::text || is_called FROM numbers), to_regclass('kept'),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
            FROM payments
            """
        let before = try await database.sql(state)
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            func expectRefused(_ answer: [BackendMessage], _ code: String, _ sql: String) {
                let error = answer.errors.first
                #expect(error?.message.hasSuffix("[\(code)]") == true && error?.isFatal == false, "\(sql): \(answer)")
                #expect(answer.rows.isEmpty, "\(sql)")
            }
            for (sql, code) in Self.closed {
                expectRefused(try await client.query(sql), code, sql)
                expectRefused(try await client.query("SELECT 'before'; \(sql)"), code, sql)
                client.send(.parse(.init(statement: "s", text: sql)), .sync)
                expectRefused(try await client.untilReady(), code, sql)
                #expect(try await client.query("SELECT 'goes on'").rows == [["goes on"]], "\(sql)")
            }
            #expect(try await client.query("SHOW transaction_read_only").rows == [["on"]])
        }
        #expect(try await database.sql(state) == before)
    }
}
