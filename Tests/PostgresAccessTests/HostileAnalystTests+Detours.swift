import GloveboxCore
import PostgresWire
import TestSupport
import Testing

/// Ways on which a value doesn't come as a column of its own.
extension HostileAnalystTests {
    /// That nothing in an answer holds a part of the third customer's name.
    private func expectNothing(
        of name: String, in answer: [BackendMessage], _ sql: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let text = (answer.rows.flatMap { $0 }.compactMap(\.self) + answer.errors.flatMap { $0.fields.map(\.value) })
            .joined(separator: "\n").lowercased().withoutPseudonyms
        for part in name.lowercased().split(separator: " ") {
            #expect(!text.contains(part), "\(sql): \(text)", sourceLocation: sourceLocation)
        }
    }

    @Test("a function behind a dot is judged as the function that it is")
    func dots() async throws {
        try await self.database.sql(
            """
            CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT full_name FROM customers WHERE id = $1';
            CREATE FUNCTION own_name(o orders) RETURNS text LANGUAGE sql STABLE AS 'SELECT full_name FROM customers WHERE id = 3';
            """)
        let name = try await self.shop.name(3)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SELECT (3).name_of", "SELECT (x.i).name_of FROM (SELECT 3 AS i) x",
                "SELECT o.own_name FROM orders o LIMIT 1", "SELECT (o).own_name FROM orders o LIMIT 1",
                "SELECT orders.own_name || '' FROM orders LIMIT 1", "SELECT g.name_of FROM generate_series(3, 3) g",
                "SELECT upper(x.name_of) FROM unnest(ARRAY[3]) x",
                "BEGIN; DECLARE w CURSOR FOR SELECT (3).name_of; FETCH w; COMMIT",
            ] {
                let answer = try await client.query(sql)
                #expect(answer.rows.count == 1, "\(sql): \(answer.errors)")
                self.expectNothing(of: name, in: answer, sql)
            }
            for (sql, code) in [
                ("SELECT id FROM orders o WHERE o.own_name < 'M'", "predicate_refused"),
                ("SELECT id FROM orders o ORDER BY o.own_name", "predicate_refused"),
                (
                    "WITH RECURSIVE x (n, k) AS (SELECT (3).name_of, 32 UNION ALL SELECT n, k + 1 FROM x WHERE k < ascii(n)) SELECT max(k) FROM x",
                    "predicate_refused"
                ),
                ("SELECT (string_to_array(full_name, NULL)).unnest FROM customers WHERE id = 3", "predicate_refused"),
                (
                    "SELECT ('SELECT to_tsvector(full_name) FROM customers WHERE id = 3'::text).ts_stat",
                    "function_refused"
                ),
                ("SELECT (0).pg_terminate_backend", "function_refused"),
                ("SELECT (4711::oid).lo_get", "function_refused"),
                ("SELECT (1::bigint).pg_advisory_lock", "function_refused"),
                ("SELECT (1).pg_stat_get_backend_activity", "function_refused"),
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[\(code)]"), "\(sql): \(error)")
            }
        }
    }

    @Test("a column that nobody gave a name is found by the name that PostgreSQL gives it")
    func unnamed() async throws {
        let name = try await self.shop.name(3)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            // Each beside a table of which it isn't known what columns it has.
            for (column, expression) in [
                ("\"coalesce\"", "coalesce(full_name, '')"), ("full_name", "(c).full_name"),
                ("\"case\"", "CASE WHEN true THEN full_name END"), ("\"array\"", "ARRAY[full_name]"),
                ("f", "(SELECT full_name AS f)"), ("full_name", "full_name COLLATE \"C\""),
                ("\"greatest\"", "greatest(full_name, '')"), ("\"nullif\"", "nullif(full_name, '')"),
                ("\"row\"", "ROW(full_name)"), ("xmlelement", "xmlelement(name a, full_name)"),
                ("full_name", "full_name::text::varchar"), ("\"varchar\"", "(full_name || '')::varchar"),
                ("\"?column?\"", "full_name || ''"), ("btrim", "trim(full_name)"),
            ] {
                let inner = "(SELECT id AS number, \(expression) FROM customers c WHERE id = 3) x, orders o"
                let sql = "SELECT \(column)::text || '' FROM \(inner) LIMIT 1"
                let answer = try await client.query(sql)
                #expect(answer.rows.count == 1, "\(sql): \(answer.errors)")
                self.expectNothing(of: name, in: answer, sql)
                for sql in [
                    "SELECT number FROM \(inner) WHERE \(column)::text < 'M'",
                    "SELECT id, \(expression) FROM customers c ORDER BY \(column)",
                ] {
                    let error = try #require(await client.query(sql).errors.first, "\(sql)")
                    #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
                }
            }
        }
    }

    @Test("what is worked out has its price, and its failure says nothing, where it isn't shown as well")
    func unshown() async throws {
        let name = try await self.shop.name(3)
        let failing = "replace(full_name, ' ', '_')::regclass FROM customers WHERE id = 3"
        let statements = [
            "WITH x AS MATERIALIZED (SELECT \(failing)) SELECT count(*) FROM x",
            "SELECT count(*) FROM (VALUES ((SELECT \(failing))), (NULL)) v(x)",
            "SELECT count(*) FROM (SELECT \(failing) UNION ALL SELECT 1) v",
            "SELECT id FROM orders WHERE EXISTS (WITH x AS MATERIALIZED (SELECT \(failing)) SELECT FROM x)",
            "BEGIN; DECLARE w CURSOR FOR WITH x AS MATERIALIZED (SELECT \(failing)) SELECT count(*) FROM x; FETCH w",
            "ROLLBACK; PREPARE p AS WITH x AS MATERIALIZED (SELECT \(failing)) SELECT count(*) FROM x; EXECUTE p",
            "EXECUTE p", "EXPLAIN ANALYZE EXECUTE p",
        ]
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in statements {
                let answer = try await client.query(sql)
                #expect(answer.errors.first?.message.contains("is hidden") == true, "\(sql): \(answer.errors)")
                self.expectNothing(of: name, in: answer, sql)
            }
        }
        try await LoopbackGlovebox.run(target: self.target.with(disclosures: 3)) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            var states: [String] = []
            for letter in 65..<70 {
                let asked =
                    "WITH x AS MATERIALIZED (SELECT 1 / (ascii(full_name) - \(letter)) FROM customers) SELECT count(*) FROM x"
                states.append(try await client.query(asked).errors.first?.sqlState ?? "")
            }
            #expect(states.filter { $0 == "53400" }.count == 2, "\(states)")
        }
    }

    @Test("how often parts of a statement ran isn't told by its plan, PostgreSQL's counters or random()")
    func traces() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let early = "nullif(full_name < 'M', false)::text"
            for sql in [
                "EXPLAIN (ANALYZE) SELECT coalesce(\(early), (SELECT max(item) FROM orders o WHERE o.id = c.id)) FROM customers c",
                "EXPLAIN (ANALYZE, FORMAT json) WITH x AS MATERIALIZED (SELECT g, repeat('x', ascii(full_name)) FROM customers, generate_series(1, 999) g WHERE id = 3 ORDER BY g) SELECT count(*) FROM x",
                "SELECT seq_scan, idx_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'orders'",
            ] {
                let answer = try await client.query(sql)
                let cells = answer.rows.flatMap { $0 }.compactMap(\.self)
                #expect(!answer.rows.isEmpty && !cells.contains { $0.contains(where: \.isNumber) && !$0.contains("‹") })
            }
            for (sql, code) in [
                ("SELECT coalesce(\(early), random()::text) FROM customers", "predicate_refused"),
                ("SELECT coalesce(\(early), (0.5).setseed::text) FROM customers", "predicate_refused"),
                ("SELECT pg_stat_get_xact_numscans('orders'::regclass)", "function_refused"),
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[\(code)]"), "\(sql): \(error)")
            }
            // What tells nothing goes on.
            #expect(try await client.query("SELECT full_name FROM customers ORDER BY random() LIMIT 3").rows.count == 3)
            let plan = try await client.query("EXPLAIN (ANALYZE) SELECT * FROM customers WHERE id = 3").rows
            #expect(plan.first?[0]?.contains("on customers") == true, "\(plan)")
        }
        // Each query inside, which may be run or not, is an answer.
        try await LoopbackGlovebox.run(target: self.target.with(disclosures: 3)) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let thresholds = ["F", "M", "S"].map {
                "coalesce(nullif(full_name < '\($0)', false)::text, (SELECT max(item) FROM orders))"
            }
            let sql = "SELECT \(thresholds.joined(separator: " || ")) FROM customers WHERE id = 3"
            #expect(try await client.query(sql).errors.first?.sqlState == "53400")
        }
    }

    @Test("no list of guesses is compared with a classified column for the price of one")
    func lists() async throws {
        let name = try await self.shop.name(3)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            #expect(try await client.query("PREPARE \"\(name)\" AS SELECT 1").errors.isEmpty)
            for sql in [
                "SELECT c.id FROM customers c JOIN pg_prepared_statements p ON c.full_name = p.name",
                "SELECT id FROM customers WHERE full_name IN (SELECT name FROM pg_prepared_statements)",
                "SELECT name FROM pg_prepared_statements WHERE name IN (SELECT full_name FROM customers)",
                "SELECT c.id FROM customers c JOIN pg_settings s ON c.full_name = s.setting",
                "SELECT c.id, o.item FROM customers c, orders o WHERE o.item = c.full_name",
                "SELECT id FROM customers WHERE full_name = ANY (ARRAY[ARRAY['\(name)', 'x'], ARRAY['y', 'z']])",
                "SELECT id FROM customers WHERE full_name = ANY (ARRAY['{a,b}'::text[]])",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
            }
            let same = "SELECT b.id FROM customers a JOIN customers b ON a.full_name = b.full_name WHERE a.id = 3"
            #expect(try await client.query(same).rows.contains(["3"]))
        }
    }

    @Test("a prepared statement's parameter isn't what nobody knows")
    func parameters() async throws {
        try await self.database.sql(
            "CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT full_name FROM customers WHERE id = $1'"
        )
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            _ = try await client.query("PREPARE p (text) AS SELECT $1; PREPARE q (text) AS SELECT 1 WHERE $1 < 'M'")
            for sql in [
                "EXECUTE p(name_of(3))", "EXECUTE q(name_of(3))", "EXPLAIN ANALYZE EXECUTE q((3).name_of)",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
            }
            #expect(try await client.query("EXECUTE p(upper('a'))").rows == [["A"]])
        }
    }

    @Test("what a procedure gives back is masked, and it's given nothing, nor is COPY's condition, that nobody knows")
    func procedures() async throws {
        try await self.database.sql(
            """
            CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT full_name FROM customers WHERE id = $1';
            CREATE PROCEDURE told(INOUT who text) LANGUAGE plpgsql AS
              $$ BEGIN SELECT full_name INTO who FROM customers WHERE id = 3; END $$;
            CREATE PROCEDURE same(INOUT word text) LANGUAGE plpgsql AS $$ BEGIN word := word; END $$;
            CREATE TABLE inbox (word text);
            GRANT INSERT, SELECT ON inbox TO glovebox_write;
            """)
        let name = try await self.shop.name(3)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            let told = try await client.query("CALL told('')")
            #expect(told.rows.count == 1, "\(told.errors)")
            self.expectNothing(of: name, in: told, "CALL told")
            for sql in [
                "CALL same(name_of(3))", "CALL same((3).name_of)",
                "COPY inbox FROM STDIN WHERE name_of(3) < 'M'", "COPY inbox FROM STDIN WHERE word = name_of(3)",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
            }
        }
    }
}
