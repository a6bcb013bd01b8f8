import FlagRules
import GloveboxCore
import TestSupport
import Testing

@Suite("Targeting rules")
struct RuleTests {
    /// What `rule` comes to in `context`, as the name of the variant that `cat` makes of it.
    private func result(_ rule: String, _ context: String = "{}") throws -> String {
        let set = try FlagSet(
            json: Array(
                #"{"flags": {"f": {"state": "ENABLED", "variants": {"none": "x"}, "targeting": {"cat": ["→", \#(rule)]}}}}"#
                    .utf8))
        if let fault = set.faults.first { throw fault }
        let resolution = set.resolve(
            "f", try FlagContext(FlagValue(json: Array(context.utf8))), timestamp: 1_700_000_000)
        let detail = try #require(resolution.detail)
        return String(try #require(detail.firstMatch(of: /names '→(.*)', which/)).1)
    }

    /// From jsonlogic.com/operations and what JavaScript does there.
    @Test(
        "operators come to what JSONLogic says",
        arguments: [
            (#"{"==": [1, "1"]}"#, "true"), (#"{"===": [1, "1"]}"#, "false"), (#"{"===": [1, 1.0]}"#, "true"),
            (#"{"==": [0, false]}"#, "true"), (#"{"==": ["", 0]}"#, "true"), (#"{"==": [null, 0]}"#, "false"),
            (#"{"!=": [1, "2"]}"#, "true"), (#"{"!==": [1, "1"]}"#, "true"), (#"{"!": [[]]}"#, "true"),
            (#"{"!!": ["0"]}"#, "true"), (#"{"!": 0}"#, "true"), (#"{"or": [false, 0, "a", "b"]}"#, "a"),
            (#"{"and": [true, "", 3]}"#, ""), (#"{"and": [1, 2]}"#, "2"), (#"{"if": [0, 1, [], 2, 3]}"#, "3"),
            (#"{"if": [1, "yes"]}"#, "yes"), (#"{"if": [0, "yes"]}"#, ""), (#"{"?:": [true, 1, 2]}"#, "1"),
            (#"{"<": [1, 2, 3]}"#, "true"), (#"{"<=": [1, 1, 0]}"#, "false"), (#"{">": ["b", "a"]}"#, "true"),
            (#"{">": ["10", 9]}"#, "true"), (#"{"<": ["x", 1]}"#, "false"), (#"{"max": [1, 3, 2]}"#, "3"),
            (#"{"min": [1.5, 3]}"#, "1.5"), (#"{"max": []}"#, ""), (#"{"+": ["3.14"]}"#, "3.14"),
            (#"{"+": [1, 2, 3]}"#, "6"), (#"{"-": [2]}"#, "-2"), (#"{"-": [4, 2]}"#, "2"), (#"{"*": [2, 2, 2]}"#, "8"),
            (#"{"/": [4, 2]}"#, "2"), (#"{"/": [1, 0]}"#, ""), (#"{"%": [101, 2]}"#, "1"), (#"{"%": [1, 0]}"#, ""),
            (#"{"in": ["Spring", "Springfield"]}"#, "true"), (#"{"in": [2, [1, 2]]}"#, "true"),
            (#"{"in": ["2", [1, 2]]}"#, "false"), (#"{"in": [1, null]}"#, "false"),
            (#"{"cat": ["I", 2, 1.5]}"#, "I21.5"),
            (#"{"substr": ["jsonlogic", 4]}"#, "logic"), (#"{"substr": ["jsonlogic", -5]}"#, "logic"),
            (#"{"substr": ["jsonlogic", 1, 3]}"#, "son"), (#"{"substr": ["jsonlogic", 4, -2]}"#, "log"),
            (#"{"substr": ["äöü", 1, 1]}"#, "ö"), (#"{"merge": [[1, 2], 3, [4]]}"#, "[1,2,3,4]"),
            (#"{"map": [[1, 2], {"*": [{"var": ""}, 2]}]}"#, "[2,4]"),
            (#"{"filter": [[1, 2, 3], {">": [{"var": ""}, 1]}]}"#, "[2,3]"),
            (#"{"reduce": [[1, 2, 3], {"+": [{"var": "current"}, {"var": "accumulator"}]}, 10]}"#, "16"),
            (#"{"all": [[1, 2], {">": [{"var": ""}, 0]}]}"#, "true"), (#"{"all": [[], true]}"#, "false"),
            (#"{"none": [[], true]}"#, "true"), (#"{"some": [[1], {"==": [{"var": ""}, 1]}]}"#, "true"),
            (#"{"missing": ["a", "b"]}"#, #"["a","b"]"#), (#"{"missing_some": [1, ["a", "b"]]}"#, #"["a","b"]"#),
            (#"{"var": "$flagd.flagKey"}"#, "f"), (#"{"var": "$flagd.timestamp"}"#, "1700000000"),
            (#"{"var": ["a", 7]}"#, "7"), (#"{"starts_with": [1, "a"]}"#, ""), (#"[{"+": [1, 1]}, 3]"#, "[2,3]"),
        ])
    func operators(rule: String, expected: String) throws {
        #expect(try self.result(rule) == expected)
    }

    @Test("variables are found by their paths, in objects and lists, or have their default")
    func variables() throws {
        let context = #"{"targetingKey": "me", "user": {"names": ["a", "b"], "": 1}, "n": 1.0, "name": "n"}"#
        #expect(try self.result(#"{"var": "user.names.1"}"#, context) == "b")
        #expect(try self.result(#"{"var": "user.names.2"}"#, context) == "")
        #expect(try self.result(#"{"var": ["user.x.y", "no"]}"#, context) == "no")
        #expect(try self.result(#"{"var": "targetingKey"}"#, context) == "me")
        #expect(try self.result(#"{"var": {"var": "name"}}"#, context) == "1")
        #expect(try self.result(#"{"missing": ["user.names", "q"]}"#, context) == #"["q"]"#)
        #expect(try self.result(#"{"missing_some": [1, ["n", "q"]]}"#, context) == "[]")
        #expect(
            try self.result(
                #"{"map": [{"var": "user.names"}, {"cat": [{"var": ""}, {"var": "$flagd.flagKey"}]}]}"#, context)
                == #"["af","bf"]"#)
    }

    @Test(
        "a rule that isn't right is a fault of its flag, which says what's wrong; the other flags are there",
        arguments: [
            (#"{"nope": 1}"#, "there is no operator 'nope'"),
            (#"{"==": [1]}"#, "'==' takes 2 to 2 arguments, and has 1"),
            (#"{"$ref": "no"}"#, #"$evaluators has no "no""#),
            (#"{"$ref": "one"}"#, "the evaluator 'one' refers to itself"),
            (#"{"fractional": [["a", 1, 2]]}"#, "a bucket of 'fractional' is [VARIANT, WEIGHT]"),
            (#"{"sem_ver": ["1", {"var": "x"}, "2"]}"#, "how 'sem_ver' compares can't be worked out"),
            (String(repeating: #"{"!": "#, count: 61) + "1" + String(repeating: "}", count: 61), "nested too deeply"),
        ])
    func faults(rule: String, words: String) throws {
        let file = """
            {"flags": {
                "bad": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a", "targeting": {"if": [\(rule), "a"]}},
                "good": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}},
             "$evaluators": {"one": {"!": {"$ref": "two"}}, "two": {"!": {"$ref": "one"}}}}
            """
        let set: FlagSet
        do {
            set = try FlagSet(json: Array(file.utf8))
        } catch {
            #expect(error.message.contains(words), "\(error)")
            return
        }
        #expect(set.faults.count == 1)
        #expect(
            set.faults[0].message.hasPrefix("flag 'bad': ") && set.faults[0].message.contains(words), "\(set.faults[0])"
        )
        #expect(set.resolve("bad", FlagContext(), timestamp: 0).fault == .parseError)
        #expect(set.resolve("good", FlagContext(), timestamp: 0).value == .integer(1))
    }

    @Test("evaluators that double at each step take no more than an evaluation may")
    func bounded() throws {
        var evaluators: [String: FlagValue] = ["e0": .string("x")]
        for level in 1...30 {
            let before = FlagValue.object(["$ref": .string("e\(level - 1)")])
            evaluators["e\(level)"] = .object(["cat": .array([before, before])])
        }
        let flag: FlagValue = .object([
            "state": .string("ENABLED"), "variants": .object(["a": .integer(1)]), "defaultVariant": .string("a"),
            "targeting": .object(["$ref": .string("e30")]),
        ])
        let set = try FlagSet(.object(["flags": .object(["f": flag]), "$evaluators": .object(evaluators)]))
        #expect(set.faults.isEmpty)
        let resolution = set.resolve("f", FlagContext(), timestamp: 0)
        #expect(resolution.fault == .general && resolution.detail?.contains("takes too long") == true)
        // A chain of evaluators is no deeper than a rule may be, in whichever order they're compiled.
        for level in 31...80 { evaluators["e\(level)"] = .object(["!": .object(["$ref": .string("e\(level - 1)")])]) }
        let flags = (0...80).map { level -> (String, FlagValue) in
            var fields = flag.object ?? [:]
            fields["targeting"] = .object(["$ref": .string("e\(level)")])
            return ("f\(level)", .object(fields))
        }
        let deep = try FlagSet(
            .object(["flags": .object(Dictionary(uniqueKeysWithValues: flags)), "$evaluators": .object(evaluators)]))
        #expect(!deep.faults.isEmpty && deep.faults.allSatisfy { $0.message.contains("nested too deeply") })
        #expect(deep.flags["f80"]?.fault != nil)
    }

    @Test("versions come in the order of section 11, and what is none is none")
    func versions() throws {
        let order = [
            "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0", "1.0.1", "1.1", "2",
        ]
        for (one, other) in zip(order, order.dropFirst()) {
            #expect(try self.result(#"{"sem_ver": ["\#(one)", "<", "\#(other)"]}"#) == "true", "\(one) \(other)")
            #expect(try self.result(#"{"sem_ver": ["\#(other)", "<=", "\#(one)"]}"#) == "false", "\(one) \(other)")
        }
        for none in ["", "v", "1.", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0-rc", "1.0.0+", "1.0.0+ä", "a.b.c"] {
            #expect(try self.result(#"{"sem_ver": ["\#(none)", "!=", "9.9.9"]}"#) == "", "\(none)")
        }
    }
}
