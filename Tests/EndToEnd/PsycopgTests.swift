import TestSupport
import Testing

@Suite("psycopg: the extended protocol, text and binary", .serialized, .timeLimit(.minutes(2)))
struct PsycopgTests {
    @Test("text and binary results say the same, masked, with the types of the database")
    func results() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let output = try await lease.python(
            """
            with connect() as connection:
                for binary in (False, True):
                    cursor = connection.cursor(binary=binary)
                    cursor.execute(
                        "SELECT id, email, date_of_birth, profile, aliases, created_at, card, notes FROM customers "
                        "WHERE id = ANY(%s) ORDER BY id", ([5, 17, 34],))
                    show([[type(value).__name__ for value in row] + list(row) for row in cursor])
            """)
        let lines = output.split(separator: "\n")
        try #require(lines.count == 2)
        let (text, binary) = (try decode(JSON.self, from: lines[0]), try decode(JSON.self, from: lines[1]))
        #expect(text == binary, "pseudonyms of stored values are the same whatever the format")
        let rows = try #require(binary.array)
        #expect(rows.count == 3)
        for row in rows {
            let row = try #require(row.array)
            #expect(row[0...3].map(\.string) == ["int", "str", "NoneType", "dict"])
            #expect(row[5].string == "datetime")
            #expect(isPseudonym(row[9].string ?? "", of: "email"))
            #expect(isPseudonym(row[14].string ?? "", of: "card"))
            #expect(row[11]["payments"]?["api_key"]?.string?.hasPrefix("‹") == true)
        }
        #expect(try await SecretSearch(of: shop.database).found(in: output) == [])
        try await shop.admin.endLease(lease)
    }

    @Test("parameters reach the server, are recorded and are masked in the record")
    func parameters() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let email = try await shop.directly(["-A", "-t", "-c", "SELECT email FROM customers WHERE id = 11"]).line
        let output = try await lease.python(
            """
            with connect() as connection:
                for binary in (False, True):
                    cursor = connection.cursor(binary=binary)
                    for number in range(7):
                        cursor.execute(
                            "SELECT id FROM customers WHERE email = %s AND id < %s", ("\(email)", 500 + number), prepare=True)
                        show(cursor.fetchone()[0])
            """)
        #expect(output.split(separator: "\n").allSatisfy { $0 == "11" })
        try await shop.admin.endLease(lease)
        _ = try await shop.admin.record(lease: lease, event: "session_ended")
        let statements = try await shop.admin.records(lease: lease, event: "statement")
            .filter { $0.details["text"]?.string?.contains("WHERE email") == true }
        #expect(statements.count == 14, "each execution is a record")
        for statement in statements {
            let values = try #require(statement.details["values"]?.array)
            try #require(values.count == 2)
            #expect(isPseudonym(values[0].string ?? "", of: "email"), "\(values)")
        }
        #expect(statements.contains { $0.details["values"]?.array?.last?.string == "503" })
    }

    @Test("pipelines, executemany and an error in the middle of a pipeline behave as without Glovebox")
    func pipelines() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let output = try await lease.python(
            """
            insert = ("INSERT INTO orders (id, customer_id, status, item, quantity, total, placed_at) "
                      "VALUES (%s, 1, 'placed', %s, 1, 9.50, now()) RETURNING id")
            with connect() as connection:
                cursor = connection.cursor()
                cursor.executemany(insert, [(2000000 + n, f"item {n}") for n in range(200)], returning=True)
                ids = []
                while True:
                    ids.append(cursor.fetchone()[0])
                    if not cursor.nextset():
                        break
                show(len(ids))
                try:
                    with connection.pipeline() as pipeline:
                        first = connection.execute("SELECT 1")
                        connection.execute(insert, (2000000, "again"))
                        third = connection.execute("SELECT 3")
                        pipeline.sync()
                except psycopg.errors.UniqueViolation as error:
                    show(error.sqlstate)
                show(connection.execute("SELECT count(*) FROM orders WHERE id >= 2000000 AND id < 2001000").fetchone()[0])
                with connection.transaction():
                    named = connection.cursor(name="walk")
                    named.itersize = 17
                    named.execute("SELECT id, email FROM customers ORDER BY id LIMIT 100")
                    rows = list(named)
                show([len(rows), rows[99][0], rows[99][1][:7]])
            """)
        #expect(output.split(separator: "\n") == ["200", "\"23505\"", "200", "[100, 100, \"\\u2039email:\"]"])
        #expect(
            try await shop.database.sql("SELECT count(*) FROM orders WHERE id >= 2000000 AND id < 2001000") == "200")
        try await shop.admin.endLease(lease)
    }

    @Test("COPY FROM STDIN writes what was sent, text and binary, under a lease that may write")
    func copyIn() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let output = try await lease.python(
            """
            with connect() as connection:
                cursor = connection.cursor()
                columns = "(id, customer_id, status, item, quantity, total, placed_at)"
                when = datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc)
                from decimal import Decimal
                for start, options in ((3000000, ""), (3500000, " (FORMAT binary)")):
                    with cursor.copy(f"COPY orders {columns} FROM STDIN{options}") as copy:
                        if options:
                            copy.set_types(["int8", "int8", "text", "text", "int4", "numeric", "timestamptz"])
                        for n in range(5000):
                            copy.write_row((start + n, 1 + n % 1000, "placed", "tab\\t and\\nbreak", 2, Decimal("1.25"), when))
                    show(cursor.rowcount)
                try:
                    with cursor.copy(f"COPY orders {columns} FROM STDIN") as copy:
                        copy.write(b"not a number\\t1\\n")
                except psycopg.Error as error:
                    show(error.sqlstate)
                show(connection.execute("SELECT 1").fetchone()[0])
            """)
        #expect(output.split(separator: "\n") == ["5000", "5000", "\"22P02\"", "1"])
        #expect(
            try await shop.database.sql(
                "SELECT count(*), sum(total), count(DISTINCT item), min(length(item)) FROM orders WHERE id >= 3000000 AND id < 4000000"
            )
                == "10000|12500.00|1|14")
        try await shop.admin.endLease(lease)
    }

    @Test("a cancel ends the query, and the session goes on")
    func cancel() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let output = try await lease.python(
            """
            import threading
            with connect() as connection, connect() as other:
                def watch():
                    while other.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s AND wait_event = 'PgSleep'",
                        ("glovebox/%",)).fetchone()[0] == 0:
                        pass
                    connection.cancel()
                thread = threading.Thread(target=watch)
                thread.start()
                try:
                    connection.execute("SELECT pg_sleep(61)")
                except psycopg.errors.QueryCanceled as error:
                    show(error.sqlstate)
                thread.join()
                show([connection.execute("SELECT 1").fetchone()[0], other.execute("SELECT 2").fetchone()[0]])
            """)
        #expect(output.split(separator: "\n") == ["\"57014\"", "[1, 2]"])
        try await shop.admin.endLease(lease)
        _ = try await shop.admin.record(lease: lease, event: "cancel_requested")
    }
}
