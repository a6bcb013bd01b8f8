extension View {
    private static let separators = ByteSet(" -./()")
    static let phoneWords: ContextWords = [
        "phone", "mobile", "tel:", "tel.", "tel ", "telefon", "handy", "fax", "cell", "whatsapp", "sms", "call me",
        "dial", "messages to", "answering at", "reach me", "ring ", "call ", "contact",
    ]
    /// What says it behind the number: `930.167.3943 fax`.
    static let phoneWordsBehind: ContextWords = ["office", "fax", "mobile", "phone", "cell", "home", "tel"]

    /// A telephone number that begins with the digit at `start`.
    ///
    /// International (`+` and a country code of E.164, or `00` and one), North American with its separators, national
    /// with a leading zero and separators, and any near a word for it. Bare digits are an id, a time or a count.
    mutating func phone(_ detector: Detector, start: Int) -> Finding? {
        let before = self.at(start - 1)
        if before == UInt8(ascii: "+") {
            guard self.startsToken(start - 1), let end = self.international(countryCode: start, isPlain: false)
            else { return nil }
            return Finding(start: start - 1, end: end, kind: detector.kind)
        }
        let (groups, digits) = self.phoneGroups(start, mostDigits: 15)
        // Most rows of digits end here: too few, or a date.
        guard digits >= 7, !self.isDate(groups), self.startsToken(start), before != UInt8(ascii: "_"),
            !self.continuesNumber(start), !self.isOfPairs(groups)
        else { return nil }
        if self.at(start) == 0x30, self.at(start + 1) == 0x30,
            let end = self.international(countryCode: start + 2, isPlain: true)
        {
            return Finding(start: start, end: end, kind: detector.kind)
        }
        let opened = before == UInt8(ascii: "(") ? start - 1 : start
        if let end = self.northAmerican(groups) ?? self.national(groups, digits) ?? self.named(groups, digits) {
            return Finding(start: opened, end: self.withExtension(end), kind: detector.kind)
        }
        return nil
    }

    /// Whether pairs of digits stand in a row of bytes in hexadecimal, as dumps have them: right beside two more, the nearer
    /// with a letter. One alone may be a word (`de`).
    private mutating func isOfPairs(_ groups: DigitGroups) -> Bool {
        guard groups.length(0) == 2, groups.length(1) == 2 else { return false }
        let (first, end) = (groups.start(0), groups.end(groups.count - 1))
        return self.isHexPair(at: first - 3, hasLetter: true) && self.isHexPair(at: first - 6, hasLetter: false)
            || self.isHexPair(at: end + 1, hasLetter: true) && self.isHexPair(at: end + 4, hasLetter: false)
    }

    /// Whether two hexadecimal digits stand between blanks or ends at `start`.
    private mutating func isHexPair(at start: Int, hasLetter: Bool) -> Bool {
        let (high, low) = (self.at(start), self.at(start + 1))
        return high.isHexDigit && low.isHexDigit && (!hasLetter || high.isLetter || low.isLetter)
            && !self.at(start - 1).isAlphanumeric && !self.at(start + 2).isAlphanumeric
    }

    /// Whether the digits at `start` go on from digits before them: the middle of a date, a version or a range.
    private mutating func continuesNumber(_ start: Int) -> Bool {
        switch self.at(start - 1) {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ","):
            return self.at(start - 2).isDigit
                || (self.at(start - 1) == UInt8(ascii: "-") && self.at(start - 2).isHexDigit)
        default:
            return false
        }
    }

    /// The digits from `start` on in groups; between two stand one or two separators.
    private mutating func phoneGroups(_ start: Int, mostDigits: Int) -> (groups: DigitGroups, digits: Int) {
        var groups = DigitGroups(at: start)
        var digits = 0
        var offset = start
        while groups.count < DigitGroups.most {
            let end = self.run(of: .digits, from: offset, most: 16)
            let count = end - offset
            guard count > 0, digits + count <= mostDigits else { break }
            groups.append(start: offset, length: count)
            digits += count
            let next = self.run(of: Self.separators, from: end, most: 3)
            guard next > end, next - end <= 2, self.at(next).isDigit else { break }
            offset = next
        }
        return (groups, digits)
    }

    /// The end of an international number whose country code begins at `start` (E.164: at most fifteen digits).
    private mutating func international(countryCode start: Int, isPlain: Bool) -> Int? {
        guard let code = self.countryCode(start) else { return nil }
        var (groups, digits) = self.phoneGroups(start, mostDigits: 15)
        guard groups.count > 0 else { return nil }
        // A first group that is a number already doesn't go on behind a blank.
        if groups.length(0) >= 8 {
            digits = groups.length(0)
            groups.keepFirst()
        }
        let end = groups.end(groups.count - 1)
        // Behind `00` a number must end like one: an identifier in hexadecimal may begin so.
        guard digits >= 8, self.endsNumber(end) || (groups.count > 1 && !isPlain) else { return nil }
        if isPlain, groups.count == 1, !(10...13).contains(digits) || (code == 1 && digits != 11) { return nil }
        return self.withExtension(end)
    }

    /// The country code at `start`, if one is assigned (ITU-T E.164 list of codes).
    private mutating func countryCode(_ start: Int) -> Int? {
        let digits = (self.at(start), self.at(start + 1), self.at(start + 2))
        guard digits.0.isDigit, digits.0 != 0x30 else { return nil }
        let one = Int(digits.0) - 0x30
        if one == 1 || one == 7 { return one }
        guard digits.1.isDigit else { return nil }
        let two = one * 10 + Int(digits.1) - 0x30
        switch two {
        case 20, 27, 30...34, 36, 39...41, 43...49, 51...58, 60...66, 81, 82, 84, 86, 90...95, 98: return two
        case 21...26, 29, 35, 37, 38, 42, 50, 59, 67...69, 80, 85, 87, 88, 96, 97, 99: break
        default: return nil
        }
        // Three digits: the third may stand behind a separator only by mistake.
        return digits.2.isDigit ? two * 10 + Int(digits.2) - 0x30 : nil
    }

    /// `(415) 555-0132`, `415-555-0132`, `1-415-555-0132`; blanks alone only near a word.
    private mutating func northAmerican(_ groups: DigitGroups) -> Int? {
        let start = groups.start(0)
        guard groups.count >= 3 else { return nil }
        let first = groups.length(0) == 1 && self.at(start) == 0x31 ? 1 : 0
        guard groups.count >= first + 3, groups.length(first) == 3, groups.length(first + 1) == 3,
            groups.length(first + 2) == 4, self.at(groups.start(first)) >= 0x32,
            self.at(groups.start(first + 1)) >= 0x32
        else { return nil }
        let end = groups.end(first + 2)
        guard self.endsNumber(end) || self.isExtension(end) else { return nil }
        let between = (self.at(groups.end(first)), self.at(groups.end(first + 1)))
        let isNamed = between == (0x20, 0x20) && self.at(start - 1) != UInt8(ascii: "(") && first == 0
        return isNamed && !self.hasContext(Self.phoneWords, before: start, within: 32) ? nil : end
    }

    /// A national number with a leading zero: `079 123 45 67`, `020 7946 0958`, `(0)30/901820`, `01 23 45 67 89`.
    private mutating func national(_ groups: DigitGroups, _ digits: Int) -> Int? {
        let start = groups.start(0)
        guard self.at(start) == 0x30, self.at(start + 1).isDigit, self.at(start + 1) != 0x30, groups.count >= 2,
            (9...12).contains(digits)
        else { return nil }
        for index in 1..<groups.count where groups.length(index) < 2 || groups.length(index) > 8 { return nil }
        let end = groups.end(groups.count - 1)
        guard self.endsNumber(end) else { return nil }
        if groups.length(0) == 2 {
            guard groups.count == 5 else { return nil }
            for index in 1..<5 where groups.length(index) != 2 { return nil }
            return end
        }
        return (3...5).contains(groups.length(0)) ? end : nil
    }

    /// How far before a number a word for a telephone may begin.
    static let phoneContext = 24

    /// Seven to fifteen digits near a word for a telephone.
    private mutating func named(_ groups: DigitGroups, _ digits: Int) -> Int? {
        let start = groups.start(0)
        let end = groups.end(groups.count - 1)
        // Thirteen digits without a separator are a time in milliseconds, even there.
        guard !(groups.count == 1 && digits == 13), !self.isAddress(groups) else { return nil }
        if self.isNamedBehind(end) { return end }
        guard self.endsNumber(end) || self.isExtension(end),
            self.hasContext(Self.phoneWords, before: start, within: Self.phoneContext)
        else {
            return nil
        }
        return end
    }

    /// Whether a blank or a hyphen and a word for a telephone follow.
    private mutating func isNamedBehind(_ end: Int) -> Bool {
        guard self.at(end) == 0x20 || self.at(end) == UInt8(ascii: "-") else { return false }
        guard Self.phoneWordsBehind.mayBegin(self.at(end + 1), self.at(end + 2), self.at(end + 3)) else { return false }
        for word in Self.phoneWordsBehind.words where self.matches(word, at: end + 1) {
            return !self.at(end + 1 + word.utf8CodeUnitCount).isAlphanumeric
        }
        return false
    }

    /// Whether the groups are those of an IPv4 address: logs have them near "Mobile" and the like.
    private mutating func isAddress(_ groups: DigitGroups) -> Bool {
        guard groups.count == 4 else { return false }
        for index in 0..<4 where groups.length(index) > 3 { return false }
        for index in 0..<3 {
            guard self.at(groups.end(index)) == UInt8(ascii: "."), groups.start(index + 1) == groups.end(index) + 1
            else {
                return false
            }
        }
        return true
    }

    private mutating func isDate(_ groups: DigitGroups) -> Bool {
        // No year begins with a zero.
        guard groups.count >= 3, self.at(groups.start(0)) != 0x30 || groups.length(0) < 4 else { return false }
        let counts = (groups.length(0), groups.length(1), groups.length(2))
        return (counts.0 == 4 && counts.1 <= 2 && counts.2 <= 2) || (counts.0 <= 2 && counts.1 <= 2 && counts.2 == 4)
    }

    private mutating func isExtension(_ end: Int) -> Bool { self.withExtension(end) > end }

    /// Behind `x12`, ` ext. 12` and the like, if that follows.
    private mutating func withExtension(_ end: Int) -> Int {
        var offset = self.run(of: ByteSet(" "), from: end, most: 1)
        if self.matches("ext", at: offset) {
            offset = self.run(of: ByteSet(". "), from: offset + 3, most: 2)
        } else if self.at(offset).lowercased == UInt8(ascii: "x") {
            offset += 1
        } else {
            return end
        }
        let last = self.run(of: .digits, from: offset, most: 7)
        return last > offset && last - offset <= 6 ? last : end
    }
}
