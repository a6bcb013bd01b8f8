import GloveboxCore

extension Rows {
    /// The tuples behind `VALUES`: `('a', 'b'), ('c', E'd')`. Masked are the literals in the places of sensitive columns:
    /// what stands between the quotes of a text, and a bare number, which gets quotes.
    struct Tuples {
        let columns: [Kind?]
        /// The place in the tuple at hand, or nil between two.
        private var column: Int?
        /// Whether the value at hand was looked at before, but for the quote that ends it and what follows.
        private var isTail = false

        init(columns: [Kind?]) {
            self.columns = columns
        }

        /// Reads up to the end of the next value.
        mutating func read(from start: Int, _ window: Window) -> Next {
            let limit = start + Rows.reach
            var offset = Self.skipBlanks(from: start + (self.isTail ? 1 : 0), window, limit: limit)
            if offset >= window.end, !window.finished, offset < limit { return .needsMore }
            guard offset < min(limit, window.end) else { return .ended(at: start) }
            guard let column = self.column else {
                if window.at(offset) == UInt8(ascii: ",") {
                    offset = Self.skipBlanks(from: offset + 1, window, limit: limit)
                    if offset >= window.end, !window.finished, offset < limit { return .needsMore }
                }
                guard window.at(offset) == UInt8(ascii: "(") else { return .ended(at: start) }
                self.column = 0
                return .read(to: offset + 1, [])
            }
            var value = Value(kind: column < self.columns.count ? self.columns[column] : nil, window, limit: limit)
            switch value.read(from: offset, hasText: self.isTail) {
            case .needsMore:
                return .needsMore
            case .ends(let end, let closes):
                self.column = closes ? nil : column + 1
                self.isTail = false
                return .read(to: end + 1, value.findings)
            case .long(let literal):
                self.isTail = true
                return .inside(value.findings, last: literal, isFound: value.kind != nil)
            case .none:
                return .ended(at: offset)
            }
        }

        /// Blanks, line feeds, and these as escapes of JSON.
        static func skipBlanks(from start: Int, _ window: Window, limit: Int) -> Int {
            var offset = start
            while offset < min(limit, window.end) {
                let byte = window.at(offset)
                if byte.isBlank || byte == 0x0A || byte == 0x0D {
                    offset += 1
                } else if byte == UInt8(ascii: "\\"), [0x6E, 0x72, 0x74].contains(window.at(offset + 1)) {
                    offset += 2
                } else {
                    break
                }
            }
            return offset
        }
    }

    /// One value of a tuple: a literal, or an expression with literals in it.
    private struct Value {
        let kind: Kind?
        let window: Window
        let limit: Int
        var findings: [Finding] = []

        init(kind: Kind?, _ window: Window, limit: Int) {
            self.kind = kind
            self.window = window
            self.limit = limit
        }

        enum End {
            case needsMore
            /// At this comma or parenthesis; whether it's the tuple's.
            case ends(Int, closes: Bool)
            /// A literal goes on behind the limit.
            case long(Finding)
            /// This isn't SQL.
            case none
        }

        /// - Parameter hasText: whether a text stands before.
        mutating func read(from start: Int, hasText: Bool) -> End {
            var offset = start
            var depth = 0
            var hasText = hasText
            let end = min(self.limit, self.window.end)
            while offset < end {
                let byte = self.window.at(offset)
                switch byte {
                case UInt8(ascii: "'"), 0x22:
                    let first = offset + 1
                    guard let close = self.close(of: byte, from: first) else {
                        guard self.isBeyond else { return .needsMore }
                        return .long(
                            Finding(
                                start: first, end: first, kind: self.kind ?? .secret,
                                closer: .quoted(byte, escapes: true)))
                    }
                    hasText = true
                    self.take(first..<close)
                    offset = close + 1
                case UInt8(ascii: "$"):
                    guard let text = self.dollarQuoted(from: offset) else { return self.isBeyond ? .none : .needsMore }
                    if text.isEmpty {
                        offset += 1
                    } else {
                        hasText = true
                        self.take(text.content)
                        offset = text.end
                    }
                case UInt8(ascii: "("):
                    depth += 1
                    offset += 1
                case UInt8(ascii: ")") where depth > 0:
                    depth -= 1
                    offset += 1
                case UInt8(ascii: ")"),
                    UInt8(ascii: ",") where depth == 0:
                    if !hasText { self.takeBare(start..<offset) }
                    return .ends(offset, closes: byte == UInt8(ascii: ")"))
                case UInt8(ascii: ";") where depth == 0:
                    return .none
                default:
                    offset += 1
                }
            }
            return self.isBeyond ? .none : .needsMore
        }

        /// Whether nothing that is still to come changes the answer.
        private var isBeyond: Bool { self.window.finished || self.window.end > self.limit + 1 }

        private mutating func take(_ range: Range<Int>) {
            guard let kind = self.kind, self.window.isValue(range) else { return }
            self.findings.append(Finding(start: range.lowerBound, end: range.upperBound, kind: kind))
        }

        /// A number; what's left as it is are `NULL`, `DEFAULT`, parameters, and calls.
        private mutating func takeBare(_ range: Range<Int>) {
            let range = self.window.trimmed(range)
            guard let kind = self.kind, range.count <= 256 else { return }
            var digits = ByteSet("xX.-+_").union(.hexDigits)
            digits.insert(UInt8(ascii: "L"))
            let first = self.window.at(range.lowerBound)
            guard first.isDigit || first == UInt8(ascii: "-"), range.allSatisfy({ digits.contains(self.window.at($0)) })
            else { return }
            self.findings.append(
                Finding(start: range.lowerBound, end: range.upperBound, kind: kind, quote: UInt8(ascii: "'")))
        }

        /// The quote that closes a text: not doubled, and not behind a backslash unless the value seems to end there.
        private func close(of quote: UInt8, from start: Int) -> Int? {
            let end = min(self.limit, self.window.end)
            let isEscaped =
                self.window.at(start - 2).lowercased == UInt8(ascii: "e") && !self.window.at(start - 3).isAlphanumeric
            var offset = start
            while offset < end {
                let byte = self.window.at(offset)
                if byte == UInt8(ascii: "\\") {
                    guard offset + 2 < self.window.end || self.window.finished else { return nil }
                    let next = self.window.at(offset + 2)
                    let closes =
                        !isEscaped && self.window.at(offset + 1) == quote
                        && (next == UInt8(ascii: ",") || next == UInt8(ascii: ")"))
                    offset += closes ? 1 : 2
                } else if byte == quote {
                    guard offset + 1 < self.window.end || self.window.finished else { return nil }
                    guard self.window.at(offset + 1) == quote else { return offset }
                    offset += 2
                } else {
                    offset += 1
                }
            }
            return nil
        }

        private struct DollarQuoted {
            var content: Range<Int>
            var end: Int
            var isEmpty: Bool { self.end == self.content.lowerBound }
        }

        /// `$tag$text$tag$`; empty where the dollar opens none, nil where that can't be known.
        private func dollarQuoted(from start: Int) -> DollarQuoted? {
            let end = min(self.limit, self.window.end)
            var offset = start + 1
            while offset < end, self.window.at(offset).isAlphanumeric || self.window.at(offset) == UInt8(ascii: "_") {
                offset += 1
            }
            guard offset < end else { return nil }
            guard self.window.at(offset) == UInt8(ascii: "$"), !self.window.at(start + 1).isDigit else {
                return DollarQuoted(content: start..<start, end: start)
            }
            let count = offset + 1 - start
            let first = offset + 1
            offset = first
            while offset + count <= end {
                if self.window.at(offset) == UInt8(ascii: "$"),
                    (0..<count).allSatisfy({ self.window.at(offset + $0) == self.window.at(start + $0) })
                {
                    return DollarQuoted(content: first..<offset, end: offset + count)
                }
                offset += 1
            }
            return nil
        }
    }
}
