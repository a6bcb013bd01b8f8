import Baselines
import Contracts
import GloveboxCore
import JSONDocument
import TestSupport
import Testing

@Suite("Baseline files")
struct BaselineFileTests {
    static let today = CalendarDay("2026-11-28")

    private func code(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing"
        } catch {
            return "\((error as? GloveboxError)?.description ?? "\(error)")"
        }
    }

    @Test("a baseline that was printed is read to the same, and printed again to the same file")
    func roundTrip() throws {
        var shop = ShopAnswers(seed: 11)
        for runs in 2...5 {
            let baseline = try shop.baseline(runs: runs)
            let text = try baseline.yaml()
            let read = try Baseline(yaml: text, file: "shop.yaml", today: Self.today)
            #expect(read.entries.map(\.noise) == baseline.entries.map(\.noise))
            #expect(read.entries.map(\.answer.body) == baseline.entries.map(\.answer.body))
            #expect(read.entries.map(\.answer.headers) == baseline.entries.map(\.answer.headers))
            #expect(read.recordedAt == baseline.recordedAt)
            #expect(try read.yaml() == text)
        }
    }

    @Test("texts of all kinds come back from a file as they were")
    func texts() throws {
        let fuzzing = Fuzzing("baseline texts")
        let pieces = [
            "\n", "\r\n", " ", "\t", "*alias", "&anchor", "a: b", "- x", "# no", "\"", "'", "\\", "\u{85}", "\u{2028}",
            "x\u{FEFF}",
            "\u{1}", "é", "e\u{301}", "😀", "---", "|", "> ", "{", "]", "%", "@", "`", "word", "</td>", "",
        ]
        try fuzzing.run(300) { generator in
            func text() -> String {
                (0..<Int.random(in: 0...8, using: &generator)).map { _ in pieces.randomElement(using: &generator) ?? ""
                }.joined()
            }
            let body: ObservedAnswer.Body =
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: .json(["a": .string(text()), "b": [.string(text()), 1.asJSON]])
                case 1: .html("x" + text())
                case 2: .text(text() + "x")
                default: .bytes(type: text() + "x", count: 17, digest: .max)
                }
            var noise = LearnedNoise()
            noise.rules[AnswerPath(.json, [.name("n" + text().filter { $0 != "*" }), .each])] = NoiseRule(
                .oneOf([.string(text()), .null, true, 5]), isOptional: true)
            noise.unexplained = [.init(path: "$.x", what: "w", values: [text()])]
            let answer = ObservedAnswer(
                status: "200",
                headers: JSONObject([.init("x-a", .string(text())), .init("set-cookie", ["c": .string(text())])]),
                body: body)
            let baseline = Baseline(
                caseName: "c" + text(), recordedAt: .init(nanoseconds: 0), against: "v", runs: 2,
                expires: CalendarDay(number: 30_000),
                entries: [.init(endpoint: "GET /", answer: answer, noise: noise)])
            let yaml = try baseline.yaml()
            let read: Baseline
            do {
                read = try Baseline(yaml: yaml, file: "f", today: nil)
            } catch {
                throw TestSupportError("\(error)\n\(yaml)")
            }
            #expect(read.caseName.debugDescription == baseline.caseName.debugDescription)
            #expect(read.entries[0].answer.headers == answer.headers, "\(yaml)")
            #expect(read.entries[0].answer.body == body, "\(yaml)")
            #expect(read.entries[0].noise == noise, "\(yaml)")
            #expect(read == baseline)
        }
    }

    @Test("a baseline that's too old isn't used, and says what to do")
    func expired() throws {
        var shop = ShopAnswers(seed: 11)
        let text = try shop.baseline().yaml()
        #expect(
            self.code { _ = try Baseline(yaml: text, file: "shop.yaml", today: CalendarDay("2027-01-01")) }
                == "shop.yaml:6:10: the baseline of 'shop' has expired on 2026-12-31: record it again [baseline_expired]"
        )
        #expect(
            self.code { _ = try Baseline(yaml: text, file: "shop.yaml", today: CalendarDay("2026-12-31")) } == "nothing"
        )
    }

    @Test("rules that were printed are read to the same, whatever their kinds")
    func rules() throws {
        let kinds: [NoiseKind] = [
            .uuid(isUpperCase: true),
            .time([TimeFormat("YYYY-MM-DDThh:mm:ss.f*Z"), TimeFormat("unix-ms")].compactMap(\.self), within: 90),
            .counter(.init(isFalling: true, from: -5, within: 50)),
            .token(TokenShape(prefix: "a_", alphabet: .base64url, length: 3...9)),
            .tolerance(.init(absolute: 0.25, relative: 0.01)), .tolerance(.init()),
            .oneOf(["a", "1", 1, .null, true, "null"]),
            .list(isUnordered: true, length: 0...9),
            .words([.uuid(isUpperCase: false), .tolerance(.init(absolute: 5))]),
            .any([.string, .null]), .either([.uuid(isUpperCase: false), .words([.tolerance(.init(absolute: 5))])]),
        ]
        let expires = try #require(CalendarDay("2027-01-31"))
        let file = RuleFile(
            try kinds.enumerated().map { index, kind in
                WrittenRule(
                    try #require(PathPattern("$..a\(index)[*].*")), endpoint: index % 2 == 0 ? nil : "GET /api/*",
                    NoiseRule(
                        kind, isOptional: index % 3 == 0, isNullable: index % 3 == 1, reason: "because: \(index)"),
                    expires: expires)
            })
        let read = try RuleFile(yaml: file.yaml, file: "rules.yaml", today: Self.today)
        #expect(read == file)
        #expect(read.yaml == file.yaml)
    }

    @Test(
        "a rule that can't be read is refused at its place",
        arguments: [
            (
                "path: $.a\n    kind: uid",
                "r.yaml:4:11: 'uid' is no kind of noise: did you mean 'uuid'? Write one of uuid, time, counter, token, tolerance, one-of, list, words, either, any [baseline_invalid]"
            ),
            (
                "path: a.b\n    kind: uuid",
                "r.yaml:3:11: 'a.b' is no path: write one such as $..request_id, $.lines[*].sku, header.etag, /html//td.stock/text() or text[*] [baseline_invalid]"
            ),
            (
                "path: $.a\n    kind: ignore",
                "r.yaml:4:11: 'ignore' is no kind of noise: Write one of uuid, time, counter, token, tolerance, one-of, list, words, either, any [baseline_invalid]"
            ),
            (
                "path: $.a",
                "r.yaml:3:5: this rule allows nothing: write a kind, 'optional: true' or 'nullable: true' [baseline_invalid]"
            ),
            (
                "path: $.a\n    kind: tolerance",
                "r.yaml:4:11: a tolerance says how much: write 'absolute: 5' or 'relative: 0.01' [baseline_invalid]"
            ),
            (
                "path: $.a\n    kind: time\n    formats: [soon]",
                "r.yaml:5:15: this is no form of a time: write one such as YYYY-MM-DDThh:mm:ssZ, http-date or unix-ms [baseline_invalid]"
            ),
            (
                "path: $.a\n    kind: token\n    alphabet: hex\n    length: 8..2",
                "r.yaml:6:13: 'rules[0].length' is no length: write a number such as 32, or a range such as 6..8 [baseline_invalid]"
            ),
        ])
    func refused(_ rule: String, _ complaint: String) {
        let text = "version: 1\nrules:\n  - \(rule)\n    reason: r\n    expires: 2027-01-31\n"
        #expect(self.code { _ = try RuleFile(yaml: text, file: "r.yaml", today: Self.today) } == complaint)
    }

    @Test("a rule needs a reason and a day on which it ends, and isn't used beyond it")
    func ruleExpiry() {
        let start = "version: 1\nrules:\n  - path: $.a\n    kind: uuid\n"
        #expect(
            self.code { _ = try RuleFile(yaml: start + "    reason: r\n", file: "r.yaml", today: Self.today) }
                == "r.yaml:3:5: 'rules[0]' lacks 'expires': write it [baseline_invalid]")
        #expect(
            self.code { _ = try RuleFile(yaml: start + "    expires: 2027-01-31\n", file: "r.yaml", today: Self.today) }
                == "r.yaml:3:5: 'rules[0]' lacks 'reason': write it [baseline_invalid]")
        #expect(
            self.code {
                _ = try RuleFile(
                    yaml: start + "    reason: r\n    expires: 2026-11-27\n", file: "r.yaml", today: Self.today)
            }
                == "r.yaml:6:14: the rule for $.a has expired on 2026-11-27: see whether it's still needed, and write a later day or remove it [baseline_expired]"
        )
    }

    @Test("what's written goes before what was learned, for its endpoints alone")
    func precedence() throws {
        var shop = ShopAnswers(seed: 5)
        let baseline = try shop.baseline()
        let file = try RuleFile(
            yaml: """
                version: 1
                rules:
                  - path: $..request_id
                    endpoint: GET /api/*
                    kind: token
                    alphabet: hex
                    length: 8
                    reason: shorter from now on
                    expires: 2027-01-31
                """, file: "rules.yaml", today: Self.today)
        let path = AnswerPath(.json, [.name("request_id")])
        #expect(baseline.rules(0).rule(for: path)?.kind == .uuid(isUpperCase: false))
        #expect(baseline.rules(0, written: file).rule(for: path)?.kind?.name == "token")
        #expect(baseline.rules(1, written: file).rule(for: path) == nil)
    }

    @Test(
        "every text that's kept was masked, numbers and names as well, and a masked answer is compared with a live one")
    func masking() throws {
        func body(_ id: String) -> ObservedAnswer {
            ShopAnswers.answer(
                [
                    "mail": "ann@example.org", "card": 4111_1111_1111_1111,
                    "ann@example.org": [.string("to ann@example.org")], "id": .string(id),
                ],
                headers: [.init("x-user", "ann@example.org")])
        }
        let mask: TextMask = { text in
            text == "4111111111111111"
                ? "‹card›"
                : text.split(separator: "ann@example.org", omittingEmptySubsequences: false).joined(separator: "‹mail›")
        }
        let runs = ["8f3a91c0", "77b0ce42"].map { [body($0)] }
        let baseline = try Baseline.recorded(
            caseName: "who", endpoints: ["GET /"], runs: runs, at: LearningTests.now,
            expires: CalendarDay(number: 30_000), mask: mask)
        let text = try baseline.yaml()
        #expect(!text.contains("ann@") && !text.contains("4111"))
        #expect(try baseline.differences(0, actual: body("0123abcd"), mask: mask).isEmpty)
        #expect(try baseline.differences(0, actual: body("none"), mask: mask).map(\.kind) == [.shape])
        #expect(
            self.code { _ = try body("1").masked { _ in throw TestSupportError("broken") } }.hasSuffix(
                "[redaction_failed]"))
    }

    @Test("a set of values of which one is masked is no rule, but said")
    func maskedSet() throws {
        let runs = ["ann", "bob", "ann", "bob"].map { [ShopAnswers.answer(["who": .string($0)])] }
        let baseline = try Baseline.recorded(
            caseName: "who", endpoints: ["GET /"], runs: runs, at: LearningTests.now,
            expires: CalendarDay(number: 30_000),
            mask: { $0.contains("ann") ? "‹name›" : $0 })
        #expect(baseline.entries[0].noise.rules.isEmpty)
        #expect(baseline.entries[0].noise.unexplained.map(\.path) == ["$.who"])
    }

    @Test(
        "paths match as they're written",
        arguments: [
            ("$..id", "$.id", true), ("$..id", "$.a[*].id", true), ("$..id", "$.a.idx", false), ("$.*", "$.a", true),
            ("$.*", "$.a.b", false), ("$.a[*]", "$.a[*]", true), ("$[*].x", "$[*].x", true),
            ("$['a b']", "$['a b']", true),
            ("header.X-*", "header.x-a", true), ("header.x-*", "header.y", false),
            ("/html//td.stock/text()", "/html/body/tr[*]/td.stock/text()", true),
            ("/html/*/p[*]", "/html/body/p[*]", true), ("text[*]", "text[*]", true), ("status", "status", true),
            ("$.a", "header.a", false),
        ])
    func patterns(_ pattern: String, _ path: String, _ matches: Bool) throws {
        // A plain path is a pattern of its own.
        let steps = try #require(Self.path(path))
        #expect(steps.description == path)
        #expect(try #require(PathPattern(pattern)).matches(steps) == matches)
    }

    private static func path(_ text: String) -> AnswerPath? {
        let yaml = """
            version: 1
            case: c
            recorded: 2026-11-27T21:01:19Z
            runs: 2
            expires: 2026-12-27
            entries:
              - endpoint: GET /
                status: "200"
                noise:
                  - path: \(text)
                    optional: true
            """
        return (try? Baseline(yaml: yaml, file: "f", today: nil))?.entries.first?.noise.rules.keys.first
    }

    @Test(
        "what's no path is none",
        arguments: ["", "a", "$a", "$.", "$..", "$[0]", "$['a", "/", "//", "/a[", "header.", "status5"])
    func noPatterns(_ text: String) { #expect(PathPattern(text) == nil) }
}

extension Int {
    fileprivate var asJSON: JSON { .number(JSONNumber(self)) }
}
