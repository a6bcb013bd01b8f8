/// Finds where text stops being JSON (RFC 8259). Foundation's decoder doesn't say it on Linux, and whoever writes a
/// request by hand wants to know.
struct JSONSyntax {
    private static let deepest = 512

    private let bytes: [UInt8]
    private var offset = 0

    /// The line and column, both from 1, columns in bytes, of the first error; `nil` when there's none.
    static func firstError(in bytes: [UInt8]) -> (line: Int, column: Int)? {
        var syntax = JSONSyntax(bytes: bytes)
        if syntax.value(depth: 0) {
            syntax.blanks()
            if syntax.offset == bytes.count { return nil }
        }
        let before = bytes.prefix(syntax.offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return (before.count { $0 == UInt8(ascii: "\n") } + 1, syntax.offset - lineStart + 1)
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard self.next == UInt8(ascii: byte) else { return false }
        self.offset += 1
        return true
    }

    private mutating func blanks() {
        while let byte = self.next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { self.offset += 1 }
    }

    /// Each of these leaves `offset` at the error when it returns false.
    private mutating func value(depth: Int) -> Bool {
        self.blanks()
        guard depth < Self.deepest, let byte = self.next else { return false }
        switch byte {
        case UInt8(ascii: "{"):
            return self.list(opens: "{", closes: "}", depth: depth) { syntax in
                syntax.blanks()
                guard syntax.string() else { return false }
                syntax.blanks()
                return syntax.take(":") && syntax.value(depth: depth + 1)
            }
        case UInt8(ascii: "["):
            return self.list(opens: "[", closes: "]", depth: depth) { $0.value(depth: depth + 1) }
        case UInt8(ascii: "\""): return self.string()
        case UInt8(ascii: "t"): return self.word("true")
        case UInt8(ascii: "f"): return self.word("false")
        case UInt8(ascii: "n"): return self.word("null")
        default: return self.number()
        }
    }

    private mutating func list(
        opens: Unicode.Scalar, closes: Unicode.Scalar, depth: Int, _ item: (inout Self) -> Bool
    ) -> Bool {
        guard self.take(opens) else { return false }
        self.blanks()
        if self.take(closes) { return true }
        while true {
            guard item(&self) else { return false }
            self.blanks()
            if self.take(closes) { return true }
            guard self.take(",") else { return false }
        }
    }

    private mutating func word(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard self.next == word.utf8Start[index] else { return false }
            self.offset += 1
        }
        return true
    }

    private mutating func string() -> Bool {
        guard self.take("\"") else { return false }
        while let byte = self.next, byte >= 0x20 {
            if self.take("\"") { return true }
            self.offset += 1
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = self.next else { return false }
            if escape == UInt8(ascii: "u") {
                self.offset += 1
                for _ in 0..<4 {
                    guard let digit = self.next, Unicode.Scalar(digit).properties.isASCIIHexDigit else { return false }
                    self.offset += 1
                }
            } else {
                guard Array("\"\\/bfnrt".utf8).contains(escape) else { return false }
                self.offset += 1
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = self.take("-")
        if !self.take("0") {
            guard self.digits() else { return false }
        }
        if self.take(".") {
            guard self.digits() else { return false }
        }
        if self.take("e") || self.take("E") {
            if !self.take("+") { _ = self.take("-") }
            return self.digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = self.offset
        while let byte = self.next, (0x30...0x39).contains(byte) { self.offset += 1 }
        return self.offset > start
    }
}
