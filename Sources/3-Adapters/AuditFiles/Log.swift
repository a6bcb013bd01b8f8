package import Contracts
import Dispatch
package import GloveboxCore

/// What a gateway's log is written to first: its own records and those of its agents, in the order in which it got them,
/// in one hash chain. A ``TiledLog`` takes them over from here.
package final class Log: RecordLog, MendableRecords {
    private let chain: RecordChain

    /// Opens the log in `folder`, and begins one there if it's empty. All of it is read and checked.
    ///
    /// - Parameter segmentSize: of a file, in bytes
    /// - Throws: `store_locked` when somebody else has it open; `journal_corrupt`, naming file and byte;
    ///   `journal_unavailable`.
    package init(
        folder: String, segmentSize: Int = 4 << 20, files: any FileWriting = SystemFiles()
    ) throws(GloveboxError) {
        self.chain = try RecordChain(
            folder: folder, kind: .log, origin: RecordID.gatewayOrigin, segmentSize: segmentSize, files: files)
    }

    /// A torn write that was cleared at opening, for the operator to know of.
    package var tornTail: TornTail? { self.chain.tornTail }

    package var position: UInt64 { self.chain.snapshot.state.position }

    /// The last durable record's position, and the chain's head there.
    package var head: (position: UInt64, hash: [UInt8]) {
        let state = self.chain.snapshot.state
        return (state.position, state.head)
    }

    package func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void
    ) {
        guard records.allSatisfy({ !$0.isHostOnly }) else {
            let error = GloveboxError(
                .invalidArgument, "a record for a host alone doesn't belong into the gateway's log")
            self.chain.enqueue(.refused(error, durable))
            return
        }
        self.chain.append(records, durable)
    }

    package func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.chain.onFailure(failed)
    }

    /// - Throws: `protocol_violation` for what isn't a record in canonical form, or is one for its host alone; `conflict`
    ///   when a record that's stored comes again and isn't the same; `journal_unavailable`.
    package func merge(_ records: [SequencedRecord], from origin: String) async throws -> UInt64 {
        guard origin != RecordID.gatewayOrigin, origin.utf8.count <= 255 else {
            throw GloveboxError(.protocolViolation, "'\(origin.prefix(80))' is not an agent's origin")
        }
        for record in records where try Record(canonicalBytes: record.bytes).isHostOnly {
            throw GloveboxError(.protocolViolation, "records that are not for the gateway came from \(origin)")
        }
        return try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<UInt64, any Error>) in
            self.chain.enqueue(
                .merge(records, origin: origin) { continuation.resume(with: $0.mapError { $0 as any Error }) })
        }
    }

    package func lastSequence(of origin: String) async throws -> UInt64 {
        self.chain.snapshot.state.sequences[origin] ?? 0
    }

    @concurrent
    package func read(
        after cursor: UInt64, limit: Int, where filter: RecordFilter
    ) async throws -> RecordPage {
        try self.chain.reading { index in
            var records: [StoredRecord] = []
            var next = cursor
            guard limit > 0, let first = index.segment(after: cursor) else {
                return RecordPage(
                    records: [], next: cursor < index.state.position ? cursor : nil, reached: cursor)
            }
            for segment in index.segments[first...] {
                try Task.checkCancellation()
                guard let offset = segment.offset(after: cursor) else { continue }
                let reachedEnd = try ChainReader.frames(of: segment, from: offset) { frame, buffer in
                    guard frame.position > cursor else { return true }
                    let stored = try ChainReader.stored(frame, buffer)
                    next = frame.position
                    if filter.takes(stored.record) { records.append(stored) }
                    return records.count < limit
                }
                if !reachedEnd { break }
            }
            return RecordPage(
                records: records, next: next < index.state.position ? next : nil, reached: next)
        }
    }

    @concurrent
    package func record(_ id: RecordID) async throws -> StoredRecord? {
        try self.chain.reading { index in
            guard let segment = index.segment(of: id.sequence, from: id.origin),
                let bytes = try ChainReader.find(id, in: segment)
            else { return nil }
            return StoredRecord(id: id, record: try Record(canonicalBytes: bytes))
        }
    }

    /// `appended` is called now and after each commit, on the log's thread. There is one listener at a time; `nil` ends
    /// it.
    package func onAppend(_ appended: (@Sendable () -> Void)?) {
        guard let appended else { return self.chain.onAppend(nil) }
        self.chain.onAppend { _ in appended() }
    }

    /// Up to `limit` durable records after `position`, as they were written, and no more once they take `bytes` (at
    /// least one).
    func entries(after position: UInt64, limit: Int, bytes: Int) throws -> [ChainEntry] {
        try self.chain.reading { index in
            var found: [ChainEntry] = []
            var size = 0
            guard limit > 0, let first = index.segment(after: position) else { return [] }
            for segment in index.segments[first...] {
                guard let offset = segment.offset(after: position) else { continue }
                let reachedEnd = try ChainReader.frames(of: segment, from: offset) { frame, buffer in
                    guard frame.position > position else { return true }
                    size += frame.record.count
                    if size > bytes, !found.isEmpty { return false }
                    found.append(
                        ChainEntry(
                            isHostOnly: false, origin: frame.origin, sequence: frame.sequence,
                            record: Array(buffer[frame.record])))
                    return found.count < limit
                }
                if !reachedEnd { break }
            }
            return found
        }
    }

    var segments: [SegmentSummary] { self.chain.snapshot.segments }

    /// Returns when what was appended before is written, or refused. Blocks.
    func flush() {
        let written = DispatchSemaphore(value: 0)
        self.chain.append([]) { _ in written.signal() }
        written.wait()
    }

    /// Before the first record that's still here.
    var firstPosition: UInt64 { self.chain.snapshot.segments.first?.before.position ?? 0 }

    /// The tree has the records up to `position`, durably: files that hold nothing else are deleted. Returns at once.
    func release(upTo position: UInt64) {
        guard let first = self.chain.snapshot.segments.dropLast().first, first.last <= position else { return }
        self.chain.enqueue(.release(position))
    }

    /// Reads the folder again after a failure, if there's room to write; appends work again when this returns. Reports
    /// that came meanwhile are written first. Whoever asked to be told of failures has to ask again. Blocks; not to be
    /// called from a callback of this type's.
    package func reopen() throws(GloveboxError) {
        try self.chain.reopen()
    }

    /// Writes what waits and gives the folder back. Blocks; not to be called from a callback of this type's.
    package func close() {
        self.chain.close()
    }
}
