package import GloveboxCore

/// The head of a log's tree as its key signs it (C2SP tlog-checkpoint). Glovebox writes no extension lines, and reads
/// over those of others.
package struct Checkpoint: Hashable, Sendable {
    /// Names the log, and is the name of its key.
    package var origin: String
    package var size: UInt64
    package var root: TreeHash

    package init(origin: String, size: UInt64, root: TreeHash) {
        self.origin = origin
        self.size = size
        self.root = root
    }

    package var text: String {
        let root = String(decoding: Base64.encode(self.root.bytes), as: UTF8.self)
        return "\(self.origin)\n\(self.size)\n\(root)\n"
    }

    /// - Throws: `note_invalid` when `note` isn't a checkpoint that the log of this key signed.
    package init(_ note: [UInt8], signedBy verifier: NoteVerifier) throws(GloveboxError) {
        let text = try verifier.text(of: SignedNote(note))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, let size = UInt64(lines[1]), lines[1] == String(size),
            let root = Base64.decode(Array(lines[2].utf8)[...]).flatMap({ TreeHash($0) })
        else { throw GloveboxError(.noteInvalid, "this signed note is no checkpoint") }
        guard lines[0] == verifier.name else {
            throw GloveboxError(.noteInvalid, "this checkpoint is of another log than \(verifier.name)")
        }
        self.init(origin: verifier.name, size: size, root: root)
    }
}
