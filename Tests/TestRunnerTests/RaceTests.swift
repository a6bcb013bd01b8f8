import GloveboxCore
import Synchronization
import TestReports
import TestSupport
import Testing

@testable import TestRunner

@Suite("A case that runs several times at once: what no order of its requests comes to is a race")
struct RaceTests {
    private static let writes = "undo: [{call: {target: shop-host, name: clean}}]\n"

    private func race(_ text: String, _ settings: String, lanes: Int? = nil) async throws -> (TestReport, FakeRuns) {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.writes)cases: [{file: a.hurl, name: Buy, writes: true\(settings)}]"),
            ["a.hurl": text.replacing("HOST", with: "{{host}}")])
        var options = SuiteRunOptions()
        options.race = lanes
        return (try await fixture.runner(options).run(), fixture.runs)
    }

    @Test("two who buy the last one at once, and both get it, are a race; each trial is a run of its own, undone")
    func lastOne() async throws {
        let (report, runs) = try await self.race(
            "POST HOST/shop/buy/racy\nHTTP 201\n[Captures]\nid: jsonpath \"$.id\"\n", ", race: {lanes: 2, rounds: 3}")
        #expect(report.cases.map(\.title) == ["Buy", "Buy [race of 2]"])
        let raced = report.cases[1]
        #expect(report.cases[0].outcome == .passed && raced.outcome == .failed && report.verdict == .failed)
        let race = try #require(raced.race)
        #expect(race.orders == 1 && race.areAllOrdersTried && race.rounds == 3)
        #expect(race.inOrder.map(\.outcome) == [["201", "409"]])
        #expect(race.races.map(\.outcome) == [["201", "201"]] && race.races.map(\.times) == [3])
        let failure = try #require(raced.failures.first)
        #expect(failure.path == "race" && failure.actual == "201\n201")
        #expect(failure.versions == ["web@2", "orders@1"] && failure.request?.contains("/shop/buy/racy") == true)
        #expect(failure.traceID?.split(separator: " ").count == 2)
        // The case's own run, its one order twice, three rounds, and the order once more before it's said.
        let (begun, ended) = runs.state.withLock { ($0.plans.count, $0.outcomes.count) }
        #expect(begun == 7 && ended == 7)
        let trials = runs.state.withLock { state in state.undos.map(\.testCase) }
        #expect(Set(trials) == ["Buy"])
        #expect(runs.state.withLock { $0.plans.dropFirst().allSatisfy { $0.trial?.hasPrefix("Buy, trial") == true } })
    }

    @Test("the same without the fault is none, though each time another of them gets it")
    func noRace() async throws {
        let (report, _) = try await self.race(
            "POST HOST/shop/buy/safe\nHTTP *\n[Captures]\nid: jsonpath \"$\" toString\n", "", lanes: 3)
        let raced = try #require(report.cases.last)
        #expect(raced.title == "Buy [race of 3]" && raced.outcome == .passed, "\(raced)")
    }

    @Test("ids that differ each time aren't compared, but two of them that are the same are a race")
    func sameNumber() async throws {
        let text = "POST HOST/shop/number/racy\nHTTP 200\n[Captures]\nnumber: jsonpath \"$.number\"\n"
        let (report, _) = try await self.race(text, ", race: {lanes: 2, rounds: 3}")
        let race = try #require(report.cases.last?.race)
        #expect(race.ignored == ["number (line 1)"])
        #expect(race.races.map(\.outcome) == [["200", "200", "2 of them got the same number (line 1)"]], "\(race)")
        let (safe, _) = try await self.race(text.replacing("racy", with: "safe"), ", race: {lanes: 2, rounds: 3}")
        #expect(safe.cases.last?.outcome == .passed, "\(safe.cases)")
    }

    @Test("what some order of single requests comes to is none, though no order of whole cases does")
    func interleaved() async throws {
        let text = """
            GET HOST/shop/add
            HTTP 200
            [Captures]
            next: jsonpath "$.next"

            PUT HOST/shop/add?to={{next}}
            HTTP 200
            [Asserts]
            jsonpath "$.count" >= 0
            """
        let (report, _) = try await self.race(text, ", race: {lanes: 2, rounds: 3}")
        let race = try #require(report.cases.last?.race)
        // Of two lanes with two requests each: whole ones, and those in which both look before one writes.
        #expect(race.orders == 3 && race.areAllOrdersTried)
        #expect(race.inOrder.count == 2, "\(race.inOrder)")
        #expect(report.cases.last?.outcome == .passed, "\(race)")
    }

    @Test("more at once than the suite's limit allows is refused before anything is begun")
    func tooMany() async throws {
        let fixture = try SuiteFixture(
            "limits: {concurrency: 2}\ncases: [a.hurl]", ["a.hurl": "GET http://127.0.0.1/shop\n"])
        var options = SuiteRunOptions()
        options.race = 3
        await #expect(throws: GloveboxError.self) { _ = try await fixture.runner(options).run() }
        #expect(fixture.runs.log.isEmpty)
    }

    // MARK: orders

    /// Runs lanes of so many requests by an order, and says whose turn each was.
    private func turns(_ order: inout LaneOrder, _ requests: [Int]) -> [Int] {
        var left = requests
        var turns: [Int] = []
        while case let waiting = left.indices.filter({ left[$0] > 0 }), !waiting.isEmpty {
            let lane = order.next(waiting)
            left[lane] -= 1
            turns.append(lane)
        }
        return turns
    }

    @Test("each order of alike lanes is tried once", arguments: [(2, 1), (2, 2), (3, 1), (2, 3), (3, 2), (4, 2)])
    func orders(_ lanes: Int, _ requests: Int) {
        var seen: Set<[Int]> = []
        var next: LaneOrder? = LaneOrder()
        while var order = next {
            let turns = self.turns(&order, Array(repeating: requests, count: lanes))
            #expect(seen.insert(turns).inserted, "\(turns) twice")
            next = order.following.map { LaneOrder(prefix: $0) }
        }
        #expect(seen.count == LaneOrder.count(lanes: lanes, requests: requests, isLockstep: false))
    }

    @Test("how many orders there are")
    func counts() {
        #expect(LaneOrder.count(lanes: 2, requests: 1, isLockstep: false) == 1)
        #expect(LaneOrder.count(lanes: 2, requests: 2, isLockstep: false) == 3)
        #expect(LaneOrder.count(lanes: 3, requests: 2, isLockstep: false) == 15)
        #expect(LaneOrder.count(lanes: 2, requests: 3, isLockstep: true) == 4)
        #expect(LaneOrder.count(lanes: 16, requests: 50, isLockstep: false) == 1_000_000_000)
    }

    @Test("an order at random is the same again by its choices")
    func random() {
        for seed in 0..<20 as Range<UInt64> {
            var order = LaneOrder(seed: seed)
            let turns = self.turns(&order, [3, 2, 4])
            var again = LaneOrder(prefix: order.choices)
            #expect(self.turns(&again, [3, 2, 4]) == turns)
        }
    }

    // MARK: judging

    private func trial(_ order: [Int]?, _ lanes: (String, [String: String])...) -> TrialFacts {
        TrialFacts(order: order, lanes: lanes.map { LaneFacts(statuses: [$0.0], $0.1) })
    }

    @Test("who of the lanes came to what makes no difference")
    func alike() {
        let judgement = RaceJudgement(
            inOrder: [self.trial([0], ("201", [:]), ("409", [:]))],
            atOnce: [self.trial(nil, ("409", [:]), ("201", [:]))])
        #expect(judgement.races.isEmpty)
    }

    @Test("a number that's the same whenever the order is the same is compared by its value")
    func values() {
        let inOrder = [
            self.trial([0], ("200", ["left": "1"]), ("200", ["left": "0"])),
            self.trial([0], ("200", ["left": "1"]), ("200", ["left": "0"])),
        ]
        let lost = self.trial(nil, ("200", ["left": "1"]), ("200", ["left": "1"]))
        let judgement = RaceJudgement(inOrder: inOrder, atOnce: [lost, inOrder[0]])
        #expect(judgement.races.values.map(\.self) == [1])
        #expect(judgement.noise.facts.isEmpty)
    }

    @Test("times are never compared, ids are by whether two are the same, unless that happens in order, too")
    func noise() {
        func one(_ order: [Int]?, _ ids: (String, String), _ time: String) -> TrialFacts {
            self.trial(
                order, ("200", ["id": ids.0, "at": "string <2026-01-01T\(time)Z>"]),
                ("200", ["id": ids.1, "at": "string <2026-01-01T\(time)Z>"]))
        }
        let inOrder = [one([0], ("a", "b"), "10:00:00"), one([0], ("c", "d"), "10:00:00")]
        #expect(RaceJudgement(inOrder: inOrder, atOnce: [one(nil, ("e", "f"), "10:00:01")]).races.isEmpty)
        #expect(RaceJudgement(inOrder: inOrder, atOnce: [one(nil, ("e", "e"), "10:00:01")]).races.count == 1)
        let shared = [one([0], ("a", "a"), "10:00:00"), one([0], ("c", "c"), "10:00:00")]
        #expect(RaceJudgement(inOrder: shared, atOnce: [one(nil, ("e", "e"), "10:00:01")]).races.isEmpty)
    }
}
