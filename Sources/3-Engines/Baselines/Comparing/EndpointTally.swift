/// Counts of one endpoint: per path, how often the primary differs from itself and how often the candidate does from
/// it.
struct EndpointTally: Sendable {
    static let status = "status"
    static let latency = "latency"
    /// What's beyond as many paths as one comparison keeps apart.
    static let others = "other paths"

    let endpoint: String
    private let error: SequentialTest.Error
    private(set) var paths: [String: PathTally]
    private(set) var order: [String]
    private var latency = LatencyBound()
    /// Triples; and those whose bodies were looked into.
    private(set) var triples = 0
    private(set) var bodies = 0
    private(set) var cases: [String] = []
    private(set) var primaryVersions: [String] = []
    private(set) var candidateVersions: [String] = []

    init(_ endpoint: String, _ error: SequentialTest.Error) {
        self.endpoint = endpoint
        self.error = error
        // These are known before anything is seen. Other paths get their tests when they first differ.
        self.order = [Self.status, Self.latency, Self.others]
        self.paths = Dictionary(self.order.map { ($0, PathTally(error)) }) { $1 }
    }

    struct Triple {
        var caseName: String
        var primary: ObservedAnswer
        var primaryAgain: ObservedAnswer
        var candidate: ObservedAnswer
        /// Of the first primary answer with the other, and with the candidate's.
        var primaryOutcome: AnswerDiffer.Outcome
        var candidateOutcome: AnswerDiffer.Outcome
    }

    /// - Parameter room: how many paths may still be kept apart.
    mutating func add(_ triple: Triple, room: inout Int, mask: @escaping TextMask) {
        self.triples += 1
        if !self.cases.contains(triple.caseName) { self.cases.append(triple.caseName) }
        Self.note(triple.primary.servedBy, in: &self.primaryVersions, mask)
        Self.note(triple.primaryAgain.servedBy, in: &self.primaryVersions, mask)
        Self.note(triple.candidate.servedBy, in: &self.candidateVersions, mask)
        self.addLatency(triple, mask)
        let primary = Self.byPath(triple.primaryOutcome)
        let candidate = Self.byPath(triple.candidateOutcome)
        self.add(Self.status, primary[Self.status], candidate[Self.status], triple, mask)
        guard triple.primaryOutcome.isBodyCompared, triple.candidateOutcome.isBodyCompared else { return }
        self.bodies += 1
        var others: (primary: Difference?, candidate: Difference?) = (nil, nil)
        var isNew: Set<String> = []
        for path in Set(primary.keys).union(candidate.keys).sorted() where self.paths[path] == nil {
            if room > 0 {
                room -= 1
                self.paths[path] = PathTally(self.error)
                self.order.append(path)
                isNew.insert(path)
            } else {
                others = (others.primary ?? primary[path], others.candidate ?? candidate[path])
            }
        }
        for path in self.order where path != Self.status && path != Self.latency && path != Self.others {
            // That it differs is why it's looked at: what would be counted here is what it was chosen by.
            self.add(path, primary[path], candidate[path], triple, mask, counts: !isNew.contains(path))
        }
        self.add(Self.others, others.primary, others.candidate, triple, mask)
    }

    private mutating func add(
        _ path: String, _ primary: Difference?, _ candidate: Difference?, _ triple: Triple, _ mask: @escaping TextMask,
        counts: Bool = true
    ) {
        self.paths[path]?.add(
            primary: primary, candidate: candidate, caseName: triple.caseName, counts: counts, mask: mask)
    }

    /// What a service calls itself is a text of its answer like any other.
    private static func note(_ version: String?, in versions: inout [String], _ mask: @escaping TextMask) {
        guard let version, versions.count < 20 else { return }
        let shown = ComparisonReport.shown(version, mask)
        if !versions.contains(shown) { versions.append(shown) }
    }

    /// Of several differences at one path the first.
    private static func byPath(_ outcome: AnswerDiffer.Outcome) -> [String: Difference] {
        Dictionary(outcome.differences.map { ($0.path, $0) }) { first, _ in first }
    }

    private mutating func addLatency(_ triple: Triple, _ mask: @escaping TextMask) {
        if let bound = self.latency.bound, let again = triple.primaryAgain.latency,
            let candidate = triple.candidate.latency
        {
            func late(_ latency: Int64) -> Difference? {
                guard latency > bound else { return nil }
                return Difference(
                    path: Self.latency, place: Self.latency, kind: .changed, expected: "\(bound / 1000) ms at most",
                    actual: "\(latency / 1000) ms")
            }
            self.add(Self.latency, late(again), late(candidate), triple, mask)
        }
        self.latency.add(triple.primary.latency)
        self.latency.add(triple.primaryAgain.latency)
    }

    // MARK: verdicts

    var verdict: SequentialTest.Verdict {
        if self.paths.values.contains(where: { $0.test.verdict == .differs }) { return .differs }
        // A path that never differed is the same once one that differs would have been seen.
        let isSame = self.paths.allSatisfy { path, tally in
            tally.test.verdict == .same || (path == Self.latency && tally.test.count == 0)
        }
        return isSame && self.bodies >= self.error.triplesWithoutSight ? .same : .inconclusive
    }

    /// Whether going on would tell nothing new of it.
    var isSettled: Bool {
        switch self.verdict {
        case .same: true
        case .inconclusive: false
        // What hasn't differed at all needn't be proven to be the same any more.
        case .differs:
            self.paths.values.allSatisfy { tally in
                tally.test.verdict != .inconclusive || tally.candidateDiffered == 0
            }
        }
    }
}

extension SequentialTest.Error {
    /// After so many triples a path that differs by ``effect`` has been seen, but for ``miss``.
    var triplesWithoutSight: Int {
        var count = 0
        var chance = 1.0
        while chance > self.miss, count < 1_000_000 {
            chance *= 1 - self.effect
            count += 1
        }
        return count
    }
}
