import NIOCore

/// COPY's text format: a line a row, backslash escapes.
struct CopyTextSyntax: CopyLineSyntax {
    private let options: CopyFormat.Text
    private var isEscaped = false

    init(_ options: CopyFormat.Text) {
        self.options = options
    }

    var null: [UInt8] { self.options.null }
    var isNullSure: Bool { self.options.null.elementsEqual([UInt8(ascii: "\\"), UInt8(ascii: "N")]) }
    var hasHeader: Bool { self.options.header }

    mutating func end(of bytes: UnsafeRawBufferPointer, _ scanned: inout Int) -> UInt8? {
        let delimiter = self.options.delimiter
        var position = scanned
        var isEscaped = self.isEscaped
        defer {
            scanned = position
            self.isEscaped = isEscaped
        }
        while position < bytes.count {
            let byte = bytes[position]
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\n") || byte == delimiter {
                return byte
            }
            position += 1
        }
        return nil
    }

    func value(of field: ByteBuffer) -> ByteBuffer? {
        field.readableBytesView.elementsEqual(self.options.null) ? nil : self.unescaped(field)
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

    func write(_ value: ByteBuffer, into output: inout ByteBuffer) {
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
