/// What is read as JSON, and what is refused though it is.
package struct JSONRules: Hashable, Sendable {
    package enum RepeatedNames: Hashable, Sendable {
        /// All members are kept, in order.
        case keep
        /// An object in which a name is there twice is refused, and the place of the second is said.
        case refuse
    }

    /// Bytes of the text.
    package var longest: Int
    /// Arrays and objects in each other. The reader and much of what walks over values recurse: a thread's stack bounds it.
    package var deepest: Int
    package var repeatedNames: RepeatedNames

    package init(longest: Int = 64 << 20, deepest: Int = 256, repeatedNames: RepeatedNames = .keep) {
        self.longest = longest
        self.deepest = min(deepest, 1000)
        self.repeatedNames = repeatedNames
    }
}

extension JSON {
    /// Reads one JSON text, strictly by RFC 8259: UTF-8 without a byte order mark, nothing behind the value, no half of a
    /// surrogate pair, no exponent of more than 18 digits.
    /// - Throws: `json_invalid`, or `json_too_large` for what the rules' bounds refuse.
    package init(parsing bytes: [UInt8], _ rules: JSONRules = JSONRules()) throws(JSONFault) {
        guard bytes.count <= rules.longest else {
            throw JSONFault(
                .jsonTooLarge, line: 1, column: 1,
                "the JSON has \(bytes.count) bytes, of which \(rules.longest) may be read")
        }
        var reader = JSONReader(bytes, rules)
        self = try reader.document()
    }

    /// ``init(parsing:_:)-([UInt8],_)`` of a string.
    package init(parsing text: String, _ rules: JSONRules = JSONRules()) throws(JSONFault) {
        try self.init(parsing: Array(text.utf8), rules)
    }
}

private struct JSONReader {
    private let bytes: [UInt8]
    private let rules: JSONRules
    private var place = 0
    private var depth = 0

    init(_ bytes: [UInt8], _ rules: JSONRules) {
        self.bytes = bytes
        self.rules = rules
    }

    mutating func document() throws(JSONFault) -> JSON {
        if self.bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw self.fault("the text begins with a byte order mark, which JSON has none of")
        }
        let value = try self.value()
        self.skipSpace()
        guard self.place == self.bytes.count else { throw self.fault("the JSON goes on after its end") }
        return value
    }

    private func fault(_ what: String, at place: Int? = nil) -> JSONFault {
        JSONFault(.jsonInvalid, at: place ?? self.place, of: self.bytes, what)
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

    private mutating func value() throws(JSONFault) -> JSON {
        self.skipSpace()
        switch self.byte {
        case UInt8(ascii: "{"):
            try self.enter()
            defer { self.depth -= 1 }
            return .object(JSONObject(try self.members()))
        case UInt8(ascii: "["):
            try self.enter()
            defer { self.depth -= 1 }
            return .array(try self.elements())
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.word("true", .bool(true))
        case UInt8(ascii: "f"): return try self.word("false", .bool(false))
        case UInt8(ascii: "n"): return try self.word("null", .null)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try self.number())
        case nil: throw self.fault(self.place == 0 ? "the JSON is empty" : "the JSON ends too early")
        default: throw self.fault("a value is wanted here")
        }
    }

    /// Steps over the bracket that opens an array or object.
    private mutating func enter() throws(JSONFault) {
        guard self.depth < self.rules.deepest else {
            throw JSONFault(
                .jsonTooLarge, at: self.place, of: self.bytes,
                "the JSON is nested more deeply than \(self.rules.deepest) levels")
        }
        self.place += 1
        self.depth += 1
    }

    private mutating func elements() throws(JSONFault) -> [JSON] {
        var elements: [JSON] = []
        if self.skip("]") { return elements }
        repeat { elements.append(try self.value()) } while self.skip(",")
        guard self.skip("]") else { throw self.missing("a comma or a closing bracket is wanted here") }
        return elements
    }

    private mutating func members() throws(JSONFault) -> [JSONObject.Member] {
        var members: [JSONObject.Member] = []
        var names: Set<ScalarText> = []
        if self.skip("}") { return members }
        repeat {
            self.skipSpace()
            let start = self.place
            guard self.byte == UInt8(ascii: "\"") else { throw self.missing("a name in quotes is wanted here") }
            let name = try self.string()
            if self.rules.repeatedNames == .refuse, !names.insert(ScalarText(name)).inserted {
                throw self.fault("the name '\(name.prefix(80))' is there twice", at: start)
            }
            guard self.skip(":") else { throw self.missing("a colon is wanted here") }
            members.append(JSONObject.Member(name, try self.value()))
        } while self.skip(",")
        guard self.skip("}") else { throw self.missing("a comma or a closing brace is wanted here") }
        return members
    }

    private func missing(_ what: String) -> JSONFault {
        self.fault(self.byte == nil ? "the JSON ends too early" : what)
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(JSONFault) -> JSON {
        let count = text.utf8CodeUnitCount
        let isThere = text.withUTF8Buffer { self.bytes[self.place...].prefix(count).elementsEqual($0) }
        guard isThere else { throw self.fault("a value is wanted here") }
        self.place += count
        return value
    }
}

// MARK: - Numbers and strings

extension JSONReader {
    private mutating func number() throws(JSONFault) -> JSONNumber {
        let start = self.place
        if self.byte == UInt8(ascii: "-") { self.place += 1 }
        if self.byte == UInt8(ascii: "0") {
            self.place += 1
            if let byte = self.byte, (0x30...0x39).contains(byte) {
                throw self.fault("a number has no zero before its other digits", at: self.place - 1)
            }
        } else {
            try self.digits()
        }
        if self.byte == UInt8(ascii: ".") {
            self.place += 1
            try self.digits()
        }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            self.place += 1
            if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { self.place += 1 }
            let exponent = self.place
            try self.digits()
            guard self.bytes[exponent..<self.place].drop(while: { $0 == 0x30 }).count <= JSONNumber.longestExponent
            else { throw self.fault("the number's exponent is too long to be judged", at: start) }
        }
        return JSONNumber(checked: String(decoding: self.bytes[start..<self.place], as: UTF8.self))
    }

    private mutating func digits() throws(JSONFault) {
        let start = self.place
        while let byte = self.byte, (0x30...0x39).contains(byte) { self.place += 1 }
        guard self.place > start else { throw self.missing("a digit is wanted here") }
    }

    private mutating func string() throws(JSONFault) -> String {
        let start = self.place
        self.place += 1
        var run = self.place
        var text: [UInt8] = []
        while true {
            switch self.byte {
            case nil: throw self.fault("the string that begins here has no end", at: start)
            case UInt8(ascii: "\""):
                let bytes = text.isEmpty ? self.bytes[run..<self.place] : (text + self.bytes[run..<self.place])[...]
                self.place += 1
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw self.fault("the string that begins here isn't UTF-8", at: start)
                }
                return string
            case UInt8(ascii: "\\"):
                text += self.bytes[run..<self.place]
                self.place += 1
                text += try self.escaped().utf8
                run = self.place
            case .some(..<0x20): throw self.fault("a control character has to be escaped in a string")
            default: self.place += 1
            }
        }
    }

    /// What the escape stands for, whose backslash was stepped over.
    private mutating func escaped() throws(JSONFault) -> String {
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
                guard self.bytes[(self.place + 1)...].prefix(2).elementsEqual("\\u".utf8) else {
                    throw self.fault("this is half of a surrogate pair", at: start)
                }
                self.place += 2
                let low = try self.codeUnit(start)
                guard (0xDC00..<0xE000).contains(low) else {
                    throw self.fault("this is half of a surrogate pair", at: start)
                }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else {
                throw self.fault("this is half of a surrogate pair", at: start)
            }
            return String(scalar)
        default: throw self.fault("JSON has no such escape", at: start)
        }
    }

    /// The four digits behind a `u`, which `place` is at; it's left at the last of them.
    private mutating func codeUnit(_ start: Int) throws(JSONFault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            self.place += 1
            guard let byte = self.byte, let digit = Self.hexadecimal(byte) else {
                throw self.fault("four hexadecimal digits are wanted behind \\u", at: start)
            }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
