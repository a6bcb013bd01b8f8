package import NIOCore

/// Reads values of PostgreSQL's types as text, so that detectors see what a person would see.
package enum BinaryValue {
    /// The bytes to scan of a value: numbers in decimal, `uuid` in its usual form, `bytea` as the bytes themselves,
    /// `jsonb` as its document, an array's elements on a line each; anything else as it is on the wire.
    ///
    /// - Throws: `malformed_message` where the bytes aren't a value of the type.
    package static func textualForm(
        of bytes: ByteBuffer, type: PostgresType, format: ValueFormat
    ) throws(PostgresWireError) -> ByteBuffer {
        switch format {
        case .text: type == .bytea ? try Self.byteaText(bytes) : bytes
        case .binary: try Self.binary(bytes, type, depth: 0)
        }
    }

    /// A text value or a JSON document in the form that the wire wants it: the reverse for types that can hold text.
    package static func wireForm(ofText text: ByteBuffer, type: PostgresType, format: ValueFormat) -> ByteBuffer {
        guard type == .jsonb, format == .binary else { return text }
        var buffer = ByteBuffer(integer: UInt8(1))
        buffer.writeImmutableBuffer(text)
        return buffer
    }

    private static func binary(
        _ bytes: ByteBuffer, _ type: PostgresType, depth: Int
    ) throws(PostgresWireError) -> ByteBuffer {
        var bytes = bytes
        let text: String
        switch type {
        case .bool: text = try bytes.field(UInt8.self, "a boolean") == 0 ? "f" : "t"
        case .int2: text = String(try bytes.field(Int16.self, "a number"))
        case .int4: text = String(try bytes.field(Int32.self, "a number"))
        case .int8: text = String(try bytes.field(Int64.self, "a number"))
        case .oid: text = String(try bytes.field(UInt32.self, "a number"))
        case .float4: text = Self.decimal(Double(Float(bitPattern: try bytes.field(UInt32.self, "a number"))))
        case .float8: text = Self.decimal(Double(bitPattern: try bytes.field(UInt64.self, "a number")))
        case .numeric: text = try Self.numeric(&bytes)
        case .uuid: text = try Self.uuid(&bytes)
        case .jsonb:
            guard try bytes.field(UInt8.self, "a JSON document") == 1 else {
                throw .malformed("a JSON document's version isn't known")
            }
            return bytes
        case _ where type.isArray:
            guard depth == 0 else { throw .malformed("an array holds arrays") }
            return try Self.array(&bytes)
        default: return bytes
        }
        try bytes.finished("a value")
        return ByteBuffer(string: text)
    }

    /// As few digits as tell the number; whole numbers without a fraction.
    private static func decimal(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }

    /// `numeric_send`: digits in base 10,000, the weight of the first, sign, and how many decimals are shown.
    private static func numeric(_ bytes: inout ByteBuffer) throws(PostgresWireError) -> String {
        let count = Int(try bytes.field(UInt16.self, "a number"))
        let weight = Int(try bytes.field(Int16.self, "a number"))
        let sign = try bytes.field(UInt16.self, "a number")
        let scale = Int(try bytes.field(UInt16.self, "a number"))
        guard count * 2 <= bytes.readableBytes, scale <= 0x3FFF else { throw .malformed("a number is cut short") }
        var digits: [Int] = []
        for _ in 0..<count {
            let digit = Int(try bytes.field(UInt16.self, "a number"))
            guard digit < 10_000 else { throw .malformed("a number's digit doesn't exist") }
            digits.append(digit)
        }
        var text = ""
        switch sign {
        case 0: break
        case 0x4000: text = "-"
        case 0xC000: return "NaN"
        case 0xD000: return "Infinity"
        case 0xF000: return "-Infinity"
        default: throw .malformed("a number's sign doesn't exist")
        }
        func group(_ position: Int) -> String {
            let digit = digits.indices.contains(position) ? String(digits[position]) : "0"
            return String(repeating: "0", count: 4 - digit.utf8.count) + digit
        }
        if weight < 0 {
            text += "0"
        } else {
            var whole = ""
            for position in 0...weight { whole += group(position) }
            let significant = whole.drop { $0 == "0" }
            text += significant.isEmpty ? "0" : significant
        }
        if scale > 0 {
            var fraction = ""
            var position = weight + 1
            while fraction.utf8.count < scale {
                fraction += group(position)
                position += 1
            }
            text += "." + fraction.prefix(scale)
        }
        return text
    }

    private static func uuid(_ bytes: inout ByteBuffer) throws(PostgresWireError) -> String {
        guard let raw = bytes.readBytes(length: 16) else { throw .malformed("a uuid is cut short") }
        var text: [UInt8] = []
        for (index, byte) in raw.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(Self.hexDigits[Int(byte >> 4)])
            text.append(Self.hexDigits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `array_send`: dimensions, a flag, the elements' type, bounds, elements.
    private static func array(_ bytes: inout ByteBuffer) throws(PostgresWireError) -> ByteBuffer {
        let dimensions = try bytes.field(UInt32.self, "an array")
        _ = try bytes.field(UInt32.self, "an array")
        let type = PostgresType(oid: try bytes.field(UInt32.self, "an array"))
        guard dimensions <= 6 else { throw .malformed("an array has too many dimensions") }
        var count = dimensions == 0 ? 0 : 1
        for _ in 0..<dimensions {
            let (product, overflow) = count.multipliedReportingOverflow(
                by: Int(try bytes.field(UInt32.self, "an array")))
            _ = try bytes.field(UInt32.self, "an array")
            guard !overflow else { throw .malformed("an array is cut short") }
            count = product
        }
        guard count <= bytes.readableBytes / 4 else { throw .malformed("an array is cut short") }
        var text = ByteBuffer()
        for _ in 0..<count {
            guard let element = try bytes.value("an array's element") else { continue }
            if text.writerIndex > 0 { text.writeInteger(UInt8(ascii: "\n")) }
            text.writeImmutableBuffer(try Self.binary(element, type, depth: 1))
        }
        try bytes.finished("an array")
        return text
    }

    /// `bytea` as text: `\x` and hexadecimal, or the older form with octal escapes.
    private static func byteaText(_ bytes: ByteBuffer) throws(PostgresWireError) -> ByteBuffer {
        let text = Array(bytes.readableBytesView)
        var raw: [UInt8] = []
        raw.reserveCapacity(text.count)
        if text.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")]) {
            guard text.count.isMultiple(of: 2) else { throw .malformed("a bytea has an odd number of digits") }
            for index in stride(from: 2, to: text.count, by: 2) {
                guard let high = Self.hexDigit(text[index]), let low = Self.hexDigit(text[index + 1]) else {
                    throw .malformed("a bytea's digit isn't hexadecimal")
                }
                raw.append(high << 4 | low)
            }
            return ByteBuffer(bytes: raw)
        }
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                raw.append(byte)
                continue
            }
            if index < text.count, text[index] == UInt8(ascii: "\\") {
                raw.append(byte)
                index += 1
                continue
            }
            guard index + 3 <= text.count else { throw .malformed("a bytea's escape is cut short") }
            var value = 0
            for digit in text[index..<(index + 3)] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else {
                    throw .malformed("a bytea's escape isn't octal")
                }
                value = value * 8 + Int(digit - UInt8(ascii: "0"))
            }
            guard let octal = UInt8(exactly: value) else { throw .malformed("a bytea's escape isn't a byte") }
            raw.append(octal)
            index += 3
        }
        return ByteBuffer(bytes: raw)
    }

    package static let hexDigits = Array("0123456789abcdef".utf8)

    /// The value of a hexadecimal digit.
    package static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
