import HurlFile
import Suites
import Testing

@Suite("Predicates hold a value against what's expected")
struct PredicateTests {
    private static let list = SuiteValue.list([.integer(1), .string("a"), .null])

    @Test(
        "a predicate is met or not, and its negation the other way",
        arguments: [
            ("== 1", SuiteValue.integer(1), true), ("== 1.0", .integer(1), true), ("== 1", .number(.float(1.5)), false),
            ("== \"1\"", .integer(1), false), ("== true", .boolean(true), true), ("== null", .null, true),
            ("== null", .unit, false),
            ("== \"é\"", .string("e\u{301}"), false), ("== \"é\"", .string("é"), true),
            ("== 100000000000000000000", .number(.bigInteger("100000000000000000000")), true),
            ("== 100000000000000000000", .number(.float(1e20)), true),
            ("== 9007199254740993", .number(.float(9_007_199_254_740_992)), false),
            ("== hex,cafe;", .bytes([0xCA, 0xFE]), true), ("== base64,yv4=;", .bytes([0xCA, 0xFE]), true),
            ("== file,a.bin;", .bytes([0xCA, 0xFE]), true), ("== `a`", .string("a"), true),
            ("== ```\na\n```", .string("a\n"), true), ("== ```hex\ncafe\n```", .bytes([0xCA, 0xFE]), true),
            ("!= 1", .integer(2), true), ("!= 1", .integer(1), false), ("!= \"1\"", .integer(1), true),
            ("> 1", .integer(2), true), ("> 1", .integer(1), false), ("> 1.5", .integer(2), true),
            ("> 99999999999999999999", .integer(2), false),
            ("< -99999999999999999999", .number(.bigInteger("-100000000000000000000")), true),
            ("> \"a\"", .string("b"), true), ("> \"Z\"", .string("a"), true),
            (">= 2", .integer(2), true), (">= 2", .integer(1), false), ("< 2", .integer(1), true),
            ("< 2", .integer(2), false), ("<= 2", .integer(2), true), ("<= 2", .integer(3), false),
            ("<= 9223372036854775807", .number(.float(0x1p63)), false),
            ("startsWith \"ab\"", .string("abc"), true), ("startsWith \"b\"", .string("abc"), false),
            ("startsWith hex,efbb;", .bytes([0xEF, 0xBB, 0xBF]), true), ("startsWith \"e\"", .string("e\u{301}"), true),
            ("endsWith \"c\"", .string("abc"), true), ("endsWith \"bd\"", .string("abc"), false),
            ("endsWith hex,02;", .bytes([1, 2]), true),
            ("contains \"b\"", .string("abc"), true), ("contains \"x\"", .string("abc"), false),
            ("contains \"\"", .string(""), true), ("contains hex,beef;", .bytes([0, 0xBE, 0xEF]), true),
            ("contains 1", list, true), ("contains \"a\"", list, true), ("contains 2", list, false),
            ("contains null", list, true),
            ("includes 1", list, true), ("includes 5", list, false), ("matches /^\\d{4}$/", .string("2018"), true),
            ("matches \"\\\\d{4}\"", .string("in 2018"), true), ("matches /^\\d+$/", .string("x"), false),
            ("matches /a.b/", .string("a\nb"), false), ("matches /(?s)a.b/", .string("a\nb"), true),
            ("exists", .null, true), ("exists", .nodeset(0), false), ("exists", .nodeset(1), true),
            ("exists", .unit, true), ("isBoolean", .boolean(false), true), ("isBoolean", .integer(1), false),
            ("isCollection", .list([]), true), ("isCollection", .object([]), true), ("isCollection", .bytes([]), true),
            ("isCollection", .nodeset(0), true), ("isCollection", .string(""), false),
            ("isDate", .date(Fixture.now), true), ("isDate", .string("2020-01-01"), false),
            ("isEmpty", .list([]), true), ("isEmpty", .list([.null]), false), ("isEmpty", .object([]), true),
            ("isEmpty", .string(""), true), ("isEmpty", .string("a"), false), ("isEmpty", .nodeset(0), true),
            ("isEmpty", .bytes([]), true),
            ("isFloat", .number(.float(1)), true), ("isFloat", .integer(1), false), ("isInteger", .integer(1), true),
            ("isInteger", .number(.bigInteger("100000000000000000000")), true),
            ("isInteger", .number(.float(1)), false), ("isNumber", .number(.float(1)), true),
            ("isNumber", .integer(1), true), ("isNumber", .string("1"), false),
            ("isIpv4", .string("172.16.45.87"), true), ("isIpv4", .string("256.1.1.1"), false),
            ("isIpv4", .string("01.1.1.1"), false), ("isIpv4", .string("1.1.1"), false),
            ("isIpv6", .string("2001:db8:85a3::8a2e:370:7334"), true), ("isIpv6", .string("::"), true),
            ("isIpv6", .string("::ffff:192.0.2.1"), true), ("isIpv6", .string("1:2:3:4:5:6:7:8"), true),
            ("isIpv6", .string("1:2:3:4:5:6:7"), false), ("isIpv6", .string("1::2::3"), false),
            ("isIpv6", .string("1:2:3:4:5:6:7::8"), false), ("isIpv6", .string("1:2:3:4:5:6:192.0.2.1"), true),
            ("isIpv6", .string("fe80::1%eth0"), false), ("isIpv6", .string(":1::"), false),
            ("isIpv6", .string("12345::"), false), ("isIpv6", .string("1.2.3.4"), false),
            ("isIsoDate", .string("1985-04-12T23:20:50.52Z"), true),
            ("isIsoDate", .string("1996-12-19T16:39:57-08:00"), true),
            ("isIsoDate", .string("1990-12-31T23:59:60Z"), true),
            ("isIsoDate", .string("1937-01-01T12:00:27.87+00:20"), true), ("isIsoDate", .string("1978-01-15"), false),
            ("isIsoDate", .string("1978-01-15T00:00:00"), false),
            ("isList", .list([]), true), ("isList", .object([]), false), ("isObject", .object([]), true),
            ("isObject", .nodeset(1), true), ("isObject", .list([]), false), ("isString", .string(""), true),
            ("isString", .bytes([]), false),
            ("isUuid", .string("0531f78f-7f87-44be-a7f2-969a1c4e6d97"), true),
            ("isUuid", .string("0531F78F-7F87-44BE-A7F2-969A1C4E6D97"), true),
            ("isUuid", .string("0531f78f-7f87-14be-a7f2-969a1c4e6d97"), false),
            ("isUuid", .string("0531f78f7f8744bea7f2969a1c4e6d97"), false),
            ("isUuid", .string("0531f78f-7f87-44be-c7f2-969a1c4e6d97"), false),
        ] as [(String, SuiteValue, Bool)])
    func outcomes(predicate: String, value: SuiteValue, isMet: Bool) throws {
        let outcome = try Fixture.outcome(value, predicate)
        #expect(outcome.isMet == isMet && !outcome.isKindMismatch, "\(outcome)")
        let negated = try Fixture.outcome(value, "not \(predicate)")
        #expect(negated.isMet == !isMet && negated.expected == "not \(outcome.expected)")
    }

    @Test(
        "kinds that a predicate can't compare meet it in no way, negated or not",
        arguments: [
            ("> 1", SuiteValue.string("2")), ("<= \"a\"", .integer(1)), ("> 1", .boolean(true)),
            ("startsWith \"a\"", .integer(1)), ("startsWith \"a\"", .bytes([0x61])), ("endsWith hex,61;", .string("a")),
            ("contains \"a\"", .integer(1)), ("contains hex,61;", .string("a")),
            ("includes \"a\"", .string("a")), ("matches /1/", .integer(1)), ("isEmpty", .integer(0)),
            ("isEmpty", .null), ("isIsoDate", .integer(1)), ("isIpv4", .null), ("isIpv6", .null),
            ("isUuid", .bytes([])),
        ] as [(String, SuiteValue)])
    func mismatches(predicate: String, value: SuiteValue) throws {
        for text in [predicate, "not \(predicate)"] {
            let outcome = try Fixture.outcome(value, text)
            #expect(!outcome.isMet && outcome.isKindMismatch, "\(outcome)")
        }
    }

    @Test("nothing meets no predicate, and every negated one")
    func nothing() throws {
        for predicate in ["exists", "== null", "isEmpty", "> 1", "matches /a/", "contains \"a\""] {
            #expect(try !Fixture.outcome(nil, predicate).isMet)
            #expect(try Fixture.outcome(nil, "not \(predicate)").isMet)
        }
        #expect(try Fixture.outcome(nil, "exists").actual == "none")
    }

    @Test("an outcome says what there was and what was wanted, with kinds")
    func words() throws {
        let outcome = try Fixture.outcome(.string("Dune"), "not startsWith \"Du\"")
        #expect(outcome.actual == "string <Dune>" && outcome.expected == "not starts with string <Du>")
        #expect(try Fixture.outcome(.integer(1), "== 1.5").expected == "float <1.5>")
        #expect(try Fixture.outcome(.boolean(true), "> 5").expected == "greater than integer <5>")
        let long = try Fixture.outcome(.string(String(repeating: "é", count: 500)), "exists").actual
        #expect(long.count < 230 && long.hasSuffix("…>"))
    }

    @Test("expected values may be variables of any kind, with filters")
    func variables() throws {
        let variables: [String: SuiteValue] = [
            "n": .integer(458), "d": .date(Fixture.now), "l": Self.list, "r": .string("^4"), "csv": .string("a,b"),
        ]
        #expect(try Fixture.outcome(.integer(458), "== {{n}}", variables).isMet)
        #expect(try !Fixture.outcome(.integer(458), "== \"{{n}}\"", variables).isMet)
        #expect(try Fixture.outcome(.string("458"), "== \"{{n}}\"", variables).isMet)
        #expect(try Fixture.outcome(Self.list, "== {{l}}", variables).isMet)
        #expect(try Fixture.outcome(.date(try SuiteDate("2024-01-01T00:00:00Z")), "> {{d}}", variables).isMet)
        #expect(try Fixture.outcome(.date(Fixture.now), "<= {{newDate}}", variables).isMet)
        #expect(try Fixture.outcome(.string("458"), "matches {{r}}", variables).isMet)
        #expect(try Fixture.outcome(.integer(2), "== {{csv split \",\" count}}", variables).isMet)
        let error = #expect(throws: SuiteError.self) { try Fixture.outcome(.null, "== {{nope}}") }
        #expect(error?.code == .unknownVariable && error?.span?.start.column == 11)
        let missing = #expect(throws: SuiteError.self) { try Fixture.outcome(.null, "== file,b.bin;") }
        #expect(missing?.code == .noFile && missing?.span?.start.column == 9)
        #expect(throws: SuiteError.self) { try Fixture.outcome(.string(""), "matches \"(\"") }
    }

    @Test("objects are the same in any order, lists are not")
    func collections() {
        let one = SuiteValue.object([("a", .integer(1)), ("b", .list([.integer(1), .integer(2)]))])
        #expect(one == .object([("b", .list([.integer(1), .integer(2)])), ("a", .number(.float(1)))]))
        #expect(one != .object([("a", .integer(1))]))
        #expect(one != .object([("b", .list([.integer(2), .integer(1)])), ("a", .integer(1))]))
        #expect(
            SuiteValue.object([("a", .integer(1)), ("a", .integer(2))])
                != .object([("a", .integer(2)), ("a", .integer(1))]))
    }
}
