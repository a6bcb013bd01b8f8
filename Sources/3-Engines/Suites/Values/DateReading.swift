/// Reads a date by a format: with an offset it's a moment, without one it's taken as UTC, and without a time as the day's
/// begin. What a text says twice has to agree.
struct DateReading {
    private var rest: Substring.UnicodeScalarView
    private var year: Int64?
    private var century: Int64?
    private var yearOfCentury: Int64?
    private var isoYear: Int64?
    private var isoYearOfCentury: Int64?
    private var isoWeek: Int64?
    private var sundayWeek: Int64?
    private var mondayWeek: Int64?
    private var quarter: Int64?
    private var month: Int64?
    private var day: Int64?
    /// 0 for Sunday.
    private var weekday: Int64?
    private var dayOfYear: Int64?
    private var hour: Int64?
    private var hour12: Int64?
    private var isAfternoon: Bool?
    private var minute: Int64?
    private var second: Int64?
    private var nanoseconds: Int64?
    private var timestamp: Int64?
    private var offset: Int64?

    /// Nil where the text isn't by the format.
    static func date(_ text: String, by format: DateFormat) -> SuiteDate? {
        var reading = Self(rest: Substring(text).unicodeScalars)
        for item in format.items {
            guard reading.read(item) else { return nil }
        }
        guard reading.rest.isEmpty else { return nil }
        return reading.date
    }

    private init(rest: Substring.UnicodeScalarView) {
        self.rest = rest
    }

    // MARK: reading

    private mutating func read(_ item: DateFormat.Item) -> Bool {
        switch item {
        case .text(let text):
            guard self.rest.starts(with: text.unicodeScalars) else { return false }
            self.rest.removeFirst(text.unicodeScalars.count)
            return true
        case .space:
            self.skipSpace()
            return true
        case .number(let number, _): return self.read(number)
        case .name(let name): return self.read(name)
        }
    }

    private mutating func skipSpace() { self.rest = self.rest.drop { $0.properties.isWhitespace } }

    /// Decimal digits, so many at most; nil where there are fewer than `least`.
    private mutating func digits(_ least: Int, _ most: Int) -> (value: Int64, count: Int)? {
        let run = self.rest.prefix(most).prefix { ("0"..."9").contains($0) }
        guard run.count >= least, let value = Int64(String(run)) else { return nil }
        self.rest = self.rest[run.endIndex...]
        return (value, run.count)
    }

    private mutating func read(_ number: DateFormat.Number) -> Bool {
        self.skipSpace()
        var isNegative = false
        var most = number.width
        switch number {
        case .year, .isoYear, .timestamp:
            if self.rest.first == "-" || self.rest.first == "+" {
                isNegative = self.rest.removeFirst() == "-"
                most = 18
            }
        default: break
        }
        guard let (digits, _) = self.digits(1, most) else { return false }
        let value = isNegative ? -digits : digits
        switch number {
        case .year: return self.set(\.year, value, SuiteDate.years)
        case .century: return self.set(\.century, value, 0...99)
        case .yearOfCentury: return self.set(\.yearOfCentury, value, 0...99)
        case .isoYear: return self.set(\.isoYear, value, SuiteDate.years)
        case .isoYearOfCentury: return self.set(\.isoYearOfCentury, value, 0...99)
        case .quarter: return self.set(\.quarter, value, 1...4)
        case .month: return self.set(\.month, value, 1...12)
        case .day: return self.set(\.day, value, 1...31)
        case .sundayWeek: return self.set(\.sundayWeek, value, 0...53)
        case .mondayWeek: return self.set(\.mondayWeek, value, 0...53)
        case .isoWeek: return self.set(\.isoWeek, value, 1...53)
        case .weekdayFromSunday: return self.set(\.weekday, value, 0...6)
        case .weekdayFromMonday: return (1...7).contains(value) && self.set(\.weekday, value % 7, 0...6)
        case .dayOfYear: return self.set(\.dayOfYear, value, 1...366)
        case .hour: return self.set(\.hour, value, 0...23)
        case .hour12: return self.set(\.hour12, value, 1...12)
        case .minute: return self.set(\.minute, value, 0...59)
        case .second: return self.set(\.second, value, 0...60)
        case .nanosecond: return self.set(\.nanoseconds, value, 0...999_999_999)
        case .timestamp: return self.set(\.timestamp, value, -377_705_116_800...253_402_300_799)
        }
    }

    private mutating func set(
        _ field: WritableKeyPath<Self, Int64?>, _ value: Int64, _ range: ClosedRange<Int64>
    ) -> Bool {
        guard range.contains(value) else { return false }
        if let known = self[keyPath: field] { return known == value }
        self[keyPath: field] = value
        return true
    }

    private mutating func read(_ name: DateFormat.Name) -> Bool {
        switch name {
        case .month:
            return self.readName(DateFormat.months, inFull: false).map { self.set(\.month, $0 + 1, 1...12) } ?? false
        case .monthInFull:
            return self.readName(DateFormat.months, inFull: true).map { self.set(\.month, $0 + 1, 1...12) } ?? false
        case .weekday:
            return self.readName(DateFormat.weekdays, inFull: false).map { self.set(\.weekday, $0, 0...6) } ?? false
        case .weekdayInFull:
            return self.readName(DateFormat.weekdays, inFull: true).map { self.set(\.weekday, $0, 0...6) } ?? false
        case .lowerMeridian, .upperMeridian:
            let word = String(self.rest.prefix(2)).lowercased()
            guard word == "am" || word == "pm" else { return false }
            self.rest.removeFirst(2)
            if let known = self.isAfternoon { return known == (word == "pm") }
            self.isAfternoon = word == "pm"
            return true
        case .fraction, .fixedFraction:
            guard self.rest.first == "." else { return true }
            self.rest.removeFirst()
            return self.readFraction(1)
        case .digits(let count):
            guard let (value, _) = self.digits(count, count) else { return false }
            return self.set(\.nanoseconds, value * (count == 3 ? 1_000_000 : count == 6 ? 1_000 : 1), 0...999_999_999)
        case .zone:
            self.rest = self.rest.drop { !$0.properties.isWhitespace }
            return true
        case .offset(_, let isPermissive):
            self.skipSpace()
            return self.readOffset(isPermissive: isPermissive, takesZ: isPermissive)
        case .rfc3339: return self.readRFC3339()
        }
    }

    /// The place of the name that stands here; in full or by its first three letters.
    private mutating func readName(_ names: [String], inFull: Bool) -> Int64? {
        for (index, name) in names.enumerated() {
            guard String(self.rest.prefix(3)).lowercased() == name.prefix(3).lowercased() else { continue }
            let count = name.unicodeScalars.count
            let isFull = inFull && String(self.rest.prefix(count)).lowercased() == name.lowercased()
            self.rest.removeFirst(isFull ? count : 3)
            return Int64(index)
        }
        return nil
    }

    /// Digits behind a point; those beyond nanoseconds count for nothing.
    private mutating func readFraction(_ least: Int) -> Bool {
        guard let (value, count) = self.digits(least, 9) else { return false }
        var nanoseconds = value
        for _ in count..<9 { nanoseconds *= 10 }
        self.rest = self.rest.drop { ("0"..."9").contains($0) }
        return self.set(\.nanoseconds, nanoseconds, 0...999_999_999)
    }

    /// `+01:00`, `+0100`, and where it's permissive `+01`.
    private mutating func readOffset(isPermissive: Bool, takesZ: Bool) -> Bool {
        if takesZ, self.rest.first == "Z" || self.rest.first == "z" {
            self.rest.removeFirst()
            return self.set(\.offset, 0, 0...0)
        }
        guard let sign = self.rest.popFirst(), ["+", "-", "\u{2212}"].contains(sign),
            let (hours, _) = self.digits(2, 2)
        else { return false }
        self.rest = self.rest.drop { $0 == ":" || $0.properties.isWhitespace }
        let minutes = self.digits(2, 2)?.value ?? (isPermissive ? 0 : nil)
        guard let minutes, hours <= 23, minutes <= 59 else { return false }
        let offset = hours * 3_600 + minutes * 60
        return self.set(\.offset, sign == "+" ? offset : -offset, -86_400...86_400)
    }

    private mutating func readRFC3339() -> Bool {
        func literal(_ scalars: [Unicode.Scalar], _ rest: inout Substring.UnicodeScalarView) -> Bool {
            guard let first = rest.first, scalars.contains(first) else { return false }
            rest.removeFirst()
            return true
        }
        guard let (year, _) = self.digits(4, 4), literal(["-"], &self.rest), let (month, _) = self.digits(2, 2),
            literal(["-"], &self.rest), let (day, _) = self.digits(2, 2), literal(["T", "t", " "], &self.rest),
            let (hour, _) = self.digits(2, 2), literal([":"], &self.rest), let (minute, _) = self.digits(2, 2),
            literal([":"], &self.rest), let (second, _) = self.digits(2, 2)
        else { return false }
        guard self.set(\.year, year, SuiteDate.years), self.set(\.month, month, 1...12), self.set(\.day, day, 1...31),
            self.set(\.hour, hour, 0...23), self.set(\.minute, minute, 0...59), self.set(\.second, second, 0...60)
        else { return false }
        if self.rest.first == "." {
            self.rest.removeFirst()
            guard self.readFraction(1) else { return false }
        }
        return self.readOffset(isPermissive: false, takesZ: true)
    }

    // MARK: making a date of it

    private var date: SuiteDate? {
        if let timestamp = self.timestamp, self.year == nil, self.month == nil {
            return SuiteDate(seconds: timestamp, nanoseconds: Int(self.nanoseconds ?? 0))
        }
        guard let (year, month, day) = self.civil, let time = self.time else { return nil }
        // A leap second is the second before it, longer: there is no other place for it.
        let fields = DateFields(
            year: year, month: month, day: day, hour: time.hour, minute: time.minute, second: min(59, time.second),
            nanoseconds: Int(self.nanoseconds ?? 0))
        if let weekday = self.weekday, weekday != fields.weekday { return nil }
        if let dayOfYear = self.dayOfYear, dayOfYear != fields.dayOfYear { return nil }
        if let quarter = self.quarter, quarter != (fields.month + 2) / 3 { return nil }
        let date = SuiteDate(fields, offset: self.offset ?? 0)
        if let timestamp = self.timestamp, timestamp != date.seconds { return nil }
        return date
    }

    /// Of a time either nothing is said, or hour and minute at least.
    private var time: (hour: Int64, minute: Int64, second: Int64)? {
        var hour = self.hour
        if let hour12 = self.hour12, let isAfternoon = self.isAfternoon {
            let meant = hour12 % 12 + (isAfternoon ? 12 : 0)
            if let hour, hour != meant { return nil }
            hour = meant
        } else if self.hour12 != nil || (self.isAfternoon != nil && hour == nil) {
            return nil
        }
        guard let hour else {
            return self.minute == nil && self.second == nil && self.nanoseconds == nil && self.offset == nil
                ? (0, 0, 0) : nil
        }
        guard let minute = self.minute else { return nil }
        return (hour, minute, self.second ?? 0)
    }

    private func wholeYear(_ year: Int64?, _ century: Int64?, _ ofCentury: Int64?) -> Int64? {
        guard let ofCentury else { return year }
        if let year { return (year % 100 + 100) % 100 == ofCentury ? year : nil }
        if let century { return century * 100 + ofCentury }
        return ofCentury < 70 ? 2_000 + ofCentury : 1_900 + ofCentury
    }

    private var civil: (Int64, Int64, Int64)? {
        if let isoYear = self.wholeYear(self.isoYear, nil, self.isoYearOfCentury), let week = self.isoWeek,
            let weekday = self.weekday, self.month == nil, self.dayOfYear == nil
        {
            let fourth = DateFields.days(isoYear, 1, 4)
            let monday = fourth - ((fourth % 7 + 7 + 3) % 7)
            return DateFields.civil(monday + (week - 1) * 7 + (weekday + 6) % 7)
        }
        guard let year = self.wholeYear(self.year, self.century, self.yearOfCentury) else { return nil }
        if let month = self.month, let day = self.day {
            return day <= DateFields.daysInMonth(year, month) ? (year, month, day) : nil
        }
        let first = DateFields.days(year, 1, 1)
        if let dayOfYear = self.dayOfYear {
            return dayOfYear <= (DateFields.isLeap(year) ? 366 : 365) ? DateFields.civil(first + dayOfYear - 1) : nil
        }
        guard let weekday = self.weekday else { return nil }
        let firstWeekday = (first % 7 + 7 + 4) % 7
        let days: Int64
        if let week = self.sundayWeek {
            days = (7 - firstWeekday) % 7 + (week - 1) * 7 + weekday
        } else if let week = self.mondayWeek {
            days = (8 - firstWeekday) % 7 + (week - 1) * 7 + (weekday + 6) % 7
        } else {
            return nil
        }
        let date = DateFields.civil(first + days)
        return days >= 0 && date.year == year ? date : nil
    }
}

extension SuiteDate {
    /// A text by RFC 3339; nil for what is none.
    package init?(rfc3339 text: String) {
        guard let format = try? DateFormat("%+"), let date = DateReading.date(text, by: format) else { return nil }
        self = date
    }
}
