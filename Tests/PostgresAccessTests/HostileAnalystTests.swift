import GloveboxCore
import NIOCore
import PostgresAccess
import PostgresWire
import Redaction
import TestSupport
import Testing

/// A holder of a `read` lease who looks for a way round the masking.
@Suite("A hostile analyst", .timeLimit(.minutes(3)))
struct HostileAnalystTests {
    let shop: ClassifiedShop
    var database: TestDatabase { self.shop.database }
    var target: PostgresTarget { self.shop.target }

    init() async throws {
        self.shop = try await ClassifiedShop()
    }

    /// Of which each is NULL or empty for some names and not for others.
    static let telling = [
        "nullif(substr(full_name, 1, 1), 'A')", "substring(full_name from '^[A-M].*')",
        "(string_to_array(full_name, 'a'))[3]", "('{\"A\": \"x\", \"B\": \"x\"}'::jsonb ->> substr(full_name, 1, 1))",
        "('{\"A\": 1, \"B\": 2}'::jsonb -> substr(full_name, 1, 1))", "repeat('x', ascii(full_name) - 70)",
        "jsonb_path_query_first(to_jsonb(c), '$.full_name ? (@ starts with \"A\")')",
        "translate(left(full_name, 1), 'ABCDEFG', '')",
        "string_agg('x', '') FILTER (WHERE full_name < 'H')", "to_json(nullif(full_name < 'H', true))",
        "CASE WHEN full_name IS NOT NULL THEN nullif(left(full_name, 1), 'A') END",
    ]

    @Test("whether what is worked out is NULL or empty isn't seen, in rows and in each format of COPY")
    func missing() async throws {
        let columns = Self.telling.enumerated().map { "\($0.element) AS c\($0.offset)" }.joined(separator: ", ")
        let query = "SELECT id, \(columns) FROM customers c GROUP BY id ORDER BY id"
        for index in Self.telling.indices {
            let truth = try await self.database.sql(
                "SELECT count(*) FILTER (WHERE coalesce(c\(index)::text, '') = '') FROM (\(query)) q")
            #expect(!["0", "100"].contains(truth), "\(Self.telling[index]) tells something: \(truth)")
        }
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            func check(_ answer: [BackendMessage]) {
                #expect(answer.errors.isEmpty && answer.rows.count == 100, "\(answer.errors)")
                #expect(answer.rows.allSatisfy { $0.dropFirst().allSatisfy { $0?.contains("‹classified:") == true } })
            }
            check(try await client.query(query))
            check(try await client.query("PREPARE p AS \(query); EXECUTE p"))
            check(try await client.query("BEGIN; DECLARE w CURSOR FOR \(query); FETCH ALL FROM w; COMMIT"))
            client.send(
                .parse(.init(text: query)), .bind(.init(resultFormats: [.binary])),
                .execute(portal: "", maximumRows: 0),
                .sync)
            check(try await client.untilReady())
            for (options, separator) in [
                ("", "\t"), ("(NULL 'none')", "\t"), ("(FORMAT csv)", ","), ("(FORMAT csv, NULL '-')", ","),
            ] {
                let copied = try await glovebox.psql(glovebox.lease(), "COPY (\(query)) TO STDOUT \(options);")
                let lines = copied.output.split(separator: "\n")
                #expect(lines.count == 100, "\(copied)")
                for line in lines {
                    let cells = line.split(separator: separator, omittingEmptySubsequences: false).dropFirst()
                    #expect(
                        cells.count == Self.telling.count && cells.allSatisfy { $0.contains("‹classified:") }, "\(line)"
                    )
                }
            }
            let binary = try await glovebox.python(
                glovebox.lease(),
                """
                with connection.cursor().copy(\"\"\"COPY (\(query)) TO STDOUT (FORMAT binary)\"\"\") as copy:
                    data = b"".join(copy)
                print(data.count("‹classified:".encode()))
                """)
            #expect(binary == String(100 * Self.telling.count))
        }
    }

    @Test("what COPY writes for NULL finds no value that is equal to it")
    func guessedNull() async throws {
        let name = try await self.shop.name(3)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            for sql in [
                "COPY customers (id, full_name) TO STDOUT (NULL '\(name)');",
                "COPY (SELECT id, full_name FROM customers) TO STDOUT WITH NULL '\(name)';",
                "COPY (SELECT id, full_name || '' FROM customers) TO STDOUT (NULL '\(name)');",
                "COPY (SELECT id, full_name FROM customers) TO STDOUT (FORMAT csv, NULL '\(name)');",
            ] {
                let copied = try await glovebox.psql(glovebox.lease(), sql)
                let lines = copied.output.split(separator: "\n")
                #expect(lines.count == 100 && lines.allSatisfy { $0.contains("‹") }, "\(copied)")
            }
        }
    }

    @Test("a recursion doesn't count a value of the row around it, nor what a function of the database's gives")
    func recursion() async throws {
        try await self.database.sql(
            "CREATE FUNCTION name_of(bigint) RETURNS text LANGUAGE sql STABLE AS 'SELECT full_name FROM customers WHERE id = $1'"
        )
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SELECT id, (WITH RECURSIVE x (n, k) AS (SELECT ascii(c.full_name), 32 UNION ALL SELECT n, k + 1 FROM x WHERE k < n) SELECT max(k) FROM x) FROM customers c",
                "SELECT id, k FROM customers c, LATERAL (WITH RECURSIVE x (n, k) AS (SELECT full_name, 32 UNION ALL SELECT n, k + 1 FROM x WHERE k < ascii(n)) SELECT max(k) AS k FROM x) y",
                "WITH RECURSIVE x (n, k) AS (SELECT name_of(3), 32 UNION ALL SELECT n, k + 1 FROM x WHERE k < ascii(n)) SELECT max(k) FROM x",
                "WITH c AS (SELECT full_name AS f FROM customers) SELECT (WITH RECURSIVE x (n, k) AS (SELECT f, 32 UNION ALL SELECT n, k + 1 FROM x WHERE k < ascii(n)) SELECT count(*) FROM x) FROM c",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
            }
            let plain =
                "WITH RECURSIVE x (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM x WHERE k < 5) SELECT max(k) FROM x"
            #expect(try await client.query(plain).rows == [["5"]])
            let beside = "SELECT id, (\(plain)) FROM orders WHERE id = 1"
            #expect(try await client.query(beside).rows == [["1", "5"]])
        }
    }

    @Test("what functions, casts and operators of the database's own read is hidden: called, in views, in plans")
    func foreign() async throws {
        try await self.database.sql(
            """
            CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT full_name FROM customers WHERE id = $1';
            CREATE FUNCTION named(int, name text DEFAULT name_of(3)) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $2';
            CREATE FUNCTION all_names() RETURNS TABLE (number bigint, word text) LANGUAGE sql STABLE AS 'SELECT id, full_name FROM customers';
            CREATE TYPE person AS (word text);
            CREATE FUNCTION person_of(int) RETURNS person LANGUAGE sql IMMUTABLE AS 'SELECT ROW(full_name)::person FROM customers WHERE id = $1';
            CREATE CAST (int AS person) WITH FUNCTION person_of(int);
            CREATE OPERATOR ### (RIGHTARG = int, FUNCTION = name_of);
            CREATE VIEW by_function AS SELECT name_of(3) AS word;
            CREATE VIEW by_default AS SELECT named(3) AS word;
            CREATE VIEW by_table AS SELECT number, word FROM all_names();
            CREATE VIEW by_cast AS SELECT (3::person).word;
            CREATE VIEW by_operator AS SELECT ### 3 AS word;
            CREATE VIEW over_views AS SELECT upper(word) AS word FROM by_function UNION ALL SELECT word FROM by_operator;
            CREATE VIEW by_condition AS SELECT id FROM orders WHERE item <> name_of(3);
            CREATE MATERIALIZED VIEW kept AS SELECT name_of(3) AS word;
            GRANT SELECT ON by_function, by_default, by_table, by_cast, by_operator, over_views, by_condition, kept TO PUBLIC;
            """)
        let parts = try await self.shop.name(3).lowercased().split(separator: " ").map(String.init)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let expressions = [
                "name_of(3)", "named(3)", "3::person", "(3::person).word", "CAST(3 AS public.person)", "### 3",
                "upper(### 3)",
            ]
            let queries =
                expressions.map { "SELECT \($0)" }
                + ["by_function", "by_default", "by_table", "by_cast", "by_operator", "over_views", "kept"].flatMap {
                    ["TABLE \($0)", "SELECT upper(word) FROM \($0)", "SELECT v FROM \($0) v"]
                }
            for query in queries + queries.map({ "EXPLAIN (VERBOSE, COSTS OFF) \($0)" })
                + ["EXPLAIN VERBOSE TABLE by_condition", "PREPARE p AS SELECT ### 3; EXPLAIN VERBOSE EXECUTE p"]
            {
                let answer = try await client.query(query)
                #expect(answer.errors.isEmpty && !answer.rows.isEmpty, "\(query): \(answer.errors)")
                let text = answer.rows.flatMap { $0 }.compactMap { $0?.lowercased() }.joined(separator: "\n")
                    .withoutPseudonyms
                for part in parts { #expect(!text.contains(part), "\(query): \(text)") }
            }
            // A plan that calls nothing of the kind is shown.
            let plan = try await client.query("EXPLAIN (COSTS OFF) SELECT upper(full_name) FROM customers").rows
            #expect(plan.first == ["Seq Scan on customers"], "\(plan)")
            #expect(try await client.query("SELECT count(*) FROM by_condition").rows.count == 1)
        }
    }

    @Test("a prepared statement has its price in EXPLAIN, too")
    func explained() async throws {
        var target = self.target
        target.disclosures = 3
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            _ = try await client.query("PREPARE p (text) AS SELECT id FROM customers WHERE full_name = $1")
            var states: [String] = []
            for guess in ["Ada", "Bram", "Carla"] {
                let answer = try await client.query("EXPLAIN (ANALYZE, TIMING OFF) EXECUTE p('\(guess)')")
                states.append(answer.errors.first?.sqlState ?? "")
            }
            #expect(states == ["", "", "53400"])
        }
    }

    @Test("what PostgreSQL remarks on a value isn't passed on, not even that it does")
    func notices() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let remarks = "to_tsquery('english', translate(left(full_name, 1), 'ABCDEFGHIJ', 'aaaaaaaaaa'))"
            let answer = try await client.query("SELECT id, \(remarks) FROM customers")
            #expect(answer.rows.count == 100 && answer.errors.isEmpty, "\(answer.errors)")
            #expect(!answer.contains { if case .noticeResponse = $0 { true } else { false } })
            // Of what isn't classified it's passed on.
            let plain = try await client.query("SELECT to_tsquery('english', 'a')")
            #expect(plain.contains { if case .noticeResponse = $0 { true } else { false } })
        }
    }

    @Test("how a statement fails, and after how many rows, isn't had for the price of one answer")
    func failures() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for expression in [
                "1 / (ascii(full_name) - ascii(full_name))", "left(full_name, 1)::int", "full_name::date",
                "full_name::json",
                "(full_name || '')::regclass::text", "10 ^ (ascii(full_name) * 1000000)",
                "get_bit('a'::bytea, ascii(full_name) * 100)",
                "substring(full_name from 1 for -1)",
            ] {
                let error = try #require(
                    await client.query("SELECT \(expression) FROM customers WHERE id = 3").errors.first, "\(expression)"
                )
                #expect(error.sqlState == "22000" && error.message.contains("is hidden"), "\(expression): \(error)")
            }
        }
        var target = self.target
        target.disclosures = 4
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            // The letter, by the number of rows before the failure: some sixty are five answers and more.
            let sql = "SELECT 1 / (ascii(full_name) - g) FROM generate_series(1, 126) g, customers WHERE id = 3"
            let answer = try await client.query(sql)
            #expect(answer.errors.first?.sqlState == "53400", "\(answer.errors)")
            #expect(answer.errors.first?.severity == "FATAL", "\(answer.errors)")
        }
    }

    @Test("a part of a composite value is classified by its own name, and hides the whole")
    func composites() async throws {
        try await self.database.sql(
            """
            CREATE TYPE contact AS (label text, api_key text, newsletter boolean);
            CREATE TABLE holders (id int, c contact, many contact[], shown contact);
            INSERT INTO holders VALUES (1, ROW('front desk', 'plain-words', true), ARRAY[ROW('back', 'plain-words', false)::contact], ROW('x', 'harmless', true));
            GRANT SELECT ON holders TO glovebox_read;
            """)
        var target = self.target
        target.shown = [ShownColumn(table: "holders", column: "shown")]
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SELECT c FROM holders", "SELECT (c).api_key FROM holders", "SELECT (c).* FROM holders",
                "SELECT c::text FROM holders",
                "SELECT (h.c).api_key || '' FROM holders h", "SELECT many FROM holders",
                "SELECT (many[1]).api_key FROM holders",
                "SELECT to_jsonb(h) FROM holders h", "SELECT (many[1]).* FROM holders",
            ] {
                let answer = try await client.query(sql)
                #expect(answer.rows.count == 1, "\(sql): \(answer.errors)")
                #expect(
                    !answer.rows.flatMap { $0 }.contains { $0?.contains("plain-words") == true },
                    "\(sql): \(answer.rows)")
            }
            #expect(try await client.query("SELECT (shown).api_key FROM holders").rows == [["harmless"]])
            let errors = try await client.query("SELECT id FROM holders WHERE (c).api_key LIKE 'p%'").errors
            #expect(errors.first?.message.hasSuffix("[predicate_refused]") == true)
        }
    }

    @Test("no setting has an index read for its order")
    func order() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SET enable_seqscan = off", "SET LOCAL enable_hashjoin TO off", "SET random_page_cost = 0.0001",
                "SELECT set_config('enable_seqscan', 'off', false)", "SELECT set_config('enable_sort', $1, false)",
                "SET effective_cache_size = '1TB'", "SET cursor_tuple_fraction = 0.0001",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[setting_refused]"), "\(sql): \(error)")
            }
        }
    }
}
