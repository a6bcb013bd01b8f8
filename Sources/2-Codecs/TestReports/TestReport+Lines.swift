/// What a person who waits for a run reads on a terminal.
package enum ReportLines {
    /// One line for a case; its failures, indented, below.
    package static func lines(_ testCase: TestCaseReport, isColored: Bool) -> [String] {
        let word = self.styled(testCase.outcome, isColored)
        let remark = testCase.remark.map { " (\($0.oneLine))" } ?? ""
        var lines = [
            "\(word)  \(self.visible(testCase.title)) \(writtenSeconds(testCase.seconds)) s\(self.visible(remark))"
        ]
        guard testCase.outcome == .failed || testCase.outcome == .error else { return lines }
        for failure in testCase.attempts.last?.failures ?? [] {
            // A request that's cut short can't be sent again.
            lines += failure.facts.map { name, value in
                let shown = value.oneLine(most: name == "request" ? .max : 400)
                return "         \(name): \(self.visible(shown))"
            }
            lines.append("")
        }
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    /// At the end.
    package static func summary(_ report: TestReport, isColored: Bool) -> [String] {
        var lines: [String] = []
        if let why = report.endedEarly { lines.append(self.visible("ended before its time: \(why)")) }
        lines += report.problems.map { self.visible($0) }
        lines += report.leftovers.map { self.visible("left over of \($0.testCase): \($0.what): \($0.why)") }
        let counts = TestCaseReport.Outcome.allCases.map { ($0, report.count($0)) }.filter { $0.1 > 0 }
            .map { "\($0.1) \($0.0.rawValue)" }
        let all = counts.isEmpty ? "no cases" : counts.joined(separator: ", ")
        lines.append("\(report.verdict.rawValue): \(all) in \(writtenSeconds(report.seconds)) s")
        return lines
    }

    private static func styled(_ outcome: TestCaseReport.Outcome, _ isColored: Bool) -> String {
        let word = outcome.rawValue + String(repeating: " ", count: 7 - outcome.rawValue.count)
        guard isColored else { return word }
        let color =
            switch outcome {
            case .passed: "32"
            case .flaky: "33"
            case .failed, .error: "31"
            case .skipped: "2"
            }
        return "\u{1B}[\(color)m\(word)\u{1B}[0m"
    }

    /// Nothing in it moves a terminal's cursor.
    private static func visible(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
