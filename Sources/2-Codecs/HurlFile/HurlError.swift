package import GloveboxCore

/// What's wrong with a file, and where: `line` and `column` count from 1, columns in Unicode scalars.
package struct HurlError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable, and what programs test.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        /// The file is no UTF-8.
        case notUTF8 = "hurl_not_utf8"
        /// The file, or something nested in it, is over a limit.
        case tooLarge = "hurl_too_large"
        /// Something else was expected here; the message says what.
        case syntax = "hurl_syntax"
        case unknownSection = "hurl_unknown_section"
        case duplicateSection = "hurl_duplicate_section"
        case unknownOption = "hurl_unknown_option"
        case unknownQuery = "hurl_unknown_query"
        /// What stands behind a query is neither a filter nor a predicate.
        case unknownPredicate = "hurl_unknown_predicate"
        case badEscape = "hurl_bad_escape"
        case badTemplate = "hurl_bad_template"
        case badRegex = "hurl_bad_regex"
        case badNumber = "hurl_bad_number"
        case badJSON = "hurl_bad_json"
        case badXML = "hurl_bad_xml"
        /// Hexadecimal or base64 that isn't.
        case badBytes = "hurl_bad_bytes"
        /// A comment that begins with `glovebox:` and isn't written as a directive, or stands where no request follows.
        case badDirective = "hurl_bad_directive"
        /// Makes sense for a person at hurl's own command line only: ``ShellOnlyFeature``.
        case shellOnly = "hurl_shell_only"
    }

    package let code: Code
    /// One line that says what was expected or what to do.
    package let message: String
    package let position: SourcePosition

    package init(_ code: Code, _ message: String, at position: SourcePosition) {
        self.code = code
        self.message = message
        self.position = position
    }

    package var line: Int { self.position.line }
    package var column: Int { self.position.column }

    package var description: String { "\(self.line):\(self.column): \(self.message) [\(self.code.rawValue)]" }

    /// As everything else of Glovebox fails; the message begins with line and column.
    package var gloveboxError: GloveboxError {
        GloveboxError(GloveboxError.Code(self.code.rawValue), "\(self.line):\(self.column): \(self.message)")
    }
}

/// A place in a file.
package struct SourcePosition: Hashable, Sendable, Comparable {
    /// In bytes, from 0.
    package var offset: Int
    /// From 1.
    package var line: Int
    /// In Unicode scalars, from 1.
    package var column: Int

    package init(offset: Int = 0, line: Int = 1, column: Int = 1) {
        self.offset = offset
        self.line = line
        self.column = column
    }

    package static func < (left: Self, right: Self) -> Bool { left.offset < right.offset }
}

/// From a place up to another, which isn't part of it.
package struct SourceSpan: Hashable, Sendable {
    package var start: SourcePosition
    package var end: SourcePosition

    package init(_ start: SourcePosition, _ end: SourcePosition) {
        self.start = start
        self.end = end
    }
}
