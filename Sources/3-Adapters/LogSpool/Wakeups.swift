import Synchronization

/// Lets tasks wait for what another brings about. Who is woken looks again whether it's there.
package final class Wakeups: Sendable {
    private struct State {
        var next = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Returns at the next ``wake()``, or when the task is cancelled. From an actor nothing comes between the look that
    /// led here and the waiting.
    package func wait() async {
        let key = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    if Task.isCancelled { return true }
                    state.waiting[key] = continuation
                    return false
                }
                if isCancelled { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.removeValue(forKey: key) }?.resume()
        }
    }

    package func wake() {
        let waiting = self.state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }
}
