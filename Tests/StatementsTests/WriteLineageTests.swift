import GloveboxCore
import Testing

@testable import Statements

@Suite("Where a writing statement puts what it reads")
struct WriteLineageTests {
    private let judge: StatementJudge

    init() throws {
        var relations = makeRelations()
        relations.add(schema: "public", name: "archive", columns: ["id", "who"], classified: ["who"])
        self.judge = try makeJudge(.write, relations: relations)
    }

    private func outputs(_ text: String) async throws -> StatementOutputs {
        switch await self.judge.settled(text) {
        case .allowed(let outputs): return outputs
        case .refused(let refusal): throw refusal
        }
    }

    @Test(
        "a classified value goes to no place where it's shown",
        arguments: [
            "INSERT INTO notes SELECT email FROM customers",
            "INSERT INTO notes (a, b) SELECT 1, upper(email) FROM customers",
            "INSERT INTO notes VALUES (1, (SELECT email FROM customers LIMIT 1))",
            "INSERT INTO notes SELECT * FROM customers", "INSERT INTO notes TABLE customers",
            "INSERT INTO customers (id, country) SELECT id, email FROM customers",
            "INSERT INTO customers SELECT id, full_name, email, card, email, notes FROM customers",
            "INSERT INTO archive (id, who) SELECT email, id FROM customers",
            "WITH c AS (SELECT email AS e FROM customers) INSERT INTO notes SELECT e FROM c",
            "UPDATE customers SET country = email", "UPDATE customers SET notes = notes || full_name WHERE id = 1",
            "UPDATE notes SET a = (SELECT email FROM customers WHERE id = 1)",
            "UPDATE notes n SET a = c.email FROM customers c WHERE n.id = c.id",
            "UPDATE notes SET (a, b) = (SELECT id, email FROM customers WHERE id = 1)",
            "UPDATE customers SET (country, notes) = (full_name, email)", "UPDATE customers SET id = length_(email)",
            "UPDATE customers SET notes = (email = 'a')::text",
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET notes = excluded.email",
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET notes = customers.email",
            "MERGE INTO notes n USING customers c ON n.id = c.id WHEN MATCHED THEN UPDATE SET a = c.email",
            "MERGE INTO notes n USING customers c ON n.id = c.id WHEN NOT MATCHED THEN INSERT (id, a) VALUES (c.id, c.email)",
            "MERGE INTO notes n USING customers c ON n.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email)",
            "WITH d AS (INSERT INTO notes SELECT email FROM customers RETURNING 1) SELECT 1",
            "WITH RECURSIVE d AS (INSERT INTO notes SELECT email FROM customers RETURNING 1) SELECT 1",
            "WITH d AS (DELETE FROM customers RETURNING email) INSERT INTO notes SELECT email FROM d",
            "EXPLAIN ANALYZE UPDATE customers SET notes = email",
            "PREPARE p AS INSERT INTO notes SELECT email FROM customers",
            "COPY (INSERT INTO notes SELECT email FROM customers RETURNING 1) TO STDOUT",
            "UPDATE other.customers SET notes = (SELECT email FROM public.customers LIMIT 1)",
            "UPDATE customers SET email = NULLIF(email, 'a')", "UPDATE customers SET email = substring(email, 1, 1)",
            "UPDATE customers SET card = email || card", "UPDATE customers SET card = lower(email || card)",
            "UPDATE customers SET card = COALESCE(email, 'x')",
            "UPDATE customers SET card = (SELECT max(email) FROM customers)",
            "INSERT INTO archive SELECT id, NULLIF(email, 'a') FROM customers",
            "UPDATE customers SET card = trim('a' FROM email)",
            "UPDATE customers SET (card, email) = (SELECT email, substring(card, 1, 4) FROM customers WHERE id = 1)",
            "MERGE INTO archive a USING customers c ON a.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, substring(c.email, 1, 1))",
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET email = NULLIF(customers.email, 'a')",
            "INSERT INTO notes SELECT json_agg(c) FROM customers c", "INSERT INTO notes SELECT price_of(1)",
        ])
    func copies(text: String) async {
        let text = text.replacing("length_", with: "count")
        #expect(await self.judge.settled(text).code == .copy, "\(text)")
    }

    @Test(
        "which rows are written tells nothing of a classified value",
        arguments: [
            "UPDATE customers SET notes = 'x' WHERE email LIKE 'a%'", "DELETE FROM customers WHERE email < 'm'",
            "DELETE FROM notes USING customers c WHERE notes.a > c.email",
            "DELETE FROM customers c WHERE lower(c.card) = '4'",
            "INSERT INTO notes SELECT id FROM customers WHERE card LIKE '4%'",
            "INSERT INTO notes SELECT id FROM customers ORDER BY email LIMIT 1",
            "UPDATE customers SET notes = CASE WHEN email < 'm' THEN 'a' ELSE 'b' END",
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET notes = 'x' WHERE customers.email < 'm'",
            "INSERT INTO customers (email) SELECT 'a' || g FROM generate_series(1, 9) g ON CONFLICT DO NOTHING",
            "INSERT INTO customers (id, email) SELECT g, 'a' FROM generate_series(1, 9) g ON CONFLICT (email) DO NOTHING",
            "MERGE INTO customers c USING (VALUES ('a')) v(x) ON c.email = v.x WHEN MATCHED THEN DELETE",
            "MERGE INTO customers c USING notes n ON c.id = n.id WHEN MATCHED AND c.email < 'm' THEN DELETE",
            "WITH d AS (DELETE FROM customers WHERE email < 'm' RETURNING id) SELECT count(*) FROM d",
            "SELECT touch(email) FROM customers", "SELECT nextval(email) FROM customers",
            "SELECT pg_sleep(length_(email)) FROM customers", "UPDATE customers SET email = touch(email)",
        ])
    func predicates(text: String) async {
        let text = text.replacing("length_", with: "count")
        #expect(await self.judge.settled(text).code == .predicate, "\(text)")
    }

    @Test("what a debugging engineer writes is run, and costs what it tells")
    func allowed() async throws {
        let prices = [
            "UPDATE customers SET email = 'x' WHERE id = 1": 0,
            "UPDATE customers SET email = $1, notes = notes || 'x'": 0,
            "INSERT INTO customers VALUES (1, 'a', 'b', 'c', 'd', 'e')": 0, "DELETE FROM customers WHERE id = 1": 0,
            "UPDATE notes SET a = 1 FROM customers c WHERE c.id = notes.id": 0,
            "INSERT INTO notes SELECT id, country FROM customers": 0,
            "INSERT INTO notes SELECT count(*) FROM customers": 0,
            "UPDATE customers SET notes = 'x' WHERE email = 'a'": 1,
            "DELETE FROM customers WHERE email IN ('a', 'b')": 2,
            "UPDATE customers SET email = lower(email) WHERE id = 1": 1, "UPDATE customers SET full_name = email": 0,
            "UPDATE customers SET email = (SELECT email FROM customers WHERE id = 2) WHERE id = 3": 0,
            "INSERT INTO archive (who, id) SELECT email, id FROM customers": 0,
            "INSERT INTO archive SELECT id, upper(email) FROM customers": 1,
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET email = excluded.email":
                0,
            "INSERT INTO customers (id, email) VALUES (1, 'a'), (2, 'b') ON CONFLICT DO NOTHING": 2,
            "INSERT INTO customers (id, email) VALUES (1, 'a') ON CONFLICT (email) DO NOTHING": 1,
            "INSERT INTO notes VALUES (1) ON CONFLICT DO NOTHING": 0,
            "MERGE INTO customers c USING notes n ON c.id = n.id WHEN MATCHED THEN UPDATE SET notes = n.a": 0,
            "MERGE INTO archive a USING customers c ON a.id = c.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email)":
                0,
            "SELECT touch(id) FROM customers": 1, "SELECT nextval('s')": 0,
        ]
        for (text, price) in prices { #expect(try await self.outputs(text).disclosures == price, "\(text)") }
    }

    @Test("RETURNING shows what a query would")
    func returning() async throws {
        #expect(
            try await self.outputs(
                "UPDATE customers SET notes = 'x' RETURNING id + 1, upper(email), email, upper(notes)"
            ).hidden
                == .columns([false, true, true, false]))
        #expect(
            try await self.outputs("INSERT INTO customers (id) VALUES (1) RETURNING *, lower(card)").hidden
                == .columns([false, true, true, true, false, false, true]))
        #expect(try await self.outputs("DELETE FROM notes RETURNING upper(a)").hidden == .none)
        #expect(
            try await self.outputs(
                "WITH d AS (DELETE FROM customers RETURNING id, upper(email) AS e) SELECT e, id FROM d"
            ).hidden
                == .columns([true, false]))
    }
}
