/// What expressions are worked out with. Everything that isn't in the file itself comes from here, so that an engine and
/// a test can say what it is.
package struct SuiteScope: Sendable {
    package var variables: [String: SuiteValue]
    /// The present time.
    package var now: @Sendable () -> SuiteDate
    /// A random UUID of version 4, in small letters.
    package var uuid: @Sendable () -> String
    /// Texts that no message shows.
    package var secrets: SecretMask
    /// Whether the one element that JSONPath finds is that element, rather than a list with it.
    package var coercesJSONPath = true
    /// What an XPath expression comes to in a text of XML or HTML.
    package var xpath:
        @Sendable (_ document: String, _ format: SuiteMarkup, _ expression: String) throws(SuiteError) -> SuiteValue?
    /// The digest of a body.
    package var digest: @Sendable (_ algorithm: SuiteDigest, _ bytes: [UInt8]) throws(SuiteError) -> [UInt8]
    /// The content of a file that the suite names.
    package var file: @Sendable (_ name: String) throws(SuiteError) -> [UInt8]

    package init(
        variables: [String: SuiteValue] = [:],
        secrets: SecretMask = SecretMask(),
        now: @escaping @Sendable () -> SuiteDate,
        uuid: @escaping @Sendable () -> String,
        xpath: @escaping @Sendable (String, SuiteMarkup, String) throws(SuiteError) -> SuiteValue? = {
            _, _, _ throws(SuiteError) in
            throw SuiteError(.badQuery, "XPath isn't at hand here")
        },
        digest: @escaping @Sendable (SuiteDigest, [UInt8]) throws(SuiteError) -> [UInt8] = { _, _ throws(SuiteError) in
            throw SuiteError(.badQuery, "digests aren't at hand here")
        },
        file: @escaping @Sendable (String) throws(SuiteError) -> [UInt8] = { name throws(SuiteError) in
            throw SuiteError(.noFile, "the suite has no file '\(name.prefix(80))'")
        }
    ) {
        self.variables = variables
        self.now = now
        self.uuid = uuid
        self.secrets = secrets
        self.xpath = xpath
        self.digest = digest
        self.file = file
    }
}

/// How a text is read before XPath is asked of it.
package enum SuiteMarkup: Hashable, Sendable {
    case xml
    case html
}

package enum SuiteDigest: Hashable, Sendable {
    case sha256
    case md5
}

extension SuiteValue {
    /// A variable as it's written outside of a file (a command line, a file of variables): what reads as null, a boolean
    /// or a number is one, and text in quotes is text.
    package init(variable text: String) {
        switch text {
        case "null": self = .null
        case "true": self = .boolean(true)
        case "false": self = .boolean(false)
        default:
            if let number = SuiteNumber(integer: text) {
                self = .number(number)
            } else if let value = Self.double(text),
                text.utf8.allSatisfy({ !(0x41...0x5A).contains($0 & 0xDF) || $0 | 0x20 == 0x65 })
            {
                self = .number(.float(value))
            } else if text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
                self = .string(String(text.dropFirst().dropLast()))
            } else {
                self = .string(text)
            }
        }
    }

    /// A decimal number; not in hexadecimal, as Swift would take.
    static func double(_ text: String) -> Double? {
        guard !text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "x") || $0 | 0x20 == UInt8(ascii: "p") }) else {
            return nil
        }
        return Double(text)
    }
}
