import FlagRules
import GloveboxCore
import TestSupport
import Testing

@Suite("Files of flags")
struct FlagSetTests {
    private func set(_ flag: String) throws -> FlagSet {
        try FlagSet(json: Array(#"{"flags": {"f": \#(flag)}, "metadata": {"owner": "shop", "tier": 1}}"#.utf8))
    }

    @Test(
        "a flag that isn't right says so, and is never evaluated",
        arguments: [
            (#"{"variants": {"a": 1}}"#, "its state is \"ENABLED\" or \"DISABLED\""),
            (#"{"state": "ENABLED"}"#, "its variants are an object with one at least"),
            (#"{"state": "ENABLED", "variants": {}}"#, "its variants are an object with one at least"),
            (#"{"state": "ENABLED", "variants": {"a": 1, "b": "x"}}"#, "its variants aren't all of one type"),
            (#"{"state": "ENABLED", "variants": {"a": null}}"#, "a variant can't be null"),
            (
                #"{"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "b"}"#,
                #"its defaultVariant "b" is none of its variants"#
            ),
            (
                #"{"state": "ENABLED", "variants": {"a": 1}, "targeting": "a"}"#,
                "its targeting is a rule, and not a string"
            ),
            (
                #"{"state": "ENABLED", "variants": {"a": 1}, "metadata": {"x": []}}"#,
                "metadata 'x' is a string, number or boolean"
            ),
            (
                #"{"state": "ENABLED", "variants": {"a": 1}, "defaultVarient": "a"}"#,
                "there is no field 'defaultVarient'"
            ),
            ("7", "it is an object, and not a number"),
        ])
    func faults(flag: String, words: String) throws {
        let set = try self.set(flag)
        let fault = try #require(set.faults.first)
        #expect(
            fault.code == .flagsInvalid && fault.message.hasPrefix("flag 'f': ") && fault.message.contains(words),
            "\(fault)")
        let resolution = set.resolve("f", FlagContext(), timestamp: 0)
        #expect(resolution.value == nil && resolution.reason == .error && resolution.fault == .parseError)
    }

    @Test("what targeting comes to is a variant, the default, or an error that says which variant there isn't")
    func outcomes() throws {
        func resolve(_ rule: String, _ context: FlagContext = FlagContext()) throws -> FlagResolution {
            try self.set(
                #"{"state": "ENABLED", "variants": {"true": 1, "2": 2, "a": 3}, "defaultVariant": "a", "targeting": \#(rule)}"#
            ).resolve("f", context, timestamp: 0)
        }
        #expect(try resolve("{}").reason == .static)
        #expect(try resolve(#"{"var": "x"}"#).reason == .default)
        #expect(try resolve(#"{"!": 0}"#).variant == "true")
        #expect(try resolve(#"{"+": [1, 1]}"#).value == .integer(2))
        for (rule, words) in [(#"{"!": 1}"#, "names 'false'"), (#"{"merge": [1]}"#, "comes to an array")] {
            let resolution = try resolve(rule)
            #expect(
                resolution.fault == .general && resolution.detail?.contains(words) == true && resolution.value == nil)
        }
        let none = try self.set("{}").resolve("g", FlagContext(), timestamp: 0)
        #expect(none.fault == .flagNotFound && none.reason == .error)
    }

    @Test("metadata is the file's, and the flag's own over it")
    func metadata() throws {
        let set = try self.set(#"{"state": "ENABLED", "variants": {"a": 1}, "metadata": {"tier": 2}}"#)
        #expect(set.flags["f"]?.metadata == ["owner": .string("shop"), "tier": .integer(2)])
    }

    @Test(
        "what isn't JSON is refused where it goes wrong",
        arguments: [
            ("", "1:1: the text ends too early"), ("{", "1:2: a key in quotes is wanted here"),
            ("{\n  \"a\": 1,\n  \"a\": 2}", "3:3: the key 'a' is there twice"), ("[1,]", "1:4: a value is wanted here"),
            ("[1 2]", "1:4: a comma or a closing bracket"), ("{\"a\" 1}", "1:6: a colon is wanted here"),
            ("{} x", "1:4: the text goes on after its end"), ("nul", "1:1: a value is wanted here"),
            ("01", "1:2: the text goes on"), ("1.", "1:3: a digit is wanted"), ("-", "1:2: a digit is wanted"),
            ("1e999", "1:1: the number is too large"), ("\"a", "1:1: the text in quotes has no end"),
            ("\"\u{1}\"", "1:2: a control character"), (#""\x""#, "1:2: no such escape"),
            (#""\u12g4""#, "1:2: four hexadecimal"),
            (#""\ud800""#, "1:2: half of a surrogate"), (#""\ud800A""#, "1:2: half of a surrogate"),
            (#""\udc00""#, "1:2: half of a surrogate"), (String(repeating: "[", count: 65), "1:65: nested too deeply"),
        ])
    func notJSON(text: String, words: String) throws {
        let error = #expect(throws: GloveboxError.self) { try FlagValue(json: Array(text.utf8)) }
        #expect(error?.code == .flagsInvalid && error?.message.hasPrefix(words) == true, "\(error?.message ?? "")")
        #expect(throws: GloveboxError.self) { try FlagValue(json: [0x22, 0xFF, 0x22]) }
    }

    @Test("a value is written as it was read")
    func roundTrip() throws {
        let text = #"{"a":[1,-2.5,true,null,"x\"\\\n\u0001ä😀"],"b":{"c":9223372036854775807,"d":1.0}}"#
        let value = try FlagValue(json: Array(text.utf8))
        #expect(value.json == text)
        #expect(try FlagValue(json: Array(#""😀\/""#.utf8)) == .string("😀/"))
    }

    @Test("no bytes make the reader trap, and what it takes is read again from what it writes")
    func fuzz() throws {
        let seeds = [
            #"{"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "b": 2}, "defaultVariant": "a", "targeting": {"if": [{"in": ["x", {"var": "y"}]}, "a", {"fractional": [["a", 1], ["b", 2]]}]}}}}"#,
            #"[1e5, -0, "\u00e4\ud83d\ude00", {"a": [[]]}, true, false, null]"#,
        ].map { Array($0.utf8) }
        var taken = 0
        let fuzzing = Fuzzing("files of flags")
        try fuzzing.run(20_000) { random in
            var bytes = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(Array("{}[]\":,\\1e-.tn".utf8).randomElement(using: &random) ?? 0, at: place)
                }
                if bytes.isEmpty { bytes = [0x20] }
            }
            guard let value = try? FlagValue(json: bytes) else { return }
            taken += 1
            let again = try FlagValue(json: Array(value.json.utf8))
            #expect(again == value)
            _ = (try? FlagSet(value))?.resolve(
                "f", FlagContext(targetingKey: "k", attributes: ["y": .string("x")]), timestamp: 1)
        }
        #expect(fuzzing.isSingle || taken > 5000)
    }
}
