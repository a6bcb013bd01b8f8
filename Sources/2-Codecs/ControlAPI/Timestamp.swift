package import GloveboxCore

/// A moment in the API: an RFC 3339 string in UTC, with as many fraction digits (0, 3, 6 or 9) as it takes to be exact.
/// Any RFC 3339 form is read, offsets included.
package struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package var wall: WallTime

    package init(_ wall: WallTime) {
        self.wall = wall
    }

    /// `nil` when `text` is no RFC 3339 date-time, or lies outside the years 1678 to 2261 that 64 bits of nanoseconds
    /// carry. A leap second counts as the second after it.
    package init?(_ text: String) {
        var scanner = Scanner(text)
        guard let year = scanner.number(4), scanner.take("-"),
            let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), scanner.take("T", "t", " "),
            let hour = scanner.number(2), scanner.take(":"),
            let minute = scanner.number(2), scanner.take(":"),
            let second = scanner.number(2),
            (1678...2261).contains(year), (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var nanoseconds: Int64 = 0
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            nanoseconds = fraction
        }
        var offset: Int64 = 0
        if !scanner.take("Z", "z") {
            let sign: Int64 = scanner.take("-") ? -1 : 1
            guard sign < 0 || scanner.take("+"), let hours = scanner.number(2), scanner.take(":"),
                let minutes = scanner.number(2), hours < 24, minutes < 60
            else { return nil }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard scanner.isAtEnd else { return nil }
        let seconds =
            Self.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = scaled.addingReportingOverflow(nanoseconds)
        guard !overflow, !carried else { return nil }
        self.wall = WallTime(nanoseconds: sum)
    }

    package var description: String {
        let (seconds, fraction) = Self.floored(self.wall.nanoseconds, by: 1_000_000_000)
        let (days, ofDay) = Self.floored(seconds, by: 86_400)
        let (year, month, day) = Self.date(days: days)
        var text =
            "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
            + "T\(Self.padded(ofDay / 3600, 2)):\(Self.padded(ofDay / 60 % 60, 2)):\(Self.padded(ofDay % 60, 2))"
        if fraction % 1_000_000 == 0, fraction != 0 {
            text += ".\(Self.padded(fraction / 1_000_000, 3))"
        } else if fraction % 1000 == 0, fraction != 0 {
            text += ".\(Self.padded(fraction / 1000, 6))"
        } else if fraction != 0 {
            text += ".\(Self.padded(fraction, 9))"
        }
        return text + "Z"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a time such as 2025-03-31T14:05:00Z is wanted")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }

    package static func < (a: Self, b: Self) -> Bool { a.wall < b.wall }

    // The proleptic Gregorian calendar in 400-year eras that begin in March, so that leap days come last.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, ofEra) = Self.floored(shifted, by: 400)
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, ofEra) = Self.floored(days + 719_468, by: 146_097)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) {
            self.rest = text[...].utf8
        }

        var isAtEnd: Bool { self.rest.isEmpty }

        mutating func take(_ characters: Unicode.Scalar...) -> Bool {
            guard let first = self.rest.first, characters.contains(Unicode.Scalar(first)) else { return false }
            self.rest = self.rest.dropFirst()
            return true
        }

        mutating func number(_ width: Int) -> Int64? {
            guard self.rest.count >= width else { return nil }
            var value: Int64 = 0
            for byte in self.rest.prefix(width) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            self.rest = self.rest.dropFirst(width)
            return value
        }

        /// In nanoseconds; digits past the ninth are dropped.
        mutating func fraction() -> Int64? {
            let digits = self.rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            self.rest = self.rest.dropFirst(digits.count)
            var value: Int64 = 0
            for byte in digits.prefix(9) { value = value * 10 + Int64(byte - 0x30) }
            for _ in 0..<max(0, 9 - digits.count) { value *= 10 }
            return value
        }
    }
}

/// A duration in the API: a number of seconds, zero or more, at most 10 years; fractions are allowed.
package struct Seconds: Hashable, Comparable, Sendable, Codable {
    package var duration: Duration

    package init(_ duration: Duration) {
        self.duration = duration
    }

    private static let most = 315_360_000.0

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let seconds = try container.decode(Double.self)
        guard seconds >= 0, seconds <= Self.most else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a number of seconds from 0 to \(Int64(Self.most)) is wanted")
        }
        self.duration = .nanoseconds(Int64((seconds * 1_000_000_000).rounded()))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        let nanoseconds = max(0, self.duration.nanosecondsClamped)
        if nanoseconds % 1_000_000_000 == 0 {
            try container.encode(nanoseconds / 1_000_000_000)
        } else {
            try container.encode(Double(nanoseconds) / 1_000_000_000)
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.duration < b.duration }
}
