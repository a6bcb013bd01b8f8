package import GloveboxCore

/// A secret that the API hands over exactly once (a code, a lease token): JSON is its only way out, and it prints as
/// redacted everywhere else.
package struct OneTimeSecret: Sendable, Codable, CustomStringConvertible {
    package var secret: Secret<String>

    package init(_ secret: Secret<String>) {
        self.secret = secret
    }

    package var description: String { self.secret.description }

    package init(from decoder: any Decoder) throws {
        self.secret = Secret(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.secret.exposeSecret())
    }
}
