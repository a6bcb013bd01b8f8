package import Contracts
package import HurlFile

/// What became of one case: everything that was sent for it, in order.
package struct CaseResult: Sendable {
    /// Each try by itself, those that were skipped too.
    package var entries: [EntryResult] = []
    /// Whether nothing ended it before its end.
    package var isComplete = false
    /// As they are at the end.
    package var variables: [String: SuiteValue] = [:]

    package init() {}

    /// Nothing that wasn't mended by a retry has failed.
    package var isPassed: Bool {
        guard self.isComplete else { return false }
        for (index, entry) in self.entries.enumerated() where entry.outcome == .failed {
            guard index + 1 < self.entries.count, self.entries[index + 1].isRetry(of: entry) else { return false }
        }
        return true
    }

    /// Passed, though something had to be tried again for it.
    package var isFlaky: Bool { self.isPassed && self.entries.contains { $0.outcome == .failed } }
}

/// One try of one entry.
package struct EntryResult: Sendable {
    package enum Outcome: String, Hashable, Sendable {
        case passed
        case failed
        case skipped
    }

    /// From 0.
    package var index: Int
    /// Of its method.
    package var position: SourcePosition
    /// Which time of `repeat`, from 1.
    package var repetition = 1
    /// Which try of `retry`, from 1.
    package var attempt = 1
    package var outcome = Outcome.passed
    /// As it was handed on, secrets in it; nil where it came to none.
    package var request: ExchangeRequest?
    /// The request as a line for a shell, without secrets.
    package var curl: String?
    /// The redirects, then the answer; secrets in them.
    package var answers: [ExchangeAnswer] = []
    package var captures: [CaptureResult] = []
    package var checks: [CheckResult] = []
    /// Why it came to no checks, or to none of those that were left.
    package var error: EntryFailure?

    package var failures: [CheckResult] { self.checks.filter { !$0.isMet } }

    fileprivate func isRetry(of other: Self) -> Bool {
        self.index == other.index && self.repetition == other.repetition && self.attempt == other.attempt + 1
    }
}

/// What went wrong outside of a check; without secrets.
package struct EntryFailure: Hashable, Sendable, CustomStringConvertible {
    /// Stable: of ``SuiteError``, or of what carries requests.
    package var code: String
    package var message: String
    package var position: SourcePosition

    package init(code: String, message: String, position: SourcePosition) {
        self.code = code
        self.message = message
        self.position = position
    }

    package var description: String {
        "\(self.position.line):\(self.position.column): \(self.message) [\(self.code)]"
    }
}

package struct CaptureResult: Hashable, Sendable {
    package var name: String
    /// As it's shown.
    package var value: String
    package var isRedacted: Bool
}

/// How something of an answer was held against what was expected; without secrets.
package struct CheckResult: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        case version
        case status
        case header
        case body
        case assert
    }

    package var kind: Kind
    package var position: SourcePosition
    /// What was looked at: a path, or a query as it's written.
    package var subject: String
    package var isMet: Bool
    package var expected: String
    package var actual: String
    /// Both in whole, where they're bodies of text: what's shown above is cut short.
    package var texts: CheckTexts?
    /// The two can't be compared.
    package var isKindMismatch = false
    /// Why there's no actual value, or no expected one.
    package var error: EntryFailure?

    package var description: String {
        let place = "\(self.position.line):\(self.position.column): \(self.subject)"
        if let error = self.error { return "\(place): \(error.message) [\(error.code)]" }
        return "\(place): expected \(self.expected), actual \(self.actual)"
    }
}

/// What a body was to be and what it is; without secrets, as everything that's shown.
package struct CheckTexts: Hashable, Sendable {
    package var expected: String
    package var actual: String
}
