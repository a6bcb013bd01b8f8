/// What's known of one path of one endpoint.
struct PathTally: Sendable {
    var test: SequentialTest
    var primaryDiffered = 0
    var candidateDiffered = 0
    /// The first difference of the candidate's, or else of the primary's, masked.
    var example: Difference?
    var exampleCase: String?
    private var exampleIsCandidates = false

    init(_ error: SequentialTest.Error) {
        self.test = SequentialTest(error)
    }

    mutating func add(
        primary: Difference?, candidate: Difference?, caseName: String, counts: Bool, mask: @escaping TextMask
    ) {
        if primary != nil { self.primaryDiffered += 1 }
        if candidate != nil { self.candidateDiffered += 1 }
        if counts { self.test.add(primary: primary != nil, candidate: candidate != nil) }
        guard let difference = candidate ?? primary,
            self.example == nil || (candidate != nil && !self.exampleIsCandidates)
        else { return }
        self.exampleIsCandidates = candidate != nil
        self.exampleCase = caseName
        self.example = Self.masked(difference, mask)
    }

    /// What can't be masked isn't shown.
    private static func masked(_ difference: Difference, _ mask: @escaping TextMask) -> Difference {
        do {
            return try difference.masked(mask)
        } catch {
            var hidden = difference
            (hidden.path, hidden.place) = (ComparisonReport.unmasked, ComparisonReport.unmasked)
            (hidden.expected, hidden.actual, hidden.detail) = ("a value that can't be masked", "another", nil)
            return hidden
        }
    }
}

/// When an answer is late: three times the primary's 99th percentile, and half a second more than that. It's judged by
/// answers of earlier triples alone, so that it's the same for both who are compared.
struct LatencyBound: Hashable, Sendable {
    static let leastSamples = 20
    static let mostSamples = 1000
    /// Sorted; microseconds.
    private var samples: [Int64] = []

    /// Nil where too little is known.
    var bound: Int64? {
        guard self.samples.count >= Self.leastSamples else { return nil }
        let high = self.samples[min(self.samples.count - 1, self.samples.count * 99 / 100)]
        return max(3 * high, high + 500_000)
    }

    mutating func add(_ latency: Int64?) {
        guard let latency, latency >= 0, latency < 1 << 50, self.samples.count < Self.mostSamples else { return }
        var (low, high) = (0, self.samples.count)
        while low < high {
            let middle = (low + high) / 2
            if self.samples[middle] < latency { low = middle + 1 } else { high = middle }
        }
        self.samples.insert(latency, at: low)
    }
}
