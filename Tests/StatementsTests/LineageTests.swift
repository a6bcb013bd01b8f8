import Testing

@testable import Statements

@Suite("What a result carries of classified columns")
struct LineageTests {
    private let judge: StatementJudge

    init() throws {
        self.judge = try makeJudge(relations: makeRelations())
    }

    private func hidden(_ text: String) async throws -> HiddenOutputs {
        switch await self.judge.settled(text) {
        case .allowed(let outputs): return outputs.hidden
        case .refused(let refusal): throw refusal
        }
    }

    @Test(
        "what reads nothing classified is shown",
        arguments: [
            "SELECT 1", "SELECT count(*) FROM customers",
            "SELECT id + 1, upper(country), count(*) FROM customers GROUP BY 1, 2",
            "SELECT total * 2 FROM orders",
            "SELECT o.total * 2, c.id FROM customers c JOIN orders o ON o.customer_id = c.id",
            "SELECT upper(c.country) FROM public.customers c WHERE c.id > 3 ORDER BY c.country DESC LIMIT 3",
            "SELECT x.n FROM (SELECT count(*) AS n FROM customers) x", "SELECT (SELECT count(*) FROM customers)",
            "WITH c AS (SELECT id, country FROM customers) SELECT upper(country) FROM c",
            "SELECT upper(email) FROM other.customers", "SELECT upper(email) FROM suppliers",
            "SELECT sum(id) FILTER (WHERE country = 'DE') FROM customers", "SELECT id, ctid FROM customers",
            "SELECT EXISTS (SELECT FROM customers WHERE id = 3)",
            "SELECT upper(s.v) FROM (VALUES ('a')) s(v), customers",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n * 2 FROM t",
            "EXPLAIN SELECT upper(email) FROM customers",
            "SELECT upper(option_name) FROM customers, pg_options_to_table(card) ORDER BY option_name",
            // A function of a number isn't one of a row.
            "SELECT o.first * 2 FROM orders o WHERE o.price_of > 3", "EXPLAIN ANALYZE SELECT email FROM customers",
        ])
    func shown(text: String) async throws {
        let hidden = try await self.hidden(text)
        switch hidden {
        case .none: break
        case .columns(let columns): #expect(!columns.contains(true), "\(text)")
        case .all, .named: Issue.record("\(text)")
        }
    }

    @Test(
        "what is worked out from a classified column is hidden",
        arguments: [
            "SELECT reverse_(email) FROM customers", "SELECT email || '' FROM customers",
            "SELECT c.email::text FROM customers c",
            "SELECT c FROM customers c", "SELECT customers FROM customers", "SELECT c.* IS NULL FROM customers c",
            "SELECT json_agg(c) FROM customers c", "SELECT json_agg(c.*) FROM customers c",
            "SELECT ROW(c.*) FROM customers c",
            "SELECT (c).email || '' FROM customers c", "SELECT c.upper FROM customers c",
            "SELECT (c).row_to_json FROM customers c",
            "SELECT max(card) FROM customers", "SELECT count(email) FROM customers",
            "SELECT 3::lookup", "SELECT (3::lookup).name", "SELECT <?> 3", "SELECT upper(a <?> b) FROM orders",
            "EXPLAIN SELECT 3::lookup", "EXPLAIN VERBOSE SELECT price_of(3)",
            "SELECT substring(card, 1, 4) FROM customers", "SELECT (3).price_of", "SELECT o.total_of FROM orders o",
            "SELECT g.price_of FROM generate_series(1, 2) g", "SELECT 3 <?> ANY (SELECT 1)",
            "SELECT \"coalesce\" || '' FROM (SELECT coalesce(email) FROM customers) x, orders",
            "SELECT email || '' FROM (SELECT (c).email FROM customers c) x, orders",
            "EXPLAIN ANALYZE SELECT upper(email) FROM customers",
            "EXPLAIN (ANALYZE) WITH c AS (SELECT upper(email) FROM customers) SELECT count(*) FROM c",
            "SELECT x.m || '' FROM (SELECT max(card) AS m FROM customers) x",
            "SELECT (SELECT max(card) FROM customers)",
            "SELECT CASE WHEN email IS NULL THEN '' ELSE 'x' END FROM customers",
            "SELECT upper(option_value) FROM customers, pg_options_to_table(card)",
            "SELECT o || '' FROM customers, pg_options_to_table(card) o",
            "SELECT option_name FROM customers, pg_options_to_table(card) o(option_value, option_name)",
            "SELECT ARRAY(SELECT quote_literal(option_value) FROM pg_options_to_table(card) ORDER BY option_name) FROM customers",
            "SELECT ARRAY(SELECT email FROM customers)", "SELECT email = 'a' FROM customers",
            "SELECT email IS NULL FROM customers",
            "WITH c AS (SELECT email AS e FROM customers) SELECT upper(e) FROM c",
            "WITH c(a, b) AS (SELECT id, email FROM customers) SELECT upper(b) FROM c",
            "SELECT email FROM customers UNION ALL SELECT 'x'", "SELECT 'x' UNION ALL SELECT email FROM customers",
            "SELECT upper(q.c) FROM customers AS q(a, b, c)", "SELECT upper(e) FROM (SELECT email FROM customers) x(e)",
            "SELECT (SELECT upper(email) FROM orders LIMIT 1) FROM customers",
            "SELECT o.n FROM customers c, LATERAL (SELECT upper(c.email) AS n) o",
            "SELECT count(*) FILTER (WHERE email LIKE 'a%') FROM customers",
            "SELECT COALESCE(email, 'x') FROM customers", "SELECT NULLIF(card, '4') FROM customers",
            "SELECT GREATEST(card, '4') FROM customers",
            "SELECT upper(email) FROM customers JOIN orders USING (id)",
            "SELECT upper(j.email) FROM (customers JOIN orders USING (id)) j",
            "COPY (SELECT upper(email) FROM customers) TO STDOUT", "PREPARE p AS SELECT upper(email) FROM customers",
            "DECLARE c CURSOR FOR SELECT upper(email) FROM customers", "SELECT price_of(1) FROM orders",
            "WITH RECURSIVE t AS (SELECT email FROM customers UNION ALL SELECT email FROM t) SELECT upper(email) FROM t",
            "SELECT q.tableoid FROM (SELECT lower(email) AS tableoid FROM customers) q",
            "SELECT (SELECT (c.*)::text) FROM customers c",
            "SELECT upper(e) FROM (SELECT (c).* FROM customers c) q(a, e)",
            "SELECT upper(x) FROM (SELECT * FROM customers a JOIN customers b USING (id)) q(x)",
            "SELECT upper(j.email) FROM customers a JOIN customers b USING (id) AS j",
            "SELECT j FROM customers a JOIN customers b USING (id) AS j",
            "WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT lower(email) x FROM customers) SELECT * FROM a",
            "WITH RECURSIVE a AS (SELECT lower(email) n FROM customers), b(x, y) AS (SELECT 'a', n FROM a UNION ALL SELECT y, y FROM b) SELECT x FROM b",
            "WITH RECURSIVE t AS (SELECT id, email FROM customers UNION ALL SELECT id, email FROM t) SEARCH DEPTH FIRST BY email SET o SELECT o FROM t",
            "SELECT (SELECT public.customers.email || '' FROM (VALUES (1)) customers) FROM public.customers",
            "SELECT q.lower FROM (SELECT o.*, c.email FROM orders o, customers c) q",
            "SELECT (SELECT (public.customers.*)::text FROM (VALUES (1)) customers) FROM public.customers",
            "SELECT nobody_knows || '' FROM customers",
            "SELECT upper(email) FROM customers TABLESAMPLE system (1)",
            "SELECT XMLELEMENT(NAME a, email) FROM customers",
            "SELECT upper(email) FROM ONLY public.customers", "SELECT email COLLATE \"C\" FROM customers",
            "VALUES ((SELECT email FROM customers LIMIT 1))", "SELECT o.*, upper(c.email) FROM orders o, customers c",
        ])
    func hiding(text: String) async throws {
        // Functions that the test's catalogue doesn't know aren't what this is about.
        let hidden = try await self.hidden(text.replacing("reverse_", with: "lower"))
        switch hidden {
        case .none: Issue.record("\(text)")
        case .columns(let columns): #expect(columns.contains(true), "\(text)")
        case .all: break
        case .named: Issue.record("\(text)")
        }
    }

    @Test("only what carries something is hidden, by its position")
    func positions() async throws {
        #expect(
            try await self.hidden("SELECT id + 1, upper(email), 7 FROM customers") == .columns([false, true, false]))
        #expect(
            try await self.hidden("SELECT c.*, upper(country), lower(card) FROM customers c")
                == .columns([false, true, true, true, false, false, false, true]))
        #expect(try await self.hidden("SELECT o.*, upper(country), lower(card) FROM customers, orders o") == .all)
        #expect(try await self.hidden("SELECT 1; SELECT upper(email) FROM customers") == .all)
    }

    @Test("what is named is known to be hidden later")
    func named() async throws {
        for text in [
            "PREPARE p AS SELECT upper(email) FROM customers", "DECLARE c CURSOR FOR SELECT lower(card) FROM customers",
        ] {
            guard case .allowed(let outputs) = await self.judge.settled(text) else {
                Issue.record("refused")
                continue
            }
            #expect(outputs.areNamed)
        }
        guard case .allowed(let outputs) = await self.judge.settled("PREPARE p AS SELECT upper(country) FROM customers")
        else {
            Issue.record("refused")
            return
        }
        #expect(!outputs.areNamed || outputs.hidden != .all)
        #expect(try await self.hidden("EXECUTE p; FETCH c") == .named)
        #expect(try await self.hidden("FETCH c; SELECT upper(email) FROM customers") == .all)
    }

    @Test(
        "which rows come, and in which order, tells nothing of a classified value",
        arguments: [
            "SELECT id FROM customers WHERE email LIKE 'a%'", "SELECT id FROM customers WHERE email < 'm'",
            "SELECT id FROM customers WHERE upper(email) = 'A'",
            "SELECT id FROM customers WHERE substring(card, 1, 1) = '4'",
            "SELECT id FROM customers WHERE email BETWEEN 'a' AND 'b'", "SELECT id FROM customers WHERE email ~ '^a'",
            "SELECT id FROM customers ORDER BY email", "SELECT email FROM customers ORDER BY 1",
            "SELECT email AS e FROM customers ORDER BY e",
            "SELECT id FROM customers ORDER BY lower(email)", "SELECT count(*) FROM customers GROUP BY left_(email)",
            "SELECT count(*) FROM customers GROUP BY country HAVING max(email) > 'm'",
            "SELECT CASE WHEN email LIKE 'a%' THEN 1 ELSE 0 END FROM customers",
            "SELECT CASE email WHEN 'a' THEN 1 END FROM customers",
            "SELECT CASE WHEN lower(email) IS NULL THEN 1 END FROM customers",
            "SELECT id FROM customers ORDER BY CASE WHEN email IS NULL THEN 1 END",
            "SELECT option_name FROM customers, pg_options_to_table(ARRAY[email]) WHERE option_value = 'a'",
            "SELECT 1 FROM customers, pg_options_to_table(card) WHERE option_value LIKE 'a%'",
            "SELECT 1 FROM customers, pg_options_to_table(card) WITH ORDINALITY",
            "SELECT 1 FROM customers, ROWS FROM (generate_series(1, 2), pg_options_to_table(card))",
            "SELECT 1 FROM customers c JOIN orders o ON c.email > o.note",
            "SELECT 1 FROM customers NATURAL JOIN orders",
            "SELECT 1 FROM customers JOIN generate_series(1, 9) g ON card = '4' || g",
            "SELECT DISTINCT lower(email) FROM customers",
            "SELECT DISTINCT ON (lower(email)) id FROM customers",
            "SELECT id FROM customers WHERE (email, id) = ('a', 1)",
            "SELECT id FROM customers WHERE EXISTS (SELECT 1 WHERE email LIKE 'a%')",
            "SELECT id FROM customers WHERE email IN (SELECT lower(email) FROM customers)",
            "SELECT id FROM customers c WHERE c IS NOT NULL",
            "SELECT id FROM customers WHERE (SELECT email LIKE 'a%')",
            "SELECT g FROM customers, generate_series(1, length_(email)) g",
            "SELECT id FROM customers LIMIT (SELECT length_(max(email)) FROM customers)",
            "SELECT id FROM customers WHERE NOT (email > 'm' AND id = 1)",
            "SELECT x.id FROM (SELECT id, email || '' AS e FROM customers) x WHERE x.e = 'a'",
            "WITH c AS (SELECT id, upper(email) AS e FROM customers) SELECT id FROM c WHERE e = 'A'",
            "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY email) AS r FROM customers) x ORDER BY r",
            "SELECT lower(email) FROM customers UNION SELECT 'ada'",
            "EXPLAIN SELECT * FROM customers WHERE email < 'm'",
            "SELECT rank() OVER w FROM customers WINDOW w AS (ORDER BY email)",
            "SELECT id FROM customers WHERE email IS NOT DISTINCT FROM lower('A')",
            "SELECT row_number() OVER (ORDER BY email), id FROM customers",
            "SELECT rank() OVER (PARTITION BY lower(email) ORDER BY id) FROM customers",
            "SELECT DISTINCT ON (email) id FROM customers", "SELECT 1 FROM customers a JOIN customers b USING (email)",
            "SELECT id, generate_series(1, count(email)) FROM customers GROUP BY id",
            "SELECT EXISTS (SELECT generate_series(1, count(full_name)) FROM customers)",
            "SELECT 1 FROM orders o TABLESAMPLE BERNOULLI (1) REPEATABLE ((SELECT count(email) FROM customers))",
            "SELECT q.cmin FROM (SELECT id, lower(email) AS cmin FROM customers) q WHERE cmin LIKE 'Iv%'",
            "SELECT id FROM customers c WHERE (SELECT (c.*)::text) LIKE 'I%'",
            "(SELECT 1 UNION ALL SELECT 2 OFFSET (SELECT count(email) FROM customers)) UNION ALL SELECT 3",
            "SELECT u.x FROM customers JOIN unnest(ARRAY['a', 'b']) AS u(x) ON card = u.x",
            "SELECT 1 FROM customers JOIN orders o ON o.id = customers.id JOIN unnest(ARRAY['a']) AS u(x) ON card = x",
            "SELECT 1 FROM customers WHERE card IN (SELECT x FROM unnest(ARRAY['a']) u(x))",
            "SELECT 1 FROM customers WHERE card IN (SELECT * FROM unnest(ARRAY['a']))",
            "SELECT 1 FROM customers JOIN unnest(ARRAY['a']) AS u(card) USING (card)",
            "SELECT 1 FROM customers JOIN (VALUES ('a')) AS u(card) USING (card)",
            "SELECT 1 FROM customers c JOIN (VALUES ('a'), ('b')) AS v(x) ON c.card = v.x",
            "WITH g AS (SELECT unnest(ARRAY['a']) AS x) SELECT 1 FROM customers, g WHERE card = g.x",
            "SELECT card FROM customers INTERSECT ALL SELECT 'a'", "SELECT 'a' EXCEPT ALL SELECT card FROM customers",
            "SELECT id FROM customers WHERE price_of(id) = 3", "SELECT id FROM orders o WHERE o.total_of = 3",
            "SELECT id FROM customers c JOIN orders o ON c.email = o.note",
            "SELECT id FROM customers WHERE email IN (SELECT note FROM orders)",
            "SELECT id FROM orders WHERE note IN (SELECT email FROM customers)",
            "SELECT id FROM customers WHERE email = ANY(ARRAY[ARRAY['a', 'b']])",
            "SELECT id FROM customers WHERE email = ANY(ARRAY[$1])",
            "SELECT coalesce(email) FROM customers ORDER BY \"coalesce\"",
            "SELECT (ARRAY[email]).unnest FROM customers", "SELECT upper(email), random() FROM customers",
            "EXECUTE p(price_of(3))", "PREPARE p (lookup) AS SELECT $1",
            "SELECT id FROM customers WHERE email = lower(full_name)",
            "SELECT (WITH RECURSIVE x(n, k) AS (SELECT c.email, 1 UNION ALL SELECT n, k + 1 FROM x WHERE k < length_(n)) SELECT max(k) FROM x) FROM customers c",
            "WITH RECURSIVE x(n, k) AS (SELECT price_of(3), 1 UNION ALL SELECT n, k + 1 FROM x WHERE k < n) SELECT max(k) FROM x",
            "WITH RECURSIVE x(n, k) AS (SELECT 3::lookup, 1 UNION ALL SELECT n, k + 1 FROM x WHERE k < n) SELECT max(k) FROM x",
            "SELECT id FROM orders WHERE id <?> 3", "SELECT id FROM orders ORDER BY 3::lookup",
        ])
    func predicates(text: String) async {
        let text = text.replacing("left_", with: "lower").replacing("length_", with: "count")
        #expect(await self.judge.settled(text).code == .predicate, "\(text)")
    }

    @Test(
        "equality with what the client names, or with another stored column, may be asked",
        arguments: [
            "SELECT id FROM customers WHERE email = 'ada@example.com'",
            "SELECT id FROM customers WHERE $1 = email AND country = 'DE'",
            "SELECT id FROM customers WHERE email IN ('a', 'b')",
            "SELECT id FROM customers WHERE email = ANY(ARRAY['a', 'b'])",
            "SELECT id FROM customers WHERE email <> 'a' OR email IS NULL",
            "SELECT id FROM customers WHERE email = 'a'::text",
            "SELECT email, count(*) FROM customers GROUP BY email", "SELECT DISTINCT email FROM customers",
            "SELECT a.id FROM customers a JOIN customers b ON a.email = b.email",
            "SELECT id FROM customers WHERE email IN (SELECT email FROM customers WHERE id = 3)",
            "SELECT id FROM customers WHERE email IS NOT NULL ORDER BY id",
            "SELECT x.id FROM (SELECT id, email FROM customers) x WHERE x.email = 'a'",
            "SELECT email FROM customers GROUP BY 1 ORDER BY count(*)",
        ])
    func equality(text: String) async {
        #expect(await self.judge.settled(text).code == nil, "\(text)")
    }

    @Test("answers about classified values are counted")
    func disclosures() async throws {
        let expected = [
            "SELECT * FROM customers": 0, "SELECT count(*), upper(country) FROM customers GROUP BY country": 0,
            "SELECT id FROM customers WHERE email = 'a'": 1,
            "SELECT id FROM customers WHERE email IN ('a', 'b', 'c')": 3,
            "SELECT id FROM customers WHERE email = ANY(ARRAY['a', 'b']) OR card IS NULL": 3,
            "SELECT email, count(*) FROM customers GROUP BY email": 1, "SELECT DISTINCT email FROM customers": 1,
            "SELECT upper(email) FROM customers": 1,
            "WITH c AS (SELECT upper(email) FROM customers) SELECT count(*) FROM c": 1,
            "SELECT count(*) FROM (VALUES ((SELECT upper(email) FROM customers))) v": 2,
            "SELECT coalesce(email, (SELECT 'a')) || coalesce(card, (SELECT 'b')) FROM customers": 3,
            "PREPARE p AS SELECT id FROM customers WHERE email = $1": 1,
            "SELECT id FROM customers WHERE card = '4'; SELECT id FROM customers WHERE card = '5'": 2,
            "EXPLAIN SELECT id FROM customers WHERE card = '4'": 1,
        ]
        for (text, count) in expected {
            guard case .allowed(let outputs) = await self.judge.settled(text) else {
                Issue.record("refused: \(text)")
                continue
            }
            #expect(outputs.disclosures == count, "\(text)")
        }
        // How many a parameter or a constant holds isn't known.
        for text in [
            "SELECT id FROM customers WHERE email = ANY($1)", "SELECT id FROM customers WHERE email = ANY('{a,b}')",
        ] {
            #expect(await self.judge.settled(text).code == .predicate)
        }
    }

    @Test("what is nested takes no more time than its length", .timeLimit(.minutes(1)))
    func nesting() async throws {
        var cases = "email IS NULL"
        for _ in 0..<60 { cases = "CASE WHEN \(cases) THEN true END" }
        _ = await self.judge.settled("SELECT \(cases) FROM customers")
        var conditions = "SELECT full_name FROM customers"
        for _ in 0..<60 { conditions = "SELECT full_name FROM customers WHERE full_name IN (\(conditions))" }
        _ = await self.judge.settled(conditions)
        var stars = "SELECT * FROM customers"
        for _ in 0..<40 { stars = "SELECT *, *, *, * FROM (\(stars)) x" }
        #expect(await self.judge.settled(stars).code == .tooLong)
        var sets = "1"
        for _ in 0..<60 { sets = "generate_series(1, \(sets))" }
        #expect(await self.judge.settled("SELECT \(sets) FROM customers").code == nil)
        let union = String(repeating: " UNION ALL SELECT country FROM customers", count: 300)
        #expect(await self.judge.settled("SELECT country FROM customers\(union)").code == nil)
    }
}
