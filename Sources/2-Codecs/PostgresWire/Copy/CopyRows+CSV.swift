import NIOCore

/// COPY's csv format: a line a row, but lines may go on inside quotes.
struct CopyCSVForm {
    private let options: CopyFormat.CSV
    private var isHeaderNext: Bool
    private var scanned = 0
    private var isQuoted = false

    init(_ options: CopyFormat.CSV) {
        self.options = options
        self.isHeaderNext = options.header
    }

    /// Takes the next whole row, without its end.
    mutating func row(in pending: inout ByteBuffer) -> ByteBuffer? {
        var scanned = self.scanned
        var isQuoted = self.isQuoted
        let isFound = pending.withUnsafeReadableBytes { bytes in
            while scanned < bytes.count {
                let byte = bytes[scanned]
                if isQuoted {
                    switch self.step(byte, scanned + 1 < bytes.count ? bytes[scanned + 1] : nil) {
                    case .plain: break
                    case .pair: scanned += 1
                    case .end: isQuoted = false
                    case .undecided: return false
                    }
                } else if byte == self.options.quote {
                    isQuoted = true
                } else if byte == UInt8(ascii: "\n") {
                    return true
                }
                scanned += 1
            }
            return false
        }
        guard isFound, let row = pending.readSlice(length: scanned) else {
            self.scanned = scanned
            self.isQuoted = isQuoted
            return nil
        }
        pending.moveReaderIndex(forwardBy: 1)
        self.scanned = 0
        self.isQuoted = false
        return row
    }

    private enum Step {
        case plain
        /// This byte escapes the next.
        case pair
        case end
        /// Needs the next byte.
        case undecided
    }

    /// What a byte inside quotes is.
    private func step(_ byte: UInt8, _ next: UInt8?) -> Step {
        if byte == self.options.escape {
            guard let next else { return .undecided }
            if next == self.options.quote || next == self.options.escape { return .pair }
        }
        return byte == self.options.quote ? .end : .plain
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
                if !field.isQuoted, field.raw.readableBytesView.elementsEqual(self.options.null) {
                    output.writeImmutableBuffer(field.raw)
                    continue
                }
                switch try value(column, field.value) {
                case .keep: output.writeImmutableBuffer(field.raw)
                case .null: output.writeBytes(self.options.null)
                case .bytes(let bytes): self.write(bytes, into: &output)
                }
            }
        }
        output.writeInteger(UInt8(ascii: "\n"))
        return true
    }

    private struct Field {
        var raw: ByteBuffer
        var value: ByteBuffer
        var isQuoted: Bool
    }

    private func field(_ rest: inout ByteBuffer, isLast: Bool) throws(PostgresWireError) -> Field {
        var value = ByteBuffer()
        var inQuotes = false
        var hasQuotes = false
        var isDelimited = false
        let view = rest.readableBytesView
        var index = view.startIndex
        while index < view.endIndex {
            let byte = view[index]
            if inQuotes {
                switch self.step(byte, index + 1 < view.endIndex ? view[index + 1] : nil) {
                case .plain: value.writeInteger(byte)
                case .pair:
                    index += 1
                    value.writeInteger(view[index])
                case .end: inQuotes = false
                // The last byte of a row, inside quotes: it can only end them.
                case .undecided:
                    guard byte == self.options.quote else { throw .copy("a quote isn't closed") }
                    inQuotes = false
                }
            } else if byte == self.options.delimiter {
                isDelimited = true
                break
            } else if byte == self.options.quote {
                inQuotes = true
                hasQuotes = true
            } else {
                value.writeInteger(byte)
            }
            index += 1
        }
        guard !inQuotes else { throw .copy("a quote isn't closed") }
        guard isDelimited != isLast, let raw = rest.readSlice(length: index - view.startIndex) else {
            throw .copy("a row has another number of values than columns")
        }
        if isDelimited { rest.moveReaderIndex(forwardBy: 1) }
        return Field(raw: raw, value: hasQuotes ? value : raw, isQuoted: hasQuotes)
    }

    /// Always in quotes, so that it is neither NULL nor an end of data.
    private func write(_ value: ByteBuffer, into output: inout ByteBuffer) {
        output.writeInteger(self.options.quote)
        for byte in value.readableBytesView {
            if byte == self.options.quote || byte == self.options.escape { output.writeInteger(self.options.escape) }
            output.writeInteger(byte)
        }
        output.writeInteger(self.options.quote)
    }
}
