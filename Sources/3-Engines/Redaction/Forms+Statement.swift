import GloveboxCore
import SensitiveNames

/// Secrets in statements of SQL, manifests and key files, which their own words lead to.
extension View {
    private static let blanks = ByteSet(" \t\r\n")
    private static let identifier = ByteSet("_-$#@.").union(.alphanumeric)

    // MARK: SQL

    /// The tag of a text in dollars at `start`, with both dollars: `$$`, `$body$`.
    mutating func dollarTag(at start: Int) -> Range<Int>? {
        guard self.at(start) == UInt8(ascii: "$"), !self.at(start + 1).isDigit else { return nil }
        let end = self.run(of: ByteSet("_").union(.alphanumeric), from: start + 1, most: 64)
        return self.at(end) == UInt8(ascii: "$") ? start..<(end + 1) : nil
    }

    /// What stands between `$tag$` and `$tag$`.
    mutating func dollarQuoted(from start: Int) -> Range<Int>? {
        guard let tag = self.dollarTag(at: start) else { return nil }
        var offset = tag.upperBound
        search: while offset - tag.upperBound < Rows.reach {
            let byte = self.at(offset)
            if byte == 0 { return nil }
            guard byte == UInt8(ascii: "$") else {
                offset += 1
                continue
            }
            for index in 0..<tag.count where self.at(offset + index) != self.at(start + index) {
                offset += 1
                continue search
            }
            return offset > tag.upperBound ? tag.upperBound..<offset : nil
        }
        return nil
    }

    /// `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin BY 'x'` or `AS 'x'`.
    mutating func statement(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        var offset = start + anchorCount
        for _ in 0..<3 {
            let next = self.run(of: Self.blanks, from: offset, most: 64)
            guard next > offset else { return nil }
            let byte = self.at(next)
            if byte == 0x27 || byte == 0x22 {
                let close = self.run(of: ByteSet("'\"").inverted, from: next + 1, most: 64)
                let after = self.run(of: Self.blanks, from: close + 1, most: 16)
                // The plugin's name, in quotes.
                if self.at(close) == byte, self.matches("by ", at: after) || self.matches("as ", at: after) {
                    offset = after + 2
                    continue
                }
            }
            if byte == 0x27 || byte == 0x22 || byte == UInt8(ascii: "$") || self.at(next + 1) == 0x27 {
                return self.value(
                    kind: detector.kind, certain: true, name: SensitiveName(.password), at: next, isHeader: false)
            }
            offset = self.run(of: ByteSet("_-").union(.alphanumeric), from: next, most: 64)
            guard offset > next else { return nil }
        }
        return nil
    }

    /// `INSERT INTO users (name, password) VALUES` and `COPY users (name, password) FROM stdin;`: the head of tuples or rows.
    mutating func columns(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        guard self.startsToken(start) else { return nil }
        var offset = self.tableName(from: start + anchorCount)
        guard let list = offset, self.at(list) == UInt8(ascii: "(") else { return nil }
        var columns: [Kind?] = []
        offset = nil
        var next = list + 1
        while columns.count < Rows.mostColumns {
            next = self.run(of: ByteSet(" \t\r\n\\\"`["), from: next, most: 64)
            let end = self.run(of: Self.identifier, from: next, most: 128)
            guard end > next else { return nil }
            columns.append(NameSegments.judge(self.bytes(next..<end)).map { Kind($0.kind.rawValue) })
            next = self.run(of: ByteSet(" \t\r\n\\\"`]"), from: end, most: 64)
            if self.at(next) == UInt8(ascii: ")") {
                offset = next + 1
                break
            }
            guard self.at(next) == UInt8(ascii: ",") else { return nil }
            next += 1
        }
        guard let offset, columns.contains(where: { $0 != nil }) else { return nil }
        return self.rows(of: columns, behind: offset)
    }

    /// What follows the columns: `VALUES`, or `FROM stdin` and the end of its line.
    private mutating func rows(of columns: [Kind?], behind start: Int) -> Finding? {
        var word = self.skipLines(from: start)
        if self.matches("overriding", at: word) {
            for _ in 0..<3 {
                let end = self.run(of: .letters, from: word, most: 16)
                guard end > word else { return nil }
                word = self.skipLines(from: end)
            }
        }
        if self.matches("values", at: word) || self.matches("value", at: word), !self.at(word + 6).isAlphanumeric {
            let end = self.run(of: .letters, from: word)
            return self.head(.tuples(columns), at: end)
        }
        guard self.matches("from stdin", at: word) else { return nil }
        let end = self.run(of: ByteSet("\n").inverted, from: word, most: 256)
        guard self.at(end) == 0x0A, !self.isCSV(word..<end) else { return nil }
        return self.head(.copy(columns), at: end + 1)
    }

    /// Whether options ask for CSV, which has a head of its own.
    private mutating func isCSV(_ options: Range<Int>) -> Bool {
        for offset in options where self.matches("csv", at: offset) || self.matches("binary", at: offset) {
            return true
        }
        return false
    }

    private func head(_ shape: Rows.Head.Shape, at start: Int) -> Finding {
        Finding(start: start, end: start, kind: .secret, hint: .opens(Rows.Head(shape: shape, start: start)))
    }

    /// Blanks, and line feeds also as escapes of JSON.
    mutating func skipLines(from start: Int) -> Int {
        var offset = start
        while offset - start < 256 {
            if Self.blanks.contains(self.at(offset)) {
                offset += 1
            } else if self.at(offset) == UInt8(ascii: "\\") {
                let letter = self.run(of: ByteSet("\\"), from: offset, most: 8)
                guard [0x6E, 0x72, 0x74].contains(self.at(letter)) else { break }
                offset = letter + 1
            } else {
                break
            }
        }
        return offset
    }

    /// Behind a table's name, in its schema and in quotes or not, and blanks.
    private mutating func tableName(from start: Int) -> Int? {
        let first = self.skipLines(from: start)
        let set = ByteSet("\"`[]\\").union(Self.identifier)
        let end = self.run(of: set, from: first, most: 256)
        return end > first ? self.skipLines(from: end) : nil
    }

    // MARK: Manifests of Kubernetes

    /// The data of a Secret, from `kind: Secret` on, from an `apiVersion: v1` that `data` follows, or from `stringData`.
    mutating func manifest(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        if self.at(start) == 0x22 { return self.jsonManifest(detector, start: start, anchorCount: anchorCount) }
        guard let column = self.column(of: start) else { return nil }
        var end = start + anchorCount
        if self.at(end) == 0x0D { end += 1 }
        guard self.at(end) == 0x0A else { return nil }
        if self.matches("stringdata:", at: start) {
            return self.head(.manifest(column: column, isData: true), at: end + 1)
        }
        if self.matches("kind", at: start) { return self.head(.manifest(column: column, isData: false), at: end + 1) }
        let first = self.run(of: ByteSet(" "), from: end + 1, most: column + 1)
        guard first - end - 1 == column, self.matches("data:", at: first), self.isSecret(from: first, column: column)
        else { return nil }
        return self.head(.manifest(column: column, isData: false), at: end + 1)
    }

    /// Whether a later line at `column` says `kind: Secret`, or none within reach says another kind.
    private mutating func isSecret(from start: Int, column: Int) -> Bool {
        var offset = start
        while offset < self.high || offset == start {
            let end = self.run(of: ByteSet("\n").inverted, from: offset)
            guard self.at(end) == 0x0A else { return self.clipped }
            let first = self.run(of: ByteSet(" "), from: end + 1, most: column + 1)
            if first - end - 1 == column, self.matches("kind:", at: first) {
                return self.matches("kind: secret", at: first) && self.at(first + 12).isControlOrBlank
            }
            offset = end + 1
        }
        return self.clipped
    }

    /// `"kind":"Secret"` and then `"data":{…}`, or the other way round.
    private mutating func jsonManifest(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let isKind = self.matches("\"kind", at: start)
        let isText = self.matches("\"stringdata", at: start)
        if isText {
            let brace = self.skipLines(from: self.run(of: ByteSet(" \t:\""), from: start + anchorCount, most: 8))
            guard self.at(brace) == UInt8(ascii: "{") else { return nil }
            return self.object(detector, from: brace)
        }
        var offset = start + anchorCount
        var data: Int?
        var depth = 0
        var isInText = false
        while offset < self.high || offset == start + anchorCount {
            let byte = self.at(offset)
            if byte == 0 { break }
            if isInText {
                if byte == UInt8(ascii: "\\") { offset += 1 } else if byte == 0x22 { isInText = false }
            } else if byte == 0x22 {
                if depth == 0 {
                    if data == nil, self.matches("\"data\"", at: offset) {
                        let brace = self.run(of: ByteSet(" \t\r\n:"), from: offset + 6, most: 64)
                        if self.at(brace) == UInt8(ascii: "{") { data = brace }
                        if isKind, let data { return self.object(detector, from: data) }
                    } else if !isKind, self.matches("\"kind\"", at: offset) {
                        let value = self.run(of: ByteSet(" \t\r\n:"), from: offset + 6, most: 64)
                        guard self.matches("\"secret\"", at: value), let data else { return nil }
                        return self.object(detector, from: data)
                    }
                }
                isInText = true
            } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
                depth += 1
            } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                depth -= 1
                if depth < 0 { return nil }
            }
            offset += 1
        }
        _ = self.at(offset)
        guard self.clipped, let data, !isKind else { return nil }
        return self.object(detector, from: data)
    }

    private mutating func object(_ detector: Detector, from brace: Int) -> Finding? {
        self.at(brace + 1) == UInt8(ascii: "}") ? nil : self.bracketed(kind: detector.kind, from: brace)
    }

    // MARK: PuTTY

    /// The lines behind `Private-Lines: n`, also with the line feeds as escapes and with something before each line.
    mutating func putty(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let digits = start + anchorCount
        let end = self.run(of: .digits, from: digits, most: 4)
        var count = 0
        for offset in digits..<end { count = count * 10 + Int(self.at(offset) - 0x30) }
        let first = self.skipLines(from: end)
        guard (1...999).contains(count), first > end else { return nil }
        var offset = first
        while offset < self.high || offset == first {
            let byte = self.at(offset)
            if byte == 0 { break }
            if byte == 0x0A || byte == UInt8(ascii: "\\") && self.at(offset + 1) == 0x6E {
                count -= 1
                if count == 0 { break }
            }
            offset += 1
        }
        _ = self.at(offset)
        if offset >= self.high, self.clipped {
            let set = ByteSet("+/=\\ \t\r\n").union(.alphanumeric)
            return Finding(start: first, end: self.high, kind: detector.kind, closer: .run(set))
        }
        var last = min(offset, self.high)
        while last > first, self.at(last - 1) == 0x0D || self.at(last - 1) == UInt8(ascii: "\\") { last -= 1 }
        return last > first ? Finding(start: first, end: last, kind: detector.kind) : nil
    }
}

extension UInt8 {
    fileprivate var isControlOrBlank: Bool { self <= 0x20 }
}
