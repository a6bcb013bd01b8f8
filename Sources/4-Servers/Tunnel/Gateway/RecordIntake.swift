import ControlWire
import GloveboxCore
import NIOCore
import Synchronization

/// Carries an agent's records from its control connection to the log, in order and one batch at a time, and what has
/// become durable back. One of the two places where the tunnel begins a task by itself: here handlers meet the log.
final class RecordIntake: Sendable {
    /// Most bytes of records that may wait. An agent sends on as acknowledgements come, so it doesn't reach this.
    static let mostWaiting = 64 << 20

    private let batches: AsyncStream<[SequencedRecord]>.Continuation
    private let waiting = Atomic<Int>(0)

    /// - Parameters:
    ///   - merge: stores a batch, and gives the highest sequence that is durable.
    ///   - done: told that sequence, or why storing failed, after which nothing more is stored.
    init(
        merge: @escaping @Sendable ([SequencedRecord]) async throws -> UInt64,
        done: @escaping @Sendable (Result<UInt64, any Error>) -> Void
    ) {
        let (stream, continuation) = AsyncStream.makeStream(of: [SequencedRecord].self)
        self.batches = continuation
        Task {
            for await batch in stream {
                do {
                    let durable = try await merge(batch)
                    self.waiting.subtract(Self.size(batch), ordering: .relaxed)
                    done(.success(durable))
                } catch {
                    return done(.failure(error))
                }
            }
        }
    }

    /// - Returns: false when too much waits.
    func add(_ batch: [SequencedRecord]) -> Bool {
        let size = Self.size(batch)
        guard self.waiting.add(size, ordering: .relaxed).newValue <= Self.mostWaiting else { return false }
        self.batches.yield(batch)
        return true
    }

    /// What was added is still stored.
    func finish() {
        self.batches.finish()
    }

    private static func size(_ batch: [SequencedRecord]) -> Int {
        batch.reduce(0) { $0 + $1.bytes.count + 64 }
    }
}
