package import GloveboxCore

/// Why a text isn't what it has to be, and where: in JSON itself, or in a query over it.
package struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: GloveboxError.Code
    /// Counted from 1; columns count Unicode scalars. Where something isn't closed, it's where that begins.
    package let line: Int
    package let column: Int
    /// In one line, without the place.
    package let what: String

    package init(_ code: GloveboxError.Code, line: Int, column: Int, _ what: String) {
        self.code = code
        self.line = line
        self.column = column
        self.what = what
    }

    /// The fault at `offset` of `text`. Bytes that go on a scalar have no column of their own.
    package init(_ code: GloveboxError.Code, at offset: Int, of text: [UInt8], _ what: String) {
        let before = text.prefix(offset)
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.init(
            code, line: before.count { $0 == UInt8(ascii: "\n") } + 1,
            column: before[start...].count { $0 & 0xC0 != 0x80 } + 1, what)
    }

    package var description: String { "\(self.line):\(self.column): \(self.what) [\(self.code)]" }

    /// The same for whoever knows of no places: they begin the message.
    package var error: GloveboxError { GloveboxError(self.code, "\(self.line):\(self.column): \(self.what)") }
}

extension GloveboxError.Code {
    /// A text isn't JSON by RFC 8259, or has what was refused on purpose: a name twice, half of a surrogate pair.
    package static let jsonInvalid = Self("json_invalid")
    /// A text is longer, or nested more deeply, than it may be.
    package static let jsonTooLarge = Self("json_too_large")
}
