import GloveboxCore
import PostgresAccess
import PostgresWire
import Redaction
import TestSupport
import Testing

@Suite("Masking in a session", .timeLimit(.minutes(2)))
struct MaskingTests {
    let database: TestDatabase
    let target: PostgresTarget

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 100)
        self.target = try .shop(self.database)
    }

    /// Every seeded secret that `text` holds.
    private func secrets(in text: String) async throws -> [ShopDatabase.SeededSecret] {
        try await ShopDatabase.secrets(of: self.database).filter { text.contains($0.value) }
    }

    @Test("no seeded secret comes out of the shop's tables, by query or COPY in text or csv; nor is one recorded")
    func wholeShop() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease()
            for table in ["customers", "orders", "payments"] {
                for sql in [
                    "SELECT * FROM \(table) ORDER BY id", "COPY \(table) TO STDOUT",
                    "COPY \(table) TO STDOUT (FORMAT csv, HEADER)",
                    "COPY (SELECT * FROM \(table)) TO STDOUT",
                ] {
                    let result = try await glovebox.psql(lease, sql + ";\n")
                    #expect(result.errors == "", "\(sql)")
                    #expect(result.output.split(separator: "\n").count >= 100, "\(sql)")
                    let found = try await self.secrets(in: result.output)
                    #expect(found.isEmpty, "\(sql): \(found.prefix(3))")
                }
            }
            try await glovebox.journal.waitForReceipts(12)
            #expect(try await self.secrets(in: glovebox.journal.text).isEmpty)
        }
    }

    @Test("a secret that was masked once is masked by itself in another session of its lease, and not in another lease")
    func secretsKnownAgain() async throws {
        let secret = "kV7w-Qz2Lm9-Tr4"
        try await self.database.sql(
            """
            CREATE TABLE mentions (id int, remark text);
            INSERT INTO mentions VALUES (1, 'signed in with password=\(secret)'), (2, 'it was \(secret), I think');
            GRANT SELECT ON mentions TO glovebox_read;
            """)
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease()
            let first = try await RawClient.signedIn(glovebox, lease)
            let bare = "SELECT remark FROM mentions WHERE id = 2"
            #expect(try await first.query(bare).rows[0][0] == "it was \(secret), I think")
            #expect(
                try await first.query("SELECT remark FROM mentions WHERE id = 1").rows[0][0]?.contains(secret) == false)
            let second = try await RawClient.signedIn(glovebox, lease)
            for client in [first, second] {
                let remark = try #require(try await client.query(bare).rows[0][0])
                #expect(remark.hasPrefix("it was ‹password:") && remark.hasSuffix("›, I think"))
            }
            let other = try await RawClient.signedIn(glovebox, glovebox.lease())
            #expect(try await other.query(bare).rows[0][0] == "it was \(secret), I think")
        }
    }

    @Test("a stored column's equal values get equal pseudonyms in a read lease; a computed one's don't")
    func pseudonyms() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let stored = try await client.query(
                "SELECT email FROM customers WHERE id = 1 UNION ALL SELECT NULL LIMIT 1")
            #expect(stored.rows.count == 1)
            let first = try await client.query("SELECT email, id FROM customers WHERE id = 1").rows
            let again = try await client.query("SELECT email, id FROM customers WHERE id = 1").rows
            #expect(first == again && first[0][1] == "1")
            #expect(try #require(first[0][0]).hasPrefix("‹email:"))
            #expect(stored.rows[0][0] != first[0][0])
            let computed = try await client.query("SELECT email || '' FROM customers WHERE id = 1").rows
            #expect(computed[0][0] != first[0][0] && computed[0][0]?.hasPrefix("‹classified:") == true)
            let writer = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            let random = [
                try await writer.query("SELECT email FROM customers WHERE id = 1").rows,
                try await writer.query("SELECT email FROM customers WHERE id = 1").rows,
            ]
            #expect(random[0] != random[1])
        }
    }

    @Test(
        "a classified column is masked whole, in partitions and through views too; of other types than text it's NULL")
    func classified() async throws {
        try await self.database.sql(
            """
            CREATE TABLE measured (id int, who text, score int) PARTITION BY LIST (id);
            CREATE TABLE measured_1 PARTITION OF measured FOR VALUES IN (1);
            INSERT INTO measured VALUES (1, 'plain words', 77);
            CREATE VIEW named AS SELECT id, who FROM measured;
            CREATE VIEW renamed AS SELECT who AS label FROM measured;
            CREATE VIEW above AS SELECT * FROM renamed;
            GRANT SELECT ON measured, measured_1, named, renamed, above TO glovebox_read;
            """)
        let target = try PostgresTarget.shop(
            self.database,
            classifications: [
                Classification(table: "measured", column: "who", kind: Kind("patient")),
                Classification(table: "measured", column: "score", kind: Kind("score")),
            ])
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for table in ["measured", "measured_1"] {
                let row = try #require(await client.query("SELECT id, who, score FROM \(table)").rows.first)
                #expect(row[0] == "1" && row[1]?.hasPrefix("‹patient:") == true && row[2] == nil, "\(table)")
            }
            for query in ["SELECT who FROM named", "SELECT label FROM renamed", "SELECT label FROM above"] {
                let row = try #require(await client.query(query).rows.first)
                #expect(row[0]?.hasPrefix("‹patient:") == true, "\(query): \(row)")
            }
            await client.close()
            try await glovebox.journal.waitForReceipts()
            let receipt = try #require(glovebox.journal.receipts.first).receipt
            #expect(receipt.valuesMasked["patient"] == 5 && receipt.valuesMasked["score"] == 2 && receipt.rows == 5)
        }
    }

    @Test("catalogues that hold values or other people's statements are masked without being told")
    func catalogues() async throws {
        try await self.database.sql("ANALYZE customers")
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let activity = try await client.query(
                "SELECT query, state FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            ).rows
            #expect(activity.first?[0]?.hasPrefix("‹query_text:") == true && activity.first?[1] == "active")
            let statistics = try await client.query(
                "SELECT histogram_bounds, most_common_vals, n_distinct FROM pg_stats WHERE tablename = 'customers'"
            ).rows
            #expect(statistics.count > 5)
            #expect(statistics.allSatisfy { $0[0] == nil && $0[1] == nil && $0[2] != nil })
            // Names of roles stay.
            #expect(
                try await client.query("SELECT usename FROM pg_user WHERE usename = 'postgres'").rows == [["postgres"]])
        }
    }

    @Test("a classification of a column that isn't there refuses the session, rather than show a misspelt one")
    func missingColumn() async throws {
        let target = try PostgresTarget.shop(
            self.database,
            classifications: [Classification(table: "customers", column: "fullname", kind: Kind("person_name"))])
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let result = try await glovebox.psql(glovebox.lease(), "SELECT 1")
            #expect(result.errors.contains("no column public.customers.fullname"))
            #expect(result.errors.contains("[configuration_invalid]"))
        }
    }

    @Test("psycopg reads the same in text and in binary: numbers whole, documents valid, secrets masked")
    func psycopgFormats() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease()
            let output = try await glovebox.python(
                lease,
                """
                for binary in (False, True):
                    cursor = connection.cursor(binary=binary)
                    cursor.execute("SELECT id, full_name, email, date_of_birth, card, profile, aliases, created_at, card::numeric "
                        "FROM (SELECT id, full_name, email, date_of_birth, replace(card, ' ', '') AS card, profile, aliases, created_at "
                        "FROM customers) c WHERE id = %s", (17,))
                    row = cursor.fetchone()
                    assert row[0] == 17 and row[3] is None and row[6] is None and row[8] is None, row
                    assert row[1].startswith("‹person_name:") and row[2].startswith("‹email:"), row
                    assert row[5]["payments"]["provider"] == "stripe" and row[7].year == 2021, row
                    print(repr(row))
                with connection.cursor().copy("COPY customers TO STDOUT (FORMAT binary)") as copy:
                    copy.set_types(["int8", "text", "text", "text", "date", "text", "text", "text", "text", "text[]", "jsonb", "text",
                        "timestamptz"])
                    rows = list(copy.rows())
                assert len(rows) == 100 and all(row[4] is None and row[2].startswith("‹email:") for row in rows)
                print(repr(rows))
                """)
            let found = try await self.secrets(in: output)
            #expect(found.isEmpty, "\(found.prefix(3))")
            try await glovebox.journal.waitForReceipts()
            let bound = glovebox.journal.statements.filter { $0.text.contains("full_name") }
            #expect(bound.map(\.values) == [["17"], ["17"]])
        }
    }

    @Test("errors and notices don't quote what they were about")
    func errors() async throws {
        let email = try await self.database.sql("SELECT email FROM customers WHERE id = 3")
        let name = try await self.database.sql("SELECT full_name FROM customers WHERE id = 3")
        try await self.database.sql(
            "CREATE FUNCTION tell(text) RETURNS void STABLE LANGUAGE plpgsql AS "
                + "$$ BEGIN RAISE NOTICE 'writes to %', $1; END $$")
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let writer = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            let duplicate = try await writer.query(
                "UPDATE customers SET email = '\(email)' WHERE id = 4")
            let violation = try #require(duplicate.errors.first)
            #expect(
                violation.sqlState == "23505" && violation.detail != nil
                    && violation.message.contains("customers_email_key"))
            let cast = try await writer.query("SELECT full_name::int FROM customers WHERE id = 3")
            let wrong = try #require(cast.errors.first)
            #expect(wrong.sqlState == "22000" && wrong.message.contains("is hidden"))
            let raised = try await writer.query("SELECT tell(email) FROM customers WHERE id = 3")
            #expect(raised.errors.isEmpty && raised.rows.count == 1)
            #expect(!raised.contains { if case .noticeResponse = $0 { true } else { false } })
            for fields in [violation, wrong] {
                #expect(!fields.fields.contains { $0.value.contains(email) || $0.value.contains(name) }, "\(fields)")
            }
            // The session went on.
            #expect(try await writer.query("SELECT 1").rows == [["1"]])
        }
    }

    @Test("a notification's payload is masked whole where anything is classified, since nobody knows what's in it")
    func notifications() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            _ = try await client.query("LISTEN news")
            let messages = try await client.query("NOTIFY news, 'from ada@example.com'")
            let payload = messages.firstNonNil {
                if case .notificationResponse(_, _, let payload) = $0 { payload } else { nil }
            }
            #expect(try #require(payload).hasPrefix("‹unknown_origin:"))
        }
    }

    @Test("a setting's report says what PostgreSQL itself knows, and nothing that a value could be put into")
    func reports() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let output = try await glovebox.python(
                glovebox.lease(),
                """
                connection.execute("SET application_name = 'mine'")
                print(connection.info.parameter_status("application_name"))
                for zone in ("'Europe/Vienna'", "'UTC'", "'Etc/GMT-3'", "5.5"):
                    connection.execute(f"SET TIME ZONE {zone}")
                    print(connection.info.parameter_status("TimeZone"))
                connection.execute("SET DateStyle = 'German'")
                print(connection.info.parameter_status("DateStyle"))
                try:
                    connection.execute("SET TIME ZONE 'Secret7'")
                    print(connection.info.parameter_status("TimeZone"))
                except psycopg.Error as error:
                    print(error)
                """)
            let lines = output.split(separator: "\n").map(String.init)
            #expect(
                lines.prefix(6) == [
                    "‹hidden›", "Europe/Vienna", "UTC", "Etc/GMT-3", "<+05:30>-05:30", "German, DMY",
                ])
            #expect(lines.dropFirst(6).joined().contains("[redaction_failed]"))
            #expect(!output.contains("Secret"))
        }
    }

    @Test("JSON that's too long to be looked through is masked whole, a text passes; a column's name is masked")
    func outsized() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let rows = try await client.query(
                "SELECT repeat('x', 1100000), repeat('x', 1000000) = 'x', to_json(repeat('y', 1100000)), 7"
            ).rows
            let row = try #require(rows.first)
            #expect(row[0] == String(repeating: "x", count: 1_100_000) && row[1] == "f" && row[3] == "7")
            #expect(row[2]?.hasPrefix("\"‹too_long:") == true)
            let named = try await client.query("SELECT 1 AS \"ada@example.com\"")
            guard case .rowDescription(let fields)? = named.first else {
                Issue.record("\(named)")
                return
            }
            #expect(fields.fields[0].name.hasPrefix("‹email:"))
        }
    }

    @Test("a session's encoding can't be changed")
    func encoding() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let result = try await glovebox.psql(
                glovebox.lease(),
                "SET client_encoding TO LATIN1;\nBEGIN;\nSET LOCAL client_encoding = 'SJIS';\nROLLBACK;\nSHOW client_encoding;\n"
            )
            #expect(result.errors.matches(of: /sessions are in UTF8/).count == 2)
            #expect(result.output.contains("UTF8"))
        }
    }

    @Test("an error in redaction ends the session, and the row that it was about doesn't pass")
    func failsClosed() async throws {
        let makeMasker = { @Sendable (_: Pseudonyms) -> any SessionMasking in FailingMasker(trap: "the trap") }
        try await LoopbackGlovebox.run(target: self.target, makeMasker: makeMasker) {
            glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let messages = try await client.query(
                "SELECT t FROM (VALUES (1, 'one'), (2, 'the trap'), (3, 'three')) AS v (n, t) ORDER BY n")
            #expect(messages.rows == [["one"]])
            let error = try #require(messages.errors.first)
            #expect(error.isFatal && error.message.contains("[redaction_failed]"))
            #expect(try await client.next() == nil)
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.receipts.first?.reason.contains("redaction_failed") == true)
        }
    }

    @Test("data goes in by COPY under a write lease, as it was sent")
    func copyIn() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let rows = (1001...1500).map { "\($0)\t1\tplaced\tTeapot\t1\t9.50\tto x\($0)@example.com\t2024-01-01" }
                .joined(separator: "\n")
            let result = try await glovebox.psql(
                glovebox.lease(.write),
                "\\copy orders FROM STDIN\n\(rows)\n\\.\nSELECT count(*) FROM orders WHERE id > 1000;\n")
            #expect(result.output == "500\n", "\(result.errors)")
            #expect(
                try await self.database.sql("SELECT delivery FROM orders WHERE id = 1234") == "to x1234@example.com")
        }
    }
}

extension [BackendMessage] {
    func firstNonNil<Value>(_ pick: (BackendMessage) -> Value?) -> Value? {
        for message in self { if let value = pick(message) { return value } }
        return nil
    }
}
