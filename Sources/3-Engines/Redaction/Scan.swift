/// Where something may begin: a literal that Vectorscan reported, or a byte that the byte scan stopped at.
struct Anchor {
    /// The offset of its first byte.
    var start: Int
    /// The literal's id; `email`, `digit` or `colon` for the byte scan's.
    var literal: Int

    static let email = -1
    static let digit = -2
    static let colon = -3
}

/// A row of overlapping findings: what one pseudonym stands for.
struct Cluster {
    var start: Int
    /// The offset behind the last byte that is known to belong.
    var end: Int
    var kind: Kind
    /// The detector of its first finding, by its place in the table.
    var rank = 0
    /// The quote that what stands for it needs about it.
    var quote: UInt8?
    /// Findings in it whose end isn't known yet.
    var open: [Finding] = []
    /// Whether findings of other kinds are in it.
    var isMixed = false
}

/// The core that whole values and streams share: anchors, findings and clusters over a window.
///
/// A value is a window that is finished from the first; a stream is one that moves. What is found depends only on the
/// bytes: an anchor is confirmed once its `View` has all that the detector asks for.
struct Scan {
    /// An anchor that a detector has still to answer, for want of bytes.
    private struct Pending {
        var anchor: Anchor
        var detector: Int
        /// No finding of this anchor begins before it.
        var floor: Int
    }

    let detectors: Detectors
    private var pending: [Pending] = []
    private var findings: [Finding] = []
    /// How many of `findings` are in clusters already.
    private var taken = 0
    private var isSorted = true
    private(set) var current: Cluster?
    /// Words for a telephone; nil where nobody looked for them.
    var phoneWords: PhoneWords?
    private var secretWords = SecretWords()
    /// Where encoded text was seen.
    var runs = EncodedRuns()
    /// What heads say of the rows below them.
    private var rows = Rows()

    init(_ detectors: Detectors) {
        self.detectors = detectors
    }

    mutating func reset() {
        self.pending.removeAll(keepingCapacity: true)
        self.findings.removeAll(keepingCapacity: true)
        self.taken = 0
        self.isSorted = true
        self.current = nil
        self.phoneWords = nil
        self.runs.reset()
        self.rows.reset()
    }

    /// Whether nothing was found or is still to be answered.
    var isEmpty: Bool {
        self.taken == self.findings.count && self.pending.isEmpty && self.current == nil && self.runs.found.isEmpty
    }

    // MARK: Finding

    mutating func take(_ anchors: [Anchor], _ window: Window) {
        var words = self.phoneWords ?? PhoneWords()
        words.pass()
        self.phoneWords = nil
        self.secretWords.take(anchors, self.detectors)
        let (anchored, starts) = (self.detectors.anchored, self.detectors.anchoredStarts)
        for anchor in anchors {
            if anchor.literal >= self.detectors.firstPhoneWord { words.add(anchor.start) }
            for index in starts[anchor.literal]..<starts[anchor.literal + 1]
            where anchored[index].mayFind(at: anchor.start, window) {
                let detector = anchored[index].index
                if anchored[index].needsSecret,
                    !self.secretWords.mayStand(behind: anchor.start, within: self.detectors.reaches[detector], window)
                {
                    continue
                }
                self.ask(detector, anchor, window, floor: nil)
            }
        }
        words.sort()
        self.phoneWords = words
    }

    /// Adds a finding that another way than an anchor led to.
    mutating func add(_ finding: Finding) {
        self.findings.append(finding)
        self.isSorted = false
    }

    /// Asks those again that lacked bytes.
    mutating func retry(_ window: Window) {
        guard !self.pending.isEmpty else { return }
        let waiting = self.pending
        self.pending.removeAll(keepingCapacity: true)
        for item in waiting { self.ask(item.detector, item.anchor, window, floor: item.floor) }
    }

    mutating func ask(_ detector: Int, _ anchor: Anchor, _ window: Window, floor: Int?) {
        let count = anchor.literal < 0 ? 1 : self.detectors.anchorCounts[anchor.literal]
        var view = View(window, anchor: anchor.start, reach: self.detectors.reaches[detector])
        let finding = self.detectors.confirm(detector, start: anchor.start, anchorCount: count, &view)
        if view.starved {
            let floor = floor ?? Self.runStart(window, before: anchor.start)
            self.pending.append(Pending(anchor: anchor, detector: detector, floor: floor))
        } else if let finding {
            switch finding.hint {
            case nil: self.add(finding)
            case .isInvisible: self.runs.invisible(at: finding.start, window)
            case .opens(var head):
                head.rank = finding.rank
                self.rows.add(head)
            }
        }
    }

    /// Reads on in the rows below a head.
    mutating func readRows(_ window: Window) {
        guard !self.rows.isIdle else { return }
        self.rows.advance(window, open: self.pending.lazy.map(\.anchor.start).min())
        for finding in self.rows.takeFound() { self.add(finding) }
    }

    /// The start of the row of bytes before `offset` in which a finding of an anchor there may begin.
    private static func runStart(_ window: Window, before offset: Int) -> Int {
        var start = offset
        while start > window.first, offset - start < Detectors.lookBehind, ByteSet.run.contains(window.at(start - 1)) {
            start -= 1
        }
        return start
    }

    /// Up to where all findings that begin there are known.
    func settled(_ window: Window) -> Int {
        if window.finished { return window.end }
        var offset = Self.runStart(window, before: window.end)
        for item in self.pending { offset = min(offset, item.floor) }
        if let floor = self.runs.floor { offset = min(offset, floor) }
        if let floor = self.rows.floor { offset = min(offset, floor) }
        return offset
    }

    // MARK: Clusters

    enum Step {
        /// The next finding may begin here: everything before it may pass.
        case clear(to: Int)
        /// This cluster is complete.
        case mask(Cluster)
        /// This cluster has begun and its end isn't known; nothing behind its start may pass.
        case open(Cluster)
    }

    /// The next thing to do with the bytes up to `settled`.
    mutating func next(settled: Int, _ window: Window) -> Step {
        if !self.isSorted {
            self.findings.removeFirst(self.taken)
            self.taken = 0
            self.findings.sort(by: Finding.precedes)
            self.isSorted = true
        }
        var cluster: Cluster
        if let current = self.current {
            cluster = current
        } else {
            guard self.taken < self.findings.count, self.findings[self.taken].start < settled else {
                return .clear(to: settled)
            }
            let first = self.findings[self.taken]
            cluster = Cluster(
                start: first.start, end: first.start + 1, kind: first.kind, rank: first.rank, quote: first.quote)
        }
        self.grow(&cluster, window)
        if cluster.open.isEmpty, cluster.end <= settled {
            self.current = nil
            return .mask(cluster)
        }
        self.current = cluster
        // Without an open end another finding may still overlap the tail: wait.
        return cluster.open.isEmpty ? .clear(to: cluster.start) : .open(cluster)
    }

    /// Follows the cluster's open findings and adds what overlaps it.
    private mutating func grow(_ cluster: inout Cluster, _ window: Window) {
        if !cluster.open.isEmpty { cluster.follow(window) }
        while true {
            // An end that isn't known lies behind all that has arrived, and so behind every finding so far.
            let end = cluster.open.isEmpty ? cluster.end : Int.max
            guard self.taken < self.findings.count, self.findings[self.taken].start < end else { return }
            var finding = self.findings[self.taken]
            self.taken += 1
            if finding.isMixed || finding.kind != cluster.kind { cluster.isMixed = true }
            finding.follow(window)
            if finding.closer == nil {
                cluster.end = max(cluster.end, finding.end)
            } else if !cluster.covers(finding) {
                // Those that have come as far and go on alike end alike: one of them is followed.
                cluster.open.append(finding)
            }
        }
    }
}

extension Cluster {
    /// So many arrays and objects are followed, one within another: those further in end with them.
    private static let mostBrackets = 16

    /// Whether the open findings end no earlier than this one, which has come as far.
    fileprivate func covers(_ finding: Finding) -> Bool {
        var brackets = 0
        for open in self.open {
            if open.closer == finding.closer, open.end == finding.end { return true }
            if case .brackets = open.closer { brackets += 1 }
        }
        if case .brackets = finding.closer { return brackets >= Self.mostBrackets }
        return false
    }

    fileprivate mutating func follow(_ window: Window) {
        for index in self.open.indices.reversed() {
            self.open[index].follow(window)
            if self.open[index].closer == nil {
                self.end = max(self.end, self.open[index].end)
                self.open.remove(at: index)
            }
        }
    }
}
