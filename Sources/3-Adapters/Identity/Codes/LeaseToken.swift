package import GloveboxCore

/// The secret that proves a lease to a gateway: `gbl_` and 160 random bits in base 32. It's held in memory, by its
/// holder alone; the gateway keeps a SCRAM verifier.
package enum LeaseToken {
    static let prefix = "gbl_"
    static let length = 32

    /// A new token from the system's random source.
    package static func random() -> Secret<String> {
        Secret(Self.prefix + Base32.random(length: Self.length))
    }

    /// Whether `text` has a token's form; says nothing about whether it opens anything.
    package static func isWellFormed(_ text: Secret<String>) -> Bool {
        let text = text.exposeSecret()
        return text.hasPrefix(Self.prefix) && text.utf8.count == Self.prefix.utf8.count + Self.length
            && text.utf8.dropFirst(Self.prefix.utf8.count).allSatisfy(Base32.isDigit)
    }
}
