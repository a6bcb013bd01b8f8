package import GloveboxCore

/// What the primary answered to one case, and what was learned about its noise. It's one file beside the suite, for
/// people to read and to review.
package struct Baseline: Hashable, Sendable {
    /// One request of the case.
    package struct Entry: Hashable, Sendable {
        /// Method and route: `GET /api/products/{sku}`.
        package var endpoint: String
        /// Masked.
        package var answer: ObservedAnswer
        package var noise: LearnedNoise

        package init(endpoint: String, answer: ObservedAnswer, noise: LearnedNoise) {
            self.endpoint = endpoint
            self.answer = answer
            self.noise = noise
        }
    }

    package var caseName: String
    /// To the second.
    package var recordedAt: WallTime
    /// The versions that answered, as they called themselves; nil if they said nothing.
    package var against: String?
    package var runs: Int
    /// The last day on which it counts.
    package var expires: CalendarDay
    package var entries: [Entry]

    package init(
        caseName: String, recordedAt: WallTime, against: String?, runs: Int, expires: CalendarDay, entries: [Entry]
    ) {
        self.caseName = caseName
        self.recordedAt = WallTime(nanoseconds: recordedAt.nanoseconds / 1_000_000_000 * 1_000_000_000)
        self.against = against
        self.runs = runs
        self.expires = expires
        self.entries = entries
    }

    /// - Parameters:
    ///   - endpoints: of the case's entries, in order.
    ///   - runs: the answers of each run, entry by entry, in the order in which the runs were sent.
    ///   - mask: takes what's secret out of a text; it's asked for every text before that's kept.
    /// - Throws: `invalid_argument` for fewer than two runs, or runs that have another number of answers;
    ///   `redaction_failed`
    ///   when `mask` throws.
    package static func recorded(
        caseName: String, endpoints: [String], runs: [[ObservedAnswer]], at now: WallTime, expires: CalendarDay,
        mask: @escaping TextMask
    ) throws(GloveboxError) -> Baseline {
        guard runs.count >= 2 else {
            throw GloveboxError(
                .invalidArgument, "noise is learned from two runs at least: record '\(caseName)' twice or more")
        }
        guard runs.allSatisfy({ $0.count == endpoints.count }) else {
            throw GloveboxError(
                .invalidArgument,
                "a run of '\(caseName)' has \(runs.map(\.count).min() ?? 0) answers for \(endpoints.count) requests: record again once each run passes"
            )
        }
        var entries: [Entry] = []
        for (index, endpoint) in endpoints.enumerated() {
            var (noise, alike) = NoiseLearner.learn(runs.map { $0[index] }, at: now)
            guard let first = alike.first else { continue }
            let answer = try first.masked(mask)
            try noise.mask(mask)
            entries.append(Entry(endpoint: endpoint, answer: answer, noise: noise))
        }
        return Baseline(
            caseName: caseName, recordedAt: now, against: entries.compactMap(\.answer.servedBy).first, runs: runs.count,
            expires: expires, entries: entries)
    }

    /// What's known of an entry, with what somebody wrote.
    package func rules(_ entry: Int, written: RuleFile = RuleFile()) -> NoiseRules {
        NoiseRules(
            learned: self.entries[entry].noise.rules,
            written: written.rules.filter { $0.applies(to: self.entries[entry].endpoint) })
    }

    /// How an answer differs from the one that was recorded.
    /// - Throws: `redaction_failed` when `mask` throws.
    package func differences(
        _ entry: Int, actual: ObservedAnswer, written: RuleFile = RuleFile(), mask: @escaping TextMask
    ) throws(GloveboxError) -> [Difference] {
        let rules = self.rules(entry, written: written)
        var differ = AnswerDiffer(rules)
        let masked = try actual.masked(mask, besides: rules)
        return try differ.compare(expected: self.entries[entry].answer, actual: masked, isConcurrent: false).differences
            .map { difference throws(GloveboxError) in try difference.masked(mask) }
    }
}
