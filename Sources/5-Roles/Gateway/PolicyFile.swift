import Contracts
import Crypto
import GloveboxCore
import Identity
import Logging
import Policy
import ServiceLifecycle

/// Holds the policy file in force: looks at it every second, so that a change needs no restart. A file that can't be
/// read is refused, loudly, and the last good one stays.
struct PolicyFile: Service {
    private static let interval = Duration.seconds(1)

    let path: String
    let holder: PolicyHolder
    let log: any RecordLog
    let time: any TimeSource
    let logger: Logger
    /// Called after another policy came into force.
    let changed: @Sendable () async -> Void

    /// Reads the file for the first time.
    /// - Throws: `configuration_invalid`, since a gateway doesn't start with a broken policy.
    static func load(_ path: String) throws(GloveboxError) -> PolicyHolder {
        PolicyHolder(try PolicyDocument(yaml: try Self.text(path), file: path))
    }

    func run() async throws {
        let first = try? Self.text(self.path)
        if let first { await self.record(.policyLoaded(digest: Self.digest(first))) }
        await cancelWhenGracefulShutdown {
            var last = first
            while (try? await self.time.sleep(until: self.time.boot.advanced(by: Self.interval))) != nil {
                last = await self.look(last)
            }
        }
    }

    /// Returns what the file says now, so that the same complaint isn't made twice.
    private func look(_ last: String?) async -> String? {
        do throws(GloveboxError) {
            let text = try Self.text(self.path)
            guard text != last else { return last }
            do throws(GloveboxError) {
                let wasRefused = self.holder.refusal != nil
                guard try self.holder.replace(yaml: text, file: self.path) else {
                    if wasRefused {
                        self.logger.notice(
                            "the policy's file is the one in force again", metadata: ["file": "\(self.path)"])
                    }
                    return text
                }
            } catch {
                await self.refused(error)
                return text
            }
            self.logger.notice("another policy is in force", metadata: ["file": "\(self.path)"])
            await self.record(.policyLoaded(digest: Self.digest(text)))
            await self.changed()
            return text
        } catch {
            guard last != nil else { return nil }
            self.holder.refuse(error)
            await self.refused(error)
            return nil
        }
    }

    private static func text(_ path: String) throws(GloveboxError) -> String {
        String(decoding: try PrivateFile.read(path, sharing: true), as: UTF8.self)
    }

    private func refused(_ error: GloveboxError) async {
        self.logger.error("the policy is refused, the one before stays in force: \(error)")
        await self.record(.policyRefused(message: error.message))
    }

    private func record(_ event: RecordEvent) async {
        try? await self.log.append([Record(time: self.time.wall, event: event)])
    }

    private static func digest(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }
}
