package import GloveboxCore

/// A condition under which a set of changes may stay: a number that's measured again and again, and a bound.
package struct GuardCondition: Hashable, Sendable, Codable {
    package enum Bound: Hashable, Sendable, Codable {
        case atMost(Double)
        case atLeast(Double)

        package func holds(_ value: Double) -> Bool {
            switch self {
            case .atMost(let most): value <= most
            case .atLeast(let least): value >= least
            }
        }
    }

    package var name: String
    package var bound: Bound
    /// How long it may go without a measurement: from then on it counts as tripped.
    package var patience: Duration

    package init(name: String, bound: Bound, patience: Duration) {
        self.name = name
        self.bound = bound
        self.patience = patience
    }
}

/// Judges one condition by its measurements, from the moment its set begins to apply until it's kept or has gone back;
/// waiting for a person is no reason not to look. Tripped is terminal.
package struct GuardMachine: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        case holds
        /// Nothing was measured yet, or the last measurement failed.
        case unknown
        /// With the sign that tripped it.
        case tripped(String)
    }

    package let condition: GuardCondition
    package private(set) var verdict = Verdict.unknown
    private var measuredAt: BootInstant
    private var failure: String?

    package init(_ condition: GuardCondition, at now: BootInstant) {
        self.condition = condition
        self.measuredAt = now
    }

    /// When it counts as tripped unless something is measured before.
    package var deadline: BootInstant { self.measuredAt.advanced(by: self.condition.patience) }

    /// A value that's no number says nothing.
    package mutating func measured(_ value: Double, at now: BootInstant) {
        self.look(at: now)
        if case .tripped = self.verdict { return }
        guard value.isFinite else { return self.failed("it came to no number", at: now) }
        self.measuredAt = now
        self.failure = nil
        guard self.condition.bound.holds(value) else {
            let bound =
                switch self.condition.bound {
                case .atMost(let most): "at most \(most)"
                case .atLeast(let least): "at least \(least)"
                }
            self.verdict = .tripped("\(value), and \(bound) was wanted")
            return
        }
        self.verdict = .holds
    }

    /// It couldn't be measured.
    package mutating func failed(_ why: String, at now: BootInstant) {
        self.look(at: now)
        if case .tripped = self.verdict { return }
        self.failure = why
        self.verdict = .unknown
    }

    /// Time has passed.
    package mutating func look(at now: BootInstant) {
        if case .tripped = self.verdict { return }
        guard now >= self.deadline else { return }
        let why = self.failure.map { ": \($0)" } ?? ""
        self.verdict = .tripped("it couldn't be judged for \(self.condition.patience.written)\(why)")
    }
}
