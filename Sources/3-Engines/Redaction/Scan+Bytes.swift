import CByteClasses

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
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: ByteRows.capacity) { words in
            guard let base = words.baseAddress else { return }
            var offset = start
            while offset < window.end {
                let rows = ByteRows(base, at: offset, window)
                for block in 0..<rows.count { self.scan(block, of: rows, &followed, window) }
                offset += rows.count * ByteRows.block
            }
        }
        if !window.finished { self.runs.begin(atEndBehind: max(start, followed), window) }
    }

    @inline(__always)
    private mutating func scan(_ block: Int, of rows: ByteRows, _ followed: inout Int, _ window: Window) {
        let offset = rows.start + block * ByteRows.block
        let isNearEnd = !window.finished && offset + ByteRows.block + Self.longestShape > window.end
        if isNearEnd {
            self.everyNumber(block, of: rows, window)
        } else if rows[byte_row_number, block] != 0 {
            self.numbers(block, of: rows, window)
        }
        let colons = rows[isNearEnd ? byte_row_colon : byte_row_address, block]
        if colons != 0 { self.colons(colons, at: offset, window) }
        if rows[byte_row_mark, block] != 0 { self.marks(block, of: rows, window) }
        self.runs.pass(blanks: rows[byte_row_blank, block], lineFeeds: rows[byte_row_line_feed, block], at: offset)
        if rows[byte_row_long_row, block] != 0 { self.longRows(block, of: rows, &followed, window) }
    }

    // MARK: Numbers

    private mutating func numbers(_ block: Int, of rows: ByteRows, _ window: Window) {
        let behindLetter = rows.behind(byte_row_letter, block)
        var numbers = rows[byte_row_number, block]
        while numbers != 0 {
            let place = numbers.trailingZeroBitCount
            let offset = rows.start + block * ByteRows.block + place
            numbers &= numbers &- 1
            let shape = rows.shape(at: place, of: block)
            let isBehindLetter = behindLetter >> UInt64(place) & 1 == 1
            var forms: NumberForms = []
            if !isBehindLetter || Self.endsEscape(offset, window) {
                let isNamed = self.phoneWords?.stand(before: offset, within: View.phoneContext) ?? true
                forms = shape.forms(at: offset, isNamed: isNamed, window)
            }
            if isBehindLetter { forms.formUnion(shape.formsBehindLetter(at: offset, window)) }
            if !forms.isEmpty { self.number(at: offset, forms, window) }
        }
    }

    /// Where the bytes to come may change what a shape is: every detector is asked.
    private mutating func everyNumber(_ block: Int, of rows: ByteRows, _ window: Window) {
        let behindSmall = rows.behind(byte_row_letter, block) & ~rows.behind(byte_row_upper, block)
        var digits = rows[byte_row_first_digit, block]
        while digits != 0 {
            let place = digits.trailingZeroBitCount
            let offset = rows.start + block * ByteRows.block + place
            digits &= digits &- 1
            if behindSmall >> UInt64(place) & 1 == 1, !self.mayBeCountry(offset, window),
                !Self.endsEscape(offset, window)
            {
                continue
            }
            self.number(at: offset, self.detectors.everyNumberForm, window)
        }
    }

    /// Whether the letter before `offset` may be the last of an escape: `\n`, `%3D`, or a terminal's for colours.
    private static func endsEscape(_ offset: Int, _ window: Window) -> Bool {
        window.at(offset - 2) == UInt8(ascii: "\\") || window.at(offset - 3) == UInt8(ascii: "%")
            || window.at(offset - 1) == UInt8(ascii: "m")
    }

    /// Whether two small letters, and no more, stand before `offset`.
    private func mayBeCountry(_ offset: Int, _ window: Window) -> Bool {
        window.at(offset - 1).isLower && window.at(offset - 2).isLower && !window.at(offset - 3).isAlphanumeric
    }

    /// Asks the detectors of numbers of these forms about the digit at `offset`.
    private mutating func number(at offset: Int, _ forms: NumberForms, _ window: Window) {
        let anchor = Anchor(start: offset, literal: Anchor.digit)
        var bits = forms.rawValue
        while bits != 0 {
            for detector in self.detectors.numberDetectors[bits.trailingZeroBitCount] {
                self.ask(detector, anchor, window, floor: nil)
            }
            bits &= bits &- 1
        }
    }

    // MARK: Colons

    private mutating func colons(_ colons: UInt64, at start: Int, _ window: Window) {
        var colons = colons
        while colons != 0 {
            let anchor = Anchor(start: start + colons.trailingZeroBitCount, literal: Anchor.colon)
            colons &= colons &- 1
            for detector in self.detectors.colonDetectors { self.ask(detector, anchor, window, floor: nil) }
        }
    }

    // MARK: Marks

    private mutating func marks(_ block: Int, of rows: ByteRows, _ window: Window) {
        let start = rows.start + block * ByteRows.block
        var marks = rows[byte_row_mark, block]
        while marks != 0 {
            let place = marks.trailingZeroBitCount
            let offset = start + place
            marks &= marks &- 1
            if window.base[offset - window.first] == UInt8(ascii: "@") {
                let anchor = Anchor(start: offset, literal: Anchor.email)
                for detector in self.detectors.emailDetectors { self.ask(detector, anchor, window, floor: nil) }
            } else {
                let earlier = (UInt64(1) << UInt64(place)) &- 1
                self.runs.pass(
                    blanks: rows[byte_row_blank, block] & earlier,
                    lineFeeds: rows[byte_row_line_feed, block] & earlier, at: start)
                self.runs.mark(at: offset, window)
            }
        }
    }

    // MARK: Rows of base64's digits

    private mutating func longRows(_ block: Int, of rows: ByteRows, _ followed: inout Int, _ window: Window) {
        var long = rows[byte_row_long_row, block]
        while long != 0 {
            let place = long.trailingZeroBitCount
            long &= long &- 1
            let start = rows.start + block * ByteRows.block + place
            guard start >= followed else { continue }
            var end = start + (~(rows[byte_row_sextet, block] >> UInt64(place))).trailingZeroBitCount
            let next = rows.start + (block + 1) * ByteRows.block
            if end >= next {
                end = next + (~rows[byte_row_sextet, block + 1]).trailingZeroBitCount
                while end >= next + ByteRows.block, EncodedText.sextet(window.at(end)) != nil { end += 1 }
            }
            if end == window.end && !window.finished || EncodedRuns.isFold(window.at(end))
                || EncodedRuns.mayBeText(start..<end, window)
            {
                followed = self.runs.follow(from: start, window)
            }
        }
    }
}
