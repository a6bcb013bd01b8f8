import AuditFiles
import Contracts
import GloveboxCore
import Logging
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
    /// Records that come closer together than this go together: each batch costs the gateway a write to its disk.
    private static let pace = Duration.milliseconds(20)

    private struct State {
        /// Up to where records are sent on this connection; `nil` while there is none.
        var sent: UInt64?
        /// Up to where the gateway's log holds them.
        var acknowledged: UInt64 = 0
        /// Batches that are sent and not acknowledged: the last sequence of each, and its bytes.
        var inFlight: [(last: UInt64, bytes: Int)] = []

        var bytesInFlight: Int { self.inFlight.reduce(0) { $0 + $1.bytes } }
        /// Counts the connections, so that what was read for one isn't sent on the next.
        var connection = 0
        /// Why the journal can't be this agent's.
        var loss: GloveboxError?
    }

    private let journal: Journal
    private let logger: Logger
    private let time: any TimeSource
    private let state = Mutex(State())
    /// Rung when there may be something to send.
    private let sending: Alarm
    /// Rung when the gateway has stored more, or is away.
    private let settled: Alarm

    init(journal: Journal, time: any TimeSource, logger: Logger) {
        self.journal = journal
        self.time = time
        self.logger = logger
        self.sending = Alarm(time)
        self.settled = Alarm(time)
        journal.onAppend { [sending] _ in sending.ring() }
    }

    /// A connection is up; the gateway's log holds the records up to `sequence`.
    /// A gateway that was made from a backup may lack what an earlier one has acknowledged; it's sent again.
    /// - Throws: `journal_unavailable` when that's more than the journal ever held: it was lost or replaced, and what it
    ///   would number now is taken already; or when it lacks what the journal holds no longer.
    func joined(after sequence: UInt64) throws(GloveboxError) {
        guard sequence <= self.journal.lastSequence else {
            let loss = GloveboxError(
                .journalUnavailable,
                "the gateway's log holds later records of this agent than its journal does, so the journal was lost: enrol the agent under another name"
            )
            self.state.withLock { $0.loss = loss }
            throw loss
        }
        guard sequence + 1 >= self.journal.firstHeld else {
            let loss = GloveboxError(
                .journalUnavailable,
                "the gateway's log ends before the first record that this agent's journal still holds, so it was made from an old backup: enrol the agent under another name"
            )
            self.state.withLock { $0.loss = loss }
            throw loss
        }
        if sequence < self.journal.acknowledged {
            self.logger.warning(
                "the gateway lacks records that it has acknowledged, and gets them again: it was made from a backup",
                metadata: ["from": "\(sequence + 1)", "to": "\(self.journal.acknowledged)"])
        }
        self.state.withLock { state in
            state.sent = sequence
            state.acknowledged = sequence
            state.inFlight = []
            state.connection += 1
        }
        self.journal.acknowledge(upTo: sequence)
        self.sending.ring()
    }

    /// How many records the gateway hasn't said it has.
    var lag: UInt64 {
        let has = self.state.withLock { $0.sent == nil ? self.journal.acknowledged : $0.acknowledged }
        let last = self.journal.lastSequence
        return last - min(last, has)
    }

    /// Why the journal can't be this agent's, if it can't.
    var loss: GloveboxError? { self.state.withLock { $0.loss } }

    func left() {
        self.state.withLock { $0.sent = nil }
        self.settled.ring()
    }

    func acknowledged(_ sequence: UInt64) {
        self.state.withLock { state in
            state.acknowledged = sequence
            state.inFlight.removeAll { $0.last <= sequence }
        }
        self.journal.acknowledge(upTo: sequence)
        self.sending.ring()
        self.settled.ring()
    }

    /// Sends until the task is cancelled.
    func run(sending send: @escaping @Sendable ([SequencedRecord]) -> Void) async {
        while !Task.isCancelled {
            await self.sending.rung()
            var hasSent = false
            do {
                while try await self.sendBatch(send) { hasSent = true }
            } catch {
                self.logger.error("couldn't read records to send", metadata: ["error": "\(error)"])
            }
            if hasSent { try? await self.time.sleep(until: self.time.boot.advanced(by: Self.pace)) }
        }
    }

    /// Returns once the gateway's log holds every record, once the gateway is away, or after `limit`.
    func drain(within limit: Duration) async {
        let deadline = self.time.boot.advanced(by: limit)
        while self.time.boot < deadline, !Task.isCancelled {
            let isSettled = self.state.withLock { state in
                state.sent == nil || state.acknowledged >= self.journal.lastSequence
            }
            if isSettled { return }
            await self.settled.wait(until: deadline)
        }
    }

    /// - Returns: whether there may be more to send now.
    private func sendBatch(_ send: @Sendable ([SequencedRecord]) -> Void) async throws -> Bool {
        let (sent, connection) = self.state.withLock { ($0.sent, $0.connection) }
        guard let sent, self.state.withLock({ $0.bytesInFlight < Self.mostInFlight }), sent < self.journal.lastSequence
        else { return false }
        let records = try await self.journal.unacknowledged(
            after: sent, limit: Self.batch, bytes: Self.batchBytes, again: true)
        guard let last = records.last?.sequence else { return false }
        let isCurrent = self.state.withLock { state in
            guard state.connection == connection, state.sent == sent else { return false }
            state.sent = last
            state.inFlight.append((last, records.reduce(0) { $0 + $1.bytes.count }))
            return true
        }
        if isCurrent { send(records) }
        return true
    }
}
