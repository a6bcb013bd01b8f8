extension View {
    private static let local = ByteSet(".!#$%&'*+-^_`{|}~").union(.alphanumeric)
    private static let fileEndings: [StaticString] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "json", "html", "txt", "service",
    ]

    /// The mail address around the `@` at `anchor`: a local part of up to 64 bytes (RFC 5321, section 4.5.3.1.1) and a
    /// domain whose last label has letters.
    mutating func email(_ detector: Detector, at anchor: Int) -> Finding? {
        var set = Self.local
        set.others = true
        var start = self.run(of: set, backFrom: anchor, most: 64)
        start = self.skipEscape(start)
        while start < anchor, self.at(start) == 0x27 || self.at(start) == 0x60 || self.at(start) & 0xC0 == 0x80 {
            start += 1
        }
        guard start < anchor, self.at(anchor - 1) != UInt8(ascii: "."), !self.isURLPassword(start: start) else {
            return nil
        }
        if anchor - start == 3, self.matches("git", at: start) { return nil }

        var offset = anchor + 1
        var label = offset
        var labels = 0
        var end = anchor
        var lastLabel = 0..<0
        while labels < 24 {
            offset = self.runOfLabel(from: label)
            guard offset > label, offset - label <= 63, self.at(label) != UInt8(ascii: "-") else { break }
            labels += 1
            lastLabel = label..<offset
            end = offset
            guard self.at(offset) == UInt8(ascii: "."), self.isLabel(self.at(offset + 1)) else { break }
            label = offset + 1
        }
        guard labels >= 2, lastLabel.count >= 2, self.isTopLevel(lastLabel) else { return nil }
        return Finding(start: start, end: end, kind: detector.kind)
    }

    /// Behind the escape that `start` is the letter of (`\n`, `\u003c`): cutting it in two would break a string.
    private mutating func skipEscape(_ start: Int) -> Int {
        guard self.at(start - 1) == UInt8(ascii: "\\"), self.at(start - 2) != UInt8(ascii: "\\") else { return start }
        switch self.at(start) {
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "f"):
            return start + 1
        case UInt8(ascii: "u"): return self.run(of: .alphanumeric, from: start, most: 5)
        default: return start
        }
    }

    private mutating func runOfLabel(from start: Int) -> Int {
        var offset = start
        while offset - start <= 64, self.isLabel(self.at(offset)) { offset += 1 }
        return offset
    }

    private func isLabel(_ byte: UInt8) -> Bool {
        byte.isAlphanumeric || byte == UInt8(ascii: "-") || byte >= 0x80
    }

    private mutating func isTopLevel(_ label: Range<Int>) -> Bool {
        for offset in label where self.at(offset).isDigit && self.at(label.lowerBound).isDigit { return false }
        if !self.at(label.lowerBound).isLetter, self.at(label.lowerBound) < 0x80 { return false }
        for ending in Self.fileEndings
        where ending.utf8CodeUnitCount == label.count && self.matches(ending, at: label.lowerBound) { return false }
        return true
    }

    /// Whether the local part is the password of a URL: `://`, a user and a colon stand before it.
    private mutating func isURLPassword(start: Int) -> Bool {
        guard self.at(start - 1) == UInt8(ascii: ":") else { return false }
        var offset = start - 2
        while offset > self.low, start - offset < 128 {
            switch self.at(offset) {
            case UInt8(ascii: "/"):
                return self.at(offset - 1) == UInt8(ascii: "/") && self.at(offset - 2) == UInt8(ascii: ":")
            case 0...0x20, UInt8(ascii: "@"), 0x22: return false
            default: offset -= 1
            }
        }
        return false
    }
}
