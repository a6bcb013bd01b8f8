package import GloveboxCore

extension FlagValue {
    /// Reads one JSON text (RFC 8259): in UTF-8, without a byte order mark, a key in an object once, 64 levels at most.
    /// - Throws: `flags_invalid` with line and column.
    package init(json bytes: [UInt8]) throws(GloveboxError) {
        var reader = JSONReader(bytes)
        self = try reader.document()
    }
}

/// Reads JSON with places in its errors, which a person who edits a file of flags needs.
private struct JSONReader {
    private static let deepest = 64

    private let bytes: [UInt8]
    private var place = 0
    private var depth = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(GloveboxError) -> FlagValue {
        let value = try self.value()
        self.skipSpace()
        guard self.place == self.bytes.count else { throw self.fault("the text goes on after its end") }
        return value
    }

    private func fault(_ what: String) -> GloveboxError {
        self.fault(what, at: self.place)
    }

    private func fault(_ what: String, at place: Int) -> GloveboxError {
        let before = self.bytes.prefix(place)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = place - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        return GloveboxError(.flagsInvalid, "\(line):\(column): \(what)")
    }

    private var byte: UInt8? { self.place < self.bytes.count ? self.bytes[self.place] : nil }

    private mutating func skipSpace() {
        while let byte = self.byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { self.place += 1 }
    }

    private mutating func skip(_ expected: Unicode.Scalar) -> Bool {
        self.skipSpace()
        guard self.byte == UInt8(ascii: expected) else { return false }
        self.place += 1
        return true
    }

    private mutating func value() throws(GloveboxError) -> FlagValue {
        self.skipSpace()
        switch self.byte {
        case UInt8(ascii: "{"): return try self.nested { reader throws(GloveboxError) in try reader.object() }
        case UInt8(ascii: "["): return try self.nested { reader throws(GloveboxError) in try reader.array() }
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.word("true", .bool(true))
        case UInt8(ascii: "f"): return try self.word("false", .bool(false))
        case UInt8(ascii: "n"): return try self.word("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try self.number()
        case nil: throw self.fault("the text ends too early")
        default: throw self.fault("a value is wanted here")
        }
    }

    private mutating func nested(
        _ body: (inout Self) throws(GloveboxError) -> FlagValue
    ) throws(GloveboxError) -> FlagValue {
        guard self.depth < Self.deepest else { throw self.fault("nested too deeply: \(Self.deepest) levels at most") }
        self.place += 1
        self.depth += 1
        let value = try body(&self)
        self.depth -= 1
        return value
    }

    private mutating func object() throws(GloveboxError) -> FlagValue {
        var fields: [String: FlagValue] = [:]
        if self.skip("}") { return .object(fields) }
        repeat {
            self.skipSpace()
            let start = self.place
            guard self.byte == UInt8(ascii: "\"") else { throw self.fault("a key in quotes is wanted here") }
            let key = try self.string()
            guard self.skip(":") else { throw self.fault("a colon is wanted here") }
            guard fields.updateValue(try self.value(), forKey: key) == nil else {
                throw self.fault("the key '\(key.prefix(80))' is there twice", at: start)
            }
        } while self.skip(",")
        guard self.skip("}") else { throw self.fault("a comma or a closing brace is wanted here") }
        return .object(fields)
    }

    private mutating func array() throws(GloveboxError) -> FlagValue {
        var items: [FlagValue] = []
        if self.skip("]") { return .array(items) }
        repeat { items.append(try self.value()) } while self.skip(",")
        guard self.skip("]") else { throw self.fault("a comma or a closing bracket is wanted here") }
        return .array(items)
    }

    private mutating func word(_ text: StaticString, _ value: FlagValue) throws(GloveboxError) -> FlagValue {
        let count = text.utf8CodeUnitCount
        guard self.bytes[self.place...].prefix(count).elementsEqual(text.description.utf8) else {
            throw self.fault("a value is wanted here")
        }
        self.place += count
        return value
    }

    private mutating func number() throws(GloveboxError) -> FlagValue {
        let start = self.place
        var isWhole = true
        if self.byte == UInt8(ascii: "-") { self.place += 1 }
        if self.byte == UInt8(ascii: "0") {
            self.place += 1
        } else {
            try self.digits()
        }
        if self.byte == UInt8(ascii: ".") {
            isWhole = false
            self.place += 1
            try self.digits()
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            isWhole = false
            self.place += 1
            if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.place += 1 }
            try self.digits()
        }
        let text = String(decoding: self.bytes[start..<self.place], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw self.fault("the number is too large", at: start) }
        return .number(value)
    }

    private mutating func digits() throws(GloveboxError) {
        let start = self.place
        while let byte = self.byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.place += 1 }
        guard self.place > start else { throw self.fault("a digit is wanted here") }
    }

    private mutating func string() throws(GloveboxError) -> String {
        let start = self.place
        self.place += 1
        var text: [UInt8] = []
        var run = self.place
        while true {
            switch self.byte {
            case nil: throw self.fault("the text in quotes has no end", at: start)
            case UInt8(ascii: "\""):
                text += self.bytes[run..<self.place]
                self.place += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw self.fault("the text isn't UTF-8", at: start)
                }
                return string
            case UInt8(ascii: "\\"):
                text += self.bytes[run..<self.place]
                self.place += 1
                text += try self.escape().utf8
                run = self.place
            case .some(..<0x20): throw self.fault("a control character has to be escaped")
            default: self.place += 1
            }
        }
    }

    private mutating func escape() throws(GloveboxError) -> String {
        let start = self.place - 1
        defer { self.place += 1 }
        switch self.byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var unit = try self.codeUnit(start)
            if (0xD800..<0xDC00).contains(unit) {
                let rest = self.bytes[(self.place + 1)...].prefix(2)
                guard rest.elementsEqual("\\u".utf8) else { throw self.fault("half of a surrogate pair", at: start) }
                self.place += 2
                let low = try self.codeUnit(start)
                guard (0xDC00..<0xE000).contains(low) else { throw self.fault("half of a surrogate pair", at: start) }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw self.fault("half of a surrogate pair", at: start) }
            return String(scalar)
        default: throw self.fault("no such escape", at: start)
        }
    }

    /// The four digits behind a `u`, which `place` is at; it's left at the last of them.
    private mutating func codeUnit(_ start: Int) throws(GloveboxError) -> UInt32 {
        let digits = self.bytes[min(self.place + 1, self.bytes.count)...].prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({
                UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
                    || UInt8(ascii: "A")...UInt8(ascii: "F") ~= $0
            }),
            let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw self.fault("four hexadecimal digits are wanted", at: start) }
        self.place += 4
        return unit
    }
}
