import Changes
import Contracts
import FlagRules
import GloveboxCore
import TestSupport
import Testing

@testable import Gateway
@testable import StorageSQLite

@Suite("Guards and rollouts of changes")
struct ChangeGuardTests {
    private static let errors = GuardCondition(
        name: "errors", sign: .signal("errors"), bound: .atMost(0.01), patience: .seconds(30))

    /// Runs the service while `body` runs.
    private static func running(
        _ body: (ChangeBench) async throws -> Void
    ) async throws {
        let bench = try await ChangeBench()
        let running = Task { try await bench.changes.run() }
        try await body(bench)
        running.cancel()
        _ = await running.result
    }

    /// Lets a second pass once somebody waits for it to.
    private static func second(_ bench: ChangeBench) async throws {
        try await self.untilMeasured(bench)
        bench.time.advance(by: .seconds(1))
    }

    /// Until who measures has done so, and waits for the next time.
    private static func untilMeasured(_ bench: ChangeBench) async throws {
        try await eventually(timeout: .seconds(10), "somebody who measures") { bench.time.sleeperCount >= 2 }
    }

    @Test("a guard that trips takes its set back, alone, and the record says which sign tripped it")
    func trips() async throws {
        try await Self.running { bench in
            bench.signals.set("errors", 0.001)
            let other = try await bench.changes.apply(
                [FlagChangePlan(key: "new", .define(try FlagValue(json: Array(ChangeBench.flag("on").utf8))))],
                title: "x", under: bench.grant())
            let set = try await bench.turn("on", bench.grant(), guards: [Self.errors])
            #expect(set.guards == [Self.errors])
            try await Self.second(bench)
            #expect(try bench.variant() == "on")
            try await Self.untilMeasured(bench)
            bench.signals.set("errors", 0.02)
            try await Self.second(bench)
            try await eventually(timeout: .seconds(10), "the end") { try bench.variant() == "off" }
            try await eventually(timeout: .seconds(10), "the record") {
                bench.log.events.last
                    == .changeUndone(
                        set.id, cause: "guard 'errors' tripped: 0.02, and at most 0.01 was wanted", by: nil,
                        conflicts: [])
            }
            #expect(try bench.variant("new") == "on")
            #expect(try await bench.changes.changeSet(other.id).state == .applied)
        }
    }

    @Test("one that can't be judged for its patience counts as tripped")
    func unjudged() async throws {
        try await Self.running { bench in
            let set = try await bench.turn("on", bench.grant(), guards: [Self.errors])
            for _ in 0..<29 { try await Self.second(bench) }
            #expect(try bench.variant() == "on")
            try await Self.second(bench)
            try await eventually(timeout: .seconds(10), "the end") {
                try await bench.changes.changeSet(set.id).state == .undone
            }
            let cause = ChangeMachine(try await bench.changes.changeSet(set.id)).cause
            #expect(
                cause
                    == .guardTripped("errors", reason: "it couldn't be judged for 30s: no answer"))
        }
    }

    @Test("what a guard doesn't allow to begin with isn't applied, nor under a guard that nobody can measure")
    func refused() async throws {
        let bench = try await ChangeBench()
        bench.signals.set("errors", 0.5)
        var error = await #expect(throws: GloveboxError.self) {
            _ = try await bench.turn("on", bench.grant(), guards: [Self.errors])
        }
        #expect(error?.code == .guardTripped)
        var unknown = Self.errors
        unknown.sign = .signal("none")
        error = await #expect(throws: GloveboxError.self) {
            _ = try await bench.turn("on", bench.grant(), guards: [unknown])
        }
        #expect(error?.code == .notFound)
        #expect(try bench.variant() == "off")
        #expect(bench.log.events.map(\.name) == ["change_refused", "change_refused"])
        #expect(try await bench.storage.changeSets(ChangeFilter()).isEmpty)
    }

    @Test("a rollout goes on while its guards hold, each share on record; it can be kept at its end alone")
    func rollout() async throws {
        try await Self.running { bench in
            bench.signals.set("errors", 0)
            let rollout = try Rollout([
                .init(percent: 25, holds: .seconds(2)), .init(percent: 100, holds: .seconds(1)),
            ])
            let set = try await bench.turn("on", bench.grant(), guards: [Self.errors], rollout: rollout)
            let share = try bench.share()
            #expect((200..<300).contains(share))
            let early = await #expect(throws: GloveboxError.self) {
                _ = try await bench.changes.keep(set.id, by: ChangeBench.ada)
            }
            #expect(early?.code == .changeNotOpen)
            for _ in 0..<2 { try await Self.second(bench) }
            try await eventually(timeout: .seconds(10), "the whole") { try bench.share() == 1000 }
            #expect(bench.log.events.last == .changeAdvanced(set.id, percent: 100))
            #expect(try bench.variant() == "on")
            #expect(try await bench.changes.keep(set.id, by: ChangeBench.ada).state == .kept)
            #expect(try bench.house.epoch(of: nil).state.base["checkout"] == ChangeBench.flag("on"))
        }
    }

    @Test("a rollout stays where it is after a restart, and goes back as a whole")
    func restart() async throws {
        var bench = try await ChangeBench()
        let rollout = try Rollout([.init(percent: 25, holds: .seconds(2)), .init(percent: 100, holds: .zero)])
        let set = try await bench.turn("on", bench.grant(), rollout: rollout)
        let share = try bench.share()
        bench = try await bench.again()
        #expect(try bench.share() == share)
        let running = Task { [bench] in try await bench.changes.run() }
        for _ in 0..<2 { try await Self.second(bench) }
        try await eventually(timeout: .seconds(10), "the whole") { try bench.share() == 1000 }
        #expect(try await bench.changes.undo(set.id, by: ChangeBench.ada).state == .undone)
        #expect(try bench.share() == 0)
        running.cancel()
        _ = await running.result
    }

    @Test("a flag that no share can be of is refused before anything is written")
    func unfit() async throws {
        let bench = try await ChangeBench()
        let rollout = try Rollout([.init(percent: 25, holds: .zero)])
        let whole = try FlagValue(
            json: Array(#"{"state":"ENABLED","variants":{"on":false,"off":true},"defaultVariant":"on"}"#.utf8))
        for plan in [
            FlagChangePlan(key: "checkout", .remove), FlagChangePlan(key: "new", .define(whole)),
            FlagChangePlan(key: "checkout", .define(whole)),
            FlagChangePlan(key: "checkout", .set(defaultVariant: nil, isEnabled: false)),
        ] {
            let error = await #expect(throws: GloveboxError.self) {
                _ = try await bench.changes.apply([plan], rollout: rollout, title: "x", under: bench.grant())
            }
            #expect(error?.code == .flagsInvalid)
        }
        #expect(try await bench.storage.changeSets(ChangeFilter()).isEmpty)
    }
}

extension ChangeBench {
    /// How many of a thousand people see the flag on.
    fileprivate func share() throws -> Int {
        let flags = try self.house.epoch(of: nil).flags
        return (0..<1000).filter {
            flags.resolve("checkout", FlagContext(targetingKey: "user-\($0)"), timestamp: 0).variant == "on"
        }.count
    }
}
