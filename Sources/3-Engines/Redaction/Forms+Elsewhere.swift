import GloveboxCore
import SensitiveNames

/// Names whose value stands elsewhere than right behind them: in the neighbouring member, attribute, element or line, in the
/// rows below, or indented below.
extension View {
    private static let blanks = ByteSet(" \t\r\n")
    private static let quotes = ByteSet("\\\"'")
    private static let word = ByteSet("_-.").union(.alphanumeric)
    private static let delimiters = ByteSet(",;|\t")
    private static let ofColumn = ByteSet("_-./# ()").union(.alphanumeric)
    private static let ofHead = ByteSet("_-./# ()\",;|\t").union(.alphanumeric)
    private static let valueNames: [StaticString] = [
        "value", "val", "string", "data", "content", "defaultvalue", "default_value", "parametervalue", "text",
    ]
    /// How far from a name its value's is looked for.
    private static let distance = 512

    /// The value of a name that isn't followed by one, by what does follow.
    ///
    /// - Parameters:
    ///   - closed: behind the quotes that follow the name.
    ///   - blank: behind the blanks that follow these.
    mutating func elsewhere(_ detector: Detector, name: Range<Int>, closed: Int, blank: Int) -> Finding? {
        let isQuoted = closed > name.upperBound && Self.quotes.contains(self.at(name.lowerBound - 1))
        if let part = self.formPart(name) {
            guard let (_, kind) = self.judged(name), !self.isReference(part) else { return nil }
            let isOpen = part.upperBound >= self.high && self.clipped
            return Finding(
                start: part.lowerBound, end: part.upperBound, kind: kind,
                closer: isOpen ? .rest(ByteSet("\r\n")) : nil)
        }
        switch self.at(blank) {
        case UInt8(ascii: "<") where self.at(blank + 1) == UInt8(ascii: "/"):
            return self.besideElement(name, from: blank)
        case UInt8(ascii: "/") where isQuoted, UInt8(ascii: ">") where isQuoted:
            return self.besideAttribute(name, from: blank)
        case UInt8(ascii: ","):
            return self.besideMember(name, isQuoted: isQuoted, from: blank)
                ?? self.tableHead(detector, name, closed: closed, next: blank)
        case 0x0A, 0x0D:
            if isQuoted, let finding = self.besideAttribute(name, from: blank) { return finding }
            return self.besideLine(name, closed: closed, from: blank)
                ?? self.tableHead(detector, name, closed: closed, next: blank)
        case UInt8(ascii: ";"), UInt8(ascii: "|"):
            if closed > name.upperBound, let (_, kind) = self.judged(name),
                let finding = self.serialized(kind: kind, from: blank)
            {
                return finding
            }
            return self.tableHead(detector, name, closed: closed, next: blank)
        case let byte where byte.isLetter:
            if isQuoted, blank > closed, let finding = self.besideAttribute(name, from: blank) { return finding }
            if blank > closed, let finding = self.elementWithAttributes(name, from: blank) { return finding }
            return self.at(closed) == 0x09 ? self.tableHead(detector, name, closed: closed, next: closed) : nil
        default:
            return self.at(closed) == 0x09 ? self.tableHead(detector, name, closed: closed, next: closed) : nil
        }
    }

    private mutating func judged(_ name: Range<Int>) -> (name: SensitiveName, kind: Kind)? {
        guard let judged = NameSegments.judge(self.bytes(name)) else { return nil }
        return (judged, Kind(judged.kind.rawValue))
    }

    /// Whether a word for a value stands at `start`; the offset behind it.
    private mutating func valueName(at start: Int) -> Int? {
        let end = self.run(of: Self.word, from: start, most: 24)
        for word in Self.valueNames where word.utf8CodeUnitCount == end - start && self.matches(word, at: start) {
            return end
        }
        return nil
    }

    // MARK: JSON and YAML

    /// `{"name": "db.password", "value": "x"}`, also with other members between, and `{name: DB_PASSWORD, value: x}`.
    private mutating func besideMember(_ name: Range<Int>, isQuoted: Bool, from comma: Int) -> Finding? {
        // The name is a value itself.
        let open = self.run(of: Self.quotes, backFrom: name.lowerBound, most: 4)
        let colon = self.run(of: Self.blanks, backFrom: open, most: 16)
        guard self.at(colon - 1) == UInt8(ascii: ":") else { return nil }
        var offset = comma
        for _ in 0..<6 {
            guard self.at(offset) == UInt8(ascii: ","), offset - comma < Self.distance else { return nil }
            let quote = self.run(of: Self.blanks, from: offset + 1, most: 64)
            let first = self.run(of: Self.quotes, from: quote, most: 4)
            guard first > quote || !isQuoted else { return nil }
            if let end = self.valueName(at: first) {
                guard let value = self.memberValue(behind: end) else { return nil }
                guard let (judged, kind) = self.judged(name) else { return nil }
                return self.value(kind: kind, certain: true, name: judged, at: value, isHeader: false)
            }
            guard let value = self.memberValue(behind: self.run(of: Self.word, from: first, most: 64)),
                let end = self.simpleValue(from: value)
            else { return nil }
            offset = self.run(of: Self.blanks, from: end, most: 64)
        }
        return nil
    }

    /// Behind a member's name its quote, the colon and blanks.
    private mutating func memberValue(behind end: Int) -> Int? {
        let closed = self.run(of: Self.quotes, from: end, most: 4)
        let colon = self.run(of: Self.blanks, from: closed, most: 16)
        guard self.at(colon) == UInt8(ascii: ":") else { return nil }
        return self.run(of: Self.blanks, from: colon + 1, most: 64)
    }

    /// Skips a text in quotes, a number or a word.
    private mutating func simpleValue(from start: Int) -> Int? {
        let first = self.run(of: Self.quotes, from: start, most: 4)
        var ends = ByteSet("\r\n{}[]")
        for byte in first > start ? [UInt8(ascii: "\\"), self.at(first - 1)] : [UInt8(ascii: ",")] { ends.insert(byte) }
        let end = self.run(of: ends.inverted, from: first, most: Self.distance)
        guard end - first < Self.distance else { return nil }
        return first > start ? self.run(of: Self.quotes, from: end, most: 4) : end
    }

    /// `- name: DB_PASSWORD` with `value: x` in the next line.
    private mutating func besideLine(_ name: Range<Int>, closed: Int, from end: Int) -> Finding? {
        let open = self.run(of: Self.quotes, backFrom: name.lowerBound, most: 1)
        let colon = self.run(of: ByteSet(" "), backFrom: open, most: 16)
        guard colon < open, self.at(colon - 1) == UInt8(ascii: ":") else { return nil }
        let word = self.run(of: Self.word, backFrom: colon - 1, most: 32)
        guard word < colon - 1, let column = self.column(of: word) else { return nil }
        let line = self.at(end) == 0x0D ? end + 1 : end
        guard self.at(line) == 0x0A else { return nil }
        let first = self.run(of: ByteSet(" "), from: line + 1, most: column + 1)
        guard first - line - 1 == column, let valueEnd = self.valueName(at: first),
            self.at(valueEnd) == UInt8(ascii: ":")
        else { return nil }
        let value = self.run(of: ByteSet(" \t"), from: valueEnd + 1, most: 16)
        guard value > valueEnd + 1, let (judged, kind) = self.judged(name) else { return nil }
        return self.blockHead(kind: kind, name: first..<valueEnd, at: value)
            ?? self.value(kind: kind, certain: true, name: judged, at: value, isHeader: false)
    }

    /// The column at which a name of a YAML mapping stands: only blanks and the hyphens of lists stand before it.
    mutating func column(of start: Int) -> Int? {
        var offset = start
        while start - offset < Detectors.lookBehind {
            let byte = self.at(offset - 1)
            if byte == 0x0A || byte == 0 { return start - offset }
            guard byte == 0x20 || byte == UInt8(ascii: "-") && self.at(offset) == 0x20 else { return nil }
            offset -= 1
        }
        return nil
    }

    /// What's indented below `password: |`, `passwords:` and their like.
    mutating func blockHead(kind: Kind, name: Range<Int>, at value: Int) -> Finding? {
        let byte = self.at(value)
        guard byte == 0x0A || byte == 0x0D || byte == UInt8(ascii: "|") || byte == UInt8(ascii: ">") else { return nil }
        let first = self.run(of: Self.quotes, backFrom: name.lowerBound, most: 1)
        guard let column = self.column(of: first) else { return nil }
        var end = value
        let isScalar = byte == UInt8(ascii: "|") || byte == UInt8(ascii: ">")
        if isScalar {
            end = self.run(of: ByteSet("+-").union(.digits), from: value + 1, most: 2)
            let comment = self.run(of: ByteSet(" \t"), from: end, most: 64)
            end = comment
            if comment > value + 1, self.at(comment) == UInt8(ascii: "#") {
                end = self.run(of: ByteSet("\r\n").inverted, from: comment, most: 256)
            }
        }
        if self.at(end) == 0x0D { end += 1 }
        guard self.at(end) == 0x0A else { return nil }
        return Finding(
            start: end + 1, end: end + 1, kind: kind,
            hint: .opens(Rows.Head(shape: .block(column: column, kind: kind, isList: !isScalar), start: end + 1)))
    }

    // MARK: XML

    /// `<name>db.password</name>`, then `<value>x</value>`.
    private mutating func besideElement(_ name: Range<Int>, from close: Int) -> Finding? {
        let colon = ByteSet(":").union(Self.word)
        let end = self.run(of: colon, from: close + 2, most: 64)
        guard self.at(self.run(of: Self.blanks, backFrom: name.lowerBound, most: 64) - 1) == UInt8(ascii: ">"),
            self.at(end) == UInt8(ascii: ">")
        else { return nil }
        let next = self.run(of: Self.blanks, from: end + 1, most: 256)
        guard self.at(next) == UInt8(ascii: "<") else { return nil }
        let prefix = self.run(of: colon, from: next + 1, most: 64)
        let local = self.run(of: Self.word, backFrom: prefix, most: 64)
        guard let wordEnd = self.valueName(at: local), wordEnd == prefix else { return nil }
        guard let content = self.tagEnd(from: prefix), let (_, kind) = self.judged(name) else { return nil }
        return self.elementContent(kind: kind, name: (next + 1)..<prefix, from: content)
    }

    /// `name="password"` in a tag: the attribute `value` behind it, or the element's content.
    private mutating func besideAttribute(_ name: Range<Int>, from start: Int) -> Finding? {
        let open = self.run(of: Self.quotes, backFrom: name.lowerBound, most: 4)
        guard open < name.lowerBound, self.at(open - 1) == UInt8(ascii: "="), let (judged, kind) = self.judged(name)
        else { return nil }
        if let value = self.valueAttribute(from: start) {
            return self.value(kind: kind, certain: true, name: judged, at: value, isHeader: false)
        }
        guard let content = self.tagEnd(from: start) else { return nil }
        // The element's own name.
        var tag = open
        while open - tag < Detectors.lookBehind, self.at(tag - 1) != UInt8(ascii: "<") {
            if self.at(tag - 1) == UInt8(ascii: ">") || self.at(tag - 1) == 0 { return nil }
            tag -= 1
        }
        guard self.at(tag - 1) == UInt8(ascii: "<") else { return nil }
        let end = self.run(of: ByteSet(":").union(Self.word), from: tag, most: 64)
        return self.elementContent(kind: kind, name: tag..<end, from: content)
    }

    /// `<wsse:Password Type="…">x</wsse:Password>` and `<password value="x"/>`.
    private mutating func elementWithAttributes(_ name: Range<Int>, from start: Int) -> Finding? {
        let first = self.run(of: ByteSet(":").union(Self.word), backFrom: name.lowerBound, most: 64)
        guard self.at(first - 1) == UInt8(ascii: "<") else { return nil }
        // Attributes have a value each.
        guard self.at(self.run(of: ByteSet(":").union(Self.word), from: start, most: 64)) == UInt8(ascii: "="),
            let (judged, kind) = self.judged(name)
        else { return nil }
        if let value = self.valueAttribute(from: start) {
            return self.value(kind: kind, certain: true, name: judged, at: value, isHeader: false)
        }
        guard let content = self.tagEnd(from: start) else { return nil }
        return self.elementContent(kind: kind, name: first..<name.upperBound, from: content)
    }

    /// Where the value of an attribute `value` begins, with its quote, if the tag goes on to one.
    private mutating func valueAttribute(from start: Int) -> Int? {
        var offset = start
        while offset - start < Self.distance {
            offset = self.run(of: Self.blanks, from: offset, most: 64)
            let end = self.run(of: ByteSet(":").union(Self.word), from: offset, most: 64)
            guard end > offset, self.at(end) == UInt8(ascii: "=") else { return nil }
            if self.valueName(at: offset) == end { return end + 1 }
            let quote = self.at(end + 1)
            guard quote == 0x22 || quote == 0x27 else { return nil }
            var inside = ByteSet("<")
            inside.insert(quote)
            let close = self.run(of: inside.inverted, from: end + 2, most: Self.distance)
            guard self.at(close) == quote else { return nil }
            offset = close + 1
        }
        return nil
    }

    /// Behind the `>` of the tag that goes on at `start`, unless it has no content.
    private mutating func tagEnd(from start: Int) -> Int? {
        var offset = start
        var quote: UInt8?
        while offset - start < Self.distance {
            let byte = self.at(offset)
            if byte == 0 || byte == UInt8(ascii: "<") { return nil }
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                return self.at(offset - 1) == UInt8(ascii: "/") ? nil : offset + 1
            }
            offset += 1
        }
        return nil
    }

    /// All that stands between an element's tags, children and all. Without the closing tag it's the text up to the next
    /// tag, if it begins right behind.
    mutating func elementContent(kind: Kind, name: Range<Int>, from start: Int) -> Finding? {
        let first = self.run(of: Self.blanks, from: start, most: 256)
        var offset = first
        var text: Int?
        var isEmptyLine = false
        while offset < self.high || offset == first {
            let byte = self.at(offset)
            if byte == 0 { break }
            if byte == UInt8(ascii: "<") {
                text = text ?? offset
                if self.at(offset + 1) == UInt8(ascii: "/"), self.isSame(name, at: offset + 2) {
                    let end = self.run(of: Self.blanks, backFrom: offset, most: 256)
                    guard end > first, !self.isReference(first..<end) else { return nil }
                    return Finding(start: first, end: end, kind: kind)
                }
            }
            // Prose that has a tag's form (`login <password>`) goes on in another paragraph, or ends.
            if byte == 0x0A, text == nil {
                if isEmptyLine { break }
                isEmptyLine = true
            } else if !byte.isBlank, byte != 0x0D {
                isEmptyLine = false
            }
            offset += 1
        }
        // Not before all that was skipped has arrived.
        _ = self.at(offset)
        guard first == start, offset > first else { return nil }
        let end = min(text ?? offset, self.high)
        guard end > first, !self.isReference(first..<end) else { return nil }
        if text == nil, offset >= self.high, self.clipped {
            return Finding(start: first, end: self.high, kind: kind, closer: .rest(ByteSet("<")))
        }
        // What isn't closed at all: a word, as behind any name.
        let word = self.run(of: ByteSet(" \t\r\n<").inverted, from: first)
        return text == nil
            ? (word > first ? Finding(start: first, end: word, kind: kind) : nil)
            : Finding(start: first, end: self.run(of: Self.blanks, backFrom: end, most: 256), kind: kind)
    }

    /// Whether the bytes of `name`, then `>`, stand at `offset`.
    private mutating func isSame(_ name: Range<Int>, at offset: Int) -> Bool {
        for index in 0..<name.count where self.at(name.lowerBound + index) != self.at(offset + index) { return false }
        let next = self.at(offset + name.count)
        return next == UInt8(ascii: ">") || Self.blanks.contains(next)
    }

    // MARK: Tables

    /// The head of a table that has this name among its columns (`Rows.Table`).
    private mutating func tableHead(
        _ detector: Detector, _ name: Range<Int>, closed: Int, next: Int
    ) -> Finding? {
        let open = self.at(name.lowerBound - 1) == 0x22 ? name.lowerBound - 1 : name.lowerBound
        // A column's name may have other words before this one.
        let before = self.run(of: Self.ofColumn, backFrom: open, most: 64)
        let byte = self.at(before - 1) == 0x22 ? self.at(before - 2) : self.at(before - 1)
        guard Self.delimiters.contains(byte) || byte == 0x0A || byte == 0,
            Self.delimiters.contains(byte) || Self.delimiters.contains(self.at(next))
        else { return nil }
        var start = name.lowerBound
        while name.lowerBound - start < Detectors.lookBehind {
            let byte = self.at(start - 1)
            if byte == 0x0A { break }
            if byte == 0 {
                guard start == 0 else { return nil }
                break
            }
            guard Self.ofHead.contains(byte) || byte >= 0x80 else { return nil }
            start -= 1
        }
        guard start == 0 || self.at(start - 1) == 0x0A, let (_, kind) = self.judged(name) else { return nil }
        return Finding(start: start, end: start, kind: kind, hint: .opens(Rows.Head(shape: .table, start: start)))
    }
}
