/// A file in Hurl's format (hurl.dev/docs/grammar.html, as of Hurl 8.0.1), with everything that's between its parts, so
/// that ``text`` is the very text it was read from.
package struct HurlDocument: Hashable, Sendable {
    package var hasByteOrderMark = false
    package var entries: [HurlEntry]
    /// Blank lines and comments behind the last entry.
    package var trailing: [HurlLineEnd]

    package init(entries: [HurlEntry], trailing: [HurlLineEnd] = []) {
        self.entries = entries
        self.trailing = trailing
    }
}

/// A request, and what its response is held against.
package struct HurlEntry: Hashable, Sendable {
    package var request: HurlRequest
    package var response: HurlResponse?
    /// What Glovebox is told in comments above the request, in order.
    package var directives: [HurlDirective]
}

/// `# glovebox: NAME VALUE` above a request: a setting of Glovebox's own in a file that Hurl still runs. Which names
/// there are is the caller's to know.
package struct HurlDirective: Hashable, Sendable {
    /// Lower-case letters, digits and `-`.
    package var name: String
    package var nameSpan: SourceSpan
    /// The rest of the line without the blanks around it; may be empty.
    package var value: String
    package var valueSpan: SourceSpan
}

/// What may stand at the end of a line, and is a whole line where nothing is before it: blanks, a comment, the line's end.
package struct HurlLineEnd: Hashable, Sendable {
    package var space: String
    package var comment: HurlComment?
    /// `\n`, `\r\n`, or nothing at the file's end.
    package var newline: String
}

package struct HurlComment: Hashable, Sendable {
    /// Without the `#`.
    package var text: String
    package var span: SourceSpan
}

/// Something that has lines to itself, with the blank lines and comments above it.
package struct HurlLine<Content: Hashable & Sendable>: Hashable, Sendable {
    package var leading: [HurlLineEnd]
    package var indent: String
    package var content: Content
    package var end: HurlLineEnd
}

package struct HurlRequest: Hashable, Sendable {
    package var start: HurlLine<HurlRequestLine>
    package var headers: [HurlLine<HurlKeyValue>]
    package var sections: [HurlSection]
    package var body: HurlLine<HurlBody>?
    package var span: SourceSpan
}

package struct HurlRequestLine: Hashable, Sendable {
    package var method: String
    package var methodSpan: SourceSpan
    package var gap: String
    package var url: HurlTemplate
}

package struct HurlResponse: Hashable, Sendable {
    package var start: HurlLine<HurlStatusLine>
    package var headers: [HurlLine<HurlKeyValue>]
    package var sections: [HurlSection]
    package var body: HurlLine<HurlBody>?
    package var span: SourceSpan
}

package struct HurlStatusLine: Hashable, Sendable {
    package enum Version: String, Hashable, Sendable, CaseIterable {
        case http10 = "HTTP/1.0"
        case http11 = "HTTP/1.1"
        case http2 = "HTTP/2"
        case http3 = "HTTP/3"
        case any = "HTTP"
    }

    package enum Status: Hashable, Sendable {
        case any
        case code(Int)
    }

    package var version: Version
    /// As written: `HTTP/*` is another way to write `HTTP`.
    package var versionSource: String
    package var versionSpan: SourceSpan
    package var gap: String
    package var status: Status
    package var statusSource: String
    package var statusSpan: SourceSpan
}

package struct HurlKeyValue: Hashable, Sendable {
    package var key: HurlTemplate
    package var gapBeforeColon: String
    package var gapAfterColon: String
    package var value: HurlTemplate
}
