import Baselines
import Contracts
import GloveboxCore
import JSONDocument
import Testing

@Suite("Differences")
struct DiffTests {
    static func number(_ text: String) -> JSON { JSONNumber(text).map { .number($0) } ?? .null }

    static func diff(
        _ expected: ObservedAnswer, _ actual: ObservedAnswer, _ rules: [String: NoiseRule] = [:]
    ) -> [Difference] {
        let written = rules.compactMap { path, rule in
            PathPattern(path).map { WrittenRule($0, rule, expires: CalendarDay(number: 0)) }
        }
        var differ = AnswerDiffer(NoiseRules(written: written))
        return differ.compare(expected: expected, actual: actual, isConcurrent: true).differences
    }

    static func diff(_ expected: JSON, _ actual: JSON, _ rules: [String: NoiseRule] = [:]) -> [Difference] {
        Self.diff(ShopAnswers.answer(expected), ShopAnswers.answer(actual), rules)
    }

    static func lines(_ expected: JSON, _ actual: JSON, _ rules: [String: NoiseRule] = [:]) -> [String] {
        Self.diff(expected, actual, rules).map(\.description).sorted()
    }

    @Test("a thousand differences at one path don't hide another's, and lists beyond don't take long")
    func many() {
        let rows = (0..<1000).map { JSON.object(JSONObject([.init("id", .number(JSONNumber($0))), .init("v", 1)])) }
        let others = (0..<1000).map { JSON.object(JSONObject([.init("id", .number(JSONNumber($0))), .init("v", 2)])) }
        let found = Self.diff(["a": .array(rows), "z": 1], ["a": .array(others), "z": 2])
        #expect(Set(found.map(\.path)) == ["$.a[*].v", "$.z"])
        let unordered = ["$.a": NoiseRule(.list(isUnordered: true, length: nil))]
        #expect(
            Self.diff(["a": .array(rows)], ["a": .array(others.reversed())], unordered).map(\.path)
                == Array(repeating: "$.a[*].v", count: AnswerDiffer.mostOfOnePath))
    }

    @Test("a renamed member is one difference with both names")
    func rename() {
        let expected: JSON = ["lines": [["sku": "cup", "available": 12], ["sku": "pen", "available": 12]]]
        let actual: JSON = ["lines": [["sku": "cup", "in_stock": 12], ["sku": "pen", "in_stock": 11]]]
        let differences = Self.diff(expected, actual)
        #expect(
            differences.map(\.description)
                == Array(repeating: "$.lines[*].in_stock: renamed from 'available'", count: 2))
        #expect(differences.map(\.place) == ["$['lines'][0]['in_stock']", "$['lines'][1]['in_stock']"])
    }

    @Test(
        "what differs has a path and says what",
        arguments: [
            (["a": 1], ["a": 2], ["$.a: 1 is expected, 2 came"]),
            (["a": 1], ["a": "1"], ["$.a: 1 is expected, \"1\" came, which is of another kind"]),
            (["a": 1, "b": 2], ["a": 1], ["$.b: is missing; 2 is expected"]),
            (["a": 1], ["a": 1, "x y": true], ["$['x y']: has come, as true"]),
            (["a": [1, 2, 3]], ["a": [3, 1, 2]], ["$.a: has its elements in another order"]),
            (["a": [1, 2, 3]], ["a": [1, 3]], ["$.a[*]: an element is missing: 2"]),
            (["a": [1, 3]], ["a": [1, 2, 3]], ["$.a[*]: an element has come: 2"]),
            (["a": 1], ["a": Self.number("1.0")], []), (["a": 1, "b": 2], ["b": 2, "a": 1], []),
        ] as [(JSON, JSON, [String])])
    func said(_ expected: JSON, _ actual: JSON, _ lines: [String]) {
        #expect(Self.lines(expected, actual) == lines)
    }

    @Test(
        "a value inside a noisy path that isn't of its kind any more is seen",
        arguments: [
            (NoiseKind.uuid(isUpperCase: false), "0b5a2e9c-1111-4222-8333-444455556666", "req-17"),
            (.uuid(isUpperCase: false), "0b5a2e9c-1111-4222-8333-444455556666", "0B5A2E9C-1111-4222-8333-444455556666"),
            (.token(TokenShape(alphabet: .hex, length: 6...6)), "8f3a91", "8f3a91c"),
            (.token(TokenShape(alphabet: .hex, length: 6...6)), "8f3a91", "8F3A91"),
            (.token(TokenShape(prefix: "ord_", alphabet: .hex, length: 6...6)), "ord_8f3a91", "inv_8f3a91"),
            (.counter(.init(from: 100)), 120, 99), (.counter(.init(from: 100)), 120, "121"),
            (.counter(.init(from: 0, within: 10)), 120, 131),
            (.counter(.init(from: 0, within: 10)), .number(JSONNumber(Int64.max)), -7),
            (.counter(.init(from: 100)), 120, Self.number("120.5")),
            (.counter(.init(isFalling: true, from: 100)), 80, 101),
            (.tolerance(.init(absolute: 3)), 10, 14), (.tolerance(.init(relative: 0.1)), 100, 111),
            (.tolerance(.init(absolute: 3)), 10, "10"), (.tolerance(.init(absolute: 20_000)), "15300", "153.00"),
            (.oneOf(["red", "blue"]), "red", "green"), (.any([.string]), "red", 5),
            (.list(isUnordered: false, length: 0...2), [1], [1, 2, 3]),
            (.words([.uuid(isUpperCase: false)]), "id 0b5a2e9c-1111-4222-8333-444455556666", "id none"),
        ] as [(NoiseKind, JSON, JSON)])
    func noisyPaths(_ kind: NoiseKind, _ expected: JSON, _ actual: JSON) {
        let differences = Self.diff(["v": expected], ["v": actual], ["$.v": NoiseRule(kind)])
        #expect(differences.map(\.path) == ["$.v"])
        #expect(differences.map(\.kind) == [.shape])
        #expect(Self.diff(["v": expected], ["v": expected], ["$.v": NoiseRule(kind)]).isEmpty)
    }

    @Test("counters of answers asked for at the same time are close, wherever they've been set back to")
    func counters() {
        let rules = ["$.v": NoiseRule(.counter(.init(from: 100, within: 10)))]
        #expect(Self.lines(["v": 7], ["v": 12], rules).isEmpty)
        #expect(Self.lines(["v": 7], ["v": 18], rules) == ["$.v: 18 is further from 7 than the 10 that are allowed"])
    }

    @Test("a time is seen to have lost its form, to be no day of a calendar, or to be hours off")
    func times() throws {
        let kind = NoiseKind.time([try #require(TimeFormat("YYYY-MM-DDThh:mm:ssZ"))], within: 60)
        for (actual, isSame) in [
            ("2026-11-27T12:00:50Z", true), ("2026-11-27T14:00:00Z", false), ("2026-11-27T12:00:00.5Z", false),
            ("2026-11-27 12:00:00Z", false), ("2026-13-27T12:00:00Z", false), ("1795780800", false),
        ] {
            let found = Self.diff(["v": "2026-11-27T12:00:00Z"], ["v": .string(actual)], ["$.v": NoiseRule(kind)])
            #expect(found.isEmpty == isSame, "\(actual)")
        }
    }

    @Test("an unordered list still has the same elements, and what changed in one is said of that one")
    func unordered() {
        let rules = ["$": NoiseRule(.list(isUnordered: true, length: nil))]
        let cup: JSON = ["sku": "cup", "price": 12]
        let pen: JSON = ["sku": "pen", "price": 3]
        #expect(Self.lines([cup, pen], [pen, cup], rules).isEmpty)
        #expect(
            Self.lines([cup, pen], [["sku": "pen", "price": 4], cup], rules) == ["$[*].price: 3 is expected, 4 came"])
        #expect(Self.lines([cup, pen], [cup], rules) == ["$[*]: an element is missing: {\"sku\":\"pen\",\"price\":3}"])
        #expect(
            Self.lines(["a", "b"], ["b", "c"], rules) == [
                "$[*]: an element has come: \"c\"", "$[*]: an element is missing: \"a\"",
            ])
        // As often, too.
        #expect(Self.lines(["a", "a", "b"], ["b", "a", "b"], rules).count == 2)
    }

    @Test("elements of a list of free length have to look like those that are known")
    func freeLength() {
        let rules = ["$": NoiseRule(.list(isUnordered: false, length: 0...5))]
        let cup: JSON = ["sku": "cup", "price": 12]
        #expect(Self.lines([cup], [cup, ["sku": "pen", "price": 3]], rules).isEmpty)
        #expect(Self.diff([cup], [cup, ["sku": "pen", "price": "3"]], rules).map(\.kind) == [.shape])
    }

    @Test("an optional member may be missing, and is what it has to be where it's there")
    func optional() {
        let rules = [
            "$.id": NoiseRule(.uuid(isUpperCase: false), isOptional: true), "$.n": NoiseRule(isNullable: true),
        ]
        #expect(Self.lines(["id": "0b5a2e9c-1111-4222-8333-444455556666", "n": 1], ["n": .null], rules).isEmpty)
        #expect(Self.diff(["n": 1], ["n": 1, "id": "17"], rules).map(\.kind) == [.shape])
        #expect(Self.diff(["n": 1], ["n": 2], rules).map(\.kind) == [.changed])
    }

    @Test("headers count but for those of the connection, cookies by their names")
    func headers() {
        func answer(_ fields: [(String, String)]) -> ObservedAnswer {
            ShopAnswers.answer(1, headers: fields.map { ExchangeRequest.Field($0.0, $0.1) })
        }
        let expected = answer([
            ("Date", "Fri, 27 Nov 2026 12:00:00 GMT"), ("Connection", "keep-alive"), ("Cache-Control", "no-store"),
            ("Set-Cookie", "sid=1; Path=/"), ("Set-Cookie", "lang=en"),
        ])
        let actual = answer([
            ("date", "today"), ("Connection", "close"), ("cache-control", "public"), ("Set-Cookie", "lang=en"),
            ("Set-Cookie", "sid=1; Path=/; Secure"), ("Glovebox-Test-Seen", "web"),
        ])
        #expect(
            Self.diff(expected, actual).map(\.path).sorted() == [
                "header.cache-control", "header.date", "header.set-cookie.sid",
            ])
    }

    @Test("another status is one difference, with what the error says")
    func status() {
        let failed = ShopAnswers.answer(["error": ["code": "inventory_answer_unreadable"]], status: 502)
        #expect(
            Self.diff(ShopAnswers.answer(["a": 1]), failed).map(\.description) == [
                "status: 200 is expected, 502 {\"error\":{\"code\":\"inventory_answer_unreadable\"}} came"
            ])
        let none = ObservedAnswer(failed: GloveboxError(.exchangeTimedOut, "no answer"))
        #expect(Self.diff(ShopAnswers.answer(1), none).map(\.actual) == ["exchange_timed_out"])
    }

    @Test("texts differ by lines, and a body of another type is said to be")
    func texts() {
        func text(_ text: String) -> ObservedAnswer { ShopAnswers.answer(bytes: Array(text.utf8), "text/plain") }
        let found = Self.diff(text("one\ntwo\nthree\n"), text("one\r\n2\r\nthree\r\n"))
        #expect(found.map(\.place) == ["text[2]"])
        #expect(Self.diff(text("a\nb"), text("a\nx\nb")).map(\.description) == ["text[*]: an element has come: \"x\""])
        #expect(Self.diff(text("1"), ShopAnswers.answer(1)).contains { $0.path == "body" && $0.actual == "json" })
    }
}
