import GloveboxCore
import NIOCore
import Testing

@testable import Redaction

/// What stands around a value: a terminal's escapes, ends of escapes, quotes, types, brackets of the string around it.
@Suite("What stands around a value")
struct SurroundingTests {
    private let fixture: Fixture
    private static let secret = "Tr7vBq9zLw2x"

    init() throws { self.fixture = try Fixture() }

    /// The text with `§` for the secret, masked as a stream, and as one that comes byte by byte.
    private func masked(_ text: String) throws -> String {
        let bytes = Array(text.replacing("§", with: Self.secret).utf8)
        let whole = String(decoding: try self.fixture.stream([bytes]), as: UTF8.self)
        let cut = String(decoding: try self.fixture.stream(bytes.map { [$0] }), as: UTF8.self)
        #expect(levelled(Array(whole.utf8)) == levelled(Array(cut.utf8)), "\(text)")
        return whole
    }

    @Test(
        "a value is masked and what stands around it stays",
        arguments: [
            ("\u{1B}[36mpassword\u{1B}[0m=§ x", "\u{1B}[36mpassword\u{1B}[0m=‹› x"),
            ("\u{1B}[36mtoken\u{1B}[0m=\u{1B}[0mP x=1", "\u{1B}[36mtoken\u{1B}[0m=\u{1B}[0m‹› x=1"),
            (
                "\u{1B}[34;1m\"api_key\"\u{1B}[0m: \u{1B}[32m\"§\"\u{1B}[0m,",
                "\u{1B}[34;1m\"api_key\"\u{1B}[0m: \u{1B}[32m\"‹›\"\u{1B}[0m,"
            ),
            ("password=\u{1B}[33mP\u{1B}[0m x", "password=\u{1B}[33m‹›\u{1B}[0m x"),
            ("password: Optional(\"§\")", "password: Optional(\"‹›\")"),
            ("let password: String = \"§\"", "let password: String = \"‹›\""),
            ("password = 0x00007ffe \"§\"", "password = 0x00007ffe \"‹›\""),
            ("'password' => string(12) \"§\"", "'password' => string(12) \"‹›\""),
            ("password=b'§' x", "password=b'‹›' x"), ("PASSWORD = N'§';", "PASSWORD = N'‹›';"),
            ("DETAIL:  Key (api_token)=(§) already exists.", "DETAIL:  Key (api_token)=(‹›) already exists."),
            ("password =                         §", "password =                         ‹›"),
            ("{\"password\":\"{{§\",\"a\":1}", "{\"password\":\"‹›\",\"a\":1}"),
            ("{\"password\":\"$(x)§\"}", "{\"password\":\"‹›\"}"),
            (
                "{\"a\":\"{\\\"password\\\":[\\\"§\\\",\\\"b\\\"]}\",\"c\":1}",
                "{\"a\":\"{\\\"password\\\":\\\"‹›\\\"}\",\"c\":1}"
            ),
            ("{\"password\":\"C:§\\\\\",\"x\":1,\"y\":\"z\"}", "{\"password\":\"‹›\",\"x\":1,\"y\":\"z\"}"),
            ("{\"password\":[\"§\\\\\"],\"b\":\"keep\"}", "{\"password\":\"‹›\",\"b\":\"keep\"}"),
            ("secret: {abc §\nnext", "secret: ‹›\nnext"), ("\"password\" : § x", "\"password\" : \"‹›\" x"),
            ("password=${x}-§ y", "password=‹› y"),

            ("{\"m\":\"password: foo(\",\"x\":\"y\"}", "{\"m\":\"password: ‹›\",\"x\":\"y\"}"),
            ("{\"passwords\": [\n  \"§\",\n  \"b\"\n], \"after\": 1}", "{\"passwords\": \"‹›\", \"after\": 1}"),
            (
                "Authorization: Digest username=\"anna\", response=\"§\"\r\nHost: x", "Authorization: ‹›\r\nHost: x"
            ),
            ("{\"m\":\"password=[§\",\"x\":\"y\"}", "{\"m\":\"password=‹›\",\"x\":\"y\"}"),
            ("{\"m\":\"PASSWORD='§\",\n \"b\":\"it's\"}", "{\"m\":\"PASSWORD='‹›\",\n \"b\":\"it's\"}"),
        ])
    func values(text: String, expected: String) throws {
        let masked = try self.masked(text)
        #expect(masked.replacing(#/‹[a-z_]+:[a-z0-9]+›/#, with: "‹›") == expected, "\(text): \(masked)")
        #expect(!masked.contains(Self.secret.prefix(5)) && !masked.contains(Self.secret.suffix(5)))
    }

    @Test(
        "a number is found right behind an escape as it is behind a blank",
        arguments: [
            "3c:22:fb:9d:41:0e", "+41 79 123 45 67", "1M8GDM9AXKP042788", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            "2a02:1210:5e3f:8000::1", "529.982.247-25", "81.56.7.9", "4111 1111 1111 1111", "X1234567L", "AB123456C",
            "anna@example.com", "DE89370400440532013000", "WAUZZZ8K9BA123456",
        ])
    func numbers(value: String) throws {
        let isFound = try self.masked("x \(value) y") != "x \(value) y"
        for before in ["\\n", "\\t", "\u{1B}[31m", "%3D", "\u{1B}[1;32m"] {
            let text = "x \(before)\(value) y"
            #expect(try (self.masked(text) != text) == isFound, "\(text)")
        }
    }

    @Test("an array that is longer than a detector's reach is masked to its bracket, wherever its name stands")
    func longArrays() throws {
        let items = (0..<700).map { "  \"Zq\($0 + 1000)xKw9pLm\"" }.joined(separator: ",\n")
        for (before, after) in [("passwords: [\n", "\n]\nafter: 1\n"), ("{\"passwords\": [\n", "\n], \"after\": 1}\n")]
        {
            let masked = try self.masked(before + items + after)
            #expect(!masked.contains("xKw9"), "\(masked.suffix(200))")
            #expect(masked.hasSuffix(String(after.drop { $0 == "\n" || $0 == "]" })), "\(masked)")
        }
    }

    @Test("a number in an array in a string stays without quotes of its own")
    func arraysInStrings() throws {
        let prose = try self.masked("{\"m\":\"ids [4111111111111111] ok\"}")
        #expect(prose.replacing(#/‹card:[a-z0-9]+›/#, with: "‹›") == "{\"m\":\"ids [‹›] ok\"}")
        let inner = try self.masked("{\"m\":\"{\\\"a\\\":[4111111111111111]}\"}")
        #expect(inner.replacing(#/‹card:[a-z0-9]+›/#, with: "‹›") == "{\"m\":\"{\\\"a\\\":[\\\"‹›\\\"]}\"}")
    }

    @Test("a number that is one of an array's becomes a text of it")
    func arrays() throws {
        for text in [
            "{\"a\":[1,4111111111111111]}", "[4111111111111111, 2]", "{\"a\": [ 4111111111111111 ]}",
        ] {
            let masked = try self.masked(text)
            #expect(
                masked.replacing(#/‹card:[a-z0-9]+›/#, with: "‹›") == text.replacing("4111111111111111", with: "\"‹›\"")
            )
        }
    }

    @Test(
        "ordinary texts stay as they are",
        arguments: [
            "MountVolume.SetUp failed for volume \"default-token-x7k2p\" : secret \"default-token-x7k2p\" not found",
            "\"password\"=>\"[FILTERED]\", \"utf8\"=>\"✓\"", "lat 50.5014 ms long poll", "password=${DB_PASSWORD} x",
            "{\"m\":\"token=0xab \",\"x\":\"y\"}", "password={{ vault.password }} x", "token: $(cat /run/token)",
        ])
    func quiet(text: String) throws {
        #expect(try self.masked(text) == text)
    }

    @Test("names in a row that never ends take time that grows with their number, not with its square")
    func row() throws {
        for name in ["password=", "password=["] {
            let text = Array(String(repeating: name, count: 40_000).utf8)
            #expect(try self.fixture.stream([text]).count < 100)
        }
    }
}
