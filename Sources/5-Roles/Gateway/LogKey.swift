import GloveboxCore
import Identity
import TransparencyLog

/// The key that signs a gateway's checkpoints, in its state folder: `log.key` (0600), and beside it `log.pub` for those
/// who check them. Its name, which is the log's, is drawn once.
enum LogKey {
    static func path(in folder: String) -> String { "\(folder)/log.key" }
    static func publicPath(in folder: String) -> String { "\(folder)/log.pub" }

    /// The key in `folder`, made if there's none.
    ///
    /// - Parameters:
    ///   - host: what the log's name begins with.
    ///   - isNew: whether there's no log yet; one that's there goes on under its own key alone.
    /// - Throws: `configuration_invalid` when the log's key is gone; `file_exposed`, `file_unusable`, `note_invalid`.
    static func load(
        folder: String, host: String, isNew: Bool
    ) throws(GloveboxError) -> (signer: NoteSigner, previous: NoteVerifier?) {
        let path = Self.path(in: folder)
        let signer: NoteSigner
        if let text = try PrivateFile.readIfPresent(path) {
            signer = try NoteSigner(Secret(Self.line(text)))
        } else {
            guard isNew else {
                throw GloveboxError(
                    .configurationInvalid,
                    "\(path) is missing, and the log was signed with it: bring it back from a backup")
            }
            signer = NoteSigner(name: "\(Self.name(host))/log/\(Base32.random(length: 12))")
            try PrivateFile.create("\(signer.text.exposeSecret())\n".utf8, at: path)
        }
        let line = Array("\(signer.verifier)\n".utf8)
        let shown = Self.publicPath(in: folder)
        if try PrivateFile.readIfPresent(shown, sharing: true) != line {
            try PrivateFile.write(line, to: shown, mode: 0o644)
        }
        let previous = try PrivateFile.readIfPresent(Self.previousPath(in: folder))
        return (signer, try previous.map { (text) throws(GloveboxError) in try NoteVerifier(Self.line(text)) })
    }

    /// Gives a restored gateway's log another name and key, since under the old ones it may have signed for records that
    /// it no longer has. The log goes on from what was restored; agents and people accept it by hand. For a gateway
    /// that's stopped.
    /// - Returns: the log's public key from now on.
    static func replace(folder: String, host: String) throws(GloveboxError) -> NoteVerifier {
        let old = try Self.load(folder: folder, host: host, isNew: false).signer.verifier
        try PrivateFile.write("\(old)\n".utf8, to: Self.previousPath(in: folder))
        let signer = NoteSigner(name: "\(Self.name(host))/log/\(Base32.random(length: 12))")
        try PrivateFile.write("\(signer.text.exposeSecret())\n".utf8, to: Self.path(in: folder))
        return try Self.load(folder: folder, host: host, isNew: false).signer.verifier
    }

    private static func previousPath(in folder: String) -> String { "\(folder)/log.previous" }

    private static func line(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        return String(text.hasSuffix("\n") ? text.dropLast() : text[...])
    }

    /// `host` without what a key's name may not have in it.
    private static func name(_ host: String) -> String {
        NoteVerifier.isName(host) ? host : "gateway"
    }
}
