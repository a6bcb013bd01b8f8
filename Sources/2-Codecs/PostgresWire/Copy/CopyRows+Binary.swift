import NIOCore

/// COPY's binary format: a header, tuples of length-prefixed values, a trailer.
struct CopyBinaryForm {
    private static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]

    private enum Position {
        case header
        /// A tuple's number of values, or the trailer.
        case count
        case value(Int)
        /// So many bytes of a value that is too long: what stands for it is written.
        case dropped(Int, of: Int)
        case ended
    }

    private let columns: Int
    private let valueLimit: Int
    private let asksForMissing: [Bool]
    private var position = Position.header
    /// The next part is at least this long: below it, there is no use in looking.
    private var needed = 0

    init(_ columns: Int, _ valueLimit: Int, _ missing: [CopyMissing]) {
        self.columns = columns
        self.asksForMissing = missing.map { $0 == .asked }
        self.valueLimit = valueLimit
    }

    var isEnded: Bool {
        if case .ended = self.position { true } else { false }
    }

    /// Takes the next part: header, trailer, or of a tuple its beginning or a value.
    mutating func step(
        in pending: inout ByteBuffer, into output: inout ByteBuffer, _ value: CopyRows.Value
    ) throws -> CopyStep? {
        guard pending.readableBytes >= self.needed else { return nil }
        switch self.position {
        case .header:
            guard let length = try self.headerLength(pending), let header = pending.readSlice(length: length) else {
                return nil
            }
            self.position = .count
            self.needed = 0
            output.writeImmutableBuffer(header)
            return .frame
        case .count:
            guard let count = pending.readInteger(as: Int16.self) else { return nil }
            guard count != -1 else {
                output.writeInteger(count)
                self.position = .ended
                return .frame
            }
            guard Int(count) == self.columns else { throw PostgresWireError.otherColumns }
            output.writeInteger(count)
            if self.columns == 0 { return .row }
            self.position = .value(0)
            return .value
        case .value(let column):
            guard let length = pending.getInteger(at: pending.readerIndex, as: Int32.self) else { return nil }
            guard length >= -1 else { throw PostgresWireError.copy("a value's length is below zero") }
            if length == -1 {
                pending.moveReaderIndex(forwardBy: 4)
                let isAsked = column < self.asksForMissing.count && self.asksForMissing[column]
                Self.write(isAsked ? try value(column, nil) : .null, instead: nil, into: &output)
                return self.ended(column)
            }
            guard Int(length) <= self.valueLimit else {
                pending.moveReaderIndex(forwardBy: 4)
                Self.write(try value(column, nil), instead: nil, into: &output)
                self.position = .dropped(Int(length), of: column)
                return .value
            }
            guard pending.readableBytes >= 4 + Int(length) else {
                self.needed = 4 + Int(length)
                return nil
            }
            pending.moveReaderIndex(forwardBy: 4)
            guard let bytes = pending.readSlice(length: Int(length)) else { return nil }
            Self.write(try value(column, bytes), instead: bytes, into: &output)
            self.needed = 0
            return self.ended(column)
        case .dropped(let left, let column):
            let count = min(left, pending.readableBytes)
            guard count > 0 else { return nil }
            pending.moveReaderIndex(forwardBy: count)
            guard count < left else { return self.ended(column) }
            self.position = .dropped(left - count, of: column)
            return nil
        case .ended:
            guard pending.readableBytes == 0 else { throw PostgresWireError.copy("there are data after the trailer") }
            return nil
        }
    }

    private mutating func ended(_ column: Int) -> CopyStep {
        let isLast = column == self.columns - 1
        self.position = isLast ? .count : .value(column + 1)
        return isLast ? .row : .value
    }

    private static func write(_ replacement: CopyReplacement, instead value: ByteBuffer?, into output: inout ByteBuffer)
    {
        switch replacement {
        case .keep: output.writeValue(value)
        case .null: output.writeValue(nil)
        case .bytes(let bytes): output.writeValue(bytes)
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
}
