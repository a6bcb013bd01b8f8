package import Contracts
import Dispatch
import Foundation
package import GloveboxCore
import Synchronization

/// Carries one case's requests by libcurl, one after the other, on a thread of its own; cookies and connections are kept
/// from one to the next, and nothing of them goes to another session.
///
/// Each hop of a redirect is a request of its own here, since libcurl would run their headers together.
package final class CurlSession: ExchangeCarrier {
    private let mailbox: Mailbox

    /// What waits for the session's thread; nil ends it.
    private final class Mailbox: Sendable {
        typealias Job = @Sendable (CurlTransfers) -> Void

        private let jobs = Mutex<[Job?]>([])
        private let arrived = DispatchSemaphore(value: 0)

        func post(_ job: Job?) {
            self.jobs.withLock { $0.append(job) }
            self.arrived.signal()
        }

        func take() -> Job? {
            self.arrived.wait()
            return self.jobs.withLock { $0.removeFirst() }
        }
    }

    package init() {
        let mailbox = Mailbox()
        self.mailbox = mailbox
        Thread.detachNewThread {
            let transfers = CurlTransfers()
            while let job = mailbox.take() { job(transfers) }
        }
    }

    deinit {
        self.mailbox.post(nil)
    }

    /// Cancelling the task ends the transfer within about a second.
    package func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer] {
        let cancellation = Cancellation()
        let mailbox = self.mailbox
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Exchanged, Never>) in
                mailbox.post { transfers in
                    do throws(GloveboxError) {
                        continuation.resume(returning: .success(try transfers.exchange(request, cancellation)))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }

    private typealias Exchanged = Result<[ExchangeAnswer], GloveboxError>
}

/// Whether nobody waits for a transfer any more.
final class Cancellation: Sendable {
    private let flag = Atomic(false)

    var isCancelled: Bool { self.flag.load(ordering: .acquiring) }

    func cancel() { self.flag.store(true, ordering: .releasing) }
}
