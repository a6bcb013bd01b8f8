import Baselines
import Contracts
import Foundation
import GloveboxCore
import JSONDocument
import TestSupport
import Testing

@Suite("Comparing a candidate with the primary")
struct ComparisonTests {
    /// Runs a comparison to its end, both sides answering from one shop; the candidate's version has these faults.
    private func compare(
        _ faults: Set<ShopAnswers.Fault>, most: Int = 200, seed: UInt64 = 1, mask: @escaping TextMask = { $0 }
    ) throws -> ComparisonReport {
        var shop = ShopAnswers(seed: seed)
        var comparison = Comparison([.init(try shop.baseline())], .init(mostTriples: most, seed: seed), mask: mask)
        var action = comparison.next()
        while case .send(_, let side) = action {
            let isCandidate = side == .candidate
            let faults = isCandidate ? faults : []
            let served = isCandidate ? "web@2, orders@2, inventory@1" : "web@1, orders@1, inventory@1"
            action = comparison.answered([
                shop.productList(faults, served: served), shop.placedOrder(faults, served: served),
                shop.shopPage(faults),
            ])
        }
        return comparison.report
    }

    private func differing(_ report: ComparisonReport) -> [String] {
        report.endpoints.flatMap { endpoint in
            endpoint.paths.filter { $0.verdict == .differs }.map { "\(endpoint.endpoint) \($0.path)" }
        }
    }

    @Test("noise alone makes no difference in 1,000 compared requests", arguments: [1, 2] as [UInt64])
    func noise(_ seed: UInt64) throws {
        let report = try self.compare([], most: 334, seed: seed)
        #expect(self.differing(report).isEmpty)
        #expect(report.verdict == .same, "\(report.lines)")
        #expect(report.ending == .decided)
    }

    @Test("noise alone makes no difference even where the budget is used up")
    func noiseToTheEnd() throws {
        var shop = ShopAnswers(seed: 8)
        let entry = try shop.baseline()
        var differ = AnswerDiffer(entry.rules(0))
        var count = 0
        let expected = shop.productList()
        for _ in 0..<1000 {
            count += differ.compare(expected: expected, actual: shop.productList(), isConcurrent: false).differences
                .count {
                    // Stock goes down as people buy, further than was learned.
                    $0.path != "$.products[*].available"
                }
        }
        #expect(count == 0)
    }

    @Test("a renamed field is found and named, with the versions that answered")
    func rename() throws {
        let report = try self.compare([.rename])
        #expect(
            self.differing(report) == [
                "GET /api/products $.products[*].in_stock", "GET / /html/body/table[*]/tbody/tr[*]/td.stock/text()",
            ])
        let endpoint = report.endpoints[0]
        #expect(endpoint.candidateVersions == ["web@2, orders@2, inventory@1"])
        #expect(endpoint.primaryVersions == ["web@1, orders@1, inventory@1"])
        #expect(endpoint.paths[0].example?.what == "renamed from 'available'")
        #expect(endpoint.paths[0].exampleCase == "shop")
        #expect(
            report.lines.contains {
                $0.contains("differs  $.products[*].in_stock: renamed from 'available'")
            })
    }

    @Test("a wrong total in one currency is found and named")
    func currency() throws {
        let report = try self.compare([.currency])
        #expect(self.differing(report) == ["POST /api/orders $.total"])
        #expect(report.endpoints[1].paths.first?.example?.what == "\"15300\" is expected, \"153.00\" came")
    }

    @Test("a dependency that fails now and then, and one that's slow now and then, are found")
    func failingAndSlow() throws {
        let failing = try self.compare([.failing], most: 300)
        #expect(self.differing(failing) == ["GET /api/products status"])
        let slow = try self.compare([.slow])
        #expect(self.differing(slow) == ["GET /api/products latency"])
        #expect(slow.endpoints[0].paths.first?.example?.actual == "2504 ms")
    }

    @Test("what isn't of its kind any more, and what's gone from an unordered list, are found among the noise")
    func insideNoise() throws {
        let report = try self.compare([.uuidLost, .elementLost])
        #expect(Set(self.differing(report)) == ["GET /api/products $.request_id", "GET /api/products $.products[*]"])
    }

    @Test("a report is the same value after JSON, and its verdict stands on what it says")
    func json() throws {
        let report = try self.compare([.currency], most: 5)
        #expect(try JSONDecoder().decode(ComparisonReport.self, from: JSONEncoder().encode(report)) == report)
        // Five are too few to be sure of anything.
        #expect(report.verdict == .inconclusive)
        #expect(report.ending == .budget)
        #expect(report.triples == 5)
        #expect(report.requests == 45)
    }

    @Test("what's shown of values was masked, and where that fails nothing is shown")
    func masking() throws {
        let masked = try self.compare([.currency], mask: { $0.contains("153") ? "‹total›" : $0 })
        #expect(!masked.lines.joined().contains("153"))
        #expect(masked.lines.joined().contains("‹total› is expected"))
        let failed = try self.compare([.currency], mask: { _ in throw TestSupportError("broken") })
        #expect(!failed.lines.joined().contains("153"))
        #expect(self.differing(failed) == ["POST /api/orders (it can't be masked)"])
    }

    @Test("each triple has all three sides in an order that's drawn, each round all cases, and a seed draws them again")
    func order() {
        func sent(_ seed: UInt64) -> [String] {
            let cases = (0..<3).map {
                Comparison.Case(name: "c\($0)", entries: [.init(endpoint: "GET /\($0)", rules: NoiseRules())])
            }
            var comparison = Comparison(cases, .init(mostTriples: 12, seed: seed), mask: { $0 })
            var sent: [String] = []
            var action = comparison.next()
            while case .send(let index, let side) = action {
                #expect(comparison.next() == action)
                sent.append("\(index) \(side.rawValue)")
                action = comparison.answered([ShopAnswers.answer(1)])
            }
            #expect(action == .finish(.budget))
            return sent
        }
        let order = sent(5)
        #expect(order == sent(5))
        #expect(order != sent(6))
        let triples = stride(from: 0, to: order.count, by: 3).map { Array(order[$0..<$0 + 3]) }
        #expect(triples.allSatisfy { Set($0.map { $0.dropFirst(2) }) == ["primary", "primary-again", "candidate"] })
        #expect(Set(triples.map { $0.map { $0.dropFirst(2) }.joined() }).count > 3)
        for round in stride(from: 0, to: 12, by: 3) {
            #expect(Set(triples[round..<round + 3].map { $0[0].prefix(1) }) == ["0", "1", "2"])
        }
        #expect(RecordingOrder(caseCount: 4, runs: 3, seed: 2).cases.sorted() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
        #expect(RecordingOrder(caseCount: 4, runs: 3, seed: 2) != RecordingOrder(caseCount: 4, runs: 3, seed: 3))
    }

    @Test(
        "a candidate whose case ends early differs at the request that's never sent, and the comparison comes to its end"
    )
    func endedEarly() {
        let one = Comparison.Case(
            name: "c", entries: ["POST /a", "GET /a", "GET /b"].map { .init(endpoint: $0, rules: NoiseRules()) })
        var comparison = Comparison([one], .init(mostTriples: 1000, seed: 1), mask: { $0 })
        var action = comparison.next()
        while case .send(_, let side) = action {
            let answers = [ShopAnswers.answer(1), ShopAnswers.answer(2), ShopAnswers.answer(3)]
            action = comparison.answered(Array(answers.prefix(side == .candidate ? 1 : 2)))
        }
        #expect(self.differing(comparison.report) == ["GET /a status"])
        #expect(comparison.report.endpoints[1].paths[0].example?.what == "200 is expected, not_sent came")
        // What no side ever sends says nothing.
        #expect(comparison.report.endpoints.map(\.verdict) == [.same, .differs, .inconclusive])
    }

    @Test("a triple that was given up says nothing, and a comparison that's stopped sends nothing more")
    func givenUp() {
        let one = Comparison.Case(name: "c", entries: [.init(endpoint: "GET /", rules: NoiseRules())])
        var comparison = Comparison([one], .init(mostTriples: 3, seed: 1), mask: { $0 })
        _ = comparison.next()
        _ = comparison.gaveUp()
        #expect(comparison.triples == 1)
        #expect(comparison.report.endpoints[0].triples == 0)
        #expect(comparison.stop() == .finish(.stopped))
        #expect(comparison.answered([]) == .finish(.stopped))
        #expect(comparison.report.ending == .stopped)
    }

    @Test("paths beyond as many as are kept apart are judged together")
    func manyPaths() {
        let one = Comparison.Case(name: "c", entries: [.init(endpoint: "GET /", rules: NoiseRules())])
        var comparison = Comparison([one], .init(mostTriples: 60, mostPaths: 2, seed: 1), mask: { $0 })
        var action = comparison.next()
        while case .send(_, let side) = action {
            let value: JSON = .number(JSONNumber(side == .candidate ? 2 : 1))
            action = comparison.answered([ShopAnswers.answer(["a": value, "b": value, "c": value, "d": value])])
        }
        #expect(self.differing(comparison.report).map { $0.dropFirst(6) } == ["$.a", "$.b", "other paths"])
    }

    @Test("among many endpoints as noisy as can be, whole comparisons raise hardly an alarm")
    func familyOfTests() {
        var generator = SeededGenerator(seed: 12)
        let cases = (0..<8).map {
            Comparison.Case(name: "c\($0)", entries: [.init(endpoint: "GET /\($0)", rules: NoiseRules())])
        }
        let alarms = (0..<30).count { seed in
            var comparison = Comparison(
                cases, .init(error: .init(falseAlarm: 0.1), mostTriples: 400, mostPaths: 50, seed: UInt64(seed)),
                mask: { $0 })
            var action = comparison.next()
            while case .send = action {
                let members = (0..<6).map { JSONObject.Member("m\($0)", .bool(generator.once(in: $0 + 2))) }
                action = comparison.answered([ShopAnswers.answer(.object(JSONObject(members)))])
            }
            return comparison.report.verdict == .differs
        }
        #expect(alarms <= 3, "\(alarms) of 30")
    }

    @Test("what a service calls itself, and a member's name, are masked in a report and a baseline as values are")
    func maskedNames() throws {
        func answer(_ value: Int64) throws -> ObservedAnswer {
            ObservedAnswer(
                status: "200", body: .json(try JSON(parsing: Array(#"{"anna@example.com":\#(value)}"#.utf8))),
                servedBy: "web of anna@example.com")
        }
        let mask: TextMask = { $0.replacing("anna@example.com", with: "‹email›") }
        let one = Comparison.Case(name: "c", entries: [.init(endpoint: "GET /", rules: NoiseRules())])
        var comparison = Comparison([one], .init(mostTriples: 20, seed: 1), mask: mask)
        var action = comparison.next()
        while case .send(_, let side) = action {
            action = comparison.answered([try answer(side == .candidate ? 2 : 1)])
        }
        let report = comparison.report
        #expect(report.endpoints.first?.candidateVersions == ["web of ‹email›"])
        #expect(report.endpoints.first?.paths.isEmpty == false)
        #expect(!"\(report)\(report.lines)".contains("anna"), "\(report)")
        let baseline = try Baseline.recorded(
            caseName: "c", endpoints: ["GET /"], runs: [[answer(1)], [answer(1)]], at: WallTime(nanoseconds: 0),
            expires: CalendarDay(number: 1), mask: mask)
        #expect(baseline.against == "web of ‹email›")
        #expect(try !baseline.yaml().contains("anna"))

        // What can't be masked isn't shown.
        var closed = Comparison([one], .init(mostTriples: 20, seed: 1)) { _ in throw CancellationError() }
        action = closed.next()
        while case .send(_, let side) = action {
            action = closed.answered([try answer(side == .candidate ? 2 : 1)])
        }
        #expect(!"\(closed.report)".contains("anna"))
    }
}
