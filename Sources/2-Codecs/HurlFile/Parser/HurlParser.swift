extension HurlDocument {
    /// A file over this many bytes is refused.
    package static let largest = 16 << 20

    /// Reads a file.
    /// - Parameter keepsShellOnly: whether ``shellOnly`` options are kept, as a formatter wants; otherwise the first of
    ///   them is the error.
    /// - Throws: what's wrong first.
    package init(_ text: String, keepsShellOnly: Bool = false) throws(HurlError) {
        try self.init(bytes: Array(text.utf8), keepsShellOnly: keepsShellOnly)
    }

    package init(bytes: [UInt8], keepsShellOnly: Bool = false) throws(HurlError) {
        guard bytes.count <= Self.largest else {
            throw HurlError(.tooLarge, "the file has more than \(Self.largest >> 20) MiB", at: SourcePosition())
        }
        var parser = HurlParser(bytes)
        self = try parser.document()
        if !keepsShellOnly, let first = self.shellOnly.first { throw first }
    }
}

/// Reads entries from line to line. Blank lines and comments are taken first, and belong to what comes behind them.
struct HurlParser {
    var reader: HurlReader
    private var leading: [HurlLineEnd] = []
    private var indent = ""

    init(_ bytes: [UInt8]) {
        self.reader = HurlReader(bytes)
    }

    mutating func document() throws(HurlError) -> HurlDocument {
        if let offset = Self.invalid(self.reader.bytes) {
            while self.reader.position.offset < offset { self.reader.advance() }
            throw self.reader.fault(.notUTF8, "the file isn't UTF-8 here")
        }
        var document = HurlDocument(entries: [])
        document.hasByteOrderMark = self.reader.bytes.starts(with: [0xEF, 0xBB, 0xBF])
        if document.hasByteOrderMark { self.reader.skipByteOrderMark() }
        self.takeLeading()
        while !self.reader.isAtEnd { document.entries.append(try self.entry()) }
        document.trailing = try self.trailing()
        return document
    }

    /// Where the bytes stop being UTF-8.
    private static func invalid(_ bytes: [UInt8]) -> Int? {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var place = 0
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): place += scalar.count
            case .emptyInput: return nil
            case .error: return place
            }
        }
    }

    // MARK: lines

    /// Takes blank lines and comments, and the blanks before what comes next.
    private mutating func takeLeading() {
        self.leading = []
        while true {
            let start = self.reader.position
            self.indent = self.reader.spaces()
            let comment = self.comment()
            if let newline = self.reader.newline() {
                self.leading.append(HurlLineEnd(space: self.indent, comment: comment, newline: newline))
            } else if self.reader.isAtEnd, comment != nil || !self.indent.isEmpty {
                self.leading.append(HurlLineEnd(space: self.indent, comment: comment, newline: ""))
                self.indent = ""
                return
            } else {
                if comment != nil { self.reader.goBack(to: start) }
                return
            }
        }
    }

    private mutating func comment() -> HurlComment? {
        guard self.reader.byte == UInt8(ascii: "#") else { return nil }
        let start = self.reader.position
        self.reader.advance()
        let inner = self.reader.position
        while !self.reader.isAtLineEnd { self.reader.advance() }
        return HurlComment(text: self.reader.text(from: inner), span: self.reader.span(from: start))
    }

    /// Blanks, a comment and the line's end; then what's before the next line is taken.
    private mutating func lineEnd() throws(HurlError) -> HurlLineEnd {
        let space = self.reader.spaces()
        let comment = self.comment()
        let newline = self.reader.newline()
        guard newline != nil || self.reader.isAtEnd else {
            throw self.reader.expected("the end of the line or a comment")
        }
        if let comment { try Self.refuse(comment) }
        return HurlLineEnd(space: space, comment: comment, newline: newline ?? "")
    }

    /// Makes a line of what was read, with what stood above it.
    private mutating func line<Content>(
        _ leading: [HurlLineEnd], _ indent: String, _ content: Content
    ) throws(HurlError) -> HurlLine<Content> {
        let end = try self.lineEnd()
        self.takeLeading()
        return HurlLine(leading: leading, indent: indent, content: content, end: end)
    }

    /// A line inside of an entry, where directives have no place.
    mutating func innerLine<Content>(_ content: Content) throws(HurlError) -> HurlLine<Content> {
        for comment in self.leading.compactMap(\.comment) { try Self.refuse(comment) }
        return try self.line(self.leading, self.indent, content)
    }

    private func trailing() throws(HurlError) -> [HurlLineEnd] {
        for comment in self.leading.compactMap(\.comment) { try Self.refuse(comment) }
        return self.leading
    }

    // MARK: directives

    private static let marker = "glovebox:"

    private static func isDirective(_ comment: HurlComment) -> Bool {
        comment.text.drop { $0 == " " || $0 == "\t" }.hasPrefix(self.marker)
    }

    private static func refuse(_ comment: HurlComment) throws(HurlError) {
        guard self.isDirective(comment) else { return }
        throw HurlError(
            .badDirective, "a 'glovebox:' comment belongs on a line of its own, above the request that it's about",
            at: comment.span.start)
    }

    private func directives() throws(HurlError) -> [HurlDirective] {
        var directives: [HurlDirective] = []
        for comment in self.leading.compactMap(\.comment) where Self.isDirective(comment) {
            var rest = HurlReader(self.reader.bytes)
            rest.goBack(to: comment.span.start)
            rest.advance()
            _ = rest.spaces()
            rest.advance(Self.marker.utf8.count)
            _ = rest.spaces()
            let nameStart = rest.position
            let name = rest.take {
                $0.isDigit || $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            }
            let nameSpan = rest.span(from: nameStart)
            let gap = rest.spaces()
            guard !name.isEmpty, !gap.isEmpty || rest.isAtLineEnd else {
                throw HurlError(
                    .badDirective, "a name in small letters was expected, and not \(rest.here)", at: rest.position)
            }
            let valueStart = rest.position
            var valueEnd = rest.position
            while !rest.isAtLineEnd {
                let isBlank = rest.byte == 0x20 || rest.byte == 0x09
                rest.advance()
                if !isBlank { valueEnd = rest.position }
            }
            rest.goBack(to: valueEnd)
            directives.append(
                HurlDirective(
                    name: name, nameSpan: nameSpan, value: rest.text(from: valueStart),
                    valueSpan: SourceSpan(valueStart, valueEnd)))
        }
        return directives
    }

    // MARK: entries

    private mutating func entry() throws(HurlError) -> HurlEntry {
        let directives = try self.directives()
        let request = try self.request()
        let response = self.isAtResponse ? try self.response() : nil
        return HurlEntry(request: request, response: response, directives: directives)
    }

    private mutating func request() throws(HurlError) -> HurlRequest {
        let (leading, indent) = (self.leading, self.indent)
        let start = self.reader.position
        let method = self.reader.take { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        guard !method.isEmpty, self.reader.byte.map({ !$0.isWord }) ?? true else {
            self.reader.goBack(to: start)
            throw self.reader.expected("a request's method in capitals, or more of the entry before it,")
        }
        let methodSpan = self.reader.span(from: start)
        let gap = try self.reader.gap("the method")
        let urlStart = self.reader.position
        let url = try self.reader.valueTemplate()
        guard !url.pieces.isEmpty else {
            self.reader.goBack(to: urlStart)
            throw self.reader.expected("a URL")
        }
        let content = HurlRequestLine(method: method, methodSpan: methodSpan, gap: gap, url: url)
        let end = try self.lineEnd()
        var last = self.reader.position
        self.takeLeading()
        let line = HurlLine(leading: leading, indent: indent, content: content, end: end)
        let (headers, sections, body) = try self.parts(isResponse: false, &last)
        return HurlRequest(
            start: line, headers: headers, sections: sections, body: body, span: SourceSpan(start, last))
    }

    private var isAtResponse: Bool {
        guard self.reader.isAt("HTTP") else { return false }
        switch self.reader.peek(4) {
        case nil, 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: "/"), UInt8(ascii: "#"): return true
        default: return false
        }
    }

    private mutating func response() throws(HurlError) -> HurlResponse {
        let start = self.reader.position
        let content = try self.statusLine()
        var last = self.reader.position
        let line = try self.innerLine(content)
        let (headers, sections, body) = try self.parts(isResponse: true, &last)
        return HurlResponse(
            start: line, headers: headers, sections: sections, body: body, span: SourceSpan(start, last))
    }

    private mutating func statusLine() throws(HurlError) -> HurlStatusLine {
        let start = self.reader.position
        let source = self.reader.take { !" \t\r\n#".utf8.contains($0) }
        let versionSpan = self.reader.span(from: start)
        let version = source == "HTTP/*" ? .any : HurlStatusLine.Version(rawValue: source)
        guard let version else {
            throw HurlError(
                .syntax, "there is no version '\(source.prefix(20))': write HTTP, HTTP/1.0, HTTP/1.1, HTTP/2 or HTTP/3",
                at: start)
        }
        let gap = try self.reader.gap("'\(source)'")
        let place = self.reader.position
        let status: HurlStatusLine.Status
        if self.reader.take("*") {
            status = .any
        } else if let code = Int(self.reader.take(while: { $0.isDigit })) {
            status = .code(code)
        } else {
            self.reader.goBack(to: place)
            throw self.reader.expected("a status code or '*'")
        }
        return HurlStatusLine(
            version: version, versionSource: source, versionSpan: versionSpan, gap: gap, status: status,
            statusSource: self.reader.text(from: place), statusSpan: self.reader.span(from: place))
    }

    /// What may stand below a request's or a response's first line.
    private mutating func parts(
        isResponse: Bool, _ last: inout SourcePosition
    ) throws(HurlError) -> ([HurlLine<HurlKeyValue>], [HurlSection], HurlLine<HurlBody>?) {
        var headers: [HurlLine<HurlKeyValue>] = []
        while let header = try self.keyValue() {
            last = self.reader.position
            headers.append(try self.innerLine(header))
        }
        var sections: [HurlSection] = []
        while let section = try self.section(isResponse: isResponse, sections, &last) { sections.append(section) }
        var body: HurlLine<HurlBody>?
        if let content = try self.reader.body() {
            last = self.reader.position
            body = try self.innerLine(content)
        }
        return (headers, sections, body)
    }
}
