/// Why a pattern is none, or why matching stopped.
package struct LinearRegexError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The pattern isn't written by the syntax, or uses what has no linear time: look-around, back-references.
        case invalid = "regex_invalid"
        /// The pattern comes to a program over the limit.
        case tooLarge = "regex_too_large"
        /// Matching took more steps than were allowed.
        case tooMuchWork = "regex_too_much_work"
    }

    package let code: Code
    package let message: String
    /// Where in the pattern, in Unicode scalars from its start; nil where it's about the whole.
    package let offset: Int?

    package init(_ code: Code, _ message: String, at offset: Int? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    package var description: String {
        guard let offset = self.offset else { return "\(self.message) [\(self.code.rawValue)]" }
        return "\(self.message), at character \(offset + 1) [\(self.code.rawValue)]"
    }
}
