import Foundation
import TestSupport
import Testing

@Suite("glovebox redact serve")
struct RedactServeTests {
    /// None of these may be in what comes out, in any form that's looked for.
    private static let secrets = [
        "hunter22-canary", "anna.canary@example.com", "AKIAIOSFODNN7CANARYQ", "4111111111111111",
    ]

    private let folder: TemporaryFolder
    private let ada: Person

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
    }

    private func start(_ configuration: String, input: Subprocess.Input = .none) async throws -> RunningProcess {
        let file = try self.folder.write("redact.yaml", configuration)
        let process = try RunningProcess(
            [Repository.program, "redact", "serve", "--config", file], environment: self.ada.environment, input: input)
        try await process.printed("ready: logs are taken in")
        return process
    }

    private func python(_ program: String, _ arguments: [String] = []) async throws -> String {
        try await Subprocess.check(
            [Repository.file(".build-venv/bin/python"), "-I", "-"] + arguments, input: .text(program),
            timeout: .seconds(120))
    }

    private func text(_ name: String) -> String {
        (try? String(decoding: self.folder.read(name), as: UTF8.self)) ?? ""
    }

    /// Reads what comes by HTTP, by a stream of syslog and by datagrams, and appends it to a file as it is.
    private static let receiver = """
        import socket, socketserver, sys, threading, http.server
        folder, http_port, tcp_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        lock = threading.Lock()
        def keep(name, data):
            with lock, open(folder + "/" + name, "ab") as f: f.write(data + b"\\n")
        class Collector(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_POST(self):
                keep("got.otlp", self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
            def log_message(self, *a): pass
        class Stream(socketserver.StreamRequestHandler):
            def handle(self):
                while data := self.request.recv(65536): keep("got.tcp", data)
        def datagrams():
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(folder + "/got.sock")
            while True: keep("got.datagram", s.recv(1 << 18))
        threading.Thread(target=datagrams, daemon=True).start()
        socketserver.ThreadingTCPServer.daemon_threads = True
        tcp = socketserver.ThreadingTCPServer(("127.0.0.1", tcp_port), Stream)
        threading.Thread(target=tcp.serve_forever, daemon=True).start()
        web = http.server.ThreadingHTTPServer(("127.0.0.1", http_port), Collector)
        print("listening", flush=True)
        web.serve_forever()
        """

    @Test(
        "a secret in a message, an attribute or nested JSON is in nothing that comes out, from any input to any output")
    func canaries() async throws {
        let path = self.folder.path
        let (otlpIn, tcpIn, udpIn) = (try freePort(), try freePort(), try freePort())
        let (otlpOut, tcpOut) = (try freePort(), try freePort())
        try await Subprocess.check(["mkfifo", "\(path)/journal.fifo"])
        let receiver = try RunningProcess(
            [
                Repository.file(".build-venv/bin/python"), "-I", "-c", Self.receiver, path, "\(otlpOut)", "\(tcpOut)",
            ], environment: self.ada.environment)
        try await receiver.printed("listening")
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool, size: 16MiB}
            inputs:
              syslog: {kind: syslog, datagram: \(path)/in.sock, stream: \(path)/in.stream, udp: 127.0.0.1:\(udpIn), tcp: 127.0.0.1:\(tcpIn)}
              otlp: {kind: otlp, listen: 127.0.0.1:\(otlpIn)}
              journal: {kind: journald, file: \(path)/journal.fifo}
              lines: {kind: stream, socket: \(path)/lines.stream}
            outputs:
              otlp-file: {kind: file, path: \(path)/out.otlp}
              syslog-file: {kind: file, path: \(path)/out.syslog, format: syslog}
              text-file: {kind: file, path: \(path)/out.text, format: text}
              journal-file: {kind: file, path: \(path)/out.journal, format: journal}
              terminal: {kind: stdout, format: syslog}
              collector: {kind: otlp, url: http://127.0.0.1:\(otlpOut)/v1/logs}
              tcp: {kind: syslog, tcp: 127.0.0.1:\(tcpOut)}
              datagrams: {kind: syslog, datagram: \(path)/got.sock}
            """)
        let sent = try await self.python(
            """
            import json, socket, struct, sys, urllib.request
            folder, otlp, tcp, udp = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
            secrets = \(String(decoding: try JSONEncoder().encode(Self.secrets), as: UTF8.self))
            n = 0
            def texts():
                # As a message, in nested JSON, and beside a name.
                for s in secrets[1:]: yield "mark the value %s there" % s
                yield json.dumps({"note": "mark", "a": {"password": secrets[0], "b": [json.dumps({"secret": secrets[0]})]}})
                yield "mark password=%s" % secrets[0]
            def unix(kind, name):
                s = socket.socket(socket.AF_UNIX, kind); s.connect(folder + "/" + name); return s
            def syslog(t):
                e = t.replace("\\\\", "\\\\\\\\").replace('"', '\\\\"').replace("]", "\\\\]")
                return ('<13>1 2024-01-01T00:00:00Z host app 1 id [x@1 password="%s" note="%s"] %s' % (secrets[0], e, t)).encode()
            d = unix(socket.SOCK_DGRAM, "in.sock"); u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            a = unix(socket.SOCK_STREAM, "in.stream"); t = socket.create_connection(("127.0.0.1", tcp))
            l = unix(socket.SOCK_STREAM, "lines.stream"); j = open(folder + "/journal.fifo", "wb")
            records = []
            for x in texts():
                d.send(syslog(x)); u.sendto(("<34>Oct 11 22:14:15 host su: " + x).encode(), ("127.0.0.1", udp))
                a.sendall(b"%d %s" % (len(syslog(x)), syslog(x))); t.sendall(syslog(x) + b"\\n")
                l.sendall(x.encode() + b"\\n"); n += 5
                j.write(b"__REALTIME_TIMESTAMP=1700000000000000\\nMESSAGE=" + x.encode() + b"\\nDB_PASSWORD=" + secrets[0].encode()
                    + b"\\nNOTE\\n" + struct.pack("<Q", len(x) + 4) + b"two\\n" + x.encode() + b"\\n\\n"); n += 1
                records.append({"body": {"stringValue": x}, "severityNumber": 9, "attributes": [
                    {"key": "password", "value": {"stringValue": secrets[0]}}, {"key": "note", "value": {"stringValue": x}},
                    {"key": "card", "value": {"intValue": secrets[3]}},
                    {"key": "map", "value": {"kvlistValue": {"values": [{"key": "token", "value": {"stringValue": secrets[0]}},
                        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": x}]}}}]}}}]}); n += 1
            j.close()
            for s in (a, t, l): s.close()
            body = json.dumps({"resourceLogs": [{"resource": {"attributes": [{"key": "owner", "value": {"stringValue": secrets[1]}}]},
                "scopeLogs": [{"logRecords": records}]}]}).encode()
            r = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:%d/v1/logs" % otlp, body, {"content-type": "application/json"}))
            assert r.status == 200 and json.load(r) == {}, r.status
            print(n)
            """, [path, "\(otlpIn)", "\(tcpIn)", "\(udpIn)"])
        let count = try #require(Int(sent))
        try await eventually("all \(count) records come out") {
            self.text("out.text").split(separator: "\n").count == count
        }
        for file in filesUnder("\(path)/spool") {
            let bytes = try readFile(file)
            for secret in Self.secrets { #expect(!bytes.contains(Array(secret.utf8)), "\(secret) in the spool") }
        }
        let result = await process.stop()
        #expect(result.status == 0, "\(result.errors)")
        let marks = "mark"
        for name in ["out.otlp", "out.syslog", "out.text", "out.journal", "got.otlp", "got.tcp", "got.datagram"] {
            let text = self.text(name)
            #expect(text.ranges(of: marks).count >= count, "\(name)")
            for secret in Self.secrets { #expect(!text.contains(secret), "\(secret) in \(name)") }
        }
        #expect(result.output.ranges(of: marks).count >= count)
        for secret in Self.secrets { #expect(!result.output.contains(secret) && !result.errors.contains(secret)) }
        // OTLP stays OTLP, line by line.
        for line in self.text("out.otlp").split(separator: "\n") {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
        }
        for name in ["out.otlp", "out.text"] {
            #expect(try await Subprocess.check(["stat", "-c", "%a", "\(path)/\(name)"]) == "600")
        }
    }

    @Test("killed in the middle of 10,000 acknowledged records none is lost and none is raw")
    func killed() async throws {
        let path = self.folder.path
        let port = try freePort()
        let configuration = """
            version: 1
            spool: {folder: \(path)/spool, size: 16MiB}
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(port)}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text, size: 1GB}
            """
        var process = try await self.start(configuration)
        let sender = try RunningProcess(
            [
                Repository.file(".build-venv/bin/python"), "-I", "-c",
                """
                import json, sys, time, urllib.request
                for start in range(0, 10000, 50):
                    records = [{"body": {"stringValue": "record %d. password=hunter22-canary-%d" % (i, i)}} for i in range(start, start + 50)]
                    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
                    while True:
                        try:
                            r = urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, {"content-type": "application/json"}), timeout=10)
                            assert r.status == 200
                            break
                        except Exception: time.sleep(0.01)
                    if start % 1000 == 0: print("sent", start, flush=True)
                """, "http://127.0.0.1:\(port)/v1/logs",
            ], environment: self.ada.environment)
        for moment in ["sent 2000", "sent 5000", "sent 8000"] {
            try await sender.printed(moment)
            process.signal(9)
            #expect(await process.finished())
            process = try await self.start(configuration)
        }
        #expect(await sender.finished(timeout: .seconds(60)))
        #expect(sender.result.status == 0, "\(sender.errors)")
        let result = await process.stop()
        #expect(result.status == 0, "\(result.errors)")
        let lines = self.text("out.text").split(separator: "\n")
        let numbers = Set(lines.compactMap { Int($0.dropFirst("record ".count).prefix { $0 != "." }) })
        #expect(numbers == Set(0..<10_000))
        #expect(lines.allSatisfy { $0.contains("password=‹") && !$0.contains("hunter22") })
        print("redact serve, killed three times: \(lines.count - 10_000) of 10,000 records came twice")
    }

    @Test("an output that's away holds nothing up that isn't its own, and gets everything once it's back")
    func away() async throws {
        let path = self.folder.path
        let (otlp, syslog) = (try freePort(), try freePort())
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool, size: 16MiB}
            inputs:
              lines: {kind: stream, stdin: true}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
              collector: {kind: otlp, url: http://127.0.0.1:\(otlp)/v1/logs}
              tcp: {kind: syslog, tcp: 127.0.0.1:\(syslog)}
            """, input: .open)
        for number in 0..<100 { try process.write("line \(number)\n") }
        try await eventually { self.text("out.text").hasSuffix("line 99\n") }
        try await process.printed("can't be reached")
        try await process.printed("doesn't take syslog")
        let receiver = try RunningProcess(
            [Repository.file(".build-venv/bin/python"), "-I", "-c", Self.receiver, path, "\(otlp)", "\(syslog)"],
            environment: self.ada.environment)
        try await receiver.printed("listening")
        try await eventually(timeout: .seconds(30)) {
            self.text("got.tcp").contains("line 99") && self.text("got.otlp").contains("line 99")
        }
        // At the input's end it has delivered everything, and ends.
        process.closeInput()
        #expect(await process.finished())
        #expect(process.result.status == 0, "\(process.errors)")
        #expect(self.text("got.tcp").ranges(of: "line ").count >= 100)
    }

    @Test("logger's messages by a Unix socket and by TCP are taken, each with its fields")
    func logger() async throws {
        let path = self.folder.path
        let port = try freePort()
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            inputs:
              syslog: {kind: syslog, datagram: \(path)/in.sock, tcp: 127.0.0.1:\(port)}
            outputs:
              file: {kind: file, path: \(path)/out.syslog, format: syslog}
            """)
        let message = "login of anna.canary@example.com"
        for place in [["--socket", "\(path)/in.sock"], ["--server", "127.0.0.1", "--port", "\(port)", "--tcp"]] {
            for more in [[], ["--octet-count"]] where place.count > 2 || more.isEmpty {
                try await Subprocess.check(
                    ["logger", "--rfc5424", "--tag", "shop", "--msgid", "M1", "--priority", "auth.err"] + place + more
                        + ["--sd-id", "x@1", "--sd-param", #"db_password="s3cr3t-canary""#, "--sd-param", #"n="1""#]
                        + ["--", message])
            }
        }
        try await eventually { self.text("out.syslog").split(separator: "\n").count == 3 }
        await process.stop()
        for line in self.text("out.syslog").split(separator: "\n") {
            #expect(line.hasPrefix("<35>1 ") && line.contains(" shop - M1 [") || line.contains(" shop "), "\(line)")
            #expect(line.contains(#"[x@1 db_password="‹password:"#) && line.contains(#"n="1"]"#), "\(line)")
            #expect(line.contains("login of ‹email:") && !line.contains("canary"), "\(line)")
        }
    }

    @Test("OpenTelemetry's own SDK sends its records, which keep their types, severity and time")
    func openTelemetry() async throws {
        let path = self.folder.path
        let port = try freePort()
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(port)}
            outputs:
              file: {kind: file, path: \(path)/out.otlp}
            """)
        _ = try await self.python(
            """
            import logging, sys
            from opentelemetry.sdk._logs import LoggerProvider
            from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry._logs import LogRecord, SeverityNumber
            provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "owner": "anna.canary@example.com"}))
            provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=sys.argv[1])))
            logger = provider.get_logger("checkout", "1.2")
            for n in range(100):
                logger.emit(LogRecord(timestamp=1700000000000000000 + n, severity_number=SeverityNumber.WARN, severity_text="WARN",
                    body="order %d of anna.canary@example.com" % n,
                    attributes={"password": "hunter22-canary", "count": n, "ok": True, "ratio": 0.5, "tags": ["a", "anna.canary@example.com"]}))
            provider.shutdown()
            """, ["http://127.0.0.1:\(port)/v1/logs"])
        try await eventually { self.text("out.otlp").split(separator: "\n").count == 100 }
        await process.stop()
        let text = self.text("out.otlp")
        #expect(!text.contains("canary"))
        #expect(text.ranges(of: #""severityNumber":13,"severityText":"WARN""#).count == 100)
        #expect(text.contains(#"{"timeUnixNano":"1700000000000000099""#))
        #expect(text.contains(#"{"key":"count","value":{"intValue":"99"}},{"key":"ok","value":{"boolValue":true}}"#))
        #expect(text.ranges(of: #"{"key":"password","value":{"stringValue":"‹password:"#).count == 100)
        #expect(text.contains(#"{"key":"service.name","value":{"stringValue":"shop"}}"#))
    }

    @Test("what a wrong request, a connection in no format and a wrong file are told")
    func refusals() async throws {
        let path = self.folder.path
        let port = try freePort()
        let process = try await self.start(
            """
            version: 1
            spool: {folder: \(path)/spool}
            telemetry: 127.0.0.1:\(try freePort())
            inputs:
              otlp: {kind: otlp, listen: 127.0.0.1:\(port)}
              journal: {kind: journald, socket: \(path)/journal.stream}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
            """)
        func post(
            _ body: String, _ more: [String] = [], type: String = "application/json"
        ) async throws -> LoopbackHTTP {
            try await LoopbackHTTP.get(
                port, "/v1/logs", more: ["--data-binary", body, "-H", "content-type: \(type)"] + more)
        }
        let wrong = try await post("anna.canary@example.com")
        #expect(wrong.status == 400 && wrong.body.hasPrefix(#"{"code":3,"message":""#) && !wrong.body.contains("anna"))
        #expect(try await post("{}").status == 200)
        #expect(try await post("{}", type: "text/plain").status == 415)
        #expect(try await LoopbackHTTP.get(port, "/v1/logs").status == 405)
        #expect(try await LoopbackHTTP.get(port, "/v1/traces").status == 404)
        try self.folder.write("large", String(repeating: " ", count: 5 << 20))
        #expect(try await post("@\(path)/large", ["-H", "expect:"]).status == 413)
        _ = try await self.python(
            """
            import socket, sys
            bad = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); bad.connect(sys.argv[1])
            good = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); good.connect(sys.argv[1])
            good.sendall(b"MESSAGE=one\\n")
            bad.sendall(b"anna.canary@example.com=1\\n\\n")
            assert bad.recv(1) == b""
            good.sendall(b"\\nMESSAGE=two\\n\\n"); good.close()
            """, ["\(path)/journal.stream"])
        try await eventually { self.text("out.text") == "one\ntwo\n" }
        let result = await process.stop()
        #expect(result.status == 0 && result.errors.contains("isn't one") && !result.errors.contains("anna"))

        let file = try self.folder.write(
            "wrong.yaml", "version: 1\nspool: {folder: x}\ninputs: {a: {kind: syslog, upd: b}}")
        let refused = try await self.ada.glovebox(["redact", "serve", "--config", file])
        #expect(
            refused.status == 1 && refused.errors.contains("wrong.yaml:3:28: unknown key 'upd': did you mean 'udp'?"))
    }
}
