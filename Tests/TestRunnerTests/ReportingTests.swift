import Contracts
import GloveboxCore
import Suites
import TestReports
import TestSupport
import Testing

@testable import TestRunner

@Suite("What a report says of a failure, and what it never says")
struct ReportingTests {
    private static let mirror = """
        GET {{host}}/shop/mirror
        Authorization: Bearer {{token}}
        HTTP 200
        [Asserts]
        jsonpath "$.mail" == "bob@example.org"
        jsonpath "$.baggage" == "none"
        jsonpath "$.authorization" == "none"
        body == "none"

        """

    /// All forms of a report in one text.
    private func forms(_ report: TestReport) throws -> String {
        let lines = report.cases.flatMap { ReportLines.lines($0, isColored: false) }
        return [report.junit, report.tap, try report.json(), report.html, lines.joined(separator: "\n")]
            .joined(separator: "\n")
    }

    @Test("path, expected, actual, the request as a curl line, the trace and who answered")
    func failure() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [cases/a.hurl]"),
            ["cases/a.hurl": "GET {{host}}/shop/run\nX-A: 1\nHTTP 200\n[Asserts]\njsonpath \"$.run\" == \"x\"\n"])
        let report = try await fixture.runner().run()
        let failure = try #require(report.cases.first?.failures.first)
        #expect(failure.place == "cases/a.hurl:5:1" && failure.path == "jsonpath \"$.run\"")
        #expect(failure.expected == "string <x>" && failure.actual == "string <run-1>")
        #expect(failure.request == "curl --header 'X-A: 1' '\(server.url)/shop/run'")
        #expect(failure.versions == ["web@2", "orders@1"] && failure.seenBy == ["web@2", "orders@1"])
        #expect(failure.status == 200)
        let trace = try #require(failure.traceID)
        #expect(trace.count == 32)
        let forms = try self.forms(report)
        #expect(forms.split(separator: trace).count == 6)
    }

    @Test("neither secrets nor marks are in any form of a report, though answers repeat them")
    func masked() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "secrets: {token: {env: SHOP_TOKEN}}\ncases: [a.hurl]"), ["a.hurl": Self.mirror])
        let report = try await fixture.runner(environment: ["SHOP_TOKEN": "s3cr3t-t0ken"]).run()
        let forms = try self.forms(report)
        #expect(report.cases.first?.failures.count == 4)
        #expect(!forms.contains("s3cr3t-t0ken") && !forms.contains("run-1.1"))
        #expect(forms.contains("glovebox=***") && forms.contains("Bearer ***"))
    }

    @Test("what answers say is masked before it's reported, and what's expected alike")
    func redacted() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "secrets: {token: {env: SHOP_TOKEN}}\ncases: [a.hurl]"), ["a.hurl": Self.mirror])
        let runner = try fixture.runner(
            environment: ["SHOP_TOKEN": "s3cr3t-t0ken"],
            redact: {
                $0.replacing("ada@example.org", with: "‹email:a›").replacing("bob@example.org", with: "‹email:b›")
            })
        let report = try await runner.run()
        let failure = try #require(report.cases.first?.failures.first)
        #expect(failure.expected == "string <‹email:b›>", "\(failure)")
        #expect(failure.actual == "string <‹email:a›>")
        #expect(try !self.forms(report).contains("@example.org"))
    }

    @Test("where masking fails, nothing of the answer is shown")
    func failsClosed() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "secrets: {token: {env: SHOP_TOKEN}}\ncases: [a.hurl]"), ["a.hurl": Self.mirror])
        let runner = try fixture.runner(
            environment: ["SHOP_TOKEN": "s3cr3t-t0ken"],
            redact: { _ in throw GloveboxError(.redactionFailed, "it failed") })
        let report = try await runner.run()
        let forms = try self.forms(report)
        #expect(!forms.contains("@example.org") && !forms.contains("web@2"))
        #expect(forms.contains("(not shown: it couldn't be masked)"))
        #expect(report.cases.first?.outcome == .failed && report.verdict == .failed)
    }

    @Test("bodies are compared in whole, JSON line by line")
    func bodies() async throws {
        let server = try await ExchangeServer()
        let long = String(repeating: "x", count: 500)
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl]"),
            ["a.hurl": "GET {{host}}/shop/run\nHTTP 200\n{\"run\": \"y\", \"long\": \"\(long)\"}\n"])
        let report = try await fixture.runner().run()
        let failure = try #require(report.cases.first?.failures.first)
        #expect(failure.expected == "{\n  \"run\": \"y\",\n  \"long\": \"\(long)\"\n}")
        #expect(failure.actual == "{\n  \"run\": \"run-1\"\n}")
    }

    @Test(
        "a secret is read when it's needed, without the line's end, and one that isn't there is said",
        arguments: [("token.secret", true), ("nowhere.secret", false)])
    func secrets(_ file: String, _ isThere: Bool) async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "secrets: {token: {file: \(file)}}\ncases: [a.hurl]"),
            [
                "a.hurl":
                    "GET {{host}}/shop/mirror\nAuthorization: {{token}}\nHTTP 200\n[Asserts]\njsonpath \"$.authorization\" == \"abc\"\n",
                "token.secret": "abc\n",
            ])
        #expect(try fixture.loaded().notes.isEmpty == isThere)
        guard isThere else {
            #expect(throws: GloveboxError.self) { try fixture.runner() }
            return
        }
        #expect(try await fixture.runner().run().verdict == .passed)
    }
}

@Suite("A request's mark")
struct RequestMarkTests {
    @Test(
        "is taken out of any text, in whichever form a hop repeats it",
        arguments: [
            ("glovebox=abc.DEF-_~", "glovebox=***"), ("a=1,glovebox=x%2By==;p=1", "a=1,glovebox=***;p=1"),
            ("glovebox=\u{301}x", "glovebox=\u{301}x"), ("xglovebox=a glovebox=b", "xglovebox=*** glovebox=***"),
            ("glovebox= x", "glovebox= x"), ("é glovebox=abc\u{301}é", "é glovebox=***\u{301}é"),
            ("glovebox", "glovebox"),
        ])
    func masked(_ text: String, _ expected: String) {
        #expect(Array(RequestMark.masked(text).utf8) == Array(expected.utf8))
    }

    @Test(
        "is never one that a file brings along",
        arguments: [
            ("glovebox=x", true), ("a=1, glovebox =x", true), ("a=1,\tglovebox;p=1", true), ("a=glovebox=1", false),
            ("gloveboxes=1", false), ("", false), ("glovebox=\u{301}x", true),
        ])
    func forged(_ baggage: String, _ isForged: Bool) {
        var request = ExchangeRequest(url: "http://a")
        request.headers = [.init("Baggage", baggage)]
        #expect(RequestMark.isForged(request) == isForged)
    }
}
