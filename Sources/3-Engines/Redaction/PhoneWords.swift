/// Where words for a telephone begin: Vectorscan reports them with all other literals, so that of the many rows of digits
/// in a log only those near one are put to the detector.
struct PhoneWords {
    /// Those in what has just come.
    private var starts: [Int] = []
    /// The first of them that hasn't been passed.
    private var next = 0
    /// The last one that was passed.
    private var last: Int?

    /// More is to come: those that are known lie behind.
    mutating func pass() {
        if let end = self.starts.last { self.last = end }
        self.starts.removeAll(keepingCapacity: true)
        self.next = 0
    }

    mutating func add(_ start: Int) { self.starts.append(start) }

    /// Longer words are reported later than shorter ones that begin behind them.
    mutating func sort() {
        if self.starts.count > 1 { self.starts.sort() }
    }

    /// Whether a word begins within `distance` bytes before `offset`, which lies behind all that were asked about.
    mutating func stand(before offset: Int, within distance: Int) -> Bool {
        while self.next < self.starts.count, self.starts[self.next] < offset {
            self.last = self.starts[self.next]
            self.next += 1
        }
        return self.last.map { offset - $0 <= distance } ?? false
    }
}
