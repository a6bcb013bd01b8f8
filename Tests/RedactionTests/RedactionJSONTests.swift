import GloveboxCore
import NIOCore
import TestSupport
import Testing

@testable import Redaction

@Suite("Redaction of JSON")
struct RedactionJSONTests {
    let fixture: Fixture

    init() throws {
        self.fixture = try Fixture()
    }

    private func mask(_ text: String) throws -> String {
        let out = try #require(try self.fixture.mask(text, as: .json))
        #expect(JSONCheck.isValid(out), "\(out)")
        return levelled(out)
    }

    @Test("findings are masked within strings, values under sensitive names whatever they are")
    func masks() throws {
        #expect(try self.mask(#"{"a":"x","n":1}"#) == #"{"a":"x","n":1}"#)
        #expect(
            try self.mask(#"{"note":"mail anna@example.com now"}"#) == #"{"note":"mail ‹email:0000000000000000› now"}"#)
        #expect(try self.mask(#"{"password":"hunter2"}"#) == #"{"password":"‹password:0000000000000000›"}"#)
        #expect(
            try self.mask(#"{"api_key": 12, "b": null}"#) == #"{"api_key": "‹api_key:0000000000000000›", "b": null}"#)
        #expect(
            try self.mask(#"{"client_secret":{"a":[1,"x"]},"b":2}"#)
                == #"{"client_secret":"‹secret:0000000000000000›","b":2}"#)
        #expect(
            try self.mask(#"{"secret":null,"token":true}"#) == #"{"secret":null,"token":"‹token:0000000000000000›"}"#)
        #expect(try self.mask(#"[4111111111111111, 17]"#) == #"["‹card:0000000000000000›", 17]"#)
        #expect(try self.mask(#"{"anna@example.com":1}"#) == #"{"‹email:0000000000000000›":1}"#)
        #expect(try self.mask(#"{"token_count":5,"max_tokens":7}"#) == #"{"token_count":5,"max_tokens":7}"#)
    }

    @Test(
        "a value whose name stands beside it, and a key's private members, are masked wherever the rest of them stands")
    func neighbours() throws {
        let password = "‹password:0000000000000000›"
        #expect(
            try self.mask(#"{"name":"db.password","type":"text","value":"x y"}"#)
                == #"{"name":"db.password","type":"text","value":"\#(password)"}"#)
        #expect(
            try self.mask(#"[{"Key": "DB_PASSWORD", "Value": 12}, {"Key": "LEVEL", "Value": "info"}]"#)
                == #"[{"Key": "DB_PASSWORD", "Value": "\#(password)"}, {"Key": "LEVEL", "Value": "info"}]"#)
        #expect(
            try self.mask(#"{"d":"\#(SerializedTests.d)","n":"\#(SerializedTests.long)","kty":"RSA"}"#)
                == #"{"d":"‹private_key:0000000000000000›","n":"\#(SerializedTests.long)","kty":"RSA"}"#)
        for text in [
            #"{"name":"Password of the day","value":"x"}"#, #"{"name":"a","value":"b"}"#,
            #"{"value":"x","name":"password"}"#,
            #"{"d":"\#(SerializedTests.d)","n":1}"#, #"{"d":"2026","kty":"EC"}"#,
            #"{"name":{"key":"password"},"value":"x"}"#,
        ] {
            #expect(try self.mask(text) == text)
        }
    }

    @Test("content behind escapes is found, and what is written again is escaped")
    func escapes() throws {
        #expect(
            try self.mask(#"{"a":"say \"anna\u0040example.com\"\n\u00e9"}"#)
                == #"{"a":"say \"‹email:0000000000000000›\"\né"}"#)
        #expect(try self.mask(#"{"p\u0061ssword":"x\ty"}"#) == #"{"p\u0061ssword":"‹password:0000000000000000›"}"#)
        #expect(
            try self.mask(#"{"k":"\u0067hp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7aB3dE6gH9"}"#)
                == #"{"k":"‹github_token:0000000000000000›"}"#)
        #expect(
            try self.mask(#"{"log":"{\"password\":\"winter\"}"}"#)
                == #"{"log":"{\"password\":\"‹password:0000000000000000›\"}"}"#)
        #expect(try self.mask(#"{"a":"\ud83d\ude00 +41 79 123 45 67"}"#) == #"{"a":"😀 ‹phone:0000000000000000›"}"#)
    }

    @Test(
        "what isn't JSON, or is nested too deep, is masked whole",
        arguments: [
            "{", "{\"a\":}", "nope", "[1,]", "{\"a\":1}x", "\"a", "01a", String(repeating: "[", count: 5000),
        ])
    func broken(_ text: String) throws {
        #expect(try self.mask(text) == "\"‹secret:0000000000000000›\"")
    }

    @Test("JSON in a text column stays JSON")
    func inText() throws {
        for text in [
            #"{"card": 4111111111111111, "password": 1234, "api_key": [1, 2], "phone": "+41791234567"}"#,
            #"{"secret": {"a": "b"}, "url": "postgres://a:hunter22@h/d", "line": "a\nanna@example.com"}"#,
            #"{"pem": "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n", "n": 1}"#,
            #"{"secret": true, "nested": "{\"secret\": 12345}"}"#,
        ] {
            let out = try #require(try self.fixture.mask(text))
            #expect(out != text)
            #expect(JSONCheck.isValid(out), "\(out)")
        }
    }

    @Test("random JSON stays JSON")
    func random() throws {
        var generator = SeededGenerator(seed: 7)
        let masker = try self.fixture.masker()
        for _ in 0..<4000 {
            let text = Self.value(depth: 0, &generator)
            #expect(JSONCheck.isValid(text))
            let result = try masker.mask(ByteBuffer(string: text), as: .json, scope: .random)
            let out = try #require(Fixture.text(result, of: text))
            if !JSONCheck.isValid(out) {
                Issue.record("\(text) → \(out)")
                return
            }
        }
    }

    private static func string(_ generator: inout SeededGenerator) -> String {
        let parts = [
            "a", "password", "token", "email", " ", "anna@example.com", "\\n", "\\u0041", "\\\"", "\\\\", "é",
            "\\ud83d\\ude00",
            "4111111111111111", "+41 79 123 45 67", "=", ":", "note", "ghp_aB3dE6gH9jK2mN5pQ8sT1vW4yZ7aB3dE6gH9", "\\/",
            "-----BEGIN PRIVATE KEY-----",
        ]
        return "\""
            + (0..<Int.random(in: 0...4, using: &generator)).map { _ in parts.randomElement(using: &generator) ?? "" }
            .joined() + "\""
    }

    private static func value(depth: Int, _ generator: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth < 4 ? 8 : 6), using: &generator) {
        case 0: return "null"
        case 1: return "true"
        case 2: return ["0", "-1.5e3", "4111111111111111", "17"].randomElement(using: &generator) ?? "0"
        case 3, 4, 5: return Self.string(&generator)
        case 6:
            let items = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                Self.value(depth: depth + 1, &generator)
            }
            return "[" + items.joined(separator: ", ") + "]"
        default:
            let items = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                Self.string(&generator) + ": " + Self.value(depth: depth + 1, &generator)
            }
            return "{" + items.joined(separator: ",") + "}"
        }
    }
}

/// Whether a text is JSON (RFC 8259), judged apart from the code under test.
struct JSONCheck {
    private var rest: Substring.UnicodeScalarView

    static func isValid(_ text: String) -> Bool {
        var check = JSONCheck(rest: text[...].unicodeScalars)
        return check.value(0) && check.blanks().rest.isEmpty
    }

    private mutating func blanks() -> Self {
        while let next = self.rest.first, " \t\r\n".unicodeScalars.contains(next) { self.rest.removeFirst() }
        return self
    }

    private mutating func eat(_ text: String) -> Bool {
        guard self.rest.starts(with: text.unicodeScalars) else { return false }
        self.rest.removeFirst(text.unicodeScalars.count)
        return true
    }

    private mutating func value(_ depth: Int) -> Bool {
        guard depth < 600 else { return false }
        _ = self.blanks()
        if self.eat("{") { return self.list(end: "}", depth) { $0.pair(depth) } }
        if self.eat("[") { return self.list(end: "]", depth) { $0.value(depth + 1) } }
        if self.rest.first == "\"" { return self.string() }
        if self.eat("true") || self.eat("false") || self.eat("null") { return true }
        return self.number()
    }

    private mutating func list(end: String, _ depth: Int, _ item: (inout Self) -> Bool) -> Bool {
        _ = self.blanks()
        if self.eat(end) { return true }
        repeat {
            guard item(&self) else { return false }
            _ = self.blanks()
        } while self.eat(",")
        return self.eat(end)
    }

    private mutating func pair(_ depth: Int) -> Bool {
        _ = self.blanks()
        guard self.string() else { return false }
        _ = self.blanks()
        return self.eat(":") && self.value(depth + 1)
    }

    private mutating func string() -> Bool {
        guard self.eat("\"") else { return false }
        while let next = self.rest.popFirst() {
            if next == "\"" { return true }
            if next.value < 0x20 { return false }
            guard next == "\\" else { continue }
            guard let escape = self.rest.popFirst() else { return false }
            if escape == "u" {
                for _ in 0..<4 {
                    guard let digit = self.rest.popFirst(), digit.properties.isASCIIHexDigit else { return false }
                }
            } else if !"\"\\/bfnrt".unicodeScalars.contains(escape) {
                return false
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = self.eat("-")
        guard self.digits() else { return false }
        if self.eat("."), !self.digits() { return false }
        if self.eat("e") || self.eat("E") {
            if !self.eat("+") { _ = self.eat("-") }
            return self.digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let before = self.rest.count
        while let next = self.rest.first, ("0"..."9").contains(next) { self.rest.removeFirst() }
        return self.rest.count < before
    }
}
