import Contracts
import CurlHTTP
import GloveboxCore
import HurlFile
import Suites
import Synchronization
import TestSupport
import Testing

@Suite("A case's entries run in Hurl's order: skip, delay, retry, repeat")
struct CaseMachineTests {
    /// Fails until it's been asked so often.
    private final class Flaky: ExchangeCarrier {
        private let count = Mutex(0)
        let failures: Int

        init(_ failures: Int) { self.failures = failures }

        func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer] {
            let count = self.count.withLock { count -> Int in
                count += 1
                return count
            }
            return [
                ExchangeAnswer(
                    url: request.wholeURL, status: count > self.failures ? 200 : 503, rawBody: Array("\(count)".utf8))
            ]
        }
    }

    @Test("what passes at a retry is flaky, and each try is told")
    func retry() async throws {
        let run = try await CaseDriver().run(
            "GET http://a\n[Options]\nretry: 5\nretry-interval: 20ms\nHTTP 200\n[Captures]\nn: body\n\nGET http://a/{{n}}\nHTTP 200\n",
            Flaky(2))
        #expect(run.result.isPassed && run.result.isFlaky)
        #expect(run.result.entries.map(\.outcome) == [.failed, .failed, .passed, .passed])
        #expect(run.result.entries.map(\.attempt) == [1, 2, 3, 1])
        #expect(run.waits == [20, 20])
        #expect(run.requests.last?.url == "http://a/3")
    }

    @Test("retries end at their count, and the case with them")
    func retryEnds() async throws {
        for (count, tries) in [(0, 1), (1, 2), (3, 4)] {
            let run = try await CaseDriver().run(
                "GET http://a\n[Options]\nretry: \(count)\nHTTP 200\n\nGET http://b\n", Flaky(100))
            #expect(!run.result.isPassed && !run.result.isComplete && run.requests.count == tries)
            #expect(run.waits == Array(repeating: 1_000, count: tries - 1))
        }
    }

    @Test("no count is without end: a case's own limit comes first")
    func limit() async throws {
        var driver = CaseDriver()
        driver.limits = CaseMachine.Limits(mostRequests: 7)
        for option in ["retry: -1", "repeat: -1"] {
            let run = try await driver.run(
                "GET http://a\n[Options]\n\(option)\nHTTP 200\n", Flaky(option.hasPrefix("retry") ? 100 : 0))
            #expect(run.requests.count == 7 && !run.result.isPassed)
            #expect(run.failures.last?.hasSuffix("[suite_too_many_requests]") == true)
        }
    }

    @Test("repeats run an entry again, with what it captured, and none of them is skipping")
    func repeats() async throws {
        let run = try await CaseDriver(variables: ["n": .string("0")]).run(
            "GET http://a/{{n}}\n[Options]\nrepeat: 3\nHTTP 200\n[Captures]\nn: body\n\nGET http://b\n[Options]\nrepeat: 0\n\nGET http://c\n",
            Flaky(0))
        #expect(run.requests.map(\.url) == ["http://a/0", "http://a/1", "http://a/2", "http://c"])
        #expect(run.result.entries.map(\.repetition) == [1, 2, 3, 1, 1])
        #expect(run.result.entries.map(\.outcome) == [.passed, .passed, .passed, .skipped, .passed])
        #expect(run.result.isPassed && !run.result.isFlaky)
    }

    @Test("skipping and delaying may depend on variables, which options set in order")
    func skipping() async throws {
        let run = try await CaseDriver(variables: ["off": .boolean(true)]).run(
            "GET http://a\n[Options]\nskip: {{off}}\nvariable: x=1\n\nGET http://b/{{x}}\n[Options]\nvariable: pause=50\ndelay: {{pause}}\nHTTP 200\n",
            Flaky(0))
        #expect(run.result.entries.map(\.outcome) == [.skipped, .passed])
        #expect(run.waits == [50])
        #expect(run.requests.map(\.url) == ["http://b/1"])
    }

    @Test("a delay is awaited before each repetition")
    func delay() async throws {
        let run = try await CaseDriver().run(
            "GET http://a\n[Options]\ndelay: 2s\nrepeat: 2\n", Flaky(0))
        #expect(run.waits == [2_000, 2_000] && run.requests.count == 2)
    }

    @Test("options count for their own entry, over the case's defaults")
    func defaults() async throws {
        var driver = CaseDriver()
        driver.defaults.settings.userAgent = "suite"
        driver.defaults.settings.timeout = 1_000
        driver.defaults.headers = [.init("X-Run", "7"), .init("X-Own", "default")]
        let run = try await driver.run(
            "GET http://a\nX-Own: mine\n[Options]\nmax-time: 5s\nlocation-trusted: true\n\nGET http://b\n[Options]\nno-header: x-run\n",
            Flaky(0))
        #expect(run.requests[0].settings.timeout == 5_000 && run.requests[0].settings.followsRedirects)
        #expect(run.requests[0].settings.trustsRedirects && run.requests[0].settings.userAgent == "suite")
        #expect(run.requests[0].headers == [.init("X-Own", "mine"), .init("X-Run", "7")])
        #expect(run.requests[1].settings.timeout == 1_000 && !run.requests[1].settings.followsRedirects)
        #expect(run.requests[1].headers == [.init("X-Own", "default")])
    }

    @Test("an empty file, and one whose entries expect nothing, pass")
    func nothing() async throws {
        #expect(try await CaseDriver().run("", Flaky(0)).result.isPassed)
        #expect(try await CaseDriver().run("# nothing\n", Flaky(0)).result.isPassed)
        #expect(try await CaseDriver().run("GET http://a\n\nGET http://b\n", Flaky(100)).result.isPassed)
    }

    @Test(
        "a request as a curl line",
        arguments: [
            ("GET http://a/b?c=d\n", "curl 'http://a/b?c=d'"),
            ("DELETE http://a\nX-A: it's y\n", "curl --request 'DELETE' --header 'X-A: it'\\''s y' 'http://a'"),
            ("HEAD http://a\n", "curl --head 'http://a'"),
            (
                "POST http://a\n{\"k\":1}\n",
                "curl --header 'Content-Type: application/json' --data-binary '{\"k\":1}' 'http://a'"
            ),
            ("PUT http://a\nhex,00ff;\n", "curl --request 'PUT' --data-binary $'\\x00\\xff' 'http://a'"),
            (
                "POST http://a\n[Form]\na: b c\nd: é\n",
                "curl --header 'Content-Type: application/x-www-form-urlencoded' --data 'a=b%20c' --data 'd=%C3%A9' 'http://a'"
            ),
            (
                "POST http://a\n[Multipart]\na: b\nf: file,data.txt;\n",
                "curl --form-string 'a=b' --form 'f=@data.txt;type=text/plain' 'http://a'"
            ),
            (
                "GET http://u:pw@a/\nAuthorization: Bearer t\n[Cookies]\na: b\n[Query]\nq: x y\n[Options]\nlocation: true\nuser: bob:pw\ncompressed: true\ninsecure: true\nhttp2: true\nmax-time: 1500ms\nproxy: http://p:q@proxy:1\n",
                "curl --header 'Authorization: Bearer ***' --cookie 'a=b' --location --compressed --user 'bob:***' --http2 --insecure --proxy 'http://p:***@proxy:1' --max-time '1.5' 'http://u:***@a/?q=x%20y'"
            ),
        ])
    func curl(_ text: String, _ line: String) async throws {
        let run = try await CaseDriver().run(text, Flaky(0))
        #expect(run.result.entries.first?.curl == line)
    }
}
