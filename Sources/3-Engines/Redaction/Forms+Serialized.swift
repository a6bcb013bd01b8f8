import GloveboxCore
import SensitiveNames

/// Values behind their names in forms, in PHP's ways of writing data, and in JSON Web Keys.
extension View {
    private static let quotes = ByteSet("\\\"")
    private static let ofKey = ByteSet("_-").union(.alphanumeric)
    private static let part: ContextWords = ["form-data"]
    private static let keyWords: ContextWords = ["\"kty", "\"crv"]
    private static let lastWords: ContextWords = ["\"dp", "\"dq", "\"qi", "\"e\":"]
    /// Members of a JSON Web Key (RFC 7517, RFC 7518).
    private static let members: [StaticString] = [
        "kty", "crv", "alg", "kid", "use", "ext", "key_ops", "oth", "dp", "dq", "qi", "d", "e", "n", "p", "q", "x", "y",
        "k",
    ]

    /// The part of a form behind `Content-Disposition: form-data; name="password"` (RFC 7578), to the line before the next
    /// boundary.
    mutating func formPart(_ name: Range<Int>) -> Range<Int>? {
        let open = self.run(of: Self.quotes, backFrom: name.lowerBound, most: 4)
        guard self.matches("name=", at: open - 5), self.hasContext(Self.part, before: open, within: 64) else {
            return nil
        }
        let closed = name.upperBound + (name.lowerBound - open)
        guard var line = self.behindLineEnd(at: closed) else { return nil }
        // Other headers of the part end with an empty line.
        for _ in 0..<8 {
            if let first = self.behindLineEnd(at: line) { return self.untilBoundary(from: first) }
            let end = self.run(of: ByteSet("\r\n\\").inverted, from: line, most: 256)
            guard let next = self.behindLineEnd(at: end) else { return nil }
            line = next
        }
        return nil
    }

    private mutating func untilBoundary(from start: Int) -> Range<Int>? {
        var offset = start
        // The first line's end, for what no boundary ends.
        var lineEnd: Int?
        while offset < self.high || offset == start {
            let byte = self.at(offset)
            if byte == 0 { break }
            if byte == 0x0A || byte == 0x0D || byte == UInt8(ascii: "\\"), let next = self.behindLineEnd(at: offset) {
                if self.matches("--", at: next) { return offset > start ? start..<offset : nil }
                lineEnd = lineEnd ?? offset
                offset = next
            } else if byte == UInt8(ascii: "\\"), self.at(offset + 1) == 0x22 {
                offset += 2
            } else if byte == 0x22, self.at(start - 1) != 0x0A {
                // The string around it ends.
                break
            } else {
                offset += 1
            }
        }
        _ = self.at(offset)
        let end = lineEnd ?? min(offset, self.high)
        return end > start ? start..<end : nil
    }

    // MARK: PHP

    /// The value behind `s:8:"password";`, as PHP's `serialize` writes it: `s:6:"…";`, `i:7;`, `a:1:{…}`.
    mutating func serialized(kind: Kind, from semicolon: Int) -> Finding? {
        let type = semicolon + 1
        guard self.at(type + 1) == UInt8(ascii: ":") else { return nil }
        let first = type + 2
        let digits = self.run(of: ByteSet("-+.eE").union(.digits), from: first, most: 24)
        guard digits > first else { return nil }
        switch self.at(type) {
        case UInt8(ascii: "i"), UInt8(ascii: "d"), UInt8(ascii: "b"):
            guard self.at(digits) == UInt8(ascii: ";") else { return nil }
            return Finding(start: first, end: digits, kind: kind)
        case UInt8(ascii: "s"):
            var count = 0
            for offset in first..<min(digits, first + 6) where self.at(offset).isDigit {
                count = count * 10 + Int(self.at(offset) - 0x30)
            }
            let text = self.run(of: Self.quotes, from: digits + 1, most: 4)
            guard self.at(digits) == UInt8(ascii: ":"), text > digits + 1, count > 0 else { return nil }
            // In a string of JSON escapes take more room than is counted.
            if self.at(text + count) == 0x22, text == digits + 2 {
                return Finding(start: text, end: text + count, kind: kind)
            }
            let quote = self.at(text - 2) == UInt8(ascii: "\\") ? text - 2 : text - 1
            return self.value(kind: kind, certain: true, name: SensitiveName(.password), at: quote, isHeader: false)
        case UInt8(ascii: "a"), UInt8(ascii: "O"):
            let brace = self.run(of: ByteSet("{}\r\n;").inverted, from: digits, most: 128)
            return self.at(brace) == UInt8(ascii: "{") ? self.bracketed(kind: kind, from: brace) : nil
        default:
            return nil
        }
    }

    /// Where the value begins behind `["password":protected]=>`, as PHP's `var_dump` writes it, with a line's end between.
    ///
    /// - Parameter colon: what follows the name's quote.
    mutating func dumped(name: Range<Int>, colon: Int) -> Int? {
        guard self.at(name.lowerBound - 2) == UInt8(ascii: "[") else { return nil }
        let close = self.run(of: ByteSet("_\\:\"").union(.alphanumeric), from: colon, most: 128)
        guard self.at(close) == UInt8(ascii: "]"), self.at(close + 1) == UInt8(ascii: "="),
            self.at(close + 2) == UInt8(ascii: ">")
        else { return nil }
        return self.skipLines(from: close + 3)
    }

    // MARK: JSON Web Keys

    /// A private member of a JSON Web Key: `"d":"…"` and its like, beside other members of one. The anchor goes from the
    /// name's quote to the value's.
    mutating func webKey(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let first = start + anchorCount
        let end = self.run(of: Self.ofKey, from: first)
        guard end - first >= 20 || end >= self.high else { return nil }
        let isOpen = end >= self.high && self.clipped
        guard isOpen || Self.quotes.contains(self.at(end)), self.isBesideMember(first: start, end: end) else {
            return nil
        }
        return Finding(start: first, end: end, kind: detector.kind, closer: isOpen ? .run(Self.ofKey) : nil)
    }

    /// Whether the member behind the value that ends at `end`, or one of those before `first`, is one of a key.
    private mutating func isBesideMember(first: Int, end: Int) -> Bool {
        if self.hasContext(Self.keyWords, before: first, within: 250) { return true }
        let closed = self.run(of: Self.quotes, from: end, most: 4)
        let comma = self.run(of: .blanks, from: closed, most: 16)
        if self.at(comma) == UInt8(ascii: ",") {
            let next = self.skipLines(from: comma + 1)
            let name = self.run(of: Self.quotes, from: next, most: 4)
            for word in Self.members where name > next && self.matches(word, at: name) {
                if Self.quotes.contains(self.at(name + word.utf8CodeUnitCount)) { return true }
            }
            return false
        }
        // The last member: the one before it says.
        return self.hasContext(Self.lastWords, before: first, within: 250)
            || self.matches("\"qi", at: first)
    }
}
