import GloveboxCore
import NIOCore
import PostgresAccess
import PostgresWire
import Redaction
import TestSupport
import Testing

@Suite("What is worked out from classified columns", .timeLimit(.minutes(2)))
struct DerivedValuesTests {
    let shop: ClassifiedShop
    var database: TestDatabase { self.shop.database }
    var target: PostgresTarget { self.shop.target }

    init() async throws {
        self.shop = try await ClassifiedShop()
    }

    @Test("no expression, row, view, set operation, cursor or COPY shows a classified value")
    func expressions() async throws {
        try await self.database.sql(
            """
            CREATE VIEW backwards AS SELECT id, full_name, reverse(full_name) AS name FROM customers;
            GRANT SELECT ON backwards TO PUBLIC;
            """)
        let name = try await self.database.sql("SELECT full_name FROM customers WHERE id = 3")
        let parts = name.split(separator: " ").map(String.init)
        let secrets = parts + parts.map { String($0.reversed()) } + parts.map { $0.uppercased() }
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for sql in [
                "SELECT reverse(full_name), upper(full_name) FROM customers WHERE id = 3",
                "SELECT c FROM customers c WHERE id = 3", "SELECT row_to_json(c) FROM customers c WHERE id = 3",
                "SELECT json_agg(c) FROM customers c WHERE id = 3",
                "SELECT c.full_name::bytea FROM customers c WHERE id = 3",
                "SELECT encode(full_name::bytea, 'escape') FROM customers WHERE id = 3",
                "SELECT string_agg(full_name, ',') FROM customers WHERE id = 3",
                "SELECT full_name FROM customers WHERE id = 3 UNION ALL SELECT 'x'",
                "WITH c AS (SELECT full_name AS n FROM customers WHERE id = 3) SELECT n || '' FROM c",
                "SELECT (SELECT full_name || '' FROM customers WHERE id = 3)",
                "SELECT regexp_split_to_array(full_name, ' ') FROM customers WHERE id = 3",
                "BEGIN; DECLARE w CURSOR FOR SELECT upper(full_name) FROM customers WHERE id = 3; FETCH w; COMMIT",
                "PREPARE p AS SELECT upper(full_name) FROM customers WHERE id = 3; EXECUTE p", "EXECUTE p",
                "SELECT full_name FROM backwards WHERE id = 3",
                "SELECT c.* FROM backwards c WHERE c.id = 3",
            ] {
                let messages = try await client.query(sql)
                #expect(messages.errors.isEmpty, "\(sql): \(messages.errors)")
                let cells = messages.rows.flatMap { $0 }.compactMap { $0 }
                for secret in secrets { #expect(!cells.contains { $0.contains(secret) }, "\(sql): \(cells)") }
            }
            for sql in ["COPY (SELECT upper(full_name), id FROM customers WHERE id = 3) TO STDOUT;\n"] {
                let result = try await glovebox.psql(glovebox.lease(), sql)
                #expect(result.errors == "" && result.output.hasSuffix("\t3\n"), "\(result)")
                for secret in secrets { #expect(!result.output.contains(secret)) }
            }
            // What reads nothing classified stays what it is.
            let plain = try await client.query("SELECT count(*), upper('a'), max(id) FROM customers").rows
            #expect(plain == [["100", "A", "100"]])
            let binary = try await glovebox.python(
                glovebox.lease(),
                """
                cursor = connection.cursor(binary=True)
                for sql in ("SELECT upper(full_name), id + 1 FROM customers WHERE id = %s",
                            "SELECT array_agg(full_name), jsonb_agg(full_name) FROM customers WHERE id = %s"):
                    for prepare in (True, True):
                        print(cursor.execute(sql, (3,), prepare=prepare).fetchall())
                """)
            #expect(binary.contains("‹classified:") && binary.contains(", 4)"))
            for secret in secrets { #expect(!binary.contains(secret)) }
        }
    }

    @Test("a script that searches for a masked value by halves fails, whichever question it asks")
    func halves() async throws {
        var target = self.target
        target.disclosures = 20
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let output = try await glovebox.python(
                glovebox.lease(),
                """
                def find(question):
                    known = ""
                    while len(known) < 6:
                        low, high = 32, 126
                        while low < high:
                            middle = (low + high) // 2
                            try:
                                answer = question(len(known) + 1, known, middle)
                            except psycopg.Error as error:
                                return error.sqlstate
                            low, high = (low, middle) if answer else (middle + 1, high)
                        known += chr(low)
                    return known

                def rows(condition):
                    return lambda place, known, middle: connection.execute(
                        condition.format(place=place, known=known, middle=middle, letter=chr(middle))).fetchone() is not None

                def fails(expression):
                    def ask(place, known, middle):
                        try:
                            connection.execute(expression.format(place=place, middle=middle))
                            return False
                        except psycopg.errors.DataError:
                            return True
                    return ask

                for question in (
                    rows("SELECT id FROM customers WHERE id = 3 AND ascii(substr(full_name, {place}, 1)) <= {middle}"),
                    rows("SELECT id FROM customers WHERE id = 3 AND full_name <= '{known}{letter}'"),
                    rows("SELECT id FROM customers WHERE id = 3 AND full_name ~ '^{known}[ -\\{letter}]'"),
                    rows("SELECT * FROM (SELECT ascii(substr(full_name, {place}, 1)) AS a FROM customers WHERE id = 3) x WHERE a <= {middle}"),
                    rows("SELECT c.id FROM customers c JOIN generate_series(32, {middle}) g ON substr(c.full_name, {place}, 1) = chr(g) WHERE c.id = 3"),
                    rows("SELECT 1 FROM generate_series({middle}, (SELECT ascii(substr(full_name, {place}, 1)) FROM customers WHERE id = 3))"),
                    rows("SELECT CASE WHEN full_name < '{known}{letter}' THEN 1 END FROM customers WHERE id = 3"),
                    fails("SELECT 1 / (CASE WHEN ascii(substr(full_name, {place}, 1)) <= {middle} THEN 0 ELSE 1 END) FROM customers WHERE id = 3"),
                    fails("SELECT 1 / (ascii(substr(full_name, {place}, 1)) / {middle}) FROM customers WHERE id = 3"),
                ):
                    print(find(question))
                """)
            let answers = output.split(separator: "\n").map(String.init)
            #expect(answers.count == 9)
            #expect(answers.dropLast().allSatisfy { $0 == "42501" }, "\(answers)")
            #expect(answers.last == "53400", "the budget is spent: \(answers)")
        }
    }

    @Test(
        "equality with a value that the client names is answered, as often in a day as the ceiling says, for all leases together"
    )
    func budget() async throws {
        var target = self.target
        target.disclosures = 3
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let question = "SELECT id FROM customers WHERE full_name = 'Nobody'"
            for _ in 0..<2 { #expect(try await client.query(question).errors.isEmpty) }
            let prepared = try await glovebox.python(
                glovebox.lease(),
                """
                for number in range(3):
                    try:
                        print(connection.execute("SELECT id FROM customers WHERE full_name = %s", ("x",), prepare=True).fetchall())
                    except psycopg.Error as error:
                        print(error.sqlstate)
                """)
            #expect(prepared == "[]\n53400\n53400")
            let spent = try await client.query(question).errors
            #expect(spent.first?.message.contains("[disclosure_budget_spent]") == true)
            // The session goes on.
            #expect(try await client.query("SELECT id FROM customers WHERE id = 3").rows == [["3"]])
        }
    }

    @Test("an error of a statement that works with classified values doesn't say what PostgreSQL says")
    func errors() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let name = try await self.database.sql("SELECT full_name FROM customers WHERE id = 3")
            for sql in [
                "SELECT current_setting(replace(full_name, ' ', '_')) FROM customers WHERE id = 3",
                "SELECT replace(full_name, ' ', '_')::regclass FROM customers WHERE id = 3",
                "SELECT full_name::json FROM customers WHERE id = 3",
                "SELECT full_name::int FROM customers WHERE id = 3",
                "SELECT get_bit('a'::bytea, ascii(full_name)) FROM customers WHERE id = 3",
                "PREPARE p AS SELECT full_name::int FROM customers WHERE id = 3; EXECUTE p", "EXECUTE p",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.contains("is hidden"), "\(sql): \(error)")
                for part in name.split(separator: " ") {
                    #expect(!error.fields.contains { $0.value.contains(part) }, "\(sql): \(error)")
                }
            }
            // What's wrong with the statement itself is said, with its place.
            for (sql, words, place) in [
                ("SELECT upper(full_name), nothing FROM customers", "column \"nothing\" does not exist", "26"),
                ("SELECT upper(full_name, 1) FROM customers WHERE full_name = 'x'", "does not exist", "8"),
                ("SELECT id FROM customers WHERE full_name = 3", "operator does not exist", "42"),
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.contains(words) && error["P"] == place, "\(sql): \(error)")
            }
            // Anything else's errors are as they are.
            #expect(try await client.query("SELECT 1 / 0").errors.first?.message == "division by zero")
            #expect(try await client.query("SELECT * FROM nowhere").errors.first?.message.contains("nowhere") == true)
        }
    }

    @Test("what the protocol names is hidden from SQL that reads it by its name")
    func names() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let name = try await self.database.sql("SELECT full_name FROM customers WHERE id = 3")
            _ = try await client.query("BEGIN")
            client.send(
                .parse(.init(statement: "s1", text: "SELECT full_name || '' FROM customers WHERE id = 3")),
                .bind(.init(portal: "p1", statement: "s1")), .sync)
            _ = try await client.untilReady()
            for sql in ["EXECUTE s1", "SELECT 1; EXECUTE s1", "FETCH 1 FROM p1"] {
                let rows = try await client.query(sql).rows
                #expect(!rows.isEmpty && rows.allSatisfy { !($0[0] ?? "").contains(name) }, "\(sql): \(rows)")
            }
            // The other way round: SQL puts a cursor in the place of a portal, and a statement in that of another.
            client.send(
                .parse(.init(text: "SELECT 'harmless'")), .bind(.init(portal: "p2")),
                .parse(.init(statement: "s2", text: "SELECT 'harmless'")), .sync)
            _ = try await client.untilReady()
            _ = try await client.query(
                """
                CLOSE p2; DECLARE p2 CURSOR FOR SELECT full_name || '' FROM customers WHERE id = 3;
                DEALLOCATE s2; PREPARE s2 AS SELECT full_name || '' FROM customers WHERE id = 3
                """)
            client.send(
                .execute(portal: "p2", maximumRows: 0), .bind(.init(statement: "s2")),
                .execute(portal: "", maximumRows: 0), .sync)
            let answer = try await client.untilReady()
            #expect(answer.errors.isEmpty && answer.rows.count == 2, "\(answer)")
            #expect(answer.rows.allSatisfy { $0[0]?.hasPrefix("‹classified:") == true }, "\(answer.rows)")
        }
    }

    @Test("a statement that SQL has prepared has its price where the protocol runs it, too")
    func preparedBySQL() async throws {
        var target = self.target
        target.disclosures = 3
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            _ = try await client.query("PREPARE p (text) AS SELECT id FROM customers WHERE full_name = $1")
            var states: [String] = []
            for _ in 0..<4 {
                client.send(
                    .bind(.init(statement: "p", parameters: [ByteBuffer(string: "x")])),
                    .execute(portal: "", maximumRows: 0), .sync)
                states.append(try await client.untilReady().errors.first?.sqlState ?? "")
            }
            #expect(states == ["", "", "53400", "53400"])
        }
    }

    @Test("a write lease copies no classified value to where it's shown, and what is violated by one is paid for")
    func writing() async throws {
        var target = self.target
        target.disclosures = 2
        let email = try await self.database.sql("SELECT email FROM customers WHERE id = 3")
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            for sql in [
                "UPDATE orders SET delivery = (SELECT full_name FROM customers WHERE id = 3) WHERE id = 1",
                "INSERT INTO orders SELECT 5000000, 1, 'x', full_name, 1, 1, NULL, now() FROM customers WHERE id = 3",
                "WITH c AS (UPDATE customers SET notes = full_name RETURNING id) SELECT id FROM c",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("[copies_classified]"), "\(error)")
            }
            #expect(try await client.query("UPDATE customers SET email = 'x@example.com' WHERE id = 1").errors.isEmpty)
            #expect(try await client.query("UPDATE customers SET full_name = email WHERE id = 1").errors.isEmpty)
            for _ in 0..<2 {
                let violation = try await client.query("UPDATE customers SET email = '\(email)' WHERE id = 4").errors
                #expect(violation.first?.sqlState == "23505")
            }
            let spent = try await client.query("UPDATE customers SET email = '\(email)' WHERE id = 4").errors
            #expect(spent.first?.isFatal == true && spent.first?.sqlState == "53400", "\(spent)")
        }
    }
}
