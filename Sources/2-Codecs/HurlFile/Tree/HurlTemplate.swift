/// Text with `{{…}}` in it.
package struct HurlTemplate: Hashable, Sendable {
    package enum Delimiter: String, Hashable, Sendable {
        case none = ""
        case quote = "\""
        case backtick = "`"
    }

    package enum Piece: Hashable, Sendable {
        /// `source` is as written, `value` without its escapes.
        case text(value: String, source: String)
        case placeholder(HurlPlaceholder)
    }

    package var delimiter: Delimiter
    package var pieces: [Piece]
    package var span: SourceSpan

    /// The text, where nothing in it waits for a variable.
    package var fixedValue: String? {
        var value = ""
        for piece in self.pieces {
            guard case .text(let text, _) = piece else { return nil }
            value += text
        }
        return value
    }
}

/// `{{ expression }}`.
package struct HurlPlaceholder: Hashable, Sendable {
    package var before: String
    package var expression: HurlExpression
    package var after: String
    /// With the braces.
    package var span: SourceSpan
}

/// A variable or a function's value, passed through filters.
package struct HurlExpression: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        case variable(String)
        case function(HurlFunction)
    }

    package var source: Source
    package var filters: [HurlSpaced<HurlFilter>]
    package var span: SourceSpan
}

package enum HurlFunction: String, Hashable, Sendable, CaseIterable {
    /// The present time, as a date.
    case newDate
    /// A random UUID of version 4, as text.
    case newUuid
}

/// `file,NAME;`
package struct HurlFileReference: Hashable, Sendable {
    package var before: String
    package var name: HurlTemplate
    package var after: String
    package var span: SourceSpan
}

/// A number as it's written: exact, whatever its size.
package struct HurlNumber: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case integer(Int64)
        /// The digits of an integer beyond 64 bits, with its sign.
        case bigInteger(String)
        case float(Double)
    }

    package var source: String
    package var value: Value
    package var span: SourceSpan
}

/// `/pattern/`
package struct HurlRegex: Hashable, Sendable {
    /// Without the escapes that Hurl takes away: `\/` is a slash.
    package var pattern: String
    /// What stands between the slashes.
    package var source: String
    package var span: SourceSpan
}

/// `hex,…;` or `base64,…;`
package struct HurlBytes: Hashable, Sendable {
    package enum Form: String, Hashable, Sendable {
        case hexadecimal = "hex"
        case base64
    }

    package var form: Form
    package var before: String
    /// The digits as written.
    package var source: String
    package var after: String
    package var bytes: [UInt8]
    package var span: SourceSpan
}
