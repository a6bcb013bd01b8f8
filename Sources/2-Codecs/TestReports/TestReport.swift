/// What became of one run of a suite: what every form of report is written from.
///
/// Whoever makes one has masked all that's in it. ``json`` is the form that programs read; its fields are described in
/// docs/suites.md.
package struct TestReport: Hashable, Sendable, Codable {
    package enum Verdict: String, Hashable, Sendable, Codable {
        case passed
        /// All have passed, though something had to be tried again for it.
        case flaky
        case failed
        /// It came to no verdict: it was ended before its time, or something that isn't a test's has failed.
        case error
    }

    package static let currentForm = 1

    /// Of this form.
    package var form = Self.currentForm
    package var suite: String
    /// The run's identifier; of a race each trial has one of its own.
    package var run: String?
    /// RFC 3339.
    package var startedAt: String
    package var seconds: Double
    /// The version that the run asked for.
    package var version: String?
    /// `KEY=VARIANT`, as the run had them.
    package var flags: [String]
    /// Why it ended before its time.
    package var endedEarly: String?
    /// What went wrong outside of a case.
    package var problems: [String]
    /// What couldn't be undone.
    package var leftovers: [Leftover]
    package var cases: [TestCaseReport]

    package init(
        suite: String, run: String? = nil, startedAt: String, seconds: Double = 0, version: String? = nil,
        flags: [String] = [], endedEarly: String? = nil, problems: [String] = [], leftovers: [Leftover] = [],
        cases: [TestCaseReport] = []
    ) {
        self.suite = suite
        self.run = run
        self.startedAt = startedAt
        self.seconds = seconds
        self.version = version
        self.flags = flags
        self.endedEarly = endedEarly
        self.problems = problems
        self.leftovers = leftovers
        self.cases = cases
    }

    package struct Leftover: Hashable, Sendable, Codable {
        /// The case whose undo it is.
        package var testCase: String
        package var what: String
        package var why: String

        package init(testCase: String, what: String, why: String) {
            self.testCase = testCase
            self.what = what
            self.why = why
        }
    }

    package var verdict: Verdict {
        if self.cases.contains(where: { $0.outcome == .failed }) { return .failed }
        let isWhole = self.endedEarly == nil && self.problems.isEmpty && self.leftovers.isEmpty
        guard isWhole, !self.cases.contains(where: { $0.outcome == .error }) else { return .error }
        return self.cases.contains { $0.outcome == .flaky } ? .flaky : .passed
    }

    package func count(_ outcome: TestCaseReport.Outcome) -> Int { self.cases.count { $0.outcome == outcome } }
}

/// One case, with all that it was tried.
package struct TestCaseReport: Hashable, Sendable, Codable {
    package enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
        case passed
        /// Passed when it was tried again, or with an entry that was.
        case flaky
        case failed
        /// It couldn't be judged.
        case error
        case skipped
    }

    package var name: String
    package var file: String
    /// Which time of `--repeat`, from 1.
    package var repetition: Int
    package var tags: [String]
    package var outcome: Outcome
    package var seconds: Double
    /// Why it's skipped, or came to nothing.
    package var reason: String?
    /// How many requests it sent, in all tries.
    package var requests: Int
    /// Who answered, such as `web@2`.
    package var versions: [String]
    /// Of each try, in order.
    package var attempts: [Attempt]
    package var race: RaceReport?

    package init(
        name: String, file: String, repetition: Int = 1, tags: [String] = [], outcome: Outcome, seconds: Double = 0,
        reason: String? = nil, requests: Int = 0, versions: [String] = [], attempts: [Attempt] = [],
        race: RaceReport? = nil
    ) {
        self.name = name
        self.file = file
        self.repetition = repetition
        self.tags = tags
        self.outcome = outcome
        self.seconds = seconds
        self.reason = reason
        self.requests = requests
        self.versions = versions
        self.attempts = attempts
        self.race = race
    }

    package struct Attempt: Hashable, Sendable, Codable {
        package var isPassed: Bool
        package var seconds: Double
        package var failures: [Failure]

        package init(isPassed: Bool, seconds: Double = 0, failures: [Failure] = []) {
            self.isPassed = isPassed
            self.seconds = seconds
            self.failures = failures
        }
    }

    /// With its repetition, where there's more than one.
    package var title: String { self.repetition > 1 ? "\(self.name) (\(self.repetition))" : self.name }

    package var failures: [Failure] { self.attempts.flatMap(\.failures) }

    /// What a line says of it beside its outcome.
    package var remark: String? {
        if let race = self.race { return race.summary }
        if self.outcome == .flaky {
            let failed = self.attempts.count { !$0.isPassed }
            return failed > 0 ? "passed at try \(failed + 1)" : "an entry was tried again"
        }
        return self.reason
    }
}

/// One thing that wasn't as expected, and all that's needed to look into it.
package struct Failure: Hashable, Sendable, Codable {
    /// `FILE:LINE:COLUMN`
    package var place: String
    /// What was looked at: `status`, a header, a query as it's written.
    package var path: String
    package var expected: String?
    package var actual: String?
    /// Where there's nothing to compare: why.
    package var message: String?
    /// A stable code that goes with the message.
    package var code: String?
    /// Whether an entry's own retry has mended it.
    package var isMended: Bool
    /// The request as a line for a shell.
    package var request: String?
    package var status: Int?
    package var traceID: String?
    /// Who answered.
    package var versions: [String]
    /// Which hops saw that it's a test's request.
    package var seenBy: [String]

    package init(
        place: String, path: String, expected: String? = nil, actual: String? = nil, message: String? = nil,
        code: String? = nil, isMended: Bool = false, request: String? = nil, status: Int? = nil,
        traceID: String? = nil, versions: [String] = [], seenBy: [String] = []
    ) {
        self.place = place
        self.path = path
        self.expected = expected
        self.actual = actual
        self.message = message
        self.code = code
        self.isMended = isMended
        self.request = request
        self.status = status
        self.traceID = traceID
        self.versions = versions
        self.seenBy = seenBy
    }

    /// In one line.
    package var summary: String {
        if let message = self.message {
            return "\(self.path): \(message)" + (self.code.map { " [\($0)]" } ?? "")
        }
        let expected = (self.expected ?? "nothing").oneLine
        return "\(self.path): expected \(expected), actual \((self.actual ?? "nothing").oneLine)"
    }

    /// Names and values in the order in which a person wants them.
    package var facts: [(name: String, value: String)] {
        var facts = [("at", self.place), ("path", self.path)]
        if let message = self.message { facts.append(("because", message)) }
        if let code = self.code { facts.append(("code", code)) }
        if let expected = self.expected { facts.append(("expected", expected)) }
        if let actual = self.actual { facts.append(("actual", actual)) }
        if let status = self.status { facts.append(("status", String(status))) }
        if let trace = self.traceID { facts.append(("trace", trace)) }
        if !self.versions.isEmpty { facts.append(("answered by", self.versions.joined(separator: ", "))) }
        if !self.seenBy.isEmpty { facts.append(("seen as a test by", self.seenBy.joined(separator: ", "))) }
        if let request = self.request { facts.append(("request", request)) }
        return facts.map { (name: $0.0, value: $0.1) }
    }
}

/// What a case came to when it ran several times at once.
package struct RaceReport: Hashable, Sendable, Codable {
    package struct Seen: Hashable, Sendable, Codable {
        /// What each of the ways came to, in no order.
        package var outcome: [String]
        /// How often.
        package var times: Int

        package init(outcome: [String], times: Int) {
            self.outcome = outcome
            self.times = times
        }
    }

    package var lanes: Int
    /// In how many orders it ran one request after another, of how many that there are.
    package var orders: Int
    package var allOrders: Int
    package var rounds: Int
    /// What the orders came to.
    package var inOrder: [Seen]
    /// What came of them at once.
    package var atOnce: [Seen]
    /// Those of ``atOnce`` that no order came to.
    package var races: [Seen]
    /// What differs from time to time without a race, and wasn't compared.
    package var ignored: [String]

    package init(
        lanes: Int, orders: Int, allOrders: Int, rounds: Int, inOrder: [Seen], atOnce: [Seen], races: [Seen],
        ignored: [String] = []
    ) {
        self.lanes = lanes
        self.orders = orders
        self.allOrders = allOrders
        self.rounds = rounds
        self.inOrder = inOrder
        self.atOnce = atOnce
        self.races = races
        self.ignored = ignored
    }

    package var areAllOrdersTried: Bool { self.orders >= self.allOrders }

    package var summary: String {
        let orders =
            self.allOrders == 1
            ? "its one order"
            : self.areAllOrdersTried ? "all \(self.orders) orders" : "\(self.orders) of \(self.allOrders) orders"
        let tried = "\(self.lanes) at once, \(self.rounds) times, against \(orders)"
        guard !self.races.isEmpty else { return "\(tried): nothing that no order comes to" }
        let times = self.races.reduce(0) { $0 + $1.times }
        return "\(tried): \(times) times what no order comes to"
    }
}

extension String {
    /// At most 120 characters of it, line ends as signs, and what else is no character by its number.
    package var oneLine: String { self.oneLine(most: 120) }

    package func oneLine(most count: Int) -> String {
        var text = ""
        for scalar in self.unicodeScalars.prefix(count) {
            switch scalar {
            case "\n": text += "⏎"
            case "\t": text += " "
            default:
                if scalar.properties.generalCategory == .control {
                    text += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        return self.unicodeScalars.dropFirst(count).isEmpty ? text : "\(text)…"
    }
}
