/// A moment in UTC, to the nanosecond, in the Gregorian calendar for all time.
package struct SuiteDate: Hashable, Sendable, Comparable {
    /// Since 1970, negative before.
    package let seconds: Int64
    /// 0 to 999,999,999.
    package let nanoseconds: Int

    /// Years that can be written and read.
    static let years: ClosedRange<Int64> = -9_999...9_999

    package init(seconds: Int64, nanoseconds: Int = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// As templates write it: `2000-01-01T12:00:00.123456Z`.
    package var rfc3339: String {
        let fields = self.fields
        let micros = String(self.nanoseconds / 1_000)
        return fields.date + "T" + fields.time + "." + String(repeating: "0", count: 6 - micros.count) + micros + "Z"
    }

    /// Whole days from one to the other, none counted that isn't full.
    package func days(since other: SuiteDate) -> Int64 {
        var seconds = self.seconds - other.seconds
        let nanoseconds = self.nanoseconds - other.nanoseconds
        if seconds > 0, nanoseconds < 0 { seconds -= 1 }
        if seconds < 0, nanoseconds > 0 { seconds += 1 }
        return seconds / 86_400
    }
}

/// A moment in the parts that a calendar has.
struct DateFields {
    var year: Int64
    /// 1 to 12.
    var month: Int64
    /// 1 to 31.
    var day: Int64
    var hour: Int64
    var minute: Int64
    var second: Int64
    var nanoseconds: Int

    /// 0 for Sunday.
    var weekday: Int64 { (Self.days(self.year, self.month, self.day) % 7 + 7 + 4) % 7 }
    /// 1 to 366.
    var dayOfYear: Int64 { Self.days(self.year, self.month, self.day) - Self.days(self.year, 1, 1) + 1 }
    /// The week of the year, the first beginning with its first Sunday.
    var sundayWeek: Int64 { (self.dayOfYear + 6 - self.weekday) / 7 }
    /// The week of the year, the first beginning with its first Monday.
    var mondayWeek: Int64 { (self.dayOfYear + 6 - (self.weekday + 6) % 7) / 7 }

    /// By ISO 8601: the week with the year's first Thursday is the first.
    var isoWeek: (year: Int64, week: Int64) {
        let fromMonday = (self.weekday + 6) % 7
        let thursday = Self.days(self.year, self.month, self.day) - fromMonday + 3
        let year = DateFields.civil(thursday).year
        return (year, (thursday - Self.days(year, 1, 1)) / 7 + 1)
    }

    var date: String { "\(Self.year(self.year))-\(Self.two(self.month))-\(Self.two(self.day))" }
    var time: String { "\(Self.two(self.hour)):\(Self.two(self.minute)):\(Self.two(self.second))" }

    static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// Four digits, more with a sign.
    static func year(_ year: Int64) -> String {
        let digits = String(abs(year))
        let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return year < 0 ? "-\(padded)" : year > 9_999 ? "+\(padded)" : padded
    }

    static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    static func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400
        return month < 10 ? (year, month + 3, day) : (year + 1, month - 9, day)
    }
}

extension SuiteDate {
    var fields: DateFields {
        var days = self.seconds / 86_400
        var rest = self.seconds % 86_400
        if rest < 0 {
            days -= 1
            rest += 86_400
        }
        let (year, month, day) = DateFields.civil(days)
        return DateFields(
            year: year, month: month, day: day, hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60,
            nanoseconds: self.nanoseconds)
    }

    /// - Parameter offset: of the local time from UTC, in seconds.
    init(_ fields: DateFields, offset: Int64 = 0) {
        let days = DateFields.days(fields.year, fields.month, fields.day)
        let seconds = days * 86_400 + fields.hour * 3_600 + fields.minute * 60 + fields.second
        self.init(seconds: seconds - offset, nanoseconds: fields.nanoseconds)
    }
}
