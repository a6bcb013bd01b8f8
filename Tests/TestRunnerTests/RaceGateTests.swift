import Synchronization
import TestSupport
import Testing

@testable import TestRunner

@Suite("Lanes of a race wait for each other")
struct RaceGateTests {
    /// Runs lanes of so many requests through a gate. Each is noted when it's let go, and again when its answer is
    /// there.
    private func lanes(_ gate: RaceGate, _ requests: [Int]) async throws -> [String] {
        let log = Log()
        try await within { [log] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (lane, count) in requests.enumerated() {
                    group.addTask {
                        for request in 0..<count {
                            try await gate.arrive(lane)
                            log.note("\(lane).\(request) goes")
                            for _ in 0..<20 { await Task.yield() }
                            log.note("\(lane).\(request) is back")
                        }
                        gate.finish(lane)
                    }
                }
                try await group.waitForAll()
            }
        }
        return log.lines
    }

    private final class Log: Sendable {
        private let noted = Mutex<[String]>([])

        func note(_ line: String) { self.noted.withLock { $0.append(line) } }
        var lines: [String] { self.noted.withLock { $0 } }
    }

    @Test("in order, one request is under way at a time, by the order's choices")
    func inOrder() async throws {
        let gate = RaceGate(lanes: 2, .inOrder(LaneOrder(prefix: [0, 1, 0]), isLockstep: false))
        let lines = try await self.lanes(gate, [2, 1])
        #expect(
            lines == [
                "0.0 goes", "0.0 is back", "1.0 goes", "1.0 is back", "0.1 goes", "0.1 is back",
            ])
        #expect(gate.order?.choices == [0, 1, 0])
    }

    @Test("in order and in step, no lane sends its next request before all have sent theirs")
    func inOrderInStep() async throws {
        var next: LaneOrder? = LaneOrder()
        var seen: Set<[String]> = []
        while let order = next {
            let gate = RaceGate(lanes: 2, .inOrder(order, isLockstep: true))
            let goes = try await self.lanes(gate, [2, 2]).filter { $0.hasSuffix("goes") }
            #expect(Set(goes.prefix(2)) == ["0.0 goes", "1.0 goes"], "\(goes)")
            seen.insert(goes)
            next = gate.order?.following.map { LaneOrder(prefix: $0) }
        }
        #expect(seen.count == LaneOrder.count(lanes: 2, requests: 2, isLockstep: true))
    }

    @Test("at once, no request goes before every lane has one, and then nobody waits any more")
    func atOnce() async throws {
        let gate = RaceGate(lanes: 2, .atOnce(isLockstep: false))
        let first = Task { try await gate.arrive(0) }
        try await gate.arrive(1)
        try await first.value
        // Open: one lane alone passes.
        try await gate.arrive(0)
        try await gate.arrive(0)
    }

    @Test("at once and in step, every request waits for those of the lanes that still run")
    func atOnceInStep() async throws {
        let gate = RaceGate(lanes: 3, .atOnce(isLockstep: true))
        let lines = try await self.lanes(gate, [2, 2, 1])
        let second = try #require(lines.firstIndex { $0.contains(".1 goes") })
        #expect(Set(lines[..<second].filter { $0.hasSuffix(".0 is back") }).count == 3, "\(lines)")
    }

    @Test("a lane that ends before its first request keeps nobody waiting")
    func endsEarly() async throws {
        let gate = RaceGate(lanes: 3, .atOnce(isLockstep: false))
        #expect(try await self.lanes(gate, [1, 0, 1]).count == 4)
    }

    @Test("a lane that's cancelled while it waits is let go with an error")
    func cancelled() async throws {
        let gate = RaceGate(lanes: 2, .atOnce(isLockstep: false))
        let waiting = Task { try await gate.arrive(0) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
