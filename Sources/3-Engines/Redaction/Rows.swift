import GloveboxCore

/// What a head says of the lines below it: the columns of CSV, TSV, tables of `psql` and `mysql`, `COPY` and `INSERT`, what
/// is indented below a name in YAML, and the data of a Secret of Kubernetes.
///
/// Detectors find heads (`Finding.opens`); from there on the bytes are read in order, one structure at a time, and what
/// stands in a place that the head says is sensitive becomes a finding. What is found depends only on the bytes, however
/// they are cut: a row is read once it has arrived or is longer than `reach`.
///
/// State: the waiting heads, and of the structure that is read at most `mostColumns` columns. Held back is at most `reach`
/// for the head and as much for a row, or a cell of one that is longer.
struct Rows {
    /// Most bytes of a head, a row or a cell that are looked at together. What is longer is masked as it passes.
    static let reach = 4096
    static let mostColumns = 256

    /// Where a structure begins, and how it's to be read.
    struct Head: Sendable {
        enum Shape: Sendable {
            /// The line of names is still to be read.
            case table
            /// Rows of `COPY … FROM stdin`, of these columns.
            case copy([Kind?])
            /// Tuples behind `VALUES`, of these columns.
            case tuples([Kind?])
            /// Lines that are indented further than this column. `isList`: also those at it that begin with a hyphen.
            case block(column: Int, kind: Kind, isList: Bool)
            /// A Secret of Kubernetes, whose keys stand at this column. `isData`: the first line is one of its data.
            case manifest(column: Int, isData: Bool)
        }

        var shape: Shape
        /// The offset from which on it's read.
        var start: Int
        /// The place in the table of the detector that found it.
        var rank = 0

        fileprivate var order: Int {
            switch self.shape {
            case .manifest: 0
            case .block: 1
            case .tuples: 2
            case .copy: 3
            case .table: 4
            }
        }
    }

    private enum Place {
        case idle
        case head(Head)
        case table(Table, rank: Int)
        case tuples(Tuples, rank: Int)
        case lines(Lines, rank: Int)
        /// A value that is longer than `reach`, and what follows.
        indirect case inside(Finding, then: Place)
    }

    /// By where they begin; the first `begun` are done with.
    private var waiting: [Head] = []
    private var begun = 0
    /// Where the structure that is read, or was last, began.
    private var began = -1
    private var place = Place.idle
    /// Everything before it was read.
    private var position = 0
    /// What was found and not yet taken.
    private(set) var found: [Finding] = []

    var isIdle: Bool {
        if case .idle = self.place { self.nextHead == nil } else { false }
    }

    /// Nothing from here on may pass: it isn't read yet.
    var floor: Int? {
        switch self.place {
        case .idle: self.nextHead?.start
        case .inside: nil
        default: self.position
        }
    }

    mutating func reset() {
        guard !self.isIdle || self.position > 0 else { return }
        self.waiting.removeAll(keepingCapacity: true)
        self.begun = 0
        self.began = -1
        self.found.removeAll(keepingCapacity: true)
        self.place = .idle
        self.position = 0
    }

    /// Takes a head that a detector found. Each of its names may have led to it; where two begin, a table has still to show
    /// that it is one.
    mutating func add(_ head: Head) {
        guard head.start >= self.position, head.start != self.began else { return }
        var index = self.waiting.count
        while index > self.begun, self.waiting[index - 1].start > head.start { index -= 1 }
        if index > self.begun, self.waiting[index - 1].start == head.start {
            if self.waiting[index - 1].order > head.order { self.waiting[index - 1] = head }
            return
        }
        self.waiting.insert(head, at: index)
    }

    private var nextHead: Head? { self.begun < self.waiting.count ? self.waiting[self.begun] : nil }

    /// Forgets the heads that begin in what was read.
    private mutating func dropHeads() {
        while let head = self.nextHead, head.start < self.position { self.begun += 1 }
        if self.begun == self.waiting.count {
            self.waiting.removeAll(keepingCapacity: true)
            self.begun = 0
        } else if self.begun > 64, self.begun > self.waiting.count / 2 {
            self.waiting.removeFirst(self.begun)
            self.begun = 0
        }
    }

    mutating func takeFound() -> [Finding] {
        defer { self.found.removeAll(keepingCapacity: true) }
        return self.found
    }

    /// Reads what has arrived.
    ///
    /// - Parameter open: the first anchor whose detector lacks bytes; behind it another head may still come to light.
    mutating func advance(_ window: Window, open: Int?) {
        while true {
            if case .inside = self.place {} else if let open, open <= self.floor ?? .max { return }
            guard self.step(window) else { return }
            self.dropHeads()
        }
    }

    /// - Returns: false when there's nothing more to read.
    private mutating func step(_ window: Window) -> Bool {
        switch self.place {
        case .idle:
            guard let head = self.nextHead else { return false }
            self.begun += 1
            self.began = head.start
            self.position = head.start
            self.place = .head(head)
            return true
        case .head(let head):
            return self.begin(head, window)
        case .table(var table, let rank):
            let next = table.read(
                from: self.position, window, isHead: self.nextHead?.start == self.position)
            return self.follow(next, .table(table, rank: rank), rank, window)
        case .tuples(var tuples, let rank):
            let next = tuples.read(from: self.position, window)
            return self.follow(next, .tuples(tuples, rank: rank), rank, window)
        case .lines(var lines, let rank):
            let next = lines.read(from: self.position, window)
            return self.follow(next, .lines(lines, rank: rank), rank, window)
        case .inside(var finding, let place):
            finding.follow(window)
            self.position = finding.end
            self.place = finding.closer == nil ? place : .inside(finding, then: place)
            return finding.closer == nil
        }
    }

    private mutating func begin(_ head: Head, _ window: Window) -> Bool {
        switch head.shape {
        case .table:
            switch Table.begin(at: head.start, window) {
            case .needsMore: return false
            case .none:
                // Its own bytes are other text; no other head begins with them.
                self.position = head.start + 1
                self.place = .idle
            case .table(let table, let start):
                self.position = start
                self.place = .table(table, rank: head.rank)
            }
        case .copy(let columns):
            self.place = .table(Table(delimiter: 0x09, columns: columns, isCopy: true), rank: head.rank)
        case .tuples(let columns):
            self.place = .tuples(Tuples(columns: columns), rank: head.rank)
        case .block(let column, let kind, let isList):
            self.place = .lines(Lines(column: column, kind: kind, isList: isList), rank: head.rank)
        case .manifest(let column, let isData):
            self.place = .lines(Lines(manifestAt: column, isData: isData), rank: head.rank)
        }
        return true
    }

    /// What reading on came to.
    enum Next {
        case needsMore
        /// Up to this offset, with what was found in it.
        case read(to: Int, [Finding])
        /// As `read`, but the last value goes on behind what was looked at; it's masked if it's `isFound`.
        case inside([Finding], last: Finding, isFound: Bool)
        /// The structure ended before this offset.
        case ended(at: Int)
    }

    private mutating func follow(_ next: Next, _ place: Place, _ rank: Int, _ window: Window) -> Bool {
        self.place = place
        switch next {
        case .needsMore:
            return false
        case .read(let end, let findings):
            self.take(findings, rank)
            self.position = end
            return true
        case .inside(let findings, let last, let isFound):
            self.take(findings + (isFound ? [last] : []), rank)
            self.place = .inside(last, then: place)
            self.position = last.end
            return true
        case .ended(let end):
            self.position = max(self.position, end)
            self.place = .idle
            return true
        }
    }

    private mutating func take(_ findings: [Finding], _ rank: Int) {
        for var finding in findings {
            finding.rank = rank
            self.found.append(finding)
        }
    }
}

extension Window {
    /// The offset of the first line feed from `start` on and before `limit`, or nil.
    func lineEnd(from start: Int, before limit: Int) -> Int? {
        var offset = start
        let end = min(limit, self.end)
        while offset < end {
            if self.at(offset) == 0x0A { return offset }
            offset += 1
        }
        return nil
    }

    /// `range` without blanks and carriage returns at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self.at(start).isBlank || self.at(start) == 0x0D { start += 1 }
        while end > start, self.at(end - 1).isBlank || self.at(end - 1) == 0x0D { end -= 1 }
        return start..<end
    }

    func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        let range = range.clamped(to: self.first..<max(self.first, self.end))
        return UnsafeBufferPointer(start: self.base + (range.lowerBound - self.first), count: range.count)
    }

    /// Whether `text` (lower case) stands at `offset`, letters of either case.
    func matches(_ text: StaticString, at offset: Int) -> Bool {
        for index in 0..<text.utf8CodeUnitCount where self.at(offset + index).lowercased != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// Whether there is a value: not nothing, NULL, or a pseudonym already.
    func isValue(_ range: Range<Int>) -> Bool {
        if range.isEmpty { return false }
        if range.count == 4, self.matches("null", at: range.lowerBound) { return false }
        if range.count == 2, self.matches("\\n", at: range.lowerBound) { return false }
        return !Pseudonyms.isPseudonym(UnsafeRawBufferPointer(self.bytes(range)))
    }
}
