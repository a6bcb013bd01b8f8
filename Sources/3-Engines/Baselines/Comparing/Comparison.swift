/// Compares a candidate with the primary, by values: it says what is to be sent next, is told what came of it, and
/// stops once all is known or the budget is used.
///
///     next ─► send(case, side) ─► answered ─► send … ─► finish
///                              └► gaveUp (the triple doesn't count)
///
/// A round takes each case once, in an order that's drawn; each case is sent to primary, primary and candidate in an
/// order that's drawn, which is what the tests stand on (``SequentialTest``). Cases whose endpoints are all settled
/// aren't sent any more.
///
/// **Error.** Every path of every endpoint is a test of its own, and the error of all together is what's asked for
/// (Bonferroni): each may raise a false alarm with `falseAlarm` divided by the number of tests there can be,
/// `mostPaths` and three for each endpoint (status, latency, paths beyond `mostPaths`). A path's test begins with the
/// triple behind the one in which it first differed, since it was chosen by that. An endpoint is the same if all paths
/// that ever differed are, and there were triples enough to see one that does; each of both may fail with half of
/// `miss`, so an endpoint in which any path differs by `effect` is said to be the same with `miss` at most.
package struct Comparison: Sendable {
    /// A case, and for each of its requests the endpoint and what's known of its noise.
    package struct Case: Hashable, Sendable {
        package struct Entry: Hashable, Sendable {
            package var endpoint: String
            package var rules: NoiseRules

            package init(endpoint: String, rules: NoiseRules) {
                self.endpoint = endpoint
                self.rules = rules
            }
        }

        package var name: String
        package var entries: [Entry]

        package init(name: String, entries: [Entry]) {
            self.name = name
            self.entries = entries
        }

        /// A case that has a baseline, and the rules that somebody wrote.
        package init(_ baseline: Baseline, written: RuleFile = RuleFile()) {
            self.init(
                name: baseline.caseName,
                entries: baseline.entries.indices.map {
                    Entry(endpoint: baseline.entries[$0].endpoint, rules: baseline.rules($0, written: written))
                })
        }
    }

    package struct Settings: Hashable, Sendable {
        package var error: SequentialTest.Error
        /// How often cases are sent three times, all together.
        package var mostTriples: Int
        /// How many paths are kept apart.
        package var mostPaths: Int
        /// Of all that's drawn.
        package var seed: UInt64

        package init(
            error: SequentialTest.Error = SequentialTest.Error(), mostTriples: Int = 10_000, mostPaths: Int = 250,
            seed: UInt64
        ) {
            self.error = error
            self.mostTriples = mostTriples
            self.mostPaths = mostPaths
            self.seed = seed
        }
    }

    package enum Side: String, Hashable, Sendable, CaseIterable, Codable {
        case primary
        case primaryAgain = "primary-again"
        case candidate
    }

    package enum Action: Hashable, Sendable {
        /// Send the case of this place to the version of this side, and answer by ``answered(_:)`` or ``gaveUp()``.
        case send(caseIndex: Int, side: Side)
        case finish(ComparisonReport.Ending)
    }

    private enum State {
        case ready
        case sending(Int, Side, later: [Side], answers: [Side: [ObservedAnswer]])
        case ended(ComparisonReport.Ending)
    }

    package let cases: [Case]
    package let settings: Settings
    private let mask: TextMask
    private var differs: [[AnswerDiffer]]
    private var tallies: [EndpointTally] = []
    private var tallyOf: [String: Int] = [:]
    private var generator: SplitMix
    private var round: [Int] = []
    private var state = State.ready
    private var room: Int
    package private(set) var triples = 0
    package private(set) var requests = 0

    /// - Parameter mask: what's shown of values goes through it.
    package init(_ cases: [Case], _ settings: Settings, mask: @escaping TextMask) {
        self.cases = cases
        self.settings = settings
        self.mask = mask
        self.generator = SplitMix(seed: settings.seed)
        self.room = settings.mostPaths
        self.differs = cases.map { $0.entries.map { AnswerDiffer($0.rules) } }
        var endpoints: [String] = []
        for entry in cases.flatMap(\.entries) where !endpoints.contains(entry.endpoint) {
            endpoints.append(entry.endpoint)
        }
        self.tests = settings.mostPaths + 3 * endpoints.count
        var error = settings.error
        error.falseAlarm /= Double(max(1, self.tests))
        error.miss /= 2
        self.tallies = endpoints.map { EndpointTally($0, error) }
        self.tallyOf = Dictionary(endpoints.enumerated().map { ($1, $0) }) { $1 }
    }

    /// Among how many tests the error is split.
    package let tests: Int

    // MARK: events

    /// What's to be done first, and after whatever was answered. Asked again while something is under way, it says the
    /// same.
    package mutating func next() -> Action {
        switch self.state {
        case .sending(let index, let side, _, _): return .send(caseIndex: index, side: side)
        case .ended(let ending): return .finish(ending)
        case .ready: return self.begin()
        }
    }

    /// - Parameter answers: of each request of the case, in order; fewer where the case ended early.
    package mutating func answered(_ answers: [ObservedAnswer]) -> Action {
        guard case .sending(let index, let side, var later, var all) = self.state else { return self.next() }
        self.requests += answers.count
        all[side] = answers
        if later.isEmpty {
            self.state = .ready
            self.judge(index, all)
        } else {
            let side = later.removeFirst()
            self.state = .sending(index, side, later: later, answers: all)
        }
        return self.next()
    }

    /// The case couldn't be sent: no right, no budget, a guard. Its triple counts as sent, and says nothing.
    package mutating func gaveUp() -> Action {
        guard case .sending = self.state else { return self.next() }
        self.triples += 1
        self.state = .ready
        return self.next()
    }

    /// Nothing more is sent, for a reason of the driver's.
    package mutating func stop() -> Action {
        if case .ended = self.state { return self.next() }
        self.state = .ended(.stopped)
        return self.next()
    }

    // MARK: transitions

    private mutating func begin() -> Action {
        guard self.triples < self.settings.mostTriples else { return self.end(.budget) }
        self.round = self.round.filter { !self.isSettled($0) }
        if self.round.isEmpty {
            self.round = self.cases.indices.filter { !self.isSettled($0) }.shuffled(using: &self.generator)
        }
        guard let index = self.round.popLast() else { return self.end(.decided) }
        var sides = Side.allCases.shuffled(using: &self.generator)
        let side = sides.removeFirst()
        self.state = .sending(index, side, later: sides, answers: [:])
        return .send(caseIndex: index, side: side)
    }

    private mutating func end(_ ending: ComparisonReport.Ending) -> Action {
        self.state = .ended(ending)
        return .finish(ending)
    }

    private func isSettled(_ index: Int) -> Bool {
        self.cases[index].entries.allSatisfy { entry in
            self.tallyOf[entry.endpoint].map { self.tallies[$0].isSettled } ?? true
        }
    }

    private mutating func judge(_ index: Int, _ answers: [Side: [ObservedAnswer]]) {
        self.triples += 1
        guard let primary = answers[.primary], let again = answers[.primaryAgain], let candidate = answers[.candidate]
        else {
            return
        }
        // Where a side's case ended early, its next requests weren't sent: that's an answer, too, where another side's were.
        let count = min(self.cases[index].entries.count, max(primary.count, again.count, candidate.count))
        func answer(_ answers: [ObservedAnswer], _ entry: Int) -> ObservedAnswer {
            entry < answers.count ? answers[entry] : .notSent
        }
        for entry in 0..<count {
            let (primary, again) = (answer(primary, entry), answer(again, entry))
            let candidate = answer(candidate, entry)
            guard let place = self.tallyOf[self.cases[index].entries[entry].endpoint] else { continue }
            let outcomes = [again, candidate].map {
                self.differs[index][entry].compare(expected: primary, actual: $0, isConcurrent: true)
            }
            self.tallies[place].add(
                EndpointTally.Triple(
                    caseName: self.cases[index].name, primary: primary, primaryAgain: again, candidate: candidate,
                    primaryOutcome: outcomes[0], candidateOutcome: outcomes[1]),
                room: &self.room, mask: self.mask)
        }
    }

    // MARK: reporting

    /// What's known so far.
    package var report: ComparisonReport {
        let ending: ComparisonReport.Ending? = if case .ended(let ending) = self.state { ending } else { nil }
        return ComparisonReport(
            endpoints: self.tallies.map { ComparisonReport.Endpoint($0, self.mask) }, triples: self.triples,
            requests: self.requests,
            error: self.settings.error, tests: self.tests, seed: self.settings.seed, ending: ending)
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): orders can be drawn again
/// from their seed. Not for secrets.
package struct SplitMix: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// In which order cases are sent while a baseline is recorded: each case as often as asked for, all of them mixed, so
/// that what one leaves behind doesn't look like another's noise.
package struct RecordingOrder: Hashable, Sendable {
    /// Places of cases.
    package let cases: [Int]

    package init(caseCount: Int, runs: Int, seed: UInt64) {
        var generator = SplitMix(seed: seed)
        self.cases = (0..<caseCount).flatMap { Array(repeating: $0, count: runs) }.shuffled(using: &generator)
    }
}
