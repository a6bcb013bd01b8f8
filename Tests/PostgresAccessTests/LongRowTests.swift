import GloveboxCore
import NIOCore
import PostgresWire
import Redaction
import TestSupport
import Testing

@testable import PostgresAccess

@Suite("Rows that are too long to be kept", .timeLimit(.minutes(2)))
struct LongRowTests {
    static let secret = "anna.lindqvist@example.com"
    /// A little over 1 MiB, with a secret on the bound.
    static let longText = String(repeating: "plain ", count: 174_762) + " " + secret + " and on"
    static let masked = longText.replacingOccurrences(secret)

    private static func field(
        _ type: PostgresType, _ format: ValueFormat = .text, table: UInt32 = 0, isDerived: Bool = false
    ) -> RowField {
        var field = RowField(name: "c", tableOID: table, attribute: table == 0 ? 0 : 1, type: type, format: format)
        field.isHidden = isDerived
        return field
    }

    /// Feeds a row in pieces of `size` bytes; gives the cells that come out, and how many bytes were paid.
    private static func cells(
        _ row: [(RowField, ByteBuffer?)], size: Int
    ) throws -> (cells: [ByteBuffer?], paid: [Int]) {
        let masker = try Masker(detectors: SharedDetectors.result.get(), pseudonyms: Pseudonyms(linkable: false))
        var results = ResultMasking(
            masker: masker, classified: ClassifiedColumns(kinds: [ColumnID(table: 7, attribute: 1): Kind("diary")]),
            isLinkable: false)
        var body = ByteBuffer()
        for (_, value) in row {
            body.writeInteger(Int32(value?.readableBytes ?? -1))
            if let value { body.writeImmutableBuffer(value) }
        }
        var paid: [Int] = []
        let long = results.longRow(RowFields(row.map(\.0)), rest: body.readableBytes) { paid.append($0) }
        var out = ByteBuffer()
        while body.readableBytes > 0, let piece = body.readSlice(length: min(size, body.readableBytes)) {
            try long.take(piece, results, into: &out)
        }
        try long.finish(into: &out)
        var decoder = MessageDecoder(.backend)
        decoder.append(out)
        let frame = try #require(try decoder.next())
        #expect(decoder.unreadBytes == 0)
        #expect(paid == [frame.bytes.readableBytes])
        var cells = try DataRowCells(body: frame.body)
        var values: [ByteBuffer?] = []
        while let cell = try cells.next() {
            if case .value(let value) = cell { values.append(value) } else { values.append(nil) }
        }
        return (values, paid)
    }

    private static func text(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test(
        "a long row doesn't tell whether what is worked out is NULL or empty, nor how long it is",
        arguments: [999_983, 3 << 20])
    func derived(size: Int) throws {
        let derived = Self.field(.text, isDerived: true)
        for long in [Self.longText, String(repeating: "a", count: 1000)] {
            // Its text passes in pieces only where nothing of the kind stands behind it.
            for value in [nil, "", "x", String(repeating: "x", count: 2 << 20)] {
                let cells = try Self.cells(
                    [
                        (derived, value.map(Self.text)), (Self.field(.text), Self.text(long)), (derived, nil),
                        (derived, value.map(Self.text)), (Self.field(.int4), nil),
                    ], size: size
                ).cells.map { $0.map { String(buffer: $0) } }
                for index in [0, 2, 3] {
                    #expect(
                        cells[index]?.wholeMatch(of: /‹classified:[0-9a-z]{16}›/) != nil,
                        "\(index): \(cells[index] ?? "")")
                }
                #expect(
                    cells[1] == (long.utf8.count > 1 << 20 ? cells[1] : long)
                        && cells[1]?.contains(Self.secret) == false)
            }
        }
        let full = Array(
            repeating: (Self.field(.text), Optional(Self.text(String(repeating: "a", count: 1 << 20)))), count: 5)
        #expect(throws: GloveboxError.self) {
            try Self.cells(full + [(derived, nil)], size: size)
        }
    }

    @Test(
        "a long text passes, masked in place, between short cells that are masked as ever",
        arguments: [65_536, 999_983, 3 << 20])
    func passes(size: Int) throws {
        let cells = try Self.cells(
            [
                (Self.field(.text), Self.text("to \(Self.secret)")), (Self.field(.int4), nil),
                (Self.field(.text), Self.text(Self.longText)), (Self.field(.text), Self.text("from \(Self.secret)!")),
                (Self.field(.json), Self.text(#"{"a": "\#(Self.secret)"}"#)), (Self.field(.text), Self.text("")),
                (Self.field(.text), nil), (Self.field(.text), Self.text("plain")),
            ], size: size
        ).cells.map { $0.map { String(buffer: $0) } }
        #expect(cells[0]?.hasPrefix("to ‹email:") == true)
        #expect(cells[1] == nil)
        #expect(cells[2] == Self.masked)
        // Behind it each value keeps its length: its pseudonym is longer than this one, so it's asterisks.
        #expect(cells[3] == String(repeating: "*", count: Self.secret.utf8.count + 6))
        #expect(cells[4] == "\"" + String(repeating: "*", count: Self.secret.utf8.count + 7) + "\"")
        #expect(cells[5] == "" && cells[6] == nil && cells[7] == "plain")
    }

    @Test("a classified long value becomes its placeholder; behind one that passes it's filled up with spaces")
    func classified() throws {
        let diary = Self.field(.text, table: 7)
        let alone = try Self.cells(
            [(Self.field(.int4), Self.text("7")), (diary, Self.text(Self.longText))], size: 77_777)
        #expect(alone.paid[0] < 100)
        #expect(alone.cells[1].map { String(buffer: $0) }?.hasPrefix("‹diary:") == true)
        let behind = try Self.cells(
            [(Self.field(.text), Self.text(Self.longText)), (diary, Self.text(Self.longText))], size: 77_777)
        let filled = String(buffer: try #require(behind.cells[1]))
        #expect(filled.utf8.count == Self.longText.utf8.count)
        #expect(filled.hasPrefix("‹diary:") && filled.drop { $0 != "›" }.dropFirst().allSatisfy { $0 == " " })
    }

    @Test("long JSON becomes a JSON placeholder in both formats; another type's becomes NULL")
    func placeholders() throws {
        let json = "[\"" + Self.longText + "\"]"
        var binary = ByteBuffer(integer: UInt8(1))
        binary.writeString(json)
        let cells = try Self.cells(
            [
                (Self.field(.json), Self.text(json)), (Self.field(.jsonb, .binary), binary),
                (Self.field(.textArray), Self.text("{\(Self.longText)}")), (Self.field(.text), Self.text("on")),
            ], size: 100_000
        ).cells
        #expect(cells[0].map { String(buffer: $0) }?.hasPrefix("\"‹too_long:") == true)
        #expect(cells[1].map { String(buffer: $0) }?.hasPrefix("\u{1}\"‹too_long:") == true)
        #expect(cells[2] == nil)
        #expect(cells[3] == Self.text("on"))
    }

    @Test("a long bytea passes in both formats, masked in place", arguments: [65_536, 65_537, 3 << 20])
    func bytea(size: Int) throws {
        let hexadecimal = { (text: String) in
            "\\x" + text.utf8.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        let cells = try Self.cells(
            [
                (Self.field(.bytea, .binary), Self.text(Self.longText)),
                (Self.field(.bytea), Self.text(hexadecimal(Self.longText))),
                (Self.field(.bytea), Self.text(hexadecimal(Self.secret))),
                (Self.field(.bytea, table: 7), Self.text(hexadecimal(Self.longText))),
            ], size: size
        ).cells
        #expect(cells[0] == Self.text(Self.masked))
        #expect(cells[1] == Self.text(hexadecimal(Self.masked)))
        #expect(cells[2] == Self.text("\\x" + String(repeating: "0", count: Self.secret.utf8.count * 2)))
        let nothing = "\\x" + String(repeating: "0", count: Self.longText.utf8.count * 2)
        #expect(cells[3] == Self.text(nothing))
    }

    @Test("many cells that are each short enough are judged each, however long the row")
    func manyCells() throws {
        let value = Self.text(String(repeating: "words ", count: 10_000) + Self.secret)
        let cells = try Self.cells(Array(repeating: (Self.field(.text), value), count: 200), size: 262_144).cells
        #expect(cells.count == 200)
        for cell in cells {
            let text = String(buffer: try #require(cell))
            #expect(!text.contains(Self.secret))
        }
    }

    @Test("a row that is cut short, or goes on behind its cells, is an error")
    func malformed() throws {
        let masker = try Masker(detectors: SharedDetectors.result.get(), pseudonyms: Pseudonyms(linkable: false))
        var results = ResultMasking(masker: masker, classified: ClassifiedColumns(kinds: [:]), isLinkable: false)
        for (bytes, rest) in [
            ([0, 0, 0, 1, 65, 66], 6), ([0, 0, 0, 9, 65], 5), ([255, 255, 255, 254], 4), ([0, 0, 0], 3),
        ] {
            var out = ByteBuffer()
            let long = results.longRow(RowFields([Self.field(.text)]), rest: rest) { _ in }
            #expect(throws: (any Error).self) {
                try long.take(ByteBuffer(bytes: bytes.map { UInt8($0) }), results, into: &out)
                try long.finish(into: &out)
            }
            #expect(out.readableBytes == 0)
        }
    }

    @Test("through a session, a long row of a real server passes, and the lease's limit is told before it begins")
    func session() async throws {
        let database = try await PostgresServer.shared().makeShop(customers: 10)
        try await LoopbackGlovebox.run(target: try .shop(database)) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            let sql = "SELECT 1, repeat('plain ', 500000) || ' \(Self.secret)', 'x', email FROM customers WHERE id = 1"
            for _ in 0..<2 {
                let row = try await client.query(sql).rows[0]
                let text = try #require(row[1])
                #expect(
                    text.utf8.count == 3_000_001 + Self.secret.utf8.count
                        && text.hasSuffix(" " + String(repeating: "*", count: Self.secret.utf8.count)))
                #expect(!text.contains(Self.secret))
                #expect(row[0] == "1" && row[2] == "x")
            }
            let copied = try await glovebox.psql(glovebox.lease(), "COPY (\(sql)) TO STDOUT;\n")
            #expect(copied.errors == "")
            #expect(copied.output.contains("‹too_long:") && copied.output.utf8.count < 1000)

            let limited = try await RawClient.signedIn(glovebox, glovebox.lease(limits: Limits(bytes: 1 << 20)))
            let refused = try await limited.query(sql)
            #expect(refused.rows.isEmpty)
            #expect(refused.errors.last?.sqlState == "53400")
        }
    }
}

extension String {
    fileprivate func replacingOccurrences(_ secret: String) -> String {
        self.split(separator: secret, omittingEmptySubsequences: false)
            .joined(separator: String(repeating: "*", count: secret.utf8.count))
    }
}
