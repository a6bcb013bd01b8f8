import GloveboxCore
import TestSupport
import Testing

@Suite("Clocks that tests move")
struct ManualTimeTests {
    @Test("a sleeper wakes when the boot clock gets there, not before, and not by the wall clock")
    func sleeping() async throws {
        let time = ManualTime()
        let until = time.boot.advanced(by: .seconds(10))
        let sleeper = Task { try await time.sleep(until: until) }
        await time.untilSleeping()
        time.jumpWall(by: .seconds(1000))
        time.advance(by: .seconds(9))
        #expect(time.sleeperCount == 1)
        time.advance(by: .seconds(1))
        try await sleeper.value
        #expect(time.sleeperCount == 0)
    }

    @Test("a cancelled sleeper throws")
    func cancelled() async throws {
        let time = ManualTime()
        let until = time.boot.advanced(by: .seconds(10))
        let sleeper = Task { try await time.sleep(until: until) }
        await time.untilSleeping()
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }

    @Test("a reboot changes the boot id, starts the boot clock anew and lets wall time pass")
    func reboot() {
        let time = ManualTime()
        let (wall, boot, id) = (time.wall, time.boot, time.bootID)
        time.reboot(downtime: .seconds(60))
        #expect(time.bootID != id)
        #expect(time.boot < boot)
        #expect(time.wall == wall.advanced(by: .seconds(60)))
    }
}
