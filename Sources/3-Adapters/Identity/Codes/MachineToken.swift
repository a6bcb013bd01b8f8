import Crypto
package import GloveboxCore

/// The secret by which a machine speaks to the API: `gbt_`, 32 digits of base 32 (160 random bits), `_`, and a pin of the
/// gateway's CA (`docs/decisions/0004`), so that the machine needs no other file to know the gateway.
///
/// The gateway stores its SHA-256. A slow hash would add nothing: there's no guessing 160 random bits, and it would only
/// let strangers burn the gateway's time.
package struct MachineToken: Sendable {
    private static let prefix = "gbt"
    private static let length = 32

    /// What is handed over.
    package let text: Secret<String>
    /// The first digits of the CA's fingerprint.
    package let pin: String

    /// A new one from the system's random source.
    package static func random(authority: Fingerprint) -> MachineToken {
        MachineToken(digits: Base32.random(length: Self.length), pin: authority.pin)
    }

    /// - Throws: `unauthenticated` for what can't be a token; the message never quotes it.
    package init(_ text: Secret<String>) throws(GloveboxError) {
        let parts = text.exposeSecret().split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.prefix, parts[1].utf8.count == Self.length,
            parts[2].utf8.count == Fingerprint.pinLength, parts[1].utf8.allSatisfy(Base32.isDigit),
            parts[2].utf8.allSatisfy(Base32.isDigit)
        else {
            throw GloveboxError(
                .unauthenticated, "that is not a machine token: it begins with 'gbt_', and was shown when it was made")
        }
        self.init(digits: String(parts[1]), pin: String(parts[2]))
    }

    private init(digits: String, pin: String) {
        self.text = Secret("\(Self.prefix)_\(digits)_\(pin)")
        self.pin = pin
    }

    /// SHA-256: what the store keeps.
    package var hash: [UInt8] {
        Array(SHA256.hash(data: Array(self.text.exposeSecret().utf8)))
    }

    /// Whether the gateway whose CA has this fingerprint made it. Ask before sending it anywhere.
    package func isPinned(to authority: Fingerprint) -> Bool {
        self.pin == authority.pin
    }
}

extension MachineToken: CustomStringConvertible {
    package var description: String { "\(Self.prefix)_‹secret›_\(self.pin)" }
}
