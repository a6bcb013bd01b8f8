import Foundation
import GloveboxCore
import TestContextToken
import TestSupport
import Testing

private struct ReportView: Decodable {
    struct Case: Decodable {
        struct Attempt: Decodable {
            var versions: [String]?
        }

        var name: String
        var outcome: String
        var reason: String?
    }

    var cases: [Case]
}

private struct ComparisonView: Decodable {
    struct Endpoint: Decodable {
        struct Path: Decodable {
            var path: String
            var verdict: String
        }

        var endpoint: String
        var verdict: String
        var candidateVersions: [String]
        var paths: [Path]
    }

    var endpoints: [Endpoint]
}

private struct ChangeView: Decodable {
    var id: String
    var title: String
    var state: String
    var cause: String?
}

/// `glovebox test` and `baseline` at a real gateway, an edge that follows it, and an agent that takes back what cases write.
@Suite("Suites run in production", .serialized, .timeLimit(.minutes(6)))
struct SuiteRunTests {
    /// Two versions of a shop. Orders are lines of a file, `RUN number`. The second version has another total, and may not tell
    /// the service behind it of a test.
    private static let upstream = """
        import http.server, json, sys, threading, time, uuid
        orders = sys.argv[1]
        lock = threading.Lock()
        def serve(version):
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def answer(self, status, value):
                    body = json.dumps(value).encode()
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.send_header("x-served-by", f"web@{version}, orders@{version}")
                    if "glovebox=" in (self.headers.get("baggage") or ""):
                        dropped = self.path.startswith("/api/dropped")
                        self.send_header("glovebox-test-seen", f"web@{version}" + ("" if dropped else f", orders@{version}"))
                    self.end_headers()
                    self.wfile.write(body)
                def do_GET(self):
                    self.answer(200, {"id": str(uuid.uuid4()), "total": 15300 if version == "v1" else 153, "lines": ["cup"]})
                def do_POST(self):
                    body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
                    marked = "glovebox=" in (self.headers.get("baggage") or "")
                    with lock, open(orders, "a") as file:
                        file.write(f"{body['run'] if marked else 'user'} {version}\\n")
                    if self.path.startswith("/api/slow"): time.sleep(60)
                    self.answer(201, {"id": str(uuid.uuid4())})
                def log_message(self, *_): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever).start()
            return server.server_port
        print(f"ports {serve('v1')} {serve('v2')}.", flush=True)
        """

    private static let policy =
        Configuration.policy + """
              - name: runs
                identities: [admin]
                targets: [shop-edge, shop-host]
                capabilities: [change, test]
                longest: 1h

            """

    private let shop: Installation
    private let folder: TemporaryFolder
    private var orders: String { self.folder.file("orders") }

    init() async throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        try folder.write("orders", "user v1\n")
        try folder.write(
            "forget.sh", "grep -v \"^$2 \" \"$1\" >\"$1.new\"; mv \"$1.new\" \"$1\"; echo \"$2\" >>\"$1.forgotten\"\n")
        self.shop = try Installation(
            database: await PostgresServer.shared().makeShop(customers: 1), policy: Self.policy)
        try self.shop.addToAgent(
            "agent.yaml",
            """
              shop-host:
                kind: host
                runbooks:
                  forget:
                    parameters: {run: {type: word}}
                    undo: [/bin/sh, "\(folder.file("forget.sh"))", "\(folder.file("orders"))", "{run}"]

            """)
        try self.shop.addToAgent(
            "ceiling.yaml",
            """
              shop-host:
                capabilities: [change]
                longest: 1h
                runbooks: [forget]

            """)
        try self.shop.write(
            "gateway.yaml", Configuration.gateway(self.shop.ports) + "edges: [{name: shop-edge}]\n")
        let inner = TestContextSigner(
            audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        try folder.write("internal.key", Data(inner.privateKey.exposeSecret()).base64EncodedString() + "\n")
        chmod(folder.file("internal.key"), 0o600)
    }

    private struct Production {
        var up: RunningProcess
        var upstream: RunningProcess
        var edge: RunningProcess
        var suite: String

        func stop() async {
            for process in [self.edge, self.upstream, self.up] { _ = await process.stop() }
        }
    }

    /// All of it, with a suite whose cases these are, and an edge that takes marks.
    private func production(_ cases: [String: String], _ more: String = "") async throws -> Production {
        let up = try await self.shop.up()
        try await self.shop.untilOnline("shop-host")
        let token = try await self.shop.token("edge", "--role", "member", "--scope", "followFlags,markKeys")
        try self.folder.write("edge.token", token + "\n")
        chmod(self.folder.file("edge.token"), 0o600)
        let upstream = try RunningProcess(["python3", "-I", "-u", "-c", Self.upstream, self.orders])
        try await upstream.printed(".")
        let ports = upstream.output.split(whereSeparator: { " .\n".contains($0) }).compactMap { Int($0) }
        let port = try freePort()
        let file = try self.folder.write(
            "edge.yaml",
            """
            version: 1
            listen: [{at: "127.0.0.1:\(port)"}]
            services:
              web:
                versions:
                  v1: {weight: 100, endpoints: ["127.0.0.1:\(ports[0])"]}
                  v2: {endpoints: ["127.0.0.1:\(ports[1])"]}
            routes: [{name: shop, path: /, service: web}]
            gateway: {url: "\(self.shop.gatewayAddress)", target: shop-edge, token: edge.token, authority: "\(self.shop.admin.home)/ca.pem"}
            marks: {signing: {key: internal.key}}

            """)
        let edge = try RunningProcess(
            [Repository.program, "edge", "--config", file], environment: self.shop.admin.environment)
        try await edge.printed("ready: ")
        for (name, text) in cases { try self.folder.write("suite/\(name).hurl", text) }
        try self.folder.write(
            "suite/suite.yaml",
            """
            version: 1
            title: the shop
            edge: shop-edge
            routes: [127.0.0.1/api]
            variables: {shop: "http://127.0.0.1:\(port)"}
            limits: {rate: 500/s, concurrency: 8}
            under: {version: v2}
            undo:
              - runbook: {target: shop-host, name: forget, parameters: {run: "{{run}}"}}
            cases: ["*.hurl"]
            \(more)

            """)
        let suite = self.folder.file("suite")
        try await eventually(timeout: .seconds(40), "an edge that takes marks") {
            try await self.shop.admin.glovebox(["test", "preflight", suite, "--tag", "reads"]).errors
                .contains("hasn't taken the mark") == false
        }
        return Production(up: up, upstream: upstream, edge: edge, suite: suite)
    }

    private static let reads = """
        # glovebox: tags reads
        GET {{shop}}/api/total
        HTTP 200
        [Asserts]
        jsonpath "$.total" == 153

        """

    private static let writes = """
        # glovebox: writes
        POST {{shop}}/api/orders
        {"run": "{{run}}"}
        HTTP 201

        """

    private var written: [String] {
        get throws {
            String(decoding: try readFile(self.orders), as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    private var forgotten: Int {
        ((try? readFile("\(self.orders).forgotten")) ?? []).count { $0 == 0x0A }
    }

    @Test("cases run against the candidate, what they write is undone, and the reports say what failed")
    func run() async throws {
        let wrong = Self.reads.replacing("153", with: "154").replacing("tags reads", with: "tags wrong")
        let production = try await self.production(["reads": Self.reads, "writes": Self.writes, "wrong": wrong])
        let junit = self.folder.file("report.xml")
        let json = self.folder.file("report.json")
        let result = try await self.shop.admin.glovebox(
            ["test", "run", production.suite, "--jobs", "2", "--report", "junit=\(junit)", "--report", "json=\(json)"])
        #expect(result.status == 1, "\(result.output) \(result.errors)")
        let report = try JSONDecoder().decode(ReportView.self, from: Data(try readFile(json)))
        #expect(
            report.cases.map { "\($0.name) \($0.outcome)" }.sorted() == [
                "reads passed", "writes passed", "wrong failed",
            ],
            "\(report)")
        let xml = String(decoding: try readFile(junit), as: UTF8.self)
        #expect(xml.contains("153") && xml.contains("154") && xml.contains("web@v2") && xml.contains("curl "), "\(xml)")
        #expect(!xml.contains("glovebox=AQ"), "a mark is in a report")
        // It was written, and is gone; what was a user's stays.
        #expect(try self.written == ["user v1"] && self.forgotten == 1)
        #expect(try await self.shop.admin.ask([ChangeView].self, "change", "list").isEmpty)
        let all = try await self.shop.admin.ask([ChangeView].self, "change", "list", "--all")
        #expect(all.contains { $0.title.hasPrefix("undo of writes") && $0.state == "undone" }, "\(all)")
        await production.stop()
    }

    @Test("a runner that's killed in the midst of a write has it undone within seconds, by the gateway and the agent")
    func killed() async throws {
        let slow = Self.writes.replacing("/api/orders", with: "/api/slow")
        let production = try await self.production(["reads": Self.reads, "slow": slow])
        let runner = try RunningProcess(
            [Repository.program, "test", "run", production.suite], environment: self.shop.admin.environment)
        try await eventually(timeout: .seconds(60), "the write") { try self.written.count == 2 }
        runner.signal(SIGKILL)
        _ = await runner.finished()
        try await eventually(timeout: .seconds(60), "its undo") { try self.written == ["user v1"] }
        #expect(self.forgotten == 1)
        try await eventually(timeout: .seconds(30), "the run's end") {
            try await self.shop.admin.ask([ChangeView].self, "change", "list").isEmpty
        }
        let all = try await self.shop.admin.ask([ChangeView].self, "change", "list", "--all")
        #expect(all.contains { $0.cause?.contains("nobody attends") == true }, "\(all)")
        await production.stop()
    }

    @Test("one that drops a test's context is named, and no case writes")
    func preflight() async throws {
        let dropped = Self.reads.replacing("/api/total", with: "/api/dropped").replacing(
            "tags reads", with: "tags drops")
        let production = try await self.production(["reads": Self.reads, "drops": dropped, "writes": Self.writes])
        let shown = try await self.shop.admin.glovebox(["test", "preflight", production.suite])
        #expect(
            shown.status == 1 && shown.output.contains("web@v2 drops the test's context"),
            "\(shown.output)\(shown.errors)")
        let result = try await self.shop.admin.glovebox(["test", "run", production.suite])
        #expect(result.status == 1 && result.output.contains("web@v2 drops the test's context"), "\(result.output)")
        #expect(try self.written == ["user v1"])
        let recorded = try await self.shop.admin.glovebox(["baseline", "record", production.suite, "--runs", "2"])
        #expect(recorded.errors.hasSuffix("[case_may_not_write]\n"), "\(recorded.errors)")
        #expect(try self.written == ["user v1"])
        let fine = try await self.shop.admin.glovebox(["test", "preflight", production.suite, "--tag", "reads"])
        #expect(fine.succeeded && fine.output.contains("web@v2 → orders@v2"), "\(fine.output)\(fine.errors)")
        await production.stop()
    }

    @Test("a baseline is recorded of what serves users, and a candidate's other total is found and named")
    func compare() async throws {
        let production = try await self.production(["reads": Self.reads])
        let none = try await self.shop.admin.glovebox(["test", "compare", production.suite])
        #expect(none.errors.hasSuffix("[baseline_missing]\n"), "\(none.errors)")
        let recorded = try await self.shop.admin.glovebox(["baseline", "record", production.suite, "--runs", "4"])
        #expect(recorded.succeeded, "\(recorded.errors)")
        let baseline = String(decoding: try readFile("\(production.suite)/baselines/reads.yaml"), as: UTF8.self)
        #expect(baseline.contains("uuid") && baseline.contains("web@v1") && baseline.contains("15300"), "\(baseline)")

        let same = try await self.shop.admin.glovebox(
            ["test", "compare", production.suite, "--candidate", "v1", "--seed", "1"], timeout: .seconds(120))
        #expect(same.succeeded && same.output.contains("GET /api/total: same"), "\(same.output)\(same.errors)")
        let other = try await self.shop.admin.glovebox(
            ["test", "compare", production.suite, "--seed", "1", "--json"], timeout: .seconds(120))
        #expect(other.status == 1, "\(other.errors)")
        let report = try JSONDecoder().decode(ComparisonView.self, from: Data(other.standardOutput))
        #expect(report.endpoints.map(\.verdict) == ["differs"])
        #expect(report.endpoints.first?.paths.filter { $0.verdict == "differs" }.map(\.path) == ["$.total"])
        #expect(report.endpoints.first?.candidateVersions == ["web@v2, orders@v2"])
        await production.stop()
    }
}
