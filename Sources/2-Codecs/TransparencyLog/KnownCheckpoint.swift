package import GloveboxCore

/// The last checkpoint of a log that somebody saw, and the key it was signed with. Whoever keeps it can tell whether
/// what the log shows later still holds all that it held then.
package struct KnownCheckpoint: Hashable, Sendable {
    package let key: NoteVerifier
    package let note: [UInt8]
    package let checkpoint: Checkpoint

    /// - Throws: `note_invalid`.
    package init(key: NoteVerifier, note: [UInt8]) throws(GloveboxError) {
        self.key = key
        self.note = note
        self.checkpoint = try Checkpoint(note, signedBy: key)
    }

    /// As ``bytes`` has it.
    /// - Throws: `note_invalid`.
    package init(_ bytes: [UInt8]) throws(GloveboxError) {
        guard let end = bytes.firstIndex(of: 0x0A), let key = String(validating: bytes[..<end], as: UTF8.self) else {
            throw GloveboxError(.noteInvalid, "this is no checkpoint with its log's key")
        }
        try self.init(key: NoteVerifier(key), note: Array(bytes[(end + 1)...]))
    }

    /// The key on a line of its own, then the signed note.
    package var bytes: [UInt8] { Array("\(self.key)\n".utf8) + self.note }

    /// `next`, which the log shows now with a proof that its tree begins with this one's.
    ///
    /// - Throws: `log_replaced` when it is another log's (or signed with another key); `log_shortened`; `log_forked`.
    package func advanced(to next: KnownCheckpoint, proof: [[UInt8]]) throws(GloveboxError) -> KnownCheckpoint {
        guard next.key == self.key else {
            throw GloveboxError(
                .logReplaced,
                "the gateway shows the log \(next.key.name), and the last one seen was \(self.key.name): it was restored or replaced"
            )
        }
        guard next.checkpoint.size >= self.checkpoint.size else {
            throw GloveboxError(
                .logShortened,
                "the gateway's log holds \(next.checkpoint.size) records, and had signed for \(self.checkpoint.size): records were removed"
            )
        }
        do {
            if self.checkpoint.size > 0 {
                try TreeProof.checkConsistency(
                    size1: self.checkpoint.size, size2: next.checkpoint.size, proof: proof,
                    root1: self.checkpoint.root.bytes, root2: next.checkpoint.root.bytes)
            }
        } catch {
            throw GloveboxError(
                .logForked,
                "the gateway's log of \(next.checkpoint.size) records isn't what it had signed for at \(self.checkpoint.size): records were altered",
                cause: error)
        }
        return next
    }
}

extension GloveboxError.Code {
    /// Another log than the one that was seen last.
    package static let logReplaced = Self("log_replaced")
    /// A log that has lost records that it had signed for.
    package static let logShortened = Self("log_shortened")
    /// A log that isn't what it had signed for.
    package static let logForked = Self("log_forked")

    /// Whether a log was caught having changed what it had signed for.
    package var isLogAlarm: Bool { [Self.logReplaced, .logShortened, .logForked].contains(self) }
}
