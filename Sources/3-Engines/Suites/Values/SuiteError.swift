package import HurlFile

/// Why a template, a filter or a predicate came to nothing: not that a value isn't as expected, but that it couldn't be
/// worked out.
package struct SuiteError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable, and what programs test.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        case unknownVariable = "suite_unknown_variable"
        /// A value has another kind than is wanted where it's used.
        case wrongKind = "suite_wrong_kind"
        /// A filter was given what it can't work on.
        case badInput = "suite_bad_input"
        /// There is no value for a filter to work on.
        case missingInput = "suite_missing_input"
        case badRegex = "suite_bad_regex"
        case tooMuchWork = "suite_too_much_work"
        case badFormat = "suite_bad_format"
        case badEncoding = "suite_bad_encoding"
        case badURL = "suite_bad_url"
        case badQuery = "suite_bad_query"
        case noFile = "suite_no_file"
        /// An option that makes sense at hurl's own command line only.
        case unsupported = "suite_unsupported"
        /// A case sent more requests than it may.
        case tooManyRequests = "suite_too_many_requests"
    }

    package let code: Code
    package let message: String
    /// Of the filter, placeholder or predicate that it's about.
    package var span: SourceSpan?

    package init(_ code: Code, _ message: String, at span: SourceSpan? = nil) {
        self.code = code
        self.message = message
        self.span = span
    }

    func at(_ span: SourceSpan) -> Self { Self(self.code, self.message, at: self.span ?? span) }

    package var description: String {
        guard let start = self.span?.start else { return "\(self.message) [\(self.code.rawValue)]" }
        return "\(start.line):\(start.column): \(self.message) [\(self.code.rawValue)]"
    }
}
