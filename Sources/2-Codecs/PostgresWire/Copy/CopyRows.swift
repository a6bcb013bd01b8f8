package import NIOCore

/// What takes a value's place in COPY data.
package enum CopyReplacement: Hashable, Sendable {
    case keep
    case bytes(ByteBuffer)
    case null
}

/// Takes COPY OUT data apart into values and puts them together again (PostgreSQL manual, COPY, "File Formats").
///
/// Pieces may be split anywhere. Each value that isn't NULL is handed to a closure, unescaped (text, csv) or as bytes
/// of its type (binary), with the index of its column; its answer is escaped again. A row is written once it is whole,
/// so at most one row is kept, of `rowLimit` bytes. A header line passes as it is: it holds names, no values.
///
/// Throws `malformed_copy`, `row_too_long`, and whatever the closure throws; after that it must not be fed any more.
package struct CopyRows {
    /// The most bytes of a row unless told otherwise.
    package static let standardRowLimit = 64 << 20

    enum Form {
        case text(CopyTextForm)
        case csv(CopyCSVForm)
        case binary(CopyBinaryForm)
    }

    private var form: Form
    private let columnCount: Int
    private let rowLimit: Int
    private var pending = ByteBuffer()
    /// Rows that were written, without the header.
    package private(set) var rows: Int64 = 0

    /// - Throws: `malformed_copy` for a format that isn't known.
    package init(
        format: CopyFormat, columnCount: Int, rowLimit: Int = CopyRows.standardRowLimit
    ) throws(PostgresWireError) {
        switch format {
        case .text(let options): self.form = .text(CopyTextForm(options))
        case .csv(let options): self.form = .csv(CopyCSVForm(options))
        case .binary: self.form = .binary(CopyBinaryForm())
        case .unrecognised:
            throw PostgresWireError(
                .malformedCopy,
                "the COPY statement wasn't understood, so its data can't be masked: send it as one plain statement")
        }
        self.columnCount = columnCount
        self.rowLimit = rowLimit
    }

    /// Takes a piece of data; appends to `output` what may go on, which can be nothing.
    package mutating func feed(
        _ data: ByteBuffer, into output: inout ByteBuffer, _ value: (Int, ByteBuffer) throws -> CopyReplacement
    ) throws {
        if self.pending.readableBytes == 0 {
            self.pending = data
        } else {
            self.pending.discardReadBytes()
            self.pending.writeImmutableBuffer(data)
        }
        switch self.form {
        case .text(var form):
            defer { self.form = .text(form) }
            while let row = form.row(in: &self.pending) {
                self.rows += try form.rewrite(row, self.columnCount, into: &output, value) ? 1 : 0
            }
        case .csv(var form):
            defer { self.form = .csv(form) }
            while let row = form.row(in: &self.pending) {
                self.rows += try form.rewrite(row, self.columnCount, into: &output, value) ? 1 : 0
            }
        case .binary(var form):
            defer { self.form = .binary(form) }
            while let isRow = try form.next(in: &self.pending, self.columnCount, into: &output, value) {
                self.rows += isRow ? 1 : 0
            }
        }
        guard self.pending.readableBytes <= self.rowLimit else {
            throw PostgresWireError(
                .rowTooLong, "a row of COPY data is longer than the \(self.rowLimit) bytes that are kept")
        }
    }

    /// The data have ended (CopyDone).
    package func finish() throws(PostgresWireError) {
        guard self.pending.readableBytes == 0 else { throw .copy("the data end inside a row") }
        if case .binary(let form) = self.form, !form.isEnded { throw .copy("the data end without a trailer") }
    }
}

extension PostgresWireError {
    static func copy(_ what: String) -> Self {
        Self(.malformedCopy, "COPY data are malformed: \(what)")
    }
}

/// COPY's text format: a line a row, backslash escapes.
struct CopyTextForm {
    private let options: CopyFormat.Text
    private var isHeaderNext: Bool
    private var scanned = 0
    private var isEscaped = false

    init(_ options: CopyFormat.Text) {
        self.options = options
        self.isHeaderNext = options.header
    }

    /// Takes the next whole line, without its end.
    mutating func row(in pending: inout ByteBuffer) -> ByteBuffer? {
        var scanned = self.scanned
        var isEscaped = self.isEscaped
        let isFound = pending.withUnsafeReadableBytes { bytes in
            while scanned < bytes.count {
                let byte = bytes[scanned]
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\n") {
                    return true
                }
                scanned += 1
            }
            return false
        }
        guard isFound, let row = pending.readSlice(length: scanned) else {
            self.scanned = scanned
            self.isEscaped = isEscaped
            return nil
        }
        pending.moveReaderIndex(forwardBy: 1)
        self.scanned = 0
        self.isEscaped = false
        return row
    }

    /// - Returns: false for the header.
    mutating func rewrite(
        _ row: ByteBuffer, _ columns: Int, into output: inout ByteBuffer,
        _ value: (Int, ByteBuffer) throws -> CopyReplacement
    ) throws -> Bool {
        if self.isHeaderNext {
            self.isHeaderNext = false
            output.writeImmutableBuffer(row)
            output.writeInteger(UInt8(ascii: "\n"))
            return false
        }
        if columns == 0 {
            guard row.readableBytes == 0 else { throw PostgresWireError.copy("a row has more values than columns") }
        } else {
            var rest = row
            for column in 0..<columns {
                let field = try self.field(&rest, isLast: column == columns - 1)
                if column > 0 { output.writeInteger(self.options.delimiter) }
                if field.readableBytesView.elementsEqual(self.options.null) {
                    output.writeImmutableBuffer(field)
                    continue
                }
                switch try value(column, self.unescaped(field)) {
                case .keep: output.writeImmutableBuffer(field)
                case .null: output.writeBytes(self.options.null)
                case .bytes(let bytes): self.write(bytes, into: &output)
                }
            }
        }
        output.writeInteger(UInt8(ascii: "\n"))
        return true
    }

    private func field(_ rest: inout ByteBuffer, isLast: Bool) throws(PostgresWireError) -> ByteBuffer {
        var isEscaped = false
        var length = 0
        var isDelimited = false
        for byte in rest.readableBytesView {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == self.options.delimiter {
                isDelimited = true
                break
            }
            length += 1
        }
        guard isDelimited != isLast, let field = rest.readSlice(length: length) else {
            throw .copy("a row has another number of values than columns")
        }
        if isDelimited { rest.moveReaderIndex(forwardBy: 1) }
        return field
    }

    private func unescaped(_ field: ByteBuffer) -> ByteBuffer {
        guard field.readableBytesView.contains(UInt8(ascii: "\\")) else { return field }
        var value = ByteBuffer()
        value.reserveCapacity(field.readableBytes)
        let bytes = Array(field.readableBytesView)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "\\"), index < bytes.count else {
                value.writeInteger(byte)
                continue
            }
            let escaped = bytes[index]
            index += 1
            switch escaped {
            case UInt8(ascii: "b"): value.writeInteger(UInt8(0x08))
            case UInt8(ascii: "f"): value.writeInteger(UInt8(0x0C))
            case UInt8(ascii: "n"): value.writeInteger(UInt8(0x0A))
            case UInt8(ascii: "r"): value.writeInteger(UInt8(0x0D))
            case UInt8(ascii: "t"): value.writeInteger(UInt8(0x09))
            case UInt8(ascii: "v"): value.writeInteger(UInt8(0x0B))
            // The numeric forms are read by PostgreSQL, but never written.
            default: value.writeInteger(escaped)
            }
        }
        return value
    }

    private func write(_ value: ByteBuffer, into output: inout ByteBuffer) {
        for byte in value.readableBytesView {
            switch byte {
            case 0x08: output.writeStaticString("\\b")
            case 0x0C: output.writeStaticString("\\f")
            case 0x0A: output.writeStaticString("\\n")
            case 0x0D: output.writeStaticString("\\r")
            case 0x09: output.writeStaticString("\\t")
            case 0x0B: output.writeStaticString("\\v")
            case UInt8(ascii: "\\"): output.writeStaticString("\\\\")
            case self.options.delimiter: output.writeMultipleIntegers(UInt8(ascii: "\\"), byte)
            default: output.writeInteger(byte)
            }
        }
    }
}
