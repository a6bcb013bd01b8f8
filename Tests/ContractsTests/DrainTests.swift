import Contracts
import GloveboxCore
import Synchronization
import TestSupport
import Testing

@Suite("Stopping with sessions open", .timeLimit(.minutes(1)))
final class DrainTests: Sendable {
    private let time = ManualTime()
    private let count = Mutex(2)
    private let ended = Mutex<GloveboxError?>(nil)

    /// - Parameter stubborn: sessions that are told to end don't.
    private func drain(limit: Duration = .seconds(5), stubborn: Bool = false) -> Drain {
        let drain = Drain(role: "gateway", limit: limit, time: self.time)
        drain.watch(
            Drain.Sessions(
                count: { self.count.withLock { $0 } },
                endAll: { error in
                    self.ended.withLock { $0 = error }
                    if !stubborn { self.count.withLock { $0 = 0 } }
                }))
        return drain
    }

    /// Lets time go on until the drain has come to its end.
    private func finish(_ running: Task<Void, Never>) async {
        let ticking = Task {
            while !Task.isCancelled {
                self.time.advance(by: .milliseconds(50))
                await Task.yield()
            }
        }
        await running.value
        ticking.cancel()
    }

    @Test("it's over as soon as no session is left, and none was ended")
    func comesToAnEnd() async {
        let drain = self.drain()
        #expect(!drain.hasBegun)
        let running = Task { await drain.run() }
        await self.time.untilSleeping(1)
        #expect(drain.hasBegun)
        self.count.withLock { $0 = 0 }
        await self.finish(running)
        #expect(self.ended.withLock { $0 } == nil)
    }

    @Test("sessions that go on beyond the limit are ended, and told that the role stops")
    func limit() async {
        let begun = self.time.boot
        let drain = self.drain()
        await self.finish(Task { await drain.run() })
        #expect(self.ended.withLock { $0?.code } == .unavailable)
        #expect(self.ended.withLock { $0?.message.contains("the gateway is stopping") } == true)
        #expect(begun.duration(to: self.time.boot) >= .seconds(5))
    }

    @Test("a session that doesn't end keeps nobody for ever")
    func stubborn() async {
        let drain = self.drain(stubborn: true)
        await self.finish(Task { await drain.run() })
        #expect(self.count.withLock { $0 } == 2)
    }

    @Test("without sessions, or before there can be any, it's over at once")
    func nothing() async {
        self.count.withLock { $0 = 0 }
        await self.drain().run()
        await Drain(role: "agent", limit: .seconds(5), time: self.time).run()
        #expect(self.time.sleeperCount == 0)
    }
}
