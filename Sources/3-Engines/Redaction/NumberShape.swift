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
    /// Those that no shape rules out.
    static let others = Self(rawValue: 1 << 9)

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
            default: .others
            }
    }
}

/// How digits stand in groups, from an anchor on: most numbers in logs are times, counts and addresses, and this says so
/// before a detector is asked.
struct NumberShape {
    /// How many digits the first three groups have.
    private var first: Int
    private var second = 0
    private var third = 0
    /// Digits in all groups, as far as they were counted.
    private var digits: Int
    /// Whether one byte stands between the first groups.
    private var isTight = false

    /// Where the first three groups end, if they and a fourth have one to three digits each, with one byte between two.
    private var quad: (Int, Int, Int)?

    /// - Parameters:
    ///   - digits: a bit for each digit from the anchor on.
    ///   - separators: a bit for each byte that may stand between the digits of a number.
    @inline(__always)
    init(digits: UInt64, separators: UInt64) {
        self.first = (~digits).trailingZeroBitCount
        self.digits = self.first
        var rest = Rest(digits: digits >> UInt64(self.first), separators: separators >> UInt64(self.first))
        var group = 1
        // Two more groups, or as many as make it a number.
        while group < 3 || self.digits < Prefilter.fewestDigits {
            guard let (between, count) = rest.next() else { return }
            if group == 1 {
                self.second = count
                self.isTight = between == 1
            } else if group == 2 {
                self.third = count
                self.isTight = self.isTight && between == 1
            }
            self.digits += count
            group += 1
        }
        guard group == 3, self.isTight, self.first <= 3, self.second <= 3, self.third <= 3, let fourth = rest.next(),
            fourth.between == 1, fourth.count <= 3, rest.next() == nil
        else { return }
        let end = self.first + 1 + self.second
        self.quad = (self.first, end, end + 1 + self.third)
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

    /// The forms that the number at `offset` may be of. A shortcut: of any other form, the detector would say no.
    @inline(__always)
    func forms(at offset: Int, _ window: Window) -> NumberForms {
        var forms = NumberForms.others
        let (before, beforeThat) = (window.at(offset - 1), window.at(offset - 2))
        let after = window.at(offset + self.first)
        if self.first >= 12 || (self.first == 4 && (self.second == 4 || self.second == 6)) { forms.insert(.card) }
        if before.isLetter, beforeThat.isLetter, before.isUpper == beforeThat.isUpper { forms.insert(.iban) }
        if before.isLetter ? Self.isRow(offset, 2, 4, window) : self.mayBeNational(before: after) {
            forms.insert(.nationalID)
        }
        // Of seventeen in a row, eight stand on one side of any.
        if before.isUpper || after.isUpper, Self.isRow(offset, 4, 8, window) || Self.isRow(offset, -4, -8, window) {
            forms.insert(.vin)
        }
        if self.first == 2, after == UInt8(ascii: "-") { forms.insert(.macAddress) }
        if self.first <= 3, self.third > 0, after == UInt8(ascii: "."), !before.isAlphanumeric {
            forms.insert(.ipAddress)
        }
        if self.first == 9 || (self.first == 3 && self.second == 2) { forms.insert(.ssn) }
        let digit = window.at(offset)
        if digit == UInt8(ascii: "1") || digit == UInt8(ascii: "3"), Self.isRow(offset, 12, 25, window) {
            forms.insert(.bitcoinAddress)
        }
        if before == UInt8(ascii: "+")
            || (self.digits >= Prefilter.fewestDigits && !self.isDate(digit) && !Self.goesOn(before, beforeThat)
                && !self.isAddress(at: offset, window))
        {
            forms.insert(.phone)
        }
        return forms
    }

    /// Whether letters or digits stand at both distances, as in every row that goes so far.
    private static func isRow(_ offset: Int, _ near: Int, _ far: Int, _ window: Window) -> Bool {
        window.at(offset + near).isAlphanumeric && window.at(offset + far).isAlphanumeric
    }

    /// Whether this is written as an IPv4 address, whose first part isn't that of a national telephone number.
    private func isAddress(at offset: Int, _ window: Window) -> Bool {
        guard let quad = self.quad, window.at(offset) != UInt8(ascii: "0") else { return false }
        return window.at(offset + quad.0) == UInt8(ascii: ".") && window.at(offset + quad.1) == UInt8(ascii: ".")
            && window.at(offset + quad.2) == UInt8(ascii: ".")
    }

    /// Whether the groups of digits without letters before them are those of some country's number.
    private func mayBeNational(before after: UInt8) -> Bool {
        switch (self.first, self.second) {
        case (1, 2), (2, 2): self.third == 2
        case (2, 3), (2, 7), (3, 2), (3, 3), (6, 7): true
        case (4, 4): self.third == 4
        case (8, _), (17, _): after.isLetter
        case (9...12, _), (14, _), (15, _), (18, _): true
        default: false
        }
    }

    private func isDate(_ digit: UInt8) -> Bool {
        // No year begins with a zero.
        (self.first == 4 && digit != 0x30 && (1...2).contains(self.second) && (1...2).contains(self.third))
            || (self.first <= 2 && (1...2).contains(self.second) && self.third == 4)
    }

    /// Whether the digits go on those of a date, a time, a version or a range.
    private static func goesOn(_ before: UInt8, _ beforeThat: UInt8) -> Bool {
        switch before {
        case UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ","): beforeThat.isDigit
        case UInt8(ascii: "-"): beforeThat.isHexDigit
        default: false
        }
    }
}
