/// Secrets among the arguments of commands: in a shell's line, in what `ps` and audit logs say of a process, and in lists of
/// arguments (`["mysql", "-pX"]`).
extension View {
    private static let breaks = ByteSet(" \t\r\n\"'`")
    private static let ends = ByteSet(" \t\r\n\"'`|;&<>")
    /// So many arguments are looked at.
    private static let most = 64

    private struct Argument {
        /// Without its quotes.
        var range: Range<Int>
        /// The quote about it; nil if it has none.
        var quote: UInt8?
        /// Behind it and its quotes.
        var end: Int
    }

    /// What the arguments of the command at `start` have for a secret.
    mutating func command(
        _ detector: Detector, start: Int, anchorCount: Int, patterns: [CommandPattern]
    ) -> Finding? {
        guard self.startsToken(start), !ByteSet("-_").contains(self.at(start - 1)) else { return nil }
        var offset = start + anchorCount
        if self.matches(".exe", at: offset) { offset += 4 }
        var isList = false
        if self.at(offset) == UInt8(ascii: "\\"), self.at(offset + 1) == 0x22 { offset += 1 }
        switch self.at(offset) {
        case 0x22, 0x27:
            // The command is in quotes, as in a list, or as a path with blanks.
            isList = true
            offset += 1
        case let byte where byte.isBlank: break
        default: return nil
        }
        var waiting: (pattern: CommandPattern, left: Int)?
        var words = 0
        for _ in 0..<Self.most {
            guard let argument = self.argument(from: offset, isList: isList) else { return nil }
            if let (pattern, left) = waiting {
                waiting = left > 0 ? (pattern, left - 1) : nil
                if left == 0, let finding = self.secret(detector, pattern, in: argument) { return finding }
            }
            if waiting == nil {
                let isOption = [UInt8(ascii: "-"), UInt8(ascii: "/")].contains(self.at(argument.range.lowerBound))
                for pattern in patterns {
                    if pattern.option != nil {
                        guard pattern.isOption(self.bytes(argument.range)) else { continue }
                        waiting = (pattern, pattern.skipped)
                        break
                    }
                    // Without an option, the shortest phrase that is looked at at all.
                    guard pattern.isAttached || !isOption && words == pattern.skipped,
                        let finding = self.secret(detector, pattern, in: argument),
                        pattern.isAttached || finding.end - start >= Prefilter.shortestPhrase
                    else { continue }
                    return finding
                }
                if !isOption { words += 1 }
            }
            // What a quote ends that none opened is the text around the command.
            if argument.quote == nil, !isList, [0x22, 0x27].contains(self.at(argument.end)) { return nil }
            offset = argument.end
        }
        return nil
    }

    /// The next argument; nil where the command ends.
    private mutating func argument(from start: Int, isList: Bool) -> Argument? {
        var offset = start
        while offset - start < 128 {
            let byte = self.at(offset)
            if byte.isBlank || isList && byte == UInt8(ascii: ",") {
                offset += 1
            } else if byte == UInt8(ascii: "\\"), self.at(offset + 1) == 0x0A {
                offset += 2
            } else if byte == UInt8(ascii: "\\"), self.at(offset + 1) == 0x0D, self.at(offset + 2) == 0x0A {
                offset += 3
            } else if isList, byte == 0x0A || byte == 0x0D {
                offset += 1
            } else if byte == UInt8(ascii: "a"), self.at(offset + 1).isDigit {
                // Linux' audit: `a0="mysql" a1="-pX"`.
                let digits = self.run(of: .digits, from: offset + 1, most: 3)
                guard self.at(digits) == UInt8(ascii: "="), self.at(digits + 1) == 0x22 else { break }
                offset = digits + 1
            } else {
                break
            }
        }
        let isEscaped = self.at(offset) == UInt8(ascii: "\\")
        let first = isEscaped ? offset + 1 : offset
        let quote = self.at(first)
        if quote == 0x22 || quote == 0x27 {
            return self.quotedArgument(from: first + 1, quote: quote, isEscaped: isEscaped)
        }
        guard !isList || offset > start && self.at(offset - 1) == 0x20 else { return nil }
        let end = self.argumentEnd(from: offset, Self.ends)
        return end > offset ? Argument(range: offset..<end, quote: nil, end: end) : nil
    }

    private mutating func quotedArgument(from start: Int, quote: UInt8, isEscaped: Bool) -> Argument? {
        var offset = start
        while offset < self.high || offset == start {
            let byte = self.at(offset)
            if byte == 0 || byte == 0x0A { break }
            if byte == UInt8(ascii: "\\") {
                if isEscaped, self.at(offset + 1) == quote {
                    return Argument(range: start..<offset, quote: quote, end: offset + 2)
                }
                // Within single quotes a backslash is one.
                offset += quote == 0x22 ? 2 : 1
                continue
            }
            if byte == quote, !isEscaped { return Argument(range: start..<offset, quote: quote, end: offset + 1) }
            offset += 1
        }
        _ = self.at(offset)
        // A quote that nothing closes: to the line's end, or as far as it's to be seen.
        let end = min(offset, self.high)
        return end > start ? Argument(range: start..<end, quote: quote, end: end) : nil
    }

    /// To what ends a word, but for the bytes that a backslash stands before.
    private mutating func argumentEnd(from start: Int, _ ends: ByteSet) -> Int {
        var offset = start
        while true {
            let byte = self.at(offset)
            if byte == 0 || ends.contains(byte) { return min(offset, max(start, self.high)) }
            if byte == UInt8(ascii: "\\") {
                let next = self.at(offset + 1)
                // The end of the string around it, and of its line.
                if [0, 0x22, 0x0A, 0x0D].contains(next) || next == UInt8(ascii: "n") && !self.at(offset + 2).isLetter {
                    return offset
                }
                offset += 1
            }
            offset += 1
        }
    }

    /// The secret that `pattern` says is in `argument`.
    private mutating func secret(_ detector: Detector, _ pattern: CommandPattern, in argument: Argument) -> Finding? {
        var (first, end) = (argument.range.lowerBound, argument.range.upperBound)
        guard !pattern.isQuoted || argument.quote != nil, end - first >= pattern.prefix.count else { return nil }
        for (index, byte) in pattern.prefix.enumerated() where self.at(first + index) != byte { return nil }
        first += pattern.prefix.count
        var quote = argument.quote
        if quote == nil {
            // `-p'x y'`, `--user="ann:x y"`
            if first == end, !pattern.prefix.isEmpty, [0x22, 0x27].contains(self.at(end)),
                let inner = self.quotedArgument(from: end + 1, quote: self.at(end), isEscaped: false)
            {
                (first, end, quote) = (inner.range.lowerBound, inner.range.upperBound, self.at(end))
            } else {
                // A list of processes has no quotes: what a shell would end a word at may belong to the secret.
                let last = self.argumentEnd(from: first, Self.breaks)
                end = self.run(of: ByteSet(";,)"), backFrom: last, most: 4)
                if last >= self.high, self.clipped { end = last }
            }
        }
        if let delimiter = pattern.delimiter {
            var place = first
            while place < end, self.at(place) != delimiter { place += 1 }
            guard place > first, place < end else { return nil }
            // `http://…` is no user.
            guard self.at(place + 1) != UInt8(ascii: "/") || self.at(place + 2) != UInt8(ascii: "/") else { return nil }
            first = place + 1
        }
        if pattern.endsAtSign {
            var place = end
            while place > first, self.at(place - 1) != UInt8(ascii: "@") { place -= 1 }
            if place > first { end = place - 1 }
        }
        guard end > first, quote != nil || self.at(first) != UInt8(ascii: "-") || !pattern.prefix.isEmpty,
            !self.isVariable(first..<end, quote: quote), !self.isReference(first..<end)
        else { return nil }
        let isOpen = end >= self.high && self.clipped
        var set = ByteSet("\n")
        if let quote { set.insert(quote) } else { set = Self.breaks }
        return Finding(start: first, end: end, kind: detector.kind, closer: isOpen ? .run(set.inverted) : nil)
    }

    /// Whether a shell would put something else in its place: `$name`, `%NAME%`. Not within single quotes.
    private mutating func isVariable(_ range: Range<Int>, quote: UInt8?) -> Bool {
        guard quote != 0x27 else { return false }
        let first = self.at(range.lowerBound)
        if first == UInt8(ascii: "$") {
            return self.run(of: ByteSet("_:").union(.alphanumeric), from: range.lowerBound + 1) >= range.upperBound
        }
        return first == UInt8(ascii: "%") && range.count > 2 && self.at(range.upperBound - 1) == first
    }
}
