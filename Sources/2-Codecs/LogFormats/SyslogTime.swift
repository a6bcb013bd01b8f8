/// Times of RFC 5424, section 6.2.3: RFC 3339 with at most nine digits of a second here (six there).
enum SyslogTime {
    /// Nanoseconds since 1970; nil for what isn't such a time, or lies before.
    static func parse(_ text: ArraySlice<UInt8>) -> UInt64? {
        var rest = text
        func digits(_ count: Int, in range: ClosedRange<Int64>) -> Int64? {
            guard rest.count >= count else { return nil }
            var number: Int64 = 0
            for byte in rest.prefix(count) {
                guard (0x30...0x39).contains(byte) else { return nil }
                number = number * 10 + Int64(byte - 0x30)
            }
            rest = rest.dropFirst(count)
            return range.contains(number) ? number : nil
        }
        func mark(_ byte: UInt8) -> Bool {
            guard rest.first == byte else { return false }
            rest = rest.dropFirst()
            return true
        }
        guard let year = digits(4, in: 1970...2261), mark(0x2D), let month = digits(2, in: 1...12), mark(0x2D),
            let day = digits(2, in: 1...31), mark(UInt8(ascii: "T")), let hour = digits(2, in: 0...23), mark(0x3A),
            let minute = digits(2, in: 0...59), mark(0x3A), let second = digits(2, in: 0...60)
        else { return nil }
        var fraction: Int64 = 0
        if mark(UInt8(ascii: ".")) {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...9).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            for place in 0..<9 {
                let digit = place < digits.count ? Int64(digits[digits.startIndex + place] - 0x30) : 0
                fraction = fraction * 10 + digit
            }
        }
        var offset: Int64 = 0
        if !mark(UInt8(ascii: "Z")) {
            let isWest = rest.first == 0x2D
            guard isWest || rest.first == 0x2B else { return nil }
            rest = rest.dropFirst()
            guard let hours = digits(2, in: 0...23), mark(0x3A), let minutes = digits(2, in: 0...59) else { return nil }
            offset = (hours * 60 + minutes) * (isWest ? -60 : 60)
        }
        guard rest.isEmpty else { return nil }
        let seconds = Self.days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        guard seconds >= 0 else { return nil }
        return UInt64(seconds) * 1_000_000_000 + UInt64(fraction)
    }

    /// In UTC, with microseconds.
    static func text(_ time: UInt64) -> String {
        let seconds = Int64(time / 1_000_000_000)
        let (year, month, day) = Self.date(seconds / 86_400)
        let second = seconds % 86_400
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let micros = "\(time / 1000 % 1_000_000)"
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))."
            + String(repeating: "0", count: 6 - micros.count) + micros + "Z"
    }

    /// Days since 1970 of a date of the Gregorian calendar, from a year that begins in March (as C++'s `chrono`).
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }
}
