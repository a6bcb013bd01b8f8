import GloveboxCore

/// JSON as it's written (RFC 8259), on one line.
package struct JSONText {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { self.bytes.append(contentsOf: $0) }
    }

    package mutating func write(_ text: String) {
        self.bytes.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22, 0x5C: self.bytes += [0x5C, byte]
            case 0x0A: self.raw("\\n")
            case 0x0D: self.raw("\\r")
            case 0x09: self.raw("\\t")
            case 0..<0x20, 0x7F:
                self.raw("\\u00")
                self.bytes += Hex.encode([byte])
            default: self.bytes.append(byte)
            }
        }
        self.bytes.append(0x22)
    }

    package mutating func write(number: some BinaryInteger) {
        self.bytes += Array("\(number)".utf8)
    }

    /// Writes `{…}`; what `body` writes by the writer that it gets has its commas set.
    package mutating func object(_ body: (inout JSONMembers) -> Void) {
        self.bytes.append(UInt8(ascii: "{"))
        var members = JSONMembers(text: self)
        self.bytes = []
        body(&members)
        self = members.text
        self.bytes.append(UInt8(ascii: "}"))
    }

    package mutating func array<Element>(_ elements: some Sequence<Element>, _ body: (inout JSONText, Element) -> Void)
    {
        self.bytes.append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { self.bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            body(&self, element)
        }
        self.bytes.append(UInt8(ascii: "]"))
    }

    /// A value as anybody's JSON has it; bytes as text, or in base64 where they aren't.
    package mutating func write(plain value: LogValue) {
        switch value {
        case .empty: self.raw("null")
        case .string(let text): self.write(text)
        case .bool(let bool): bool ? self.raw("true") : self.raw("false")
        case .int(let number): self.write(number: number)
        case .double(let number): number.isFinite ? self.write(double: number) : self.write("\(number)")
        case .bytes(let bytes): self.write(String(validating: bytes, as: UTF8.self) ?? Base64.text(bytes))
        case .list(let values): self.array(values) { $0.write(plain: $1) }
        case .map(let fields):
            self.object { members in
                for field in fields { members.member(field.name) { $0.write(plain: field.value) } }
            }
        }
    }

    package mutating func write(double number: Double) {
        self.bytes += Array("\(number)".utf8)
    }
}

/// The members of an object that is being written.
package struct JSONMembers {
    fileprivate var text: JSONText
    private var isFirst = true

    fileprivate init(text: JSONText) {
        self.text = text
    }

    package mutating func member(_ name: String, _ body: (inout JSONText) -> Void) {
        if !self.isFirst { self.text.raw(",") }
        self.isFirst = false
        self.text.write(name)
        self.text.raw(":")
        body(&self.text)
    }
}

/// Base 16, in small letters.
enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
    }

    /// Nil for what isn't base 16, of either case.
    static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(digits[start]), let low = Self.value(digits[start + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
