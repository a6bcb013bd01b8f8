package import GloveboxCore

/// A day in UTC, `2026-11-27`.
package struct CalendarDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Since 1970-01-01.
    package var number: Int

    package init(number: Int) {
        self.number = number
    }

    package init(_ time: WallTime) {
        let (days, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 86_400_000_000_000)
        self.init(number: Int(rest < 0 ? days - 1 : days))
    }

    /// Nil for what's no day of the calendar.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy(\.isDigit) }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(number: HTTPDate.days(year, month, day))
        guard self.description == text else { return nil }
    }

    package var description: String {
        let date = HTTPDate.date(self.number)
        return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))"
    }

    package static func < (a: Self, b: Self) -> Bool { a.number < b.number }
}

extension Int {
    func padded(_ count: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, count - digits.utf8.count)) + digits
    }
}
