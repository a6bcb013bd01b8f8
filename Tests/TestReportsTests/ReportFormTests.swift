import GloveboxCore
import TestReports
import Testing
import XPathQuery

@Suite("A run's report in the forms that programs and people read")
struct ReportFormTests {
    /// With all that a text can do to a form that it's put into.
    private static let odd = "<b>&\"'\u{0}\u{1B}[31m]]>\n# é \\ --> </script>"

    static let report: TestReport = {
        let failure = Failure(
            place: "cases/a.hurl:3:1", path: "jsonpath \"$.total\"", expected: "a\nb\nc", actual: "a\nx\nc",
            request: "curl 'http://a/?b=\(odd)'", status: 200, traceID: String(repeating: "a", count: 32),
            versions: ["web@2"], seenBy: ["web@2"])
        let error = Failure(place: "cases/b.hurl:1:1", path: "request", message: Self.odd, code: "exchange_failed")
        return TestReport(
            suite: "Shop \(odd)", run: "run-1", startedAt: "2026-11-27T21:00:00Z", seconds: 1.2345, version: "v2",
            flags: ["fast=on"], endedEarly: "the guard tripped \(odd)", problems: [odd],
            leftovers: [.init(testCase: "Buys", what: "an order", why: odd)],
            cases: [
                TestCaseReport(
                    name: "Looks", file: "cases/l.hurl", tags: ["smoke"], outcome: .passed, seconds: 0.1, requests: 1,
                    versions: ["web@1"], attempts: [.init(isPassed: true, seconds: 0.1)]),
                TestCaseReport(
                    name: "Buys \(odd)", file: "cases/a.hurl", repetition: 2, outcome: .failed, seconds: 12,
                    requests: 2,
                    attempts: [
                        .init(isPassed: false, failures: [failure]), .init(isPassed: false, failures: [failure]),
                    ]
                ),
                TestCaseReport(
                    name: "Flaky", file: "cases/f.hurl", outcome: .flaky,
                    attempts: [.init(isPassed: false, failures: [error]), .init(isPassed: true)]),
                TestCaseReport(
                    name: "Breaks", file: "cases/b.hurl", outcome: .error, reason: odd,
                    attempts: [.init(isPassed: false, failures: [error])]),
                TestCaseReport(name: "Later", file: "cases/s.hurl", outcome: .skipped, reason: "a # case \\ failed"),
                TestCaseReport(
                    name: "Races", file: "cases/r.hurl", outcome: .failed,
                    attempts: [.init(isPassed: false, failures: [Failure(place: "p", path: "race")])],
                    race: RaceReport(
                        lanes: 2, orders: 1, allOrders: 1, rounds: 10,
                        inOrder: [.init(outcome: ["201", "409"], times: 3)],
                        atOnce: [.init(outcome: ["201", "201"], times: 10)],
                        races: [.init(outcome: ["201", "201"], times: 10)], ignored: ["id"])),
            ])
    }()

    private func value(_ xml: String, _ path: String, _ format: XPathDocument.Format = .xml) throws -> String {
        switch try XPathDocument(xml, format).value(path) {
        case .string(let text): return text
        case .number(let number): return "\(Int(number))"
        case .nodes(let count): return "\(count)"
        case .boolean(let value): return "\(value)"
        }
    }

    // MARK: JUnit

    @Test(
        "JUnit: counts, properties, and each outcome by its element",
        arguments: [
            ("count(/testsuites/testsuite)", "1"), ("string(/testsuites/@tests)", "6"),
            ("string(/testsuites/testsuite/@failures)", "2"), ("string(/testsuites/testsuite/@errors)", "1"),
            ("string(/testsuites/testsuite/@skipped)", "1"), ("string(/testsuites/testsuite/@time)", "1.235"),
            ("string(/testsuites/testsuite/@timestamp)", "2026-11-27T21:00:00"),
            ("string(//property[@name='run']/@value)", "run-1"),
            ("string(//property[@name='verdict']/@value)", "failed"),
            ("count(//testcase)", "6"), ("count(//testcase[1]/*[not(self::system-out)])", "0"),
            ("string(//testcase[1]/system-out)", "answered by web@1"),
            ("count(//testcase[2]/failure)", "1"), ("count(//testcase[2]/rerunFailure)", "1"),
            ("string(//testcase[2]/failure/@type)", "check"),
            ("count(//testcase[3]/flakyFailure)", "1"), ("count(//testcase[3]/failure)", "0"),
            ("string(//testcase[3]/flakyFailure/@type)", "exchange_failed"),
            ("count(//testcase[4]/error)", "1"), ("string(//testcase[5]/skipped/@message)", "a # case \\ failed"),
            ("contains(//testcase[2]/failure, 'trace: aaaaaaaa')", "true"),
            ("contains(//testsuite/system-err, 'left over of Buys: an order')", "true"),
            ("string(//testcase[4]/@classname)", "cases/b.hurl"),
            ("contains(//testcase[2]/@name, '<b>&')", "true"),
        ])
    func junit(_ path: String, _ expected: String) throws {
        #expect(try self.value(Self.report.junit, path) == expected)
    }

    @Test("JUnit: elements are in the order, and have the attributes, that the usual schemas allow")
    func junitShape() throws {
        let junit = Self.report.junit
        // Of a suite: properties, cases, system-out, system-err; of a case: skipped, error, failure and its reruns,
        // system-out.
        #expect(try self.value(junit, "count(/testsuites/testsuite/*[1][self::properties])") == "1")
        #expect(try self.value(junit, "count(/testsuites/testsuite/*[last()][self::system-err])") == "1")
        #expect(try self.value(junit, "count(//testcase/system-out/following-sibling::*)") == "0")
        let known = ["skipped", "error", "failure", "rerunFailure", "flakyFailure", "system-out"]
        let others = known.map { "not(self::\($0))" }.joined(separator: " and ")
        #expect(try self.value(junit, "count(//testcase/*[\(others)])") == "0")
        #expect(try self.value(junit, "count(//testcase[not(@name and @classname and @time)])") == "0")
        #expect(try self.value(junit, "count(//*[self::failure or self::rerunFailure][not(@type)])") == "0")
    }

    // MARK: TAP

    @Test("TAP 14: a plan, a line for each case, and what failed in YAML")
    func tap() {
        let lines = Self.report.tap.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.prefix(3) == ["TAP version 14", "1..6", "ok 1 - Looks"])
        #expect(lines.contains("ok 3 - Flaky (flaky: passed at try 2)"))
        #expect(lines.contains("ok 5 - Later # SKIP a \\# case \\\\ failed"))
        #expect(lines.contains("    - at: \"cases/a.hurl:3:1\""))
        #expect(lines.contains("      expected: \"a\\nb\\nc\""))
        #expect(lines.count { $0.hasPrefix("not ok ") } == 3)
        #expect(lines.count { $0 == "  ---" } == 4 && lines.count { $0 == "  ..." } == 4)
        #expect(lines.contains { $0.hasPrefix("Bail out! the guard tripped") })
        // No text of a case is taken for a directive, or for a line of its own.
        #expect(lines.count { $0.contains(" # ") && !$0.hasPrefix("#") && !$0.hasPrefix(" ") } == 1)
        #expect(
            lines.allSatisfy { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } })
    }

    // MARK: JSON

    @Test("JSON is read back as what it was, and says verdict and counts beside")
    func json() throws {
        let json = try Self.report.json()
        #expect(try TestReport(json: json) == Self.report)
        #expect(json.contains("\"verdict\" : \"failed\"") && json.contains("\"skipped\" : 1"))
    }

    // MARK: HTML

    @Test("HTML: one page by itself, without a script, and nothing that a case says becomes markup")
    func html() throws {
        let html = Self.report.html
        #expect(
            !html.contains("<script") && !html.contains("<b>&") && !html.contains("src=") && !html.contains("href="))
        #expect(!html.contains("url(") && !html.contains("@import") && !html.contains("\u{1B}"))
        #expect(html.contains("default-src 'none'") && html.contains("prefers-color-scheme: dark"))
        #expect(html.contains("width=device-width"))
        #expect(try self.value(html, "count(//details)", .html) == "6")
        #expect(try self.value(html, "count(//details[@open])", .html) == "3")
        #expect(try self.value(html, "count(//script|//img|//link|//iframe)", .html) == "0")
    }

    @Test("HTML: expected and actual are beside each other, and what differs is marked")
    func sides() throws {
        let html = Self.report.html
        let rows = "(//table[@class='sides'])[1]/tbody/tr"
        #expect(try self.value(html, "count(\(rows))", .html) == "3")
        #expect(try self.value(html, "count(\(rows)[@class='differs'])", .html) == "1")
        #expect(try self.value(html, "string(\(rows)[2]/td[1])", .html) == "b")
        #expect(try self.value(html, "string(\(rows)[2]/td[2])", .html) == "x")
        #expect(try self.value(html, "count(//table[@class='race']//tr[@class='differs'])", .html) == "1")
    }

    // MARK: lines

    @Test("a line for each case, and nothing in it moves a cursor")
    func lines() {
        let failed = ReportLines.lines(Self.report.cases[1], isColored: false)
        #expect(failed.first?.hasPrefix("failed   Buys <b>&") == true)
        #expect(failed.contains("         expected: a⏎b⏎c"))
        #expect(failed.allSatisfy { !$0.contains("\u{1B}") && !$0.contains("\n") })
        #expect(
            ReportLines.lines(Self.report.cases[2], isColored: true)
                == ["\u{1B}[33mflaky  \u{1B}[0m  Flaky 0.000 s (passed at try 2)"])
        #expect(
            ReportLines.summary(Self.report, isColored: false).last
                == "failed: 1 passed, 1 flaky, 2 failed, 1 error, 1 skipped in 1.235 s")
    }

    @Test("a verdict isn't better than what it's made of")
    func verdicts() {
        func report(_ outcomes: TestCaseReport.Outcome...) -> TestReport {
            TestReport(
                suite: "s", startedAt: "", cases: outcomes.map { TestCaseReport(name: "n", file: "f", outcome: $0) })
        }
        #expect(report(.passed, .skipped).verdict == .passed)
        #expect(report(.passed, .flaky).verdict == .flaky)
        #expect(report(.flaky, .error).verdict == .error)
        #expect(report(.error, .failed).verdict == .failed)
        var ended = report(.passed)
        ended.endedEarly = "x"
        #expect(ended.verdict == .error)
        var left = report(.passed)
        left.leftovers = [.init(testCase: "a", what: "b", why: "c")]
        #expect(left.verdict == .error)
    }
}
