import CByteClasses

/// What some blocks of 64 bytes are made of, and where there's something to stop at: a bit for each byte, in a row for each
/// class and each kind of stop (CByteClasses.h).
struct ByteRows {
    static let block = 64
    /// How many words the rows take.
    static let capacity = Int(byte_row_count) * Int(byte_row_stride)

    private let words: UnsafeMutablePointer<UInt64>
    /// The offset of the first block's first byte.
    let start: Int
    /// How many blocks there are.
    let count: Int

    /// The blocks from `start` on, as many as find room; what lies behind the window's end is of no class.
    /// - Parameter words: room for `capacity` words.
    init(_ words: UnsafeMutablePointer<UInt64>, at start: Int, _ window: Window) {
        self.words = words
        self.start = start
        let place = start - window.first
        self.count = byte_rows_fill(words, window.base + place, place, window.end - start)
    }

    /// The bits of a block; one block more than `count` may be asked for its classes.
    @inline(__always)
    subscript(row: Int, block: Int) -> UInt64 { self.words[row * Int(byte_row_stride) + 1 + block] }

    /// A bit for each byte of the block that one of the class stands before.
    @inline(__always)
    func behind(_ row: Int, _ block: Int) -> UInt64 { self[row, block] << 1 | self[row, block - 1] >> 63 }

    /// The shape of the number `place` bytes behind the block's start.
    @inline(__always)
    func shape(at place: Int, of block: Int) -> NumberShape {
        NumberShape(
            digits: self.bits(byte_row_decimal, place, block),
            separators: self.bits(byte_row_separator, place, block),
            letters: self.bits(byte_row_letter, place, block))
    }

    /// The 64 bits from `place` on.
    @inline(__always)
    private func bits(_ row: Int, _ place: Int, _ block: Int) -> UInt64 {
        self[row, block] >> UInt64(place) | self[row, block + 1] << UInt64(64 - place)
    }
}
