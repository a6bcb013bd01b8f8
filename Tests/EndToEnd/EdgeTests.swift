import Foundation
import GloveboxCore
import TestContextToken
import TestSupport
import Testing

@Suite("glovebox edge", .timeLimit(.minutes(3)))
struct EdgeTests {
    private let folder: TemporaryFolder
    private let ada: Person
    private let ingress: TestContextSigner
    private let inner: TestContextSigner

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
        let ends = WallTime(nanoseconds: .max)
        self.ingress = TestContextSigner(audience: .ingress, validFrom: WallTime(nanoseconds: 0), validUntil: ends)
        self.inner = TestContextSigner(audience: .internal, validFrom: WallTime(nanoseconds: 0), validUntil: ends)
        try self.folder.write("ingress.pub", Data(self.ingress.publicKey.publicKey).base64EncodedString() + "\n")
        try self.folder.write("internal.key", Data(self.inner.privateKey.exposeSecret()).base64EncodedString() + "\n")
        chmod(self.folder.file("internal.key"), 0o600)
    }

    /// Two versions of a service: each says which it is, and which baggage it got.
    static let upstream = """
        import http.server, json, sys, threading
        def serve(version):
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def do_GET(self):
                    n = int(self.headers.get("content-length") or 0)
                    self.rfile.read(n)
                    body = json.dumps({"version": version, "path": self.path,
                        "baggage": self.headers.get_all("baggage") or [], "forwarded": self.headers.get("forwarded")}).encode()
                    self.send_response(200)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                do_POST = do_GET
                def log_message(self, *_): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever).start()
            return server.server_port
        print(f"ports {serve('v1')} {serve('v2')}.", flush=True)
        """

    struct Answer: Decodable {
        var version: String
        var path: String
        var baggage: [String]
        var forwarded: String?
    }

    /// An edge before both versions, until it's stopped.
    final class Running {
        let upstream: RunningProcess
        let edge: RunningProcess
        let file: String
        let port: Int
        let telemetry: Int
        let upstreams: [Int]
        let folder: TemporaryFolder

        convenience init(_ test: EdgeTests) async throws {
            try await self.init(test.folder, test.ada.environment)
        }

        /// - Parameter marks: the file's `marks`, and what else it has.
        init(
            _ folder: TemporaryFolder, _ environment: [String: String], marks: String = Running.marks
        ) async throws {
            self.folder = folder
            self.upstream = try RunningProcess(["python3", "-I", "-u", "-c", EdgeTests.upstream])
            try await self.upstream.printed(".")
            self.upstreams = self.upstream.output.split(whereSeparator: { " .\n".contains($0) }).compactMap { Int($0) }
            self.telemetry = try freePort()
            self.file = self.folder.file("edge.yaml")
            try self.folder.write("edge.yaml", Self.text(self.upstreams, (100, 0), self.telemetry, "", marks: marks))
            self.edge = try RunningProcess(
                [Repository.program, "edge", "--config", self.file], environment: environment)
            try await self.edge.printed("ready: requests are taken at ")
            let errors = self.edge.errors
            let place = errors.firstRange(of: "taken at 127.0.0.1:").map { errors[$0.upperBound...] }
            self.port = place.flatMap { Int($0.prefix(while: \.isNumber)) } ?? 0
        }

        static let marks = "marks: {edge: shop-edge, keys: [ingress.pub], signing: {key: internal.key}}"

        static func text(
            _ upstreams: [Int], _ weights: (Int, Int), _ telemetry: Int, _ more: String, marks: String = Running.marks
        ) -> String {
            """
            version: 1
            listen: [{at: "127.0.0.1:0"}]
            services:
              web:
                versions:
                  v1: {weight: \(weights.0), endpoints: ["127.0.0.1:\(upstreams[0])"]}
                  v2: {weight: \(weights.1), endpoints: ["127.0.0.1:\(upstreams[1])"]}
            routes: [{name: shop, path: /, service: web}]
            \(marks)
            access: access.log
            telemetry: "127.0.0.1:\(telemetry)"
            \(more)

            """
        }

        func get(_ path: String, _ more: [String] = []) async throws -> (answer: Answer, response: LoopbackHTTP) {
            let response = try await LoopbackHTTP.get(self.port, path, more: more)
            return (try JSONDecoder().decode(Answer.self, from: Data(response.body.utf8)), response)
        }

        func metric(_ line: String) async throws -> Double? {
            let page = try await LoopbackHTTP.get(self.telemetry, "/metrics").body
            return page.split(separator: "\n").first { $0.hasPrefix(line + " ") }
                .flatMap { Double($0.dropFirst(line.count + 1)) }
        }

        /// Makes it read its file again.
        func reload(_ text: String) throws {
            try self.folder.write("edge.yaml", text)
            self.edge.signal(SIGHUP)
        }

        func stop() async -> Subprocess.Result {
            let result = await self.edge.stop()
            _ = await self.upstream.stop()
            return result
        }
    }

    /// A mark for one request.
    private func mark(
        edge: String = "shop-edge", issuedAt: WallTime? = nil, lifetime: Duration = .seconds(50),
        path: String = "/", methods: Set<String> = ["GET"], budget: UInt32 = 0, version: String? = "v2",
        by signer: TestContextSigner? = nil
    ) throws -> String {
        let issuedAt = issuedAt ?? Self.now
        return try (signer ?? self.ingress).token(
            IngressContext(
                run: "run-1", testCase: "case-1", edge: edge, issuedAt: issuedAt, lifetime: lifetime,
                runEndsAt: issuedAt.advanced(by: .seconds(3600)),
                routes: [TestContextRoute(host: nil, path: path)], methods: methods, writeBudget: budget,
                version: version))
    }

    private static var now: WallTime {
        WallTime(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
    }

    /// For so long after its start an edge takes no mark: another before it might have.
    private func untilMarksCount(_ running: Running) async throws {
        try await eventually(timeout: .seconds(20), "a mark that counts") {
            try await running.get("/", ["--header", "baggage: glovebox=\(self.mark())"]).answer.version == "v2"
        }
    }

    @Test("ordinary requests go to the version with a weight alone; what's asked is in the access log, masked")
    func ordinary() async throws {
        let running = try await Running(self)
        for number in 0..<20 {
            let (answer, response) = try await running.get(
                "/orders/\(number)?token=xoxb-2048172631-Ab3dE6gH9jK2mN5pQ8rS1tV4&mail=anna.canary@example.com",
                ["--header", "baggage: user=7"])
            #expect(answer.version == "v1" && answer.baggage == ["user=7"] && answer.path.contains("anna.canary"))
            #expect(answer.forwarded?.contains("127.0.0.1") == true && response.status == 200)
        }
        #expect(
            try await running.metric(
                #"glovebox_edge_requests_total{service="web",version="v1",marked="false",status="2xx"}"#) == 20)
        #expect(
            try await running.metric(#"glovebox_edge_request_seconds_count{service="web",version="v1",marked="false"}"#)
                == 20)
        #expect(try await LoopbackHTTP.get(running.telemetry, "/readyz").status == 200)
        #expect(await running.stop().succeeded)
        let log = String(decoding: try self.folder.read("access.log"), as: UTF8.self)
        #expect(log.split(separator: "\n").count == 20 && log.contains(#""route":"shop""#))
        for secret in ["xoxb-", "anna.canary"] { #expect(!log.contains(secret), "\(secret)") }
    }

    @Test("weights change by a reload; a broken file changes nothing, and says where it's broken")
    func reload() async throws {
        let running = try await Running(self)
        try running.reload(Running.text(running.upstreams, (0, 1), running.telemetry, ""))
        try await eventually { try await running.get("/").answer.version == "v2" }
        try running.reload(
            Running.text(running.upstreams, (1, 0), running.telemetry, "limits: {connections: many}"))
        try await running.edge.printed("edge.yaml:12:23")
        #expect(try await running.get("/").answer.version == "v2")
        #expect(try await running.metric("glovebox_edge_configuration_refused") == 1)
        try running.reload(Running.text(running.upstreams, (1, 0), running.telemetry, ""))
        try await eventually { try await running.get("/").answer.version == "v1" }
        #expect(try await running.metric("glovebox_edge_configuration_refused") == 0)
        #expect(await running.stop().succeeded)
    }

    @Test("a marked request gets to the candidate, once, with a mark that services check and no cache keeps")
    func marked() async throws {
        let running = try await Running(self)
        try await self.untilMarksCount(running)
        let mark = try self.mark()
        let header = ["--header", "baggage: user=7,glovebox=\(mark)"]
        let (answer, response) = try await running.get("/", header)
        #expect(answer.version == "v2" && response.headers.lowercased().contains("cache-control: no-store"))
        let keys = TestContextKeys([self.inner.publicKey])
        let baggage = BaggageLines(answer.baggage.map { Array($0.utf8) })
        let context = try keys.internal(baggage.mark, at: Self.now)
        #expect(context?.run == "run-1" && context?.testCase == "case-1" && context?.declaresSyntheticWrites == false)
        #expect(answer.baggage.joined().hasPrefix("user=7"))
        // A second time it's an ordinary request, without a mark.
        let again = try await running.get("/", header).answer
        #expect(again.version == "v1" && again.baggage == ["user=7"])
        // What services pass on to each other counts at no edge.
        let token = answer.baggage.joined().split(separator: "=").last.map(String.init) ?? ""
        let inward = try await running.get("/", ["--header", "baggage: glovebox=\(token)"]).answer
        #expect(inward.version == "v1" && inward.baggage.isEmpty)
        #expect(await running.stop().succeeded)
    }

    @Test("a false mark is taken out, and the request is an ordinary user's")
    func forged() async throws {
        let running = try await Running(self)
        try await self.untilMarksCount(running)
        let stranger = TestContextSigner(
            audience: .ingress, validFrom: WallTime(nanoseconds: 0), validUntil: WallTime(nanoseconds: .max))
        let good = try self.mark()
        let old = Self.now.advanced(by: .seconds(-120))
        let marks: [(String, [String])] = [
            ("altered", ["glovebox=\(good.dropLast(6))AAAAAA"]),
            ("expired", ["glovebox=\(try self.mark(issuedAt: old))"]),
            ("foreign", ["glovebox=\(try self.mark(edge: "other-edge"))"]),
            ("unknown_key", ["glovebox=\(try self.mark(by: stranger))"]),
            ("route_not_allowed", ["glovebox=\(try self.mark(path: "/admin"))"]),
            ("method_not_allowed", ["glovebox=\(try self.mark(methods: ["POST"]))"]),
            ("duplicated", ["glovebox=\(try self.mark()),glovebox=\(try self.mark())"]),
            ("duplicated", ["glovebox=\(try self.mark())", "glovebox=\(try self.mark())"]),
            ("malformed", ["glovebox=x"]), ("malformed", ["GloveBox=\(try self.mark())"]),
            ("malformed", ["glovebox=\(try self.mark());a=b"]),
        ]
        for (reason, lines) in marks {
            let line = #"glovebox_edge_false_marks_total{reason="\#(reason)"}"#
            let before = try await running.metric(line) ?? 0
            let (answer, response) = try await running.get("/", lines.flatMap { ["--header", "baggage: \($0)"] })
            #expect(answer.version == "v1" && answer.baggage.isEmpty && response.status == 200, "\(reason)")
            #expect(!response.headers.lowercased().contains("no-store"), "\(reason)")
            #expect(try await running.metric(line) == before + 1, "\(reason)")
        }
        // Whoever would rather not be served at all than as an ordinary user says so.
        for lines in [["glovebox-required=1,glovebox=x"], ["glovebox-required=1"]] {
            let refused = try await LoopbackHTTP.get(
                running.port, "/", more: lines.flatMap { ["--header", "baggage: \($0)"] })
            #expect(refused.status == 412 && refused.body.hasPrefix("mark_refused: "), "\(refused.body)")
        }
        let wanted = try await running.get("/", ["--header", "baggage: glovebox-required=1,glovebox=\(self.mark())"])
        #expect(wanted.answer.version == "v2" && wanted.response.headers.lowercased().contains("glovebox-test: taken"))
        // A run's budget: one writing request.
        let post = ["--request", "POST", "--data", "x"]
        var versions: [String] = []
        for _ in 0..<3 {
            let mark = try self.mark(methods: ["POST"], budget: 1)
            versions.append(
                try await running.get("/", post + ["--header", "baggage: glovebox=\(mark)"]).answer.version)
        }
        #expect(versions == ["v2", "v1", "v1"])
        #expect(
            try await running.metric(
                #"glovebox_edge_requests_total{service="web",version="v2",marked="false",status="2xx"}"#) == nil)
        #expect(await running.stop().succeeded)
    }

    @Test("HTTP/2 by TLS, with a certificate that a reload renews")
    func tls() async throws {
        func certificate(_ name: String) async throws {
            try await Subprocess.check([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=\(name)", "-keyout", self.folder.file("tls.key"), "-out",
                self.folder.file("tls.pem"),
            ])
        }
        try await certificate("first")
        let port = try freePort()
        let listen = "listen: [{at: \"127.0.0.1:0\"}, {at: \"127.0.0.1:\(port)\", certificate: tls.pem, key: tls.key}]"
        let upstream = try RunningProcess(["python3", "-I", "-u", "-c", Self.upstream])
        try await upstream.printed(".")
        let ports = upstream.output.split(whereSeparator: { " .\n".contains($0) }).compactMap { Int($0) }
        let text = Running.text(ports, (1, 0), try freePort(), "")
            .replacing("listen: [{at: \"127.0.0.1:0\"}]", with: listen)
        let file = try self.folder.write("edge.yaml", text)
        let edge = try RunningProcess(
            [Repository.program, "edge", "--config", file], environment: self.ada.environment)
        try await edge.printed("ready: ")
        func ask() async throws -> (version: String, subject: String) {
            let result = try await Subprocess.run([
                "curl", "--silent", "--insecure", "--verbose", "--output", "/dev/null", "--write-out",
                "%{http_version}", "https://127.0.0.1:\(port)/",
            ])
            let subject = result.errors.split(separator: "\n").first { $0.contains("subject: CN") } ?? ""
            return (result.output, subject.contains("first") ? "first" : subject.contains("second") ? "second" : "none")
        }
        #expect(try await ask() == ("2", "first"))
        try await certificate("second")
        edge.signal(SIGHUP)
        try await eventually { try await ask() == ("2", "second") }
        #expect(await edge.stop().succeeded)
        _ = await upstream.stop()
    }

    @Test("a file is checked without being served")
    func check() async throws {
        let wrong = Running.text([1, 2], (0, 0), 1, "")
        let file = try self.folder.write("edge.yaml", wrong)
        let refused = try await Subprocess.run(
            [Repository.program, "edge", "--config", file, "--check"], environment: self.ada.environment)
        #expect(refused.status != 0)
        #expect(
            refused.errors.contains("edge.yaml:5:5") && refused.errors.hasSuffix("[configuration_invalid]\n"),
            "\(refused.errors)")
        try self.folder.write("edge.yaml", Running.text([1, 2], (1, 0), 1, ""))
        let fine = try await Subprocess.run(
            [Repository.program, "edge", "--config", file, "--check"], environment: self.ada.environment)
        #expect(fine.succeeded, "\(fine.errors)")
    }
}
