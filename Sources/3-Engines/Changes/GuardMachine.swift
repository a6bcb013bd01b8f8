package import GloveboxCore

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
    /// What was measured last.
    package private(set) var lastValue: Double?
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
        self.lastValue = value
        self.failure = nil
        self.verdict =
            self.condition.bound.holds(value)
            ? .holds : .tripped("\(value.written), and \(self.condition.bound.written) was wanted")
    }

    /// It couldn't be measured.
    package mutating func failed(_ why: String, at now: BootInstant) {
        self.look(at: now)
        if case .tripped = self.verdict { return }
        self.failure = why
        self.verdict = .unknown
    }

    /// A value, or why there's none.
    package mutating func take(_ measured: Result<Double, GloveboxError>, at now: BootInstant) {
        switch measured {
        case .success(let value): self.measured(value, at: now)
        case .failure(let error): self.failed(error.message, at: now)
        }
    }

    /// Time has passed.
    package mutating func look(at now: BootInstant) {
        if case .tripped = self.verdict { return }
        guard now >= self.deadline else { return }
        let why = self.failure.map { ": \($0)" } ?? ""
        self.verdict = .tripped("it couldn't be judged for \(self.condition.patience.written)\(why)")
    }
}

extension GuardCondition.Bound {
    /// In words: `at most 0.01`.
    package var written: String {
        switch self {
        case .atMost(let most): "at most \(most.written)"
        case .atLeast(let least): "at least \(least.written)"
        }
    }
}

extension Double {
    /// For people: `2` for a whole number.
    package var written: String { Int64(exactly: self).map { "\($0)" } ?? "\(self)" }
}
