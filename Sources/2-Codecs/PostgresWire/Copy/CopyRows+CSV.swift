import NIOCore

/// COPY's csv format: a line a row, but lines may go on inside quotes.
struct CopyCSVSyntax: CopyLineSyntax {
    private let options: CopyFormat.CSV
    private var isQuoted = false

    init(_ options: CopyFormat.CSV) {
        self.options = options
    }

    var null: [UInt8] { self.options.null }
    /// A value that looks like NULL stands in quotes.
    var isNullSure: Bool { true }
    var hasHeader: Bool { self.options.header }

    mutating func end(of bytes: UnsafeRawBufferPointer, _ scanned: inout Int) -> UInt8? {
        var position = scanned
        var isQuoted = self.isQuoted
        defer {
            scanned = position
            self.isQuoted = isQuoted
        }
        while position < bytes.count {
            let byte = bytes[position]
            if isQuoted {
                switch self.step(byte, position + 1 < bytes.count ? bytes[position + 1] : nil) {
                case .plain: break
                case .pair: position += 1
                case .end: isQuoted = false
                case .undecided: return nil
                }
            } else if byte == self.options.quote {
                isQuoted = true
            } else if byte == UInt8(ascii: "\n") || byte == self.options.delimiter {
                return byte
            }
            position += 1
        }
        return nil
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

    func value(of field: ByteBuffer) throws(PostgresWireError) -> ByteBuffer? {
        let view = field.readableBytesView
        guard view.contains(self.options.quote) else {
            return view.elementsEqual(self.options.null) ? nil : field
        }
        var value = ByteBuffer()
        value.reserveCapacity(field.readableBytes)
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
        return value
    }

    /// Always in quotes.
    func write(_ value: ByteBuffer, into output: inout ByteBuffer) {
        output.writeInteger(self.options.quote)
        for byte in value.readableBytesView {
            if byte == self.options.quote || byte == self.options.escape { output.writeInteger(self.options.escape) }
            output.writeInteger(byte)
        }
        output.writeInteger(self.options.quote)
    }
}
