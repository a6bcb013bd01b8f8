/// A name that people choose: 1 to 63 of `a–z`, `0–9`, `-`, `_`, beginning with a letter or digit.
///
/// Names appear in certificates, user names (`TARGET.LEASE`), file names and URLs, so that one alphabet fits all.
package protocol Name: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible
where RawValue == String {
    /// What the thing is called in an error: "target", "identity".
    static var noun: String { get }
    init(unchecked rawValue: String)
}

extension Name {
    /// - Throws: `invalid_argument` when `rawValue` is not a name.
    package init(_ rawValue: String) throws(GloveboxError) {
        guard Self.isValid(rawValue) else {
            throw GloveboxError(
                .invalidArgument,
                "'\(rawValue.prefix(80))' is not a name for \(Self.noun): use 1 to 63 of a-z, 0-9, '-', '_', beginning with a letter or digit"
            )
        }
        self.init(unchecked: rawValue)
    }

    package init?(rawValue: String) {
        guard Self.isValid(rawValue) else { return nil }
        self.init(unchecked: rawValue)
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

    private static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...63).contains(bytes.count), let first = bytes.first else { return false }
        let isLetterOrDigit = { (byte: UInt8) in (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
        return isLetterOrDigit(first)
            && bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
}

/// A named thing in production: a database, a process, a log, a command, an HTTP service.
package struct TargetName: Name {
    package static let noun = "a target"
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// A person or a machine that Glovebox knows.
package struct IdentityName: Name {
    package static let noun = "an identity"
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// A machine's token; the name isn't secret.
package struct TokenName: Name {
    package static let noun = "a token"
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// An agent that runs next to targets.
package struct AgentName: Name {
    package static let noun = "an agent"
    package let rawValue: String
    package init(unchecked rawValue: String) { self.rawValue = rawValue }
}
