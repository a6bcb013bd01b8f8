import Contracts
import GloveboxCore
import TestSupport
import Testing

@Suite("A wait that can be ended early")
struct AlarmTests {
    private let time = ManualTime()
    private var later: BootInstant { self.time.boot.advanced(by: .seconds(10)) }

    @Test("it ends at its instant")
    func due() async throws {
        let (alarm, later) = (Alarm(self.time), self.later)
        let waiter = Task { await alarm.wait(until: later) }
        await self.time.untilSleeping()
        self.time.advance(by: .seconds(10))
        try await within { await waiter.value }
        #expect(self.time.sleeperCount == 0)
    }

    @Test("a ring ends it, and the clock is no longer waited for")
    func rung() async throws {
        let (alarm, later) = (Alarm(self.time), self.later)
        let waiter = Task { await alarm.wait(until: later) }
        await self.time.untilSleeping()
        alarm.ring()
        try await within { await waiter.value }
        #expect(self.time.sleeperCount == 0)
    }

    @Test("a ring that nobody waited for ends the next wait, and only that")
    func rungBefore() async throws {
        let (alarm, later) = (Alarm(self.time), self.later)
        alarm.ring()
        alarm.ring()
        try await within { await alarm.rung() }
        let waiter = Task { await alarm.wait(until: later) }
        await self.time.untilSleeping()
        self.time.advance(by: .seconds(10))
        try await within { await waiter.value }
    }

    @Test("cancelling the task ends it")
    func cancelled() async throws {
        let (alarm, later) = (Alarm(self.time), self.later)
        let waiter = Task { await alarm.wait(until: later) }
        await self.time.untilSleeping()
        waiter.cancel()
        try await within { await waiter.value }
        // Its place is free again.
        alarm.ring()
        try await within { await alarm.rung() }
    }
}
