import SensitiveNames

/// Where a value without quotes ends that goes on behind what ends others.
extension View {
    /// What ends other values, and may stand in a password.
    private static let joints = ByteSet(",;&<>)|")
    /// What goes on a password behind one of them.
    private static let ofPassword = ByteSet("!#$%*+-./?@^_~").union(.alphanumeric)
    private static let ofName = ByteSet("_-.").union(.alphanumeric)
    private static let ofWord = ByteSet("-._~+/=").union(.alphanumeric)
    /// How far before a value the bracket is looked for that one behind it closes.
    private static let distance = 128

    /// The end of the value whose first part `value` is.
    ///
    /// - A password goes on behind `, ; & < > ) |` up to a blank, unless what follows there is a name with its value, a
    ///   tag, or the text that a bracket before the name opened.
    /// - Bytes in hexadecimal go on behind blanks.
    /// - Any goes on behind a terminal's escape that stands in it.
    mutating func wholeEnd(of value: Range<Int>, under name: SensitiveName, set: ByteSet) -> Int {
        var end = value.upperBound
        if end >= self.high, self.clipped { return end }
        for _ in 0..<64 {
            var next = end
            let byte = self.at(end)
            if Self.joints.contains(byte) {
                guard name.kind == .password else { break }
                next = self.run(of: Self.joints, from: end, most: 8)
                guard Self.ofPassword.contains(self.at(next)), !self.closesText(at: end, behind: value.lowerBound),
                    !self.beginsMember(at: self.matches("&amp;", at: end) ? end + 5 : next)
                else { break }
            } else if byte == 0x1B {
                next = self.behindEscapes(from: end)
                guard next > end, self.at(next).isAlphanumeric, !self.beginsMember(at: next) else { break }
            } else if byte == 0x20, name.kind.isOfSecrets {
                return self.hexadecimalEnd(of: value.lowerBound..<end)
            } else {
                break
            }
            end = self.run(of: set, from: next)
        }
        return end
    }

    /// Whether the byte at `end` closes what was opened before the value at `start`, in its line: a parenthesis or a tag.
    private mutating func closesText(at end: Int, behind start: Int) -> Bool {
        switch self.at(end) {
        case UInt8(ascii: ")"):
            var open = 0
            var offset = start - 1
            while start - offset < Self.distance, ![0, 0x0A].contains(self.at(offset)) {
                if self.at(offset) == UInt8(ascii: "(") { open += 1 }
                if self.at(offset) == UInt8(ascii: ")") { open -= 1 }
                if open > 0 { return true }
                offset -= 1
            }
            return false
        case UInt8(ascii: ">"):
            var offset = start - 1
            while start - offset < Self.distance {
                let byte = self.at(offset)
                if byte == UInt8(ascii: "<") { return true }
                if byte == 0 || byte == 0x0A || byte == UInt8(ascii: ">") { return false }
                offset -= 1
            }
            return false
        case UInt8(ascii: "<"):
            let close = self.run(of: ByteSet(" \t\r\n\"'<>").inverted, from: end + 1, most: Self.distance)
            return self.at(close) == UInt8(ascii: ">")
        default:
            return false
        }
    }

    /// Whether a name with its value begins at `start`: `name=`, `name:`, `user[name]=`, and `Trust Server=` in capitals.
    private mutating func beginsMember(at start: Int) -> Bool {
        var offset = start
        for _ in 0..<3 {
            let end = self.run(of: Self.ofName, from: offset, most: 64)
            guard end > offset else { return false }
            switch self.at(end) {
            case UInt8(ascii: "="): return self.at(end + 1) != UInt8(ascii: "=")
            case UInt8(ascii: ":"), UInt8(ascii: "["): return true
            case 0x20 where self.at(start).isUpper: offset = end + 1
            default: return false
            }
        }
        return false
    }

    /// Behind a terminal's escapes (ECMA-48, control sequences).
    mutating func behindEscapes(from start: Int) -> Int {
        var offset = start
        while self.at(offset) == 0x1B, self.at(offset + 1) == UInt8(ascii: "[") {
            let parameters = self.run(of: ByteSet(";:?").union(.digits), from: offset + 2, most: 32)
            guard self.at(parameters).isLetter else { break }
            offset = parameters + 1
        }
        return offset
    }

    /// The end of bytes in hexadecimal whose first group `group` is, with a blank between two: three and more of two, four
    /// or eight digits.
    private mutating func hexadecimalEnd(of group: Range<Int>) -> Int {
        let count = group.count
        guard [2, 4, 8].contains(count), self.run(of: .hexDigits, from: group.lowerBound) == group.upperBound else {
            return group.upperBound
        }
        var (end, groups) = (group.upperBound, 1)
        while self.at(end) == 0x20 {
            let next = self.run(of: .hexDigits, from: end + 1, most: count + 1)
            guard next - end - 1 == count, !self.at(next).isAlphanumeric else { break }
            end = next
            groups += 1
        }
        return groups > 2 ? end : group.upperBound
    }

    // MARK: Prose

    /// Words that a sentence begins with behind a name and a colon.
    private static let firstWords: [StaticString] = [
        "the", "a", "an", "is", "was", "are", "not", "no", "this", "that", "it", "must", "cannot", "could", "failed",
        "missing", "invalid", "unable", "unknown", "please", "error", "should", "has",
    ]
    private static let secondWords: [StaticString] = [
        "be", "not", "required", "been", "too", "invalid", "missing", "wrong", "incorrect", "expired", "empty", "valid",
    ]

    /// Whether a sentence begins at `start`, in small letters: `secret: the volume …`. Under a password's name, which may be
    /// a sentence itself, only one about it: `password: is required`.
    mutating func isSentence(at start: Int, under name: SensitiveName) -> Bool {
        guard name.kind.isOfSecrets, self.at(start).isLower else { return false }
        let end = self.run(of: .lower, from: start, most: 16)
        guard self.at(end) == 0x20, self.at(end + 1).isLower, self.isWord(start..<end, Self.firstWords) else {
            return false
        }
        guard name.kind == .password else { return true }
        return self.isWord((end + 1)..<self.run(of: .lower, from: end + 1, most: 16), Self.secondWords)
    }

    private mutating func isWord(_ range: Range<Int>, _ words: [StaticString]) -> Bool {
        for word in words where word.utf8CodeUnitCount == range.count && self.matches(word, at: range.lowerBound) {
            return true
        }
        return false
    }

    // MARK: Lines

    /// Behind the end of a line at `offset`, also where it's written as escapes (`\r\n`); nil where none is.
    mutating func behindLineEnd(at offset: Int) -> Int? {
        var place = offset
        if self.at(place) == 0x0D { place += 1 }
        if self.at(place) == 0x0A { return place + 1 }
        for _ in 0..<2 {
            let letter = self.run(of: ByteSet("\\"), from: place, most: 4)
            guard letter > place else { return nil }
            if self.at(letter) == UInt8(ascii: "n") { return letter + 1 }
            guard self.at(letter) == UInt8(ascii: "r") else { return nil }
            place = letter + 1
        }
        return nil
    }

    /// The end of a header's value that goes on in indented lines (RFC 7230, section 3.2.4): such lines as a value has, a
    /// word or `name=…`.
    ///
    /// - Parameters:
    ///   - end: where its first line ends.
    ///   - start: where its value begins.
    mutating func foldedEnd(from end: Int, valueAt start: Int) -> Int {
        guard let next = self.behindLineEnd(at: end), self.at(next).isBlank, self.isHeader(valueAt: start) else {
            return end
        }
        let indent = self.indent(ofLineAt: start)
        var end = end
        for _ in 0..<16 {
            guard let line = self.behindLineEnd(at: end) else { break }
            let first = self.run(of: .blanks, from: line, most: 64)
            guard first - line > indent else { break }
            // Where the line's end is an escape, the string's end is one of the header's, too.
            let ends = self.at(line - 1) == 0x0A ? ByteSet("\r\n") : ByteSet("\r\n\\\"")
            let last = self.run(of: ends.inverted, from: first)
            let name = self.run(of: Self.ofName, from: first)
            let isMember = name > first && self.at(name) == UInt8(ascii: "=")
            guard isMember || last - first >= 4 && self.run(of: Self.ofWord, from: first) == last else { break }
            end = last
        }
        return end
    }

    /// Whether nothing stands before the name of the value at `start` in its line, or in the string that it's in.
    private mutating func isHeader(valueAt start: Int) -> Bool {
        let colon = self.run(of: .blanks, backFrom: start, most: 64) - 1
        guard self.at(colon) == UInt8(ascii: ":") else { return false }
        let name = self.run(of: Self.ofName, backFrom: colon, most: 64)
        let first = self.run(of: .blanks, backFrom: name, most: 64)
        let before = self.at(first - 1)
        return before == 0 || before == 0x0A || first == name && before == 0x22
            || self.at(first) == UInt8(ascii: "n") && before == UInt8(ascii: "\\")
    }

    /// How many blanks the line at `offset` begins with.
    private mutating func indent(ofLineAt offset: Int) -> Int {
        var first = offset
        var place = offset - 1
        while offset - place < Detectors.lookBehind, ![0, 0x0A].contains(self.at(place)) {
            if !self.at(place).isBlank { first = place }
            place -= 1
        }
        return first - place - 1
    }
}

extension SensitiveName.Kind {
    /// Whether what it names is a secret, not something of a person.
    var isOfSecrets: Bool {
        switch self {
        case .password, .passwordHash, .secret, .token, .apiKey, .privateKey, .credential, .cookie: true
        default: false
        }
    }
}
