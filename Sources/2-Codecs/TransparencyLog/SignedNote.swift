package import GloveboxCore

/// Text with signatures under it (C2SP signed-note). Nothing in it counts before a signature was checked.
package struct SignedNote: Hashable, Sendable {
    package struct Signature: Hashable, Sendable {
        package var name: String
        package var keyID: UInt32
        package var bytes: [UInt8]

        package init(name: String, keyID: UInt32, bytes: [UInt8]) {
            self.name = name
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    /// More aren't read.
    package static let mostSignatures = 64
    /// In bytes; longer notes aren't read.
    package static let longest = 1 << 20

    /// Ends with a newline.
    package var text: String
    package var signatures: [Signature]

    package init(text: String, signatures: [Signature]) {
        self.text = text
        self.signatures = signatures
    }

    /// - Throws: `note_invalid`.
    package init(_ bytes: [UInt8]) throws(GloveboxError) {
        guard bytes.count <= Self.longest, let all = String(validating: bytes, as: UTF8.self) else {
            throw Self.malformed("it is too long, or not UTF-8")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }) else { throw Self.malformed("it has control characters") }
        let lines = all.split(separator: "\n", omittingEmptySubsequences: false)
        guard bytes.last == 0x0A, let blank = lines.dropLast().lastIndex(of: ""), blank > 0 else {
            throw Self.malformed("it has no signatures")
        }
        let signed = lines[(blank + 1)..<(lines.count - 1)]
        guard !signed.isEmpty, signed.count <= Self.mostSignatures else {
            throw Self.malformed("it has no signatures, or too many")
        }
        self.text = lines[..<blank].joined(separator: "\n") + "\n"
        self.signatures = []
        for line in signed { self.signatures.append(try Self.signature(line)) }
    }

    private static func signature(_ line: Substring) throws(GloveboxError) -> Signature {
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "—", NoteVerifier.isName(parts[1]),
            let bytes = Base64.decode(Array(parts[2].utf8)[...]), bytes.count > 4
        else { throw Self.malformed("a signature line is malformed") }
        return Signature(
            name: String(parts[1]), keyID: bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) },
            bytes: Array(bytes.dropFirst(4)))
    }

    package var bytes: [UInt8] {
        var bytes = Array(self.text.utf8) + [0x0A]
        for signature in self.signatures {
            let id = (0..<4).map { UInt8(truncatingIfNeeded: signature.keyID >> UInt32(24 - 8 * $0)) }
            bytes += Array("— \(signature.name) ".utf8) + Base64.encode(id + signature.bytes) + [0x0A]
        }
        return bytes
    }

    static func malformed(_ what: String) -> GloveboxError {
        GloveboxError(.noteInvalid, "this is no signed note: \(what)")
    }
}
