import Crypto
package import GloveboxCore

/// An Ed25519 public key under a name, as C2SP signed-note identifies it, and as Go's note package writes it:
/// `NAME+KEYID+BASE64`.
package struct NoteVerifier: Hashable, Sendable, CustomStringConvertible {
    /// signed-note's signature type of plain Ed25519.
    static let ed25519: UInt8 = 1

    package let name: String
    package let keyID: UInt32
    /// 32 bytes.
    package let publicKey: [UInt8]

    /// - Throws: `note_invalid` when `text` isn't what ``description`` gives for some key.
    package init(_ text: String) throws(GloveboxError) {
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, Self.isName(parts[0]), let encoded = Base64.decode(Array(parts[2].utf8)[...]),
            encoded.count == 33, encoded[0] == Self.ed25519
        else {
            throw GloveboxError(
                .noteInvalid,
                "this is no log's public key: NAME+KEYID+BASE64 is wanted, as 'glovebox audit key' shows it")
        }
        self.init(name: String(parts[0]), publicKey: Array(encoded.dropFirst()))
        guard parts[1] == Self.hexadecimal(self.keyID) else {
            throw GloveboxError(.noteInvalid, "this log's public key is damaged: its id isn't that of the key")
        }
    }

    init(name: String, publicKey: [UInt8]) {
        self.name = name
        self.publicKey = publicKey
        var hash = SHA256()
        hash.update(data: Array(name.utf8) + [0x0A, Self.ed25519] + publicKey)
        self.keyID = hash.finalize().prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    package var description: String {
        let key = String(decoding: Base64.encode([Self.ed25519] + self.publicKey), as: UTF8.self)
        return "\(self.name)+\(Self.hexadecimal(self.keyID))+\(key)"
    }

    /// The text of a note that this key signed.
    /// - Throws: `note_invalid` when it didn't, or when a signature in its name doesn't hold.
    package func text(of note: SignedNote) throws(GloveboxError) -> String {
        let own = note.signatures.filter { $0.name == self.name && $0.keyID == self.keyID }
        guard !own.isEmpty else { throw GloveboxError(.noteInvalid, "\(self.name) hasn't signed this note") }
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: self.publicKey) else {
            throw GloveboxError(.noteInvalid, "the public key of \(self.name) is no Ed25519 key")
        }
        for signature in own where !key.isValidSignature(signature.bytes, for: Array(note.text.utf8)) {
            throw GloveboxError(.noteInvalid, "the signature of \(self.name) doesn't hold: the note was altered")
        }
        return note.text
    }

    /// Not empty, and without what separates names from other things.
    package static func isName(_ name: some StringProtocol) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy { $0 != "+" && $0.value >= 0x20 && !$0.properties.isWhitespace }
    }

    private static func hexadecimal(_ number: UInt32) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }
}

/// An Ed25519 key that signs notes under a name.
package struct NoteSigner: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let verifier: NoteVerifier

    /// A new key. `name` has to be one (``NoteVerifier/isName(_:)``).
    package init(name: String) {
        self.init(name: name, key: Curve25519.Signing.PrivateKey())
    }

    private init(name: String, key: Curve25519.Signing.PrivateKey) {
        self.key = key
        self.verifier = NoteVerifier(name: name, publicKey: Array(key.publicKey.rawRepresentation))
    }

    /// What ``text`` gave, in the form of Go's note package: `PRIVATE+KEY+NAME+KEYID+BASE64`.
    /// - Throws: `note_invalid`.
    package init(_ text: Secret<String>) throws(GloveboxError) {
        let damaged = GloveboxError(.noteInvalid, "this is no log's private key: bring the file back from a backup")
        let parts = text.exposeSecret().split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "PRIVATE", parts[1] == "KEY", NoteVerifier.isName(parts[2]),
            let encoded = Base64.decode(Array(parts[4].utf8)[...]), encoded.count == 33,
            encoded[0] == NoteVerifier.ed25519,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: encoded.dropFirst())
        else { throw damaged }
        self.init(name: String(parts[2]), key: key)
        guard self.text.exposeSecret() == text.exposeSecret() else { throw damaged }
    }

    package var text: Secret<String> {
        let key = String(
            decoding: Base64.encode([NoteVerifier.ed25519] + Array(self.key.rawRepresentation)), as: UTF8.self)
        let named = self.verifier.description.split(separator: "+", maxSplits: 2)
        return Secret("PRIVATE+KEY+\(named[0])+\(named[1])+\(key)")
    }

    /// - Parameter text: ends with a newline.
    /// - Throws: `internal` when the machine can't sign.
    package func sign(_ text: String) throws(GloveboxError) -> SignedNote {
        do {
            let bytes = try self.key.signature(for: Array(text.utf8))
            return SignedNote(
                text: text,
                signatures: [.init(name: self.verifier.name, keyID: self.verifier.keyID, bytes: Array(bytes))])
        } catch {
            throw GloveboxError(.internal, "a note can't be signed", cause: error)
        }
    }
}
