import GloveboxCore

extension Rows {
    /// What's indented below a name in YAML: a block scalar, a list, a mapping. Each line is masked but for its indentation
    /// and the hyphens of a list, so that it stays YAML.
    ///
    /// Of a Secret of Kubernetes it is what stands below `data` and `stringData`, the names of the values aside.
    struct Lines {
        /// The column of the name.
        let column: Int
        let kind: Kind
        let isList: Bool
        private let isManifest: Bool
        /// Whether the lines at hand are those of a manifest's data.
        private var isInData: Bool
        /// Where the names of a manifest's data stand.
        private var dataColumn: Int?
        /// Whether the rest of a line is being read.
        private var isTail = false

        init(column: Int, kind: Kind, isList: Bool) {
            self.column = column
            self.kind = kind
            self.isList = isList
            self.isManifest = false
            self.isInData = true
        }

        init(manifestAt column: Int, isData: Bool) {
            self.column = column
            self.kind = .secret
            self.isList = false
            self.isManifest = true
            self.isInData = isData
        }

        /// Reads the next line.
        mutating func read(from start: Int, _ window: Window) -> Next {
            if self.isTail {
                guard let end = window.lineEnd(from: start, before: window.end) else {
                    guard start >= window.end else { return .read(to: window.end, []) }
                    return window.finished ? .ended(at: start) : .needsMore
                }
                self.isTail = false
                return .read(to: end + 1, [])
            }
            var first = start
            while first < window.end, first - start < Rows.reach, window.at(first).isBlank || window.at(first) == 0x0D {
                first += 1
            }
            if first - start >= Rows.reach { return .ended(at: start) }
            if first >= window.end { return window.finished ? .ended(at: start) : .needsMore }
            if window.at(first) == 0x0A { return .read(to: first + 1, []) }
            let column = first - start
            return self.isManifest
                ? self.manifestLine(start, first, column, window) : self.line(start, first, column, window)
        }

        private mutating func line(_ start: Int, _ first: Int, _ column: Int, _ window: Window) -> Next {
            let isItem = window.at(first) == UInt8(ascii: "-")
            if isItem, column <= self.column, !window.finished, window.end < first + 2 { return .needsMore }
            guard column > self.column || self.isList && column == self.column && isItem && window.at(first + 1).isBlank
            else { return .ended(at: start) }
            return self.mask(from: first, start, window)
        }

        /// Masks a line from `first` on, the hyphens of a list aside.
        private mutating func mask(from first: Int, _ start: Int, _ window: Window) -> Next {
            var first = first
            let limit = start + Rows.reach
            while first < min(limit, window.end), window.at(first) == UInt8(ascii: "-") {
                guard window.end > first + 1 || window.finished else { return .needsMore }
                guard window.at(first + 1).isBlank else { break }
                first += 1
                while first < min(limit, window.end), window.at(first).isBlank { first += 1 }
            }
            guard let end = window.lineEnd(from: first, before: limit) else {
                if window.end >= limit {
                    self.isTail = true
                    let long = Finding(
                        start: min(first, limit - 1), end: limit, kind: self.kind, closer: .rest(ByteSet("\n")))
                    return .inside([], last: long, isFound: true)
                }
                guard window.finished else { return .needsMore }
                return .read(to: window.end, self.findings(first..<window.end, window))
            }
            return .read(to: end + 1, self.findings(first..<end, window))
        }

        /// A line's value, without the quotes about it.
        private func findings(_ range: Range<Int>, _ window: Window) -> [Finding] {
            var range = window.trimmed(range)
            let quote = window.at(range.lowerBound)
            if range.count > 2, quote == 0x22 || quote == 0x27, window.at(range.upperBound - 1) == quote {
                range = (range.lowerBound + 1)..<(range.upperBound - 1)
            }
            guard window.isValue(range) else { return [] }
            return [Finding(start: range.lowerBound, end: range.upperBound, kind: self.kind)]
        }

        // MARK: Manifests

        private mutating func manifestLine(_ start: Int, _ first: Int, _ column: Int, _ window: Window) -> Next {
            let limit = start + Rows.reach
            if column <= self.column {
                guard let end = window.lineEnd(from: first, before: limit) ?? (window.finished ? window.end : nil)
                else {
                    return window.end >= limit ? .ended(at: start) : .needsMore
                }
                // Another document, or what stands outside of this one.
                guard column == self.column, window.at(first).isLetter else { return .ended(at: start) }
                self.isInData = Self.opensData(window.trimmed(first..<end), window)
                self.dataColumn = nil
                return .read(to: min(end + 1, window.end), [])
            }
            guard self.isInData else {
                self.isTail = true
                return .read(to: first, [])
            }
            let dataColumn = self.dataColumn ?? column
            self.dataColumn = dataColumn
            guard column == dataColumn else { return self.mask(from: first, start, window) }
            // A name, and its value behind the colon.
            var offset = first
            while offset < min(limit, window.end), window.at(offset) != 0x0A {
                guard window.at(offset) == UInt8(ascii: ":") else {
                    offset += 1
                    continue
                }
                guard window.end > offset + 1 || window.finished else { return .needsMore }
                let next = window.at(offset + 1)
                if next.isBlank || next == 0x0A || next == 0x0D || next == 0 {
                    var value = offset + 1
                    while value < min(limit, window.end), window.at(value).isBlank { value += 1 }
                    if value >= window.end, !window.finished { return .needsMore }
                    // The mark of a block scalar stays; its lines come.
                    if window.at(value) == UInt8(ascii: "|") || window.at(value) == UInt8(ascii: ">")
                        || window.at(value) == 0x0A || window.at(value) == 0x0D
                    {
                        self.isTail = true
                        return .read(to: value, [])
                    }
                    return self.mask(from: value, start, window)
                }
                offset += 1
            }
            if offset >= window.end, !window.finished, offset < limit { return .needsMore }
            return self.mask(from: first, start, window)
        }

        private static func opensData(_ line: Range<Int>, _ window: Window) -> Bool {
            let text = String(decoding: window.bytes(line), as: UTF8.self)
            return text == "data:" || text == "stringData:"
        }
    }
}
