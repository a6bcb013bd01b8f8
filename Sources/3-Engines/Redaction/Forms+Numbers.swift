/// Up to eight groups of digits with what stands between them, read from an anchor. Small, since it is copied often.
struct DigitGroups {
    static let most = 8
    let first: Int
    private(set) var count = 0
    /// A byte a group: its distance from the first, and its length.
    private var starts: UInt64 = 0
    private var lengths: UInt64 = 0

    init(at first: Int) {
        self.first = first
    }

    /// - Parameters:
    ///   - start: less than 256 behind the first.
    ///   - length: less than 256.
    mutating func append(start: Int, length: Int) {
        self.starts |= UInt64(UInt8(truncatingIfNeeded: start - self.first)) << UInt64(8 * self.count)
        self.lengths |= UInt64(UInt8(truncatingIfNeeded: length)) << UInt64(8 * self.count)
        self.count += 1
    }

    func start(_ index: Int) -> Int { self.first + Int(self.starts >> UInt64(8 * index) & 0xFF) }

    func length(_ index: Int) -> Int { Int(self.lengths >> UInt64(8 * index) & 0xFF) }

    /// The offset behind group `index`.
    func end(_ index: Int) -> Int { self.start(index) + self.length(index) }

    mutating func keepFirst() {
        self.count = 1
        self.starts &= 0xFF
        self.lengths &= 0xFF
    }
}

extension View {
    /// Groups of digits from `start`, each at most 20 long, with one byte of `separators` between two.
    mutating func digitGroups(from start: Int, separators: ByteSet) -> DigitGroups {
        var groups = DigitGroups(at: start)
        var offset = start
        while groups.count < DigitGroups.most {
            let end = self.run(of: .digits, from: offset, most: 20)
            guard end > offset else { break }
            groups.append(start: offset, length: end - offset)
            guard separators.contains(self.at(end)), self.at(end + 1).isDigit else { break }
            offset = end + 1
        }
        return groups
    }

    /// Whether a number that ends before `offset` ends there: no letter, digit or underscore, and no decimals, follow.
    mutating func endsNumber(_ offset: Int) -> Bool {
        let byte = self.at(offset)
        if byte.isAlphanumeric || byte == UInt8(ascii: "_") { return false }
        return !(byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")) || !self.at(offset + 1).isAlphanumeric
    }

    // MARK: Cards

    private static let cardWords: ContextWords = ["card", "visa"]
    private static let issuerWords: ContextWords = ["card", "cc ", "visa", "credit"]

    /// A payment card number (ISO/IEC 7812): issuer range and length, groups as printed on cards, Luhn's digit.
    mutating func card(_ detector: Detector, start: Int) -> Finding? {
        guard self.startsToken(start) else { return nil }
        let before = self.at(start - 1)
        if before == UInt8(ascii: ".") || before == UInt8(ascii: "-"), self.at(start - 2).isDigit { return nil }
        let plain = self.run(of: .digits, from: start, most: 20)
        if plain - start >= 12 {
            guard plain - start <= 19, self.endsNumber(plain) else { return nil }
            // Thirteen digits are far more often a time in milliseconds or an id than one of the few such cards left.
            if plain - start == 13, !self.hasContext(Self.cardWords, before: start, within: 48) { return nil }
            return self.isCard(start..<plain, near: start)
                ? Finding(start: start, end: plain, kind: detector.kind) : nil
        }
        guard plain - start == 4 else { return nil }
        for separator in [ByteSet(" "), ByteSet("-"), ByteSet(".")] where separator.contains(self.at(plain)) {
            // `[.4300.0020.0011.0002]`
            if before == UInt8(ascii: "."), before == self.at(plain) { return nil }
            let groups = self.digitGroups(from: start, separators: separator)
            guard let last = Self.lastCardGroup(groups) else { return nil }
            let end = groups.end(last)
            guard !self.at(end).isAlphanumeric, self.isCard(start..<end, near: start) else { return nil }
            return Finding(start: start, end: end, kind: detector.kind)
        }
        return nil
    }

    /// A payment card number whose groups have a separator of several bytes between them, such as a no-break space: the
    /// anchor is the first.
    mutating func spacedCard(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let first = self.run(of: .digits, backFrom: start, most: 5)
        guard start - first == 4, self.startsToken(first) else { return nil }
        var groups = DigitGroups(at: first)
        groups.append(start: first, length: 4)
        var offset = start
        while groups.count < 5, self.isSame(anchorCount, at: offset, as: start) {
            let end = self.run(of: .digits, from: offset + anchorCount, most: 7)
            guard end > offset + anchorCount else { break }
            groups.append(start: offset + anchorCount, length: end - offset - anchorCount)
            offset = end
        }
        guard let last = Self.lastCardGroup(groups) else { return nil }
        let end = groups.end(last)
        guard !self.at(end).isAlphanumeric, self.isCard(first..<end, near: first) else { return nil }
        return Finding(start: first, end: end, kind: detector.kind)
    }

    private mutating func isSame(_ count: Int, at offset: Int, as other: Int) -> Bool {
        for index in 0..<count where self.at(offset + index) != self.at(other + index) { return false }
        return true
    }

    private static func lastCardGroup(_ groups: DigitGroups) -> Int? {
        guard groups.count >= 3, groups.length(0) == 4 else { return nil }
        if groups.length(1) == 6, groups.length(2) == 5 || groups.length(2) == 4 { return 2 }
        guard groups.count >= 4, groups.length(1) == 4, groups.length(2) == 4, groups.length(3) == 4 else { return nil }
        return groups.count >= 5 && groups.length(4) == 3 ? 4 : 3
    }

    /// Whether the digits have Luhn's check digit and an issuer, or any issuer near a word for a card.
    private mutating func isCard(_ range: Range<Int>, near start: Int) -> Bool {
        var count = 0
        var head = 0
        for offset in range where self.at(offset).isDigit {
            if count < 6 { head = head * 10 + Int(self.at(offset) - 0x30) }
            count += 1
        }
        guard count >= 12 else { return false }
        var sum = 0
        var doubles = false
        for offset in range.reversed() where self.at(offset).isDigit {
            var digit = Int(self.at(offset) - 0x30)
            if doubles { digit = digit > 4 ? digit * 2 - 9 : digit * 2 }
            sum += digit
            doubles.toggle()
        }
        guard sum % 10 == 0 else { return false }
        return Self.isIssuer(head, count: count)
            || (count >= 14 && head > 9
                && self.hasContext(Self.issuerWords, before: start, within: 32))
    }

    /// Whether six leading digits are of an issuer whose numbers have `count` digits.
    private static func isIssuer(_ head: Int, count: Int) -> Bool {
        switch head {
        case 400_000...499_999: [13, 16, 19].contains(count)  // Visa
        case 510_000...559_999, 222_100...272_099: count == 16  // Mastercard
        case 340_000...349_999, 370_000...379_999: count == 15  // American Express
        case 300_000...305_999, 309_500...309_599, 380_000...399_999: [14, 16].contains(count)  // Diners Club
        case 360_000...369_999: [14, 16, 19].contains(count)
        case 352_800...358_999: 16...19 ~= count  // JCB
        case 180_000...180_099, 213_100...213_199: count == 15
        case 601_100...601_199, 644_000...649_999, 650_000...659_999: [16, 19].contains(count)  // Discover
        case 620_000...629_999, 810_000...817_199: 16...19 ~= count  // UnionPay
        case 220_000...220_499: 16...19 ~= count  // Mir
        case 501_800...501_899, 502_000...502_099, 503_800...503_899, 589_300...589_399, 630_400...630_499,
            675_900...676_399:
            12...19 ~= count  // Maestro
        case 508_500...508_999, 606_900...608_999, 652_100...653_199: count == 16  // RuPay
        default: false
        }
    }

    // MARK: IBAN

    /// An International Bank Account Number (ISO 13616) around the check digits at `start`: country's length, mod 97.
    mutating func iban(_ detector: Detector, checkDigits start: Int) -> Finding? {
        let first = start - 2
        guard self.at(start - 1).isLetter, self.at(first).isLetter,
            self.at(start - 1).isUpper == self.at(first).isUpper,
            self.at(start + 1).isDigit, self.startsToken(first),
            let length = Self.ibanLength(self.at(first) & 0xDF, self.at(start - 1) & 0xDF)
        else { return nil }
        var offset = first
        var count = 0
        var digits = 0
        var remainder = 0
        // The country and check digits count last: they are added again behind the account.
        while count < length {
            let byte = self.at(offset)
            guard byte.isAlphanumeric else {
                let width = self.gap(at: offset)
                guard count > 0, count % 4 == 0, width > 0, self.at(offset + width).isAlphanumeric else { return nil }
                offset += width
                continue
            }
            if byte.isDigit { digits += 1 }
            if count >= 4 { remainder = Self.append(byte, to: remainder) }
            count += 1
            offset += 1
        }
        // Seven digits are what the byte scan asks for; no country's account has fewer.
        guard digits >= 7, !self.at(offset).isAlphanumeric else { return nil }
        for index in 0..<4 { remainder = Self.append(self.at(first + index), to: remainder) }
        return remainder == 1 ? Finding(start: first, end: offset, kind: detector.kind) : nil
    }

    /// How many bytes a blank, also one that doesn't break a line (U+00A0, U+202F), or a hyphen has; 0 for anything else.
    private mutating func gap(at offset: Int) -> Int {
        switch self.at(offset) {
        case 0x20, UInt8(ascii: "-"): 1
        case 0xC2 where self.at(offset + 1) == 0xA0: 2
        case 0xE2 where self.at(offset + 1) == 0x80 && self.at(offset + 2) == 0xAF: 3
        default: 0
        }
    }

    private static func append(_ byte: UInt8, to remainder: Int) -> Int {
        if byte.isDigit { return (remainder * 10 + Int(byte - 0x30)) % 97 }
        return (remainder * 100 + Int(byte.lowercased) - 0x61 + 10) % 97
    }

    private static func ibanLength(_ a: UInt8, _ b: UInt8) -> Int? {
        Self.ibanLengths[UInt16(a) << 8 | UInt16(b)]
    }

    /// Lengths by country, from the IBAN registry.
    private static let ibanLengths: [UInt16: Int] = {
        let table: [(Int, StaticString)] = [
            (15, "NO"), (16, "BE"), (18, "DKFKFOFIGLNLSD"), (19, "MKSI"), (20, "ATBAEEKZLTLUXK"), (21, "CHHRLILV"),
            (22, "BGBHCRDEGBGEIEMERSVA"), (23, "AEILIQOMTLGISO"), (24, "ADCZMDPKROSASESKESTNVGDZ"), (25, "LYPTST"),
            (26, "ISTR"), (27, "BIDJFRGRITMCMRSMCMMG"), (28, "ALAZBYCYDOGTHUNILBPLSVSNMLCIBJ"),
            (29, "BRPSQAUAEG"), (30, "JOKWMUYE"), (31, "MTSC"), (32, "LC"), (33, "RU"), (20, "MN"), (24, "HN"),
        ]
        var lengths: [UInt16: Int] = [:]
        for (length, names) in table {
            names.withUTF8Buffer { bytes in
                for index in stride(from: 0, to: bytes.count - 1, by: 2) {
                    lengths[UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])] = length
                }
            }
        }
        return lengths
    }()

    // MARK: Social security numbers

    private static let socialSecurityWords: ContextWords = ["social security", "social_security", "socialsecurity"]
    /// It's in `className` and `businessName`, too.
    private static let socialSecurityShort: ContextWords = ["ssn"]

    /// A US social security number in its own form (three, two, four) or as nine digits, near a word that says so.
    mutating func socialSecurity(_ detector: Detector, start: Int) -> Finding? {
        guard self.startsToken(start), ![0x2D, 0x2E].contains(self.at(start - 1)) else { return nil }
        let plain = self.run(of: .digits, from: start, most: 10)
        var end = plain
        if plain - start == 3 {
            let separator = self.at(plain)
            guard separator == UInt8(ascii: "-") || separator == 0x20 else { return nil }
            let area = self.run(of: .digits, from: plain + 1, most: 3)
            guard area - plain == 3, self.at(area) == separator else { return nil }
            end = self.run(of: .digits, from: area + 1, most: 5)
            guard end - area == 5 else { return nil }
        } else if plain - start != 9 {
            return nil
        }
        let area =
            (Int(self.at(start)) - 0x30) * 100 + (Int(self.at(start + 1)) - 0x30) * 10 + Int(self.at(start + 2)) - 0x30
        guard area != 0, area != 666, area < 900, self.endsNumber(end),
            self.hasContext(Self.socialSecurityShort, before: start, within: 64, asWord: true)
                || self.hasContext(Self.socialSecurityWords, before: start, within: 64)
        else { return nil }
        return Finding(start: start, end: end, kind: detector.kind)
    }
}
