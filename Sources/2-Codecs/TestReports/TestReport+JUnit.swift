extension TestReport {
    /// JUnit's XML as Jenkins and Surefire read it: what passed at a later try has a `flakyFailure` for each that
    /// failed, what failed in the end one `failure` and a `rerunFailure` for each further try.
    package var junit: String {
        let counts =
            "tests=\"\(self.cases.count)\" failures=\"\(self.count(.failed))\" errors=\"\(self.errorCount)\""
        let name = MarkupText.attribute(self.suite)
        let time = writtenSeconds(self.seconds)
        var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>"]
        lines.append("<testsuites name=\"\(name)\" \(counts) time=\"\(time)\">")
        // Without a zone, as its readers want it; it's UTC.
        let timestamp = MarkupText.attribute(String(self.startedAt.prefix(19)))
        lines.append(
            "  <testsuite name=\"\(name)\" \(counts) skipped=\"\(self.count(.skipped))\" time=\"\(time)\" timestamp=\"\(timestamp)\">"
        )
        lines += self.junitProperties
        for testCase in self.cases { lines += self.junit(testCase) }
        lines += self.junitOwn
        lines += ["  </testsuite>", "</testsuites>", ""]
        return lines.joined(separator: "\n")
    }

    private var errorCount: Int { self.count(.error) }

    private var junitProperties: [String] {
        var properties: [(String, String)] = [("verdict", self.verdict.rawValue)]
        if let run = self.run { properties.append(("run", run)) }
        if let version = self.version { properties.append(("version", version)) }
        properties += self.flags.map { ("flag", $0) }
        if let why = self.endedEarly { properties.append(("endedEarly", why)) }
        return ["    <properties>"]
            + properties.map {
                "      <property name=\"\(MarkupText.attribute($0.0))\" value=\"\(MarkupText.attribute($0.1))\"/>"
            } + ["    </properties>"]
    }

    private func junit(_ testCase: TestCaseReport) -> [String] {
        let start =
            "    <testcase name=\"\(MarkupText.attribute(testCase.title))\" classname=\"\(MarkupText.attribute(testCase.file))\" time=\"\(writtenSeconds(testCase.seconds))\""
        var inner: [String] = []
        switch testCase.outcome {
        case .passed: break
        case .skipped:
            inner.append("      <skipped message=\"\(MarkupText.attribute(testCase.reason ?? ""))\"/>")
        case .error:
            inner.append(
                "      <error message=\"\(MarkupText.attribute(testCase.reason ?? testCase.failures.first?.summary ?? ""))\" type=\"error\">\(MarkupText.escaped(Self.text(testCase.failures)))</error>"
            )
        case .flaky: inner += Self.reruns("flakyFailure", testCase.attempts.map(\.failures))
        case .failed:
            let attempts = testCase.attempts.map(\.failures)
            let first = attempts.first ?? []
            inner.append(
                "      <failure message=\"\(MarkupText.attribute(first.first?.summary ?? ""))\" type=\"\(Self.type(first))\">\(MarkupText.escaped(Self.text(first)))</failure>"
            )
            inner += Self.reruns("rerunFailure", Array(attempts.dropFirst()))
        }
        let facts = [testCase.race?.summary, Self.answered(testCase)].compactMap(\.self)
        if !facts.isEmpty {
            inner.append("      <system-out>\(MarkupText.escaped(facts.joined(separator: "\n")))</system-out>")
        }
        return inner.isEmpty ? ["\(start)/>"] : ["\(start)>"] + inner + ["    </testcase>"]
    }

    private static func answered(_ testCase: TestCaseReport) -> String? {
        testCase.versions.isEmpty ? nil : "answered by \(testCase.versions.joined(separator: ", "))"
    }

    private static func reruns(_ element: String, _ attempts: [[Failure]]) -> [String] {
        attempts.filter { !$0.isEmpty }.map { failures in
            "      <\(element) message=\"\(MarkupText.attribute(failures.first?.summary ?? ""))\" type=\"\(self.type(failures))\"><stackTrace>\(MarkupText.escaped(self.text(failures)))</stackTrace></\(element)>"
        }
    }

    private static func type(_ failures: [Failure]) -> String {
        MarkupText.attribute(failures.first.map { $0.code ?? "check" } ?? "check")
    }

    private static func text(_ failures: [Failure]) -> String {
        failures.map { failure in failure.facts.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
            .joined(separator: "\n\n")
    }

    /// What's no case's.
    private var junitOwn: [String] {
        let left = self.leftovers.map { "left over of \($0.testCase): \($0.what): \($0.why)" }
        let lines = self.problems + left
        guard !lines.isEmpty else { return [] }
        return ["    <system-err>\(MarkupText.escaped(lines.joined(separator: "\n")))</system-err>"]
    }
}
