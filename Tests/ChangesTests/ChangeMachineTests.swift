import GloveboxCore
import Testing

@testable import Changes

private let noon = WallTime(nanoseconds: 1_735_732_800_000_000_000)
private let broken = GloveboxError(.unavailable, "the host is gone")

/// What acts have done to the world, and what must hold of it.
private struct World {
    var isApplied: [Bool]

    mutating func perform(_ act: ChangeAct) {
        switch act {
        case .apply(let step): self.isApplied[step] = true
        case .undo(let step, _): self.isApplied[step] = false
        case .wait, .none: break
        }
    }
}

@Suite("The life of a set of changes")
struct ChangeMachineTests {
    private static let count = 3

    private static func set() throws -> ChangeSet {
        ChangeSet(
            id: .random(), title: "a new checkout", holder: try IdentityName("ada"), lease: .random(),
            target: try TargetName("flags"),
            changes: (0..<Self.count).map { .flag(FlagChange(key: "k\($0)", definition: "{}", former: nil)) },
            plannedAt: noon)
    }

    /// As many steps as changes, as if each were on a host of its own.
    private static func machine(_ set: ChangeSet? = nil) throws -> ChangeMachine {
        ChangeMachine(try set ?? Self.set(), steps: (0..<Self.count).map { $0..<($0 + 1) })
    }

    /// Does one act, as its driver would. Returns whether there was one.
    @discardableResult
    private static func advance(_ machine: inout ChangeMachine, _ world: inout World) -> Bool {
        let act = machine.begin(at: noon)
        world.perform(act)
        switch act {
        case .apply(let step): machine.applied(step: step, at: noon)
        case .undo(let step, _): machine.undone(step: step, at: noon)
        case .wait, .none: return false
        }
        return true
    }

    private static func runThrough(_ machine: inout ChangeMachine, _ world: inout World) {
        while Self.advance(&machine, &world) {}
    }

    @Test("steps apply in order, and each is on record before it begins")
    func order() throws {
        var machine = try Self.machine()
        #expect(machine.state == .intent)
        for step in 0..<Self.count {
            #expect(machine.begin(at: noon) == .apply(step: step))
            #expect(machine.set.journal.last?.event == .applying(step: step))
            // Beginning twice, as after a crash, writes nothing twice.
            let count = machine.set.journal.count
            #expect(machine.begin(at: noon) == .apply(step: step))
            #expect(machine.set.journal.count == count)
            machine.applied(step: step, at: noon)
        }
        #expect(machine.state == .applied && machine.next == .wait)
    }

    @Test("steps go back in reverse, and that's the end")
    func reverse() throws {
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        Self.runThrough(&machine, &world)
        #expect(world.isApplied == [true, true, true])
        #expect(try machine.undo(.leaseEnded(.expired), at: noon))
        var order: [Int] = []
        while case .undo(let step, let after) = machine.begin(at: noon) {
            #expect(after == .zero)
            order.append(step)
            machine.undone(step: step, at: noon)
        }
        #expect(order == [2, 1, 0])
        #expect(machine.state == .undone && machine.next == .none && machine.cause == .leaseEnded(.expired))
        #expect(throws: GloveboxError.self) { try machine.undo(.leaseEnded(.holder), at: noon) }
        #expect(throws: GloveboxError.self) { try machine.keep(by: IdentityName("ada"), at: noon) }
    }

    /// The journal of a life in which all of it happens, with the state of the world beside each entry.
    private static func eventful() throws -> (journal: [ChangeEntry], worlds: [World]) {
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        var worlds: [World] = []
        func note(_ machine: ChangeMachine, _ world: World) {
            while worlds.count < machine.set.journal.count { worlds.append(world) }
        }
        while machine.state == .intent {
            let act = machine.begin(at: noon)
            note(machine, world)
            world.perform(act)
            guard case .apply(let step) = act else { break }
            machine.applied(step: step, at: noon)
            note(machine, world)
        }
        _ = try machine.undo(.asked(by: IdentityName("ada")), at: noon)
        note(machine, world)
        while case .undo = machine.next {
            let act = machine.begin(at: noon)
            note(machine, world)
            world.perform(act)
            guard case .undo(let step, _) = act else { break }
            machine.undone(step: step, at: noon)
            note(machine, world)
        }
        return (machine.set.journal, worlds)
    }

    @Test(
        "a journal cut at any record, with its last act done or not, goes on to the end: applied, or back where that was asked",
        arguments: [false, true])
    func cut(isLastActDone: Bool) throws {
        let (journal, worlds) = try Self.eventful()
        #expect(journal.count == 13)
        for count in 0...journal.count {
            var set = try Self.set()
            set.journal = Array(journal.prefix(count))
            var machine = try Self.machine(set)
            var world = count == 0 ? World(isApplied: [false, false, false]) : worlds[count - 1]
            if isLastActDone { world.perform(machine.next) }
            // What the crash left is stored as it's replayed.
            #expect(try Self.machine(machine.set) == machine)
            Self.runThrough(&machine, &world)
            let goesBack = journal.prefix(count).contains { if case .undoAsked = $0.event { true } else { false } }
            #expect(machine.state == (goesBack ? .undone : .applied), "cut at \(count)")
            #expect(world.isApplied == (goesBack ? [false, false, false] : [true, true, true]), "cut at \(count)")
        }
    }

    @Test(
        "a lease that ends while a set applies takes back what was begun, also what may be half done", arguments: 0..<3)
    func endsWhileApplying(step: Int) throws {
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        for _ in 0..<step { Self.advance(&machine, &world) }
        world.perform(machine.begin(at: noon))
        #expect(try machine.undo(.leaseEnded(.expired), at: noon))
        // The one who applied comes back too late.
        machine.applied(step: step, at: noon)
        Self.runThrough(&machine, &world)
        #expect(world.isApplied == [false, false, false])
        #expect(machine.state == .undone)
    }

    @Test("what can't be applied takes back what was begun before it")
    func applyFails() throws {
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        Self.advance(&machine, &world)
        #expect(machine.begin(at: noon) == .apply(step: 1))
        machine.applyFailed(step: 1, broken, at: noon)
        #expect(machine.state == .undoing)
        #expect(machine.cause == .failed(code: "unavailable", message: "the host is gone"))
        Self.runThrough(&machine, &world)
        #expect(machine.state == .undone && world.isApplied == [false, false, false])
    }

    @Test("an undo that fails is stuck, waits longer each time, remembers why, and works in the end")
    func stuck() throws {
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        Self.runThrough(&machine, &world)
        _ = try machine.undo(.leaseEnded(.holder), at: noon)
        var delays: [Duration] = []
        for attempt in 1...12 {
            guard case .undo(2, let after) = machine.begin(at: noon) else { break }
            delays.append(after)
            machine.undoFailed(step: 2, broken, at: noon)
            #expect(machine.state == .stuck && machine.failedAttempts == attempt)
            #expect(machine.set.lastFailure?.message == "the host is gone")
            // A gateway that starts anew knows as much.
            #expect(try Self.machine(machine.set) == machine)
        }
        #expect(delays.prefix(4) == [.zero, .seconds(1), .seconds(2), .seconds(4)])
        #expect(delays.last == .seconds(300))
        let failures = machine.set.journal.filter { if case .undoFailed = $0.event { true } else { false } }
        #expect(failures.count == 1)
        // To ask again is no new cause.
        #expect(try !machine.undo(.asked(by: IdentityName("ada")), at: noon))
        Self.runThrough(&machine, &world)
        #expect(machine.state == .undone && world.isApplied == [false, false, false])
    }

    @Test("what's kept stays, whatever asks for its undo; what isn't applied can't be kept")
    func kept() throws {
        let ada = try IdentityName("ada")
        var (machine, world) = (try Self.machine(), World(isApplied: [false, false, false]))
        let early = #expect(throws: GloveboxError.self) { try machine.keep(by: ada, at: noon) }
        #expect(early?.code == .changeNotOpen)
        Self.runThrough(&machine, &world)
        try machine.keep(by: ada, at: noon)
        #expect(machine.state == .kept && machine.keptBy == ada && machine.next == .none)
        let late = #expect(throws: GloveboxError.self) { try machine.undo(.leaseEnded(.expired), at: noon) }
        #expect(late?.code == .changeNotOpen)
        #expect(world.isApplied == [true, true, true])
    }

    @Test("answers to what nobody asked for change nothing")
    func stray() throws {
        var machine = try Self.machine()
        let before = machine
        machine.applied(step: 0, at: noon)
        machine.applied(step: 1, at: noon)
        machine.undone(step: 0, at: noon)
        machine.undoFailed(step: 0, broken, at: noon)
        machine.applyFailed(step: 2, broken, at: noon)
        #expect(machine == before)
    }
}
