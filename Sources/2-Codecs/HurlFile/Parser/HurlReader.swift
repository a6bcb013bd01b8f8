/// A place in the text, going forward; it can be set back by keeping a `position`.
struct HurlReader {
    let bytes: [UInt8]
    private(set) var position = SourcePosition()
    /// How many templates, filters or values of JSON are open around this place.
    private var depth = 0

    /// Values of JSON within one another, and placeholders within arguments within placeholders.
    static let deepest = 128

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    // MARK: looking

    var isAtEnd: Bool { self.position.offset >= self.bytes.count }
    var byte: UInt8? { self.position.offset < self.bytes.count ? self.bytes[self.position.offset] : nil }

    func peek(_ distance: Int) -> UInt8? {
        let offset = self.position.offset + distance
        return offset < self.bytes.count ? self.bytes[offset] : nil
    }

    func isAt(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard self.position.offset + count <= self.bytes.count else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(self.bytes[self.position.offset..<self.position.offset + count]) }
    }

    /// `\n`, `\r\n` or the text's end.
    var isAtLineEnd: Bool {
        switch self.byte {
        case nil, UInt8(ascii: "\n"): true
        case UInt8(ascii: "\r"): self.peek(1) == UInt8(ascii: "\n")
        default: false
        }
    }

    func text(from start: SourcePosition) -> String {
        String(decoding: self.bytes[start.offset..<self.position.offset], as: UTF8.self)
    }

    func span(from start: SourcePosition) -> SourceSpan { SourceSpan(start, self.position) }

    /// What stands here, for an error.
    var here: String {
        guard let byte = self.byte else { return "the end of the file" }
        if self.isAtLineEnd { return "the end of the line" }
        if byte < 0x20 { return "a control character" }
        var end = self.position.offset + 1
        while end < self.bytes.count, self.bytes[end] & 0xC0 == 0x80 { end += 1 }
        return "'\(String(decoding: self.bytes[self.position.offset..<end], as: UTF8.self))'"
    }

    // MARK: going on

    mutating func advance() {
        guard let byte = self.byte else { return }
        self.position.offset += 1
        if byte == UInt8(ascii: "\n") {
            self.position.line += 1
            self.position.column = 1
        } else if byte & 0xC0 != 0x80 {
            self.position.column += 1
        }
    }

    /// The mark is no part of any line.
    mutating func skipByteOrderMark() {
        self.advance(3)
        self.position.column = 1
    }

    mutating func advance(_ count: Int) { for _ in 0..<count { self.advance() } }

    mutating func goBack(to position: SourcePosition) { self.position = position }

    mutating func take(_ text: StaticString) -> Bool {
        guard self.isAt(text) else { return false }
        self.advance(text.utf8CodeUnitCount)
        return true
    }

    mutating func take(while belongs: (UInt8) -> Bool) -> String {
        let start = self.position
        while let byte = self.byte, belongs(byte) { self.advance() }
        return self.text(from: start)
    }

    /// Blanks and tabs.
    mutating func spaces() -> String { self.take { $0 == 0x20 || $0 == 0x09 } }

    /// `\n` or `\r\n`; nil where neither stands here.
    mutating func newline() -> String? {
        if self.take("\r\n") { return "\r\n" }
        return self.take("\n") ? "\n" : nil
    }

    /// One Unicode scalar of more than a byte; the text is known to be UTF-8.
    var scalar: Unicode.Scalar? {
        guard let byte = self.byte else { return nil }
        let width = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        let end = min(self.bytes.count, self.position.offset + width)
        return String(decoding: self.bytes[self.position.offset..<end], as: UTF8.self).unicodeScalars.first
    }

    mutating func advanceScalar() {
        self.advance()
        while let byte = self.byte, byte & 0xC0 == 0x80 { self.advance() }
    }

    // MARK: errors and limits

    func fault(_ code: HurlError.Code, _ message: String) -> HurlError { HurlError(code, message, at: self.position) }

    func expected(_ what: String) -> HurlError { self.fault(.syntax, "\(what) was expected, and not \(self.here)") }

    mutating func nested<Value>(
        _ body: (inout Self) throws(HurlError) -> Value
    ) throws(HurlError) -> Value {
        guard self.depth < Self.deepest else {
            throw self.fault(.tooLarge, "nested too deeply: \(Self.deepest) levels at most")
        }
        self.depth += 1
        defer { self.depth -= 1 }
        return try body(&self)
    }
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isWord: Bool { self.isDigit || self.isLetter }

    var hexadecimal: UInt32? {
        if self.isDigit { return UInt32(self) - 0x30 }
        let lower = UInt32(self | 0x20)
        return (0x61...0x66).contains(lower) ? lower - 0x61 + 10 : nil
    }
}
