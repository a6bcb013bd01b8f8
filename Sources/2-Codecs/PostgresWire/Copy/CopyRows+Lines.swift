import NIOCore

/// How values are written in COPY's formats of lines.
protocol CopyLineSyntax {
    /// What stands for NULL.
    var null: [UInt8] { get }
    /// Whether no value is written as NULL is.
    var isNullSure: Bool { get }
    var hasHeader: Bool { get }

    /// What ends the value: a delimiter or a line's end, which `scanned` is then at; nil where it goes on after `bytes`.
    ///
    /// Bytes before `scanned` were looked at earlier, and don't come again.
    mutating func end(of bytes: UnsafeRawBufferPointer, _ scanned: inout Int) -> UInt8?
    /// What's meant by a field as it's written; nil for NULL.
    func value(of field: ByteBuffer) throws(PostgresWireError) -> ByteBuffer?
    /// Writes a value so that it's neither NULL nor an end of data.
    func write(_ value: ByteBuffer, into output: inout ByteBuffer)
}

/// COPY's text and csv formats: a line a row, though lines may go on in what is escaped or quoted.
struct CopyLineForm<Syntax: CopyLineSyntax> {
    private var syntax: Syntax
    private let columns: Int
    private let valueLimit: Int
    private let asksForMissing: [Bool]
    private var isHeader: Bool
    /// Of the row that has begun.
    private var column = 0
    /// Bytes of the value that are known not to end it.
    private var scanned = 0
    /// The value is too long: what stands for it is written.
    private var isDropping = false

    init(_ syntax: Syntax, _ columns: Int, _ valueLimit: Int, _ missing: [CopyMissing]) {
        self.syntax = syntax
        self.asksForMissing = missing.map { $0 == .asked || ($0 == .askedIfUnsure && !syntax.isNullSure) }
        self.columns = columns
        self.valueLimit = valueLimit
        self.isHeader = syntax.hasHeader
    }

    var isBetweenRows: Bool { self.column == 0 && !self.isDropping }

    /// Takes the next value, with what ends it.
    mutating func step(
        in pending: inout ByteBuffer, into output: inout ByteBuffer, _ value: CopyRows.Value
    ) throws -> CopyStep? {
        guard let end = pending.withUnsafeReadableBytes({ self.syntax.end(of: $0, &self.scanned) }) else {
            guard self.isDropping || (self.scanned > self.valueLimit && !self.isHeader) else { return nil }
            if !self.isDropping {
                guard self.column < self.columns else { throw PostgresWireError.otherColumns }
                self.write(try value(self.column, nil), instead: ByteBuffer(), into: &output)
                self.isDropping = true
            }
            pending.moveReaderIndex(forwardBy: self.scanned)
            self.scanned = 0
            return nil
        }
        guard let field = pending.readSlice(length: self.scanned) else { return nil }
        pending.moveReaderIndex(forwardBy: 1)
        self.scanned = 0
        let isLast = end == UInt8(ascii: "\n")
        if self.isHeader {
            output.writeImmutableBuffer(field)
        } else {
            // A table without columns has rows of nothing.
            guard isLast == (self.column == max(self.columns, 1) - 1), self.columns > 0 || field.readableBytes == 0
            else {
                throw PostgresWireError.otherColumns
            }
            if self.isDropping || self.columns == 0 {
                self.isDropping = false
            } else if let meant = try self.syntax.value(of: field) {
                self.write(try value(self.column, meant), instead: field, into: &output)
            } else if self.column < self.asksForMissing.count, self.asksForMissing[self.column] {
                self.write(try value(self.column, nil), instead: field, into: &output)
            } else {
                output.writeImmutableBuffer(field)
            }
        }
        output.writeInteger(end)
        guard isLast else {
            self.column += 1
            return .value
        }
        self.column = 0
        defer { self.isHeader = false }
        return self.isHeader ? .frame : .row
    }

    private func write(_ replacement: CopyReplacement, instead field: ByteBuffer, into output: inout ByteBuffer) {
        switch replacement {
        case .keep: output.writeImmutableBuffer(field)
        case .null: output.writeBytes(self.syntax.null)
        case .bytes(let bytes): self.syntax.write(bytes, into: &output)
        }
    }
}
