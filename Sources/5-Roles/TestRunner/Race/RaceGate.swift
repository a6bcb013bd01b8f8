import Synchronization

/// Where the lanes of a race wait for each other, before each request.
///
/// *At once*: all are let go when every lane has come that's still running, before the first request alone or before
/// each. *In order*: when every lane has come, one of them is let go, and the next when that one is back or has ended.
final class RaceGate: Sendable {
    enum Mode: Sendable {
        case atOnce(isLockstep: Bool)
        case inOrder(LaneOrder, isLockstep: Bool)
    }

    private struct State {
        var mode: Mode
        var running: Set<Int>
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        /// How many requests each has sent.
        var passed: [Int: Int] = [:]
        var isOpen = false

        /// Whom to let go now.
        mutating func released() -> [CheckedContinuation<Void, any Error>] {
            guard !self.waiting.isEmpty, self.waiting.count == self.running.count else { return [] }
            switch self.mode {
            case .atOnce(let isLockstep):
                self.isOpen = !isLockstep
                for lane in self.waiting.keys { self.passed[lane, default: 0] += 1 }
                defer { self.waiting = [:] }
                return Array(self.waiting.values)
            case .inOrder(var order, let isLockstep):
                var lanes = Array(self.waiting.keys)
                if isLockstep {
                    let least = lanes.map { self.passed[$0, default: 0] }.min()
                    lanes.removeAll { self.passed[$0, default: 0] != least }
                }
                let lane = order.next(lanes)
                self.mode = .inOrder(order, isLockstep: isLockstep)
                self.passed[lane, default: 0] += 1
                return [self.waiting.removeValue(forKey: lane)].compactMap(\.self)
            }
        }
    }

    private let state: Mutex<State>

    init(lanes: Int, _ mode: Mode) { self.state = Mutex(State(mode: mode, running: Set(0..<lanes))) }

    /// As it was made, and what was chosen since.
    var order: LaneOrder? {
        self.state.withLock { state in
            if case .inOrder(let order, _) = state.mode { order } else { nil }
        }
    }

    func arrive(_ lane: Int) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let released = self.state.withLock { state -> [CheckedContinuation<Void, any Error>]? in
                    if Task.isCancelled { return nil }
                    if state.isOpen { return [continuation] }
                    state.waiting[lane] = continuation
                    return state.released()
                }
                guard let released else { return continuation.resume(throwing: CancellationError()) }
                for one in released { one.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.removeValue(forKey: lane) }?.resume(throwing: CancellationError())
        }
    }

    /// A lane sends nothing more.
    func finish(_ lane: Int) {
        let released = self.state.withLock { state in
            state.running.remove(lane)
            return state.released()
        }
        for one in released { one.resume() }
    }

    /// As one lane meets it.
    struct Lane: RequestGate {
        let gate: RaceGate
        let lane: Int

        func pass() async throws { try await self.gate.arrive(self.lane) }
    }
}
