extension HurlReader {
    /// Text between two times three backticks.
    mutating func multiline() throws(HurlError) -> HurlMultiline {
        let start = self.position
        self.advance(3)
        let headingStart = self.position
        let word = self.take { $0.isLetter || $0.isDigit }
        // An option may stand without a language.
        let language: HurlMultiline.Language
        if HurlMultiline.Option(rawValue: word) != nil {
            self.goBack(to: headingStart)
            language = .text
        } else if let known = HurlMultiline.Language(rawValue: word) {
            language = known
        } else {
            throw HurlError(
                .syntax,
                "'\(word.prefix(40))' is no kind of text: there are json, xml, graphql, raw, base64 and hex, and the text "
                    + "begins in the next line", at: headingStart)
        }
        var options: [HurlMultiline.Option] = []
        while true {
            _ = self.take { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
            if self.isAtLineEnd { break }
            let place = self.position
            let name = self.take { $0.isLetter }
            guard let option = HurlMultiline.Option(rawValue: name) else {
                self.goBack(to: place)
                throw self.expected("the end of the line, escape or novariable")
            }
            options.append(option)
        }
        let heading = self.text(from: headingStart)
        guard let newline = self.newline() else { throw self.expected("the text in a line of its own") }
        let content = try self.multilineContent(language, options)
        guard self.take("```") else { throw HurlError(.syntax, "the closing '```' was expected", at: self.position) }
        return HurlMultiline(
            language: language, options: options, heading: heading, newline: newline, content: content,
            span: self.span(from: start))
    }

    private mutating func multilineContent(
        _ language: HurlMultiline.Language, _ options: [HurlMultiline.Option]
    ) throws(HurlError) -> HurlMultiline.Content {
        switch language {
        case .base64, .hexadecimal: return try self.multilineBytes(isBase64: language == .base64)
        case .graphQL: return try self.graphQL(isTemplate: !options.contains(.novariable))
        case .text, .json, .xml, .raw:
            let start = self.position
            let pieces = try self.multilinePieces(
                isTemplate: language != .raw && !options.contains(.novariable), escapes: options.contains(.escape)
            ) { _ in false }
            return .text(HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start)))
        }
    }

    /// Up to the backticks, or to where `stops` says so at the begin of a line.
    private mutating func multilinePieces(
        isTemplate: Bool, escapes: Bool, stops: (borrowing Self) -> Bool
    ) throws(HurlError) -> [HurlTemplate.Piece] {
        var pieces: [HurlTemplate.Piece] = []
        var value = ""
        var run = self.position
        var plain = self.position
        while let byte = self.byte, !self.isAt("```") {
            if self.position.column == 1, stops(self) { break }
            if isTemplate, byte == UInt8(ascii: "{"), self.peek(1) == byte {
                value += self.text(from: plain)
                if self.position.offset > run.offset {
                    pieces.append(.text(value: value, source: self.text(from: run)))
                }
                pieces.append(.placeholder(try self.placeholder()))
                (value, run, plain) = ("", self.position, self.position)
            } else if escapes, byte == UInt8(ascii: "\\") {
                value += self.text(from: plain)
                value.unicodeScalars.append(try self.escape("\"`#\\/"))
                plain = self.position
            } else {
                self.advance()
            }
        }
        value += self.text(from: plain)
        if self.position.offset > run.offset {
            pieces.append(.text(value: value, source: self.text(from: run)))
        }
        return pieces
    }

    private mutating func graphQL(isTemplate: Bool) throws(HurlError) -> HurlMultiline.Content {
        let start = self.position
        let pieces = try self.multilinePieces(isTemplate: isTemplate, escapes: false) { reader in
            // A line that begins with `variables` and an object is the end of the query.
            guard reader.isAt("variables") else { return false }
            var distance = 9
            while let byte = reader.peek(distance), byte == 0x20 || byte == 0x09 { distance += 1 }
            return reader.peek(distance) == UInt8(ascii: "{")
        }
        let query = HurlTemplate(delimiter: .none, pieces: pieces, span: self.span(from: start))
        guard self.take("variables") else { return .graphQL(query, nil) }
        let before = self.spaces()
        let value = try self.json()
        let after = self.take { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        return .graphQL(query, HurlGraphQLVariables(before: before, value: value, after: after))
    }

    private mutating func multilineBytes(isBase64: Bool) throws(HurlError) -> HurlMultiline.Content {
        let start = self.position
        while !self.isAtEnd, !self.isAt("```") { self.advance() }
        let source = self.text(from: start)
        let digits = source.utf8.filter { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
        if isBase64 {
            guard let bytes = Self.base64(digits) else { throw HurlError(.badBytes, "this is no base64", at: start) }
            return .bytes(bytes, source: source)
        }
        let values = digits.compactMap(\.hexadecimal)
        guard values.count == digits.count, values.count % 2 == 0 else {
            throw HurlError(.badBytes, "an even number of hexadecimal digits was expected", at: start)
        }
        let bytes = stride(from: 0, to: values.count, by: 2).map {
            UInt8(truncatingIfNeeded: values[$0] << 4 | values[$0 + 1])
        }
        return .bytes(bytes, source: source)
    }
}
