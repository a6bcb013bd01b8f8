import GloveboxCore
import PostgresAccess
import PostgresWire
import Redaction
import TestSupport
import Testing

/// What a database's own objects run without being called by name: casts, operators, domains, aggregates, views, policies.
@Suite("What a read lease's statements run of themselves", .timeLimit(.minutes(2)))
struct VolatilityTests {
    let database: TestDatabase
    let target: PostgresTarget

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 10)
        self.target = try .shop(self.database)
        try await self.database.sql(Self.objects)
    }

    static let objects = """
        CREATE TABLE written (word text);
        CREATE FUNCTION writes(text) RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS
          $$ BEGIN INSERT INTO written VALUES ($1); RETURN $1; END $$;
        CREATE FUNCTION writes2(text, text) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT writes($2)';
        CREATE FUNCTION agrees(text) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT writes($1) IS NOT NULL';
        CREATE FUNCTION liar(text) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER AS
          $$ BEGIN PERFORM writes($1); RETURN $1; END $$;
        CREATE DOMAIN checked AS text CHECK (agrees(VALUE));
        CREATE DOMAIN counted AS text CHECK (nextval('counter') > 0);
        CREATE TYPE boxed AS (word text);
        CREATE FUNCTION box(text) RETURNS boxed LANGUAGE sql VOLATILE AS 'SELECT ROW(writes($1))::boxed';
        CREATE CAST (text AS boxed) WITH FUNCTION box(text);
        CREATE TYPE crate AS (n int, inside checked);
        CREATE TYPE cheap AS (word text);
        CREATE FUNCTION cheapen(boxed) RETURNS cheap LANGUAGE sql VOLATILE AS 'SELECT ROW(writes(($1).word))::cheap';
        CREATE CAST (boxed AS cheap) WITH FUNCTION cheapen(boxed) AS IMPLICIT;
        CREATE AGGREGATE gather(text) (sfunc = writes2, stype = text, initcond = '');
        CREATE FUNCTION atleast(cheap, cheap) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT writes(''>='') IS NOT NULL';
        CREATE OPERATOR >= (LEFTARG = cheap, RIGHTARG = cheap, FUNCTION = atleast);
        CREATE OPERATOR ### (RIGHTARG = text, FUNCTION = writes);
        CREATE TABLE crates (id int, inside crate);
        CREATE VIEW writing AS SELECT writes('view') AS word;
        CREATE TABLE guarded (id int);
        INSERT INTO guarded VALUES (1);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        CREATE POLICY watch ON guarded USING (agrees('policy'));
        GRANT SELECT ON writing, guarded, crates TO glovebox_read;
        """.replacing("CREATE TABLE written", with: "CREATE SEQUENCE counter; CREATE TABLE written")

    private func nothingWritten() async throws {
        #expect(try await self.database.sql("SELECT count(*) FROM written") == "0")
    }

    static let closed = [
        "SELECT 'x'::checked", "SELECT CAST('x' AS public.checked)", "SELECT '{x}'::checked[]",
        "SELECT 'x'::counted",
        "SELECT ('x'::text)::boxed", "SELECT boxed('x'::text)", "SELECT (('x'::text)::boxed).word",
        "SELECT ROW(1, 'x')::crate", "SELECT '(1,x)'::crate", "SELECT ROW(1, ROW(1, 'x'))::crates",
        "SELECT * FROM json_to_record('{\"a\": \"x\"}') AS t (a checked)",
        "SELECT json_populate_record(NULL::crate, '{\"inside\": \"x\"}')",
        "SELECT * FROM XMLTABLE('/a' PASSING '<a>x</a>' COLUMNS v checked PATH '.')",
        "PREPARE p (checked) AS SELECT $1", "PREPARE p AS SELECT $1::checked",
        "DECLARE c CURSOR FOR SELECT 'x'::checked", "COPY (SELECT 'x'::checked) TO STDOUT",
        "EXPLAIN ANALYZE SELECT 'x'::checked", "SELECT gather(item) FROM orders", "SELECT ### item FROM orders",
        "SELECT 1 OPERATOR(public.###) item FROM orders",
        "SELECT '(x)'::cheap BETWEEN '(a)'::cheap AND '(b)'::cheap",
        "SELECT 1 WHERE 2 BETWEEN 1 AND 3", "SELECT writes('x')", "SELECT public.writes('x')",
        "SELECT (o).writes FROM orders o", "SELECT * FROM writes('x')",
    ]

    @Test("a cast, a domain, an operator or an aggregate of a VOLATILE function is refused, however it's written")
    func refused() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in Self.closed {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(
                    error.message.hasSuffix("_refused]") || error.message.hasSuffix("_unknown]"), "\(sql): \(error)")
            }
        }
        try await self.nothingWritten()
    }

    @Test("a parameter of such a type, which no text names, is refused")
    func parameters() async throws {
        let types = try await self.database.sql(
            "SELECT oid FROM pg_type WHERE typname IN ('checked', '_checked', 'crate', 'crates') ORDER BY oid"
        ).split(separator: "\n").compactMap { UInt32($0) }
        #expect(types.count == 4)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for type in types {
                client.send(.parse(.init(text: "SELECT $1", parameterTypes: [type])), .sync)
                let answer = try await client.untilReady()
                #expect(answer.errors.first?.message.hasSuffix("[function_refused]") == true, "\(answer)")
            }
            client.send(.parse(.init(text: "SELECT $1", parameterTypes: [23])), .sync)
            #expect(try await client.untilReady().errors.isEmpty)
        }
    }

    @Test(
        "what the owner's objects run of themselves, or is called STABLE and isn't, writes nothing: the transaction is read-only"
    )
    func secondWall() async throws {
        var target = self.target
        // Even for a role that could.
        target.allowsWritingReader = true
        try await self.database.sql("GRANT INSERT ON written TO glovebox_read")
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SELECT * FROM writing", "SELECT * FROM guarded", "SELECT liar('x')",
                "SELECT * FROM guarded WHERE liar('x') = 'x'",
                "COPY guarded TO STDOUT", "EXPLAIN ANALYZE SELECT * FROM writing",
                "BEGIN; SELECT * FROM writing; COMMIT", "SELECT count(*) FROM writing, guarded",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(["25006", "42501"].contains(error.sqlState), "\(sql): \(error)")
                _ = try await client.query("ROLLBACK")
            }
        }
        try await self.nothingWritten()
    }

    @Test("a lease that may write may use them")
    func writing() async throws {
        try await self.database.sql("GRANT USAGE ON SEQUENCE counter TO glovebox_write")
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            for sql in ["SELECT 'x'::checked", "SELECT 'x'::counted", "SELECT gather(item) FROM orders WHERE id < 3"] {
                #expect(try await client.query(sql).errors.isEmpty, "\(sql)")
            }
        }
    }
}
