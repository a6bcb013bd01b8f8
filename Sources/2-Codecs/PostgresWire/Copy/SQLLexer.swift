/// Takes a statement apart into tokens, as far as finding COPY needs it (PostgreSQL manual, "Lexical Structure").
///
/// It is cautious: whatever it can't be sure of (a backslash before the end of a plain string, where a setting tells
/// whether it is one; Unicode escapes; an unclosed quote) makes it give nil, and callers then assume the worst.
struct SQLLexer {
    enum Token: Hashable {
        /// A keyword or unquoted name, in lower case.
        case word(String)
        case quotedName(String)
        case string(String)
        /// A string with escapes whose value nobody needs.
        case opaqueString
        case number(String)
        case symbol(UInt8)
    }

    struct Located {
        var token: Token
        var range: Range<Int>
    }

    private let text: [UInt8]
    private var position = 0

    private init(_ text: [UInt8]) {
        self.text = text
    }

    static func tokens(of text: [UInt8]) -> [Located]? {
        var lexer = SQLLexer(text)
        var tokens: [Located] = []
        while true {
            guard lexer.skipSpace() else { return nil }
            let start = lexer.position
            guard start < text.count else { return tokens }
            guard let token = lexer.token() else { return nil }
            tokens.append(Located(token: token, range: start..<lexer.position))
        }
    }

    /// Whether a statement only reads, and calls nothing by name: it can't prepare, declare or set anything.
    ///
    /// Operators, casts and views may call functions too, but those are the database owner's.
    static func isInert(_ text: String) -> Bool {
        guard let tokens = Self.tokens(of: Array(text.utf8)), case .word(let verb)? = tokens.first?.token else {
            return false
        }
        guard ["select", "table", "values", "begin"].contains(verb) else { return false }
        for (index, located) in tokens.enumerated() {
            switch located.token {
            case .symbol(UInt8(ascii: "(")): return false
            case .symbol(UInt8(ascii: ";")) where index != tokens.count - 1: return false
            case .word("into"): return false
            default: break
            }
        }
        return true
    }

    // MARK: Parts

    private func byte(_ offset: Int = 0) -> UInt8 {
        let index = self.position + offset
        return index < self.text.count ? self.text[index] : 0
    }

    /// Skips white space and comments, which nest; false where one isn't closed.
    private mutating func skipSpace() -> Bool {
        while self.position < self.text.count {
            switch self.byte() {
            case 0x20, 0x09...0x0D: self.position += 1
            case UInt8(ascii: "-") where self.byte(1) == UInt8(ascii: "-"):
                while self.position < self.text.count, self.byte() != 0x0A, self.byte() != 0x0D { self.position += 1 }
            case UInt8(ascii: "/") where self.byte(1) == UInt8(ascii: "*"):
                guard self.skipComment() else { return false }
            default: return true
            }
        }
        return true
    }

    private mutating func skipComment() -> Bool {
        var depth = 0
        while self.position < self.text.count {
            if self.byte() == UInt8(ascii: "/"), self.byte(1) == UInt8(ascii: "*") {
                depth += 1
                self.position += 2
            } else if self.byte() == UInt8(ascii: "*"), self.byte(1) == UInt8(ascii: "/") {
                depth -= 1
                self.position += 2
                if depth == 0 { return true }
            } else {
                self.position += 1
            }
        }
        return false
    }

    private mutating func token() -> Token? {
        let first = self.byte()
        switch first {
        case UInt8(ascii: "'"): return self.string(escapes: false)
        case UInt8(ascii: "\""): return self.quotedName()
        case UInt8(ascii: "$"): return self.dollar()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return self.number()
        case _ where Self.isNameStart(first): return self.word()
        default:
            self.position += 1
            return .symbol(first)
        }
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        Self.isNameStart(byte) || byte == UInt8(ascii: "$") || Self.isDigit(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func word() -> Token? {
        let next = self.byte(1)
        switch self.byte() | 0x20 {
        case UInt8(ascii: "e") where next == UInt8(ascii: "'"):
            self.position += 1
            return self.string(escapes: true)
        case UInt8(ascii: "b") where next == UInt8(ascii: "'"), UInt8(ascii: "x") where next == UInt8(ascii: "'"),
            UInt8(ascii: "n") where next == UInt8(ascii: "'"):
            self.position += 1
            return self.string(escapes: false)
        case UInt8(ascii: "u") where next == UInt8(ascii: "&"):
            if [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(self.byte(2)) { return nil }
        default: break
        }
        let start = self.position
        while self.position < self.text.count, Self.isNamePart(self.byte()) { self.position += 1 }
        // PostgreSQL folds ASCII only, where the encoding has more than one byte a character.
        let folded = self.text[start..<self.position].map { (65...90).contains($0) ? $0 | 0x20 : $0 }
        return .word(String(decoding: folded, as: UTF8.self))
    }

    private mutating func number() -> Token {
        let start = self.position
        while self.position < self.text.count, Self.isDigit(self.byte()) { self.position += 1 }
        return .number(String(decoding: self.text[start..<self.position], as: UTF8.self))
    }

    private mutating func quotedName() -> Token? {
        self.position += 1
        var name: [UInt8] = []
        while self.position < self.text.count {
            let byte = self.byte()
            self.position += 1
            if byte == UInt8(ascii: "\"") {
                guard self.byte() == UInt8(ascii: "\"") else {
                    return .quotedName(String(decoding: name, as: UTF8.self))
                }
                self.position += 1
            }
            name.append(byte)
        }
        return nil
    }

    private mutating func string(escapes: Bool) -> Token? {
        self.position += 1
        var value: [UInt8] = []
        var isOpaque = false
        while self.position < self.text.count {
            let byte = self.byte()
            self.position += 1
            switch byte {
            case UInt8(ascii: "'"):
                guard self.byte() == UInt8(ascii: "'") else {
                    return isOpaque ? .opaqueString : .string(String(decoding: value, as: UTF8.self))
                }
                self.position += 1
                value.append(byte)
            case UInt8(ascii: "\\") where escapes:
                let escaped = self.escape()
                isOpaque = isOpaque || escaped == nil
                value.append(escaped ?? 0)
            case UInt8(ascii: "\\"):
                // With standard_conforming_strings off this escapes what follows; only a quote makes a difference to
                // where the string ends, and none does after an even number.
                value.append(byte)
                if self.byte() == UInt8(ascii: "'") { return nil }
                if self.byte() == UInt8(ascii: "\\") {
                    value.append(byte)
                    self.position += 1
                }
            default: value.append(byte)
            }
        }
        return nil
    }

    /// What stands behind a backslash; nil for the numeric forms, which nobody needs here.
    private mutating func escape() -> UInt8? {
        let byte = self.byte()
        self.position += 1
        switch byte {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"): return nil
        case _ where Self.isDigit(byte): return nil
        default: return byte
        }
    }

    /// `$1`, `$$…$$` or `$tag$…$tag$`.
    private mutating func dollar() -> Token? {
        var end = self.position + 1
        if end < self.text.count, Self.isDigit(self.text[end]) {
            while end < self.text.count, Self.isDigit(self.text[end]) { end += 1 }
            defer { self.position = end }
            return .number(String(decoding: self.text[self.position..<end], as: UTF8.self))
        }
        while end < self.text.count, Self.isNameStart(self.text[end]) || Self.isDigit(self.text[end]) { end += 1 }
        guard end < self.text.count, self.text[end] == UInt8(ascii: "$") else {
            self.position += 1
            return .symbol(UInt8(ascii: "$"))
        }
        let tag = self.text[self.position...end]
        let start = end + 1
        var index = start
        while index + tag.count <= self.text.count {
            if self.text[index] == UInt8(ascii: "$"), self.text[index..<(index + tag.count)].elementsEqual(tag) {
                self.position = index + tag.count
                return .string(String(decoding: self.text[start..<index], as: UTF8.self))
            }
            index += 1
        }
        return nil
    }
}
