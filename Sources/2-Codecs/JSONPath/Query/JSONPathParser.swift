import GloveboxCore
import JSONDocument

/// Reads a query by RFC 9535's grammar (appendix A). Selectors, filters and literals are in extensions.
struct JSONPathParser {
    let bytes: [UInt8]
    let dialect: JSONPathDialect
    var place = 0
    private var depth = 0

    init(_ bytes: [UInt8], _ dialect: JSONPathDialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    mutating func document() throws(JSONFault) -> Query {
        guard self.byte == UInt8(ascii: "$") else {
            throw self.fault(self.bytes.isEmpty ? "the query is empty" : "a query begins with '$'")
        }
        let query = try self.query()
        guard self.place == self.bytes.count else {
            throw self.fault(
                Self.isSpace(self.byte)
                    ? "nothing may stand behind the query" : "a '.' or '[' is wanted here")
        }
        return query
    }

    // MARK: - Bytes

    var byte: UInt8? { self.place < self.bytes.count ? self.bytes[self.place] : nil }

    func fault(_ what: String, at place: Int? = nil) -> JSONFault {
        JSONFault(.jsonPathInvalid, at: place ?? self.place, of: self.bytes, what)
    }

    /// For where something else is wanted than what is there.
    func missing(_ what: String) -> JSONFault {
        self.fault(self.byte == nil ? "the query ends too early: \(what)" : what)
    }

    static func isSpace(_ byte: UInt8?) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    mutating func skipSpace() {
        while Self.isSpace(self.byte) { self.place += 1 }
    }

    mutating func skip(_ text: StaticString) -> Bool {
        let isThere = text.withUTF8Buffer { self.bytes[self.place...].starts(with: $0) }
        if isThere { self.place += text.utf8CodeUnitCount }
        return isThere
    }

    /// What `body` reads, which may contain what it is itself.
    mutating func nested<Value>(_ body: (inout Self) throws(JSONFault) -> Value) throws(JSONFault) -> Value {
        guard self.depth < JSONPathQuery.deepest else {
            throw JSONFault(
                .jsonPathTooLarge, at: self.place, of: self.bytes,
                "the query is nested more deeply than \(JSONPathQuery.deepest) levels")
        }
        self.depth += 1
        defer { self.depth -= 1 }
        return try body(&self)
    }

    // MARK: - Segments

    /// From its `$` or `@` on.
    mutating func query() throws(JSONFault) -> Query {
        var query = Query(isAbsolute: self.byte == UInt8(ascii: "$"), segments: [])
        self.place += 1
        while true {
            // Space is part of the query only if a segment follows.
            let end = self.place
            self.skipSpace()
            guard let segment = try self.segment() else {
                self.place = end
                return query
            }
            query.segments.append(segment)
        }
    }

    private mutating func segment() throws(JSONFault) -> Segment? {
        if self.byte == UInt8(ascii: "[") { return .children(try self.bracketed()) }
        if self.skip("..") {
            if self.byte == UInt8(ascii: "[") { return .descendants(try self.bracketed()) }
            return .descendants([try self.shorthand()])
        }
        if self.skip(".") { return .children([try self.shorthand()]) }
        return nil
    }

    /// `*` or a name, behind one or two dots.
    private mutating func shorthand() throws(JSONFault) -> Selector {
        if self.skip("*") { return .wildcard }
        let start = self.place
        guard let first = self.byte, Self.isNameByte(first), !(0x30...0x39).contains(first) else {
            if self.byte == UInt8(ascii: "[") { throw self.fault("no '.' stands before a '['") }
            throw self.missing("a name or '*' is wanted here")
        }
        while let byte = self.byte, Self.isNameByte(byte) { self.place += 1 }
        let name = String(decoding: self.bytes[start..<self.place], as: UTF8.self)
        if self.byte == UInt8(ascii: "-") {
            // Common in headers and identifiers, and taken without brackets by many that came before RFC 9535.
            let rest = self.bytes[self.place...].prefix { Self.isNameByte($0) || $0 == UInt8(ascii: "-") }
            throw self.fault(
                "a name with '-' is written in brackets: ['\(name)\(String(decoding: rest, as: UTF8.self))']"
            )
        }
        return .name(name)
    }

    /// All of a scalar beyond ASCII belongs to names, and so do all bytes of it.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x30...0x39, 0x80...: true
        default: false
        }
    }

    private mutating func bracketed() throws(JSONFault) -> [Selector] {
        try self.nested { parser throws(JSONFault) in
            parser.place += 1
            var selectors: [Selector] = []
            repeat {
                parser.skipSpace()
                selectors.append(try parser.selector())
                parser.skipSpace()
            } while parser.skip(",")
            guard parser.skip("]") else { throw parser.missing("a ',' or ']' is wanted here") }
            return selectors
        }
    }

    private mutating func selector() throws(JSONFault) -> Selector {
        switch self.byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .name(try self.string())
        case UInt8(ascii: "*"):
            self.place += 1
            return .wildcard
        case UInt8(ascii: "?"):
            self.place += 1
            self.skipSpace()
            return .filter(try self.condition())
        case UInt8(ascii: ":"), .some(UInt8(ascii: "-")), .some(0x30...0x39):
            return try self.indexOrSlice()
        default: throw self.missing("a name in quotes, a number, a slice, '*' or '?' is wanted here")
        }
    }

    private mutating func indexOrSlice() throws(JSONFault) -> Selector {
        guard self.byte != UInt8(ascii: ":") else { return try self.slice(from: nil) }
        let start = try self.integer()
        let end = self.place
        self.skipSpace()
        if self.byte == UInt8(ascii: ":") { return try self.slice(from: start) }
        self.place = end
        return .index(start)
    }

    /// From its first colon on.
    private mutating func slice(from start: Int?) throws(JSONFault) -> Selector {
        self.place += 1
        self.skipSpace()
        var (end, step): (Int?, Int?)
        if self.startsInteger {
            end = try self.integer()
            self.skipSpace()
        }
        if self.skip(":") {
            self.skipSpace()
            if self.startsInteger { step = try self.integer() }
        }
        return .slice(start: start, end: end, step: step ?? 1)
    }

    private var startsInteger: Bool {
        guard let byte = self.byte else { return false }
        return byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte)
    }

    /// Within I-JSON's range, without zeros in front.
    private mutating func integer() throws(JSONFault) -> Int {
        let start = self.place
        _ = self.skip("-")
        let digits = self.place
        while let byte = self.byte, (0x30...0x39).contains(byte) { self.place += 1 }
        let count = self.place - digits
        guard count > 0 else { throw self.missing("a digit is wanted here") }
        guard self.bytes[digits] != 0x30 || (count == 1 && digits == start) else {
            throw self.fault("a number has no zero before its other digits, and zero no sign", at: start)
        }
        guard let value = Int(String(decoding: self.bytes[start..<self.place], as: UTF8.self)),
            value.magnitude < 1 << 53
        else { throw self.fault("the number is beyond what an array can have", at: start) }
        return value
    }
}
