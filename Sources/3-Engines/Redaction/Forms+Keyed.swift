import SensitiveNames

extension View {
    private static let identifier = ByteSet("_-.").union(.alphanumeric)
    private static let closing = ByteSet("\"'`]\\")
    private static let parameters = ByteSet(";:?").union(.digits)
    /// What ends a value without quotes, with a terminal's escape.
    private static let bare = ByteSet(" \t\r\n\u{1B},;&\"'`<>)}]|\\").inverted
    private static let ofToken = ByteSet("_-+/=~").union(.alphanumeric)
    private static let prefixes = ByteSet("bBuUrRnNfFeE@")
    /// What stands before a column that a statement compares or sets.
    private static let comparisons: ContextWords = ["where ", " and ", " or ", "set "]
    private static let placeholders: [StaticString] = [
        "null", "none", "nil", "undefined", "[redacted]", "<redacted>", "redacted", "n/a", "unset", "not",
        "[filtered]", "[hidden]", "<hidden>",
    ]

    /// The value beside a sensitive name: JSON, `name=value`, `name: value`, `--name value`, `<name>value</name>`, SQL's
    /// `PASSWORD 'value'`. The anchor at `start` is a part of the name.
    mutating func keyed(
        _ detector: Detector, start: Int, anchorCount: Int, isCertain: Bool = false
    ) -> Finding? {
        let first = self.run(of: Self.identifier, backFrom: start, most: 64)
        let last = self.run(of: Self.identifier, from: start + anchorCount, most: 64)
        guard last - start - anchorCount < 64 else { return nil }
        let closed = self.run(of: Self.closing, from: last, most: 4)
        let blank = self.skipBlanks(from: closed)
        // Judged last: most words in prose have no value beside them.
        guard let (value, isStructured) = self.valueStart(name: first..<last, closed: closed, blank: blank) else {
            return self.elsewhere(detector, name: first..<last, closed: closed, blank: blank)
        }
        guard let name = NameSegments.judge(self.bytes(first..<last)) else {
            return self.underPlainKey(detector, name: first..<last)
        }
        // What follows the name of a pseudonym's kind is that pseudonym.
        if self.at(first - 1) == 0xB9, self.at(first - 2) == 0x80, self.at(first - 3) == 0xE2 { return nil }
        let kind = Kind(name.kind.rawValue)
        let certain = name.certain || isCertain || isStructured || self.isCompared(value, name: first..<last)
        switch self.at(blank) {
        case UInt8(ascii: ":"):
            if name.certain, let head = self.blockHead(kind: kind, name: first..<last, at: value) { return head }
        case UInt8(ascii: ">") where self.at(first - 1) == UInt8(ascii: "<"):
            if let content = self.elementContent(kind: kind, name: first..<last, from: value) { return content }
        default:
            break
        }
        if self.at(last) == 0x22, self.at(last + 1) == 0x22, self.at(value) == 0x22, self.at(value + 1) == 0x22 {
            return self.doubled(kind: kind, from: value + 2)
        }
        if !isStructured, self.at(blank) == UInt8(ascii: ":"), self.isSentence(at: value, under: name) { return nil }
        let isData = isStructured || self.isData(name: first..<last, closed: closed, blank: blank, value: value)
        var finding = self.value(
            kind: kind, certain: certain, name: name, at: value, isHeader: self.at(blank) == UInt8(ascii: ":"),
            isData: isData)
        // What stands bare in another line of JSON becomes a text there.
        let quote = self.at(closed - 1)
        if finding?.start == value, isStructured, self.at(closed - 2) != UInt8(ascii: "\\"),
            quote == 0x22 || quote == 0x27,
            self.isMember(at: value, behind: closed)
        {
            finding?.quote = quote
        }
        return finding
    }

    /// Whether a name without quotes stands where data has one, and not prose or source code: right before its `=`, as in
    /// queries, forms and logfmt, or alone with one word or a text in quotes in its line, as in YAML and headers; or a
    /// statement compares it.
    private mutating func isData(name: Range<Int>, closed: Int, blank: Int, value: Int) -> Bool {
        switch self.at(blank) {
        case UInt8(ascii: "=") where blank == closed && value == blank + 1:
            return true
        case UInt8(ascii: ":") where blank == closed && self.column(of: name.lowerBound) != nil:
            if Self.closing.contains(self.at(value)) { return true }
            let end = self.run(of: Self.bare, from: value)
            return [0, 0x0A, 0x0D].contains(self.at(self.run(of: .blanks, from: end, most: 64)))
        default:
            return self.isCompared(value, name: name)
        }
    }

    /// Whether a line ends between a name's quote and its value.
    private mutating func isMember(at value: Int, behind closed: Int) -> Bool {
        var offset = closed
        while offset < value {
            if self.at(offset) == 0x0A { return true }
            offset += 1
        }
        return false
    }

    /// A token under a name that ends with `key`: that of an interface, unless the name or the value says that it's that of
    /// a record (`cache_key`).
    private mutating func underPlainKey(_ detector: Detector, name: Range<Int>) -> Finding? {
        guard name.count > 4, NameSegments.isPlainKey(self.bytes(name)) else { return nil }
        let closed = self.run(of: Self.closing, from: name.upperBound, most: 4)
        let blank = self.skipBlanks(from: closed)
        guard [UInt8(ascii: "="), UInt8(ascii: ":")].contains(self.at(blank)),
            let (value, _) = self.valueStart(name: name, closed: closed, blank: blank)
        else { return nil }
        let start = self.run(of: ByteSet("\\\"'`"), from: value, most: 2)
        let set = ByteSet("_-+/=~").union(.alphanumeric)
        let end = self.run(of: set, from: start)
        guard end - start <= 256, TokenShape(self.bytes(start..<end)).isTokenUnderPlainKey else { return nil }
        return self.finding(kind: Kind(SensitiveName.Kind.apiKey.rawValue), start..<end, set: set)
    }

    /// The value under a name of a few letters, behind which the anchor's last byte stands. Of names that mean other things,
    /// too, only what looks like a secret.
    mutating func shortName(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let last = start + anchorCount - 1
        let isSession = self.matches("sid", at: start)
        guard isSession || self.matches("clave", at: start) else {
            // `psk: added a check` is a line about keys, `psk=` has one.
            return self.keyed(
                detector, start: start, anchorCount: anchorCount - 1, isCertain: self.at(last) == UInt8(ascii: "="))
        }
        guard !self.at(start - 1).isAlphanumeric || self.startsToken(start) else { return nil }
        let first = self.run(of: Self.identifier, backFrom: start, most: 64)
        let closed = self.run(of: Self.closing, from: last, most: 4)
        guard
            let (value, _) = self.valueStart(name: first..<last, closed: closed, blank: self.skipBlanks(from: closed))
        else { return nil }
        // Windows' identifiers of accounts, with or without a quote.
        let inner = self.run(of: Self.closing, from: value, most: 2)
        if isSession, self.matches("s-1-", at: inner) { return nil }
        let name = SensitiveName(isSession ? .token : .password, certain: false)
        return self.value(kind: Kind(name.kind.rawValue), certain: false, name: name, at: value, isHeader: false)
    }

    /// The value under the name that the anchor is, whatever it looks like.
    mutating func named(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let last = start + anchorCount
        guard !self.at(last).isAlphanumeric, self.startsToken(start) || self.at(start - 1) == UInt8(ascii: "_") else {
            return nil
        }
        let closed = self.run(of: Self.closing, from: last, most: 4)
        let blank = self.skipBlanks(from: closed)
        guard let (value, _) = self.valueStart(name: start..<last, closed: closed, blank: blank) else { return nil }
        // A sentence in the language of the name.
        if self.at(value) >= 0x80, self.at(last - 1) >= 0x80 { return nil }
        return self.value(kind: detector.kind, certain: true, name: SensitiveName(.secret), at: value, isHeader: false)
    }

    /// Where the value begins, and whether quotes about the name say that this is data, not prose.
    mutating func valueStart(name: Range<Int>, closed: Int, blank: Int) -> (start: Int, isStructured: Bool)? {
        let isQuoted = closed > name.upperBound && self.at(name.lowerBound - 1) == self.at(closed - 1)
        var offset = blank
        if isQuoted, self.at(closed - 1) == 0x22, self.at(blank) == 0x0A || self.at(blank) == 0x0D {
            let colon = self.skipLines(from: blank)
            if self.at(colon) == UInt8(ascii: ":") { offset = colon }
        }
        switch self.at(offset) {
        case UInt8(ascii: "="):
            offset = self.run(of: .assignment, from: offset, most: 2)
            // `["password"]=>`, and the value in the next line.
            if self.at(offset) == 0x0A, self.at(offset - 1) == UInt8(ascii: ">") {
                offset = self.skipLines(from: offset)
            }
        case UInt8(ascii: "!") where self.at(offset + 1) == UInt8(ascii: "="):
            offset = self.run(of: ByteSet("!="), from: offset, most: 3)
        // PostgreSQL's `Key (token)=(…) already exists.`
        case UInt8(ascii: ")")
        where self.at(offset + 1) == UInt8(ascii: "=") && self.at(offset + 2) == UInt8(ascii: "("):
            return self.at(name.lowerBound - 1) == UInt8(ascii: "(") ? (offset + 3, true) : nil
        case UInt8(ascii: ":"):
            // Prose in quotes with a colon behind it: `volume "default-token" : secret not found`.
            if isQuoted, offset > closed, self.isProse(before: name.lowerBound),
                self.isWord(at: self.skipBlanks(from: offset + 1))
            {
                return nil
            }
            if isQuoted, let value = self.dumped(name: name, colon: offset) { return (value, true) }
            offset += 1
            switch self.at(offset) {
            case UInt8(ascii: ":"): return nil
            case UInt8(ascii: "="): offset += 1
            case UInt8(ascii: "/") where self.at(offset + 1) == UInt8(ascii: "/"): return nil
            default: break
            }
            if isQuoted { return (self.memberStart(from: offset), true) }
        // The colon of Chinese and Japanese text (U+FF1A).
        case 0xEF where self.at(offset + 1) == 0xBC && self.at(offset + 2) == 0x9A:
            offset += 3
        case UInt8(ascii: ">") where self.at(name.lowerBound - 1) == UInt8(ascii: "<"):
            return (offset + 1, true)
        case UInt8(ascii: "'") where offset > closed,
            UInt8(ascii: "E") where offset > closed && self.at(offset + 1) == 0x27:
            return (self.at(offset) == 0x27 ? offset : offset + 1, true)
        case UInt8(ascii: "$") where offset > closed && self.dollarTag(at: offset) != nil:
            return (offset, true)
        default:
            guard offset > closed, closed == name.upperBound else { return nil }
            return self.isFlag(name) || self.isTokenShaped(offset) ? (offset, false) : nil
        }
        return (self.skipBlanks(from: offset), isQuoted)
    }

    /// Where the value of a member of JSON begins, which may stand in the next line.
    private mutating func memberStart(from start: Int) -> Int {
        let value = self.skipBlanks(from: start)
        guard [0x0A, 0x0D, UInt8(ascii: "\\")].contains(self.at(value)) else { return value }
        let next = self.skipLines(from: value)
        let byte = self.at(next)
        let first = byte == UInt8(ascii: "-") ? self.at(next + 1) : byte
        // What begins otherwise is YAML's: indented below the name.
        return first.isDigit || ByteSet("\"'{[").contains(byte)
            || byte == UInt8(ascii: "\\") && self.at(next + 1) == 0x22 ? next : value
    }

    /// Behind blanks, and a terminal's escapes (ECMA-48, control sequences), which print nothing.
    private mutating func skipBlanks(from start: Int) -> Int {
        var offset = self.run(of: .blanks, from: start, most: 64)
        while self.at(offset) == 0x1B, self.at(offset + 1) == UInt8(ascii: "[") {
            let parameters = self.run(of: Self.parameters, from: offset + 2, most: 32)
            guard self.at(parameters).isLetter else { break }
            offset = self.run(of: .blanks, from: parameters + 1, most: 64)
        }
        return offset
    }

    /// Whether a word stands before the quote that opens the name at `start`.
    private mutating func isProse(before start: Int) -> Bool {
        self.at(start - 2) == 0x20 && self.at(start - 3).isLetter
    }

    /// Whether a word without quotes begins at `start` that isn't one of JSON's.
    private mutating func isWord(at start: Int) -> Bool {
        guard self.at(start).isLetter else { return false }
        for word in ["true", "false", "null"] as [StaticString] where self.matches(word, at: start) { return false }
        return true
    }

    /// Whether a word of sixteen bytes and more with letters and digits begins at `start`: nothing that prose would put
    /// behind a name.
    private mutating func isTokenShaped(_ start: Int) -> Bool {
        let end = self.run(of: ByteSet("_-./+=").union(.alphanumeric), from: start)
        guard end - start >= 16 else { return false }
        return Detector.Validator.mixed.confirms(self.bytes(start..<end))
    }

    /// Whether the name is an option (`--password value`) whose value stands behind a blank.
    private mutating func isFlag(_ name: Range<Int>) -> Bool {
        self.at(name.lowerBound) == UInt8(ascii: "-") && self.at(name.lowerBound + 1) == UInt8(ascii: "-")
            && !self.at(name.lowerBound - 1).isAlphanumeric
    }

    /// - Parameter isData: whether the name stands in structured data.
    mutating func value(
        kind: Kind, certain: Bool, name: SensitiveName, at start: Int, isHeader: Bool, isData: Bool = true
    ) -> Finding? {
        var start = start
        var quotes = 0
        if self.at(start) == UInt8(ascii: "$"), let text = self.dollarQuoted(from: start) {
            return Finding(start: text.lowerBound, end: text.upperBound, kind: kind)
        }
        // `E'…'`, `N'…'`, `b"…"`, `@"…"`: texts of SQL, Python, Objective-C.
        if Self.prefixes.contains(self.at(start)), [0x22, 0x27].contains(self.at(start + 1)) { start += 1 }
        if self.at(start) == UInt8(ascii: "\\"), [0x22, 0x27].contains(self.at(start + 1)) {
            quotes = 1
            start += 1
        }
        let quote = self.at(start)
        if quote == 0x22 || quote == 0x27 || quote == 0x60 {
            return self.quoted(
                kind: kind, certain: certain, name: name, from: start + 1, quote: quote, escaped: quotes == 1,
                isData: isData)
        }
        if quote == UInt8(ascii: "{") || quote == UInt8(ascii: "[") {
            if self.isReference(start..<(start + 2)) { return nil }
            return certain ? self.bracketed(kind: kind, from: start) : nil
        }
        if isHeader, name.kind == .credential || name.kind == .cookie {
            // Digest's parameters are in quotes.
            let isDigest = self.matches("digest ", at: start) && !self.isInString(start)
            if self.at(start) == 0x0D || self.at(start) == 0x0A {
                let end = self.foldedEnd(from: start, valueAt: start)
                let first = self.skipLines(from: start)
                return end > first ? Finding(start: first, end: end, kind: kind) : nil
            }
            return self.rest(
                kind: kind, set: isDigest ? ByteSet("\r\n").inverted : ByteSet("\"'\r\n\\").inverted, from: start)
        }
        let set = Self.bare
        var end = self.run(of: set, from: start)
        // What goes on behind a reference belongs to the value.
        if quote == UInt8(ascii: "$"), [UInt8(ascii: "}"), UInt8(ascii: ")")].contains(self.at(end)),
            Self.ofToken.contains(self.at(end + 1))
        {
            end = self.run(of: set, from: end + 1)
        }
        if let quote = self.typedQuote(behind: start..<end) {
            // `config.get("password")`
            let close = self.run(of: Self.identifier, from: quote + 1, most: 64)
            if self.at(close) == self.at(quote), NameSegments.judge(self.bytes((quote + 1)..<close)) != nil {
                return nil
            }
            return self.quoted(
                kind: kind, certain: certain, name: name, from: quote + 1, quote: self.at(quote), escaped: false,
                isData: isData)
        }
        guard end > start, self.isPlausible(name: name, certain: certain, isData: isData, value: start..<end),
            self.at(end) != UInt8(ascii: "("), !self.isReference(start..<end)
        else { return nil }
        return self.finding(kind: kind, start..<self.wholeEnd(of: start..<end, under: name, set: set), set: set)
    }

    /// Where the quote opens that stands behind a type or an address, as debuggers and source code have it:
    /// `Optional("…")`, `String = "…"`, `0x00007ffe "…"`, `string(12) "…"`.
    private mutating func typedQuote(behind word: Range<Int>) -> Int? {
        func isQuote(_ byte: UInt8) -> Bool { byte == 0x22 || byte == 0x27 }
        let end = word.upperBound
        guard !word.isEmpty, word.count <= 64, [0x20, 0x22, 0x27, UInt8(ascii: ")")].contains(self.at(end)),
            !self.isInString(word.lowerBound)
        else { return nil }
        switch self.at(end) {
        case 0x22, 0x27:
            return self.at(end - 1) == UInt8(ascii: "(") ? end : nil
        case UInt8(ascii: ")"):
            return self.at(end + 1) == 0x20 && isQuote(self.at(end + 2)) ? end + 2 : nil
        case 0x20:
            if self.matches("0x", at: word.lowerBound) { return isQuote(self.at(end + 1)) ? end + 1 : nil }
            guard self.at(end + 1) == UInt8(ascii: "="), self.at(end + 2) == 0x20, isQuote(self.at(end + 3)) else {
                return nil
            }
            return end + 3
        default:
            return nil
        }
    }

    /// To the end of the line or the string around it: headers whose value has blanks.
    private mutating func rest(kind: Kind, set: ByteSet, from start: Int) -> Finding? {
        var end = self.run(of: set, from: start)
        if end > start { end = self.foldedEnd(from: end, valueAt: start) }
        guard end - start >= 4, !self.isReference(start..<end) else { return nil }
        return self.finding(kind: kind, start..<end, set: set)
    }

    private mutating func quoted(
        kind: Kind, certain: Bool, name: SensitiveName, from start: Int, quote: UInt8, escaped: Bool, isData: Bool
    ) -> Finding? {
        var offset = start
        // Where the first of its lines ends, if it goes on over several.
        var lineEnd: Int?
        var isClosed = false
        // In a string, what another quote opens ends with the string.
        let isInside = quote != 0x22 && !escaped && self.isInString(start - 1)
        scan: while offset < self.high || offset == start {
            let byte = self.at(offset)
            switch byte {
            case 0:
                break scan
            case 0x22 where isInside, 0x0A where isInside:
                break scan
            case 0x0A:
                let next = self.at(offset + 1)
                lineEnd = lineEnd ?? offset
                guard next.isBlank || next == 0x0A || next == 0x0D else { break scan }
            case quote:
                // SQL and YAML write a quote in quotes as two.
                guard quote == 0x27, offset > start, self.at(offset + 1) == quote else {
                    isClosed = true
                    break scan
                }
                offset += 1
            case UInt8(ascii: "\\"):
                if self.at(offset + 1) == quote, escaped || self.endsValue(at: offset + 1, quote: quote) {
                    offset += escaped ? 0 : 1
                    isClosed = true
                    break scan
                }
                offset += 1
            default:
                break
            }
            offset += 1
        }
        // Not before all that was skipped has arrived.
        _ = self.at(offset)
        // Indented lines without a quote that closes them are other text.
        if !isClosed, let lineEnd { offset = lineEnd }
        let end = min(offset, self.high)
        guard end > start, self.isPlausible(name: name, certain: certain, isData: isData, value: start..<end),
            !self.isReference(start..<end)
        else { return nil }
        var set = ByteSet("\n")
        set.insert(quote)
        return self.finding(kind: kind, start..<end, set: set.inverted)
    }

    /// Whether a quote behind a backslash closes a text all the same: in SQL a backslash is a character like any other, and
    /// what ends a value follows.
    private mutating func endsValue(at offset: Int, quote: UInt8) -> Bool {
        guard quote == 0x27 else { return false }
        return [UInt8(ascii: ","), UInt8(ascii: ")"), UInt8(ascii: ";"), 0x0A].contains(self.at(offset + 1))
    }

    /// JSON in a cell of CSV, where each quote is doubled: to the next two.
    private mutating func doubled(kind: Kind, from start: Int) -> Finding? {
        var offset = start
        while offset - start < Rows.reach {
            let byte = self.at(offset)
            if byte == 0 || byte == 0x0A || byte == 0x22 && self.at(offset + 1) == 0x22 { break }
            offset += 1
        }
        guard offset > start, !self.isReference(start..<offset) else { return nil }
        return self.finding(kind: kind, start..<min(offset, self.high), set: ByteSet("\n\"").inverted)
    }

    /// Whether a statement compares or sets the name: then it's a column, whose value the text in quotes is.
    private mutating func isCompared(_ value: Int, name: Range<Int>) -> Bool {
        self.at(value) == 0x27
            && self.hasContext(Self.comparisons, before: name.lowerBound, within: 200)
    }

    /// An array or object, with its brackets.
    mutating func bracketed(kind: Kind, from start: Int) -> Finding? {
        var brackets = Brackets(isInString: self.isInString(start))
        var offset = start
        var lineEnd: Int?
        scan: while offset < self.high || offset == start {
            let byte = self.at(offset)
            if byte == 0 { break }
            switch brackets.take(byte) {
            case .inside: if byte == 0x0A { lineEnd = offset }
            case .closes: return Finding(start: start, end: offset + 1, kind: kind)
            case .ended:
                // What begins a line of its own is another one.
                if byte != 0x22, let lineEnd { offset = lineEnd }
                break scan
            }
            offset += 1
        }
        _ = self.at(offset)
        let end = min(offset, self.high)
        guard end > start + 1 else { return nil }
        return Finding(
            start: start, end: end, kind: kind, closer: end >= self.high && self.clipped ? .brackets(brackets) : nil)
    }

    /// Whether `offset` stands in a string in double quotes that its line opened, as far as it's to be seen.
    private mutating func isInString(_ offset: Int) -> Bool {
        var place = offset - 1
        var isInside = false
        while place >= self.low, self.at(place) != 0x0A {
            if self.at(place) == 0x22, self.at(place - 1) != UInt8(ascii: "\\") { isInside.toggle() }
            place -= 1
        }
        return isInside && (place >= self.low || self.low == 0)
    }

    private mutating func finding(kind: Kind, _ range: Range<Int>, set: ByteSet) -> Finding {
        let isOpen = range.upperBound >= self.high && self.clipped
        return Finding(start: range.lowerBound, end: range.upperBound, kind: kind, closer: isOpen ? .run(set) : nil)
    }

    /// Whether the value isn't one: a placeholder, a variable, a pseudonym.
    mutating func isReference(_ range: Range<Int>) -> Bool {
        let start = range.lowerBound
        switch self.at(start) {
        case UInt8(ascii: "$"):
            let next = self.at(start + 1)
            if next == UInt8(ascii: "{") { return self.isClosed(range, by: "}") }
            if next == UInt8(ascii: "(") { return self.isClosed(range, by: ")") }
            return self.run(of: ByteSet("_").union(.upper).union(.digits), from: start + 1) >= range.upperBound
        case UInt8(ascii: "{") where self.at(start + 1) == UInt8(ascii: "{"):
            return self.isClosed(range, by: "}}")
        case UInt8(ascii: "%") where range.count <= 4:
            return true
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "."):
            return self.run(of: ByteSet("*?."), from: start) >= range.upperBound
        case 0xE2 where self.at(start + 1) == 0x80 && self.at(start + 2) == 0xB9:
            return Pseudonyms.isPseudonym(UnsafeRawBufferPointer(self.bytes(range)))
        default:
            for word in Self.placeholders where word.utf8CodeUnitCount == range.count && self.matches(word, at: start) {
                return true
            }
            return false
        }
    }

    /// Whether what a reference opens is closed where the value ends, or behind what ends a value without quotes, and nothing
    /// goes on there: a secret may begin like one, or stand in it as what's taken otherwise (`${NAME:-…}`).
    private mutating func isClosed(_ range: Range<Int>, by closer: StaticString) -> Bool {
        let first = closer.utf8Start[0]
        let isName = first == UInt8(ascii: "}") && closer.utf8CodeUnitCount == 1
        for offset in (range.lowerBound + 2)..<(range.lowerBound + 130) {
            let byte = self.at(offset)
            if byte == first, self.matches(closer, at: offset) {
                let end = offset + closer.utf8CodeUnitCount
                return end >= range.upperBound && !Self.ofToken.contains(self.at(end))
            }
            if byte == 0 || byte == 0x0A || byte == 0x22 || isName && !Self.identifier.contains(byte) { return false }
        }
        return false
    }

    /// Whether the value of a vague name, or of a name for personal data, looks the part. Under names of codes and numbers
    /// that nobody may see, data needn't.
    private mutating func isPlausible(
        name: SensitiveName, certain: Bool, isData: Bool, value range: Range<Int>
    ) -> Bool {
        var digits = 0
        var letters = 0
        var at = 0
        for offset in range {
            let byte = self.at(offset)
            if byte.isDigit { digits += 1 } else if byte.isLetter { letters += 1 } else if byte == 0x40 { at += 1 }
        }
        switch name.kind {
        case .email: return at > 0
        case .phone: return digits >= 6 && letters <= 4
        case .card, .bankAccount, .ssn, .iban, .nationalID: return isData && name.certain || digits >= 4
        case .birthDate: return digits >= 4
        case .personName: return letters >= 2 && digits == 0
        case .address: return letters + digits >= 3
        case .cardCode, .pin:
            // `pin1=2` is one of a chip.
            if isData { return certain || letters > 0 || digits > 2 }
            return (3...8).contains(digits) && letters <= 2 && (certain || letters == 0)
        case .cookie: return range.count >= 12
        default: return certain || range.count >= 16 && digits > 0 || (range.count >= 8 && digits > 0 && letters > 0)
        }
    }
}
