import Changes
import Contracts
import FlagRules
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@testable import Gateway
@testable import StorageSQLite

@Suite("Sets that change hosts")
struct HostSetTests {
    private static let lease = LeaseID.random()

    private static func host(_ name: String) -> ChangePlan {
        .host(
            HostChange(
                target: ChangeBench.host, lease: Self.lease, action: .runbook(name: name, parameters: [:])))
    }

    private static let flag = ChangePlan.flag(
        FlagChangePlan(key: "checkout", .set(defaultVariant: "on", isEnabled: nil)))

    private static func report(
        _ set: ChangeSet, _ number: Int, _ state: ChangeState, _ failure: GloveboxFailure? = nil
    ) -> HostLines.News {
        .report(ChangeReport(set: set.id, number: number, target: ChangeBench.host, state: state, failure: failure))
    }

    /// Runbook, flag, runbook; all applied.
    private static func applied(_ bench: ChangeBench) async throws -> ChangeSet {
        let set = try await bench.changes.apply(
            [Self.host("a"), Self.flag, Self.host("b")], title: "t", under: bench.grant())
        await bench.changes.take(Self.report(set, 0, .applied))
        await bench.changes.take(Self.report(set, 2, .applied))
        #expect(try await bench.changes.changeSet(set.id).state == .applied)
        _ = bench.hosts.take()
        return set
    }

    @Test("steps wait for their hosts, in order; the flags between them are seen when it's their turn")
    func order() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply(
            [Self.host("a"), Self.flag, Self.host("b")], title: "t", under: bench.grant())
        #expect(set.state == .intent)
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["apply 0"])
        #expect(try bench.variant() == "off")
        await bench.changes.take(Self.report(set, 0, .applied))
        #expect(try bench.variant() == "on")
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["apply 2"])
        // Said twice, done once.
        await bench.changes.take(Self.report(set, 0, .applied))
        #expect(bench.hosts.take().isEmpty)
        await bench.changes.take(Self.report(set, 2, .applied))
        #expect(try await bench.storage.changeSet(set.id)?.state == .applied)
        #expect(bench.log.events.count { if case .changeApplied = $0 { true } else { false } } == 1)
    }

    @Test("it goes back in reverse, each step when the one after it is back")
    func reverse() async throws {
        let bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        #expect(try await bench.changes.undo(set.id, by: ChangeBench.ada).state == .undoing)
        let first = bench.hosts.take()
        #expect(first.map { "\($0.verb) \($0.number)" } == ["undo 2"])
        #expect(first.first?.by == ChangeBench.ada && first.first?.isUrgent == true)
        #expect(try bench.variant() == "on")
        await bench.changes.take(Self.report(set, 2, .undone))
        #expect(try bench.variant() == "off")
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 0"])
        await bench.changes.take(Self.report(set, 0, .undone))
        #expect(try await bench.storage.changeSet(set.id)?.state == .undone)
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["settle 0", "settle 2"])
    }

    @Test("a host that couldn't apply its change takes back what was before it, with why")
    func failed() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply(
            [Self.flag, Self.host("a")], title: "t", under: bench.grant())
        #expect(try bench.variant() == "on")
        await bench.changes.take(
            Self.report(set, 1, .undone, GloveboxFailure(code: "change_failed", message: "no room")))
        #expect(try bench.variant() == "off")
        let over = try #require(try await bench.storage.changeSet(set.id))
        #expect(over.state == .undone)
        #expect(ChangeMachine(over).cause == .failed(code: "change_failed", message: "no room"))
    }

    @Test("one that could neither apply its change nor take it back is stuck for that, and not for its time")
    func failedAndStuck() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply([Self.flag, Self.host("a")], title: "t", under: bench.grant())
        let failure = GloveboxFailure(code: "change_failed", message: "no answer")
        await bench.changes.take(Self.report(set, 1, .stuck, failure))
        let stuck = try await bench.changes.changeSet(set.id)
        #expect(stuck.state == .stuck)
        #expect(ChangeMachine(stuck).cause == .failed(code: "change_failed", message: "no answer"))
    }

    @Test("what a host took back by itself takes the others back")
    func byItself() async throws {
        let bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        // Its turn comes after the other's.
        await bench.changes.take(Self.report(set, 0, .undone))
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 2"])
        await bench.changes.take(Self.report(set, 2, .undone))
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 0"])
        await bench.changes.take(Self.report(set, 0, .undone))
        let over = try #require(try await bench.storage.changeSet(set.id))
        #expect(over.state == .undone && ChangeMachine(over).cause == .leaseEnded(.expired))
        #expect(try bench.variant() == "off")
    }

    @Test("one whose host no agent serves any more stays stuck until a person closes it, which names what's left there")
    func gone() async throws {
        let bench = try await ChangeBench()
        let grant = bench.grant()
        let set = try await bench.changes.apply([Self.flag, Self.host("a")], title: "t", under: grant)
        await bench.changes.take(Self.report(set, 1, .applied))
        bench.hosts.isGone.withLock { $0 = true }
        let running = Task { try await bench.changes.run() }
        bench.end(grant.lease)
        try await eventually { try await bench.changes.changeSet(set.id).state == .stuck }
        #expect(try bench.variant() == "on")
        let closed = try await bench.changes.undo(set.id, by: ChangeBench.ada)
        #expect(closed.state == .undone && closed.conflicts == [ChangeConflict(change: 1, by: nil)])
        #expect(try bench.variant() == "off")
        running.cancel()
        _ = await running.result
    }

    @Test("it lasts as long as the first of its leases, and clients are told so")
    func earliest() async throws {
        let bench = try await ChangeBench()
        let grant = bench.grant()
        bench.leases(grant.lease, .seconds(600))
        bench.leases(Self.lease, .seconds(15))
        let set = try await bench.changes.apply([Self.flag, Self.host("a")], title: "t", under: grant)
        var epochs = bench.house.epochs(of: ChangeBench.target).makeAsyncIterator()
        let served = await epochs.next()
        #expect(served?.expiries[set.id]?.remaining(at: bench.time.reading) == .seconds(15))
    }

    @Test("a set whose flags come first settles its hosts too, once it's over")
    func settles() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply([Self.flag, Self.host("a")], title: "t", under: bench.grant())
        await bench.changes.take(Self.report(set, 1, .applied))
        _ = try await bench.changes.undo(set.id, by: ChangeBench.ada)
        _ = bench.hosts.take()
        await bench.changes.take(Self.report(set, 1, .undone))
        #expect(try await bench.storage.changeSet(set.id)?.state == .undone)
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["settle 1"])
    }

    @Test("a gateway that starts again waits for a host's agent before it raises an alarm")
    func startsQuietly() async throws {
        let bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        bench.hosts.isAway.withLock { $0 = true }
        let next = try await bench.again(ended: [set.lease: .expired])
        next.hosts.isAway.withLock { $0 = true }
        #expect(try await next.changes.changeSet(set.id).state != .stuck)
        #expect(next.told.messages.withLock { $0 }.isEmpty)
        next.hosts.isAway.withLock { $0 = false }
        await next.changes.take(.joined(AgentName(unchecked: "a")))
        #expect(next.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 2"])
    }

    @Test("a host that's away makes it stuck, and is asked when it's back; one that fails says why")
    func away() async throws {
        let bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        bench.hosts.isAway.withLock { $0 = true }
        let asked = try await bench.changes.undo(set.id, by: ChangeBench.ada)
        #expect(asked.state == .stuck && asked.lastFailure?.code == .agentOffline)
        bench.hosts.isAway.withLock { $0 = false }
        await bench.changes.take(.joined(AgentName(unchecked: "a")))
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 2"])
        await bench.changes.take(Self.report(set, 2, .stuck, GloveboxFailure(code: "change_failed", message: "m")))
        let stuck = try await bench.changes.changeSet(set.id)
        #expect(stuck.state == .stuck && stuck.lastFailure?.message == "m")
        await bench.changes.take(Self.report(set, 2, .undone))
        await bench.changes.take(Self.report(set, 0, .undone))
        #expect(try await bench.storage.changeSet(set.id)?.state == .undone)
    }

    @Test("a gateway that starts again asks for what it had begun, once the host is there")
    func again() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply([Self.host("a")], title: "t", under: bench.grant())
        let next = try await bench.again()
        _ = next.hosts.take()
        await next.changes.take(.joined(AgentName(unchecked: "a")))
        #expect(next.hosts.take().map { "\($0.verb) \($0.number)" } == ["apply 0"])
        await next.changes.take(Self.report(set, 0, .applied))
        #expect(try await next.storage.changeSet(set.id)?.state == .applied)
    }

    @Test("a gateway that's killed before a set is on record puts it there when it starts again, once")
    func unrecorded() async throws {
        let reference = try await ChangeBench()
        let set = try await reference.changes.apply([Self.host("a")], title: "t", under: reference.grant())
        var cut = set
        cut.journal = Array(set.journal.prefix(1))
        cut.version = ChangeSet.firstVersion
        var bench = try await ChangeBench()
        try await bench.storage.insert(cut)
        for _ in 1...3 {
            bench = try await bench.again()
            await bench.changes.take(.joined(AgentName(unchecked: "a")))
        }
        #expect(bench.log.events == [.changeApplied(set.id, title: "t", changes: set.summaries)])
        // One that was recorded before the gateway stopped isn't told of again.
        let next = try await reference.again()
        #expect(next.log.events.count == 1)
    }

    @Test("a set whose flags aren't there any more goes back, and isn't tried for ever")
    func flagsGone() async throws {
        let bench = try await ChangeBench()
        let set = try await bench.changes.apply([Self.host("a"), Self.flag], title: "t", under: bench.grant())
        _ = bench.hosts.take()
        await bench.changes.loseFlags(of: ChangeBench.target)
        await bench.changes.take(Self.report(set, 0, .applied))
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["undo 0"])
        guard case .failed("internal", _)? = ChangeMachine(try await bench.changes.changeSet(set.id)).cause else {
            Issue.record("it doesn't go back for that")
            return
        }
    }

    @Test("what no store knows of goes back; what's over is settled")
    func unknown() async throws {
        let bench = try await ChangeBench()
        let stranger = ChangeReport(set: .random(), number: 0, target: ChangeBench.host, state: .applied)
        await bench.changes.take(.report(stranger))
        #expect(bench.hosts.take().map(\.verb) == [.undo])
        // Each order is answered: one for each answer would go on for as long as the undo takes, or for ever.
        for state in [ChangeState.undoing, .stuck] {
            var goesBack = stranger
            goesBack.state = state
            await bench.changes.take(.report(goesBack))
            #expect(bench.hosts.take().isEmpty)
        }
        var over = stranger
        over.state = .undone
        await bench.changes.take(.report(over))
        #expect(bench.hosts.take().map(\.verb) == [.settle])
    }

    @Test("it's kept once every host has said that it keeps it")
    func keep() async throws {
        let bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        #expect(try await bench.changes.keep(set.id, by: ChangeBench.bob).state == .applied)
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["keep 0", "keep 2"])
        await bench.changes.take(Self.report(set, 0, .kept))
        #expect(try await bench.changes.changeSet(set.id).state == .applied)
        await bench.changes.take(Self.report(set, 2, .kept))
        #expect(try await bench.storage.changeSet(set.id)?.state == .kept)
        #expect(bench.hosts.take().map { "\($0.verb) \($0.number)" } == ["settle 0", "settle 2"])
        #expect(try bench.house.epoch(of: nil).state.base["checkout"]?.contains(#""defaultVariant":"on""#) == true)
    }

    @Test("what an agent made and knows nothing of any more is named as left there, and not as gone back")
    func lost() async throws {
        let bench = try await ChangeBench()
        let unknown = GloveboxFailure(GloveboxError(.notFound, "nothing is written down of it on its host"))
        let set = try await Self.applied(bench)
        _ = try await bench.changes.undo(set.id, by: ChangeBench.ada)
        await bench.changes.take(Self.report(set, 2, .undone, unknown))
        await bench.changes.take(Self.report(set, 0, .undone))
        #expect(try await bench.storage.changeSet(set.id)?.state == .undone)
        guard case .changeUndone(_, _, _, let left) = bench.log.events.last else { throw TestSupportError("no record") }
        #expect(left.count == 1 && left.first?.contains("runbook 'b'") == true, "\(left)")
        // One that never got to it has left nothing.
        let other = try await bench.changes.apply([Self.host("a")], title: "t", under: bench.grant())
        _ = try await bench.changes.undo(other.id, by: ChangeBench.ada)
        await bench.changes.take(Self.report(other, 0, .undone, unknown))
        guard case .changeUndone(_, _, _, let none) = bench.log.events.last else { throw TestSupportError("no record") }
        #expect(none == [])
    }

    @Test("a host that keeps what isn't kept after all is told so, lest it does when it's cut off")
    func keepsNot() async throws {
        var bench = try await ChangeBench()
        let set = try await Self.applied(bench)
        func orders() -> [String] { bench.hosts.take().map { "\($0.verb) \($0.number)" } }
        // The other won't while this one is away, and it's told when it's back.
        _ = try await bench.changes.keep(set.id, by: ChangeBench.bob)
        #expect(orders() == ["keep 0", "keep 2"])
        bench.hosts.isAway.withLock { $0 = true }
        await bench.changes.take(
            Self.report(set, 2, .applied, GloveboxFailure(GloveboxError(.ceilingDenied, "it lets none be kept"))))
        bench.hosts.isAway.withLock { $0 = false }
        await bench.changes.take(Self.report(set, 0, .kept))
        #expect(orders() == ["apply 0", "apply 2"])
        // The gateway dies before all have said it.
        _ = try await bench.changes.keep(set.id, by: ChangeBench.bob)
        bench = try await bench.again()
        await bench.changes.take(Self.report(set, 0, .kept))
        #expect(orders() == ["apply 0", "apply 2"])
        // That it's kept can't be recorded.
        _ = try await bench.changes.keep(set.id, by: ChangeBench.bob)
        _ = orders()
        bench.log.fail()
        for number in [0, 2] { await bench.changes.take(Self.report(set, number, .kept)) }
        #expect(orders() == ["apply 0", "apply 2"])
        #expect(try await bench.changes.changeSet(set.id).state == .applied)
    }

    @Test("flags that don't stand together, and a share of a host, are refused")
    func refused() async throws {
        let bench = try await ChangeBench()
        let other = ChangePlan.flag(FlagChangePlan(key: "checkout", .set(defaultVariant: nil, isEnabled: false)))
        let error = await #expect(throws: GloveboxError.self) {
            _ = try await bench.changes.apply([Self.flag, Self.host("a"), other], title: "t", under: bench.grant())
        }
        #expect(error?.code == .invalidArgument)
        #expect(bench.hosts.take().isEmpty)
    }
}

extension ChangeService {
    fileprivate func loseFlags(of target: TargetName) { self.states[target] = nil }
}
