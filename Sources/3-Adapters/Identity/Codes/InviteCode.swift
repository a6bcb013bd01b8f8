import Crypto
package import GloveboxCore

/// A single-use code by which a person or an agent enrols: `gbi_…` or `gba_…`, 130 random bits, and a pin of the
/// gateway's CA, so that the client knows the gateway before it sends the code (`docs/decisions/0004`).
///
/// Form: `gbi_` or `gba_`, 26 digits of base 32, `_`, 20 digits of base 32. Not Codable; only its hash is stored.
package struct InviteCode: Sendable {
    package enum Guest: String, Hashable, Sendable, CaseIterable {
        case person = "gbi"
        case agent = "gba"
    }

    /// How many random digits, five bits each.
    static let length = 26

    package let guest: Guest
    /// The first digits of the CA's fingerprint.
    package let pin: String
    private let secret: Secret<String>

    /// A new code from the system's random source.
    package static func random(for guest: Guest, authority: Fingerprint) -> InviteCode {
        InviteCode(guest: guest, digits: Base32.random(length: Self.length), pin: authority.pin)
    }

    /// Reads a code that somebody typed or pasted: case, blanks around it and Crockford's look-alikes (`O` for `0`, `I`
    /// and `L` for `1`) are forgiven.
    ///
    /// - Throws: `invite_invalid`; the message says what's wrong with the form, and never quotes the code.
    package init(_ text: Secret<String>) throws(GloveboxError) {
        var typed = text.exposeSecret().utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }[...]
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        typed = typed.drop(while: isBlank)
        while let last = typed.last, isBlank(last) { typed = typed.dropLast() }
        guard !typed.isEmpty else { throw Self.invalid("no code was given") }
        let parts = typed.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard let guest = Guest.allCases.first(where: { Array($0.rawValue.utf8) == parts.first.map(Array.init) }) else {
            throw Self.invalid("a code begins with 'gbi_' for a person and 'gba_' for an agent")
        }
        guard parts.count == 3, parts[1].count == Self.length, parts[2].count == Fingerprint.pinLength else {
            throw Self.invalid("the code is not whole: copy all \(Self.textLength) characters of it")
        }
        let digits = parts[1].map(Self.canonical)
        let pin = parts[2].map(Self.canonical)
        guard digits.allSatisfy(Base32.isDigit), pin.allSatisfy(Base32.isDigit) else {
            throw Self.invalid("the code holds characters that no code has: copy it again")
        }
        self.init(
            guest: guest, digits: String(decoding: digits, as: UTF8.self), pin: String(decoding: pin, as: UTF8.self))
    }

    private init(guest: Guest, digits: String, pin: String) {
        self.guest = guest
        self.pin = pin
        self.secret = Secret("\(guest.rawValue)_\(digits)_\(pin)")
    }

    /// The code as it is handed over.
    package var text: Secret<String> { self.secret }

    /// SHA-256 of the code: what the store keeps.
    package var hash: [UInt8] {
        Array(SHA256.hash(data: Array(self.secret.exposeSecret().utf8)))
    }

    /// Whether the gateway whose CA has this fingerprint made the code. Ask before sending it anywhere.
    package func isPinned(to authority: Fingerprint) -> Bool {
        self.pin == authority.pin
    }

    private static let textLength = 3 + 1 + Self.length + 1 + Fingerprint.pinLength

    private static func canonical(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "o"): UInt8(ascii: "0")
        case UInt8(ascii: "i"), UInt8(ascii: "l"): UInt8(ascii: "1")
        default: byte
        }
    }

    private static func invalid(_ why: String) -> GloveboxError {
        GloveboxError(.inviteInvalid, "that is not an invitation code: \(why)")
    }
}

extension InviteCode: CustomStringConvertible {
    package var description: String { "\(self.guest.rawValue)_‹secret›_\(self.pin)" }
}
