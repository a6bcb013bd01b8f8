import Synchronization
import TestSupport

/// What happened, in order, for tests to wait for.
final class EventLog<Event: Sendable>: Sendable {
    private struct Waiter {
        var id: Int
        var count: Int
        var takes: @Sendable (Event) -> Bool
        var continuation: CheckedContinuation<Event, any Error>
    }

    private struct State {
        var events: [Event] = []
        var waiters: [Waiter] = []
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    var all: [Event] { self.state.withLock { $0.events } }

    func append(_ event: Event) {
        let woken = self.state.withLock { state in
            state.events.append(event)
            let woken = state.waiters.filter { waiter in
                waiter.takes(event) && state.events.count(where: waiter.takes) >= waiter.count
            }
            state.waiters.removeAll { waiter in woken.contains { $0.id == waiter.id } }
            return woken
        }
        for waiter in woken { waiter.continuation.resume(returning: event) }
    }

    /// The `count`th event that `takes` takes, past ones included.
    @discardableResult
    func first(_ count: Int = 1, where takes: @escaping @Sendable (Event) -> Bool) async throws -> Event {
        try await within(.seconds(20)) { try await self.wait(count, takes) }
    }

    private func wait(_ count: Int, _ takes: @escaping @Sendable (Event) -> Bool) async throws -> Event {
        let id = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = self.state.withLock { state -> Outcome<Event> in
                    if Task.isCancelled { return .cancelled }
                    let matching = state.events.filter(takes)
                    if matching.count >= count { return .found(matching[count - 1]) }
                    state.waiters.append(Waiter(id: id, count: count, takes: takes, continuation: continuation))
                    return .waiting
                }
                switch outcome {
                case .found(let event): continuation.resume(returning: event)
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .waiting: break
                }
            }
        } onCancel: {
            let waiter = self.state.withLock { state -> Waiter? in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
    }
}

private enum Outcome<Event: Sendable> {
    case found(Event)
    case cancelled
    case waiting
}
