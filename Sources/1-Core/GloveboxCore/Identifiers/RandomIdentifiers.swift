/// An identifier that Glovebox draws at random: lower-case Crockford base 32, fixed length.
package protocol RandomIdentifier: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible
where RawValue == String {
    /// How many characters, five bits each.
    static var length: Int { get }
    init(unchecked rawValue: String)
}

extension RandomIdentifier {
    package init?(rawValue: String) {
        guard rawValue.utf8.count == Self.length, rawValue.utf8.allSatisfy(Base32.isDigit) else { return nil }
        self.init(unchecked: rawValue)
    }

    /// - Throws: `invalid_argument` when `rawValue` has another form.
    package init(_ rawValue: String) throws(GloveboxError) {
        guard let value = Self(rawValue: rawValue) else {
            throw GloveboxError(
                .invalidArgument,
                "'\(rawValue.prefix(80))' is not an identifier: \(Self.length) characters of base 32 are")
        }
        self = value
    }

    /// A new one from the system's random source.
    package static func random() -> Self {
        Self(unchecked: Base32.random(length: Self.length))
    }

    package var description: String { self.rawValue }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        try self.init(text)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}

/// Names a lease; the second half of the user name `TARGET.LEASE`. Not a secret.
package struct LeaseID: RandomIdentifier {
    package static let length = 12
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one connection opened under a lease.
package struct SessionID: RandomIdentifier {
    package static let length = 16
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Names one run of a gateway or an agent, from start to stop: it tells a restart from a reconnect.
package struct InstanceID: RandomIdentifier {
    package static let length = 16
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}
