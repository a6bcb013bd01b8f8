extension HurlParser {
    /// `key: value`; nil, and nothing taken, where none stands here.
    mutating func keyValue() throws(HurlError) -> HurlKeyValue? {
        guard let (key, before, after) = try self.keyAndColon() else { return nil }
        return HurlKeyValue(
            key: key, gapBeforeColon: before, gapAfterColon: after, value: try self.reader.valueTemplate())
    }

    private mutating func keyAndColon() throws(HurlError) -> (HurlTemplate, String, String)? {
        let start = self.reader.position
        let key: HurlTemplate?
        do throws(HurlError) {
            key = try self.reader.keyTemplate()
        } catch {
            // What begins with a brace may be a body, which says better what's wrong.
            guard self.reader.bytes[start.offset] == UInt8(ascii: "{") else { throw error }
            key = nil
        }
        guard let key else {
            self.reader.goBack(to: start)
            return nil
        }
        let before = self.reader.spaces()
        guard self.reader.take(":") else {
            self.reader.goBack(to: start)
            return nil
        }
        return (key, before, self.reader.spaces())
    }

    /// Nil, and nothing taken, where none stands here. `[` begins an array of JSON too.
    mutating func section(
        isResponse: Bool, _ others: [HurlSection], _ last: inout SourcePosition
    ) throws(HurlError) -> HurlSection? {
        let start = self.reader.position
        guard self.reader.take("[") else { return nil }
        let source = self.reader.take { $0.isWord }
        guard source.utf8.first?.isLetter == true, !["true", "false", "null"].contains(source), self.reader.take("]")
        else {
            self.reader.goBack(to: start)
            return nil
        }
        let span = self.reader.span(from: start)
        let kind = isResponse ? "response" : "request"
        guard let name = HurlSectionName(source: source), name.isOfResponse == isResponse else {
            let names = HurlSectionName.allCases.filter { $0.isOfResponse == isResponse }.map(\.rawValue)
            throw HurlError(
                .unknownSection,
                "there is no section '\(source.prefix(40))' in a \(kind): there are \(names.joined(separator: ", "))",
                at: start)
        }
        if others.contains(where: { $0.heading.content.name == name }) {
            throw HurlError(.duplicateSection, "the \(kind) has a section '\(source)' already", at: start)
        }
        last = self.reader.position
        let heading = try self.innerLine(HurlSectionHeading(name: name, source: source, span: span))
        return HurlSection(heading: heading, content: try self.content(name, &last))
    }

    private mutating func content(
        _ name: HurlSectionName, _ last: inout SourcePosition
    ) throws(HurlError) -> HurlSectionContent {
        switch name {
        case .query, .form, .cookies:
            return .keyValues(try self.lines(&last) { parser throws(HurlError) in try parser.keyValue() })
        case .basicAuth:
            let lines = try self.lines(&last) { parser throws(HurlError) in try parser.keyValue() }
            if lines.count > 1 {
                throw HurlError(
                    .syntax, "[BasicAuth] has one line, with the user and the password",
                    at: lines[1].content.key.span.start)
            }
            return .keyValues(lines)
        case .multipart:
            return .multipart(try self.lines(&last) { parser throws(HurlError) in try parser.multipartField() })
        case .options:
            return .options(try self.lines(&last) { parser throws(HurlError) in try parser.reader.option() })
        case .captures:
            return .captures(try self.lines(&last) { parser throws(HurlError) in try parser.capture() })
        case .asserts:
            return .asserts(try self.lines(&last) { parser throws(HurlError) in try parser.assertion() })
        }
    }

    private mutating func lines<Content>(
        _ last: inout SourcePosition, _ next: (inout Self) throws(HurlError) -> Content?
    ) throws(HurlError) -> [HurlLine<Content>] {
        var lines: [HurlLine<Content>] = []
        while let content = try next(&self) {
            last = self.reader.position
            lines.append(try self.innerLine(content))
        }
        return lines
    }

    private mutating func multipartField() throws(HurlError) -> HurlMultipartField? {
        guard let (key, before, after) = try self.keyAndColon() else { return nil }
        guard self.reader.isAt("file,") else {
            return .text(
                HurlKeyValue(
                    key: key, gapBeforeColon: before, gapAfterColon: after, value: try self.reader.valueTemplate()))
        }
        let file = try self.reader.fileReference()
        let behind = self.reader.position
        let gap = self.reader.spaces()
        let type = try self.reader.valueTemplate()
        // Blanks before nothing are the line's end's.
        if type.pieces.isEmpty { self.reader.goBack(to: behind) }
        return .file(
            HurlMultipartFile(
                key: key, gapBeforeColon: before, gapAfterColon: after, file: file,
                gapBeforeType: type.pieces.isEmpty ? "" : gap, contentType: type.pieces.isEmpty ? nil : type))
    }

    private mutating func capture() throws(HurlError) -> HurlCapture? {
        guard let (name, before, after) = try self.keyAndColon() else { return nil }
        let query = try self.reader.query()
        let filters = try self.reader.filters()
        let behind = self.reader.position
        var gapBeforeRedact: String? = self.reader.spaces()
        let place = self.reader.position
        let word = self.reader.take { $0.isWord }
        if gapBeforeRedact?.isEmpty == true || word != "redact" {
            if !word.isEmpty {
                throw HurlError(.unknownPredicate, "'\(word.prefix(40))' is no filter, and not 'redact'", at: place)
            }
            self.reader.goBack(to: behind)
            gapBeforeRedact = nil
        }
        return HurlCapture(
            name: name, gapBeforeColon: before, gapAfterColon: after, query: query, filters: filters,
            gapBeforeRedact: gapBeforeRedact)
    }

    /// Nil where a body begins, or another entry.
    private mutating func assertion() throws(HurlError) -> HurlAssert? {
        let start = self.reader.position
        let word = self.reader.take { $0.isWord }
        let isBody =
            ["true", "false", "null"].contains(word)
            || (["base64", "hex", "file"].contains(word) && self.reader.byte == UInt8(ascii: ","))
        self.reader.goBack(to: start)
        guard let first = word.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first), !isBody else {
            return nil
        }
        let query = try self.reader.query()
        let filters = try self.reader.filters()
        let gap = try self.reader.gap("the query: a filter, or a predicate as == or exists,")
        return HurlAssert(query: query, filters: filters, gap: gap, predicate: try self.reader.predicate())
    }
}
