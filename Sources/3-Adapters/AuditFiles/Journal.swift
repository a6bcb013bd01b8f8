import Contracts
package import GloveboxCore

/// An agent's journal: its records, durable before what they tell of happens, kept until the gateway has them.
///
/// A record's name is the agent's origin and a sequence without gaps. Records for the host alone stand in the same
/// chain under an origin of their own (`agent/NAME/host`), so that the gateway sees no gap; they are never sent and
/// stay until they are released.
package final class Journal: MendableRecords {
    private let chain: RecordChain

    /// Opens the journal in `folder`, and begins one there if it's empty.
    ///
    /// - Parameters:
    ///   - origin: `agent/NAME`
    ///   - segmentSize: of a file, in bytes
    ///   - keptSegments: so many files stay though the gateway has what they hold: for one that was made from a backup,
    ///     and lacks the last of it.
    /// - Throws: `store_locked` when somebody else has it open; `journal_corrupt`, naming file and byte;
    ///   `journal_unavailable`.
    package init(
        folder: String, origin: String, segmentSize: Int = 4 << 20, keptSegments: Int = 0,
        files: any FileWriting = SystemFiles()
    ) throws(GloveboxError) {
        self.chain = try RecordChain(
            folder: folder, kind: .journal, origin: origin, segmentSize: segmentSize,
            keptSegments: keptSegments, files: files)
    }

    /// A torn write that was cleared at opening, for the operator to know of.
    package var tornTail: TornTail? { self.chain.tornTail }

    /// Of the records that go to the gateway: the last one that is durable, 0 before the first.
    package var lastSequence: UInt64 {
        self.chain.snapshot.state.sequences[self.chain.origin] ?? 0
    }

    /// The last one that the gateway has said it has.
    package var acknowledged: UInt64 { self.chain.snapshot.acknowledged }

    package func append(
        _ records: [Record], durable: @escaping @Sendable (Result<Void, GloveboxError>) -> Void
    ) {
        self.chain.append(records, durable)
    }

    package func onFailure(_ failed: @escaping @Sendable (GloveboxError) -> Void) {
        self.chain.onFailure(failed)
    }

    /// `appended` is told ``lastSequence`` now and after each commit, on the journal's thread. There is one listener at
    /// a time; `nil` ends it.
    package func onAppend(_ appended: (@Sendable (UInt64) -> Void)?) {
        self.chain.onAppend(appended)
    }

    /// The first of the records for the gateway that is still here, or would be: what comes before it was acknowledged
    /// and is gone.
    package var firstHeld: UInt64 {
        (self.chain.snapshot.segments.first?.before.sequences[self.chain.origin] ?? 0) + 1
    }

    /// Records for the gateway after `sequence`, in order: at most `limit`, and no more once they take `bytes` (at least
    /// one).
    /// - Parameter again: whether also those that were acknowledged, as far as they're still here.
    @concurrent
    package func unacknowledged(
        after sequence: UInt64, limit: Int, bytes: Int = 1 << 20, again: Bool = false
    ) async throws -> [SequencedRecord] {
        let origin = self.chain.origin
        return try self.chain.reading { index in
            let after = again ? sequence : max(sequence, index.acknowledged)
            var found: [SequencedRecord] = []
            var size = 0
            guard limit > 0, let first = index.segment(afterOwn: after, of: origin) else { return [] }
            for segment in index.segments[first...] {
                guard let offset = segment.offset(afterOwn: after) else { continue }
                let reachedEnd = try ChainReader.frames(of: segment, from: offset) { frame, buffer in
                    guard !frame.isHostOnly, frame.sequence > after else { return true }
                    size += frame.record.count
                    if size > bytes, !found.isEmpty { return false }
                    found.append(SequencedRecord(sequence: frame.sequence, bytes: Array(buffer[frame.record])))
                    return found.count < limit
                }
                if !reachedEnd { break }
            }
            return found
        }
    }

    /// The gateway has all records up to `sequence`: files that hold nothing else are deleted. Returns at once; a higher
    /// number than there are records counts as all of them.
    package func acknowledge(upTo sequence: UInt64) {
        self.chain.enqueue(.acknowledge(sequence))
    }

    /// Records for the host alone, oldest first, with their positions in the journal.
    @concurrent
    package func hostOnly(after position: UInt64 = 0, limit: Int) async throws -> [HostOnlyRecord] {
        try self.chain.reading { index in
            var found: [HostOnlyRecord] = []
            guard limit > 0, let first = index.segment(after: position) else { return [] }
            for segment in index.segments[first...] where segment.lastHostOnly > position {
                guard let offset = segment.offset(after: position) else { continue }
                let reachedEnd = try ChainReader.frames(of: segment, from: offset) { frame, buffer in
                    guard frame.isHostOnly, frame.position > position else { return true }
                    found.append(
                        HostOnlyRecord(position: frame.position, stored: try ChainReader.stored(frame, buffer)))
                    return found.count < limit
                }
                if !reachedEnd { break }
            }
            return found
        }
    }

    /// Records for the host alone up to `position` are no longer needed. Returns at once.
    package func release(hostOnlyUpTo position: UInt64) {
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

/// A record that stays on the host, and where it stands in the journal.
package struct HostOnlyRecord: Hashable, Sendable {
    package var position: UInt64
    package var stored: StoredRecord
}
