import JSONDocument

extension JSONPathParser {
    /// By JSON's grammar for numbers, which is RFC 9535's, too.
    mutating func number() throws(JSONFault) -> JSONNumber {
        let start = self.place
        _ = self.skip("-")
        try self.digits()
        if self.skip(".") { try self.digits() }
        if self.byte == UInt8(ascii: "e") || self.byte == UInt8(ascii: "E") {
            self.place += 1
            if !self.skip("-") { _ = self.skip("+") }
            try self.digits()
        }
        guard let number = JSONNumber(String(decoding: self.bytes[start..<self.place], as: UTF8.self))
        else {
            throw self.fault(
                "the number has a zero before its other digits, or too long an exponent", at: start)
        }
        return number
    }

    private mutating func digits() throws(JSONFault) {
        let first = self.place
        while let byte = self.byte, (0x30...0x39).contains(byte) { self.place += 1 }
        guard self.place > first else { throw self.missing("a digit is wanted here") }
    }

    /// In quotes of either kind, from the first of them on.
    mutating func string() throws(JSONFault) -> String {
        let start = self.place
        let quote = self.bytes[start]
        self.place += 1
        var text: [UInt8] = []
        while let byte = self.byte {
            switch byte {
            case quote:
                self.place += 1
                // The query came as a string, and escapes are scalars: it can't be anything but UTF-8.
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try self.escaped(in: quote).utf8
            case ..<0x20: throw self.fault("a control character has to be escaped in a string")
            default:
                text.append(byte)
                self.place += 1
            }
        }
        throw self.fault("the string that begins here has no end", at: start)
    }

    private mutating func escaped(in quote: UInt8) throws(JSONFault) -> String {
        let start = self.place
        self.place += 1
        guard let byte = self.byte else { throw self.missing("an escape is wanted here") }
        self.place += 1
        switch byte {
        case quote: return quote == UInt8(ascii: "'") ? "'" : "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var unit = try self.codeUnit(start)
            if (0xD800..<0xDC00).contains(unit), self.skip("\\u") {
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
        default: throw self.fault("there's no such escape in a string of these quotes", at: start)
        }
    }

    /// The four digits at `place`.
    private mutating func codeUnit(_ start: Int) throws(JSONFault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.byte, let digit = Self.hexadecimal(byte) else {
                throw self.fault("four hexadecimal digits are wanted behind \\u", at: start)
            }
            unit = unit << 4 | digit
            self.place += 1
        }
        return unit
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte) - 0x30
        case 0x41...0x46: UInt32(byte) - 0x41 + 10
        case 0x61...0x66: UInt32(byte) - 0x61 + 10
        default: nil
        }
    }
}
