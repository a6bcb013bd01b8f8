import GloveboxCore
import JSONDocument
import TestSupport
import Testing

@Suite("Reading JSON")
struct JSONParsingTests {
    @Test(
        "what RFC 8259 has is read",
        arguments: [
            ("null", .null), (" \t\r\n true ", true), ("false", false), ("[]", []), ("{}", [:]), ("\"\"", ""),
            ("[1, [2, {}], null]", [1, [2, [:]], .null]), (#"{"a": {"b": [true]}}"#, ["a": ["b": [true]]]),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u0000\uD834\uDD1E""#, "é\u{0}𝄞"),
            ("\"é\u{2028}\u{7F}\"", "é\u{2028}\u{7F}"), (#"{"": 0}"#, ["": 0]),
        ] as [(String, JSON)])
    func read(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
    }

    @Test(
        "what it hasn't is refused, with the place and what is wanted",
        arguments: [
            ("", 1, 1, "the JSON is empty"), ("  ", 1, 3, "ends too early"), ("nul", 1, 1, "a value is wanted"),
            ("[1,\n  2,\n  tru]", 3, 3, "a value is wanted"), ("[1,]", 1, 4, "a value is wanted"),
            ("[1 2]", 1, 4, "a comma or a closing bracket"), ("[1", 1, 3, "ends too early"),
            ("{\"a\" 1}", 1, 6, "a colon"), ("{\"a\": 1,}", 1, 9, "a name in quotes"), ("{a: 1}", 1, 2, "a name in"),
            ("{\"a\": 1", 1, 8, "ends too early"), ("{\"a\": 1]", 1, 8, "a comma or a closing brace"),
            ("{} {}", 1, 4, "goes on after its end"), ("[\"é\", x]", 1, 7, "a value is wanted"),
            ("01", 1, 1, "no zero before"), ("-", 1, 2, "ends too early"), ("-a", 1, 2, "a digit"),
            ("1.", 1, 3, "ends too early"), ("[.5]", 1, 2, "a value is wanted"), ("[1e]", 1, 4, "a digit"),
            ("+1", 1, 1, "a value is wanted"), ("NaN", 1, 1, "a value is wanted"),
            ("1e1234567890123456789", 1, 1, "exponent is too long"), ("[\n\"abc", 2, 1, "has no end"),
            ("\"a\nb\"", 1, 3, "control character"), (#""\x""#, 1, 2, "no such escape"),
            (#""\u12G4""#, 1, 2, "four hexadecimal digits"), (#""\ud834""#, 1, 2, "half of a surrogate pair"),
            (#""\udd1e""#, 1, 2, "half of a surrogate pair"), (#""\ud834\u0041""#, 1, 2, "half of a surrogate pair"),
            (#""\ud834\n""#, 1, 2, "half of a surrogate pair"), ("'a'", 1, 1, "a value is wanted"),
            ("[1] // no", 1, 5, "goes on after its end"), ("\u{FEFF}1", 1, 1, "byte order mark"),
            ("[1,\u{A0}2]", 1, 4, "a value is wanted"),
        ])
    func refused(_ text: String, _ line: Int, _ column: Int, _ words: String) {
        let fault = #expect(throws: JSONFault.self) { try JSON(parsing: text) }
        #expect(fault?.code == .jsonInvalid && fault?.what.contains(words) == true, "\(fault as Any)")
        #expect(fault?.line == line && fault?.column == column, "\(fault as Any)")
        #expect(fault?.error.message.hasPrefix("\(line):\(column): ") == true)
    }

    @Test("bytes that aren't UTF-8 are refused where the string begins")
    func notUTF8() {
        for bytes in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]] {
            let fault = #expect(throws: JSONFault.self) {
                try JSON(parsing: Array("[\"".utf8) + bytes + Array("\"]".utf8))
            }
            #expect(fault?.what.contains("isn't UTF-8") == true && fault?.column == 2)
        }
    }

    @Test("members stay in order, and a name that's there twice is kept or refused as is asked for")
    func repeatedNames() throws {
        let text = "{\"b\": 1, \"a\": 2,\n \"b\": 3, \"a\": 2}"
        let object = try #require(try JSON(parsing: text).object)
        #expect(object.members.map(\.name) == ["b", "a", "b", "a"])
        #expect(object["b"] == 3 && object["c"] == nil && object.repeatedNames == ["b", "a"])
        let fault = #expect(throws: JSONFault.self) { try JSON(parsing: text, JSONRules(repeatedNames: .refuse)) }
        #expect(fault?.line == 2 && fault?.column == 2 && fault?.what.contains("'b' is there twice") == true)
        // The letter with its accent, and the letter and the accent: two names to JSON, one to Swift.
        let accents = "{\"\u{E9}\": 1, \"e\u{301}\": 2}"
        let kept = try JSON(parsing: accents, JSONRules(repeatedNames: .refuse))
        #expect(kept["\u{E9}"] == 1 && kept["e\u{301}"] == 2)
    }

    @Test("depth and size are bounded")
    func bounds() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(256))
        let deepest = try JSON(parsing: nested(1000), JSONRules(deepest: 5000))
        #expect(deepest == deepest && deepest.printed() == nested(1000) && Set([deepest]).count == 1)
        for text in [nested(257), String(repeating: "[", count: 1 << 20), String(repeating: "{\"a\":", count: 1 << 20)]
        {
            let fault = #expect(throws: JSONFault.self) { try JSON(parsing: text) }
            #expect(fault?.code == .jsonTooLarge)
        }
        #expect(try JSON(parsing: "[1, 2]", JSONRules(longest: 6)) == [1, 2])
        let fault = #expect(throws: JSONFault.self) { try JSON(parsing: "[1, 2] ", JSONRules(longest: 6)) }
        #expect(fault?.code == .jsonTooLarge && fault?.what.contains("7 bytes") == true)
    }

    @Test("whatever bytes come, they're read or refused, and what was read is written so that it's read again")
    func fuzzed() throws {
        let seed =
            #"{"a": [1, -2.50e+3, 12345678901234567890, "x\u00e9\uD834\uDD1E\n"], "b": {"c": null, "c": true}, "": []}"#
        try Fuzzing("JSON").run(4000) { generator in
            let bytes = generator.once(in: 10) ? generator.bytes(40) : generator.spoiled(Array(seed.utf8))
            guard let value = try? JSON(parsing: bytes) else { return }
            for style in [JSONStyle.compact, .pretty, JSONStyle(indent: 0, sortsNames: true)] {
                let again = try JSON(parsing: value.bytes(style))
                #expect(again == value && again.hashValue == value.hashValue)
                #expect(again.bytes(style) == value.bytes(style))
            }
        }
    }
}
