/// All that's known of one answer's paths. What somebody wrote goes before what was learned, and the later line before
/// the earlier one.
package struct NoiseRules: Hashable, Sendable {
    /// What every answer has.
    package static let builtIn: [AnswerPath: NoiseRule] = [
        AnswerPath(.header, [.name("date")]): NoiseRule(
            .time([TimeFormat("http-date")].compactMap(\.self), within: 60), isOptional: true)
    ]

    package var learned: [AnswerPath: NoiseRule]
    package var written: [WrittenRule]

    package init(learned: [AnswerPath: NoiseRule] = [:], written: [WrittenRule] = []) {
        self.learned = learned
        self.written = written
    }

    /// Nil where nothing's known: a value there is the same each time.
    package func rule(for path: AnswerPath) -> NoiseRule? {
        self.written.last { $0.pattern.matches(path) }?.rule ?? self.learned[path] ?? Self.builtIn[path]
    }
}

/// A rule that somebody wrote.
package struct WrittenRule: Hashable, Sendable {
    package var pattern: PathPattern
    /// Of which endpoints it is, `*` for any letters; nil for all.
    package var endpoint: String?
    /// Has the reason.
    package var rule: NoiseRule
    package var expires: CalendarDay

    package init(_ pattern: PathPattern, endpoint: String? = nil, _ rule: NoiseRule, expires: CalendarDay) {
        self.pattern = pattern
        self.endpoint = endpoint
        self.rule = rule
        self.expires = expires
    }

    package func applies(to endpoint: String) -> Bool {
        self.endpoint.map { PathPattern.matches(glob: $0, endpoint) } ?? true
    }
}
