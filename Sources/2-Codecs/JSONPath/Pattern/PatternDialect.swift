package import LinearRegex

/// How the patterns of `match` and `search` are written. All are run by ``LinearRegex``.
package enum PatternDialect: Hashable, Sendable {
    /// RFC 9485. Outside of brackets `^` and `$` stand for the text's begin and end, as the compliance suite of RFC 9535
    /// has it; RFC 9485's grammar has them among the ordinary characters.
    case iRegexp
    /// The syntax of Rust's `regex`.
    case rust

    /// - Throws: `regex_invalid`, `regex_too_large`.
    package func regex(_ pattern: String, wholly: Bool) throws(LinearRegexError) -> LinearRegex {
        switch self {
        case .rust: return try LinearRegex(pattern, wholly: wholly)
        case .iRegexp:
            var translator = IRegexpTranslator(pattern)
            return try LinearRegex(try translator.translated(), wholly: wholly)
        }
    }
}
