import NIOCore
import PostgresWire
import TestSupport
import Testing

@Suite("Dates and addresses made less exact", .timeLimit(.minutes(2)))
struct GeneralValueTests {
    @Test("a date's and a time's year begins where PostgreSQL has it begin, in text and in binary")
    func times() async throws {
        let database = try await PostgresServer.shared().makeShop(customers: 1)
        // In days from 2000 on, over leap years, centuries, and the turns of rows of 400 years before and after.
        let rows = try await database.sql(
            """
            SET timezone = 'UTC';
            SELECT n, d, n - (d - date_trunc('year', d)::date), date_trunc('year', d)::date,
              d + time '13:14:15.167', (d + time '13:14:15.167') AT TIME ZONE 'UTC', date_trunc('year', d)::timestamp
            FROM (SELECT n, date '2000-01-01' + n AS d FROM (
              SELECT generate_series(-400000, 400000, 211) UNION SELECT generate_series(-800, 800)) AS s(n)) AS t;
            """
        ).split(separator: "\n").map { $0.split(separator: "|").map(String.init) }
        #expect(rows.count > 5000)
        for row in rows {
            let day = try #require(Int32(row[0]))
            let first = try #require(Int32(row[2]))
            func general(_ type: PostgresType, _ text: String) -> String? {
                GeneralValue.general(of: ByteBuffer(string: text), type: type, format: .text).map { String(buffer: $0) }
            }
            #expect(general(.date, row[1]) == row[3])
            #expect(general(.timestamp, row[4]) == row[6])
            #expect(
                general(.timestamptz, row[5]) == row[6].replacing(" BC", with: "") + "+00"
                    + (row[6].hasSuffix("BC") ? " BC" : ""))
            var date = GeneralValue.general(of: ByteBuffer(integer: day), type: .date, format: .binary)
            #expect(date?.readInteger(as: Int32.self) == first)
            let microseconds: Int64 = 86_400_000_000
            var time = GeneralValue.general(
                of: ByteBuffer(integer: Int64(day) * microseconds + 47_655_167_000), type: .timestamp, format: .binary)
            #expect(time?.readInteger(as: Int64.self) == Int64(first) * microseconds)
        }
    }

    @Test("an address becomes its network, which PostgreSQL reads as one")
    func addresses() async throws {
        let database = try await PostgresServer.shared().makeShop(customers: 1)
        for address in [
            "192.0.2.77", "192.0.2.77/30", "10.1.0.0/16", "2001:db8:7:1::5", "::1", "2001:db8:7:1::/64",
            "::ffff:192.0.2.1",
        ] {
            let bits = address.contains(":") ? 48 : 24
            let expected = try await database.sql(
                "SELECT set_masklen(network(set_masklen(inet '\(address)', \(bits)))::inet, least(masklen(inet '\(address)'), \(bits)))::text;"
            ).split(separator: "\n").first.map(String.init)
            let general = try #require(
                GeneralValue.general(of: ByteBuffer(string: address), type: .inet, format: .text))
            let read = try await database.sql("SELECT (inet '\(String(buffer: general))')::text;").split(
                separator: "\n"
            ).first
            #expect(read.map(String.init) == expected, "\(address)")
        }
        let binary: [UInt8] = [2, 32, 0, 4, 192, 0, 2, 77]
        #expect(
            GeneralValue.general(of: ByteBuffer(bytes: binary), type: .inet, format: .binary)
                == ByteBuffer(bytes: [2, 24, 0, 4, 192, 0, 2, 0]))
    }

    @Test(
        "what isn't of its type's form is nothing",
        arguments: [
            (PostgresType.date, "infinity"), (.date, "26.11.2026"), (.timestamp, "-infinity"), (.inet, "192.0.2"),
            (.inet, "192.0.2.1.5"), (.inet, ":::"), (.text, "2026-11-26"), (.date, ""), (.inet, "1.2.3.400"),
        ])
    func others(type: PostgresType, text: String) {
        #expect(GeneralValue.general(of: ByteBuffer(string: text), type: type, format: .text) == nil)
        for length in [0, 3, 5, 9] {
            let bytes = ByteBuffer(bytes: [UInt8](repeating: 0x7F, count: length))
            #expect(GeneralValue.general(of: bytes, type: type, format: .binary) == nil)
        }
    }
}
