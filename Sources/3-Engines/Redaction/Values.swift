package import NIOCore

/// What a recognised value is: the word in its pseudonym and in the counts of a receipt.
package struct Kind: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Lower-case letters, digits and underscores.
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package init(_ rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { self.rawValue }

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    package static let email = Self("email")
    package static let card = Self("card")
    package static let iban = Self("iban")
    package static let phone = Self("phone")
    package static let ssn = Self("us_ssn")
    package static let jwt = Self("jwt")
    package static let apiKey = Self("api_key")
    package static let privateKey = Self("private_key")
    package static let token = Self("token")
    package static let password = Self("password")
    package static let secret = Self("secret")
    package static let passwordHash = Self("password_hash")
    package static let urlPassword = Self("url_password")
    package static let glovebox = Self("glovebox_token")
}

/// What a finding that a profile lets through is counted as.
package struct ShownValue: Hashable, Comparable, Sendable {
    package var kind: Kind
    /// Why it may be seen: of its kind's rule, of its name's, or of the allowance.
    package var reason: String

    package init(kind: Kind, reason: String) {
        self.kind = kind
        self.reason = reason
    }

    package static func < (a: Self, b: Self) -> Bool { (a.kind, a.reason) < (b.kind, b.reason) }
}

/// How a value's bytes are to be read, and what a masked one must still be.
package enum ValueShape: Hashable, Sendable {
    /// Text in UTF-8: findings are replaced in place.
    case text
    /// A JSON text: stays valid JSON.
    case json
    /// Another type's text or binary form: a finding makes the whole value null.
    case opaque
}

/// What is left of a value after masking.
package enum MaskResult: Hashable, Sendable {
    /// Nothing was found: the value may pass as it is.
    case clean
    /// Pass this in its place.
    case masked(ByteBuffer)
    /// Pass null in its place.
    case null
}

/// Which values get equal pseudonyms.
package enum PseudonymScope: Hashable, Sendable {
    /// None: each is drawn at random.
    case random
    /// Equal values of this stored column, if the lease's pseudonyms are linkable.
    case column(table: UInt32, attribute: Int16)
}

/// A column whose values are sensitive whatever they look like. Names as the database folds them.
package struct Classification: Hashable, Sendable {
    package var schema: String
    package var table: String
    package var column: String
    package var kind: Kind

    package init(schema: String = "public", table: String, column: String, kind: Kind) {
        self.schema = schema
        self.table = table
        self.column = column
        self.kind = kind
    }
}
