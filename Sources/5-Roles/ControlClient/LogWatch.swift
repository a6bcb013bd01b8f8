import ControlAPI
package import GloveboxCore
import Identity
package import TransparencyLog

/// What a person or a machine knows of their gateway's log: the last checkpoint that they saw, beside the profile. Each
/// look at the log is held against it.
package struct LogWatch: Sendable {
    private let path: String

    /// - Parameters:
    ///   - folder: the profile's.
    ///   - isMachine: whether it's what a machine with a token saw, of a gateway that may not be the profile's.
    package init(folder: String, isMachine: Bool = false) {
        self.path = "\(folder)/\(isMachine ? "machine-log" : "log").checkpoint"
    }

    /// What was seen last.
    /// - Throws: `profile_invalid` when it's damaged.
    package func known() throws(GloveboxError) -> KnownCheckpoint? {
        guard let bytes = try PrivateFile.readIfPresent(self.path, sharing: true) else { return nil }
        do {
            return try KnownCheckpoint(bytes)
        } catch {
            throw GloveboxError(
                .profileInvalid,
                "\(self.path) isn't the checkpoint that was kept there (\(error.message)): find out who changed it, then remove the file",
                cause: error)
        }
    }

    /// That the log that was seen holds what `earlier`, a checkpoint from a proof, is the head of.
    /// - Throws: as ``look(_:accepting:)``; `unavailable` where the log grows too fast for that.
    package func look(_ client: ControlClient, including earlier: KnownCheckpoint) async throws {
        // Two questions about the same checkpoint: one for what was seen, one for what is proven.
        for _ in 0..<10 {
            let seen = try await self.look(client)
            let answer = try await client.checkpoint(since: earlier.checkpoint.size)
            let now = try KnownCheckpoint(key: NoteVerifier(answer.key), note: Array(answer.checkpoint.utf8))
            _ = try earlier.advanced(
                to: now, proof: answer.consistency.map { Base64.decode(Array($0.utf8)[...]) ?? [] })
            if now.checkpoint == seen.checkpoint { return }
        }
        throw GloveboxError(.unavailable, "the log grows too fast to be looked at as a whole: try again")
    }

    /// Asks for the log's checkpoint, and remembers it if the log is still what it was.
    /// - Parameter accepting: takes another log for the gateway's from now on; never the same one, altered.
    /// - Throws: `log_replaced`, `log_shortened`, `log_forked`; what asking throws.
    @discardableResult
    package func look(_ client: ControlClient, accepting: Bool = false) async throws -> KnownCheckpoint {
        let known = try self.known()
        let answer = try await client.checkpoint(since: known?.checkpoint.size ?? 0)
        let next = try KnownCheckpoint(key: NoteVerifier(answer.key), note: Array(answer.checkpoint.utf8))
        if let known, !(accepting && next.key != known.key) {
            let proof = answer.consistency.map { Base64.decode(Array($0.utf8)[...]) ?? [] }
            do throws(GloveboxError) {
                _ = try known.advanced(to: next, proof: proof)
            } catch {
                throw GloveboxError(
                    error.code,
                    "AUDIT LOG ALARM: \(error.message); what was seen before is in \(self.path): keep it, and see docs/audit.md",
                    cause: error)
            }
        }
        try PrivateFile.write(next.bytes, to: self.path, mode: 0o644)
        return next
    }
}
