import Contracts
import GloveboxCore
import HurlFile
import Suites
import Synchronization
import TestReports
import TestRunner
import TestSupport
import Testing

@Suite("A suite is run under one run: marked, within its limits, its writes undone")
struct SuiteRunnerTests {
    private func options(_ change: (inout SuiteRunOptions) throws -> Void) rethrows -> SuiteRunOptions {
        var options = SuiteRunOptions()
        try change(&options)
        return options
    }

    @Test("each request has a mark of its own and a trace, beside what its own baggage says")
    func marks() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "under: {version: v2}\ncases: [a.hurl]"),
            [
                "a.hurl": """
                GET {{host}}/shop/mirror
                baggage: user=7
                HTTP 200
                [Captures]
                first: jsonpath "$.traceparent"
                [Asserts]
                jsonpath "$.run" == "{{run}}"
                jsonpath "$.baggage" matches "^user=7,glovebox-required=1,glovebox=run-1[.]"
                jsonpath "$.traceparent" matches "^00-[0-9a-f]{32}-[0-9a-f]{16}-03$"

                GET {{host}}/shop/mirror
                HTTP 200
                [Asserts]
                jsonpath "$.run" == "{{run}}"
                jsonpath "$.traceparent" != "{{first}}"
                """
            ])
        let report = try await fixture.runner().run()
        #expect(report.verdict == .passed, "\(report.cases)")
        #expect(report.run == "run-1" && report.version == "v2")
        #expect(report.cases.first?.versions == ["web@2", "orders@1"] && report.cases.first?.requests == 2)
        let wishes = fixture.runs.state.withLock { $0.wishes }
        #expect(wishes.map(\.count) == [2] && wishes.map(\.version) == ["v2"] && wishes.map(\.testCase) == ["a"])
        #expect(wishes.map(\.methods) == [["GET"]])
        #expect(fixture.runs.log == ["begin", "GET /shop/mirror", "GET /shop/mirror", "end"])
        #expect(fixture.runs.state.withLock { $0.outcomes.map(\.verdict) } == [.passed])
    }

    @Test("redirects are followed with a mark for each hop, and nowhere but where the routes lead")
    func redirects() async throws {
        let server = try await ExchangeServer()
        let away = "http://localhost:\(server.port)/shop/run"
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl, b.hurl, c.hurl]"),
            [
                "a.hurl":
                    "GET {{host}}/shop/on?to=/shop/run\n[Options]\nlocation: true\nHTTP 200\n[Asserts]\nredirects count == 1\n",
                "b.hurl": "GET {{host}}/shop/on?to=\(away)\n[Options]\nlocation: true\nHTTP 200\n",
                "c.hurl": "GET {{host}}/echo\nHTTP 200\n",
            ])
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.passed, .error, .error], "\(report.cases)")
        #expect(report.cases[1].failures.map(\.code) == ["case_route_not_allowed"])
        #expect(
            fixture.runs.log == [
                "begin", "GET /shop/on?to=/shop/run", "GET /shop/run", "GET /shop/on?to=\(away)", "end",
            ])
    }

    @Test("a case that hasn't declared that it writes sends nothing that may, whatever variables make of it")
    func mayNotWrite() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl]"), ["a.hurl": "GET {{host}}/shop/run\n"])
        let report = try await fixture.runner(change: {
            $0.cases[0].document.entries[0].request.start.content.method = "DELETE"
        }).run()
        #expect(report.cases.map(\.outcome) == [.error] && report.verdict == .error)
        #expect(report.cases[0].failures.map(\.code) == ["case_may_not_write"])
        #expect(fixture.runs.log == ["begin", "end"])
    }

    private static let buying = """
        GET {{host}}/shop/run
        HTTP 200

        POST {{host}}/shop/buy/safe
        HTTP 201
        """

    private static let undo =
        "undo: [{runbook: {target: shop-host, name: clean, parameters: {scope: \"{{run}}\", by: \"{{case}}\"}}}]\n"

    @Test("an undo is written down right before the first request that writes, once, and with run and case in it")
    func undo() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true, name: Buy it}]"),
            ["a.hurl": Self.buying + "\n\nPOST {{host}}/shop/buy/safe\nHTTP 409\n"])
        let report = try await fixture.runner().run()
        #expect(report.verdict == .passed, "\(report.cases)")
        #expect(
            fixture.runs.log == [
                "begin", "GET /shop/run", "undo Buy it", "POST /shop/buy/safe", "POST /shop/buy/safe", "end",
            ])
        #expect(
            fixture.runs.state.withLock { $0.undos } == [
                CaseUndo(
                    testCase: "Buy it",
                    steps: [
                        UndoStep(
                            kind: .runbook, target: "shop-host", name: "clean",
                            parameters: ["scope": "run-1", "by": "Buy it"])
                    ])
            ])
    }

    @Test("an undo is written down once, though the case runs several times at once")
    func undoOnce() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true}]"),
            ["a.hurl": "POST {{host}}/shop/buy/safe\nHTTP *\n"])
        let report = try await fixture.runner(
            self.options {
                $0.jobs = 6
                $0.repeats = 6
            }
        ).run()
        #expect(report.verdict == .passed)
        #expect(fixture.runs.state.withLock { $0.undos.count } == 1)
        #expect(fixture.runs.log.firstIndex(of: "undo a") == 1)
    }

    @Test("a case that fails before it writes has declared nothing")
    func nothingDeclared() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true}]"),
            ["a.hurl": Self.buying.replacing("HTTP 200", with: "HTTP 500")])
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.failed])
        #expect(fixture.runs.log == ["begin", "GET /shop/run", "end"])
    }

    @Test("where the undo can't be written down, nothing is written")
    func undoRefused() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true}]"), ["a.hurl": Self.buying])
        fixture.runs.state.withLock { $0.isRefusingUndo = true }
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.error])
        #expect(report.cases[0].failures.map(\.code) == ["undo_not_declared"])
        #expect(fixture.runs.log == ["begin", "GET /shop/run", "end"])
    }

    @Test("a mark that wasn't taken is found by the answer, and nothing more is sent: it would be an ordinary user's")
    func markNotTaken() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true}]"),
            ["a.hurl": "GET {{host}}/shop/run?stripped\n[Options]\nretry: 2\nretry-interval: 1\n\n\(Self.buying)"])
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.error])
        #expect(report.cases[0].failures.allSatisfy { $0.code == "mark_not_taken" })
        #expect(report.cases[0].failures.count == 3)
        #expect(fixture.runs.log == ["begin", "GET /shop/run?stripped", "end"])
    }

    @Test("no more is written than the budget allows, over all cases")
    func writeBudget() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            "variables: {host: \"\(server.url)\"}\nlimits: {rate: 1000/s, writes: 1}\n\(Self.undo)cases: [{file: a.hurl, writes: true}, {file: b.hurl, writes: true}]",
            ["a.hurl": Self.buying, "b.hurl": Self.buying])
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.passed, .error])
        #expect(report.cases[1].failures.map(\.code) == ["write_budget_spent"])
        #expect(fixture.runs.log.filter { $0.hasPrefix("POST") }.count == 1)
    }

    @Test("what couldn't be undone is in the report, which then isn't passed")
    func leftovers() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl]"), ["a.hurl": "GET {{host}}/shop/run\n"])
        fixture.runs.state.withLock { $0.leftovers = [Leftover(testCase: "a", what: "an order", why: "no agent")] }
        let report = try await fixture.runner().run()
        #expect(report.leftovers.map(\.what) == ["an order"] && report.verdict == .error)
    }

    @Test("a case that passes only when it's tried again is flaky, and each try is told")
    func retries() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [{file: a.hurl, retries: 3}, {file: b.hurl, retries: 1}]"),
            ["a.hurl": "GET {{host}}/flaky/a/2\nHTTP 200\n", "b.hurl": "GET {{host}}/flaky/b/9\nHTTP 200\n"],
            routes: "/")
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.flaky, .failed])
        #expect(report.cases[0].attempts.map(\.isPassed) == [false, false, true])
        #expect(report.cases[1].attempts.map(\.isPassed) == [false, false])
        #expect(report.verdict == .failed)
    }

    @Test("a case with an entry that had to be tried again is flaky, too")
    func entryRetries() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl]"),
            ["a.hurl": "GET {{host}}/flaky/e/1\n[Options]\nretry: 2\nretry-interval: 1\nHTTP 200\n"], routes: "/")
        let report = try await fixture.runner().run()
        #expect(report.cases.map(\.outcome) == [.flaky] && report.verdict == .flaky)
        #expect(report.cases[0].failures.map(\.isMended) == [true])
    }

    @Test("tags choose, jobs and repeats multiply, and every case is told")
    func choosing() async throws {
        let server = try await ExchangeServer()
        let files = Dictionary(
            uniqueKeysWithValues: ["a", "b", "c"].map {
                (
                    "\($0).hurl",
                    "# glovebox: tags \($0 == "c" ? "slow" : "smoke"), \($0)\nGET {{host}}/shop/run\nHTTP 200\n"
                )
            })
        let fixture = try SuiteFixture(SuiteFixture.fast(server, "cases: [\"*.hurl\"]"), files)
        let names = Mutex<[String]>([])
        let options = try self.options {
            try $0.take(tags: ["smoke", "slow", "!b"])
            $0.jobs = 4
            $0.repeats = 3
        }
        let runner = try fixture.runner(options) { (event: RunEvent) in
            if case .finished(let report) = event { names.withLock { $0.append(report.title) } }
        }
        let report = try await runner.run()
        #expect(report.verdict == .passed)
        #expect(report.cases.map(\.title) == ["a", "c", "a (2)", "c (2)", "a (3)", "c (3)"])
        #expect(names.withLock { $0.sorted() } == report.cases.map(\.title).sorted())
        let none = try self.options { try $0.take(tags: ["nothing"]) }
        await #expect(throws: GloveboxError.self) { _ = try await fixture.runner(none).run() }
        #expect(throws: GloveboxError.self) { try self.options { try $0.take(tags: ["No tag"]) } }
    }

    @Test("a variable that suite.yaml declares may have another value, and no other may")
    func variables() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            "variables: {host: nowhere, status: 500}\nlimits: {rate: 1000/s}\ncases: [a.hurl]",
            ["a.hurl": "GET {{host}}/shop/run\nHTTP *\n[Asserts]\nstatus == {{status}}\n"])
        let given = try self.options { try $0.take(variables: ["host=\(server.url)", "status=200"]) }
        #expect(try await fixture.runner(given).run().verdict == .passed)
        let unknown = try self.options { try $0.take(variables: ["hots=x"]) }
        await #expect(throws: GloveboxError.self) { _ = try await fixture.runner(unknown).run() }
        for text in ["x", "=x", ""] {
            #expect(throws: GloveboxError.self) { try self.options { try $0.take(variables: [text]) } }
        }
    }

    @Test("fail-fast begins no other case behind the first that fails")
    func failFast() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl, b.hurl]"),
            ["a.hurl": "GET {{host}}/shop/run\nHTTP 500\n", "b.hurl": "GET {{host}}/shop/run\n"])
        let report = try await fixture.runner(self.options { $0.failsFast = true }).run()
        #expect(report.cases.map(\.outcome) == [.failed, .skipped])
        #expect(report.cases[1].reason == "a case before it has failed")
        #expect(fixture.runs.log == ["begin", "GET /shop/run", "end"])
    }

    @Test("a run that's ended elsewhere stops at once, is ended with its undo, and says why")
    func endedElsewhere() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl, b.hurl]"),
            ["a.hurl": "GET {{host}}/slow/60000\nHTTP 200\n", "b.hurl": "GET {{host}}/shop/run\n"], routes: "/")
        let runs = fixture.runs
        let runner = try fixture.runner { event in
            if case .started = event {
                runs.state.withLock { $0.standing = .ended(reason: "the guard error-rate tripped") }
            }
        }
        let report = try await within(.seconds(30)) { try await runner.run() }
        #expect(report.endedEarly == "the guard error-rate tripped" && report.verdict == .error)
        #expect(report.cases.map(\.outcome) == [.error, .skipped])
        #expect(runs.log.last == "end")
        #expect(runs.state.withLock { $0.outcomes.map(\.endedEarly) } == ["the guard error-rate tripped"])
    }

    @Test("a mark that isn't given ends the run where that's why")
    func marksRefused() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "cases: [a.hurl]"), ["a.hurl": "GET {{host}}/shop/run\n"])
        fixture.runs.state.withLock { $0.isRefusingMarks = true }
        let refused = try await fixture.runner().run()
        #expect(refused.cases[0].failures.map(\.code) == ["mark_not_issued"])
        fixture.runs.state.withLock { $0.standing = .ended(reason: "its lease has ended") }
        let ended = try await fixture.runner().run()
        #expect(ended.cases[0].failures.map(\.code) == ["run_ended"] && ended.endedEarly == "its lease has ended")
    }

    @Test("a run that's cancelled is ended with its undo all the same")
    func cancelled() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            SuiteFixture.fast(server, "\(Self.undo)cases: [{file: a.hurl, writes: true}]"),
            ["a.hurl": Self.buying + "\n\nGET {{host}}/slow/60000\n"], routes: "/")
        let runs = fixture.runs
        let runner = try fixture.runner()
        let running = Task { try await runner.run() }
        await runs.until("GET /slow/60000")
        running.cancel()
        let report = try await within(.seconds(30)) { try await running.value }
        #expect(report.endedEarly == "it was stopped" && report.verdict == .error)
        #expect(runs.log.last == "end" && runs.state.withLock { $0.undos.count } == 1)
    }

    @Test("a run that's cancelled while it's begun isn't left half begun: it's ended, and nothing was sent")
    func cancelledAtItsBeginning() async throws {
        let fixture = try SuiteFixture("cases: [a.hurl]", ["a.hurl": "GET http://127.0.0.1/shop\n"])
        let runs = fixture.runs
        let (beginning, goOn) = AsyncStream.makeStream(of: Void.self)
        runs.state.withLock { $0.beginning = beginning }
        let runner = try fixture.runner()
        let running = Task { try await runner.run() }
        await runs.until("begin")
        running.cancel()
        goOn.yield()
        let report = try await running.value
        #expect(report.endedEarly == "it was stopped" && report.cases.map(\.requests) == [0])
        #expect(runs.log == ["begin", "end"])
    }

    @Test("the run's time ends it")
    func duration() async throws {
        let server = try await ExchangeServer()
        let fixture = try SuiteFixture(
            "variables: {host: \"\(server.url)\"}\nlimits: {duration: 1s}\ncases: [a.hurl]",
            ["a.hurl": "GET {{host}}/slow/60000\n"], routes: "/")
        let runs = fixture.runs
        let runner = try fixture.runner()
        let report = try await within(.seconds(30)) { try await runner.run() }
        #expect(report.endedEarly == "its time, 1s, is over")
        #expect(runs.log.last == "end")
    }

    @Test("no more requests are under way at once than the limit says, whatever the jobs")
    func concurrency() async throws {
        let files = Dictionary(
            uniqueKeysWithValues: (0..<12).map { ("\($0).hurl", "GET http://127.0.0.1/shop/a\nHTTP 200\n") })
        let fixture = try SuiteFixture("limits: {rate: 10000/s, concurrency: 2}\ncases: [\"*.hurl\"]", files)
        let underWay = Mutex(0)
        let most = Mutex(0)
        let tools = RunTools(
            carrier: {
                AnsweringCarrier { request in
                    let count = underWay.withLock { count in
                        count += 1
                        return count
                    }
                    most.withLock { $0 = max($0, count) }
                    for _ in 0..<100 { await Task.yield() }
                    underWay.withLock { $0 -= 1 }
                    return ExchangeAnswer(
                        url: request.url, status: 200, headers: [.init("Glovebox-Test", "taken")])
                }
            }, redact: { $0 })
        let report = try await SuiteRunner(
            try fixture.suite(), self.options { $0.jobs = 6 }, fixture.runs, tools,
            try CaseSecrets([:], file: SuiteFixture.secret, environment: [:])
        ).run()
        #expect(report.verdict == .passed && report.cases.count == 12)
        #expect(most.withLock { $0 } <= 2)
    }

    @Test("a mark that has waited too long isn't used: another is asked for")
    func oldMarks() async throws {
        let time = ManualTime()
        let fixture = try SuiteFixture(
            "cases: [a.hurl]",
            [
                "a.hurl":
                    "GET http://127.0.0.1/shop/a\n\nGET http://127.0.0.1/shop/b\n[Options]\ndelay: 45s\n\nGET http://127.0.0.1/shop/c\n"
            ])
        let (sent, send) = AsyncStream.makeStream(of: String?.self)
        let tools = RunTools(
            time: time,
            carrier: {
                AnsweringCarrier { request in
                    send.yield(request.headers.first { $0.name == "baggage" }?.value)
                    return ExchangeAnswer(
                        url: request.url, status: 200, headers: [.init("Glovebox-Test", "taken")])
                }
            }, redact: { $0 })
        let runner = SuiteRunner(
            try fixture.suite(), self.options { $0.skipsPreflight = true }, fixture.runs, tools,
            try CaseSecrets([:], file: SuiteFixture.secret, environment: [:]))
        async let report = runner.run()
        var marks: [String?] = []
        for await mark in sent {
            marks.append(mark)
            guard marks.count < 3 else { break }
            // The case's delay, or its limit of requests, and the one that watches the run.
            await time.untilSleeping(2)
            time.advance(by: .seconds(45))
        }
        #expect(try await report.verdict == .passed)
        #expect(
            marks == [
                "glovebox-required=1,glovebox=run-1.1", "glovebox-required=1,glovebox=run-1.4",
                "glovebox-required=1,glovebox=run-1.6",
            ])
        #expect(fixture.runs.state.withLock { $0.wishes.map(\.count) } == [3, 2, 1])
    }

    @Test("no more requests a second are sent than the limit says, whatever the jobs")
    func rate() async throws {
        let time = ManualTime()
        let fixture = try SuiteFixture(
            "limits: {rate: 2/s}\ncases: [a.hurl]",
            ["a.hurl": (0..<4).map { _ in "GET http://127.0.0.1/shop/a\n" }.joined(separator: "\n")])
        let suite = try fixture.suite()
        let start = time.boot
        let (sent, send) = AsyncStream.makeStream(of: Duration.self)
        let tools = RunTools(
            time: time,
            carrier: {
                AnsweringCarrier { request in
                    send.yield(start.duration(to: time.boot))
                    return ExchangeAnswer(
                        url: request.url, status: 200, headers: [.init("Glovebox-Test", "taken")])
                }
            }, redact: { $0 })
        let runner = SuiteRunner(
            suite, SuiteRunOptions(), fixture.runs, tools,
            try CaseSecrets([:], file: SuiteFixture.secret, environment: [:]))
        async let report = runner.run()
        var moments: [Duration] = []
        for await moment in sent {
            moments.append(moment)
            guard moments.count < 4 else { break }
            // The limit's sleeper and the one that watches the run.
            await time.untilSleeping(2)
            time.advance(by: .milliseconds(500))
        }
        _ = try await report
        #expect(moments == (0..<4).map { .milliseconds(500 * $0) })
    }
}

/// Answers without a network.
struct AnsweringCarrier: ExchangeCarrier {
    let answer: @Sendable (ExchangeRequest) async -> ExchangeAnswer

    init(_ answer: @escaping @Sendable (ExchangeRequest) async -> ExchangeAnswer) { self.answer = answer }

    func exchange(_ request: ExchangeRequest) async throws(GloveboxError) -> [ExchangeAnswer] {
        [await self.answer(request)]
    }
}
