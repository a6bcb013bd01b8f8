/// What a text says of a person beside a word for it: when and where born, where living, by which document known.
extension View {
    private static let months: [StaticString] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// A date within reach of `born`, `birth`, `dob`: with a year, in digits or with the month's name.
    mutating func birthDate(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        guard !self.at(start - 1).isAlphanumeric else { return nil }
        let end = start + anchorCount
        for offset in end..<(end + 40) {
            let byte = self.at(offset)
            if byte == 0 || byte == 0x0A { return nil }
            guard byte.isAlphanumeric, !self.at(offset - 1).isAlphanumeric else { continue }
            if let last = self.date(from: offset) { return Finding(start: offset, end: last, kind: detector.kind) }
        }
        return nil
    }

    /// The end of a date at `start`: `1980-02-01`, `1/2/1980`, `1. Feb 1980`, `February 1st, 1980`.
    private mutating func date(from start: Int) -> Int? {
        var offset = start
        var (numbers, hasYear, hasMonth) = (0, false, false)
        for _ in 0..<3 {
            if let named = self.month(at: offset) {
                guard !hasMonth else { return nil }
                hasMonth = true
                offset = named
            } else {
                let end = self.run(of: .digits, from: offset, most: 5)
                guard (1...2).contains(end - offset) || end - offset == 4 else { break }
                if end - offset == 4 {
                    guard [0x31, 0x32].contains(self.at(offset)) else { return nil }
                    hasYear = true
                }
                numbers += 1
                offset = end
                if self.at(offset).isLetter { offset = self.run(of: .letters, from: offset, most: 2) }
            }
            let next = self.run(of: ByteSet(" -/.,"), from: offset, most: 3)
            guard numbers + (hasMonth ? 1 : 0) < 3, next > offset else { break }
            offset = next
        }
        while offset > start, ByteSet(" -/.,").contains(self.at(offset - 1)) { offset -= 1 }
        guard hasYear, numbers + (hasMonth ? 1 : 0) == 3, !self.at(offset).isAlphanumeric else { return nil }
        return offset
    }

    private mutating func month(at start: Int) -> Int? {
        for month in Self.months where self.matches(month, at: start) {
            let end = self.run(of: .letters, from: start, most: 10)
            return end - start <= 9 ? end : nil
        }
        return nil
    }

    /// A postal address behind `lives at`, `address is` and the like: from there to the end of the line or the sentence,
    /// if there's a number in it.
    mutating func postalAddress(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        guard !self.at(start - 1).isAlphanumeric else { return nil }
        let first = self.run(of: ByteSet(" :"), from: start + anchorCount, most: 4)
        guard first > start + anchorCount, self.at(first).isAlphanumeric || self.at(first) >= 0x80 else { return nil }
        // Of memory: `0x7f00 size 4096`, `7f3c2000-7f3c4000 r-xp`.
        if self.matches("0x", at: first) || self.run(of: .hexDigits, from: first) - first >= 8 { return nil }
        var offset = first
        var (digits, letters) = (0, 0)
        while offset - first < 128 {
            let byte = self.at(offset)
            if ByteSet("\n\r\"?!;<>{}[]=@\\").contains(byte) || byte == 0 { break }
            if byte == UInt8(ascii: "/"), self.at(offset + 1) == byte { return nil }
            // A full stop behind a word of four letters and more ends a sentence; `Apt.` and `St.` don't.
            if byte == UInt8(ascii: "."), offset - self.run(of: .letters, backFrom: offset, most: 5) >= 4,
                self.at(offset + 1) == 0x20 || self.at(offset + 1) == 0
            {
                break
            }
            if byte.isDigit { digits += 1 } else if byte.isLetter || byte >= 0x80 { letters += 1 }
            offset += 1
        }
        guard digits >= 1, letters >= 4, self.hasBlank(first..<offset) else { return nil }
        return Finding(start: first, end: offset, kind: detector.kind)
    }

    private mutating func hasBlank(_ range: Range<Int>) -> Bool {
        for offset in range where self.at(offset) == 0x20 { return true }
        return false
    }

    /// The number of a document behind its name: `driver's license number is …`, `passport no. …`.
    mutating func documentNumber(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let end = start + anchorCount
        let set = ByteSet("-").union(.alphanumeric)
        for offset in end..<(end + 16) {
            let byte = self.at(offset)
            if byte == 0 || byte == 0x0A { return nil }
            guard byte.isAlphanumeric, !set.contains(self.at(offset - 1)) else { continue }
            let last = self.run(of: set, from: offset, most: 25)
            var digits = 0
            for place in offset..<last where self.at(place).isDigit { digits += 1 }
            if digits >= 4, (5...24).contains(last - offset) {
                return Finding(start: offset, end: last, kind: detector.kind)
            }
        }
        return nil
    }

    /// Degrees with three decimals and more under a name for them: one, or two in a row.
    mutating func coordinate(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let name = self.run(of: .letters, from: start, most: anchorCount)
        guard !self.at(start - 1).isAlphanumeric, !self.at(name).isAlphanumeric else { return nil }
        let first = self.run(of: ByteSet(" \t\"'\\:=([,"), from: name, most: 8)
        guard first > name, let end = self.degrees(from: first) else { return nil }
        let next = self.run(of: ByteSet(" ,;"), from: end, most: 3)
        let last = next > end ? self.degrees(from: next) ?? end : end
        // `lat 50.5014 ms`: a latency.
        for unit in ["ms", "us", "sec", "s "] as [StaticString] where last == end && self.matches(unit, at: end + 1) {
            return nil
        }
        // A short name is one for other things, too: latencies, logarithms, lengths.
        if last == end, name - start <= 4, end - first < 8, !self.hasPartner(before: start, behind: end) { return nil }
        return Finding(start: first, end: last, kind: detector.kind)
    }

    private static let partners: ContextWords = ["lat", "lon", "lng", "longitude", "gps", "geo", "coord"]

    /// Whether the other coordinate, or a word for a place, stands near.
    private mutating func hasPartner(before start: Int, behind end: Int) -> Bool {
        if self.hasContext(Self.partners, before: start, within: 48) { return true }
        for offset in end..<(end + 24) {
            let byte = self.at(offset)
            if byte == 0 || byte == 0x0A { return false }
            guard byte | 0x20 == UInt8(ascii: "l"), !self.at(offset - 1).isAlphanumeric else { continue }
            if self.matches("lat", at: offset) || self.matches("lon", at: offset) || self.matches("lng", at: offset) {
                return true
            }
        }
        return false
    }

    private mutating func degrees(from start: Int) -> Int? {
        let first = self.run(of: ByteSet("+-"), from: start, most: 1)
        let point = self.run(of: .digits, from: first, most: 4)
        guard (1...3).contains(point - first), self.at(point) == UInt8(ascii: ".") else { return nil }
        let end = self.run(of: .digits, from: point + 1, most: 20)
        return end - point > 3 && !self.at(end).isAlphanumeric ? end : nil
    }
}
