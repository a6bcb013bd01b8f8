import GloveboxCore
import Testing

@testable import Statements

@Suite("What a read lease may run")
struct ReadRulesTests {
    private let judge: StatementJudge

    init() throws {
        self.judge = try makeJudge()
    }

    @Test(
        "what only reads is run",
        arguments: [
            "SELECT 1", "", " -- nothing\n;", "TABLE customers", "VALUES (1), (2)",
            "SELECT c.email, count(*) FROM customers c JOIN orders o USING (id) WHERE o.total > 3 GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 3 OFFSET 1",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n, now() FROM t",
            "SELECT CASE WHEN a IS NULL THEN 'x' ELSE lower(b) END, COALESCE(a, b), GREATEST(1, 2), (x).y, z[1:2], ARRAY[1], ROW(1, 2), $1 FROM t",
            "SELECT * FROM a, LATERAL (SELECT 1) b, generate_series(1, 3) WITH ORDINALITY g(n, m) WHERE EXISTS (SELECT FROM c)",
            "SELECT row_number() OVER (PARTITION BY a ORDER BY b ROWS 2 PRECEDING), sum(a) FILTER (WHERE b) OVER w FROM t WINDOW w AS (ORDER BY c)",
            "SELECT EXTRACT(year FROM now()), now() AT TIME ZONE 'UTC', a LIKE 'b' ESCAPE 'c', SUBSTRING(a FROM 2), CURRENT_DATE, a::numeric(3, 2) FROM t",
            "SELECT 1 UNION SELECT 2 INTERSECT ALL SELECT 3 EXCEPT SELECT 4", "SELECT a FROM t TABLESAMPLE system (1)",
            "SELECT random(), pg_sleep(0.1)", "SELECT pg_catalog.lower('A'), public.price_of(1)",
            "EXPLAIN (ANALYZE, FORMAT json) SELECT 1", "EXPLAIN EXECUTE a(1)",
            "PREPARE a (int) AS SELECT $1; EXECUTE a(1 + 1); DEALLOCATE a; DEALLOCATE ALL",
            "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH 3 FROM c; MOVE ALL IN c; CLOSE c; CLOSE ALL; COMMIT",
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE", "START TRANSACTION READ ONLY",
            "SAVEPOINT a; ROLLBACK TO a; RELEASE a; ROLLBACK AND CHAIN; ABORT; END",
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET default_transaction_read_only = on", "SET extra_float_digits = 3; SET TIME ZONE 'UTC'; RESET timezone",
            "SET LOCAL statement_timeout = 0", "SET enable_seqscan TO off; SET seq_page_cost = 1; RESET ALL",
            "SELECT 'a'::calm, b BETWEEN 1 AND 2 FROM t",
            "SET client_encoding TO 'UTF8'",
            "SET standard_conforming_strings = on", "SET search_path = ''", "RESET ROLE",
            "SHOW ALL; SHOW server_version",
            "SELECT pg_catalog.set_config('search_path', '', false)", "SELECT set_config('timezone', 'UTC', true)",
            "SELECT current_setting('jit') AS cur, set_config('jit', 'off', false)",
            "SELECT set_config('jit', $1, false)",
            "COPY customers TO STDOUT", "COPY (SELECT 1) TO STDOUT (FORMAT csv)", "LISTEN a; UNLISTEN *",
            "LOCK TABLE customers IN ACCESS SHARE MODE", "DISCARD ALL",
            "SELECT pg_advisory_unlock_all()",
        ])
    func allowed(text: String) async {
        #expect(await self.judge.settled(text).code == nil, "\(text)")
    }

    @Test(
        "what can write is refused, however it's wrapped",
        arguments: [
            "INSERT INTO t VALUES (1)", "UPDATE t SET a = 1", "DELETE FROM t", "TRUNCATE t",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
            "SELECT * FROM (WITH d AS (UPDATE t SET a = 1 RETURNING a) SELECT * FROM d) x",
            "SELECT * INTO x FROM t", "SELECT 1 UNION SELECT 2 INTO x", "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM (SELECT * FROM t FOR SHARE) x", "SELECT * FROM t FOR KEY SHARE SKIP LOCKED",
            "EXPLAIN ANALYZE DELETE FROM t", "EXPLAIN DELETE FROM t",
            "EXPLAIN ANALYZE WITH d AS (DELETE FROM t RETURNING 1) SELECT 1", "PREPARE a AS DELETE FROM t",
            "COPY t FROM STDIN", "COPY (DELETE FROM t RETURNING *) TO STDOUT", "SELECT 1; DELETE FROM t",
            "BEGIN READ WRITE", "START TRANSACTION READ WRITE", "SET TRANSACTION READ WRITE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET transaction_read_only = off",
            "SET default_transaction_read_only TO false", "SELECT set_config('transaction_read_only', 'off', false)",
            "LOCK TABLE t", "LOCK TABLE t IN SHARE MODE", "NOTIFY a, 'b'", "CALL p()",
            "DECLARE c CURSOR FOR SELECT * FROM t FOR UPDATE",
        ])
    func writes(text: String) async {
        #expect(await self.judge.settled(text).code == .writes, "\(text)")
    }

    @Test(
        "what isn't about rows is refused",
        arguments: [
            "DO 'BEGIN END'", "COPY t TO PROGRAM 'cat'", "COPY t FROM PROGRAM 'cat'", "COPY t TO '/tmp/x'",
            "COPY t FROM '/etc/passwd'", "CREATE TABLE x (a int)", "CREATE TABLE x AS SELECT 1", "DROP TABLE t",
            "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1", "CREATE TEMP TABLE x (a int)", "ALTER SYSTEM SET a = 1",
            "GRANT ALL ON t TO public", "VACUUM t", "CHECKPOINT", "LOAD 'x'", "CREATE EXTENSION dblink",
            "PREPARE TRANSACTION 'a'", "COMMIT PREPARED 'a'", "ROLLBACK PREPARED 'a'", "REFRESH MATERIALIZED VIEW v",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "COMMENT ON TABLE t IS 'x'",
            "SECURITY LABEL ON TABLE t IS 'x'", "REINDEX TABLE t", "CLUSTER t",
            "IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c",
            "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p", "SET CONSTRAINTS ALL DEFERRED",
        ])
    func kinds(text: String) async {
        #expect(await self.judge.settled(text).code == .kind, "\(text)")
    }

    @Test(
        "who a session is, and what Glovebox relies on, can't be set",
        arguments: [
            "SET ROLE postgres", "SET LOCAL ROLE postgres", "SET SESSION AUTHORIZATION postgres",
            "SET role = 'postgres'",
            "SET client_encoding = 'LATIN1'", "SET NAMES 'LATIN1'", "SET standard_conforming_strings = off",
            "SET search_path = evil", "SET search_path = '', evil", "SET SCHEMA 'evil'",
            "SET session_replication_role = replica", "SET my.variable = 'x'", "SET backslash_quote = on",
            "SELECT set_config('role', 'postgres', false)", "SELECT set_config('client_encoding', 'LATIN1', false)",
            "SELECT set_config('application_name', email, false) FROM customers",
            "SELECT set_config('application_name', $1 || email, false) FROM customers",
            "SELECT set_config($1, 'x', false)", "SELECT set_config('search_path', $1, false)",
            "SELECT set_config('role', $1, false)", "SELECT set_config('client_encoding', $1, false)",
            "SELECT set_config(name, 'x', false) FROM customers", "SELECT pg_catalog.set_config('ROLE', 'a', true)",
            "SET search_path FROM CURRENT", "SET log_statement = 'none'",
        ])
    func settings(text: String) async {
        #expect(await self.judge.settled(text).code == .setting, "\(text)")
    }

    @Test("how rows are reached can't be set where a column of the database's own is classified")
    func planning() async throws {
        let judge = try makeJudge(relations: makeRelations())
        for text in [
            "SET enable_seqscan = off", "SET seq_page_cost = 9", "SELECT set_config('enable_sort', $1, false)",
        ] {
            #expect(await judge.settled(text).code == .setting, "\(text)")
        }
    }

    @Test(
        "a value of a type that is made by what may write is refused, wherever the type is named",
        arguments: [
            "SELECT 'a'::wild", "SELECT CAST(a AS public.wild) FROM t", "SELECT ARRAY['a']::wild[]", "SELECT wild('a')",
            "SELECT * FROM json_to_record('{}') AS x (a wild)", "PREPARE a (int, wild) AS SELECT 1",
            "SELECT (a).wild FROM t",
            "SELECT xmlserialize(CONTENT a AS wild) FROM t", "SELECT a FROM t WHERE b IN (SELECT c::wild FROM u)",
            "COPY (SELECT 'a'::wild) TO STDOUT", "EXPLAIN SELECT 'a'::wild", "EXECUTE a('b'::wild)",
        ])
    func types(text: String) async throws {
        #expect(await self.judge.settled(text).code == .function, "\(text)")
    }

    @Test(
        "operators that aren't written count as well",
        arguments: [
            "SELECT 1 WHERE a BETWEEN 1 AND 2", "SELECT a NOT BETWEEN SYMMETRIC 1 AND 2",
            "SELECT CASE a WHEN b THEN 1 END",
            "SELECT a IN (SELECT b FROM t)", "SELECT 1 FROM a JOIN b USING (c)", "SELECT 1 FROM a NATURAL JOIN b",
            "SELECT a IN (1, 2)", "SELECT NULLIF(a, b)", "SELECT a = ANY (b)",
        ])
    func implied(text: String) async throws {
        var catalogue = makeCatalogue()
        catalogue.addVolatileOperators(["=", "<="])
        let judge = StatementJudge(
            parser: try StatementParser(), rules: StatementRules(capability: .read, functions: catalogue))
        #expect(await judge.settled(text).code == .function, "\(text)")
        #expect(await judge.settled("SELECT a < b, c || d FROM t").code == nil)
    }

    @Test(
        "what is PostgreSQL's own isn't written to, by a lease that may write either",
        arguments: [
            "UPDATE pg_settings SET setting = 'off'", "UPDATE pg_catalog.pg_settings SET setting = 'off'",
            "WITH u AS (UPDATE pg_settings SET setting = 'off' RETURNING 1) SELECT 1", "DELETE FROM pg_authid",
            "INSERT INTO pg_catalog.pg_proc SELECT", "COPY pg_authid FROM STDIN",
            "DELETE FROM information_schema.tables",
            "PREPARE a AS UPDATE pg_settings SET setting = 'off'",
            "EXPLAIN ANALYZE UPDATE pg_settings SET setting = 'off'",
            "MERGE INTO pg_settings s USING t ON true WHEN MATCHED THEN UPDATE SET setting = 'off'",
        ])
    func own(text: String) async throws {
        let judge = try makeJudge(.write)
        #expect(await judge.settled(text).code == .kind, "\(text)")
        #expect(await judge.settled("UPDATE settings SET setting = 'off'").code == nil)
    }

    @Test(
        "functions with side effects are refused, wherever they're called",
        arguments: [
            "SELECT nextval('s')", "SELECT pg_catalog.setval('s', 1)", "SELECT pg_read_file('/etc/passwd')",
            "SELECT * FROM pg_ls_dir('/')", "SELECT lo_import('/etc/passwd')", "SELECT lo_get(1)", "SELECT dblink('x')",
            "SELECT public.dblink('x')", "SELECT pg_terminate_backend(1)", "SELECT pg_cancel_backend(1)",
            "SELECT pg_notify('a', 'b')", "SELECT pg_advisory_lock(1)",
            "SELECT query_to_xml('DELETE FROM t', true, true, '')",
            "SELECT table_to_xml('customers', true, true, '')", "SELECT database_to_xml(true, true, '')",
            "SELECT public.crosstab('SELECT 1')", "SELECT ts_rewrite('a', 'SELECT 1')", "SELECT txid_current()",
            "SELECT touch(1)", "SELECT 1 WHERE touch(1)", "SELECT 1 FROM t ORDER BY touch(1)",
            "WITH x AS (SELECT touch(1)) SELECT 1", "SELECT (SELECT touch(1))", "VALUES (touch(1))",
            "SELECT count(*) FILTER (WHERE touch(1)) FROM t", "SELECT 1 LIMIT touch(1)", "EXECUTE a(touch(1))",
            "SELECT 1 FROM t JOIN u ON touch(1)", "SELECT c.touch FROM customers c",
            "SELECT (c).touch FROM customers c",
            "SELECT 1 <~~> 2", "COPY (SELECT touch(1)) TO STDOUT", "EXPLAIN ANALYZE SELECT touch(1)",
            "SELECT lower(touch(1)) OVER () FROM t", "SELECT \"touch\"(1)", "SELECT pg_reload_conf()",
        ])
    func functions(text: String) async {
        #expect(await self.judge.settled(text).code == .function, "\(text)")
    }

    @Test("a function that the catalogue doesn't have is refused by name")
    func unknownFunction() async {
        guard case .refused(let refusal) = await self.judge.settled("SELECT evil.lower('a')") else {
            Issue.record("allowed")
            return
        }
        #expect(refusal.code == .unknownFunction)
        #expect(refusal.sqlState == "42883")
        #expect(refusal.message.contains("evil.lower"))
    }

    @Test("what can't be parsed is refused, with the place")
    func syntax() async {
        guard case .refused(let refusal) = await self.judge.settled("SELECT 1 FORM t WHERE") else {
            Issue.record("allowed")
            return
        }
        #expect(refusal.code == .syntax)
        #expect(refusal.position == 15)
        #expect(await self.judge.settled("SELECT 1\u{0}; DELETE FROM t").code == .syntax)
    }
}

@Suite("What a write lease may run")
struct WriteRulesTests {
    private let judge: StatementJudge

    init() throws {
        self.judge = try makeJudge(.write)
    }

    @Test(
        "rows are written as PostgreSQL lets its role",
        arguments: [
            "INSERT INTO t (a, b) VALUES (1, DEFAULT) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
            "UPDATE t SET (a, b) = (SELECT 1, 2) FROM s WHERE t.id = s.id", "DELETE FROM t USING s WHERE t.a = s.a",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1 WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "WITH d AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM d", "COPY t FROM STDIN",
            "SELECT nextval('s')", "SELECT * FROM t FOR UPDATE", "BEGIN READ WRITE", "LOCK TABLE t", "TRUNCATE t",
            "CALL touch(1)", "NOTIFY a", "EXPLAIN ANALYZE UPDATE t SET a = 1", "SELECT touch(1)",
            "UPDATE t SET a = 1 WHERE CURRENT OF c",
        ])
    func allowed(text: String) async {
        #expect(await self.judge.settled(text).code == nil, "\(text)")
    }

    @Test(
        "files, programs, other servers, schemas and identities are still out of reach",
        arguments: [
            "COPY t FROM PROGRAM 'cat'", "COPY t FROM '/etc/passwd'", "DO 'x'", "CREATE TABLE x (a int)", "SET ROLE a",
            "SELECT lo_import('/etc/passwd')", "SELECT * INTO x FROM t", "DROP TABLE t",
            "INSERT INTO t SELECT pg_read_file('/etc/passwd')", "UPDATE t SET a = dblink('x')",
            "PREPARE TRANSACTION 'a'",
            "SET search_path = evil", "ALTER TABLE t ADD COLUMN a int",
        ])
    func refused(text: String) async {
        #expect(await self.judge.settled(text).code != nil, "\(text)")
    }
}
