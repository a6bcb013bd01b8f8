import CByteClasses

/// The classes of a block of 64 bytes, and where it stands.
private struct Block {
    static let size = 64

    /// The offset of its first byte.
    var start: Int
    var classes = byte_classes()

    /// The block at `start`; what lies behind the window's end is of no class.
    init(at start: Int, _ window: Window) {
        self.start = start
        guard start < window.end else { return }
        self.classes = byte_classes_of(window.base + (start - window.first), min(Self.size, window.end - start))
    }
}

/// Bits of two blocks in a row, to look ahead from the first.
private struct Ahead {
    var here: UInt64
    var next: UInt64

    /// The bits that stand `count` further on.
    @inline(__always)
    func by(_ count: UInt64) -> Ahead {
        Ahead(here: self.here >> count | self.next << (64 - count), next: self.next >> count)
    }

    /// Whether any of the next five bits is set.
    @inline(__always)
    var soon: Ahead {
        let two = self.by(1) | self.by(2)
        return two | two.by(2) | self.by(5)
    }

    @inline(__always)
    static func & (a: Self, b: Self) -> Self { Ahead(here: a.here & b.here, next: a.next & b.next) }
    @inline(__always)
    static func | (a: Self, b: Self) -> Self { Ahead(here: a.here | b.here, next: a.next | b.next) }
}

/// The byte scan: 64 bytes at once, by their classes. What most text costs is a few operations on bits; bytes are looked at
/// one by one only where a number, a mark or a row of base64's digits may be something.
extension Scan {
    /// So far before the end of what has arrived, what follows a digit may not be known.
    private static let longestShape = 48

    /// Scans the bytes from `start` on for `@`, digits and where encoded text begins.
    mutating func scanBytes(from start: Int, _ window: Window) {
        self.runs.retry(window)
        guard start < window.end else { return }
        // Rows of digits before it are followed already.
        var followed = self.runs.isIdle ? start : self.runs.follow(from: start, window)
        var edge = Edge(before: start, window)
        var block = Block(at: start, window)
        while block.start < window.end {
            let next = Block(at: block.start + Block.size, window)
            let long = Self.longRows(block, next, edge)
            self.numbers(block, next, edge, long, window)
            if block.classes.colon != 0 { self.colons(block, next, window) }
            if block.classes.mark != 0 { self.marks(block, window) }
            self.runs.pass(blanks: block.classes.blank, lineFeeds: block.classes.line_feed, at: block.start)
            self.rows(block, next, long, &followed, window)
            edge = Edge(behind: block, long, edge)
            block = next
        }
        if !window.finished { self.runs.begin(atEndBehind: max(start, followed), window) }
    }

    /// What stands before a block, a bit each.
    private struct Edge {
        var decimal: UInt64
        var upper: UInt64
        var letter: UInt64
        var sextet: UInt64
        /// `-` or `.` behind a digit.
        var joint: UInt64
        /// Where a long row of base64's digits begins: the last two bytes, the nearer in the higher bit.
        var long: UInt64

        init(before start: Int, _ window: Window) {
            let (byte, before) = (window.at(start - 1), window.at(start - 2))
            self.decimal = byte.isDigit ? 1 : 0
            self.upper = byte.isUpper ? 1 : 0
            self.letter = byte.isLetter ? 1 : 0
            self.sextet = EncodedText.sextet(byte) == nil ? 0 : 1
            self.joint = (byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")) && before.isDigit ? 1 : 0
            // Of a stream, what stands two bytes before what has just come was near the end, where every digit is looked at.
            self.long = 0
        }

        init(behind block: Block, _ long: UInt64, _ edge: Edge) {
            let classes = block.classes
            self.long = long >> 62
            self.decimal = classes.decimal >> 63
            self.upper = classes.upper >> 63
            self.letter = classes.letter >> 63
            self.sextet = classes.sextet >> 63
            self.joint = (classes.joint & (classes.decimal << 1 | edge.decimal)) >> 63
        }
    }

    // MARK: Numbers

    private mutating func numbers(
        _ block: Block, _ next: Block, _ edge: Edge, _ long: UInt64, _ window: Window
    ) {
        let classes = block.classes
        let behindDigit = classes.decimal << 1 | edge.decimal
        // A digit that goes on the digits before it, with a point or a hyphen between, is no number's first.
        let joined = (classes.joint & behindDigit) << 1 | edge.joint
        let starts = classes.decimal & ~behindDigit & ~joined
        guard starts != 0 else { return }
        let behindUpper = classes.upper << 1 | edge.upper
        let behindLetter = classes.letter << 1 | edge.letter
        // Two letters begin a row, as they do an IBAN in small letters.
        let behindCountry = long << 2 | edge.long
        let isNearEnd = !window.finished && block.start + Block.size + Self.longestShape > window.end
        var candidates =
            isNearEnd
            ? starts
            : starts & (Self.continued(classes, next.classes, behindDigit) | behindUpper | long | behindCountry)
        while candidates != 0 {
            let bit = candidates & (~candidates &+ 1)
            let offset = block.start + candidates.trailingZeroBitCount
            candidates &= candidates &- 1
            // Behind a letter a number begins only if that is the end of an escape.
            if behindLetter & ~behindUpper & ~behindCountry & bit != 0,
                !isNearEnd || !self.mayBeCountry(offset, window), window.at(offset - 2) != UInt8(ascii: "\\"),
                window.at(offset - 3) != UInt8(ascii: "%")
            {
                continue
            }
            self.number(at: offset, isNearEnd ? nil : Self.shape(block, next, at: offset), window)
        }
    }

    /// The digits that may begin a number that is long enough: seven in a row, or less and then one or two separators and
    /// another digit. Of a row of digits more than its first may be told.
    @inline(__always)
    private static func continued(_ here: byte_classes, _ next: byte_classes, _ behindDigit: UInt64) -> UInt64 {
        let digits = Ahead(here: here.decimal, next: next.decimal)
        let twice = digits & digits.by(1)
        let fourfold = twice & twice.by(2)
        let sevenfold = fourfold & fourfold.by(3)
        let separators = Ahead(here: here.separator, next: next.separator)
        let ends = separators & Ahead(here: behindDigit, next: next.decimal << 1 | here.decimal >> 63)
        var led = (ends & (digits.by(1) | separators.by(1) & digits.by(2))).by(1) & digits
        led = led | led.by(1) & digits
        led = led | led.by(2) & twice
        led = led | led.by(4) & fourfold
        return sevenfold.here | led.here
    }

    /// Whether two small letters, and no more, stand before `offset`.
    private func mayBeCountry(_ offset: Int, _ window: Window) -> Bool {
        window.at(offset - 1).isLower && window.at(offset - 2).isLower && !window.at(offset - 3).isAlphanumeric
    }

    @inline(__always)
    private static func shape(_ block: Block, _ next: Block, at offset: Int) -> NumberShape {
        let place = UInt64(offset - block.start)
        let digits = Ahead(here: block.classes.decimal, next: next.classes.decimal)
        let separators = Ahead(here: block.classes.separator, next: next.classes.separator)
        return NumberShape(digits: digits.by(place).here, separators: separators.by(place).here)
    }

    /// Asks the detectors of numbers about the digit at `offset`; without a shape all of them.
    private mutating func number(at offset: Int, _ shape: NumberShape?, _ window: Window) {
        let every = self.detectors.everyNumberForm
        let forms = shape.map { $0.forms(at: offset, window).intersection(every) } ?? every
        guard !forms.isEmpty else { return }
        let anchor = Anchor(start: offset, literal: Anchor.digit)
        for detector in self.detectors.digitDetectors where !forms.isDisjoint(with: detector.forms) {
            self.ask(detector.index, anchor, window, floor: nil)
        }
    }

    // MARK: Colons

    /// Two colons at once, or three with no more than a group of four between them, are an address's; those of a time of
    /// day are two.
    private mutating func colons(_ block: Block, _ next: Block, _ window: Window) {
        let colons = Ahead(here: block.classes.colon, next: next.classes.colon)
        let isNearEnd = !window.finished && block.start + Block.size + Self.longestShape > window.end
        var candidates =
            isNearEnd ? colons.here : (colons & (colons.by(1) | (colons & colons.soon).soon)).here
        while candidates != 0 {
            let anchor = Anchor(start: block.start + candidates.trailingZeroBitCount, literal: Anchor.colon)
            candidates &= candidates &- 1
            for detector in self.detectors.colonDetectors { self.ask(detector, anchor, window, floor: nil) }
        }
    }

    // MARK: Marks

    private mutating func marks(_ block: Block, _ window: Window) {
        var marks = block.classes.mark
        while marks != 0 {
            let index = marks.trailingZeroBitCount
            let offset = block.start + index
            marks &= marks &- 1
            if window.base[offset - window.first] == UInt8(ascii: "@") {
                let anchor = Anchor(start: offset, literal: Anchor.email)
                for detector in self.detectors.emailDetectors { self.ask(detector, anchor, window, floor: nil) }
            } else {
                let earlier = (UInt64(1) << UInt64(index)) &- 1
                self.runs.pass(
                    blanks: block.classes.blank & earlier, lineFeeds: block.classes.line_feed & earlier, at: block.start
                )
                self.runs.mark(at: offset, window)
            }
        }
    }

    // MARK: Rows of base64's digits

    /// Where a row of sixteen digits and more begins.
    private static func longRows(_ block: Block, _ next: Block, _ edge: Edge) -> UInt64 {
        let digits = Ahead(here: block.classes.sextet, next: next.classes.sextet)
        let twice = digits & digits.by(1)
        let fourfold = twice & twice.by(2)
        let eightfold = fourfold & fourfold.by(4)
        return (eightfold & eightfold.by(8)).here & ~(digits.here << 1 | edge.sextet)
    }

    private mutating func rows(
        _ block: Block, _ next: Block, _ long: UInt64, _ followed: inout Int, _ window: Window
    ) {
        let digits = Ahead(here: block.classes.sextet, next: next.classes.sextet)
        var long = long
        while long != 0 {
            let index = long.trailingZeroBitCount
            long &= long &- 1
            let start = block.start + index
            guard start >= followed else { continue }
            var end = start + (~(digits.here >> UInt64(index))).trailingZeroBitCount
            if end >= block.start + Block.size {
                end = next.start + (~digits.next).trailingZeroBitCount
                while end >= next.start + Block.size, EncodedText.sextet(window.at(end)) != nil { end += 1 }
            }
            if end == window.end && !window.finished || EncodedRuns.isFold(window.at(end))
                || EncodedRuns.mayBeText(start..<end, window)
            {
                followed = self.runs.follow(from: start, window)
            }
        }
    }
}
