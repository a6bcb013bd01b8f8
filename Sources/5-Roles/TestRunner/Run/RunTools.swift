package import Contracts
package import GloveboxCore
package import Suites
package import TestReports

/// What a run is made with, so that tests can put something else in its place.
package struct RunTools: Sendable {
    package var time: any TimeSource
    /// One for each case: cookies and connections are its own.
    package var carrier: @Sendable () -> any ExchangeCarrier
    /// What may be shown of an answer: applied to each text of it before it goes into a report. Where it fails, nothing
    /// is shown.
    package var redact: @Sendable (String) throws -> String
    package var digest: @Sendable (SuiteDigest, [UInt8]) throws(SuiteError) -> [UInt8]

    package init(
        time: any TimeSource = SystemTime(),
        carrier: @escaping @Sendable () -> any ExchangeCarrier,
        redact: @escaping @Sendable (String) throws -> String,
        digest: @escaping @Sendable (SuiteDigest, [UInt8]) throws(SuiteError) -> [UInt8] = { _, _ throws(SuiteError) in
            throw SuiteError(.badQuery, "digests aren't at hand here")
        }
    ) {
        self.time = time
        self.carrier = carrier
        self.redact = redact
        self.digest = digest
    }
}

/// What's asked of a run beside what its suite says.
package struct SuiteRunOptions: Hashable, Sendable {
    /// Cases at once.
    package var jobs = 1
    package var repeats = 1
    /// One of these is wanted, where there are any.
    package var tags: Set<String> = []
    /// None of these is wanted.
    package var withoutTags: Set<String> = []
    /// After the first case that fails no other is begun.
    package var failsFast = false
    /// Whether nobody looks first if services see that a request is a test's: for those that are known to.
    package var skipsPreflight = false
    /// Every case is raced so; nil for those that say so themselves.
    package var race: Int?
    /// In place of those that `suite.yaml` gives these names.
    package var variables: [String: String] = [:]

    package init() {}

    /// - Parameter variables: `NAME=VALUE`.
    /// - Throws: `invalid_argument`.
    package mutating func take(variables: [String]) throws(GloveboxError) {
        for text in variables {
            guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
                throw GloveboxError(.invalidArgument, "'\(text.prefix(60))' is no variable: write NAME=VALUE")
            }
            self.variables[String(text[..<sign])] = String(text[text.index(after: sign)...])
        }
    }

    /// - Parameter tags: `smoke` or `!slow`.
    /// - Throws: `invalid_argument`.
    package mutating func take(tags: [String]) throws(GloveboxError) {
        for tag in tags {
            let name = tag.hasPrefix("!") ? String(tag.dropFirst()) : tag
            guard CaseSettings.isTag(name) else {
                throw GloveboxError(
                    .invalidArgument, "'\(tag)' is no tag: write --tag NAME, or --tag '!NAME' to leave it out")
            }
            if tag.hasPrefix("!") { self.withoutTags.insert(name) } else { self.tags.insert(name) }
        }
    }

    package func wants(_ testCase: SuiteCase) -> Bool {
        let tags = Set(testCase.tags)
        return tags.isDisjoint(with: self.withoutTags) && (self.tags.isEmpty || !tags.isDisjoint(with: self.tags))
    }
}

/// What's told while a run goes on.
package enum RunEvent: Sendable {
    case begun(RunBegun)
    case started(SuiteCase)
    case finished(TestCaseReport)
    case note(String)
}
