import GloveboxCore
import JSONDocument
import TestSupport
import Testing

@Suite("JSON values")
struct JSONValueTests {
    @Test(
        "numbers keep their text, and are equal by value without rounding",
        arguments: [
            ("1", "1.0", true), ("1", "10e-1", true), ("100", "1E2", true), ("0", "-0", true), ("0.0", "0e99", true),
            ("1.10", "1.1", true), ("1e-2", "0.01", true), ("-1.5", "-15e-1", true),
            ("9007199254740993", "9007199254740992", false), ("9007199254740993", "9007199254740993.0", true),
            ("123456789012345678901234567890", "123456789012345678901234567891", false),
            ("1e400", "1e401", false), ("1e400", "10e399", true), ("0.1", "0.10000000000000000001", false),
            ("1", "-1", false), ("1e999999999999999999", "1e999999999999999998", false),
        ])
    func numbers(_ a: String, _ b: String, _ isSame: Bool) throws {
        let (first, second) = (try #require(JSONNumber(a)), try #require(JSONNumber(b)))
        #expect((first == second) == isSame && (second == first) == isSame)
        #expect(first.text == a && JSON.number(first).printed() == a)
        if isSame { #expect(first.hashValue == second.hashValue) } else { #expect(first < second || second < first) }
    }

    @Test("numbers are in order by value")
    func order() throws {
        let ordered = [
            "-1e400", "-12345678901234567890", "-10", "-2.5", "-0.3", "-1e-9", "0", "1e-400", "0.25", "0.3", "2",
            "2.0001",
            "9223372036854775807", "9223372036854775808", "1e20", "1.1e20",
        ].compactMap { JSONNumber($0) }
        #expect(ordered.count == 16)
        for (i, a) in ordered.enumerated() {
            for (j, b) in ordered.enumerated() { #expect((a < b) == (i < j), "\(a.text) < \(b.text)") }
        }
    }

    @Test("a number's value is given as far as 64 bits carry it")
    func values() throws {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("-0", 0), ("1.0", 1), ("-12e2", -1200), ("1.5", nil), ("1e-1", nil), ("10e-1", 1),
            ("9223372036854775807", .max), ("-9223372036854775808", .min), ("-9223372036854775808.0", .min),
            ("9223372036854775808", nil), ("9223372036854775808.0", nil), ("1e18", 1_000_000_000_000_000_000),
            ("1e19", nil), ("1e99999", nil), ("0e99999", 0),
        ]
        for (text, value) in cases {
            let number = try #require(JSONNumber(text))
            #expect(number.int64 == value, "\(text)")
            #expect(number.isWrittenAsInteger == !text.contains { ".e".contains($0) }, "\(text)")
        }
        #expect(JSONNumber("2.5")?.double == 2.5 && JSONNumber("1e400")?.double == .infinity)
        #expect(JSONNumber(0.1)?.text == "0.1" && JSONNumber(1e300)?.double == 1e300 && JSONNumber(Double.nan) == nil)
        #expect(JSONNumber(UInt64.max).text == "18446744073709551615")
        for text in ["", " 1", "1 ", "01", "x", "\"1\"", "[1]"] { #expect(JSONNumber(text) == nil, "\(text)") }
    }

    @Test("objects are equal whatever the order of names; several values of one name stay in order")
    func objects() throws {
        func equal(_ a: String, _ b: String) throws -> Bool {
            let (first, second) = (try JSON(parsing: a), try JSON(parsing: b))
            if first == second { #expect(first.hashValue == second.hashValue) }
            return first == second && second == first
        }
        #expect(try equal(#"{"a": 1, "b": [1, {"c": 2, "d": 3}]}"#, #"{"b": [1.0, {"d": 3, "c": 2}], "a": 1}"#))
        #expect(try !equal(#"{"a": 1}"#, #"{"a": 1, "b": 2}"#) && !equal(#"{"a": 1}"#, #"{"a": "1"}"#))
        #expect(try !equal(#"{"a": null}"#, "{}") && !equal("[1, 2]", "[2, 1]") && !equal("0", "false"))
        #expect(try equal(#"{"a": 1, "b": 0, "a": 2}"#, #"{"b": 0, "a": 1, "a": 2}"#))
        #expect(try !equal(#"{"a": 1, "b": 0, "a": 2}"#, #"{"b": 0, "a": 2, "a": 1}"#))
        #expect(try !equal(#"{"a": 1, "a": 1, "b": 1}"#, #"{"a": 1, "b": 1, "b": 1}"#))
        #expect(try !equal("\"\u{E9}\"", "\"e\u{301}\"") && !equal("{\"\u{E9}\": 1}", "{\"e\u{301}\": 1}"))
    }

    @Test("written in one line, line by line, and in order of names")
    func printed() throws {
        let value = try JSON(parsing: #"{"b": [1.50, [], {}], "a": "\u0001\u001F\u007f\"\\\/é\n"}"#)
        #expect(value.printed() == #"{"b":[1.50,[],{}],"a":"\u0001\u001f\u007f\"\\/é\n"}"#)
        #expect(
            value.printed(.pretty) == """
                {
                  "b": [
                    1.50,
                    [],
                    {}
                  ],
                  "a": "\\u0001\\u001f\\u007f\\"\\\\/é\\n"
                }
                """)
        #expect(value.printed(JSONStyle(sortsNames: true)).hasPrefix(#"{"a":"#))
    }

    @Test("any value comes back from its text, and is equal to itself in another order")
    func roundTrips() throws {
        try Fuzzing("JSON values").run(1000) { generator in
            let value = generator.json(depth: 5)
            #expect(try JSON(parsing: value.bytes()).printed() == value.printed())
            let pretty = try JSON(parsing: value.bytes(.pretty))
            #expect(pretty == value && pretty.printed() == value.printed())
            let shuffled = generator.shuffled(value)
            #expect(shuffled == value && shuffled.hashValue == value.hashValue)
        }
    }

    @Test("accessors give what's there, and nil for another kind")
    func accessors() {
        let value: JSON = ["list": [1, "two", true, .null]]
        #expect(value["list"]?[1]?.string == "two" && value["list"]?[0]?.number == JSONNumber(1))
        #expect(value["list"]?[2]?.bool == true && value["list"]?[4] == nil && value["list"]?[-1] == nil)
        #expect(value[0] == nil && value["list"]?["x"] == nil && value["list"]?.array?.count == 4)
        let kinds = ([.null, true, 1, "", [], [:]] as [JSON]).map(\.kind)
        #expect(kinds == ["null", "boolean", "number", "string", "array", "object"])
    }
}

extension SeededGenerator {
    fileprivate mutating func json(depth: Int) -> JSON {
        switch Int.random(in: 0..<(depth == 0 ? 4 : 6), using: &self) {
        case 0: return .null
        case 1: return .bool(self.once(in: 2))
        case 2:
            let texts = ["0", "-1", "1.0", "1e-7", "12345678901234567890", "-0.0", "3.5E+9"]
            return JSONNumber(texts[self.place(in: texts.count)]).map { .number($0) } ?? .null
        case 3: return .string(self.text())
        case 4: return .array((0..<self.place(in: 5)).map { _ in self.json(depth: depth - 1) })
        default:
            return .object(
                JSONObject((0..<self.place(in: 5)).map { .init("\(self.text())\($0)", self.json(depth: depth - 1)) }))
        }
    }

    private mutating func text() -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "\"", "\\", "\u{0}", "\u{1F}", "é", "\u{301}", "\u{FFFF}", "𝄞", "/", "\n",
        ]
        var text = ""
        for _ in 0..<self.place(in: 6) { text.unicodeScalars.append(scalars[self.place(in: scalars.count)]) }
        return text
    }

    fileprivate mutating func shuffled(_ value: JSON) -> JSON {
        switch value {
        case .array(let elements): return .array(elements.map { self.shuffled($0) })
        case .object(let object):
            let members = object.members.map { JSONObject.Member($0.name, self.shuffled($0.value)) }
            return .object(JSONObject(members.shuffled(using: &self)))
        default: return value
        }
    }
}
