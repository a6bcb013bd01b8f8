import GloveboxCore
import SensitiveNames

extension Rows {
    /// Lines of cells below a line of names: CSV (RFC 4180, also with semicolons), TSV, tables drawn with bars, and the text
    /// format of `COPY`.
    ///
    /// The head is a line of names, one of them sensitive, and the next row has as many cells and repeats none of the other
    /// names: logs that have commas don't look so. Rows with another number of cells are masked in the same places; three
    /// of them in a row end the table.
    struct Table {
        private static let bar = UInt8(ascii: "|")
        private static let mostStrangers = 2
        private static let longestName = 64

        let delimiter: UInt8
        /// What each column holds, if it's sensitive.
        let columns: [Kind?]
        let isCopy: Bool
        /// Rows of another number of cells, one after the other.
        private var strangers = 0
        /// The column of the cell at hand, where a row is longer than `reach`.
        private var column = 0
        /// Whether that cell was looked at before, but for its end.
        private var isTail = false

        init(delimiter: UInt8, columns: [Kind?], isCopy: Bool = false) {
            self.delimiter = delimiter
            self.columns = columns
            self.isCopy = isCopy
        }

        // MARK: The head

        enum Beginning {
            case needsMore
            case none
            /// A table, whose rows begin there.
            case table(Table, rows: Int)
        }

        static func begin(at start: Int, _ window: Window) -> Beginning {
            guard let end = window.lineEnd(from: start, before: start + Rows.reach) else {
                return window.finished || window.end - start >= Rows.reach ? .none : .needsMore
            }
            guard let delimiter = self.delimiter(start..<end, window) else { return .none }
            var names: [Range<Int>] = []
            var columns: [Kind?] = []
            // Prose has a blank behind each comma, and words between two.
            var (isSpaced, hasWords) = (false, false)
            var offset = start
            while names.count < Rows.mostColumns {
                let cell = Self.cell(from: offset, delimiter, window, limit: end + 1, reads: true)
                guard case .ends(let content, let next) = cell, next <= end,
                    let column = Self.column(content, window, maybeEmpty: names.isEmpty || delimiter == Self.bar)
                else { return .none }
                names.append(content)
                columns.append(column.kind)
                isSpaced = isSpaced || names.count > 1 && window.at(offset) == 0x20
                hasWords = hasWords || content.contains { window.at($0) == 0x20 }
                offset = next + 1
                if next == end { break }
            }
            guard delimiter == Self.bar || !isSpaced || !hasWords else { return .none }
            guard names.count > 1, names.count < Rows.mostColumns, columns.contains(where: { $0 != nil }) else {
                return .none
            }
            return self.hold(Table(delimiter: delimiter, columns: columns), names, behind: end + 1, window)
        }

        /// Holds the first row against the head.
        private static func hold(
            _ table: Table, _ names: [Range<Int>], behind start: Int, _ window: Window
        ) -> Beginning {
            var row = start
            if table.delimiter == Self.bar {
                // The rule between head and rows.
                guard let end = window.lineEnd(from: start, before: start + Rows.reach) else {
                    return window.finished || window.end - start >= Rows.reach ? .none : .needsMore
                }
                guard (start..<end).allSatisfy({ ByteSet("-+|: \r").contains(window.at($0)) }),
                    (start..<end).contains(where: { window.at($0) == UInt8(ascii: "-") })
                else { return .none }
                row = end + 1
            }
            var offset = row
            for column in names.indices {
                switch Self.cell(
                    from: offset, table.delimiter, window, limit: row + Rows.reach,
                    reads: table.columns[column] != nil)
                {
                case .needsMore:
                    return .needsMore
                case .long:
                    return .table(table, rows: row)
                case .ends(let content, let next):
                    let isLast = next >= window.end || window.at(next) == 0x0A
                    guard isLast == (column == names.count - 1) else { return .none }
                    let isRepeated =
                        table.columns[column] == nil && !content.isEmpty
                        && window.bytes(content).elementsEqual(window.bytes(names[column]))
                    if isRepeated { return .none }
                    offset = next + 1
                }
            }
            return .table(table, rows: row)
        }

        /// The first delimiter that stands outside of quotes.
        private static func delimiter(_ line: Range<Int>, _ window: Window) -> UInt8? {
            var isQuoted = false
            for offset in line {
                let byte = window.at(offset)
                if byte == 0x22 {
                    isQuoted.toggle()
                } else if !isQuoted,
                    byte == UInt8(ascii: ",") || byte == 0x09 || byte == UInt8(ascii: ";") || byte == Self.bar
                {
                    return byte
                }
            }
            return nil
        }

        private struct Column {
            var kind: Kind?
        }

        /// What a column's name says, or nil if this isn't one: up to three words that begin with a letter.
        private static func column(_ name: Range<Int>, _ window: Window, maybeEmpty: Bool) -> Column? {
            var name = name
            // A byte order mark.
            if window.at(name.lowerBound) == 0xEF, window.at(name.lowerBound + 1) == 0xBB, name.count >= 3 {
                name = (name.lowerBound + 3)..<name.upperBound
            }
            if name.isEmpty { return maybeEmpty ? Column() : nil }
            let first = window.at(name.lowerBound)
            guard name.count <= Self.longestName, first.isLetter || first == UInt8(ascii: "_") || first >= 0x80
            else { return nil }
            let set = ByteSet("_-./# ()").union(.alphanumeric)
            var blanks = 0
            for offset in name {
                let byte = window.at(offset)
                guard set.contains(byte) || byte >= 0x80 else { return nil }
                if byte == 0x20 { blanks += 1 }
            }
            guard blanks <= 2 else { return nil }
            return Column(kind: NameSegments.judge(window.bytes(name)).map { Kind($0.kind.rawValue) })
        }

        // MARK: Rows

        /// Reads the next row, or as much of one as is longer than `reach`.
        ///
        /// - Parameter isHead: whether a head of its own begins here.
        mutating func read(from start: Int, _ window: Window, isHead: Bool) -> Next {
            if start >= window.end { return window.finished ? .ended(at: start) : .needsMore }
            let isWhole = self.column == 0 && !self.isTail
            if isWhole, let next = self.special(from: start, window) { return next }
            var findings: [Finding] = []
            var offset = self.isTail && window.at(start) == 0x22 ? start + 1 : start
            var column = self.column
            while true {
                let kind = column < self.columns.count ? self.columns[column] : nil
                switch Self.cell(
                    from: offset, self.delimiter, window, limit: start + Rows.reach, reads: kind != nil,
                    quotes: !self.isCopy && !(self.isTail && column == self.column))
                {
                case .needsMore:
                    return .needsMore
                case .ends(let content, let next):
                    if let kind, window.isValue(content) {
                        findings.append(Finding(start: content.lowerBound, end: content.upperBound, kind: kind))
                    }
                    column += 1
                    offset = next + 1
                    guard next >= window.end || window.at(next) == 0x0A else { continue }
                    self.column = 0
                    self.isTail = false
                    let fits = column == self.columns.count
                    if isWhole, !fits, isHead { return .ended(at: start) }
                    self.strangers = fits ? 0 : self.strangers + 1
                    if self.strangers > Self.mostStrangers, isWhole { return .ended(at: start) }
                    return .read(to: min(offset, window.end), column > 1 || self.columns.count == 1 ? findings : [])
                case .long(let first, let isQuoted):
                    if column > self.column {
                        // What's whole is done with; the cell is looked at again with as much room.
                        self.column = column
                        self.isTail = false
                        return .read(to: offset, findings)
                    }
                    self.isTail = true
                    var ends = ByteSet("\n")
                    ends.insert(self.delimiter)
                    let long = Finding(
                        start: first, end: first, kind: kind ?? .secret,
                        closer: isQuoted ? .quoted(0x22, escapes: false) : .rest(ends))
                    return .inside(findings, last: long, isFound: kind != nil)
                }
            }
        }

        /// Lines that are no rows: the end of `COPY`, rules between rows, and empty lines, behind which a row of another number
        /// of cells is other text.
        private mutating func special(from start: Int, _ window: Window) -> Next? {
            if self.columns.count > 1,
                window.at(start) == 0x0A || window.at(start) == 0x0D && window.at(start + 1) == 0x0A
            {
                self.strangers = Self.mostStrangers
                return .read(to: start + (window.at(start) == 0x0A ? 1 : 2), [])
            }
            if self.isCopy, window.at(start) == UInt8(ascii: "\\") {
                guard window.finished || window.end > start + 1 else { return .needsMore }
                if window.at(start + 1) == UInt8(ascii: ".") { return .ended(at: start + 2) }
            }
            let rule = ByteSet("-+|: \r")
            guard self.delimiter == Self.bar, window.at(start) == UInt8(ascii: "+") else { return nil }
            var offset = start
            while offset < window.end, offset - start < Rows.reach, rule.contains(window.at(offset)) { offset += 1 }
            if offset == window.end, !window.finished { return .needsMore }
            return window.at(offset) == 0x0A ? .read(to: offset + 1, []) : nil
        }

        // MARK: Cells

        private enum Cell {
            case needsMore
            /// Its content, without quotes, and the offset of what ends it: a delimiter, a line feed or the end.
            case ends(Range<Int>, Int)
            /// Its end lies behind the limit; the offset of its content's first byte, and whether a quote ends it.
            case long(Int, isQuoted: Bool)
        }

        /// - Parameter reads: whether what isn't closed is a quoted cell all the same: in a column that is masked.
        private static func cell(
            from start: Int, _ delimiter: UInt8, _ window: Window, limit: Int, reads: Bool, quotes: Bool = true
        ) -> Cell {
            var first = start
            while first < min(limit, window.end), window.at(first) == 0x20 { first += 1 }
            if quotes, window.at(first) == 0x22 {
                switch Self.quoted(from: first + 1, delimiter, window, limit: limit) {
                case .long(let first, _) where reads: return .long(first, isQuoted: true)
                // A quote that nothing closes is a character like any other.
                case .long: break
                case let cell: return cell
                }
            }
            var offset = start
            while offset < min(limit, window.end) {
                let byte = window.at(offset)
                if byte == delimiter || byte == 0x0A { return .ends(window.trimmed(start..<offset), offset) }
                offset += 1
            }
            if offset >= limit { return .long(min(first, limit - 1), isQuoted: false) }
            return window.finished ? .ends(window.trimmed(start..<offset), offset) : .needsMore
        }

        /// A cell whose quote stands before `start`: to a quote that a delimiter follows, or a line's end.
        private static func quoted(from start: Int, _ delimiter: UInt8, _ window: Window, limit: Int) -> Cell {
            var offset = start
            while offset < min(limit, window.end) {
                guard window.at(offset) == 0x22 else {
                    offset += 1
                    continue
                }
                if window.at(offset + 1) == 0x22 {
                    offset += 2
                    continue
                }
                var next = offset + 1
                while next < min(limit, window.end), window.at(next) == 0x20 || window.at(next) == 0x0D { next += 1 }
                if next >= limit { return .long(start, isQuoted: true) }
                if next >= window.end { return window.finished ? .ends(start..<offset, next) : .needsMore }
                if window.at(next) == delimiter || window.at(next) == 0x0A { return .ends(start..<offset, next) }
                offset += 1
            }
            return window.finished && window.end < limit || offset >= limit ? .long(start, isQuoted: true) : .needsMore
        }
    }
}
