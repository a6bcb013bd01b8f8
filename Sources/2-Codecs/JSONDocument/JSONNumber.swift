/// A number as it's written, of any size and precision. Two of them are equal when they have the same value, whatever
/// they look like: `1`, `1.0` and `10e-1`. Nothing is rounded for that: `9007199254740993` isn't `9007199254740992`.
package struct JSONNumber: Sendable {
    /// By the grammar of RFC 8259, section 6.
    package let text: String

    /// Digits that an exponent may have, zeros before it aside. Beyond them a value couldn't be compared exactly.
    static let longestExponent = 18

    /// The parser has seen that it's a number.
    init(checked text: String) {
        self.text = text
    }

    /// Nil for what isn't a number by RFC 8259.
    package init?(_ text: String) {
        guard case .number(let number)? = try? JSON(parsing: Array(text.utf8)), number.text == text else { return nil }
        self = number
    }

    package init(_ value: some FixedWidthInteger) {
        self.text = String(value)
    }

    /// In the fewest digits that lead back to the value. Nil for what is no number.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self.text = "\(value)"
    }

    /// Whether it's written without a fraction and an exponent. `1.0` isn't, though it's equal to `1`.
    package var isWrittenAsInteger: Bool {
        self.text.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") }
    }

    /// Its value, if that's a whole number of 64 bits, however it's written.
    package var int64: Int64? {
        if let value = Int64(self.text) { return value }
        let value = ExactDecimal(self.text)
        guard value.digits.count <= value.exponent || value.digits.isEmpty, value.exponent <= 19 else { return nil }
        var whole: Int64 = 0
        for place in 0..<max(0, value.exponent) {
            let (tens, tooLarge) = whole.multipliedReportingOverflow(by: 10)
            let digit = place < value.digits.count ? Int64(value.digits[place]) : 0
            let (sum, isTooLarge) = tens.addingReportingOverflow(value.isNegative ? -digit : digit)
            guard !tooLarge, !isTooLarge else { return nil }
            whole = sum
        }
        return whole
    }

    /// The nearest value of 64 bits, infinite beyond them.
    package var double: Double { Double(self.text) ?? .nan }
}

extension JSONNumber: Hashable, Comparable {
    package static func == (a: Self, b: Self) -> Bool {
        a.text == b.text || ExactDecimal(a.text) == ExactDecimal(b.text)
    }

    package static func < (a: Self, b: Self) -> Bool {
        if let a = Int64(a.text), let b = Int64(b.text) { return a < b }
        return ExactDecimal(a.text) < ExactDecimal(b.text)
    }

    package func hash(into hasher: inout Hasher) {
        ExactDecimal(self.text).hash(into: &hasher)
    }
}

/// A decimal number without loss: `0.DIGITS × 10^exponent`, no zero at either end of the digits, and none for nought.
private struct ExactDecimal: Hashable, Comparable {
    private(set) var isNegative = false
    private(set) var digits: [UInt8] = []
    private(set) var exponent = 0

    /// - Parameter text: a number by RFC 8259, its exponent no longer than ``JSONNumber/longestExponent``.
    init(_ text: String) {
        var exponent = 0
        var hasPoint = false
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "-"): self.isNegative = true
            case UInt8(ascii: "."): hasPoint = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                if rest.first == UInt8(ascii: "+") { rest.removeFirst() }
                exponent = Int(String(decoding: rest, as: UTF8.self)) ?? 0
                rest = rest[rest.endIndex...]
            default:
                if self.digits.isEmpty && byte == UInt8(ascii: "0") {
                    if hasPoint { self.exponent -= 1 }
                } else {
                    self.digits.append(byte & 0x0F)
                    if !hasPoint { self.exponent += 1 }
                }
            }
        }
        while self.digits.last == 0 { self.digits.removeLast() }
        guard !self.digits.isEmpty else {
            self.isNegative = false
            self.exponent = 0
            return
        }
        self.exponent += exponent
    }

    static func < (a: Self, b: Self) -> Bool {
        guard a.isNegative == b.isNegative else { return a.isNegative }
        return a.isNegative ? b.isSmaller(than: a) : a.isSmaller(than: b)
    }

    /// Regardless of signs.
    private func isSmaller(than other: Self) -> Bool {
        guard !self.digits.isEmpty && !other.digits.isEmpty else { return self.digits.isEmpty && !other.digits.isEmpty }
        guard self.exponent == other.exponent else { return self.exponent < other.exponent }
        return self.digits.lexicographicallyPrecedes(other.digits)
    }
}
