import AuditFiles
import Contracts
import GloveboxCore
import Logging
import ServiceLifecycle

/// Looks after a running gateway's log: opens it again after a failure, and removes what's older than it's to be kept.
struct LogKeeper: Sendable {
    let log: TiledLog
    /// How long records are kept; nil for ever.
    let kept: Duration?
    let time: any TimeSource
    let logger: Logger

    /// The lease service refuses everything while the log can't be written.
    func mend(mended: @escaping @Sendable () async -> Void) async {
        await cancelWhenGracefulShutdown {
            await self.log.mend(
                time: self.time, failed: { _ in }, mended: mended,
                givenUp: { error in
                    self.logger.critical(
                        "the log isn't what was written: nothing opens", metadata: ["error": "\(error)"])
                })
        }
    }

    /// A few times a day.
    func prune() async {
        guard let kept = self.kept else { return }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let now = self.time.wall
                    let count = try await self.log.prune(before: now.advanced(by: .zero - kept), at: now)
                    if count > 0 { self.logger.notice("old records were pruned", metadata: ["records": "\(count)"]) }
                } catch {
                    self.logger.error("old records can't be pruned", metadata: ["error": "\(error)"])
                }
                guard (try? await self.time.sleep(until: self.time.boot.advanced(by: .seconds(6 * 3600)))) != nil
                else { return }
            }
        }
    }
}
