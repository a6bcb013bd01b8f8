package import Contracts
import GloveboxCore
package import Logging
import ServiceLifecycle

/// Keeps the certificate of a profile fresh for a process that runs for longer than it lasts, such as an agent.
package struct ProfileRenewal: Service {
    private static let interval = Duration.seconds(300)

    private let folder: String
    private let time: any TimeSource
    private let logger: Logger

    package init(folder: String, time: any TimeSource, logger: Logger) {
        self.folder = folder
        self.time = time
        self.logger = logger
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    try await self.renewIfDue()
                } catch {
                    self.logger.warning("couldn't renew the certificate, trying again", metadata: ["error": "\(error)"])
                }
            } while (try? await self.time.sleep(until: self.time.boot.advanced(by: Self.interval))) != nil
        }
    }

    private func renewIfDue() async throws {
        let profile = try Profile.load(folder: self.folder)
        guard profile.needsRenewal(at: self.time.wall) else { return }
        let client = try ControlClient(profile, time: self.time)
        do {
            _ = try await client.renewCertificate()
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
        self.logger.notice("the certificate is renewed")
    }
}
