import GloveboxCore
import PostgresWire
import Redaction
import Statements
import TestSupport
import Testing

@testable import PostgresAccess

@Suite("What is known of a target's columns", .timeLimit(.minutes(2)))
struct KnowledgeTests {
    let database: TestDatabase
    var target: PostgresTarget

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 10)
        self.target = try .shop(self.database, classifications: [])
        self.target.disclosures = 1000
    }

    @Test("a column whose name says what it holds is masked without being told of, with all that's worked out from it")
    func names() async throws {
        try await self.database.sql(
            """
            CREATE TABLE cards (card_id int PRIMARY KEY);
            INSERT INTO cards VALUES (7);
            CREATE TABLE accounts (id int, "dbPassword" text, api_key text, recovery_code text, ssn int, "apiToken" text,
              phone boolean, password_changed_at timestamptz, token_count int, card_id int REFERENCES cards,
              whole tsvector GENERATED ALWAYS AS (to_tsvector('simple', api_key)) STORED);
            INSERT INTO accounts VALUES (1, 'plain words', 'plain words', 'plain words', 123, 'plain words', true, now(), 3, 7);
            CREATE VIEW labels AS SELECT id, upper("apiToken") AS label, id + 1 AS "cardNumber", phone FROM accounts;
            GRANT SELECT ON accounts, labels, cards TO glovebox_read;
            """)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let row = try #require(
                await client.query(
                    "SELECT \"dbPassword\", api_key, recovery_code, \"apiToken\", ssn, whole, phone, token_count, card_id FROM accounts"
                ).rows.first)
            #expect(
                zip(row, ["password", "api_key", "pin", "token"]).allSatisfy { $0?.hasPrefix("‹\($1):") == true },
                "\(row)")
            #expect(row[4...] == [nil, nil, "t", "3", "7"], "\(row)")
            let view = try #require(await client.query("SELECT label, \"cardNumber\", phone FROM labels").rows.first)
            #expect(view[0]?.hasPrefix("‹") == true && view[1...] == [nil, "t"], "\(view)")
            let derived = try await client.query("SELECT reverse(api_key), ssn + 1, card_id + 1 FROM accounts").rows
            #expect(derived[0][0]?.hasPrefix("‹classified:") == true && derived[0][1...] == [nil, "8"], "\(derived)")
            for sql in ["SELECT id FROM accounts WHERE api_key LIKE 'p%'", "SELECT id FROM accounts ORDER BY ssn"] {
                #expect(try await client.query(sql).errors.first?.message.contains("[predicate_refused]") == true)
            }
            #expect(
                try await client.query("SELECT a.id FROM accounts a JOIN cards c USING (card_id)").rows == [["1"]])
        }
    }

    @Test("a column that the configuration shows has no name that counts, in its table and its partitions")
    func shown() async throws {
        try await self.database.sql(
            """
            CREATE TABLE shops (id int, phone text, email text) PARTITION BY LIST (id);
            CREATE TABLE shops_1 PARTITION OF shops FOR VALUES IN (1);
            INSERT INTO shops VALUES (1, 'front desk', 'plain words');
            GRANT SELECT ON shops, shops_1 TO glovebox_read;
            """)
        var target = self.target
        target.shown = [ShownColumn(table: "shops", column: "phone"), ShownColumn(table: "shops", column: "email")]
        target.classifications = [Classification(table: "shops", column: "email", kind: Kind("contact"))]
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for table in ["shops", "shops_1"] {
                let row = try #require(
                    await client.query("SELECT phone, upper(phone), email FROM \(table) WHERE phone LIKE 'f%'").rows
                        .first)
                #expect(row[..<2] == ["front desk", "FRONT DESK"], "\(table): \(row)")
                // What classifies a column by its place is stronger.
                #expect(row[2]?.hasPrefix("‹contact:") == true, "\(table): \(row)")
            }
        }
    }

    @Test("an entry that shows what isn't there, or what nothing hides, is refused in words that say what to do")
    func needless() async throws {
        for (column, words) in [
            (ShownColumn(table: "customers", column: "phnoe"), "has no column public.customers.phnoe"),
            (ShownColumn(schema: "shop", table: "customers", column: "phone"), "has no column shop.customers.phone"),
            (ShownColumn(table: "orders", column: "status"), "public.orders.status is shown in any case"),
        ] {
            var target = self.target
            target.shown = [ShownColumn(table: "customers", column: "phone"), column]
            try await LoopbackGlovebox.run(target: target) { glovebox in
                for _ in 0..<2 {
                    let result = try await glovebox.psql(glovebox.lease(), "SELECT 1")
                    #expect(
                        result.errors.contains(words) && result.errors.contains("[configuration_invalid]"), "\(result)")
                }
            }
        }
    }

    @Test("what was made since the catalogue was read is refused, or masked whole, until it's read again")
    func newcomers() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let early = try await RawClient.signedIn(glovebox, glovebox.lease())
            try await self.database.sql(
                """
                CREATE VIEW backwards AS SELECT reverse(full_name) AS word FROM customers;
                ALTER TABLE orders ADD COLUMN extra text DEFAULT 'plain words';
                GRANT SELECT ON backwards TO glovebox_read;
                """)
            let within = try await RawClient.signedIn(glovebox, glovebox.lease())
            for client in [early, within] {
                let extra = try await client.query("SELECT extra FROM orders LIMIT 1").rows
                #expect(extra.first?.first??.hasPrefix("‹unknown_origin:") == true, "\(extra)")
                for sql in [
                    "SELECT word FROM backwards", "SELECT upper(word) FROM public.backwards", "TABLE backwards",
                ] {
                    let error = try #require(await client.query(sql).errors.first)
                    #expect(error.sqlState == "42P01" && error.message.contains("[relation_unknown]"), "\(error)")
                }
            }
            // Asking for it had the catalogue read again.
            let late = try await RawClient.signedIn(glovebox, glovebox.lease())
            #expect(try await late.query("SELECT extra FROM orders LIMIT 1").rows == [["plain words"]])
            #expect(try await late.query("SELECT count(*) FROM backwards").rows == [["10"]])
            // What PostgreSQL keeps long values in has no columns that anybody knows.
            let toast = try await self.database.sql(
                "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'customers'::regclass")
            #expect(try await late.query("SELECT chunk_data FROM \(toast)").errors.first?.sqlState == "42P01")
        }
    }

    @Test("an hour-old catalogue is read again, and sessions share one object for as long as it says the same")
    func life() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            _ = try await RawClient.signedIn(glovebox, glovebox.lease())
            try await self.database.sql("CREATE TABLE late (word text); GRANT SELECT ON late TO glovebox_read")
            glovebox.time.advance(by: .seconds(61))
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            #expect(try await client.query("SELECT word FROM late").errors.isEmpty)
        }
    }

    @Test("however many sessions open at once, one reads; when it fails, the others read for themselves")
    func singleFlight() async throws {
        let keeper = KnowledgeKeeper()
        let key = KnowledgeKeeper.Key(target: try TargetName("shop-db"), capability: .read)
        let now = BootInstant(nanoseconds: 1_000_000_000)
        let parser = try StatementParser()
        func make(_ schema: String) -> TargetKnowledge {
            var relations = ClassifiedRelations()
            relations.addKnown(["t"], schema: schema)
            return TargetKnowledge(
                columns: ClassifiedColumns(kinds: [:]),
                judge: StatementJudge(
                    parser: parser,
                    rules: StatementRules(capability: .read, functions: FunctionCatalogue(), relations: relations)))
        }
        #expect(await keeper.knowledge(key, at: now) == nil)
        let first = make("a")
        let waiting = (0..<20).map { _ in Task { await keeper.knowledge(key, at: now) } }
        try await eventually("that all wait") { keeper.waiting(for: key) == 20 }
        keeper.settle(key, first, at: now)
        for task in waiting { #expect(await task.value === first) }
        #expect(await keeper.knowledge(key, at: now.advanced(by: .seconds(59))) === first)
        // It's old, is read again, and says the same.
        let later = now.advanced(by: .seconds(60))
        #expect(await keeper.knowledge(key, at: later) == nil)
        #expect(keeper.settle(key, make("a"), at: later) === first)
        keeper.expire(key)
        #expect(await keeper.knowledge(key, at: later) == nil)
        let other = Task { await keeper.knowledge(key, at: later) }
        try await eventually("that it waits") { keeper.waiting(for: key) == 1 }
        keeper.settle(key, nil, at: later)
        #expect(await other.value == nil)
        #expect(await keeper.knowledge(key, at: later) == nil)
        #expect(keeper.settle(key, make("b"), at: later) !== first)
    }
}
