import AuditFiles
import ControlWire
import GloveboxCore
import Logging
import ServiceLifecycle
import Synchronization

/// Sends the journal's records to the gateway, in order, and lets the journal forget those that the gateway's log holds.
///
/// A record is sent again on the next connection unless it was acknowledged on this one; the gateway's log stores each
/// once.
final class RecordOutbox: Sendable {
    /// Bytes of records that are sent and not acknowledged: the next batch waits beyond it. A record may be 16 MiB, and
    /// the tunnel bears 32 MiB.
    private static let mostInFlight = 8 << 20
    private static let batch = 512
    private static let batchBytes = 256 << 10

    private struct State {
        /// Up to where records are sent on this connection; `nil` while there is none.
        var sent: UInt64?
        /// Batches that are sent and not acknowledged: the last sequence of each, and its bytes.
        var inFlight: [(last: UInt64, bytes: Int)] = []

        var bytesInFlight: Int { self.inFlight.reduce(0) { $0 + $1.bytes } }
        /// Counts the connections, so that what was read for one isn't sent on the next.
        var connection = 0
    }

    private let journal: Journal
    private let logger: Logger
    private let state = Mutex(State())
    private let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(journal: Journal, logger: Logger) {
        self.journal = journal
        self.logger = logger
        (self.wakes, self.wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        journal.onAppend { [wake] _ in wake.yield() }
    }

    /// A connection is up; the gateway's log holds the records up to `sequence`.
    /// - Throws: `journal_unavailable` when that's more than the journal ever held: it was lost or replaced, and what it
    ///   would number now is taken already.
    func joined(after sequence: UInt64) throws(GloveboxError) {
        guard sequence <= self.journal.lastSequence else {
            throw GloveboxError(
                .journalUnavailable,
                "the gateway's log holds later records of this agent than its journal does, so the journal was lost: enrol the agent under another name"
            )
        }
        self.state.withLock { state in
            state.sent = sequence
            state.inFlight = []
            state.connection += 1
        }
        self.journal.acknowledge(upTo: sequence)
        self.wake.yield()
    }

    func left() {
        self.state.withLock { $0.sent = nil }
    }

    func acknowledged(_ sequence: UInt64) {
        self.state.withLock { state in state.inFlight.removeAll { $0.last <= sequence } }
        self.journal.acknowledge(upTo: sequence)
        self.wake.yield()
    }

    /// Sends until the process is asked to stop.
    func run(sending send: @escaping @Sendable ([SequencedRecord]) -> Void) async {
        await cancelWhenGracefulShutdown {
            for await _ in self.wakes {
                do {
                    while try await self.sendBatch(send) {}
                } catch {
                    self.logger.error("couldn't read records to send", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// - Returns: whether there may be more to send now.
    private func sendBatch(_ send: @Sendable ([SequencedRecord]) -> Void) async throws -> Bool {
        let (sent, connection) = self.state.withLock { ($0.sent, $0.connection) }
        guard let sent, self.state.withLock({ $0.bytesInFlight < Self.mostInFlight }), sent < self.journal.lastSequence
        else { return false }
        let records = try await self.journal.unacknowledged(after: sent, limit: Self.batch, bytes: Self.batchBytes)
        guard let last = records.last?.id.sequence else { return false }
        let batch = records.map { SequencedRecord(sequence: $0.id.sequence, bytes: $0.record.canonicalBytes) }
        let isCurrent = self.state.withLock { state in
            guard state.connection == connection, state.sent == sent else { return false }
            state.sent = last
            state.inFlight.append((last, batch.reduce(0) { $0 + $1.bytes.count }))
            return true
        }
        if isCurrent { send(batch) }
        return true
    }
}
