/// The body of a request, or what a response's is held against.
package enum HurlBody: Hashable, Sendable {
    case json(HurlJSON)
    case xml(HurlXML)
    case multiline(HurlMultiline)
    /// `` `…` ``
    case oneline(HurlTemplate)
    case bytes(HurlBytes)
    case file(HurlFileReference)
}

/// JSON, checked and kept as text, with placeholders as values, in texts and in names.
package struct HurlJSON: Hashable, Sendable {
    package enum Piece: Hashable, Sendable {
        case text(String)
        /// In a string of JSON, where its value is written as a part of the string, or in place of a value.
        case placeholder(HurlPlaceholder, inString: Bool)
    }

    package var pieces: [Piece]
    package var span: SourceSpan
}

/// An XML document as text; it has no placeholders.
package struct HurlXML: Hashable, Sendable {
    package var source: String
    package var span: SourceSpan
}

/// Text between lines of three backticks.
package struct HurlMultiline: Hashable, Sendable {
    package enum Language: String, Hashable, Sendable, CaseIterable {
        case text = ""
        case json
        case xml
        case graphQL = "graphql"
        /// Placeholders are text.
        case raw
        case base64
        case hexadecimal = "hex"
    }

    package enum Option: String, Hashable, Sendable, CaseIterable {
        /// Escapes are processed.
        case escape
        /// Placeholders are text.
        case novariable
    }

    package enum Content: Hashable, Sendable {
        case text(HurlTemplate)
        case graphQL(HurlTemplate, HurlGraphQLVariables?)
        case bytes([UInt8], source: String)
    }

    package var language: Language
    package var options: [Option]
    /// What stands behind the first backticks, as written.
    package var heading: String
    package var newline: String
    package var content: Content
    package var span: SourceSpan
}

/// `variables { … }` at the end of a GraphQL body.
package struct HurlGraphQLVariables: Hashable, Sendable {
    package var before: String
    package var value: HurlJSON
    package var after: String
}
