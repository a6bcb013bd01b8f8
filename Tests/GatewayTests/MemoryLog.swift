import Contracts
import GloveboxCore
import Synchronization

/// A log in memory that can be made to fail.
final class MemoryLog: RecordLog {
    private struct State {
        var records: [Record] = []
        var failure: GloveboxError?
        var watchers: [@Sendable (GloveboxError) -> Void] = []
    }

    private let state = Mutex(State())

    var events: [RecordEvent] { self.state.withLock { $0.records.map(\.event) } }

    /// Every append from now on fails.
    func fail() {
        let failure = GloveboxError(.journalUnavailable, "the disk is full")
        let watchers = self.state.withLock { state in
            state.failure = failure
            return state.watchers
        }
        for watcher in watchers { watcher(failure) }
    }

    func append(_ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void) {
        let failure = self.state.withLock { state in
            if state.failure == nil { state.records += records }
            return state.failure
        }
        durable(failure.map { .failure($0) } ?? .success(()))
    }

    func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.state.withLock { $0.watchers.append(failed) }
    }

    func merge(_ records: [StoredRecord], from origin: String) async throws -> UInt64 { 0 }
    func lastSequence(of origin: String) async throws -> UInt64 { 0 }
    func read(after cursor: UInt64, limit: Int, where filter: RecordFilter) async throws -> RecordPage {
        RecordPage(records: [], next: nil)
    }
    func record(_ id: RecordID) async throws -> StoredRecord? { nil }
}
