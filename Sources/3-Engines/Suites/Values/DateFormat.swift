/// A format as `chrono` has it (docs.rs/chrono, `format::strftime`), which Hurl's filters are documented with.
struct DateFormat {
    enum Padding {
        case usual
        case none
        case zero
        case space
    }

    enum Item {
        case text(String)
        case space(String)
        case number(Number, Padding)
        case name(Name)
    }

    enum Number {
        case year
        case century
        case yearOfCentury
        case isoYear
        case isoYearOfCentury
        case quarter
        case month
        case day
        case sundayWeek
        case mondayWeek
        case isoWeek
        case weekdayFromSunday
        case weekdayFromMonday
        case dayOfYear
        case hour
        case hour12
        case minute
        case second
        case nanosecond
        case timestamp

        /// Digits that are written at least, and read at most.
        var width: Int {
            switch self {
            case .year, .isoYear: 4
            case .dayOfYear: 3
            case .nanosecond: 9
            case .quarter, .weekdayFromSunday, .weekdayFromMonday: 1
            case .timestamp: 18
            default: 2
            }
        }
    }

    enum Name {
        case month
        case monthInFull
        case weekday
        case weekdayInFull
        case lowerMeridian
        case upperMeridian
        /// `%.f`: with its point, as many digits as are needed in threes.
        case fraction
        /// `%.3f`, `%.6f`, `%.9f`
        case fixedFraction(Int)
        /// `%3f`, `%6f`, `%9f`
        case digits(Int)
        case zone
        /// `%z`, `%:z`, `%::z`, `%:::z`, `%#z`
        case offset(colons: Int, isPermissive: Bool)
        /// `%+`
        case rfc3339
    }

    let items: [Item]

    /// - Throws: `suite_bad_format`.
    init(_ format: String) throws(SuiteError) {
        var items: [Item] = []
        var rest = Substring(format).unicodeScalars
        while let first = rest.first {
            if first == "%" {
                rest.removeFirst()
                items += try Self.specifier(&rest)
            } else if first.properties.isWhitespace {
                let run = rest.prefix { $0.properties.isWhitespace }
                items.append(.space(String(run)))
                rest = rest[run.endIndex...]
            } else {
                let run = rest.prefix { $0 != "%" && !$0.properties.isWhitespace }
                items.append(.text(String(run)))
                rest = rest[run.endIndex...]
            }
            // A format of formats is short; this bounds what one says.
            guard items.count < 1_000 else { throw SuiteError(.badFormat, "the format is too long") }
        }
        self.items = items
    }

    private static func specifier(_ rest: inout Substring.UnicodeScalarView) throws(SuiteError) -> [Item] {
        let start = String(rest.prefix(4))
        func unknown() -> SuiteError { SuiteError(.badFormat, "the format has no '%\(start)'") }
        func take(_ text: String, _ rest: inout Substring.UnicodeScalarView) -> Bool {
            guard rest.starts(with: text.unicodeScalars) else { return false }
            rest.removeFirst(text.unicodeScalars.count)
            return true
        }
        for (text, name) in Self.longNames where take(text, &rest) { return [.name(name)] }
        var padding = Padding.usual
        switch rest.first {
        case "-": padding = .none
        case "0": padding = .zero
        case "_": padding = .space
        default: break
        }
        if padding.isChosen { rest.removeFirst() }
        guard let letter = rest.popFirst() else { throw unknown() }
        if let number = Self.numbers[letter] {
            let usual: Padding = letter == "e" || letter == "k" || letter == "l" ? .space : .usual
            return [.number(number, padding.isChosen ? padding : usual)]
        }
        guard !padding.isChosen else { throw unknown() }
        if let name = Self.names[letter] { return [.name(name)] }
        switch letter {
        case "%": return [.text("%")]
        case "n": return [.space("\n")]
        case "t": return [.space("\t")]
        default: break
        }
        guard let meant = Self.shorthands[letter] else { throw unknown() }
        return try DateFormat(meant).items
    }

    private static let longNames: [(String, Name)] = [
        (".3f", .fixedFraction(3)), (".6f", .fixedFraction(6)), (".9f", .fixedFraction(9)), (".f", .fraction),
        ("3f", .digits(3)), ("6f", .digits(6)), ("9f", .digits(9)), (":::z", .offset(colons: 3, isPermissive: false)),
        ("::z", .offset(colons: 2, isPermissive: false)), (":z", .offset(colons: 1, isPermissive: false)),
        ("#z", .offset(colons: 0, isPermissive: true)),
    ]

    private static let numbers: [Unicode.Scalar: Number] = [
        "Y": .year, "C": .century, "y": .yearOfCentury, "q": .quarter, "m": .month, "d": .day, "e": .day,
        "w": .weekdayFromSunday, "u": .weekdayFromMonday, "U": .sundayWeek, "W": .mondayWeek, "G": .isoYear,
        "g": .isoYearOfCentury, "V": .isoWeek, "j": .dayOfYear, "H": .hour, "k": .hour, "I": .hour12, "l": .hour12,
        "M": .minute, "S": .second, "f": .nanosecond, "s": .timestamp,
    ]

    private static let names: [Unicode.Scalar: Name] = [
        "b": .month, "h": .month, "B": .monthInFull, "a": .weekday, "A": .weekdayInFull, "P": .lowerMeridian,
        "p": .upperMeridian, "Z": .zone, "z": .offset(colons: 0, isPermissive: false), "+": .rfc3339,
    ]

    private static let shorthands: [Unicode.Scalar: String] = [
        "D": "%m/%d/%y", "x": "%m/%d/%y", "F": "%Y-%m-%d", "v": "%e-%b-%Y", "R": "%H:%M", "T": "%H:%M:%S",
        "X": "%H:%M:%S", "r": "%I:%M:%S %p", "c": "%a %b %e %H:%M:%S %Y",
    ]

    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    // MARK: writing

    func text(_ date: SuiteDate) -> String {
        let fields = date.fields
        var text = ""
        for item in self.items {
            switch item {
            case .text(let literal), .space(let literal): text += literal
            case .number(let number, let padding): text += Self.text(number, padding, date, fields)
            case .name(let name): text += Self.text(name, fields)
            }
        }
        return text
    }

    private static func text(_ number: Number, _ padding: Padding, _ date: SuiteDate, _ fields: DateFields) -> String {
        let value: Int64
        switch number {
        case .year: value = fields.year
        case .century: value = (fields.year - (fields.year % 100 + 100) % 100) / 100
        case .yearOfCentury: value = (fields.year % 100 + 100) % 100
        case .isoYear: value = fields.isoWeek.year
        case .isoYearOfCentury: value = (fields.isoWeek.year % 100 + 100) % 100
        case .quarter: value = (fields.month + 2) / 3
        case .month: value = fields.month
        case .day: value = fields.day
        case .sundayWeek: value = fields.sundayWeek
        case .mondayWeek: value = fields.mondayWeek
        case .isoWeek: value = fields.isoWeek.week
        case .weekdayFromSunday: value = fields.weekday
        case .weekdayFromMonday: value = fields.weekday == 0 ? 7 : fields.weekday
        case .dayOfYear: value = fields.dayOfYear
        case .hour: value = fields.hour
        case .hour12: value = (fields.hour + 11) % 12 + 1
        case .minute: value = fields.minute
        case .second: value = fields.second
        case .nanosecond: value = Int64(fields.nanoseconds)
        case .timestamp: return String(date.seconds)
        }
        let digits = String(abs(value))
        let sign = value < 0 ? "-" : (number.isYear && value > 9_999) ? "+" : ""
        let missing = max(0, number.width - digits.count)
        switch padding {
        case .none: return sign + digits
        case .usual, .zero: return sign + String(repeating: "0", count: missing) + digits
        case .space: return String(repeating: " ", count: max(0, missing - sign.count)) + sign + digits
        }
    }

    private static func text(_ name: Name, _ fields: DateFields) -> String {
        switch name {
        case .month: return String(self.months[Int(fields.month) - 1].prefix(3))
        case .monthInFull: return self.months[Int(fields.month) - 1]
        case .weekday: return String(self.weekdays[Int(fields.weekday)].prefix(3))
        case .weekdayInFull: return self.weekdays[Int(fields.weekday)]
        case .lowerMeridian: return fields.hour < 12 ? "am" : "pm"
        case .upperMeridian: return fields.hour < 12 ? "AM" : "PM"
        case .fraction: return self.fraction(fields.nanoseconds)
        case .fixedFraction(let digits): return "." + self.leading(digits, fields.nanoseconds)
        case .digits(let digits): return self.leading(digits, fields.nanoseconds)
        case .zone: return "UTC"
        case .offset(let colons, _): return ["+0000", "+00:00", "+00:00:00", "+00"][colons]
        case .rfc3339: return fields.date + "T" + fields.time + self.fraction(fields.nanoseconds) + "+00:00"
        }
    }

    private static func fraction(_ nanoseconds: Int) -> String {
        if nanoseconds == 0 { return "" }
        let digits = nanoseconds % 1_000_000 == 0 ? 3 : nanoseconds % 1_000 == 0 ? 6 : 9
        return "." + self.leading(digits, nanoseconds)
    }

    private static func leading(_ digits: Int, _ nanoseconds: Int) -> String {
        let all = String(nanoseconds)
        return String((String(repeating: "0", count: 9 - all.count) + all).prefix(digits))
    }
}

extension DateFormat.Padding {
    fileprivate var isChosen: Bool {
        switch self {
        case .usual: false
        case .none, .zero, .space: true
        }
    }
}

extension DateFormat.Number {
    fileprivate var isYear: Bool {
        switch self {
        case .year, .isoYear: true
        default: false
        }
    }
}
