/// Whether a text is a JSON object or array (RFC 8259) as a whole. Looked at byte by byte, without making anything of it.
struct JSONShape {
    private static let deepest = 200

    private let bytes: [UInt8]
    private var offset = 0

    static func isJSON(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first(where: { !Self.isBlank($0) }), first == 0x7B || first == 0x5B else {
            return false
        }
        var shape = JSONShape(bytes: bytes)
        guard shape.value(depth: 0) else { return false }
        shape.skipBlanks()
        return shape.offset == bytes.count
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    private var byte: UInt8 { self.offset < self.bytes.count ? self.bytes[self.offset] : 0 }

    private mutating func skipBlanks() {
        while self.offset < self.bytes.count, Self.isBlank(self.bytes[self.offset]) { self.offset += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard self.offset < self.bytes.count, self.byte == byte else { return false }
        self.offset += 1
        return true
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth < Self.deepest else { return false }
        self.skipBlanks()
        switch self.byte {
        case 0x7B: return self.members(until: 0x7D, named: true, depth: depth)
        case 0x5B: return self.members(until: 0x5D, named: false, depth: depth)
        case 0x22: return self.string()
        case UInt8(ascii: "t"): return self.word("true")
        case UInt8(ascii: "f"): return self.word("false")
        case UInt8(ascii: "n"): return self.word("null")
        default: return self.number()
        }
    }

    private mutating func members(until end: UInt8, named: Bool, depth: Int) -> Bool {
        self.offset += 1
        self.skipBlanks()
        if self.take(end) { return true }
        while true {
            self.skipBlanks()
            if named {
                guard self.byte == 0x22, self.string() else { return false }
                self.skipBlanks()
                guard self.take(0x3A) else { return false }
            }
            guard self.value(depth: depth + 1) else { return false }
            self.skipBlanks()
            if self.take(end) { return true }
            guard self.take(0x2C) else { return false }
        }
    }

    private mutating func string() -> Bool {
        self.offset += 1
        while self.offset < self.bytes.count {
            let byte = self.bytes[self.offset]
            self.offset += 1
            switch byte {
            case 0x22: return true
            case 0x5C:
                let escape = self.byte
                self.offset += 1
                if escape == UInt8(ascii: "u") {
                    guard self.offset + 4 <= self.bytes.count,
                        self.bytes[self.offset..<(self.offset + 4)].allSatisfy(Self.isHexDigit)
                    else { return false }
                    self.offset += 4
                } else if !Array(#""\/bfnrt"#.utf8).contains(escape) {
                    return false
                }
            case 0..<0x20: return false
            default: break
            }
        }
        return false
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    private mutating func word(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard self.offset + count <= self.bytes.count,
            (0..<count).allSatisfy({ self.bytes[self.offset + $0] == word.utf8Start[$0] })
        else { return false }
        self.offset += count
        return true
    }

    private mutating func digits() -> Bool {
        let start = self.offset
        while (0x30...0x39).contains(self.byte) { self.offset += 1 }
        return self.offset > start
    }

    private mutating func number() -> Bool {
        _ = self.take(0x2D)
        guard self.digits() else { return false }
        if self.take(0x2E), !self.digits() { return false }
        if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
            if !self.take(0x2B) { _ = self.take(0x2D) }
            return self.digits()
        }
        return true
    }
}
