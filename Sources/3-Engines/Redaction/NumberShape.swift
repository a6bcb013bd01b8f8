/// A form of number that the byte scan finds.
enum NumberForm: Sendable {
    case card
    case iban
    case ipAddress
    case phone
    case ssn
    case nationalID
    case vin
    case macAddress
    case bitcoinAddress
    /// One that no shape rules out.
    case other

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
            default: .other
            }
    }
}

/// How digits stand in groups, from an anchor on: most numbers in logs are times, counts and addresses, and this says so
/// before a detector is asked. A shortcut: where `mayBe` says no, the form's detector would.
struct NumberShape {
    /// The byte before the first digit, and the one before that.
    private let before: (UInt8, UInt8)
    /// How many digits the first three groups have; at most 12, 7 and 7 are counted.
    private var first = 0
    private var second = 0
    private var third = 0
    private let digit: UInt8
    /// What stands behind the first group.
    private let after: UInt8
    /// Digits in all groups, as far as they were counted.
    private var digits = 0

    init(_ window: Window, at start: Int) {
        self.before = (window.at(start - 1), window.at(start - 2))
        self.digit = window.at(start)
        self.first = Self.count(start, most: 12, window)
        self.digits = self.first
        var end = start + self.first
        self.after = window.at(end)
        guard self.first < 12 else { return }
        var group = 1
        // Two more groups, or as many as make it a number.
        while group < 3 || self.digits < Prefilter.fewestDigits {
            var next = end
            while next - end < 2, window.at(next).isNumberSeparator { next += 1 }
            guard next > end, case let count = Self.count(next, most: Prefilter.fewestDigits, window), count > 0 else {
                return
            }
            if group == 1 { self.second = count } else if group == 2 { self.third = count }
            self.digits += count
            end = next + count
            group += 1
        }
    }

    @inline(__always)
    private static func count(_ start: Int, most: Int, _ window: Window) -> Int {
        let most = min(most, window.end - start)
        guard most > 0 else { return 0 }
        let bytes = window.base + (start - window.first)
        var count = 0
        while count < most, bytes[count].isDigit { count += 1 }
        return count
    }

    func mayBe(_ form: NumberForm) -> Bool {
        switch form {
        case .card:
            self.first >= 12
                || (self.first == 4 && (self.second == 4 || self.second == 6)
                    && (self.after == 0x20 || self.after == UInt8(ascii: "-")))
        case .iban:
            self.before.0.isLetter && self.before.1.isLetter && self.before.0.isUpper == self.before.1.isUpper
        case .ipAddress:
            self.first <= 3 && self.after == UInt8(ascii: ".") && self.second > 0 && self.third > 0
                && !self.before.0.isAlphanumeric
        case .phone:
            self.before.0 == UInt8(ascii: "+")
                || (self.digits >= Prefilter.fewestDigits && !self.isDate && !self.goesOn)
        case .ssn: self.first == 9 || (self.first == 3 && self.second == 2)
        case .nationalID:
            self.before.0.isUpper || self.after.isUpper || self.digits >= Prefilter.fewestDigits
                || (self.first == 2 && self.second == 2 && self.third == 2)
        case .vin: self.before.0.isUpper || self.after.isUpper
        case .macAddress: self.first == 2 && self.after == UInt8(ascii: "-")
        case .bitcoinAddress: !self.before.0.isAlphanumeric
        case .other: true
        }
    }

    private var isDate: Bool {
        // No year begins with a zero.
        (self.first == 4 && self.digit != 0x30 && (1...2).contains(self.second) && (1...2).contains(self.third))
            || (self.first <= 2 && (1...2).contains(self.second) && self.third == 4)
    }

    private var goesOn: Bool {
        self.before.0.isNumberJoint
            && (self.before.1.isDigit || (self.before.0 == UInt8(ascii: "-") && self.before.1.isHexDigit))
    }
}

extension UInt8 {
    @inline(__always) fileprivate var isNumberSeparator: Bool {
        switch self {
        case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "("),
            UInt8(ascii: ")"):
            true
        default: false
        }
    }

    /// What stands between the digits of a date, a time, a version or a range.
    @inline(__always) fileprivate var isNumberJoint: Bool {
        switch self {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ","): true
        default: false
        }
    }
}
