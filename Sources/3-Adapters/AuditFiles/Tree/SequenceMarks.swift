/// By what is found where in the tree an origin's record is: the sequences that were reached at every 4,096th entry.
struct SequenceMarks: Sendable {
    private struct Mark: Sendable {
        /// Of the entry that follows.
        var index: UInt64
        var before: [String: UInt64]
    }

    static let entriesPerMark: UInt64 = 4096

    /// The last sequence of each origin.
    private(set) var last: [String: UInt64]
    private var marks: [Mark]

    /// - Parameters:
    ///   - index: of the first entry that's there.
    ///   - before: the sequences that were reached before it.
    init(from index: UInt64 = 0, before: [String: UInt64] = [:]) {
        self.last = before
        self.marks = [Mark(index: index, before: before)]
    }

    /// The sequences that were reached before the first entry that's there.
    var before: [String: UInt64] { self.marks.first?.before ?? [:] }

    /// An entry at the end.
    mutating func add(_ origin: String, _ sequence: UInt64, at index: UInt64) {
        if index.isMultiple(of: Self.entriesPerMark), let mark = self.marks.last, mark.index < index {
            self.marks.append(Mark(index: index, before: self.last))
        }
        self.last[origin] = sequence
    }

    /// Where to begin looking for a record; `nil` when it isn't there (any more).
    func start(of sequence: UInt64, from origin: String) -> UInt64? {
        guard sequence <= self.last[origin] ?? 0, sequence > self.before[origin] ?? 0 else { return nil }
        var (low, high) = (0, self.marks.count)
        while low < high {
            let middle = (low + high) / 2
            if self.marks[middle].before[origin] ?? 0 < sequence { low = middle + 1 } else { high = middle }
        }
        return self.marks[max(0, low - 1)].index
    }

    /// Forgets what's before `index`, where these sequences had been reached.
    mutating func prune(before index: UInt64, _ sequences: [String: UInt64]) {
        self.marks = [Mark(index: index, before: sequences)] + self.marks.filter { $0.index > index }
    }
}
