package import GloveboxCore
import Synchronization

/// Waits for an instant, and can be rung before it: for loops that sleep until the next thing is due while other tasks
/// bring nearer things.
package final class Alarm: Sendable {
    private struct State {
        /// Rung while nobody waited, so that the next wait returns at once.
        var isRung = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let time: any TimeSource
    private let state = Mutex(State())

    package init(_ time: any TimeSource) {
        self.time = time
    }

    /// Ends the wait that goes on, or else the next one.
    package func ring() {
        self.state.withLock { state in
            guard let waiter = state.waiter.take() else {
                state.isRung = true
                return
            }
            waiter.resume()
        }
    }

    /// Returns at `instant`, when rung, or when the task is cancelled. One task waits at a time.
    package func wait(until instant: BootInstant) async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { _ = try? await self.time.sleep(until: instant) }
            tasks.addTask { await self.rung() }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    /// Returns when rung, or when the task is cancelled. One task waits at a time.
    package func rung() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                self.state.withLock { state in
                    guard !state.isRung, !Task.isCancelled else {
                        state.isRung = false
                        return waiter.resume()
                    }
                    state.waiter = waiter
                }
            }
        } onCancel: {
            self.state.withLock { $0.waiter.take()?.resume() }
        }
    }
}
