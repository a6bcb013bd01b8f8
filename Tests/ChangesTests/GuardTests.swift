import GloveboxCore
import Testing

@testable import Changes

private func at(_ seconds: Int) -> BootInstant { BootInstant(nanoseconds: Int64(seconds) * 1_000_000_000) }

@Suite("Guards and rollouts")
struct GuardTests {
    private static let errors = GuardCondition(
        name: "errors", sign: .signal("errors"), bound: .atMost(0.01), patience: .seconds(30))

    @Test("a guard holds while it's within its bound, and trips at the first value beyond it, for good")
    func bound() {
        var machine = GuardMachine(Self.errors, at: at(0))
        #expect(machine.verdict == .unknown)
        machine.measured(0.01, at: at(1))
        #expect(machine.verdict == .holds)
        machine.measured(0.011, at: at(2))
        #expect(machine.verdict == .tripped("0.011, and at most 0.01 was wanted"))
        machine.measured(0, at: at(3))
        #expect(machine.verdict == .tripped("0.011, and at most 0.01 was wanted"))
        var least = GuardMachine(
            GuardCondition(name: "rate", sign: .query("rate"), bound: .atLeast(10), patience: .seconds(5)), at: at(0))
        least.measured(9.5, at: at(1))
        #expect(least.verdict == .tripped("9.5, and at least 10 was wanted"))
    }

    @Test("one that can't be judged counts as tripped after its time, counted from the last measurement")
    func unjudged() {
        var machine = GuardMachine(Self.errors, at: at(0))
        machine.measured(0, at: at(20))
        machine.failed("no answer", at: at(25))
        #expect(machine.verdict == .unknown && machine.deadline == at(50))
        machine.look(at: at(49))
        #expect(machine.verdict == .unknown)
        machine.look(at: at(50))
        #expect(machine.verdict == .tripped("it couldn't be judged for 30s: no answer"))
        var silent = GuardMachine(Self.errors, at: at(0))
        // A measurement that comes too late doesn't save it.
        silent.measured(0, at: at(31))
        #expect(silent.verdict == .tripped("it couldn't be judged for 30s"))
        var odd = GuardMachine(Self.errors, at: at(0))
        odd.measured(.nan, at: at(1))
        #expect(odd.verdict == .unknown && odd.deadline == at(30))
    }

    @Test("a rollout advances when its guards hold, holds while they don't know, and goes back when one trips")
    func rollout() throws {
        let rollout = try Rollout([.init(percent: 10, holds: .seconds(60)), .init(percent: 100, holds: .seconds(60))])
        var errors = GuardMachine(Self.errors, at: at(0))
        var machine = RolloutMachine(rollout, at: at(0))
        #expect(machine.look([errors], at: at(0)) == .advance(percent: 10))
        #expect(machine.look([errors], at: at(59)) == .wait(until: at(60)))
        #expect(machine.look([errors], at: at(60)) == .hold)
        errors.measured(0, at: at(20))
        errors.measured(0, at: at(45))
        errors.measured(0, at: at(61))
        #expect(machine.look([errors], at: at(61)) == .advance(percent: 100))
        #expect(machine.look([errors], at: at(121)) == .done)
        errors.measured(0.5, at: at(80))
        #expect(
            machine.look([errors], at: at(122))
                == .goBack(guardName: "errors", reason: "0.5, and at most 0.01 was wanted"))
        // After a restart the step that was in force has to hold its whole time again.
        var again = RolloutMachine(rollout, step: 0, at: at(500))
        #expect(again.look([], at: at(559)) == .wait(until: at(560)))
        #expect(again.look([], at: at(560)) == .advance(percent: 100))
    }

    @Test("a rollout's shares grow, up to 100", arguments: [[], [0], [10, 10], [20, 10], [50, 101]])
    func shares(_ percents: [Int]) {
        #expect(throws: GloveboxError.self) {
            try Rollout(percents.map { Rollout.Step(percent: $0, holds: .seconds(1)) })
        }
    }
}
