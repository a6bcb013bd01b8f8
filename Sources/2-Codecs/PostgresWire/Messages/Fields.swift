package import NIOCore

/// Reads of protocol fields that say what is wrong instead of trapping.
extension ByteBuffer {
    mutating func field<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws(PostgresWireError) -> T {
        guard let value = self.readInteger(as: type) else { throw .malformed("\(what) is cut short") }
        return value
    }

    /// The bytes up to a zero byte, which is taken too.
    mutating func cString(_ what: String) throws(PostgresWireError) -> ByteBuffer {
        guard let end = self.readableBytesView.firstIndex(of: 0),
            let slice = self.readSlice(length: end - self.readerIndex)
        else { throw .malformed("\(what) has no terminator") }
        self.moveReaderIndex(forwardBy: 1)
        return slice
    }

    /// Text up to a zero byte.
    mutating func text(_ what: String) throws(PostgresWireError) -> String {
        let bytes = try self.cString(what)
        guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
            throw PostgresWireError(.notUTF8, "\(what) of a PostgreSQL message isn't UTF-8")
        }
        return text
    }

    /// Text up to a zero byte; what isn't UTF-8 is replaced (for what is only shown).
    mutating func lenientText(_ what: String) throws(PostgresWireError) -> String {
        String(decoding: try self.cString(what).readableBytesView, as: UTF8.self)
    }

    mutating func slice(_ length: Int, _ what: String) throws(PostgresWireError) -> ByteBuffer {
        guard length >= 0, let slice = self.readSlice(length: length) else { throw .malformed("\(what) is cut short") }
        return slice
    }

    /// A value with its length before it; -1 is NULL.
    mutating func value(_ what: String) throws(PostgresWireError) -> ByteBuffer? {
        let length = try self.field(Int32.self, what)
        if length == -1 { return nil }
        return try self.slice(Int(length), what)
    }

    mutating func formats(_ what: String) throws(PostgresWireError) -> [ValueFormat] {
        let count = Int(try self.field(UInt16.self, what))
        guard count * 2 <= self.readableBytes else { throw .malformed("\(what) is cut short") }
        var formats: [ValueFormat] = []
        formats.reserveCapacity(count)
        for _ in 0..<count { formats.append(try self.format(what)) }
        return formats
    }

    mutating func format(_ what: String) throws(PostgresWireError) -> ValueFormat {
        guard let format = ValueFormat(rawValue: try self.field(UInt16.self, what)) else {
            throw .malformed("\(what) is neither text nor binary")
        }
        return format
    }

    func finished(_ what: @autoclosure () -> String) throws(PostgresWireError) {
        guard self.readableBytes == 0 else { throw .malformed("\(what()) is longer than its content") }
    }

    /// Writes kind, length and what `body` writes.
    mutating func writeMessage(_ kind: UInt8, _ body: (inout ByteBuffer) -> Void) {
        self.writeInteger(kind)
        self.writeLengthed(body)
    }

    /// Writes a length that counts itself, and what `body` writes.
    mutating func writeLengthed(_ body: (inout ByteBuffer) -> Void) {
        let start = self.writerIndex
        self.writeInteger(UInt32(0))
        body(&self)
        self.setInteger(UInt32(clamping: self.writerIndex - start), at: start)
    }

    /// Writes text and its terminator. A zero byte inside would end it early, so it is left out.
    mutating func writeCString(_ text: String) {
        if text.utf8.contains(0) {
            self.writeBytes(text.utf8.filter { $0 != 0 })
        } else {
            self.writeString(text)
        }
        self.writeInteger(UInt8(0))
    }

    mutating func writeFormats(_ formats: [ValueFormat]) {
        self.writeInteger(UInt16(clamping: formats.count))
        for format in formats { self.writeInteger(format.rawValue) }
    }

    /// Writes a value with its length before it; nil is NULL.
    package mutating func writeValue(_ value: ByteBuffer?) {
        guard let value else {
            self.writeInteger(Int32(-1))
            return
        }
        self.writeInteger(Int32(clamping: value.readableBytes))
        self.writeImmutableBuffer(value)
    }
}

/// How a value is written: as text, or in the type's own bytes.
package enum ValueFormat: UInt16, Hashable, Sendable {
    case text = 0
    case binary = 1
}
