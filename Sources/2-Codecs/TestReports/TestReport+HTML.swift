extension TestReport {
    /// One page that needs nothing beside itself, no script either: it's read in any browser, by day and by night, and
    /// on a small screen.
    package var html: String {
        let title = MarkupText.escaped("\(self.suite): \(self.verdict.rawValue)")
        let body = [
            self.htmlHead, self.htmlProblems, self.cases.map { Self.html($0) }.joined(separator: "\n"),
        ].filter { !$0.isEmpty }.joined(separator: "\n")
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>\(title)</title>
            <style>
            \(Self.htmlStyle)
            </style>
            </head>
            <body>
            \(body)
            </body>
            </html>

            """
    }

    private var htmlHead: String {
        let counts = TestCaseReport.Outcome.allCases.map { ($0, self.count($0)) }.filter { $0.1 > 0 }
        let summary = counts.map { "<span class=\"mark \($0.0.rawValue)\">\($0.1) \($0.0.rawValue)</span>" }
        var facts: [(String, String)] = []
        if let run = self.run { facts.append(("Run", run)) }
        facts.append(("Started", self.startedAt))
        facts.append(("Took", "\(writtenSeconds(self.seconds)) s"))
        if let version = self.version { facts.append(("Version", version)) }
        if !self.flags.isEmpty { facts.append(("Flags", self.flags.joined(separator: ", "))) }
        return """
            <header>
            <h1>\(MarkupText.escaped(self.suite)) <span class="mark \(self.verdict.rawValue)">\(self.verdict.rawValue)</span></h1>
            <p>\(summary.joined(separator: " "))</p>
            \(Self.list(facts))
            </header>
            """
    }

    private var htmlProblems: String {
        var lines = self.problems
        if let why = self.endedEarly { lines.insert("Ended before its time: \(why)", at: 0) }
        lines += self.leftovers.map { "Left over of \($0.testCase): \($0.what): \($0.why)" }
        guard !lines.isEmpty else { return "" }
        let items = lines.map { "<li>\(MarkupText.escaped($0))</li>" }.joined()
        return "<section class=\"problems\"><h2>Problems</h2><ul>\(items)</ul></section>"
    }

    private static func html(_ testCase: TestCaseReport) -> String {
        let isOpen = testCase.outcome == .failed || testCase.outcome == .error
        var facts = [("File", testCase.file), ("Requests", String(testCase.requests))]
        if !testCase.tags.isEmpty { facts.append(("Tags", testCase.tags.joined(separator: ", "))) }
        if !testCase.versions.isEmpty { facts.append(("Answered by", testCase.versions.joined(separator: ", "))) }
        if let remark = testCase.remark { facts.append(("Remark", remark)) }
        let attempts = testCase.attempts.enumerated().map { index, attempt in
            let heading = testCase.attempts.count > 1 && !attempt.failures.isEmpty ? "<h3>Try \(index + 1)</h3>" : ""
            return heading + attempt.failures.map { self.html($0) }.joined(separator: "\n")
        }.joined(separator: "\n")
        return """
            <details\(isOpen ? " open" : "")>
            <summary><span class="mark \(testCase.outcome.rawValue)">\(testCase.outcome.rawValue)</span> \
            <b>\(MarkupText.escaped(testCase.title))</b> <small>\(writtenSeconds(testCase.seconds)) s</small></summary>
            \(self.list(facts))
            \(testCase.race.map { self.html($0) } ?? "")
            \(attempts)
            </details>
            """
    }

    private static func html(_ failure: Failure) -> String {
        let facts = failure.facts.filter { $0.name != "expected" && $0.name != "actual" && $0.name != "request" }
        var parts = [self.list(facts.map { ($0.name, $0.value) })]
        if failure.expected != nil || failure.actual != nil {
            parts.append(self.table(failure.expected ?? "", failure.actual ?? ""))
        }
        if let request = failure.request { parts.append("<pre class=\"request\">\(MarkupText.escaped(request))</pre>") }
        let mended = failure.isMended ? " <small>mended by a retry</small>" : ""
        return """
            <article><h4>\(MarkupText.escaped(failure.summary))\(mended)</h4>
            \(parts.joined(separator: "\n"))
            </article>
            """
    }

    private static func html(_ race: RaceReport) -> String {
        func rows(_ title: String, _ seen: [RaceReport.Seen]) -> String {
            seen.map {
                "<tr><th>\(title)</th><td>\(MarkupText.escaped($0.outcome.joined(separator: "\n")))</td><td>\($0.times) ×</td></tr>"
            }.joined(separator: "\n")
        }
        return """
            <table class="race">
            \(rows("in order", race.inOrder))
            \(rows("at once", race.atOnce.filter { !race.races.contains($0) }))
            \(rows("race", race.races).replacing("<tr>", with: "<tr class=\"differs\">"))
            </table>
            """
    }

    /// Expected and actual beside each other; one above the other where the screen is narrow.
    private static func table(_ expected: String, _ actual: String) -> String {
        let rows = SideBySide.rows(expected, actual).map { row in
            let style = row.isSame ? "" : " class=\"differs\""
            func cell(_ text: String?, _ name: String) -> String {
                guard let text else { return "<td class=\"none\"></td>" }
                return "<td data-side=\"\(name)\">\(MarkupText.escaped(text))</td>"
            }
            return "<tr\(style)>\(cell(row.left, "expected"))\(cell(row.right, "actual"))</tr>"
        }
        return """
            <table class="sides"><thead><tr><th>expected</th><th>actual</th></tr></thead>
            <tbody>\(rows.joined(separator: "\n"))</tbody></table>
            """
    }

    private static func list(_ facts: [(String, String)]) -> String {
        let items = facts.map { "<dt>\(MarkupText.escaped($0.0))</dt><dd>\(MarkupText.escaped($0.1))</dd>" }
        return "<dl>\(items.joined())</dl>"
    }

    private static let htmlStyle = """
        :root { --ink: #1a1c1e; --paper: #fff; --soft: #f1f3f5; --line: #ccd1d6; --good: #1a7f37; --bad: #b3261e; \
        --odd: #8a5a00; --quiet: #5b6269; --wash: #fdecea; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #15181b; --soft: #20252a; \
        --line: #3a4249; --good: #5fd07f; --bad: #ff8a80; --odd: #f0b429; --quiet: #a2abb3; --wash: #3a1f1d; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--paper); color: var(--ink); \
        font: 16px/1.45 system-ui, sans-serif; }
        h1 { font-size: 1.5rem; } h2, h3 { font-size: 1.1rem; } h4 { margin: 0 0 .5rem; font-size: 1rem; \
        overflow-wrap: anywhere; }
        details, article, .problems { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; \
        padding: .5rem .75rem; }
        article, .problems { background: var(--soft); }
        summary { cursor: pointer; overflow-wrap: anywhere; }
        small { color: var(--quiet); }
        .mark { font-weight: 600; color: var(--quiet); } .mark.passed { color: var(--good); } \
        .mark.failed, .mark.error { color: var(--bad); } .mark.flaky { color: var(--odd); }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .75rem; margin: .5rem 0; } \
        dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
        table { width: 100%; border-collapse: collapse; table-layout: fixed; margin: .5rem 0; } \
        th { text-align: left; font-weight: 600; color: var(--quiet); } \
        th, td { border: 1px solid var(--line); padding: .2rem .4rem; vertical-align: top; }
        td, .request { font: .85rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
        .differs td { background: var(--wash); } td.none { background: var(--soft); }
        .request { margin: .5rem 0 0; }
        @media (max-width: 40rem) { .sides thead { display: none; } .sides tr, .sides td { display: block; } \
        .sides td.none { display: none; } .sides td::before { content: attr(data-side) ": "; color: var(--quiet); } }
        """
}
