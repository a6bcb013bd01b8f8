import Baselines
import Contracts
import GloveboxCore
import JSONDocument
import TestSupport
import Testing

@Suite("Baselines of whatever comes")
struct BaselineFuzzTests {
    private static let pieces = [
        "<", ">", "</", "<p", "<td>", "<tr>", "<table>", "<script>", "</script>", "\"", "'", "=", "/", "<!--", "-->",
        "&", "&#", ";",
        "x41", "a", " ", "\n", "<li class=a>", "é", "]", "*",
    ]

    @Test("no page, pattern, format or file of rules ends the process")
    func bytes() throws {
        var shop = ShopAnswers(seed: 1)
        let file = Array(try shop.baseline().yaml().utf8)
        try Fuzzing("baseline bytes").run(400) { generator in
            let text = (0..<generator.place(in: 40)).map { _ in Self.pieces.randomElement(using: &generator) ?? "" }
                .joined()
            let html = HTMLTree.json(generator.once(in: 2) ? Array(text.utf8) : generator.bytes(60))
            var differ = AnswerDiffer(NoiseRules())
            let answer = ObservedAnswer(status: "200", body: .html(text))
            #expect(differ.compare(expected: answer, actual: answer, isConcurrent: true).differences.isEmpty)
            _ = html.printed()
            _ = PathPattern("$" + text)
            _ = TimeFormat.recognised("2026-11-27T" + text)
            _ = TimeFormat(text)?.seconds(text)
            let spoiled = String(decoding: generator.spoiled(file), as: UTF8.self)
            do {
                _ = try Baseline(yaml: spoiled, file: "f", today: nil)
            } catch {
                #expect((error as? GloveboxError)?.code == .baselineInvalid, "\(error)")
            }
        }
    }

    /// A value of a made-up service, with noise of all kinds and lists in any order.
    private static func value(_ generator: inout SeededGenerator, _ shape: UInt64, _ depth: Int) -> JSON {
        // The shape is the same for all answers, what's drawn of the generator is noise.
        var shape = SeededGenerator(seed: shape)
        switch Int.random(in: 0..<(depth > 2 ? 8 : 10), using: &shape) {
        case 0: return .string("word \(Int.random(in: 0..<3, using: &shape))")
        case 1: return .number(JSONNumber(Int.random(in: 0..<100, using: &shape)))
        case 2:
            return .string(
                (0..<16).map { _ in String(UInt8.random(in: 0..<16, using: &generator), radix: 16) }.joined())
        case 3: return .number(JSONNumber(100 + Int.random(in: 0..<5, using: &generator)))
        case 4: return .string("2026-11-27T12:00:\(10 + generator.place(in: 40))Z")
        case 5: return .string("at 12:00:\(10 + generator.place(in: 40)), no \(100_000 + generator.place(in: 900_000))")
        case 6: return generator.once(in: 3) ? .null : true
        case 7: return .array((0..<3).map { .string("tag \($0)") }.shuffled(using: &generator))
        case 8:
            let (seed, count) = (shape.next(), 1 + shape.place(in: 4))
            return .array(
                (0..<count).map { index in
                    .object(
                        JSONObject([
                            .init("key", .number(JSONNumber(index))),
                            .init("v", Self.value(&generator, seed &+ UInt64(index), depth + 1)),
                        ]))
                }.shuffled(using: &generator))
        default:
            let names = (0..<3).map { ("m\($0)", shape.next()) }
            return .object(
                JSONObject(
                    names.compactMap { name, seed in
                        generator.once(in: 8) ? nil : .init(name, Self.value(&generator, seed, depth + 1))
                    }))
        }
    }

    @Test("what was learned explains the answers that it was learned from, each against each")
    func learnedExplains() throws {
        try Fuzzing("learned noise").run(300) { generator in
            let shape = generator.next()
            let runs = (0..<Int.random(in: 2...5, using: &generator)).map { _ in
                ShopAnswers.answer([
                    "top": Self.value(&generator, shape, 0), "more": Self.value(&generator, shape &+ 1, 0),
                ])
            }
            let noise = NoiseLearner.learn(runs, at: LearningTests.now).noise
            // What isn't explained differs, of course.
            let unexplained = Set(noise.unexplained.map(\.path))
            var differ = AnswerDiffer(NoiseRules(learned: noise.rules))
            for expected in runs {
                for actual in runs {
                    let found = differ.compare(expected: expected, actual: actual, isConcurrent: true).differences
                        .filter { difference in !unexplained.contains { difference.path.hasPrefix($0) } }
                    guard unexplained.isEmpty else { continue }
                    #expect(found.isEmpty, "\(found)\n\(noise.rules)\n\(expected.body)\n\(actual.body)")
                }
            }
        }
    }

    @Test("a value that was changed is seen, wherever it stands and whatever was learned around it")
    func changeIsSeen() throws {
        try Fuzzing("changed values").run(300) { generator in
            let shape = generator.next()
            func answer(_ mark: JSON) -> ObservedAnswer {
                let rows: [JSON] = (0..<4).map { index in
                    [
                        "id": .number(JSONNumber(index)), "mark": index == 2 ? mark : "same",
                        "noise": Self.value(&generator, shape, 1),
                    ]
                }
                return ShopAnswers.answer(["rows": .array(rows.shuffled(using: &generator))])
            }
            let runs = (0..<3).map { _ in answer("same") }
            let noise = NoiseLearner.learn(runs, at: LearningTests.now).noise
            guard noise.unexplained.isEmpty else { return }
            var differ = AnswerDiffer(NoiseRules(learned: noise.rules))
            let found = differ.compare(expected: runs[0], actual: answer("other"), isConcurrent: true).differences
            #expect(found.contains { $0.path == "$.rows[*].mark" && $0.kind == .changed }, "\(found)\n\(noise.rules)")
        }
    }
}
