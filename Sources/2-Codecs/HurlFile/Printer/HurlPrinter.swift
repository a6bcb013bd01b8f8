/// Writes a tree as text: as it was read, or in the one form that ``HurlDocument/formatted`` has.
struct HurlPrinter {
    /// One form for all: no indent, one blank between words, sections by their short names and in one order.
    let isCanonical: Bool
    private(set) var text = ""

    init(isCanonical: Bool) {
        self.isCanonical = isCanonical
    }

    mutating func write(_ text: String) { self.text += text }

    /// Blanks that may be any number.
    mutating func space(_ source: String, canonical: String = " ") {
        self.text += self.isCanonical ? canonical : source
    }

    // MARK: lines

    mutating func leading(_ lines: [HurlLineEnd]) {
        for line in lines {
            if self.isCanonical {
                if let comment = line.comment { self.comment(comment) }
                // Blanks without an end of line are all that's there: nothing is lost with them.
                if !line.newline.isEmpty { self.text += line.newline } else if line.comment != nil { self.text += "\n" }
            } else {
                self.text += line.space
                if let comment = line.comment { self.comment(comment) }
                self.text += line.newline
            }
        }
    }

    private mutating func comment(_ comment: HurlComment) {
        self.text += "#"
        guard self.isCanonical else {
            self.text += comment.text
            return
        }
        let count = comment.text.unicodeScalars.reversed().prefix { $0 == " " || $0 == "\t" || $0 == "\r" }.count
        self.text += String(comment.text.unicodeScalars.dropLast(count))
    }

    private mutating func end(_ end: HurlLineEnd) {
        guard self.isCanonical else {
            self.text += end.space
            if let comment = end.comment { self.comment(comment) }
            self.text += end.newline
            return
        }
        if let comment = end.comment {
            self.text += end.space.isEmpty ? " " : end.space
            self.comment(comment)
        }
        self.text += end.newline.isEmpty ? "\n" : end.newline
    }

    mutating func line<Content>(_ line: HurlLine<Content>, _ content: (inout Self, Content) -> Void) {
        self.leading(line.leading)
        self.space(line.indent, canonical: "")
        content(&self, line.content)
        self.end(line.end)
    }

    // MARK: entries

    mutating func document(_ document: HurlDocument) {
        if document.hasByteOrderMark, !self.isCanonical { self.text += "\u{FEFF}" }
        for entry in document.entries {
            self.request(entry.request)
            if let response = entry.response { self.response(response) }
        }
        self.leading(document.trailing)
    }

    private mutating func request(_ request: HurlRequest) {
        self.line(request.start) { printer, line in
            printer.write(line.method)
            printer.space(line.gap)
            printer.template(line.url)
        }
        self.parts(request.headers, request.sections, request.body)
    }

    private mutating func response(_ response: HurlResponse) {
        self.line(response.start) { printer, line in
            printer.write(printer.isCanonical ? line.version.rawValue : line.versionSource)
            printer.space(line.gap)
            printer.write(line.statusSource)
        }
        self.parts(response.headers, response.sections, response.body)
    }

    private mutating func parts(
        _ headers: [HurlLine<HurlKeyValue>], _ sections: [HurlSection], _ body: HurlLine<HurlBody>?
    ) {
        for header in headers { self.line(header) { $0.keyValue($1) } }
        if self.isCanonical {
            for name in HurlSectionName.allCases {
                for section in sections where section.heading.content.name == name { self.section(section) }
            }
        } else {
            for section in sections { self.section(section) }
        }
        if let body { self.line(body) { $0.body($1) } }
    }

    private mutating func section(_ section: HurlSection) {
        self.line(section.heading) { printer, heading in
            printer.write("[\(printer.isCanonical ? heading.name.rawValue : heading.source)]")
        }
        switch section.content {
        case .keyValues(let lines): for line in lines { self.line(line) { $0.keyValue($1) } }
        case .multipart(let lines): for line in lines { self.line(line) { $0.multipart($1) } }
        case .options(let lines): for line in lines { self.line(line) { $0.option($1) } }
        case .captures(let lines): for line in lines { self.line(line) { $0.capture($1) } }
        case .asserts(let lines): for line in lines { self.line(line) { $0.assertion($1) } }
        }
    }

    private mutating func colon(_ before: String, _ after: String, _ isFollowed: Bool) {
        self.space(before, canonical: "")
        self.text += ":"
        self.space(after, canonical: isFollowed ? " " : "")
    }

    private mutating func keyValue(_ keyValue: HurlKeyValue) {
        self.template(keyValue.key)
        self.colon(keyValue.gapBeforeColon, keyValue.gapAfterColon, !keyValue.value.pieces.isEmpty)
        self.template(keyValue.value)
    }

    private mutating func multipart(_ field: HurlMultipartField) {
        switch field {
        case .text(let keyValue): self.keyValue(keyValue)
        case .file(let file):
            self.template(file.key)
            self.colon(file.gapBeforeColon, file.gapAfterColon, true)
            self.file(file.file)
            if let type = file.contentType {
                self.space(file.gapBeforeType)
                self.template(type)
            }
        }
    }

    private mutating func option(_ option: HurlOption) {
        self.text += option.name.rawValue
        var isFollowed = true
        if case .text(let text) = option.value { isFollowed = !text.pieces.isEmpty }
        self.colon(option.gapBeforeColon, option.gapAfterColon, isFollowed)
        switch option.value {
        case .boolean(let value): self.text += value ? "true" : "false"
        case .number(let number): self.text += number.source
        case .duration(let duration):
            self.text += duration.number.source
            self.text += duration.unit?.rawValue ?? (self.isCanonical ? "ms" : "")
        case .text(let text): self.template(text)
        case .word(let word): self.text += word
        case .placeholder(let placeholder): self.placeholder(placeholder)
        case .variable(let variable):
            self.text += variable.name
            self.space(variable.before, canonical: "")
            self.text += "="
            self.space(variable.after, canonical: "")
            switch variable.value {
            case .null: self.text += "null"
            case .boolean(let value): self.text += value ? "true" : "false"
            case .number(let number): self.text += number.source
            case .text(let text): self.template(text)
            }
        }
    }

    private mutating func capture(_ capture: HurlCapture) {
        self.template(capture.name)
        self.colon(capture.gapBeforeColon, capture.gapAfterColon, true)
        self.query(capture.query)
        self.filters(capture.filters)
        if let gap = capture.gapBeforeRedact {
            self.space(gap)
            self.text += "redact"
        }
    }

    private mutating func assertion(_ assertion: HurlAssert) {
        self.query(assertion.query)
        self.filters(assertion.filters)
        self.space(assertion.gap)
        self.predicate(assertion.predicate)
    }
}

extension HurlAssert {
    /// What's looked at, as it's written in a formatted file: a query and its filters.
    package var subject: String {
        var printer = HurlPrinter(isCanonical: true)
        printer.query(self.query)
        printer.filters(self.filters)
        return printer.text
    }
}

extension HurlCapture {
    /// What's taken, as it's written in a formatted file: a query and its filters.
    package var subject: String {
        var printer = HurlPrinter(isCanonical: true)
        printer.query(self.query)
        printer.filters(self.filters)
        return printer.text
    }
}

extension HurlDocument: CustomStringConvertible {
    /// The text: what was read, where nothing in the tree was changed.
    package var text: String {
        var printer = HurlPrinter(isCanonical: false)
        printer.document(self)
        return printer.text
    }

    /// The text in the one form that all files with this meaning have, but for their comments and blank lines.
    package var formatted: String {
        var printer = HurlPrinter(isCanonical: true)
        printer.document(self)
        return printer.text
    }

    package var description: String { self.text }
}
