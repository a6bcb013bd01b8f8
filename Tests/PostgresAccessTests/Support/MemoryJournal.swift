import Contracts
import Dispatch
import GloveboxCore
import Synchronization
import TestSupport

/// A journal in memory, on a thread of its own, that can be told to hold records back or to fail.
final class MemoryJournal: RecordJournal {
    enum Mode: Sendable {
        case durable
        /// Statements wait for ``release()``; everything else is durable at once.
        case holdingStatements
        /// Everything does.
        case holding
        /// Statements can't be written.
        case failingStatements
    }

    private struct State {
        var mode = Mode.durable
        var records: [Record] = []
        var held: [@Sendable (Result<Void, GloveboxError>) -> Void] = []
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "journal")

    func set(_ mode: Mode) { self.state.withLock { $0.mode = mode } }

    func append(_ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void) {
        let hasStatement = records.contains { $0.isStatement }
        let result = self.state.withLock { state -> Result<Void, GloveboxError>? in
            if hasStatement, case .failingStatements = state.mode {
                return .failure(GloveboxError(.journalUnavailable, "the disk is full"))
            }
            state.records += records
            switch state.mode {
            case .holdingStatements where hasStatement, .holding:
                state.held.append(durable)
                return nil
            default: return .success(())
            }
        }
        if let result { self.queue.async { durable(result) } }
    }

    func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {}

    /// What was held back is on disk now, and so is all that comes.
    func release() {
        let held = self.state.withLock { state in
            state.mode = .durable
            defer { state.held = [] }
            return state.held
        }
        self.queue.async { for durable in held { durable(.success(())) } }
    }

    var records: [Record] { self.state.withLock { $0.records } }
    var statements: [(text: String, values: [String?])] {
        self.records.compactMap { if case .statement(let text, let values) = $0.event { (text, values) } else { nil } }
    }
    var receipts: [(receipt: SessionReceipt, reason: String)] {
        self.records.compactMap {
            if case .sessionEnded(let receipt, let reason) = $0.event { (receipt, reason) } else { nil }
        }
    }
    /// Everything that the records say, to search in.
    var text: String { self.records.map { "\($0.event)" }.joined(separator: "\n") }

    /// Returns once the records are as wanted.
    func wait(until holds: @escaping @Sendable ([Record]) -> Bool) async throws {
        try await eventually("the records") { holds(self.records) }
    }

    func waitForReceipts(_ count: Int = 1) async throws {
        try await self.wait { $0.count { if case .sessionEnded = $0.event { true } else { false } } >= count }
    }
}

extension Record {
    var isStatement: Bool {
        switch self.event {
        case .statement, .statementRefused: true
        default: false
        }
    }
}
