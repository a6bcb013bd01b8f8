package import NIOCore

/// Reads the cells of a DataRow one by one, as slices; nothing is allocated.
///
/// Throws `malformed_message` when a length leads past the end, or bytes are left after the last cell.
package struct DataRowCells: Hashable, Sendable {
    package enum Cell: Hashable, Sendable {
        case null
        case value(ByteBuffer)
    }

    /// How many cells the row has.
    package let count: Int
    private var rest: ByteBuffer
    private var left: Int

    /// Of the cells that weren't read yet, all bytes.
    package var unreadBytes: Int { self.rest.readableBytes }

    /// - Parameter body: a DataRow without its header.
    package init(body: ByteBuffer) throws(PostgresWireError) {
        self.rest = body
        self.count = Int(try self.rest.field(UInt16.self, "a row"))
        self.left = self.count
    }

    /// The next cell; nil after the last.
    package mutating func next() throws(PostgresWireError) -> Cell? {
        guard self.left > 0 else {
            try self.rest.finished("a row")
            return nil
        }
        self.left -= 1
        guard let length = self.rest.readInteger(as: Int32.self) else { throw .malformed("a row is cut short") }
        if length == -1 { return .null }
        guard length >= 0, let slice = self.rest.readSlice(length: Int(length)) else {
            throw .malformed("a row is cut short")
        }
        return .value(slice)
    }
}

/// Writes one DataRow cell by cell. ``finish(in:)`` puts length and count in their place.
package struct DataRowWriter: ~Copyable {
    private let start: Int
    private var count: UInt16 = 0

    package init(startingIn buffer: inout ByteBuffer) {
        self.start = buffer.writerIndex
        buffer.writeMultipleIntegers(BackendMessage.Kind.dataRow.rawValue, UInt32(0), UInt16(0))
    }

    package mutating func appendNull(to buffer: inout ByteBuffer) {
        self.count &+= 1
        buffer.writeValue(nil)
    }

    package mutating func append(_ value: ByteBuffer, to buffer: inout ByteBuffer) {
        self.count &+= 1
        buffer.writeValue(value)
    }

    package mutating func append(_ cell: DataRowCells.Cell, to buffer: inout ByteBuffer) {
        switch cell {
        case .null: self.appendNull(to: &buffer)
        case .value(let value): self.append(value, to: &buffer)
        }
    }

    package consuming func finish(in buffer: inout ByteBuffer) {
        buffer.setInteger(UInt32(clamping: buffer.writerIndex - self.start - 1), at: self.start + 1)
        buffer.setInteger(self.count, at: self.start + 5)
    }
}
