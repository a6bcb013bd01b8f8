import Crypto
import GloveboxCore

/// The SHA-256 of a certificate's DER form; it names a CA in invitations (`docs/decisions/0004`).
package struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    /// How much of one an invitation carries: 20 digits of base 32, 100 bits.
    package static let pinLength = 20

    /// 32 bytes.
    package let bytes: [UInt8]

    package init(ofDER der: some Collection<UInt8>) {
        self.bytes = Array(SHA256.hash(data: Array(der)))
    }

    /// All of it, in base 32.
    package var digits: String { Base32.encode(self.bytes) }

    /// What an invitation carries of it.
    package var pin: String { String(self.digits.prefix(Self.pinLength)) }

    package var description: String { self.digits }
}
