extension TestReport {
    /// TAP 14 (testanything.org/tap-version-14-specification). What passed at a later try is `ok`, and says so in its
    /// description and in `outcome`.
    package var tap: String {
        var lines = ["TAP version 14", "1..\(self.cases.count)"]
        for (index, testCase) in self.cases.enumerated() {
            let isOK = [.passed, .flaky, .skipped].contains(testCase.outcome)
            var line = "\(isOK ? "ok" : "not ok") \(index + 1) - \(Self.escaped(testCase.title))"
            if testCase.outcome == .flaky { line += Self.escaped(" (flaky: \(testCase.remark ?? "tried again"))") }
            if testCase.outcome == .skipped {
                let reason = Self.escaped(testCase.reason ?? "")
                line += " # SKIP" + (reason.isEmpty ? "" : " \(reason)")
            }
            lines.append(line)
            lines += self.diagnostics(testCase)
        }
        lines += self.problems.map { "# \($0.oneLine)" }
        lines += self.leftovers.map { "# left over of \($0.testCase): \($0.what): \($0.why)".oneLine }
        if let why = self.endedEarly { lines.append("Bail out! \(Self.escaped(why))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func diagnostics(_ testCase: TestCaseReport) -> [String] {
        guard testCase.outcome != .passed, testCase.outcome != .skipped else { return [] }
        var lines = ["  ---", "  outcome: \(testCase.outcome.rawValue)", "  file: \(Self.quoted(testCase.file))"]
        if let remark = testCase.remark { lines.append("  message: \(Self.quoted(remark))") }
        if !testCase.failures.isEmpty { lines.append("  failures:") }
        for failure in testCase.failures {
            for (index, fact) in failure.facts.enumerated() {
                let name = fact.name.contains(" ") ? Self.quoted(fact.name) : fact.name
                lines.append("    \(index == 0 ? "- " : "  ")\(name): \(Self.quoted(fact.value))")
            }
        }
        return lines + ["  ..."]
    }

    /// In a description `#` would begin a directive.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.oneLine.unicodeScalars {
            if scalar == "#" || scalar == "\\" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// A YAML scalar in double quotes.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            default:
                switch scalar.value {
                case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF:
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
