import Baselines
import Contracts
import GloveboxCore
import JSONDocument
import Testing

@Suite("Learning noise")
struct LearningTests {
    static let now = WallTime(nanoseconds: 1_795_780_800_000_000_000)

    static func learn(_ bodies: [JSON]) -> LearnedNoise {
        NoiseLearner.learn(bodies.map { ShopAnswers.answer($0) }, at: Self.now).noise
    }

    static func kind(_ values: [JSON]) -> NoiseKind? {
        Self.learn(values.map { ["value": $0] }).rules[AnswerPath(.json, [.name("value")])]?.kind
    }

    @Test("the storefront's noise is learned as kinds, and nothing else of it")
    func storefront() throws {
        var shop = ShopAnswers(seed: 1)
        let baseline = try shop.baseline(runs: 3)
        #expect(baseline.entries.allSatisfy { $0.noise.unexplained.isEmpty })
        var products = baseline.kinds(0)
        // By chance stock has fallen each time, or not.
        #expect(["tolerance", "counter"].contains(products.removeValue(forKey: "$.products[*].available") ?? ""))
        // Seconds don't always go on between answers.
        if let date = products.removeValue(forKey: "header.date") { #expect(date == "time") }
        #expect(
            products == [
                "$.products": "list", "$.products[*].tags": "list", "$.request_id": "uuid", "$.generated_at": "time",
                "header.etag": "words", "header.x-request-id": "uuid", "header.set-cookie.sid": "words",
            ])
        #expect(baseline.kinds(1) == ["$.id": "uuid", "$.created_at": "time", "$.lines": "list"])
        var page = baseline.kinds(2)
        page.removeValue(forKey: "/html/body/table[*]/tbody/tr[*]/td.stock/text()")
        #expect(page == ["/html/body/footer/small[*]/text()": "words"])
    }

    @Test(
        "values are of the narrowest kind that explains them",
        arguments: [
            (
                ["0b5a2e9c-1111-4222-8333-444455556666", "9b5a2e9c-1111-4222-8333-444455556666"],
                NoiseKind.uuid(isUpperCase: false)
            ),
            (
                ["0B5A2E9C-1111-4222-8333-44445555666F", "9B5A2E9C-1111-4222-8333-44445555666F"],
                .uuid(isUpperCase: true)
            ),
            (["ord_8f3a91", "ord_77b0ce"], .token(TokenShape(prefix: "ord_", alphabet: .hex, length: 6...6))),
            (["aZ81kQw0", "Qq18sLw94"], .token(TokenShape(alphabet: .base62, length: 7...10))),
            ([7, 9, 12], .counter(.init(from: 7, within: 50))),
            ([12, 9, 7], .counter(.init(isFalling: true, from: 12, within: 50))),
            ([7, 9], .tolerance(.init(absolute: 6))),
            ([9, 7, 12], .tolerance(.init(absolute: 15))),
            (["red", "blue", "red", "blue"], .oneOf(["red", "blue"])),
            ([true, false, true, false], .oneOf([true, false])),
            (["a 8f3a91c0, b", "a 77b0ce42, b"], .words([.token(TokenShape(alphabet: .hex, length: 8...8))])),
        ] as [([JSON], NoiseKind)])
    func kinds(_ values: [JSON], _ kind: NoiseKind) {
        #expect(Self.kind(values) == kind)
    }

    @Test(
        "times are known by their form",
        arguments: [
            (["2026-11-27T12:00:00Z", "2026-11-27T12:00:01Z"], "YYYY-MM-DDThh:mm:ssZ"),
            (["2026-11-27T12:00:00.123Z", "2026-11-27T12:00:01.1Z"], "YYYY-MM-DDThh:mm:ss.f*Z"),
            (["2026-11-27 12:00:00+01:00", "2026-11-27 12:00:01+01:00"], "YYYY-MM-DD hh:mm:ss+hh:mm"),
            (["Fri, 27 Nov 2026 12:00:00 GMT", "Fri, 27 Nov 2026 12:00:01 GMT"], "http-date"),
            ([1_795_780_800, 1_795_780_805], "unix-s"), ([1_795_780_800_123, 1_795_780_805_456], "unix-ms"),
            (["1795780800", "1795780805"], "unix-s"), (["12:00:01", "12:00:02"], "hh:mm:ss"),
        ] as [([JSON], String)])
    func times(_ values: [JSON], _ format: String) throws {
        #expect(Self.kind(values) == .time([try #require(TimeFormat(format))], within: 60))
    }

    @Test(
        "what no kind explains is said, and no rule is made of it",
        arguments: [
            ["red", "blue"], ["12.90", "fast"], [true, false], [1, "1"], ["Cup", "Mug", "Bowl"], [[1, 2], [1, 2, 3]],
            [["a": 1], [1]],
        ] as [[JSON]])
    func unexplained(_ values: [JSON]) {
        let noise = Self.learn(values.map { ["value": $0] })
        #expect(noise.rules.isEmpty)
        #expect(noise.unexplained.map(\.path) == ["$.value"])
    }

    @Test("a member that isn't always there is optional, and null now and then is nullable")
    func optionalAndNullable() {
        let noise = Self.learn([["a": 1, "b": "x"], ["a": 1, "b": .null], ["a": 1, "b": "x", "c": 2]])
        #expect(
            noise.rules == [
                AnswerPath(.json, [.name("b")]): NoiseRule(isNullable: true),
                AnswerPath(.json, [.name("c")]): .optional,
            ])
        #expect(noise.unexplained.isEmpty)
    }

    @Test("names that are other ones in each answer are said, and aren't taken for members that may be missing")
    func namesOfIdentifiers() {
        let noise = Self.learn([["ids": ["a1": 1, "all": 2]], ["ids": ["b2": 1, "all": 2]]])
        #expect(noise.rules.isEmpty)
        #expect(noise.unexplained.map(\.path) == ["$.ids"])
    }

    @Test("elements of an unordered list are matched by what stays, so that their noise is learned, too")
    func unordered() {
        func run(_ order: [String], _ level: Int64) -> JSON {
            .array(order.map { ["sku": .string($0), "level": .number(JSONNumber($0 == "a" ? level : 5))] })
        }
        let noise = Self.learn([run(["a", "b", "c"], 12), run(["c", "a", "b"], 11)])
        #expect(
            noise.rules == [
                AnswerPath(.json): NoiseRule(.list(isUnordered: true, length: nil)),
                AnswerPath(.json, [.each, .name("level")]): NoiseRule(.tolerance(.init(absolute: 3))),
            ])
    }

    @Test("a primary that fails now and then is said, and noise is learned from its usual answers")
    func flapping() {
        var shop = ShopAnswers(seed: 3)
        let failed = ShopAnswers.answer(["error": "busy"], status: 503)
        let (noise, alike) = NoiseLearner.learn([shop.placedOrder(), failed, shop.placedOrder()], at: Self.now)
        #expect(alike.count == 2)
        #expect(noise.unexplained.map(\.path) == ["status"])
        #expect(noise.rules[AnswerPath(.json, [.name("id")])]?.kind == .uuid(isUpperCase: false))
    }

    @Test("one run teaches nothing, and is refused")
    func oneRun() {
        var shop = ShopAnswers(seed: 2)
        #expect { try shop.baseline(runs: 1) } throws: { ($0 as? GloveboxError)?.code == .invalidArgument }
    }
}
