/// What expressions are worked out with. Everything that isn't in the file itself comes from here, so that an engine and
/// a test can say what it is.
package struct SuiteScope: Sendable {
    package var variables: [String: SuiteValue]
    /// The present time.
    package var now: @Sendable () -> SuiteDate
    /// A random UUID of version 4, in small letters.
    package var uuid: @Sendable () -> String
    /// What a JSONPath expression finds in a text of JSON, by Hurl 8's reading: nil for nothing, the one element itself,
    /// else a list.
    package var jsonPath: @Sendable (_ json: String, _ expression: String) throws(SuiteError) -> SuiteValue?
    /// What an XPath expression comes to in a text of XML or HTML.
    package var xpath: @Sendable (_ document: String, _ expression: String) throws(SuiteError) -> SuiteValue?
    /// The content of a file that the suite names.
    package var file: @Sendable (_ name: String) throws(SuiteError) -> [UInt8]

    package init(
        variables: [String: SuiteValue] = [:],
        now: @escaping @Sendable () -> SuiteDate,
        uuid: @escaping @Sendable () -> String,
        jsonPath: @escaping @Sendable (String, String) throws(SuiteError) -> SuiteValue? = { _, _ throws(SuiteError) in
            throw SuiteError(.badQuery, "JSONPath isn't at hand here")
        },
        xpath: @escaping @Sendable (String, String) throws(SuiteError) -> SuiteValue? = { _, _ throws(SuiteError) in
            throw SuiteError(.badQuery, "XPath isn't at hand here")
        },
        file: @escaping @Sendable (String) throws(SuiteError) -> [UInt8] = { name throws(SuiteError) in
            throw SuiteError(.noFile, "the suite has no file '\(name.prefix(80))'")
        }
    ) {
        self.variables = variables
        self.now = now
        self.uuid = uuid
        self.jsonPath = jsonPath
        self.xpath = xpath
        self.file = file
    }
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
