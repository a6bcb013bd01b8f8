package import NIOCore

/// Writes a head anew, into memory that was reserved for it: lines of another head in runs, as they were, and lines of
/// one's own. What wouldn't fit isn't written, and is told by `isComplete`.
package struct HeadWriter: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    package private(set) var count = 0
    package private(set) var isComplete = true

    package init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    private mutating func copy(_ source: UnsafeRawPointer?, _ length: Int) {
        guard length > 0, let source, let start = self.memory.baseAddress else { return }
        guard length <= self.memory.count &- self.count else {
            self.isComplete = false
            return
        }
        (start + self.count).copyMemory(from: source, byteCount: length)
        self.count &+= length
    }

    @inline(__always)
    package mutating func write(_ text: StaticString) {
        self.copy(text.utf8Start, text.utf8CodeUnitCount)
    }

    package mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.copy($0.baseAddress, $0.count) }
    }

    @inline(__always)
    package mutating func write(_ bytes: UnsafeRawBufferPointer, _ place: RequestHead.Place) {
        guard place.length > 0, place.at >= 0, place.end <= bytes.count, let start = bytes.baseAddress else { return }
        self.copy(start + place.at, place.length)
    }

    package mutating func write(decimal number: UInt64) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            var digit = 0x30 + UInt8(truncatingIfNeeded: number / divisor % 10)
            self.copy(&digit, 1)
            divisor /= 10
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

extension ByteBuffer {
    /// Lets `body` write a head of at most `size` bytes behind what's there.
    /// - Returns: whether that was enough.
    @discardableResult
    package mutating func writeHead(atMost size: Int, _ body: (inout HeadWriter) -> Void) -> Bool {
        var isComplete = false
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { memory in
            var writer = HeadWriter(memory)
            body(&writer)
            isComplete = writer.isComplete
            return isComplete ? writer.count : 0
        }
        return isComplete
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
