import Crypto
import GloveboxCore
import Identity

/// Seals what stood on this host before a change, with a key that never leaves it: whoever copies the journal has nothing
/// of it.
struct HostSeal: Sendable {
    private let key: SymmetricKey

    /// - Throws: `file_exposed`, `file_unusable`, `journal_corrupt` for a key that isn't one.
    init(path: String) throws(GloveboxError) {
        if let bytes = try PrivateFile.readIfPresent(path) {
            guard bytes.count == 32 else {
                throw GloveboxError(
                    .journalCorrupt, "\(path) isn't the key that was made there: bring it back from a backup")
            }
            self.key = SymmetricKey(data: bytes)
        } else {
            self.key = SymmetricKey(size: .bits256)
            try PrivateFile.create(self.key.withUnsafeBytes { Array($0) }, at: path)
        }
    }

    /// - Parameter place: what it belongs to; it opens under the same alone.
    func seal(_ bytes: [UInt8], place: String) throws(GloveboxError) -> String {
        do {
            return Base64.text(
                Array(try ChaChaPoly.seal(bytes, using: self.key, authenticating: Array(place.utf8)).combined))
        } catch {
            throw GloveboxError(.changeFailed, "what is there now can't be sealed", cause: error)
        }
    }

    /// By what `bytes` are known again; it tells nothing of them to who hasn't the key.
    func digest(_ bytes: [UInt8], place: String) -> String {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: self.key, info: Array("digest \(place)".utf8), outputByteCount: 32)
        return Base64.text(Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key)))
    }

    func open(_ text: String, place: String) throws(GloveboxError) -> [UInt8] {
        do {
            guard let bytes = Base64.decode(ArraySlice(text.utf8)) else { throw CanonicalReader.malformed }
            return Array(
                try ChaChaPoly.open(
                    try ChaChaPoly.SealedBox(combined: bytes), using: self.key, authenticating: Array(place.utf8)))
        } catch {
            throw GloveboxError(
                .changeFailed,
                "what stood there before \(place) can't be unsealed: the agent's changes.key isn't the one that sealed it, so bring that back from a backup",
                cause: error)
        }
    }
}
