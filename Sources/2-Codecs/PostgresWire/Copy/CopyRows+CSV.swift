import NIOCore

/// COPY's csv format: a line a row, but lines may go on inside quotes.
struct CopyCSVForm {
    private let options: CopyFormat.CSV
    private let columns: Int
    private let valueLimit: Int
    private var isHeader: Bool
    /// Of the row that has begun.
    private var column = 0
    /// Bytes of the value that are known not to end it.
    private var scanned = 0
    private var isQuoted = false
    /// The value is too long: what stands for it is written.
    private var isDropping = false

    init(_ options: CopyFormat.CSV, _ columns: Int, _ valueLimit: Int) {
        self.options = options
        self.columns = columns
        self.valueLimit = valueLimit
        self.isHeader = options.header
    }

    var isBetweenRows: Bool { self.column == 0 && !self.isDropping }

    /// Takes the next value, with what ends it.
    mutating func step(
        in pending: inout ByteBuffer, into output: inout ByteBuffer, _ value: CopyRows.Value
    ) throws -> CopyStep? {
        guard let end = self.scan(pending) else {
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
        guard let raw = pending.readSlice(length: self.scanned) else { return nil }
        pending.moveReaderIndex(forwardBy: 1)
        self.scanned = 0
        let isLast = end == UInt8(ascii: "\n")
        if self.isHeader {
            output.writeImmutableBuffer(raw)
        } else {
            // A table without columns has rows of nothing.
            guard isLast == (self.column == max(self.columns, 1) - 1), self.columns > 0 || raw.readableBytes == 0 else {
                throw PostgresWireError.otherColumns
            }
            if self.isDropping || self.columns == 0 {
                self.isDropping = false
            } else {
                let field = try self.field(raw)
                if !field.isQuoted, raw.readableBytesView.elementsEqual(self.options.null) {
                    output.writeImmutableBuffer(raw)
                } else {
                    self.write(try value(self.column, field.value), instead: raw, into: &output)
                }
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

    /// What ends the value, `scanned` bytes on.
    private mutating func scan(_ pending: ByteBuffer) -> UInt8? {
        var scanned = self.scanned
        var isQuoted = self.isQuoted
        let end = pending.withUnsafeReadableBytes { bytes -> UInt8? in
            while scanned < bytes.count {
                let byte = bytes[scanned]
                if isQuoted {
                    switch self.step(byte, scanned + 1 < bytes.count ? bytes[scanned + 1] : nil) {
                    case .plain: break
                    case .pair: scanned += 1
                    case .end: isQuoted = false
                    case .undecided: return nil
                    }
                } else if byte == self.options.quote {
                    isQuoted = true
                } else if byte == UInt8(ascii: "\n") || byte == self.options.delimiter {
                    return byte
                }
                scanned += 1
            }
            return nil
        }
        self.scanned = scanned
        self.isQuoted = isQuoted
        return end
    }

    private func write(_ replacement: CopyReplacement, instead raw: ByteBuffer, into output: inout ByteBuffer) {
        switch replacement {
        case .keep: output.writeImmutableBuffer(raw)
        case .null: output.writeBytes(self.options.null)
        case .bytes(let bytes): self.write(bytes, into: &output)
        }
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

    private func field(_ raw: ByteBuffer) throws(PostgresWireError) -> (value: ByteBuffer, isQuoted: Bool) {
        let view = raw.readableBytesView
        guard view.contains(self.options.quote) else { return (raw, false) }
        var value = ByteBuffer()
        value.reserveCapacity(raw.readableBytes)
        var inQuotes = false
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
                // The last byte of a value, inside quotes: it can only end them.
                case .undecided:
                    guard byte == self.options.quote else { throw .copy("a quote isn't closed") }
                    inQuotes = false
                }
            } else if byte == self.options.quote {
                inQuotes = true
            } else {
                value.writeInteger(byte)
            }
            index += 1
        }
        guard !inQuotes else { throw .copy("a quote isn't closed") }
        return (value, true)
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
