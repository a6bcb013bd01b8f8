extension HurlReader {
    /// Whose escapes and end a text has.
    private enum Style {
        /// To the end of the line or a comment, without the blanks before that.
        case value
        case quoted
        case backtick

        func ends(_ byte: UInt8) -> Bool {
            switch self {
            case .value: byte == UInt8(ascii: "#") || byte == UInt8(ascii: "\r")
            case .quoted: byte == UInt8(ascii: "\"")
            case .backtick: byte == UInt8(ascii: "`")
            }
        }
    }

    /// A value that goes to the end of the line, or to a comment; may be empty.
    mutating func valueTemplate() throws(HurlError) -> HurlTemplate {
        let start = self.position
        let (pieces, end) = try self.pieces(.value)
        self.goBack(to: end)
        return HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start))
    }

    /// `"…"` in one line.
    mutating func quotedTemplate(_ what: String = "a text in quotes") throws(HurlError) -> HurlTemplate {
        let start = self.position
        guard self.take("\"") else { throw self.expected(what) }
        let (pieces, _) = try self.pieces(.quoted)
        guard self.take("\"") else { throw self.expected("the closing '\"'") }
        return HurlTemplate(delimiter: .quote, pieces: pieces, span: self.span(from: start))
    }

    /// `` `…` `` in one line.
    mutating func backtickTemplate() throws(HurlError) -> HurlTemplate {
        let start = self.position
        guard self.take("`") else { throw self.expected("a text in backticks") }
        let (pieces, _) = try self.pieces(.backtick)
        guard self.take("`") else { throw self.expected("the closing '`'") }
        return HurlTemplate(delimiter: .backtick, pieces: pieces, span: self.span(from: start))
    }

    private mutating func pieces(
        _ style: Style
    ) throws(HurlError) -> ([HurlTemplate.Piece], SourcePosition) {
        var pieces: [HurlTemplate.Piece] = []
        var value = ""
        var run = self.position
        var plain = self.position
        // Behind the last character that isn't a blank.
        var end = self.position
        var endOfValue = ""
        while let byte = self.byte, !self.isAtLineEnd, !style.ends(byte) {
            if byte == UInt8(ascii: "{"), self.peek(1) == byte {
                value += self.text(from: plain)
                if self.position.offset > run.offset {
                    pieces.append(.text(value: value, source: self.text(from: run)))
                }
                pieces.append(.placeholder(try self.placeholder()))
                (value, run, plain) = ("", self.position, self.position)
                (end, endOfValue) = (self.position, "")
            } else if byte == UInt8(ascii: "\\") {
                value += self.text(from: plain)
                value.unicodeScalars.append(try self.escape("\"`#\\/"))
                plain = self.position
                (end, endOfValue) = (self.position, value)
            } else {
                let isBlank = byte == 0x20 || byte == 0x09
                self.advance()
                if !isBlank, style == .value, self.byte.map({ $0 & 0xC0 != 0x80 }) ?? true {
                    end = self.position
                }
            }
        }
        guard style == .value else {
            value += self.text(from: plain)
            if self.position.offset > run.offset {
                pieces.append(.text(value: value, source: self.text(from: run)))
            }
            return (pieces, self.position)
        }
        // What was taken of blanks before the end isn't part of it.
        self.goBack(to: end)
        if end.offset > run.offset {
            value = end.offset > plain.offset ? value + self.text(from: plain) : endOfValue
            pieces.append(.text(value: value, source: self.text(from: run)))
        }
        return (pieces, end)
    }

    /// A character behind a `\`: one of `simple`, which stand for themselves, or one that every text has.
    mutating func escape(_ simple: String) throws(HurlError) -> Unicode.Scalar {
        let start = self.position
        self.advance()
        guard let byte = self.byte else { throw HurlError(.badEscape, "nothing stands behind '\\'", at: start) }
        if simple.utf8.contains(byte) {
            self.advance()
            return Unicode.Scalar(byte)
        }
        let scalar: Unicode.Scalar
        switch byte {
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"):
            self.advance()
            return try self.unicodeEscape(start)
        default:
            throw HurlError(
                .badEscape, "there is no escape '\\' with \(self.here) here: \\u{…} writes any character", at: start)
        }
        self.advance()
        return scalar
    }

    private mutating func unicodeEscape(_ start: SourcePosition) throws(HurlError) -> Unicode.Scalar {
        guard self.take("{") else { throw HurlError(.badEscape, "'\\u' wants hexadecimal digits in braces", at: start) }
        var value: UInt32 = 0
        var digits = 0
        while let digit = self.byte?.hexadecimal {
            guard value <= 0x10_FFFF else { break }
            value = value << 4 | digit
            digits += 1
            self.advance()
        }
        guard digits > 0, self.byte == UInt8(ascii: "}"), let scalar = Unicode.Scalar(value) else {
            throw HurlError(.badEscape, "'\\u{…}' isn't the number of a Unicode character", at: start)
        }
        self.advance()
        return scalar
    }

    /// A key, as headers and captures have; nil, and nothing taken, where none stands here.
    mutating func keyTemplate() throws(HurlError) -> HurlTemplate? {
        let start = self.position
        guard self.byte != UInt8(ascii: "[") else { return nil }
        var pieces: [HurlTemplate.Piece] = []
        var value = ""
        var run = self.position
        while let byte = self.byte {
            if byte == UInt8(ascii: "{"), self.peek(1) == byte {
                if self.position.offset > run.offset {
                    pieces.append(.text(value: value, source: self.text(from: run)))
                }
                pieces.append(.placeholder(try self.placeholder()))
                (value, run) = ("", self.position)
            } else if byte == UInt8(ascii: "\\") {
                value.unicodeScalars.append(try self.escape("#:\\/"))
            } else if let scalar = self.scalar, Self.isKey(scalar) {
                value.unicodeScalars.append(scalar)
                self.advanceScalar()
            } else {
                break
            }
        }
        if self.position.offset > run.offset {
            pieces.append(.text(value: value, source: self.text(from: run)))
        }
        guard !pieces.isEmpty else { return nil }
        return HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start))
    }

    private static func isKey(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "[", "]", "@", "$": true
        case "\u{80}"...: scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        default: false
        }
    }

    /// The name of a file, in which blanks, `#`, `;` and braces are escaped. Where a password may follow, an escaped `:`
    /// is one of the name's: it's kept as `\:`, and the first `:` without that ends the name.
    mutating func filename(withPassword: Bool = false) throws(HurlError) -> HurlTemplate {
        let start = self.position
        guard self.byte != UInt8(ascii: "[") else { throw self.expected("the name of a file") }
        var pieces: [HurlTemplate.Piece] = []
        var value = ""
        var run = self.position
        loop: while let byte = self.byte, !self.isAtLineEnd {
            switch byte {
            case UInt8(ascii: "{"):
                guard self.peek(1) == byte else { break loop }
                if self.position.offset > run.offset {
                    pieces.append(.text(value: value, source: self.text(from: run)))
                }
                pieces.append(.placeholder(try self.placeholder()))
                (value, run) = ("", self.position)
            case UInt8(ascii: "\\"):
                let scalar = try self.escape(withPassword ? "\\#; {}:" : "\\#; {}")
                if scalar == ":" { value += "\\" }
                value.unicodeScalars.append(scalar)
            case UInt8(ascii: "#"), UInt8(ascii: ";"), UInt8(ascii: "}"), 0x20, 0x09, 0x0D: break loop
            default:
                if let scalar = self.scalar { value.unicodeScalars.append(scalar) }
                self.advanceScalar()
            }
        }
        if self.position.offset > run.offset {
            pieces.append(.text(value: value, source: self.text(from: run)))
        }
        guard !pieces.isEmpty else { throw self.expected("the name of a file") }
        return HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start))
    }

    // MARK: placeholders

    mutating func placeholder() throws(HurlError) -> HurlPlaceholder {
        try self.nested { reader throws(HurlError) in
            let start = reader.position
            reader.advance(2)
            let before = reader.spaces()
            let expression = try reader.expression()
            let after = reader.spaces()
            guard reader.take("}}") else {
                throw reader.fault(.badTemplate, "'}}' or a filter was expected, and not \(reader.here)")
            }
            return HurlPlaceholder(
                before: before, expression: expression, after: after, span: reader.span(from: start))
        }
    }

    private mutating func expression() throws(HurlError) -> HurlExpression {
        let start = self.position
        guard let name = self.variableName() else {
            throw self.fault(.badTemplate, "the name of a variable or function was expected, and not \(self.here)")
        }
        if let refused = ShellOnlyFeature[.function(name)] { throw refused.error(at: start) }
        let source = HurlFunction(rawValue: name).map { HurlExpression.Source.function($0) } ?? .variable(name)
        let filters = try self.filters()
        return HurlExpression(source: source, filters: filters, span: self.span(from: start))
    }

    /// Letters, digits, `_` and `-`; nil where none stands here.
    mutating func variableName() -> String? {
        let start = self.position
        while let scalar = self.scalar {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-": break
            case "\u{80}"... where scalar.properties.isAlphabetic || scalar.properties.numericType != nil: break
            default: return self.position == start ? nil : self.text(from: start)
            }
            self.advanceScalar()
        }
        return self.position == start ? nil : self.text(from: start)
    }
}
