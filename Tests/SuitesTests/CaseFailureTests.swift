import Contracts
import GloveboxCore
import HurlFile
import Suites
import TestSupport
import Testing

@Suite("A failure says where, what was expected and what came")
struct CaseFailureTests {
    private static let body = #"{"a": 1, "list": [1, 2], "text": "hello"}"#

    private func failures(
        _ text: String, _ carrier: CannedCarrier = CannedCarrier(Self.body)
    ) async throws -> [String] {
        let run = try await CaseDriver().run(text, carrier)
        #expect(!run.result.isPassed && !run.result.isFlaky)
        return run.failures
    }

    @Test(
        "of the status line, and then nothing else is looked at",
        arguments: [
            ("HTTP 201\nX: y\n[Captures]\na: body\n[Asserts]\nstatus == 1", ["2:6: status: expected 201, actual 200"]),
            ("HTTP/2 200", ["2:1: version: expected HTTP/2, actual HTTP/1.1"]),
            (
                "HTTP/1.0 404",
                ["2:1: version: expected HTTP/1.0, actual HTTP/1.1", "2:10: status: expected 404, actual 200"]
            ),
        ])
    func line(_ response: String, _ expected: [String]) async throws {
        #expect(try await self.failures("GET http://a\n\(response)\n") == expected)
    }

    @Test(
        "of headers, body and asserts, all of them",
        arguments: [
            ("X-None: a", "3:1: header \"X-None\": expected string <a>, actual none"),
            (
                "Content-Type: text/html",
                "3:15: header \"Content-Type\": expected string <text/html>, actual string <application/json>"
            ),
            (
                "`x`",
                "3:1: body: expected string <x>, actual string <{\"a\": 1, \"list\": [1, 2], \"text\": \"hello\"}>"
            ),
            ("[Asserts]\njsonpath \"$.a\" == 2", "4:1: jsonpath \"$.a\": expected integer <2>, actual integer <1>"),
            (
                "[Asserts]\njsonpath   \"$.list\"  count > 5",
                "4:1: jsonpath \"$.list\" count: expected greater than integer <5>, actual integer <2>"
            ),
            (
                "[Asserts]\njsonpath \"$.a\" not exists",
                "4:1: jsonpath \"$.a\": expected not something, actual integer <1>"
            ),
            ("[Asserts]\njsonpath \"$.b\" == 2", "4:1: jsonpath \"$.b\": expected integer <2>, actual none"),
            (
                "[Asserts]\njsonpath \"$.a\" contains \"x\"",
                "4:1: jsonpath \"$.a\": expected contains string <x>, actual integer <1>"
            ),
            (
                "[Asserts]\njsonpath \"$.b\" count == 2",
                "4:1: jsonpath \"$.b\" count: there is no value for 'count' to work on [suite_missing_input]"
            ),
            (
                "[Asserts]\njsonpath \"$.[\" exists",
                "4:1: jsonpath \"$.[\": "
            ), ("[Asserts]\nxpath \"//a\" exists", "4:1: xpath \"//a\": the text is no XML [suite_bad_query]"),
            (
                "[Asserts]\nbody == {{nope}}",
                "4:1: body: there is no variable 'nope' [suite_unknown_variable]"
            ),
        ])
    func rest(_ response: String, _ expected: String) async throws {
        let failures = try await self.failures("GET http://a\nHTTP 200\n\(response)\n")
        #expect(failures.count == 1 && failures[0].hasPrefix(expected), "\(failures)")
    }

    @Test("each check that failed is told, and those that held stand beside them")
    func several() async throws {
        let run = try await CaseDriver().run(
            "GET http://a\nHTTP 200\n[Asserts]\nstatus == 200\nstatus == 1\njsonpath \"$.a\" == 2\n",
            CannedCarrier(Self.body))
        #expect(run.failures.count == 2)
        #expect(run.result.entries.first?.checks.map(\.isMet) == [true, true, false, false])
    }

    @Test(
        "what can't be worked out is an error at its place",
        arguments: [
            ("GET http://{{nope}}/", "1:14: there is no variable 'nope' [suite_unknown_variable]"),
            ("GET a/b", "1:5: 'a/b' is no URL: it begins with http:// or https:// [suite_bad_url]"),
            ("POST http://a\nfile,none;", "2:1: there is no file 'none' [suite_no_file]"),
            (
                "GET http://a\nHTTP 200\n[Captures]\nx: jsonpath \"$.b\"",
                "4:4: there's nothing to capture: jsonpath \"$.b\" [suite_missing_input]"
            ),
            (
                "GET http://a\n[Options]\nretry: {{nope}}\n",
                "3:10: there is no variable 'nope' [suite_unknown_variable]"
            ),
            ("GET http://a\n[Options]\ncacert: none.pem\n", "3:1: there is no file 'none.pem' [suite_no_file]"),
            ("GET http://a\n[Options]\nheader: nothing\n", "3:1: a header is written as NAME: VALUE [suite_bad_input]"),
        ])
    func errors(_ text: String, _ expected: String) async throws {
        #expect(try await self.failures(text + "\n") == [expected])
    }

    @Test("what carries requests says why there's no answer, at the URL")
    func carrier() async throws {
        let failures = try await self.failures(
            "GET  http://a\n",
            CannedCarrier { _ throws(GloveboxError) in throw GloveboxError(.exchangeTimedOut, "no answer in time") })
        #expect(failures == ["1:6: no answer in time [exchange_timed_out]"])
    }

    @Test("no secret is in a failure, a capture, an error or a curl line, in whatever form it was sent")
    func secrets() async throws {
        let secret = "s3 cret/\"é\""
        let text = #"""
            POST http://a/{{token urlEncode}}?x={{token urlEncode}}
            Authorization: Bearer {{token}}
            X-Token: {{token}}
            [Query]
            q: {{token}}
            [BasicAuth]
            bob: {{token}}
            { "k": "{{token}}" }
            HTTP 200
            X-Token: {{token}}
            [Captures]
            all: body redact
            shown: jsonpath "$.name"
            [Asserts]
            body == "{{token}}"
            jsonpath "$.name" == "x"
            bytes == hex,00;
            jsonpath "$.name" toInt == 1
            jsonpath "$.list" includes "{{token}}x"
            body matches "{{token}}.*"
            """#
        let answer = #"{"name": "s3 cret/\"é\" and more", "list": ["s3 cret/\"é\""]}"#
        let driver = CaseDriver(variables: ["token": .string(secret)], secrets: SecretMask([secret]))
        let run = try await driver.run(text, CannedCarrier(answer))
        let entry = try #require(run.result.entries.first)
        #expect(entry.failures.count >= 5)
        let shown =
            run.failures.joined() + (entry.curl ?? "") + entry.captures.map(\.value).joined()
            + entry.checks.map { "\($0)" }.joined()
        for part in ["cret", "s3", "czMg", "7333"] { #expect(!shown.contains(part), "\(part) in \(shown)") }
        #expect(shown.contains("***"))
        #expect(entry.captures.map(\.isRedacted) == [true, false] && entry.captures[0].value == "string <***>")
        // What's sent is the secret itself.
        #expect(run.requests.first?.headers.contains(.init("X-Token", secret)) == true)
    }

    @Test("a long value is masked before it's cut short")
    func longSecrets() async throws {
        let secret = String(repeating: "secret", count: 60)
        let driver = CaseDriver(secrets: SecretMask([secret]))
        let run = try await driver.run(
            "GET http://a\nHTTP 200\n[Asserts]\nbody == \"x\"\n", CannedCarrier("before \(secret)"))
        #expect(run.failures == ["4:1: body: expected string <x>, actual string <before ***>"])
    }
}
