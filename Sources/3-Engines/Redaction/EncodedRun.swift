import CByteClasses

/// A run of bytes that may be text in an encoding, to be decoded once it has arrived.
///
/// A long run is looked at in blocks that overlap by half, so that no more than one is ever held back.
struct EncodedRun {
    /// Most bytes of a block.
    static let block = 4096
    /// Longest unit that a block's end may cut.
    static let longestUnit = 16

    var encoding: Encoding
    /// Where the block begins; no finding of the run begins before it.
    var start: Int
    /// Everything before it was looked for the run's end.
    var scanned: Int
    /// Where the lines of a folded run break.
    var lines: FoldedLines
    /// The offset behind the last byte that belongs to the run.
    var end: Int

    init(_ encoding: Encoding, start: Int, scanned: Int, line: Int) {
        self.encoding = encoding
        self.start = start
        self.scanned = scanned
        self.end = scanned
        self.lines = FoldedLines(line: line)
    }

    /// Looks for the run's end in what has arrived.
    ///
    /// - Returns: whether the block can be decoded: the run's end or the block's is there.
    mutating func advance(_ window: Window) -> (isReady: Bool, isCut: Bool) {
        let limit = self.start + Self.block
        while self.scanned < window.end, self.scanned < limit {
            let byte = window.at(self.scanned)
            switch self.encoding {
            case .base64, .hexadecimal:
                let isInside =
                    self.encoding == .base64 ? EncodedText.sextet(byte) != nil : EncodedText.nibble(byte) != nil
                switch self.lines.take(byte, isInside: isInside) {
                case .inside: self.end = self.scanned + 1
                case .between: break
                case .ended: return (true, false)
                }
            case .percent, .invisible:
                guard ByteSet.run.contains(byte) else { return (true, false) }
                self.end = self.scanned + 1
            case .escape, .entity:
                guard byte != 0x0A else { return (true, false) }
                self.end = self.scanned + 1
            }
            self.scanned += 1
        }
        if self.scanned >= limit { return (window.finished || window.end >= limit + Self.longestUnit, true) }
        return (window.finished, false)
    }
}

/// Follows base64 or hexadecimal digits over the ends of lines: a line of sixteen and more, then its end (a line feed,
/// also written as an escape), blanks, and more digits.
struct FoldedLines {
    /// A shorter line isn't one of a folded text.
    static let shortest = 16
    private static let widestGap = 16

    enum Step {
        case inside
        case between
        case ended
    }

    private enum Place {
        case line
        case backslash
        case gap(Int)
    }

    /// How many digits the line has so far.
    private(set) var line: Int
    private var place = Place.line
    /// Whether the run has gone over a line's end.
    private(set) var isFolded = false

    init(line: Int) {
        self.line = line
    }

    mutating func take(_ byte: UInt8, isInside: Bool) -> Step {
        switch self.place {
        case .line:
            if isInside {
                self.line += 1
                return .inside
            }
            guard self.line >= Self.shortest else { return .ended }
            return self.open(byte, gap: 1)
        case .backslash:
            guard byte == UInt8(ascii: "n") || byte == UInt8(ascii: "r") else { return .ended }
            self.place = .gap(2)
            return .between
        case .gap(let count):
            if isInside {
                self.place = .line
                self.line = 1
                self.isFolded = true
                return .inside
            }
            guard count < Self.widestGap else { return .ended }
            if byte.isBlank {
                self.place = .gap(count + 1)
                return .between
            }
            return self.open(byte, gap: count + 1)
        }
    }

    private mutating func open(_ byte: UInt8, gap: Int) -> Step {
        switch byte {
        case 0x0A, 0x0D: self.place = .gap(gap)
        case UInt8(ascii: "\\"): self.place = .backslash
        default: return .ended
        }
        return .between
    }
}

/// Finds where encoded runs begin, byte by byte, in a pass that the detectors of numbers and mail addresses make anyway.
///
/// What most text has costs a look in a table. A row of sixteen and more of base64's digits is looked at closer: text in
/// base64 shows by what its digits can't be when the byte they make up is printable. Three quads in a row that can be
/// text, or ten bytes in hexadecimal, open a run.
struct EncodedRuns {
    /// By base64 digit: whether it may be the first, second and third of a quad that stands for text.
    private static let places: [UInt8] = (0...255).map { (byte: UInt8) -> UInt8 in
        guard let value = EncodedText.sextet(byte) else { return 0 }
        return (value == 2 || value == 3 || (8...31).contains(value) ? 1 : 0) | (value & 8 == 0 ? 2 : 0)
            | (value & 2 == 0 ? 4 : 0)
    }

    /// Those found and not yet decoded.
    var found: [EncodedRun] = []

    /// The digits in a row on this line.
    private var row = 0
    /// Whether the row, or the folded text that it goes on, is long enough to be looked at.
    private(set) var isLong = false
    private var lines = FoldedLines(line: 0)
    private var count = 0
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var quads: UInt64 = 0
    private var high: UInt64 = 0
    private var hexadecimalRow = 0
    /// The phases in which the row has an open run: four of base64, two of hexadecimal.
    private var open: UInt8 = 0

    private var wordStart = 0
    private var lineStart = 0
    /// The word and the lines that have their run already.
    private var percentWord = -1
    private var escapeLine = -1
    private var entityLine = -1
    /// The last character of no width.
    private var invisible = -1
    /// Marks at the end of what has arrived.
    private var deferred: [Int] = []

    // MARK: The pass

    /// Whether no row is being followed.
    var isIdle: Bool { self.row == 0 && !self.isLong }

    /// Follows the digits at `start`, and what else comes, until no row is open or the window ends.
    ///
    /// - Returns: the offset behind the last byte that was looked at.
    mutating func follow(from start: Int, _ window: Window) -> Int {
        var offset = start
        while offset < window.end {
            let byte = window.at(offset)
            if EncodedText.sextet(byte) != nil {
                self.take(digit: byte, at: offset, window)
            } else {
                self.row = 0
                if self.isLong { self.fold(byte) }
            }
            offset += 1
            if self.isIdle { break }
        }
        return offset
    }

    /// Follows a row of digits that the window's end cuts, unless it begins before `floor`.
    mutating func begin(atEndBehind floor: Int, _ window: Window) {
        var start = window.end
        while start > floor, EncodedText.sextet(window.at(start - 1)) != nil { start -= 1 }
        if start < window.end { _ = self.follow(from: start, window) }
    }

    /// Takes note of where words and lines begin in the 64 bytes from `start` on.
    @inline(__always)
    mutating func pass(blanks: UInt64, lineFeeds: UInt64, at start: Int) {
        if blanks != 0 { self.wordStart = start + 64 - blanks.leadingZeroBitCount }
        if lineFeeds != 0 { self.lineStart = start + 64 - lineFeeds.leadingZeroBitCount }
    }

    /// Whether a folded text may go on behind this byte.
    static func isFold(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D || byte == UInt8(ascii: "\\") }

    /// Whether following a row would open a run.
    static func mayBeText(_ row: Range<Int>, _ window: Window) -> Bool {
        // What shows ten bytes in hexadecimal are twenty digits: blocks overlap by nineteen.
        var start = row.lowerBound
        while start < row.upperBound {
            let count = min(64, row.upperBound - start)
            let classes = encoded_classes_of(window.base + (start - window.first), count)
            let quads = classes.third & classes.second << 1 & classes.first << 2
            if quads & quads << 4 & quads << 8 != 0 { return true }
            let hexadecimal = classes.hexadecimal & classes.hexadecimal << 1
            let four = hexadecimal & hexadecimal << 2
            let eight = four & four << 4
            let high = classes.high & classes.high << 2
            let highFour = high & high << 4
            let highEight = highFour & highFour << 8
            if eight & eight << 8 & four << 16 & (highEight & high << 16) << 1 != 0 { return true }
            start += 64 - 19
        }
        return false
    }

    /// A base64 digit.
    private mutating func take(digit byte: UInt8, at offset: Int, _ window: Window) {
        self.row += 1
        if self.isLong {
            self.follow(byte, at: offset)
        } else if self.row == FoldedLines.shortest {
            self.isLong = true
            self.lines = FoldedLines(line: 0)
            for earlier in (offset - FoldedLines.shortest + 1)...offset { self.follow(window.at(earlier), at: earlier) }
        }
    }

    private mutating func fold(_ byte: UInt8) {
        self.restartRow()
        if self.hexadecimalRow < FoldedLines.shortest { self.open &= 0b1111 }
        self.hexadecimalRow = 0
        if case .ended = self.lines.take(byte, isInside: false) { self.end() }
    }

    private mutating func end() {
        self.isLong = false
        self.open = 0
        self.count = 0
        self.hexadecimalRow = 0
        self.restartRow()
    }

    /// What was seen of quads and bytes doesn't go over a line's end, since what stands before it may have passed.
    private mutating func restartRow() {
        self.first = 0
        self.second = 0
        self.quads = 0
        self.high = 0
    }

    private mutating func follow(_ byte: UInt8, at offset: Int) {
        switch self.lines.take(byte, isInside: true) {
        case .inside: break
        case .between: return
        case .ended:
            self.end()
            return
        }
        let place = Self.places[Int(byte)]
        self.first = self.first << 1 | UInt64(place & 1)
        self.second = self.second << 1 | UInt64(place >> 1 & 1)
        self.quads = self.quads << 1 | (self.first >> 2 & self.second >> 1 & UInt64(place >> 2) & 1)
        self.count &+= 1
        if self.quads & 0b1_0001_0001 == 0b1_0001_0001 {
            // The first of the three quads begins ten digits back.
            let phase = UInt8(1) << UInt8((self.count + 1) & 3)
            if self.open & phase == 0 {
                self.open |= phase
                let before = self.lines.line >= 15 ? 14 : 10
                self.found.append(
                    EncodedRun(.base64, start: offset - before, scanned: offset + 1, line: self.lines.line))
            }
        }
        self.followHexadecimal(byte, at: offset)
    }

    private mutating func followHexadecimal(_ byte: UInt8, at offset: Int) {
        guard byte.isHexDigit else {
            self.hexadecimalRow = 0
            self.high = 0
            self.open &= 0b1111
            return
        }
        self.hexadecimalRow += 1
        self.high = self.high << 1 | ((0x32...0x37).contains(byte) ? 1 : 0)
        if self.high & 0xAAAAA == 0xAAAAA, self.hexadecimalRow >= 20 {
            let phase = UInt8(0b1_0000) << UInt8(self.count & 1)
            if self.open & phase == 0 {
                self.open |= phase
                self.found.append(
                    EncodedRun(.hexadecimal, start: offset - 19, scanned: offset + 1, line: self.hexadecimalRow))
            }
        }
    }

    // MARK: Marks

    /// Looks again at the marks that lacked bytes.
    mutating func retry(_ window: Window) {
        guard !self.deferred.isEmpty else { return }
        let deferred = self.deferred
        self.deferred = []
        for offset in deferred { self.mark(at: offset, window) }
    }

    /// `%`, `&` or a backslash.
    mutating func mark(at offset: Int, _ window: Window) {
        switch window.at(offset) {
        case UInt8(ascii: "%"):
            guard self.percentWord != self.wordStart else { return }
            guard self.has(offset, [.hexadecimal, .hexadecimal], window) else { return }
            self.percentWord = self.wordStart
            self.open(.percent, at: offset)
        case UInt8(ascii: "&"):
            guard self.entityLine != self.lineStart else { return }
            guard self.has(offset, [.of("#qalg"), .of("upmt0123456789xX"), .of("ops;0123456789abcdefABCDEF")], window)
            else { return }
            self.entityLine = self.lineStart
            self.open(.entity, at: offset)
        default:
            guard self.escapeLine != self.lineStart else { return }
            guard
                self.has(offset, [.of("ux"), .hexadecimal, .hexadecimal], window)
                    || self.has(offset, [.of("/")], window)
                    || self.has(offset, [.of("\\"), .of("\"'ux/\\")], window)
            else { return }
            self.escapeLine = self.lineStart
            self.open(.escape, at: offset)
        }
    }

    /// A character of no width at `offset`: the word that it stands in is read without it, unless one before it in the word
    /// has seen to that.
    mutating func invisible(at offset: Int, _ window: Window) {
        var start = offset
        while start > max(window.first, self.invisible), ByteSet.run.contains(window.at(start - 1)) { start -= 1 }
        let isSeen =
            start == self.invisible || start == window.first && self.found.contains { $0.encoding == .invisible }
        self.invisible = offset
        if isSeen { return }
        // What stands further back may have passed.
        let floor = offset - Detectors.lookBehind + EncodedRun.longestUnit
        self.found.append(EncodedRun(.invisible, start: max(start, floor), scanned: offset, line: 0))
    }

    private mutating func open(_ encoding: Encoding, at offset: Int) {
        // A mark that waited lies a few bytes back, and what stands so far before the end may have passed.
        let start = max(self.wordStart, offset - Detectors.lookBehind + EncodedRun.longestUnit)
        self.found.append(EncodedRun(encoding, start: start, scanned: offset, line: 0))
    }

    private enum Expected {
        case hexadecimal
        case of(StaticString)

        func holds(_ byte: UInt8) -> Bool {
            switch self {
            case .hexadecimal: byte.isHexDigit
            case .of(let text): text.withUTF8Buffer { $0.contains(byte) }
            }
        }
    }

    /// Whether such bytes follow. Where they may still come, the mark waits.
    private mutating func has(_ offset: Int, _ expected: [Expected], _ window: Window) -> Bool {
        for (index, item) in expected.enumerated() {
            let place = offset + 1 + index
            if place >= window.end {
                if !window.finished, self.deferred.last != offset { self.deferred.append(offset) }
                return false
            }
            guard item.holds(window.at(place)) else { return false }
        }
        return true
    }

    // MARK: What waits

    /// No run that waits begins before it.
    var floor: Int? { self.found.lazy.map(\.start).min() }

    mutating func reset() {
        self = EncodedRuns()
    }
}
