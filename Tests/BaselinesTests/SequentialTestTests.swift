import Baselines
import TestSupport
import Testing

/// By simulation with a fixed seed: the bounds hold for any data, so a run of many leaves no doubt.
@Suite("The sequential test")
struct SequentialTestTests {
    private struct Run {
        var differed = false
        var wasSame = false
        /// At which triple it was first said to differ.
        var differedAt: Int?
    }

    /// One path of which the primary differs from itself with one probability, and the candidate with another.
    private func run(
        _ error: SequentialTest.Error, primary: Double, candidate: Double, most: Int, _ generator: inout SeededGenerator
    ) -> Run {
        var test = SequentialTest(error)
        var run = Run()
        for count in 1...most {
            test.add(
                primary: Double.random(in: 0..<1, using: &generator) < primary,
                candidate: Double.random(in: 0..<1, using: &generator) < candidate)
            if test.verdict == .differs {
                run.differed = true
                run.differedAt = count
                return run
            }
            if test.verdict == .same { run.wasSame = true }
        }
        return run
    }

    @Test(
        "looking after each of 1,000 triples, a path that's as noisy as the primary's is seldom said to differ",
        arguments: [0.01, 0.1, 0.5, 0.9])
    func falseAlarms(_ rate: Double) {
        var generator = SeededGenerator(seed: 20_261_127)
        let error = SequentialTest.Error(falseAlarm: 0.05, miss: 0.05, effect: 0.05)
        let alarms = (0..<400).count { _ in
            self.run(error, primary: rate, candidate: rate, most: 1000, &generator).differed
        }
        #expect(alarms <= 20, "\(alarms) of 400")
    }

    @Test("the order that's drawn is enough: answers that drift and come in pairs raise no more alarms")
    func driftingAnswers() {
        var generator = SeededGenerator(seed: 4)
        let error = SequentialTest.Error(falseAlarm: 0.05)
        let alarms = (0..<400).count { _ in
            var test = SequentialTest(error)
            var state = 0
            for _ in 0..<500 {
                // Three answers one after another; each is likely what the last was. Which is whose is drawn.
                let slots = (0..<3).map { _ in
                    if generator.once(in: 4) { state = 1 - state }
                    return state
                }.shuffled(using: &generator)
                test.add(primary: slots[0] != slots[1], candidate: slots[0] != slots[2])
                if test.verdict == .differs { return true }
            }
            return false
        }
        #expect(alarms <= 20, "\(alarms) of 400")
    }

    @Test(
        "a difference of the size that counts is seldom said to be none",
        arguments: [(0.0, 0.05), (0.1, 0.15), (0.4, 0.45)])
    func misses(_ primary: Double, _ candidate: Double) {
        var generator = SeededGenerator(seed: 7)
        let error = SequentialTest.Error(falseAlarm: 1e-9, miss: 0.05, effect: 0.05)
        let misses = (0..<400).count { _ in
            self.run(error, primary: primary, candidate: candidate, most: 2000, &generator).wasSame
        }
        #expect(misses <= 20, "\(misses) of 400")
    }

    /// The error that ``Comparison`` gives one path by default: 0.01 among 280 tests.
    static let share = SequentialTest.Error(falseAlarm: 0.01 / 280, miss: 0.005, effect: 0.05)

    @Test(
        "a real difference is found within as many triples as the documentation says, nineteen times of twenty",
        arguments: [
            (0.0, 1.0, 17), (0.0, 0.33, 80), (0.0, 0.14, 190), (0.0, 0.05, 550), (0.1, 0.25, 550), (0.3, 0.5, 550),
        ])
    func power(_ primary: Double, _ candidate: Double, _ within: Int) {
        var generator = SeededGenerator(seed: 99)
        let runs = (0..<200).map { _ in
            self.run(Self.share, primary: primary, candidate: candidate, most: within, &generator)
        }
        let found = runs.count { $0.differed }
        print("power", primary, candidate, within, found)
        #expect(found >= 190, "\(found) of 200")
    }

    @Test("a path that never differs is the same after as many triples as it says")
    func sameness() {
        #expect(SequentialTest.triplesForSameness(Self.share) == 130)
        #expect(SequentialTest.triplesForDifference(Self.share) == 16)
    }

    @Test("the mixture is what it's said to be, by summing over many q")
    func mixture() {
        var test = SequentialTest(.init(falseAlarm: 1e-12))
        for place in 0..<60 { test.add(primary: place % 5 == 0, candidate: place % 5 != 0) }
        let steps = 200_000
        let sum = (0..<steps).reduce(0.0) { sum, step in
            let q = 0.5 + (Double(step) + 0.5) / Double(2 * steps)
            var product = 1.0
            for place in 0..<60 { product *= place % 5 == 0 ? 2 * (1 - q) : 2 * q }
            return sum + product
        }
        let expected = sum / Double(steps) / 2
        #expect(abs(test.evidenceOfDifference / expected - 1) < 1e-6)
    }
}
