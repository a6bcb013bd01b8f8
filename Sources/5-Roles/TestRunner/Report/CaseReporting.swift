import Contracts
import GloveboxCore
import HurlFile
import JSONDocument
import Suites
import TestReports

/// Makes reports of what cases came to. Every text goes through here: secrets and marks are taken out, and what an
/// answer said is masked as everything else is that comes out of production.
struct CaseReporting: Sendable {
    let secrets: CaseSecrets
    let redact: @Sendable (String) throws -> String

    static let unmasked = "(not shown: it couldn't be masked)"
    /// Longer texts are cut short after they were masked.
    private static let longest = 64 << 10
    /// Of one try: beyond them, only the number is told.
    private static let mostFailures = 50

    /// Codes of what is no test's: it couldn't be judged then.
    private static let errorCodes: Set<String> = Set(
        [
            GloveboxError.Code.runEnded, .exchangeCancelled, .undoNotDeclared, .markNotIssued, .markNotTaken,
            .caseMayNotWrite,
            .caseRouteNotAllowed, .writeBudgetSpent, .internal,
        ].map(\.rawValue))

    /// Whether what ended a case says nothing of what was tested.
    static func isNoOutcome(_ code: String) -> Bool { self.errorCodes.contains(code) }

    func isError(_ result: CaseResult) -> Bool {
        guard !result.isPassed, let error = result.entries.last(where: { $0.outcome == .failed })?.error else {
            return false
        }
        return Self.errorCodes.contains(error.code)
    }

    // MARK: texts

    /// What no text of a try may have: the suite's secrets, and the marks that it used. Each of these is good for one
    /// request and for a minute, so that the last ones are enough; behind `glovebox=` all are found.
    func mask(_ marks: [String]) -> SecretMask {
        var mask = self.secrets.mask
        for mark in marks.suffix(200) { mask.add(mark) }
        return mask
    }

    /// A text as a report may have it.
    func shown(_ text: String, _ mask: SecretMask? = nil) -> String {
        var text = RequestMark.masked((mask ?? self.secrets.mask).masked(text))
        do {
            text = try self.redact(text)
        } catch {
            return Self.unmasked
        }
        guard text.utf8.count > Self.longest else { return text }
        return "\(text.prefix(Self.longest))… (\(text.utf8.count) bytes)"
    }

    /// JSON on lines of its own, by which two of them can be compared.
    private func laidOut(_ text: String) -> String {
        guard let json = try? JSON(parsing: Array(text.utf8)) else { return text }
        switch json {
        case .array, .object: return json.printed(.pretty)
        case .null, .bool, .number, .string: return text
        }
    }

    // MARK: tries

    func attempt(_ ended: CaseTry.Ended, _ testCase: SuiteCase) -> TestCaseReport.Attempt {
        var failures: [Failure] = []
        var sent = ended.sent[...]
        let mask = self.mask(ended.marks)
        for entry in ended.result.entries {
            // Each request that was made has one that was sent, in order.
            let exchange = entry.request == nil ? nil : sent.popFirst()
            guard entry.outcome == .failed else { continue }
            var own = self.failures(entry, exchange, mask, testCase)
            let isMended = ended.result.entries.contains {
                $0.index == entry.index && $0.repetition == entry.repetition && $0.outcome == .passed
            }
            for index in own.indices { own[index].isMended = isMended }
            failures += own
        }
        if failures.count > Self.mostFailures {
            let count = failures.count - Self.mostFailures
            failures = Array(failures.prefix(Self.mostFailures))
            failures[Self.mostFailures - 1].message = "\(count) more follow"
        }
        return TestCaseReport.Attempt(
            isPassed: ended.result.isPassed, seconds: ended.duration.inSeconds, failures: failures)
    }

    private func failures(
        _ entry: EntryResult, _ sent: CaseSender.Sent?, _ mask: SecretMask, _ testCase: SuiteCase
    ) -> [Failure] {
        func failure(_ position: SourcePosition, _ path: String) -> Failure {
            Failure(
                place: "\(testCase.file):\(position.line):\(position.column)", path: self.shown(path, mask),
                request: entry.curl.map { self.shown($0, mask) }, status: entry.answers.last?.status,
                traceID: sent?.traceID, versions: (sent?.versions ?? []).map { self.shown($0, mask) },
                seenBy: (sent?.seenBy ?? []).map { self.shown($0, mask) })
        }
        var failures: [Failure] = []
        for check in entry.failures {
            var one = failure(check.position, check.subject)
            if let error = check.error {
                one.message = self.shown(error.message, mask)
                one.code = error.code
            } else if let texts = check.texts {
                one.expected = self.laidOut(self.shown(texts.expected, mask))
                one.actual = self.laidOut(self.shown(texts.actual, mask))
                if one.expected == one.actual {
                    // They differ in how they're written alone.
                    one.expected = self.shown(texts.expected, mask)
                    one.actual = self.shown(texts.actual, mask)
                }
            } else {
                one.expected = self.shown(check.expected, mask)
                one.actual = self.shown(check.actual, mask)
            }
            failures.append(one)
        }
        if let error = entry.error {
            var one = failure(error.position, "request")
            one.message = self.shown(error.message, mask)
            one.code = error.code
            failures.append(one)
        }
        return failures
    }

    // MARK: cases

    func report(
        _ testCase: SuiteCase, repetition: Int, tries: [CaseTry.Ended]
    ) -> TestCaseReport {
        var report = TestCaseReport(
            name: testCase.name, file: testCase.file, repetition: repetition, tags: testCase.tags, outcome: .passed)
        for ended in tries {
            report.attempts.append(self.attempt(ended, testCase))
            report.requests += ended.requests
            report.seconds += ended.duration.inSeconds
            let mask = self.mask(ended.marks)
            for version in ended.sent.flatMap(\.versions).map({ self.shown($0, mask) })
            where !report.versions.contains(version) { report.versions.append(version) }
        }
        guard let last = tries.last?.result else {
            report.outcome = .error
            return report
        }
        if last.isPassed {
            report.outcome = tries.count > 1 || last.isFlaky ? .flaky : .passed
        } else {
            report.outcome = self.isError(last) ? .error : .failed
            if report.outcome == .error { report.reason = report.attempts.last?.failures.last?.message }
        }
        return report
    }
}

extension Duration {
    var inSeconds: Double { Double(self.nanosecondsClamped) / 1e9 }
}
