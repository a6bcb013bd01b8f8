import Contracts
package import GloveboxCore
import Synchronization

/// Clocks that stand still until a test moves them.
package final class ManualTime: TimeSource {
    private struct Sleeper {
        var until: BootInstant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct Watcher {
        var count: Int
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var wall: WallTime
        var boot: BootInstant
        var bootID: BootID
        var nextKey = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [Watcher] = []
    }

    private let state: Mutex<State>

    /// Starts on 2025-01-01 00:00 UTC, an hour after boot.
    package init(
        wall: WallTime = WallTime(nanoseconds: 1_735_689_600_000_000_000),
        boot: BootInstant = BootInstant(nanoseconds: 3_600_000_000_000), bootID: BootID = BootID("boot-1")
    ) {
        self.state = Mutex(State(wall: wall, boot: boot, bootID: bootID))
    }

    package var wall: WallTime { self.state.withLock { $0.wall } }
    package var boot: BootInstant { self.state.withLock { $0.boot } }
    package var bootID: BootID { self.state.withLock { $0.bootID } }

    /// How many sleep at this moment.
    package var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    /// Both clocks go on; who has slept long enough wakes.
    package func advance(by duration: Duration) {
        let woken = self.state.withLock { state -> [Sleeper] in
            state.wall = state.wall.advanced(by: duration)
            state.boot = state.boot.advanced(by: duration)
            let now = state.boot
            let due = state.sleepers.filter { $0.value.until <= now }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.sorted { $0.until < $1.until }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Somebody sets the wall clock, back or forward; the boot clock doesn't notice.
    package func jumpWall(by duration: Duration) {
        self.state.withLock { $0.wall = $0.wall.advanced(by: duration) }
    }

    /// The machine starts again: the boot clock begins anew under another id, `downtime` passes on the wall clock.
    /// Who slept before is woken with `CancellationError`, as if its process had gone.
    package func reboot(downtime: Duration = .seconds(30)) {
        let gone = self.state.withLock { state -> [Sleeper] in
            state.wall = state.wall.advanced(by: downtime)
            state.boot = BootInstant(nanoseconds: 10_000_000_000)
            state.nextKey += 1
            state.bootID = BootID("boot-\(state.nextKey)-after-\(state.bootID.rawValue)")
            defer { state.sleepers = [:] }
            return Array(state.sleepers.values)
        }
        for sleeper in gone { sleeper.continuation.resume(throwing: CancellationError()) }
    }

    package func sleep(until instant: BootInstant) async throws {
        let key = self.state.withLock { state -> Int in
            state.nextKey += 1
            return state.nextKey
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                enum Outcome { case now, cancelled, waiting([Watcher]) }
                let outcome = self.state.withLock { state -> Outcome in
                    if Task.isCancelled { return .cancelled }
                    if instant <= state.boot { return .now }
                    state.sleepers[key] = Sleeper(until: instant, continuation: continuation)
                    let count = state.sleepers.count
                    let ready = state.watchers.filter { $0.count <= count }
                    state.watchers.removeAll { $0.count <= count }
                    return .waiting(ready)
                }
                switch outcome {
                case .now: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .waiting(let watchers): for watcher in watchers { watcher.continuation.resume() }
                }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: key) }?
                .continuation.resume(throwing: CancellationError())
        }
    }

    /// Returns once at least `count` sleep, so that a test moves the clock only when it's being waited on.
    package func untilSleeping(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let already = self.state.withLock { state -> Bool in
                if state.sleepers.count >= count { return true }
                state.watchers.append(Watcher(count: count, continuation: continuation))
                return false
            }
            if already { continuation.resume() }
        }
    }
}
