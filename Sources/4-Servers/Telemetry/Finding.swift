package import GloveboxCore
import NIOCore
import NIOPosix

/// What one look at a set-up found: `glovebox doctor` shows them.
package struct Finding: Hashable, Sendable, Codable {
    package enum Verdict: String, Sendable, Codable {
        case ok
        /// It works, and won't for ever, or not as it should.
        case warning
        case failed
    }

    /// What was looked at, such as `gateway store`.
    package var check: String
    package var verdict: Verdict
    /// In one line; where it isn't `ok`, also what to do.
    package var found: String

    package init(_ check: String, _ verdict: Verdict, _ found: String) {
        self.check = check
        self.verdict = verdict
        self.found = found
    }

    /// - Parameter look: gives what was found if all is well, and throws what isn't.
    package static func of(_ check: String, _ look: () async throws -> String) async -> Finding {
        do {
            return Finding(check, .ok, try await look())
        } catch let error as GloveboxError {
            return Finding(check, .failed, error.description)
        } catch {
            return Finding(check, .failed, "it failed without a reason that Glovebox knows")
        }
    }

    private static let leastDisk = UInt64(256) << 20

    package static func disk(_ check: String, _ folder: String) -> Finding {
        guard let space = DiskSpace(of: folder) else {
            return Finding(check, .failed, "\(folder) can't be looked at: does it exist, and may this user read it?")
        }
        let share = space.size == 0 ? 0 : Double(space.free) / Double(space.size)
        let found = "\(space.free >> 20) MiB (\(Int(share * 100)) %) are left for \(folder)"
        if space.free < Self.leastDisk {
            return Finding(check, .failed, "\(found): make room, since nothing opens on a full disk")
        }
        return Finding(check, share < 0.1 ? .warning : .ok, share < 0.1 ? "\(found): make room soon" : found)
    }

    /// - Parameters:
    ///   - least: what should be left at least, since it's renewed before.
    ///   - mend: what to do where less is.
    package static func certificate(
        _ check: String, until notAfter: WallTime, now: WallTime, least: Duration, mend: String
    ) -> Finding {
        let left = now.duration(to: notAfter)
        guard left > .zero else { return Finding(check, .failed, "it has run out: \(mend)") }
        let hours = Int(left / .seconds(3600))
        let found = hours < 72 ? "good for \(hours) h more" : "good for \(hours / 24) days more"
        return left < least
            ? Finding(check, .warning, "\(found), and should have been renewed: \(mend)") : Finding(check, .ok, found)
    }

    /// Whether something listens there.
    package static func listens(_ host: String, _ port: Int) async -> Bool {
        await self.connects { $0.connect(host: host, port: port) }
    }

    package static func listens(atSocket path: String) async -> Bool {
        await self.connects { $0.connect(unixDomainSocketPath: path) }
    }

    private static func connects(_ dial: (ClientBootstrap) -> EventLoopFuture<any Channel>) async -> Bool {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(3))
        guard let channel = try? await dial(bootstrap).get() else { return false }
        try? await channel.close()
        return true
    }
}
