import Contracts
import GloveboxCore
import Synchronization

/// Holds all requests of a run to so many a second: each has a moment of its own, and none is made up for later.
final class RateLimit: Sendable {
    private let interval: Duration
    private let time: any TimeSource
    private let next: Mutex<BootInstant>

    init(perSecond rate: Int, _ time: any TimeSource) {
        self.interval = .seconds(1) / max(1, rate)
        self.time = time
        self.next = Mutex(time.boot)
    }

    /// - Throws: `CancellationError`.
    func pass() async throws {
        let now = self.time.boot
        let moment = self.next.withLock { next in
            let moment = max(now, next)
            next = moment.advanced(by: self.interval)
            return moment
        }
        if moment > now { try await self.time.sleep(until: moment) }
    }
}

/// Lets so many through at once; who waits longest is next.
final class Permits: Sendable {
    private struct State {
        var free: Int
        var nextKey = 0
        var waiting: [(key: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { self.state = Mutex(State(free: count)) }

    /// - Throws: `CancellationError`, where it was cancelled before it got one.
    func take() async throws {
        let key = self.state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isFree = self.state.withLock { state -> Bool? in
                    if Task.isCancelled { return nil }
                    guard state.free > 0 else {
                        state.waiting.append((key, continuation))
                        return false
                    }
                    state.free -= 1
                    return true
                }
                switch isFree {
                case nil: continuation.resume(throwing: CancellationError())
                case true?: continuation.resume()
                case false?: break
                }
            }
        } onCancel: {
            let waiting = self.state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard let index = state.waiting.firstIndex(where: { $0.key == key }) else { return nil }
                return state.waiting.remove(at: index).continuation
            }
            waiting?.resume(throwing: CancellationError())
        }
    }

    func giveBack() {
        let next = self.state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume()
    }
}

/// So many of something, and no more.
final class Budget: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { self.left = Mutex(count) }

    /// False where nothing is left.
    func spend() -> Bool {
        self.left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
    }
}
