package import GloveboxCore

/// Where records are written first: an agent's journal, or the gateway's own log. No record, no access (promise 6).
package protocol RecordJournal: Sendable {
    /// Writes `records` in order and calls `durable` exactly once, on a thread of the journal's, when all of them are
    /// on disk or when that failed. Never blocks the caller.
    func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void)

    /// Calls `failed` once, as soon as the journal can no longer be written (at once if that's so already).
    func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void)
}

extension RecordJournal {
    /// Returns when `records` are on disk.
    package func append(_ records: [Record]) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            self.append(records) { continuation.resume(with: $0.mapError { $0 as any Error }) }
        }
    }
}

/// What people read: the gateway's log, in the order in which it got the records.
package protocol RecordLog: RecordJournal {
    /// Of the last record that is durable; 0 before the first.
    var position: UInt64 { get }

    /// Stores records of another origin, each once: those already stored are passed over.
    /// Returns, when they are durable, the highest sequence stored without a gap for `origin`.
    func merge(_ records: [SequencedRecord], from origin: String) async throws -> UInt64

    /// The highest sequence of `origin` stored without a gap; 0 for an unknown one.
    func lastSequence(of origin: String) async throws -> UInt64

    /// Records after position `cursor` (0 is before the first), oldest first, at most `limit` that `filter` takes.
    /// `next` is the cursor to go on with, `nil` at the log's end.
    func read(after cursor: UInt64, limit: Int, where filter: RecordFilter) async throws -> RecordPage

    func record(_ id: RecordID) async throws -> StoredRecord?
}

package struct RecordPage: Sendable {
    package var records: [StoredRecord]
    package var next: UInt64?
    /// The position up to which was looked; where the log ends, reading goes on after it.
    package var reached: UInt64

    package init(records: [StoredRecord], next: UInt64?, reached: UInt64) {
        self.records = records
        self.next = next
        self.reached = reached
    }
}

/// Which records are asked for; a part that's absent takes all.
package struct RecordFilter: Sendable {
    package var identity: IdentityName?
    package var target: TargetName?
    package var lease: LeaseID?
    package var event: String?
    /// From this moment on.
    package var since: WallTime?
    /// Before this moment.
    package var until: WallTime?

    package init(
        identity: IdentityName? = nil, target: TargetName? = nil, lease: LeaseID? = nil, event: String? = nil,
        since: WallTime? = nil, until: WallTime? = nil
    ) {
        self.identity = identity
        self.target = target
        self.lease = lease
        self.event = event
        self.since = since
        self.until = until
    }

    package func takes(_ time: WallTime) -> Bool {
        (self.since.map { time >= $0 } ?? true) && (self.until.map { time < $0 } ?? true)
    }

    package func takes(_ record: Record) -> Bool {
        (self.identity == nil || record.identity == self.identity)
            && (self.target == nil || record.target == self.target)
            && (self.lease == nil || record.lease == self.lease)
            && (self.event == nil || record.event.name == self.event)
            && self.takes(record.time)
    }
}
