package import Contracts
import Dispatch
package import GloveboxCore

/// A journal or log that can be opened again after a failure.
package protocol MendableRecords: RecordJournal {
    /// Blocks.
    /// - Throws: `journal_unavailable` while nothing can be written; `journal_corrupt` when people have to look at it.
    func reopen() throws(GloveboxError)
}

extension MendableRecords {
    /// Goes on by itself once a disk has room again or is mended: after a failure it tries every second, then less and
    /// less often. Returns when the task is cancelled, or when what the disk holds isn't what was written: then nothing is
    /// written until people have looked at it.
    ///
    /// - Parameters:
    ///   - failed: called on the journal's thread as soon as nothing can be written.
    ///   - mended: called when appends work again.
    package func mend(
        time: any TimeSource, failed: @escaping @Sendable (GloveboxError) -> Void,
        mended: @Sendable () async -> Void, givenUp: @Sendable (GloveboxError) async -> Void
    ) async {
        while !Task.isCancelled {
            let (failures, failure) = AsyncStream.makeStream(of: Void.self)
            self.onFailure { error in
                failed(error)
                failure.finish()
            }
            for await _ in failures {}
            var pause = Duration.seconds(1)
            while !Task.isCancelled {
                guard (try? await time.sleep(until: time.boot.advanced(by: pause))) != nil else { return }
                do {
                    try await self.reopenElsewhere()
                    await mended()
                    break
                } catch let error as GloveboxError where error.code == .journalCorrupt {
                    return await givenUp(error)
                } catch {
                    pause = min(pause * 2, .seconds(30))
                }
            }
        }
    }

    /// ``reopen()`` on a thread of its own: all of a folder is read, which would keep one that tasks share.
    package func reopenElsewhere() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try self.reopen() })
            }
        }
    }
}
