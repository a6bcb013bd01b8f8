import NIOCore

/// Where in a text a byte stands, as people count: lines and characters from one. A character is a Unicode scalar, a tab one.
///
/// Places are asked for in their order. Kept are the bytes that may still be asked for.
final class TextPlaces {
    private var held: [UInt8] = []
    /// The place of the first byte held.
    private var offset = 0
    private var line = 1
    private var column = 1

    /// The next bytes of the text.
    func take(_ chunk: ByteBuffer) {
        self.held.append(contentsOf: chunk.readableBytesView)
    }

    /// The line and the column of the byte at `offset`, which lies at or behind the last that was asked for.
    func place(at offset: Int) -> (line: Int, column: Int) {
        self.forget(before: offset)
        return (self.line, self.column)
    }

    /// Nothing before `offset` will be asked for.
    func forget(before offset: Int) {
        let count = min(offset - self.offset, self.held.count)
        guard count > 0 else { return }
        for byte in self.held[..<count] {
            if byte == 0x0A {
                self.line += 1
                self.column = 1
            } else if byte & 0xC0 != 0x80 {
                self.column += 1
            }
        }
        self.held.removeFirst(count)
        self.offset += count
    }

    /// Another text begins.
    func reset() {
        self.held = []
        (self.offset, self.line, self.column) = (0, 1, 1)
    }
}
