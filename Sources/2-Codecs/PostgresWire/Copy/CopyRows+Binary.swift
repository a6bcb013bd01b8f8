import NIOCore

/// COPY's binary format: a header, tuples of length-prefixed values, a trailer.
struct CopyBinaryForm {
    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

    private enum Position {
        case header
        case tuples
        case ended
    }

    private var position = Position.header
    /// The next part is at least this long: below it, there is no use in looking.
    private var needed = 0

    var isEnded: Bool {
        if case .ended = self.position { true } else { false }
    }

    /// Takes the next whole part: header, tuple or trailer.
    ///
    /// - Returns: whether it was a tuple; nil when it isn't whole.
    mutating func next(
        in pending: inout ByteBuffer, _ columns: Int, into output: inout ByteBuffer,
        _ value: (Int, ByteBuffer) throws -> CopyReplacement
    ) throws -> Bool? {
        guard pending.readableBytes >= self.needed else { return nil }
        switch self.position {
        case .header:
            guard let length = try self.headerLength(pending), let header = pending.readSlice(length: length) else {
                return nil
            }
            self.position = .tuples
            self.needed = 0
            output.writeImmutableBuffer(header)
            return false
        case .tuples:
            guard let count = pending.getInteger(at: pending.readerIndex, as: Int16.self) else { return nil }
            if count == -1 {
                pending.moveReaderIndex(forwardBy: 2)
                output.writeInteger(Int16(-1))
                self.position = .ended
                self.needed = 0
                return false
            }
            guard Int(count) == columns else {
                throw PostgresWireError.copy("a row has another number of values than columns")
            }
            guard let length = try self.tupleLength(pending, columns), let tuple = pending.readSlice(length: length)
            else {
                return nil
            }
            self.needed = 0
            try Self.rewrite(tuple, into: &output, value)
            return true
        case .ended:
            guard pending.readableBytes == 0 else { throw PostgresWireError.copy("there are data after the trailer") }
            return nil
        }
    }

    private mutating func headerLength(_ pending: ByteBuffer) throws(PostgresWireError) -> Int? {
        guard pending.readableBytes >= 19, let start = pending.getBytes(at: pending.readerIndex, length: 11),
            let flags = pending.getInteger(at: pending.readerIndex + 11, as: UInt32.self),
            let extra = pending.getInteger(at: pending.readerIndex + 15, as: UInt32.self)
        else {
            self.needed = 19
            return nil
        }
        guard start == Self.signature else { throw .copy("the header isn't one") }
        // The upper half are flags that a reader must know; there are none but the one for object identifiers.
        guard flags & 0xFFFF_0000 == 0, extra <= 65_536 else { throw .copy("the header has parts that aren't known") }
        self.needed = 19 + Int(extra)
        return self.needed
    }

    private mutating func tupleLength(_ pending: ByteBuffer, _ columns: Int) throws(PostgresWireError) -> Int? {
        var offset = 2
        for _ in 0..<columns {
            guard let length = pending.getInteger(at: pending.readerIndex + offset, as: Int32.self) else {
                self.needed = offset + 4
                return nil
            }
            guard length >= -1 else { throw .copy("a value's length is below zero") }
            offset += 4 + max(Int(length), 0)
        }
        self.needed = offset
        return offset <= pending.readableBytes ? offset : nil
    }

    private static func rewrite(
        _ tuple: ByteBuffer, into output: inout ByteBuffer, _ value: (Int, ByteBuffer) throws -> CopyReplacement
    ) throws {
        var tuple = tuple
        let count = try tuple.field(UInt16.self, "a tuple")
        output.writeInteger(count)
        for column in 0..<Int(count) {
            guard let bytes = try tuple.value("a value") else {
                output.writeValue(nil)
                continue
            }
            switch try value(column, bytes) {
            case .keep: output.writeValue(bytes)
            case .null: output.writeValue(nil)
            case .bytes(let replacement): output.writeValue(replacement)
            }
        }
    }
}
