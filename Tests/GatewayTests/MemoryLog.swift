import Contracts
import GloveboxCore
import Synchronization

@testable import Gateway

/// A log in memory that can be made to fail.
final class MemoryLog: RecordLog {
    private struct State {
        var records: [Record] = []
        var failure: GloveboxError?
        var watchers: [@Sendable (GloveboxError) -> Void] = []
    }

    private let state = Mutex(State())

    var position: UInt64 { self.state.withLock { UInt64($0.records.count) } }
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

    /// Appends work again; whoever asked to be told of failures has to ask again.
    func mend() {
        self.state.withLock { state in
            state.failure = nil
            state.watchers = []
        }
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

    func merge(_ records: [SequencedRecord], from origin: String) async throws -> UInt64 { 0 }
    func lastSequence(of origin: String) async throws -> UInt64 { 0 }
    func read(after cursor: UInt64, limit: Int, where filter: RecordFilter) async throws -> RecordPage {
        let records = self.state.withLock { $0.records }.dropFirst(Int(cursor))
        return RecordPage(
            records: records.filter(filter.takes).map {
                StoredRecord(id: RecordID(origin: RecordID.gatewayOrigin, sequence: 1), record: $0)
            }, next: nil, reached: self.position)
    }
    func record(_ id: RecordID) async throws -> StoredRecord? { nil }
}

extension EmergencyRoom {
    /// There is none.
    static let none = EmergencyRoom(
        giveUp: { throw GloveboxError(.journalUnavailable, "no room") }, takeBack: { true })
}
