import Foundation
import TestSupport
import Testing

@Suite("glovebox redact serve, when what's around it fails or changes")
struct RedactServeDeliveryTests {
    private static let canary = "anna.canary@example.com"

    private let folder: TemporaryFolder
    private let ada: Person

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
    }

    private func start(_ configuration: String) async throws -> RunningProcess {
        let file = try self.folder.write("redact.yaml", configuration)
        let process = try RunningProcess(
            [Repository.program, "redact", "serve", "--config", file], environment: self.ada.environment)
        try await process.printed("ready: logs are taken in")
        return process
    }

    private func text(_ name: String) -> String {
        (try? String(decoding: self.folder.read(name), as: UTF8.self)) ?? ""
    }

    private func post(_ port: Int, _ file: String, _ more: [String] = []) async throws -> LoopbackHTTP {
        try await LoopbackHTTP.get(
            port, "/v1/logs",
            more: ["--data-binary", "@\(file)", "-H", "content-type: application/json", "-H", "expect:"] + more)
    }

    private func records(_ texts: [String]) throws -> Data {
        let records = try texts.map { text in
            #"{"body":{"stringValue":\#(String(decoding: try JSONEncoder().encode(text), as: UTF8.self))}}"#
        }
        return Data(
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[\#(records.joined(separator: ","))]}]}]}"#.utf8)
    }

    /// A value of a metric with these labels, in any order.
    private func metric(_ port: Int, _ name: String, _ labels: String...) async throws -> Int {
        let page = try await LoopbackHTTP.get(port, "/metrics").body
        let line = page.split(separator: "\n").first { line in
            line.hasPrefix("glovebox_\(name)") && labels.allSatisfy { line.contains($0) }
        }
        return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) } ?? 0
    }

    /// A collector that wants a client's certificate, a header and gzip; it answers the first requests with what its
    /// arguments say, and takes none before the time that it has named.
    private static let collector = """
        import gzip, http.server, ssl, sys, time
        folder, port, answers = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
        state = {"not_before": 0}
        class Collector(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def answer(self, status, *headers):
                self.send_response(status); self.send_header("content-length", "0")
                for name, value in headers: self.send_header(name, value)
                self.end_headers()
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if time.monotonic() < state["not_before"]: print("too early", flush=True)
                if self.headers["authorization"] != "Bearer collector-canary": return self.answer(401)
                if self.headers["content-encoding"] != "gzip": return self.answer(415)
                if answers:
                    state["not_before"] = time.monotonic() + 1
                    return self.answer(int(answers.pop(0)), ("retry-after", "1"))
                with open(folder + "/got", "ab") as f: f.write(gzip.decompress(body) + b"\\n")
                self.answer(200)
            def log_message(self, *a): pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
        context.load_verify_locations(folder + "/cert.pem"); context.verify_mode = ssl.CERT_REQUIRED
        web = http.server.ThreadingHTTPServer(("127.0.0.1", port), Collector)
        web.socket = context.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
        print("listening", flush=True)
        web.serve_forever()
        """

    private func certificate() async throws {
        try await Subprocess.check([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "30",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", "\(self.folder.path)/key.pem", "-out", "\(self.folder.path)/cert.pem",
        ])
        try await Subprocess.check(["chmod", "600", "\(self.folder.path)/key.pem"])
    }

    private func collector(_ port: Int, _ answers: [String] = []) async throws -> RunningProcess {
        let process = try RunningProcess(
            [Repository.file(".build-venv/bin/python"), "-I", "-c", Self.collector, self.folder.path, "\(port)"]
                + answers, environment: self.ada.environment)
        try await process.printed("listening")
        return process
    }

    @Test(
        "a collector that answers 503 and 429 gets every record, not before it said so, with certificate, header and gzip"
    )
    func retryAfter() async throws {
        let path = self.folder.path
        let (otlp, out, telemetry) = (try freePort(), try freePort(), try freePort())
        try await self.certificate()
        let token = try self.folder.write("token", "Bearer collector-canary\n")
        try await Subprocess.check(["chmod", "600", token])
        let collector = try await self.collector(out, ["503", "429", "503"])
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            telemetry: 127.0.0.1:\(telemetry)
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(otlp)}
            outputs:
              collector: {kind: otlp, url: "https://localhost:\(out)/v1/logs", ca: \(path)/cert.pem, certificate: \(path)/cert.pem, key: \(path)/key.pem, headers: {authorization: {file: \(token)}}, gzip: true}
            """)
        let body = try self.folder.write(
            "body", String(decoding: try self.records((0..<100).map { "record \($0). \(Self.canary)" }), as: UTF8.self))
        #expect(try await self.post(otlp, body).status == 200)
        try await eventually(timeout: .seconds(30)) { self.text("got").contains("record 99.") }
        let got = self.text("got")
        for number in 0..<100 { #expect(got.ranges(of: "record \(number).").count == 1) }
        #expect(!collector.output.contains("too early"))
        try await eventually { try await self.metric(telemetry, "redact_records_out_total", "collector") == 100 }
        #expect(try await self.metric(telemetry, "redact_records_in_total", "app") == 100)
        #expect(try await self.metric(telemetry, "redact_retries_total", "collector") == 3)
        #expect(try await self.metric(telemetry, "redact_masked_total", "email") == 100)
        #expect(try await self.metric(telemetry, "redact_waiting", "collector") == 0)
        let result = await process.stop()
        #expect(result.status == 0 && result.errors.contains("answers 503") && result.errors.contains("answers 429"))
        #expect(!result.errors.contains("canary") && !result.output.contains("canary"))
    }

    @Test("a collector that's away until the spool is full holds senders up; it then gets all that was acknowledged")
    func spoolFull() async throws {
        let path = self.folder.path
        let (otlp, out) = (try freePort(), try freePort())
        try await self.certificate()
        let configuration = """
            version: 1
            spool: {folder: \(path)/spool, size: 16MiB}
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(otlp)}
            outputs:
              collector: {kind: otlp, url: "https://localhost:\(out)/v1/logs", ca: \(path)/cert.pem, certificate: \(path)/cert.pem, key: \(path)/key.pem, headers: {authorization: {env: COLLECTOR_TOKEN}}, gzip: true}
            """
        let file = try self.folder.write("redact.yaml", configuration)
        func start() async throws -> RunningProcess {
            let process = try RunningProcess(
                [Repository.program, "redact", "serve", "--config", file],
                environment: self.ada.environment.merging(["COLLECTOR_TOKEN": "Bearer collector-canary"]) { $1 })
            try await process.printed("ready: logs are taken in")
            return process
        }
        var process = try await start()
        let filler = String(repeating: "words of a log ", count: 40_000)
        var acknowledged: [Int] = []
        var refused: LoopbackHTTP?
        for number in 0..<60 {
            let body = try self.folder.write(
                "body",
                String(decoding: try self.records(["record \(number). \(Self.canary) \(filler)"]), as: UTF8.self))
            let answer = try await self.post(otlp, body)
            guard answer.status == 200 else {
                refused = answer
                break
            }
            acknowledged.append(number)
        }
        #expect(refused?.status == 503 && refused?.headers.lowercased().contains("retry-after: 1") == true)
        #expect(acknowledged.count > 10)
        // Killed while it's full, it has all of it yet.
        process.signal(9)
        #expect(await process.finished())
        for file in filesUnder("\(path)/spool") { #expect(!(try readFile(file)).contains(Array(Self.canary.utf8))) }
        process = try await start()
        let collector = try await self.collector(out)
        let last = try #require(acknowledged.last)
        try await eventually(timeout: .seconds(60)) { self.text("got").contains("record \(last).") }
        let got = self.text("got")
        for number in acknowledged { #expect(got.contains("record \(number).")) }
        #expect(!got.contains("canary"))
        // There's room again.
        let body = try self.folder.write("body", String(decoding: try self.records(["afterwards"]), as: UTF8.self))
        #expect(try await self.post(otlp, body).status == 200)
        try await eventually(timeout: .seconds(30)) { self.text("got").contains("afterwards") }
        await process.stop()
        await collector.stop()
    }

    @Test("a receiver with a token takes nothing without it; gzip is unpacked, and no more of it than a request may be")
    func tokenAndGzip() async throws {
        let path = self.folder.path
        let port = try freePort()
        let token = try self.folder.write("token", "receiver-canary")
        try await Subprocess.check(["chmod", "600", token])
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(port), token: {file: \(token)}}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
            """)
        let plain = try self.folder.write(
            "plain", String(decoding: try self.records(["hello \(Self.canary)"]), as: UTF8.self))
        let allowed = ["-H", "authorization: Bearer receiver-canary"]
        let packed = allowed + ["-H", "content-encoding: gzip"]
        for wrong in [[], ["-H", "authorization: Bearer receiver-canarz"], ["-H", "authorization: receiver-canary"]] {
            let answer = try await self.post(port, plain, wrong)
            #expect(answer.status == 401 && answer.headers.lowercased().contains("www-authenticate: bearer"))
            #expect(!answer.body.contains("canary"))
        }
        try await Subprocess.check(["sh", "-c", "gzip -kf \(plain); head -c 30 \(plain).gz > \(path)/cut.gz"])
        try await Subprocess.check(["sh", "-c", "head -c 100000000 /dev/zero | gzip > \(path)/bomb.gz"])
        #expect(try await self.post(port, plain, allowed).status == 200)
        #expect(try await self.post(port, "\(plain).gz", packed).status == 200)
        #expect(try await self.post(port, "\(path)/cut.gz", packed).status == 400)
        #expect(try await self.post(port, plain, packed).status == 400)
        #expect(try await self.post(port, "\(path)/bomb.gz", packed).status == 413)
        #expect(try await self.post(port, plain, allowed + ["-H", "content-encoding: br"]).status == 415)
        try await eventually { self.text("out.text").split(separator: "\n").count == 2 }
        #expect(self.text("out.text").split(separator: "\n").allSatisfy { $0.hasPrefix("hello ‹email:") })
        let result = await process.stop()
        #expect(result.status == 0 && !result.errors.contains("canary"))
    }

    @Test(
        "datagrams that come faster than they're taken are counted: what was taken and what was dropped is what was sent"
    )
    func overrun() async throws {
        let path = self.folder.path
        let (udp, telemetry) = (try freePort(), try freePort())
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            telemetry: 127.0.0.1:\(telemetry)
            inputs:
              system: {kind: syslog, udp: 127.0.0.1:\(udp)}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
            """)
        func send(_ count: Int, _ size: Int) async throws {
            try await Subprocess.check(
                [
                    Repository.file(".build-venv/bin/python"), "-I", "-c",
                    """
                    import socket, sys
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    for n in range(\(count)): s.sendto(b"<13>1 - - - - - - " + b"x " * \(size / 2), ("127.0.0.1", \(udp)))
                    """,
                ])
        }
        process.signal(SIGSTOP)
        try await send(1000, 30_000)
        process.signal(SIGCONT)
        try await eventually(timeout: .seconds(60)) {
            try await self.metric(telemetry, "redact_records_in_total", "system") > 0
        }
        // The system tells how many it has dropped with the next one that it doesn't.
        var sent = 1000
        try await eventually(timeout: .seconds(60)) {
            try await send(1, 10)
            sent += 1
            let taken = try await self.metric(telemetry, "redact_records_in_total", "system")
            let dropped = try await self.metric(telemetry, "redact_dropped_total", "system", "overrun")
            return dropped > 0 && taken + dropped >= sent - 1
        }
        try await eventually {
            let taken = try await self.metric(telemetry, "redact_records_in_total", "system")
            return taken + (try await self.metric(telemetry, "redact_dropped_total", "system", "overrun")) == sent
        }
        let result = await process.stop()
        #expect(result.errors.contains("datagrams came faster than they were taken"))
    }

    @Test("SIGHUP reads profile and detectors anew on connections that stay open; a broken file changes nothing")
    func reload() async throws {
        let path = self.folder.path
        let socket = "\(path)/in.stream"
        let profile = try self.folder.write("profile.yaml", "version: 1\nname: first\nkinds: {email: drop}\n")
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            profile: \(profile)
            inputs:
              system: {kind: syslog, stream: \(socket)}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
            """)
        // One connection, for all of the test.
        let sender = try RunningProcess(
            [
                Repository.file(".build-venv/bin/python"), "-I", "-c",
                """
                import socket, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); s.connect(sys.argv[1])
                for line in sys.stdin: s.sendall(b"<13>1 - - - - - - " + line.encode())
                """, socket,
            ], environment: self.ada.environment.merging(["PYTHONUNBUFFERED": "1"]) { $1 }, input: .open)
        func line(_ number: Int) async throws -> String {
            try sender.write("\(number) \(Self.canary)\n")
            try await eventually { self.text("out.text").split(separator: "\n").count == number }
            return String(self.text("out.text").split(separator: "\n")[number - 1])
        }
        #expect(try await line(1) == "1 ‹dropped›")
        try self.folder.write("profile.yaml", "version: 1\nname: second\nkinds: {email: partial}\n")
        process.signal(SIGHUP)
        try await process.printed("masking is read anew")
        #expect(try await line(2) == "2 a…@example.com")
        try self.folder.write("profile.yaml", "version: 1\nname: third\nkinds: {email: pratial}\n")
        process.signal(SIGHUP)
        try await process.printed("masking stays as it was")
        #expect(process.errors.contains("profile.yaml:3:16"))
        #expect(try await line(3) == "3 a…@example.com")
        sender.closeInput()
        #expect(await sender.finished())
        #expect(sender.result.status == 0, "\(sender.errors)")
        #expect(await process.stop().status == 0)
    }

    @Test("the example of the documentation runs as it's written, but for its places")
    func example() async throws {
        let page = String(decoding: try readFile(Repository.file("docs/redact.md")), as: UTF8.self)
        let start = try #require(page.firstRange(of: "```yaml\nversion: 1\nspool:"))
        var example = String(page[start.lowerBound...].dropFirst("```yaml\n".count))
        example = String(example[..<(try #require(example.firstRange(of: "```"))).lowerBound])
        let path = self.folder.path
        try await self.certificate()
        try await Subprocess.check(["mkfifo", "\(path)/journal"])
        for name in ["exporters.token", "collector.token"] {
            try await Subprocess.check(["chmod", "600", try self.folder.write(name, "Bearer a-token\n")])
        }
        for (place, ours) in [
            ("/var/lib/glovebox-redact", "\(path)/spool"), ("/run/glovebox", path), ("/var/log/glovebox", path),
            ("/etc/ssl/collector.pem", "\(path)/cert.pem"), ("/etc/glovebox", path),
        ] {
            #expect(example.contains(place), "\(place)")
            example = example.replacing(place, with: ours)
        }
        for port in ["9465", "5514", "4318", "6514"] {
            #expect(example.contains("127.0.0.1:\(port)"), "\(port)")
            example = example.replacing("127.0.0.1:\(port)", with: "127.0.0.1:\(try freePort())")
        }
        let process = try await self.start(example)
        try await Subprocess.check(["logger", "--rfc5424", "--socket", "\(path)/log", "--", "of \(Self.canary)"])
        try await eventually { self.text("all.jsonl").contains("of ‹email:") }
        process.signal(9)
        #expect(await process.finished())
        #expect(!process.errors.contains("a-token") && !process.errors.contains("canary"))
    }

    @Test(
        "a secret in a configuration, one that others may read, and one that would go in the clear are refused by line")
    func secrets() async throws {
        let path = self.folder.path
        func refused(_ output: String) async throws -> String {
            let file = try self.folder.write(
                "wrong.yaml",
                """
                version: 1
                spool: {folder: \(path)/spool}
                inputs: {a: {kind: stream, stdin: true}}
                outputs: {b: {kind: otlp, \(output)}}
                """)
            let result = try await self.ada.glovebox(["redact", "serve", "--config", file])
            #expect(result.status == 1 && !result.errors.contains("canary"), "\(result.errors)")
            return result.errors
        }
        let open = try self.folder.write("open", "Bearer canary")
        try await Subprocess.check(["chmod", "644", open])
        let there = "url: \"https://collector.example/v1/logs\""
        let written = try await refused("\(there), headers: {authorization: Bearer canary}")
        #expect(written.contains("wrong.yaml:4:") && written.contains("{file: PATH}"))
        #expect(try await refused("\(there), headers: {authorization: {file: \(open)}}").contains("chmod 600"))
        #expect(
            try await refused("\(there), headers: {authorization: {env: NOT_SET}}").contains("NOT_SET holds no secret"))
        #expect(try await refused("\(there), certificate: a.pem").contains("belong together"))
        let clear = "url: \"http://127.0.0.1.example/v1/logs\", headers: {authorization: {env: TOKEN}}"
        #expect(try await refused(clear).contains("go over TLS"))
    }
}
