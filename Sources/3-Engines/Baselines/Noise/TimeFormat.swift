/// How a time is written. Texts have a pattern of `YYYY`, `MM`, `DD`, `hh`, `mm`, `ss`, one `f` for each digit of a
/// fraction (`f*` for any number of them), `+hh:mm` or `+hhmm` for an offset, and what else stands there as it is:
/// `YYYY-MM-DDThh:mm:ss.fffZ`. HTTP's own (RFC 9110, 5.6.7) is `http-date`; numbers since 1970 are `unix-s` to
/// `unix-ns`.
package struct TimeFormat: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    private let parts: [Part]

    private enum Part: Hashable, Sendable {
        case year, month, day, hour, minute, second
        case fraction(Int?)
        /// Whether a colon is in it.
        case offset(Bool)
        case literal(UInt8)
        case httpDate
        /// How many of it make a second.
        case unix(Double)
    }

    private static let units: [(name: String, perSecond: Double)] = [
        ("unix-s", 1), ("unix-ms", 1e3), ("unix-us", 1e6), ("unix-ns", 1e9),
    ]

    /// Nil for what has no field of a time in it.
    package init?(_ text: String) {
        self.text = text
        if text == "http-date" {
            self.parts = [.httpDate]
        } else if let unit = Self.units.first(where: { $0.name == text }) {
            self.parts = [.unix(unit.perSecond)]
        } else {
            self.parts = Self.parts(Array(text.utf8))
            guard self.parts.contains(where: { if case .literal = $0 { false } else { true } }) else { return nil }
        }
    }

    package var description: String { self.text }
    var isNumber: Bool { if case .unix = self.parts.first { true } else { false } }

    private static func parts(_ pattern: [UInt8]) -> [Part] {
        let fields: [(String, Part)] = [
            ("YYYY", .year), ("MM", .month), ("DD", .day), ("hh", .hour), ("mm", .minute), ("ss", .second),
            ("f*", .fraction(nil)), ("+hh:mm", .offset(true)), ("+hhmm", .offset(false)),
        ]
        var parts: [Part] = []
        var rest = pattern[...]
        while let byte = rest.first {
            if let (text, part) = fields.first(where: { rest.starts(with: $0.0.utf8) }) {
                parts.append(part)
                rest = rest.dropFirst(text.utf8.count)
            } else if byte == UInt8(ascii: "f") {
                let digits = rest.prefix { $0 == byte }.count
                parts.append(.fraction(digits))
                rest = rest.dropFirst(digits)
            } else {
                parts.append(.literal(byte))
                rest = rest.dropFirst()
            }
        }
        return parts
    }

    // MARK: reading

    /// Seconds since 1970, or since midnight where the format has no day. Nil for what isn't such a time.
    package func seconds(_ text: String) -> Double? {
        if case .unix(let perSecond)? = self.parts.first {
            guard text.utf8.allSatisfy(\.isDigit), let value = Double(text) else { return nil }
            return Self.plausible(value / perSecond)
        }
        if self.parts == [.httpDate] { return HTTPDate.seconds(text) }
        var rest = Array(text.utf8)[...]
        var (year, month, day): (Int?, Int, Int) = (nil, 1, 1)
        var seconds = 0.0
        for part in self.parts {
            switch part {
            case .year: year = Self.digits(&rest, 4, 0...9999)
            case .month:
                guard let value = Self.digits(&rest, 2, 1...12) else { return nil }
                month = value
            case .day:
                guard let value = Self.digits(&rest, 2, 1...31) else { return nil }
                day = value
            case .hour:
                guard let value = Self.digits(&rest, 2, 0...23) else { return nil }
                seconds += Double(value) * 3600
            case .minute:
                guard let value = Self.digits(&rest, 2, 0...59) else { return nil }
                seconds += Double(value) * 60
            case .second:
                guard let value = Self.digits(&rest, 2, 0...60) else { return nil }
                seconds += Double(value)
            case .fraction(let count):
                let digits = rest.prefix(while: \.isDigit)
                guard !digits.isEmpty, count.map({ $0 == digits.count }) ?? true else { return nil }
                seconds += Double("0." + String(decoding: digits, as: UTF8.self)) ?? 0
                rest = rest.dropFirst(digits.count)
            case .offset(let hasColon):
                guard let offset = Self.offset(&rest, hasColon) else { return nil }
                seconds -= offset
            case .literal(let byte): guard rest.popFirst() == byte else { return nil }
            case .httpDate, .unix: return nil
            }
        }
        guard rest.isEmpty else { return nil }
        guard self.parts.contains(.year) else { return seconds }
        return year.map { Double(HTTPDate.days($0, month, day)) * 86_400 + seconds }
    }

    private static func digits(_ rest: inout ArraySlice<UInt8>, _ count: Int, _ range: ClosedRange<Int>) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy(\.isDigit) else { return nil }
        let value = digits.reduce(0) { $0 * 10 + Int($1 & 15) }
        rest = rest.dropFirst(count)
        return range.contains(value) ? value : nil
    }

    private static func offset(_ rest: inout ArraySlice<UInt8>, _ hasColon: Bool) -> Double? {
        guard let sign = rest.popFirst(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = self.digits(&rest, 2, 0...23), !hasColon || rest.popFirst() == UInt8(ascii: ":"),
            let minutes = self.digits(&rest, 2, 0...59)
        else { return nil }
        let seconds = Double(hours * 60 + minutes) * 60
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    /// From 2001 to 2100: what else is counted isn't taken for time.
    private static func plausible(_ seconds: Double) -> Double? { (1e9...4.1e9).contains(seconds) ? seconds : nil }

    // MARK: recognising

    /// The format of a text, if it's a time as services write them.
    package static func recognised(_ text: String) -> TimeFormat? {
        if HTTPDate.seconds(text) != nil { return TimeFormat("http-date") }
        let bytes = Array(text.utf8)
        guard (8...40).contains(bytes.count), bytes[0].isDigit else { return nil }
        var pattern = ""
        var rest = bytes[...]
        if bytes.count >= 10, bytes[4] == UInt8(ascii: "-") {
            pattern = "YYYY-MM-DD"
            rest = rest.dropFirst(10)
            guard let separator = rest.popFirst() else { return TimeFormat(pattern)?.fitting(text) }
            guard [UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " ")].contains(separator) else { return nil }
            pattern.unicodeScalars.append(Unicode.Scalar(separator))
        }
        guard rest.count >= 5, rest[rest.startIndex + 2] == UInt8(ascii: ":") else { return nil }
        pattern += "hh:mm"
        rest = rest.dropFirst(5)
        if rest.first == UInt8(ascii: ":") {
            pattern += ":ss"
            rest = rest.dropFirst(3)
            if let point = rest.first, point == UInt8(ascii: ".") || point == UInt8(ascii: ",") {
                let digits = rest.dropFirst().prefix(while: \.isDigit).count
                pattern.unicodeScalars.append(Unicode.Scalar(point))
                pattern += String(repeating: "f", count: digits)
                rest = rest.dropFirst(1 + digits)
            }
        }
        switch rest.first {
        case UInt8(ascii: "Z"): pattern += "Z"
        case UInt8(ascii: "z"): pattern += "z"
        case UInt8(ascii: "+"), UInt8(ascii: "-"): pattern += rest.count > 5 ? "+hh:mm" : "+hhmm"
        default: break
        }
        return TimeFormat(pattern)?.fitting(text)
    }

    /// The unit of a number since 1970 that's within two days of `now`.
    static func recognised(unix text: String, now: Double) -> TimeFormat? {
        Self.units.lazy.compactMap { TimeFormat($0.name) }
            .first { format in format.seconds(text).map { abs($0 - now) < 172_800 } ?? false }
    }

    private func fitting(_ text: String) -> Self? { self.seconds(text) == nil ? nil : self }

    /// The same with any number of digits behind the point.
    var withAnyFraction: TimeFormat? {
        guard let start = self.text.firstIndex(of: "f") else { return nil }
        let end = self.text[start...].firstIndex { $0 != "f" } ?? self.text.endIndex
        return TimeFormat(self.text.replacingSubrange(start..<end, with: "f*"))
    }
}

extension String {
    fileprivate func replacingSubrange(_ range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}

/// `Fri, 27 Nov 2026 21:01:19 GMT`: the one form of RFC 9110, section 5.6.7, that's still made. Cookies of older
/// servers have hyphens in it.
package enum HTTPDate {
    static let length = 29
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

    static func seconds(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count == self.length, bytes[3] == UInt8(ascii: ","), bytes[25...].elementsEqual(" GMT".utf8),
            bytes[19] == UInt8(ascii: ":"), bytes[22] == UInt8(ascii: ":")
        else { return nil }
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        func number(_ range: Range<Int>) -> Int? { bytes[range].allSatisfy(\.isDigit) ? Int(part(range)) : nil }
        guard self.weekdays.contains(part(0..<3)), let month = self.months.firstIndex(of: part(8..<11)),
            let day = number(5..<7), let year = number(12..<16), let hour = number(17..<19),
            let minute = number(20..<22),
            let second = number(23..<25)
        else { return nil }
        return Double(self.days(year, month + 1, day)) * 86_400 + Double(hour * 3600 + minute * 60 + second)
    }

    /// Days from 1970-01-01 on in the Gregorian calendar.
    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years that begin in March, so that a leap day is the last of one.
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The day that's so many days from 1970-01-01.
    static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
