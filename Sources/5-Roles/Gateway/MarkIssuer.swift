import Contracts
import ControlAPI
import Foundation
import GloveboxCore
import Identity
import Synchronization
import TestContextToken

/// Signs the marks of test runs, with keys in the gateway's state folder (`marks.json`, 0600). A key signs for a month; the
/// next one is told to edges an hour before it signs, and one that's over still counts for a day.
final class MarkIssuer: Sendable {
    private static let signsFor = Duration.seconds(30 * 86_400)
    private static let toldBefore = Duration.seconds(3600)
    private static let countsAfter = Duration.seconds(86_400)
    /// How long a mark is good, at most.
    static let lifetime = Duration.seconds(60)

    private struct Entry: Codable {
        /// 32 bytes, in base 64.
        var key: String
        /// Nanoseconds of wall time.
        var signsFrom: Int64
    }

    private struct Key {
        var entry: Entry
        var signer: TestContextSigner
        var signsFrom: WallTime { WallTime(nanoseconds: self.entry.signsFrom) }
        var signsUntil: WallTime { self.signsFrom.advanced(by: MarkIssuer.signsFor) }
        var isShownUntil: WallTime { self.signsUntil.advanced(by: MarkIssuer.countsAfter) }
    }

    private let path: String
    private let time: any TimeSource
    private let keys: Mutex<[Key]>

    /// - Throws: `file_unusable`, `file_exposed`, `configuration_invalid` for a file that's no longer whole.
    init(folder: String, time: any TimeSource) throws(GloveboxError) {
        self.path = "\(folder)/marks.json"
        self.time = time
        var keys: [Key] = []
        if let bytes = try PrivateFile.readIfPresent(self.path) {
            guard let entries = try? JSONDecoder().decode([Entry].self, from: Data(bytes)) else {
                throw Self.broken(self.path)
            }
            for entry in entries { keys.append(try Self.key(entry, self.path)) }
        }
        self.keys = Mutex(keys)
    }

    private static func broken(_ path: String) -> GloveboxError {
        GloveboxError(
            .configurationInvalid,
            "\(path) doesn't hold keys of marks: bring it back from a backup, or remove it, and there will be new ones")
    }

    private static func key(_ entry: Entry, _ path: String) throws(GloveboxError) -> Key {
        guard let bytes = Data(base64Encoded: entry.key),
            let signer = try? TestContextSigner(
                privateKey: Secret(Array(bytes)), audience: .ingress, validFrom: .init(nanoseconds: 0),
                validUntil: .init(nanoseconds: .max))
        else { throw Self.broken(path) }
        return Key(entry: entry, signer: signer)
    }

    /// Those that edges are to know now.
    /// - Throws: `file_unusable`.
    func publicKeys() throws(GloveboxError) -> MarkKeys {
        MarkKeys(
            keys: try self.current().map { key in
                MarkKeys.Key(
                    publicKey: Data(key.signer.publicKey.publicKey).base64EncodedString(),
                    validFrom: Timestamp(key.signsFrom), validUntil: Timestamp(key.isShownUntil))
            })
    }

    /// - Throws: `file_unusable`, `invalid_argument` for what no mark may say.
    func sign(_ contexts: [IngressContext]) throws(GloveboxError) -> [String] {
        let now = self.time.wall
        guard let key = try self.current().last(where: { $0.signsFrom <= now }) else {
            throw GloveboxError(.internal, "there's no key that signs marks now")
        }
        var marks: [String] = []
        for context in contexts { marks.append(try key.signer.token(context)) }
        return marks
    }

    /// Makes the next key when it's time, and lets go of old ones.
    private func current() throws(GloveboxError) -> [Key] {
        let now = self.time.wall
        do {
            return try self.keys.withLock { keys in
                var kept = keys.filter { $0.isShownUntil > now }
                if let last = kept.last, last.signsUntil > now {
                    if last.signsUntil.advanced(by: .zero - Self.toldBefore) <= now {
                        kept.append(Self.make(from: last.signsUntil))
                    }
                } else {
                    // The first one: nobody waits an hour for it.
                    kept.append(Self.make(from: now.advanced(by: .seconds(-60))))
                }
                if kept.map(\.entry.signsFrom) != keys.map(\.entry.signsFrom) {
                    try PrivateFile.write(Array(try JSONEncoder().encode(kept.map(\.entry))), to: self.path)
                    keys = kept
                }
                return kept
            }
        } catch {
            throw (error as? GloveboxError)
                ?? GloveboxError(.fileUnusable, "\(self.path) can't be written", cause: error)
        }
    }

    private static func make(from start: WallTime) -> Key {
        let signer = TestContextSigner(
            audience: .ingress, validFrom: .init(nanoseconds: 0), validUntil: .init(nanoseconds: .max))
        let key = Data(signer.privateKey.exposeSecret()).base64EncodedString()
        return Key(entry: Entry(key: key, signsFrom: start.nanoseconds), signer: signer)
    }
}
