package import NIOCore

/// Writes a head anew: lines of another head in runs, as they were, and lines of one's own. One reservation a head.
package struct HeadWriter: ~Copyable {
    private var buffer: ByteBuffer

    /// Writes behind what `buffer` holds; `finish` gives it back.
    package init(_ buffer: consuming ByteBuffer, reserving bytes: Int) {
        self.buffer = buffer
        self.buffer.reserveCapacity(minimumWritableBytes: bytes)
    }

    package consuming func finish() -> ByteBuffer { self.buffer }

    @inline(__always)
    package mutating func write(_ text: StaticString) {
        self.buffer.writeStaticString(text)
    }

    package mutating func write(_ bytes: [UInt8]) {
        self.buffer.writeBytes(bytes)
    }

    @inline(__always)
    package mutating func write(_ bytes: UnsafeRawBufferPointer, _ place: RequestHead.Place) {
        guard place.length > 0 else { return }
        self.buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[place.at..<place.end]))
    }

    package mutating func write(decimal number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (at, left) = (20, number)
            repeat {
                at -= 1
                digits[at] = 0x30 + UInt8(left % 10)
                left /= 10
            } while left > 0
            self.buffer.writeBytes(UnsafeBufferPointer(rebasing: digits[at...]))
        }
    }

    /// The lines that go on: those that aren't of `dropped`, aren't nominated by `Connection`, and that `isRemoved` doesn't name.
    package mutating func write(
        lines: [FieldLine], of bytes: UnsafeRawBufferPointer, dropping dropped: FieldSet, hasNominated: Bool,
        unless isRemoved: ((FieldLine) -> Bool)? = nil
    ) {
        guard var start = lines.first.map({ Int($0.name) }) else { return }
        var end = start
        for line in lines {
            let isDropped =
                dropped.contains(line.known) || hasNominated && line.isNominated || isRemoved?(line) ?? false
            if isDropped {
                if end > start { self.write(bytes, RequestHead.Place(start, end - start)) }
                start = Int(line.end)
            }
            end = Int(line.end)
        }
        if end > start { self.write(bytes, RequestHead.Place(start, end - start)) }
    }
}

extension RequestHead {
    /// The request line that goes on to a server: the origin form, as HTTP/1.1.
    package func writeLine(of bytes: UnsafeRawBufferPointer, to writer: inout HeadWriter) {
        writer.write(bytes, self.methodPlace)
        writer.write(" ")
        if self.path.length == 0 { writer.write("/") }
        writer.write(bytes, self.target)
        writer.write(" HTTP/1.1\r\n")
    }

    /// How the body that goes on ends, as a field; framing is always written anew.
    package func writeFraming(to writer: inout HeadWriter) {
        switch self.framing {
        case .length(let length):
            writer.write("Content-Length: ")
            writer.write(decimal: length)
            writer.write("\r\n")
        case .chunked: writer.write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose:
            let means = self.method == .post || self.method == .put || self.method == .patch
            if means || self.seen.contains(.contentLength) { writer.write("Content-Length: 0\r\n") }
        }
    }
}
