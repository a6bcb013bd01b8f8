/// Forms of numbers that the byte scan finds.
struct NumberForms: OptionSet, Sendable {
    var rawValue: UInt16

    static let card = Self(rawValue: 1)
    static let iban = Self(rawValue: 1 << 1)
    static let ipAddress = Self(rawValue: 1 << 2)
    static let phone = Self(rawValue: 1 << 3)
    static let ssn = Self(rawValue: 1 << 4)
    static let nationalID = Self(rawValue: 1 << 5)
    static let vin = Self(rawValue: 1 << 6)
    static let macAddress = Self(rawValue: 1 << 7)
    static let bitcoinAddress = Self(rawValue: 1 << 8)

    static let count = 9

    init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    init(_ form: Detector.Form) {
        self =
            switch form {
            case .card: .card
            case .iban: .iban
            case .ipAddress: .ipAddress
            case .phone: .phone
            case .ssn: .ssn
            case .nationalID: .nationalID
            case .vin: .vin
            case .macAddress: .macAddress
            case .bitcoinAddress: .bitcoinAddress
            default: []
            }
    }
}

/// How digits stand in groups, from an anchor on: most numbers in logs are times, counts and addresses, and this says so
/// before a detector is asked. A shortcut: of any other form, the detector would say no.
struct NumberShape {
    /// A bit for each digit, and for each byte that may stand between the digits of a number, from the anchor on.
    private var digits: UInt64
    private var separators: UInt64
    /// How many digits the first group has.
    private var first: Int
    /// How many letters and digits stand in a row.
    private var row: Int

    /// - Parameters:
    ///   - digits: a bit for each digit from the anchor on.
    ///   - separators: a bit for each byte that may stand between the digits of a number.
    ///   - letters: a bit for each letter.
    @inline(__always)
    init(digits: UInt64, separators: UInt64, letters: UInt64) {
        self.digits = digits
        self.separators = separators
        self.first = (~digits).trailingZeroBitCount
        self.row = (~(digits | letters)).trailingZeroBitCount
    }

    /// The forms that have letters right before their digits.
    @inline(__always)
    func formsBehindLetter(at offset: Int, _ window: Window) -> NumberForms {
        var forms: NumberForms = []
        let (before, beforeThat) = (window.at(offset - 1), window.at(offset - 2))
        if self.first >= 2, beforeThat.isLetter, before.isUpper == beforeThat.isUpper { forms.insert(.iban) }
        switch (self.first, self.row) {
        case (7, 8), (6, 7), (4, 5), (6, 14), (2, 10): forms.insert(.nationalID)
        default: break
        }
        if before.isUpper, self.row < 17, window.at(offset + self.row - 17).isAlphanumeric,
            !window.at(offset + self.row - 18).isUpper, !window.at(offset + self.row - 18).isDigit
        {
            forms.insert(.vin)
        }
        return forms
    }

    /// The forms that begin with their digits.
    ///
    /// - Parameter isNamed: whether a word for a telephone stands before them.
    @inline(__always)
    func forms(at offset: Int, isNamed: Bool, _ window: Window) -> NumberForms {
        var forms: NumberForms = []
        if self.row >= 17 {
            if self.row == 17 { forms.insert(.vin) }
            let digit = window.at(offset)
            if digit == UInt8(ascii: "1") || digit == UInt8(ascii: "3"), self.row >= 26, self.row <= 35 {
                forms.insert(.bitcoinAddress)
            }
        }
        let before = window.at(offset - 1)
        if before == UInt8(ascii: "+") { forms.insert(.phone) }
        // Of six pairs the first five have a hyphen behind them.
        if self.row == 2, window.at(offset + 2) == UInt8(ascii: "-"),
            before == UInt8(ascii: "-") || window.at(offset + 5) == UInt8(ascii: "-")
        {
            forms.insert(.macAddress)
        }
        if self.row > self.first {
            if (self.first == 8 && self.row == 9) || (self.first == 17 && self.row == 18) { forms.insert(.nationalID) }
            // An extension: `5550132x12`.
            let after = window.at(offset + self.first) | 0x20
            if self.first >= Prefilter.fewestDigits, after == UInt8(ascii: "x") || after == UInt8(ascii: "e") {
                forms.insert(.phone)
            }
        } else if self.first < 64, self.separators >> UInt64(self.first) & 1 == 1 {
            forms.formUnion(self.grouped(at: offset, before: before, isNamed: isNamed, window))
        } else {
            forms.formUnion(self.plain(at: offset, before: before, isNamed: isNamed, window))
        }
        return forms
    }

    /// Of one group with nothing behind it that a number could go on with.
    @inline(__always)
    private func plain(at offset: Int, before: UInt8, isNamed: Bool, _ window: Window) -> NumberForms {
        var forms: NumberForms = []
        if self.first < Prefilter.fewestDigits { return forms }
        if self.first >= 12 { forms.insert(.card) }
        if self.first == 9 { forms.insert(.ssn) }
        switch self.first {
        case 9...12, 14, 15, 18: forms.insert(.nationalID)
        default: break
        }
        if self.first <= 15, isNamed || window.at(offset) == UInt8(ascii: "0") || self.isNamedBehind(offset, window),
            !Self.goesOn(before, window.at(offset - 2))
        {
            forms.insert(.phone)
        }
        return forms
    }

    /// Of groups with one or two separators between them.
    @inline(__always)
    private func grouped(at offset: Int, before: UInt8, isNamed: Bool, _ window: Window) -> NumberForms {
        var rest = Rest(digits: self.digits >> UInt64(self.first), separators: self.separators >> UInt64(self.first))
        guard let (between, second) = rest.next() else {
            return self.plain(at: offset, before: before, isNamed: isNamed, window)
        }
        let next = rest.next()
        let third = next?.count ?? 0
        if self.isDate(window.at(offset), second, third) { return [] }
        var forms: NumberForms = self.first >= 12 ? .card : []
        // Most numbers of two groups are decimals.
        var digits = self.first + second + third
        if third == 0 && digits < Prefilter.fewestDigits { return forms }
        let isTight = between == 1 && (third == 0 || next?.between == 1)
        let hasDots =
            isTight && third > 0 && window.at(offset + self.first) == UInt8(ascii: ".")
            && window.at(offset + self.first + 1 + second) == UInt8(ascii: ".")
        if isTight {
            if self.first == 4, second == 4 || second == 6 { forms.insert(.card) }
            if self.first == 3, second == 2, third == 4 { forms.insert(.ssn) }
            if hasDots, self.first <= 3, second <= 3, third <= 3, self.mayBePublic(at: offset, before: before, window) {
                forms.insert(.ipAddress)
            }
        }
        if between == 1, Self.mayBeNational(self.first, second, third, hasDots: hasDots) { forms.insert(.nationalID) }
        if self.first == 9 { forms.insert(.ssn) }
        // By itself a number is one of a telephone by a leading zero, or as North America groups it.
        guard
            isNamed || window.at(offset) == UInt8(ascii: "0") || (second == 3 && (third == 3 || third == 4))
                || self.isNamedBehind(offset, window)
        else { return forms }
        // Only what has too few digits so far must be counted to the end.
        if third > 0 {
            while digits < Prefilter.fewestDigits, let more = rest.next() { digits += more.count }
        }
        if digits >= Prefilter.fewestDigits, !Self.goesOn(before, window.at(offset - 2)),
            !(hasDots && self.isAddress(at: offset, second, third, &rest, window))
        {
            forms.insert(.phone)
        }
        return forms
    }

    /// Whether a blank or a hyphen follows, and behind it what may be a word for a telephone.
    private func isNamedBehind(_ offset: Int, _ window: Window) -> Bool {
        let end = offset + (~(self.digits | self.separators)).trailingZeroBitCount
        guard window.at(end).isLetter else { return false }
        return View.phoneWordsBehind.mayBegin(window.at(end), window.at(end + 1), window.at(end + 2))
    }

    /// The groups that are still to be counted.
    private struct Rest {
        var digits: UInt64
        var separators: UInt64

        /// How many separators stand before the next group, one or two, and how many digits it has.
        @inline(__always)
        mutating func next() -> (between: Int, count: Int)? {
            let between = (~self.separators).trailingZeroBitCount
            guard between == 1 || between == 2 else { return nil }
            let digits = self.digits >> UInt64(between)
            let count = (~digits).trailingZeroBitCount
            guard count > 0 else { return nil }
            self.digits = digits >> UInt64(count)
            self.separators >>= UInt64(between + count)
            return (between, count)
        }
    }

    /// Whether this is written as an IPv4 address, whose first part isn't that of a national telephone number.
    private func isAddress(at offset: Int, _ second: Int, _ third: Int, _ rest: inout Rest, _ window: Window) -> Bool {
        guard self.first <= 3, second <= 3, third <= 3, window.at(offset) != UInt8(ascii: "0"),
            window.at(offset + self.first + second + third + 2) == UInt8(ascii: "."), let fourth = rest.next(),
            fourth.between == 1, fourth.count <= 3
        else { return false }
        return rest.next() == nil
    }

    /// Whether four numbers may be an address that says something of a person: not of the largest private network, and no
    /// version behind a name (`Chrome/120.0.0.0`).
    @inline(__always)
    private func mayBePublic(at offset: Int, before: UInt8, _ window: Window) -> Bool {
        if before == UInt8(ascii: "/"), window.at(offset - 2) != UInt8(ascii: "/") { return false }
        return self.first != 2 || window.at(offset) != UInt8(ascii: "1") || window.at(offset + 1) != UInt8(ascii: "0")
    }

    /// Whether the groups of digits without letters before them are those of some country's number.
    private static func mayBeNational(_ first: Int, _ second: Int, _ third: Int, hasDots: Bool) -> Bool {
        switch (first, second) {
        case (1, 2), (2, 2): third == 2 && !hasDots
        case (2, 3): third == 3
        case (3, 2): third == 4
        case (3, 3): third == 3 || third == 4
        case (4, 4): third == 4
        case (2, 7), (6, 7): third == 0
        case (9...12, _), (14, _), (15, _), (18, _): true
        default: false
        }
    }

    private func isDate(_ digit: UInt8, _ second: Int, _ third: Int) -> Bool {
        // No year begins with a zero.
        (self.first == 4 && digit != 0x30 && (1...2).contains(second) && (1...2).contains(third))
            || (self.first <= 2 && (1...2).contains(second) && third == 4)
    }

    /// Whether the digits go on those of a date, a time, a version or a range.
    @inline(__always)
    private static func goesOn(_ before: UInt8, _ beforeThat: UInt8) -> Bool {
        switch before {
        case UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ","): beforeThat.isDigit
        case UInt8(ascii: "-"): beforeThat.isHexDigit
        default: false
        }
    }
}
