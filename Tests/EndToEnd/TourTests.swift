import TestSupport
import Testing

@Suite("The tour: one lease into a production database, with plain psql", .serialized, .timeLimit(.minutes(2)))
struct TourTests {
    @Test("rows have pseudonyms in place of what is secret; all else is as it is in the database")
    func rows() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let statement = """
            SELECT id, full_name, email, phone, date_of_birth, card, iban, password_hash, country, created_at
            FROM customers WHERE id <= 60 ORDER BY id
            """
        let masked = try await lease.rows(statement).split(separator: "\n").map {
            $0.split(separator: "|", omittingEmptySubsequences: false)
        }
        let raw = try await shop.directly(["-A", "-t", "-c", statement]).line
            .split(separator: "\n").map { $0.split(separator: "|", omittingEmptySubsequences: false) }
        try #require(masked.count == 60 && raw.count == 60)
        for (masked, raw) in zip(masked, raw) {
            try #require(masked.count == 10 && raw.count == 10)
            let kinds = [
                1: "person_name", 2: "email", 3: "phone", 5: "card", 6: "iban", 7: "password_hash",
            ]
            for (column, kind) in kinds {
                #expect(isPseudonym(masked[column], of: kind), "\(raw[column]) became \(masked[column])")
            }
            #expect(masked[4] == "", "a date that's classified is NULL")
            for column in [0, 8, 9] { #expect(masked[column] == raw[column]) }
        }
        try await shop.admin.endLease(lease)
    }

    @Test("numbers, dates and totals are untouched")
    func totals() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        for statement in [
            "SELECT id, customer_id, status, quantity, total, placed_at FROM orders WHERE id <= 500 ORDER BY id",
            "SELECT count(*), sum(total), avg(quantity), min(placed_at), max(placed_at) FROM orders WHERE id <= 3000",
            "SELECT method, count(*), sum(amount) FROM payments WHERE id <= 3000 GROUP BY method ORDER BY 1",
        ] {
            #expect(try await lease.rows(statement) == shop.directly(["-A", "-t", "-c", statement]).line)
        }
        try await shop.admin.endLease(lease)
    }

    @Test("JSON stays JSON: same keys, keys and tokens masked, the rest as it was")
    func json() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let statement = "SELECT profile FROM customers WHERE id <= 100 ORDER BY id"
        let masked = try await lease.rows(statement).split(separator: "\n").map { try decode(JSON.self, from: $0) }
        let raw = try await shop.directly(["-A", "-t", "-c", statement]).line
            .split(separator: "\n").map { try decode(JSON.self, from: $0) }
        try #require(masked.count == 100 && raw.count == 100)
        for (masked, raw) in zip(masked, raw) {
            #expect(masked.keys == raw.keys)
            for key in ["theme", "newsletter", "logins"] { #expect(masked[key] == raw[key]) }
            #expect(masked["payments"]?["provider"] == raw["payments"]?["provider"])
            let key = try #require(masked["payments"]?["api_key"]?.string)
            #expect(key.contains("‹"), "\(key)")
            guard let cloud = raw["cloud"] else { continue }
            #expect(masked["cloud"]?["region"] == cloud["region"])
            for secret in ["access_key_id", "secret_access_key"] {
                #expect(masked["cloud"]?[secret]?.string?.contains("‹") == true, "\(secret)")
            }
        }
        try await shop.admin.endLease(lease)
    }

    @Test("a stored value has one pseudonym under one lease, and another under the next")
    func linkable() async throws {
        let shop = try await SharedInstallation.get()
        let (one, other) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        let statement = "SELECT email FROM customers WHERE id = 7"
        let first = try await one.rows(statement)
        #expect(try await one.rows(statement) == first)
        #expect(try await other.rows(statement) != first)
        // What the client made up isn't the stored value, whatever it's equal to.
        let email = try await shop.directly(["-A", "-t", "-c", statement]).line
        let made = try await one.rows("SELECT '\(email)'::text")
        #expect(isPseudonym(made, of: "email") && made != first)
        for lease in [one, other] { try await shop.admin.endLease(lease) }
    }

    @Test("psql's own commands answer as they do without Glovebox")
    func commands() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        for command in ["\\d customers", "\\d+ orders", "\\dt", "\\du glovebox_read", "\\dn"] {
            let (through, direct) = (try await lease.psql(["-c", command]), try await shop.directly(["-c", command]))
            #expect(through.status == 0, "\(through.errors)")
            #expect(through.output == direct.output)
        }
        try await shop.admin.endLease(lease)
    }

    @Test("an error in a statement is told with its place, and the session goes on")
    func errors() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let script = "SELEC 1;\nSELECT * FROM customerz;\nSELECT 1/0;\nSELECT 'still here';\n"
        let (through, direct) = (
            try await lease.psql(["-A", "-t"], input: script), try await shop.directly(["-A", "-t"], input: script)
        )
        #expect(through.output == "still here\n")
        let errors = through.errors.replacing(" [statement_not_parsed]", with: "")
            .replacing(#/, or is so new that .*? \[relation_unknown\]/#, with: "")
        #expect(errors == direct.errors)
        #expect(through.status == direct.status)
        try await shop.admin.endLease(lease)
    }

    @Test("COPY TO STDOUT is masked in each of its formats", arguments: ["text", "csv", "binary"])
    func copy(format: String) async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let result = try await lease.psql(["-c", "COPY customers TO STDOUT (FORMAT \(format))"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try await SecretSearch(of: shop.database).found(in: result.standardOutput) == [])
        switch format {
        case "text":
            let rows = result.line.split(separator: "\n").map {
                $0.split(separator: "\t", omittingEmptySubsequences: false)
            }
            #expect(rows.count == 1000)
            #expect(
                rows.allSatisfy { $0.count == 13 && isPseudonym($0[2], of: "email") && isPseudonym($0[6], of: "card") })
            #expect(Set(rows.map { $0[0] }).count == 1000)
        case "csv":
            let direct = try await shop.directly(
                ["-c", "COPY (SELECT id, country, created_at FROM customers ORDER BY id) TO STDOUT (FORMAT csv)"])
            let plain = try await lease.psql(["-c", "COPY customers (id, country, created_at) TO STDOUT (FORMAT csv)"])
            #expect(plain.output.split(separator: "\n").sorted() == direct.output.split(separator: "\n").sorted())
            #expect(result.output.matches(of: /‹email:[0-9a-z]{16}›/).count >= 1000)
        default:
            #expect(result.standardOutput.starts(with: Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]))
            // The trailer: a count of -1 in place of a row's number of values; psql adds nothing.
            #expect(result.standardOutput.suffix(2) == [0xFF, 0xFF])
            #expect(result.standardOutput.contains(Array("‹email:".utf8)))
        }
        try await shop.admin.endLease(lease)
    }

    @Test("pg_dump goes through, and what it writes is masked")
    func dump() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let dump = try await lease.pgDump(["--table", "customers"])
        #expect(dump.status == 0, "\(dump.errors)")
        #expect(dump.output.contains("CREATE TABLE public.customers"))
        #expect(dump.output.matches(of: /‹email:[0-9a-z]{16}›/).count >= 1000)
        #expect(try await SecretSearch(of: shop.database).found(in: dump.standardOutput) == [])
        try await shop.admin.endLease(lease)
    }

    @Test("'glovebox psql' opens a lease, connects and ends it; psql's status is its own")
    func oneStep() async throws {
        let shop = try await SharedInstallation.get()
        let before = Set(try await shop.admin.leases().map(\.id))
        let result = try await shop.admin.glovebox(
            [
                "psql", "shop-db", "--reason", "one step", "--", "-X", "-A", "-t", "-c",
                "SELECT email FROM customers WHERE id = 1",
            ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(isPseudonym(result.line, of: "email"))
        let failed = try await shop.admin.glovebox(["psql", "shop-db", "--", "-X", "-c", "SELEC"])
        #expect(failed.status == 1)
        #expect(failed.errors.contains("syntax error"))
        let new = try await shop.admin.leases().filter { !before.contains($0.id) && $0.target == "shop-db" }
        let ours = try await shop.admin.records(event: "lease_opened")
            .filter { $0.details["purpose"]?.string == "one step" }.compactMap(\.lease)
        try #require(ours.count == 1)
        #expect(new.first { $0.id == ours[0] }?.state == "ended")
        #expect(new.first { $0.id == ours[0] }?.ended?.reason == "holder")
    }

    @Test("the log tells of the lease, the session, each statement and the receipt")
    func records() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(reason: "INC-4712 for the record")
        let email = try await shop.directly(["-A", "-t", "-c", "SELECT email FROM customers WHERE id = 3"]).line
        _ = try await lease.psql(
            [
                "-A", "-t", "-c", "SELECT email, card FROM customers WHERE id <= 30", "-c",
                "SELECT id FROM customers WHERE email = '\(email)'",
            ])
        try await shop.admin.endLease(lease)
        let ended = try await shop.admin.record(lease: lease, event: "session_ended")
        let records = try await shop.admin.records(lease: lease)
        let events = records.map(\.event)
        #expect(events.filter { $0 == "lease_opened" }.count == 1)
        #expect(events.filter { $0 == "session_started" }.count == 1)
        #expect(events.filter { $0 == "session_ended" }.count == 1)
        #expect(events.filter { $0 == "lease_ended" }.count == 1)
        let opened = try #require(records.first { $0.event == "lease_opened" })
        #expect(opened.details["purpose"]?.string == "INC-4712 for the record")
        #expect(opened.details["rule"]?.string == "oncall-reads")
        #expect(opened.identity == "admin" && opened.target == "shop-db")
        let statements = records.filter { $0.event == "statement" }.compactMap { $0.details["text"]?.string }
        try #require(statements.count == 2)
        #expect(statements[0] == "SELECT email, card FROM customers WHERE id <= 30")
        #expect(statements[1].hasPrefix("SELECT id FROM customers WHERE email = '‹email:"))
        #expect(!statements[1].contains(email))
        let receipt = try #require(ended.details["receipt"])
        #expect(receipt["statements"]?.number == 2)
        #expect(receipt["rows"]?.number == 31)
        #expect(receipt["valuesMasked"]?["email"]?.number == 30)
        #expect(receipt["valuesMasked"]?["card"]?.number == 30)
        #expect(records.allSatisfy { $0.identity == "admin" && $0.lease == lease.id })

        let shown = try await shop.admin.glovebox(["audit", "show", ended.id])
        #expect(shown.status == 0)
        #expect(shown.output.contains("session_ended") && shown.output.contains(lease.id))
        let listed = try await shop.admin.glovebox(["audit", "list", "--lease", lease.id])
        #expect(listed.output.contains("lease_opened") && listed.output.contains("session_ended"))
    }
}
