/// What memory holds of a segment, so that records in it are found without reading all of it.
struct SegmentSummary: Sendable {
    /// A place to begin reading at.
    struct Mark: Sendable {
        var position: UInt64
        var offset: Int
        /// The last of the chain's own records before it.
        var ownBefore: UInt64
    }

    static let framesPerMark = 32

    let path: String
    /// The chain before its first frame.
    let before: ChainState
    /// Of the last frame that's durable.
    private(set) var last: UInt64
    /// Where the durable frames end.
    private(set) var end: Int
    private(set) var marks: [Mark] = []
    /// Which sequences of each origin are here: a run without gaps.
    private(set) var sequences: [String: ClosedRange<UInt64>] = [:]
    /// The position of the last record for the host alone; 0 if there's none.
    private(set) var lastHostOnly: UInt64 = 0

    init(path: String, before: ChainState, start: Int) {
        self.path = path
        self.before = before
        self.last = before.position
        self.end = start
    }

    /// A durable frame at `offset`. `origin` is the chain's own.
    mutating func add(_ frame: FrameNote, at offset: Int, own origin: String) {
        if (frame.position - self.before.position - 1).isMultiple(of: UInt64(Self.framesPerMark)) {
            let ownBefore = self.sequences[origin]?.upperBound ?? self.before.sequences[origin] ?? 0
            self.marks.append(Mark(position: frame.position, offset: offset, ownBefore: ownBefore))
        }
        self.sequences[frame.origin] = (self.sequences[frame.origin]?.lowerBound ?? frame.sequence)...frame.sequence
        if frame.isHostOnly { self.lastHostOnly = frame.position }
        self.last = frame.position
        self.end = offset + frame.length
    }

    /// Where to begin looking for the frame after `position`.
    func offset(after position: UInt64) -> Int? {
        self.lastMark { $0.position <= position + 1 }?.offset
    }

    /// Where to begin looking for the chain's own record after `sequence`.
    func offset(afterOwn sequence: UInt64) -> Int? {
        self.lastMark { $0.ownBefore <= sequence }?.offset
    }

    private func lastMark(where holds: (Mark) -> Bool) -> Mark? {
        var low = 0
        var high = self.marks.count
        while low < high {
            let middle = (low + high) / 2
            if holds(self.marks[middle]) { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? self.marks[low - 1] : self.marks.first
    }
}

/// A frame without its contents.
struct FrameNote: Sendable {
    var position: UInt64
    var origin: String
    var sequence: UInt64
    var isHostOnly: Bool
    var length: Int
}

/// What readers go by: the durable part of a chain.
struct ChainIndex: Sendable {
    /// Oldest first; never empty once a chain is open.
    var segments: [SegmentSummary] = []
    var state = ChainState()
    var acknowledged: UInt64 = 0

    /// The first segment with frames after `position`.
    func segment(after position: UInt64) -> Int? {
        self.firstSegment { $0.last > position }
    }

    /// The first segment with own records after `sequence`.
    func segment(afterOwn sequence: UInt64, of origin: String) -> Int? {
        self.firstSegment { ($0.sequences[origin]?.upperBound ?? $0.before.sequences[origin] ?? 0) > sequence }
    }

    /// The segment that holds a record.
    func segment(of sequence: UInt64, from origin: String) -> SegmentSummary? {
        self.segment(afterOwn: sequence &- 1, of: origin).map { self.segments[$0] }
            .flatMap { $0.sequences[origin]?.contains(sequence) == true ? $0 : nil }
    }

    private func firstSegment(where holds: (SegmentSummary) -> Bool) -> Int? {
        var low = 0
        var high = self.segments.count
        while low < high {
            let middle = (low + high) / 2
            if holds(self.segments[middle]) { high = middle } else { low = middle + 1 }
        }
        return low < self.segments.count ? low : nil
    }
}
