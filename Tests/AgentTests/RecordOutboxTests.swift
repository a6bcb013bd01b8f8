import AuditFiles
import Contracts
import ControlWire
import GloveboxCore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Agent

@Suite("What an agent sends of its journal")
struct RecordOutboxTests {
    private final class Wire: Sendable {
        let batches = Mutex<[[UInt64]]>([])
    }

    private let folder: TemporaryFolder
    private let time = ManualTime()
    private let journal: Journal
    private let outbox: RecordOutbox
    private let wire = Wire()

    init() throws {
        self.folder = try TemporaryFolder()
        self.journal = try Journal(folder: self.folder.path, origin: "agent/demo")
        self.outbox = RecordOutbox(
            journal: self.journal, time: self.time, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private var sent: [[UInt64]] { self.wire.batches.withLock { $0 } }

    /// Runs the outbox while `body` does.
    private func running(_ body: () async throws -> Void) async throws {
        let (outbox, wire) = (self.outbox, self.wire)
        let runner = Task {
            await outbox.run { batch in wire.batches.withLock { $0.append(batch.map(\.sequence)) } }
        }
        defer { runner.cancel() }
        try await body()
    }

    private func append() async throws {
        try await self.journal.append([Record(time: self.time.wall, event: .policyRefused(message: "m"))])
    }

    @Test("the first record goes at once; those that come close after it go together")
    func pace() async throws {
        try self.outbox.joined(after: 0)
        try await self.running {
            try await self.append()
            try await eventually { self.sent.joined().elementsEqual([1]) }
            await self.time.untilSleeping()
            for _ in 0..<50 { try await self.append() }
            #expect(self.sent == [[1]])
            self.time.advance(by: .seconds(1))
            try await eventually { self.sent.joined().elementsEqual(1...51) }
            #expect(self.sent == [[1], Array(2...51)])
        }
    }

    @Test("what wasn't acknowledged on one connection is sent on the next")
    func again() async throws {
        try self.outbox.joined(after: 0)
        try await self.running {
            for _ in 0..<3 { try await self.append() }
            try await eventually {
                self.time.advance(by: .seconds(1))
                return self.sent.joined().last == 3
            }
            self.outbox.acknowledged(1)
            self.outbox.left()
            self.wire.batches.withLock { $0 = [] }
            try self.outbox.joined(after: 1)
            try await eventually {
                self.time.advance(by: .seconds(1))
                return self.sent == [[2, 3]]
            }
        }
    }

    @Test("a gateway that was made from a backup gets again what it lacks, and what comes after it")
    func restored() async throws {
        try self.outbox.joined(after: 0)
        try await self.running {
            for _ in 0..<5 { try await self.append() }
            try await eventually {
                self.time.advance(by: .seconds(1))
                return self.sent.joined().last == 5
            }
            self.outbox.acknowledged(5)
            try await eventually { self.journal.acknowledged == 5 }
            #expect(self.outbox.lag == 0)
            self.outbox.left()
            self.wire.batches.withLock { $0 = [] }
            try self.outbox.joined(after: 2)
            #expect(self.outbox.lag == 3)
            try await self.append()
            try await eventually {
                self.time.advance(by: .seconds(1))
                return self.sent.joined().elementsEqual(3...6)
            }
        }
        #expect(self.outbox.loss == nil)
    }

    @Test("a gateway that lacks what the journal no longer holds is refused, and no session may open")
    func tooOld() async throws {
        let folder = try TemporaryFolder()
        let journal = try Journal(folder: folder.path, origin: "agent/demo", segmentSize: 512)
        let outbox = RecordOutbox(
            journal: journal, time: self.time, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for _ in 0..<100 {
            try await journal.append([Record(time: self.time.wall, event: .policyRefused(message: "m"))])
        }
        journal.acknowledge(upTo: 100)
        try await eventually { journal.firstHeld > 2 }
        let error = #expect(throws: GloveboxError.self) { try outbox.joined(after: 1) }
        #expect(error?.code == .journalUnavailable && outbox.loss != nil)
        try outbox.joined(after: journal.firstHeld - 1)
    }

    @Test("draining waits for the gateway's word, and no longer than it may")
    func drain() async throws {
        try self.outbox.joined(after: 0)
        try await self.append()
        let outbox = self.outbox
        let patient = Task { await outbox.drain(within: .seconds(2)) }
        await self.time.untilSleeping()
        self.outbox.acknowledged(1)
        try await within { await patient.value }

        try await self.append()
        let unheard = Task { await outbox.drain(within: .seconds(2)) }
        await self.time.untilSleeping()
        self.time.advance(by: .seconds(2))
        try await within { await unheard.value }

        // Nobody is there to store them.
        self.outbox.left()
        try await within { await outbox.drain(within: .seconds(2)) }
    }
}
