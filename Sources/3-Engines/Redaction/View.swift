/// The bytes around an anchor that a detector may look at: `Detectors.lookBehind` before it and the detector's own
/// `reach` after it, as far as they have arrived.
///
/// Whole values and streams share the detectors through this type. Reading past what has arrived of an unfinished
/// stream sets `starved`: the answer is then thrown away and the anchor tried again with more bytes. An answer that
/// didn't starve would be the same with any bytes to come, so the cut into chunks can't change a finding.
///
/// Offsets count from the start of the value or stream. Outside of the view there are NUL bytes.
struct View {
    private let base: UnsafePointer<UInt8>
    /// The offset of `base`'s first byte.
    private let first: Int
    let low: Int
    let high: Int
    /// Whether `high` is a true end, of the value or of the detector's reach; nothing to come lies within.
    private let closed: Bool
    /// Whether the reach ends before the value does.
    let clipped: Bool
    private(set) var starved = false

    /// - Parameters:
    ///   - window: what has arrived and is still held; at least `lookBehind` bytes before `anchor`, if there are any.
    ///   - anchor: where the anchor begins, within the window.
    init(_ window: Window, anchor: Int, reach: Int) {
        self.base = window.base
        self.first = window.first
        self.low = max(window.first, anchor - Detectors.lookBehind)
        let clip = anchor + reach
        self.clipped = clip < window.end
        self.high = min(clip, window.end)
        self.closed = self.clipped || window.finished
    }

    /// The byte at `offset`, or NUL outside of the view.
    @inline(__always)
    mutating func at(_ offset: Int) -> UInt8 {
        if offset >= self.high {
            if !self.closed { self.starved = true }
            return 0
        }
        return offset < self.low ? 0 : self.base[offset - self.first]
    }

    /// How far bytes of `set` go from `start`, at most to `most` of them: the offset behind the last.
    @inline(__always)
    mutating func run(of set: ByteSet, from start: Int, most: Int = .max) -> Int {
        var offset = start
        while offset - start < most, set.contains(self.at(offset)) { offset += 1 }
        return offset
    }

    /// How far bytes of `set` go back before `end`: the offset of the first.
    @inline(__always)
    mutating func run(of set: ByteSet, backFrom end: Int, most: Int) -> Int {
        var offset = end
        while end - offset < most, set.contains(self.at(offset - 1)) { offset -= 1 }
        return offset
    }

    /// Whether a token may begin at `offset`: no letter or digit before it, other than the end of an escape such as
    /// `\n` or `%3D`.
    mutating func startsToken(_ offset: Int) -> Bool {
        let before = self.at(offset - 1)
        guard before.isAlphanumeric else { return true }
        if self.at(offset - 2) == UInt8(ascii: "\\"), [0x6E, 0x72, 0x74, 0x62, 0x66].contains(before) { return true }
        if before.isHexDigit, self.at(offset - 2).isHexDigit, self.at(offset - 3) == UInt8(ascii: "%") { return true }
        return before == UInt8(ascii: "m") && self.endsColour(offset)
    }

    /// Whether a terminal's escape for colours (ECMA-48, SGR) ends before `offset`.
    private mutating func endsColour(_ offset: Int) -> Bool {
        let parameters = self.run(of: ByteSet(";:").union(.digits), backFrom: offset - 1, most: 32)
        return self.at(parameters - 1) == UInt8(ascii: "[") && self.at(parameters - 2) == 0x1B
    }

    /// Whether `text` (lower case) stands at `offset`, letters of either case.
    mutating func matches(_ text: StaticString, at offset: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        for index in 0..<count where self.at(offset + index).lowercased != text.utf8Start[index] { return false }
        return true
    }

    /// Whether one of `words` stands within `distance` bytes before `offset`.
    ///
    /// - Parameter asWord: not within another word: `ssn` is in `userSSN`, and not in `className`.
    mutating func hasContext(
        _ words: ContextWords, before offset: Int, within distance: Int, asWord: Bool = false
    ) -> Bool {
        var start = max(self.low, offset - distance)
        let end = min(offset, self.high) - 2
        while start < end {
            let place = start - self.first
            if words.mayBegin(self.base[place], self.base[place + 1], self.base[place + 2]) {
                for word in words.words where start + word.utf8CodeUnitCount <= offset && self.matches(word, at: start)
                {
                    guard asWord else { return true }
                    if self.isWord(start, start + word.utf8CodeUnitCount) { return true }
                }
            }
            start += 1
        }
        return false
    }

    /// Whether what stands there is a word of its own, or one of a name in camel case.
    private mutating func isWord(_ start: Int, _ end: Int) -> Bool {
        let (before, next, second) = (self.at(start - 1), self.at(end), self.at(end + 1))
        guard !before.isLetter || (before.isLower && self.at(start).isUpper) else { return false }
        // It may be a plural, or go on with a capital: `ssns`, `ssnNumber`, `SSNValue`.
        return !next.isLetter || (next.lowercased == UInt8(ascii: "s") && !second.isLetter)
            || (next.isUpper && (self.at(end - 1).isLower || second.isLower))
    }

    /// The bytes of `range`, which must lie within the view.
    func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        let range = range.clamped(to: self.low..<max(self.low, self.high))
        return UnsafeBufferPointer(start: self.base + (range.lowerBound - self.first), count: range.count)
    }
}

/// The bytes at hand: a whole value, or what a stream still holds.
struct Window {
    var base: UnsafePointer<UInt8>
    /// The offset of the first byte.
    var first: Int
    /// The offset behind the last byte.
    var end: Int
    /// Whether nothing follows.
    var finished: Bool

    /// The byte at `offset`, or NUL outside.
    @inline(__always)
    func at(_ offset: Int) -> UInt8 {
        offset < self.first || offset >= self.end ? 0 : self.base[offset - self.first]
    }
}
