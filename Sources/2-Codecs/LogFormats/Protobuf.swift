/// Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as OTLP's messages use it.
struct ProtobufReader {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(ArraySlice<UInt8>)
        case fixed32(UInt32)
    }

    private static let malformed = LogFormatError("this isn't a message of Protocol Buffers")

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.rest = bytes
    }

    /// The next field with its number; nil at the end.
    mutating func next() throws(LogFormatError) -> (Int, Value)? {
        if self.rest.isEmpty { return nil }
        let key = try self.varint()
        guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw Self.malformed }
        let number = Int(key >> 3)
        switch key & 7 {
        case 0: return (number, .varint(try self.varint()))
        case 1: return (number, .fixed64(try self.fixed(8)))
        case 2:
            let count = try self.varint()
            guard count <= UInt64(self.rest.count) else { throw Self.malformed }
            defer { self.rest = self.rest.dropFirst(Int(count)) }
            return (number, .bytes(self.rest.prefix(Int(count))))
        case 5: return (number, .fixed32(UInt32(truncatingIfNeeded: try self.fixed(4))))
        // Groups, which no message of version 3 has.
        default: throw Self.malformed
        }
    }

    private mutating func varint() throws(LogFormatError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = self.rest.popFirst() else { throw Self.malformed }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw Self.malformed
    }

    private mutating func fixed(_ count: Int) throws(LogFormatError) -> UInt64 {
        guard self.rest.count >= count else { throw Self.malformed }
        defer { self.rest = self.rest.dropFirst(count) }
        return self.rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Writes fields; what has its type's zero value isn't written, as version 3 has it.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ number: Int, varint value: UInt64, isOptional: Bool = true) {
        if value == 0, isOptional { return }
        self.key(number, 0)
        self.varint(value)
    }

    mutating func write(_ number: Int, fixed64 value: UInt64, isOptional: Bool = true) {
        if value == 0, isOptional { return }
        self.key(number, 1)
        for place in 0..<8 { self.bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * place))) }
    }

    mutating func write(_ number: Int, fixed32 value: UInt32) {
        if value == 0 { return }
        self.key(number, 5)
        for place in 0..<4 { self.bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * place))) }
    }

    mutating func write(_ number: Int, bytes value: some Collection<UInt8>, isOptional: Bool = true) {
        if value.isEmpty, isOptional { return }
        self.key(number, 2)
        self.varint(UInt64(value.count))
        self.bytes += value
    }

    /// A message, also one that's empty.
    mutating func write(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
        var nested = ProtobufWriter()
        body(&nested)
        self.write(number, bytes: nested.bytes, isOptional: false)
    }

    private mutating func key(_ number: Int, _ type: UInt64) {
        self.varint(UInt64(number) << 3 | type)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }
}
