import HTTPProxy
import HTTPWire
import NIOCore
import NIOHPACK
import NIOSSL
import TestSupport
import Testing

@Suite("HTTP/2", .timeLimit(.minutes(1)))
struct HTTP2Tests {
    /// A proxy with TLS, and the folder with its certificate.
    private func withTLS(
        _ upstream: TestUpstream, settings: ProxySettings = .testing { _ in },
        _ body: (TestProxy) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        try await Subprocess.check([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", folder.file("key.pem"),
            "-out", folder.file("cert.pem"),
        ])
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(folder.file("cert.pem")).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: folder.file("key.pem"), format: .pem)))
        configuration.applicationProtocols = ["h2", "http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        var settings = settings
        settings.listeners = [ProxyListener(host: "127.0.0.1", port: 0, tls: { context })]
        try await withProxy(upstream, settings: settings) { proxy async throws in try await body(proxy) }
    }

    private func curl(_ proxy: TestProxy, _ path: String, _ more: [String] = []) async throws -> Subprocess.Result {
        try await Subprocess.run(
            ["curl", "--silent", "--show-error", "--insecure", "--include", "--max-time", "20"] + more + [
                "--resolve", "localhost:\(proxy.port):127.0.0.1", "https://localhost:\(proxy.port)\(path)",
            ])
    }

    @Test("curl speaks both versions over TLS, and the upstream sees the same request", arguments: ["2", "1.1"])
    func curl(_ version: String) async throws {
        let upstream = try await TestUpstream.start {
            .send(
                "HTTP/1.1 200 OK\r\nConnection: x-up\r\nX-Up: 1\r\nX-Body: \($0.body)\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
        }
        try await self.withTLS(upstream) { proxy async throws in
            let result = try await self.curl(
                proxy, "/a?b", ["--http\(version)", "--data", "sent", "--cookie", "a=1; b=2", "--header", "X-Mine: 1"])
            #expect(result.succeeded, "\(result.errors)")
            #expect(result.output.hasPrefix("HTTP/\(version) 200") && result.output.contains("hello"))
            #expect(result.output.lowercased().contains("x-body: sent") && !result.output.lowercased().contains("x-up"))
            let request = try #require(upstream.requests.first)
            #expect(request.target == "/a?b" && request.body == "sent" && request.field("X-Mine") == "1")
            #expect(request.field("Host") == "localhost:\(proxy.port)" && request.field("Cookie") == "a=1; b=2")
            #expect(request.field("X-Forwarded-Proto") == "https" && request.fields("Content-Length") == ["4"])
            #expect(try await proxy.log.first(1).first?.version == (version == "2" ? "HTTP/2" : "HTTP/1.1"))
        }
    }

    @Test("large bodies pass both ways over streams side by side")
    func large() async throws {
        let body = String(repeating: "0123456789abcdef", count: 1 << 16)
        let upstream = try await TestUpstream.start { .ok("\($0.body.utf8.count)" + body) }
        try await self.withTLS(upstream) { proxy async throws in
            try await withThrowingTaskGroup(of: Subprocess.Result.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await Subprocess.run(
                            [
                                "curl", "--silent", "--insecure", "--http2", "--data-binary", "@-", "--parallel",
                                "--max-time",
                                "20", "https://127.0.0.1:\(proxy.port)/1", "https://127.0.0.1:\(proxy.port)/2",
                            ],
                            input: .text(body))
                    }
                }
                for try await result in group {
                    #expect(result.succeeded && result.output.utf8.count >= body.utf8.count)
                }
            }
            #expect(upstream.requests.allSatisfy { $0.body.utf8.count == body.utf8.count || $0.body.isEmpty })
        }
    }

    @Test(
        "streams, one after another, use one upstream connection, and none of them is taken for one that was given up")
    func reuse() async throws {
        let upstream = try await TestUpstream.start { .ok($0.target) }
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            for number in 0..<20 {
                try await peer.request(
                    [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/\(number)")],
                    stream: 1 + 2 * number)
                try await peer.waitForEnd(of: 1 + 2 * number)
            }
            #expect(upstream.requests.map(\.target) == (0..<20).map { "/\($0)" })
            #expect(upstream.connections.count == 1)
            #expect(try await proxy.log.first(20).allSatisfy { $0.refusal == nil && $0.status == 200 })
        }
    }

    @Test("what's refused over HTTP/1 is refused over HTTP/2, and the connection goes on")
    func refused() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("ok") }
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            let usual = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
            func with(_ name: String, _ value: String) -> [(String, String)] {
                usual.map { $0.0 == name ? (name, value) : $0 }
                    + (usual.contains { $0.0 == name } ? [] : [(name, value)])
            }
            // `nil`: nio-http2 resets the stream before it's a request.
            let cases: [([(String, String)], String?)] = [
                (with(":path", "/a b"), nil), (with(":path", "/../a"), "400"), (with(":path", "http://b/"), "400"),
                (with(":authority", "a/b"), "400"), (with("host", "b"), "400"), (with(":scheme", "ftp"), "400"),
                (with(":method", "TRACE"), "501"), (with("x-control", "a\u{1}b"), "400"), (usual, "200"),
            ]
            for (index, (headers, status)) in cases.enumerated() {
                try await peer.request(headers, stream: 1 + 2 * index)
                try await peer.waitForEnd(of: 1 + 2 * index)
                #expect(try await peer.status(of: 1 + 2 * index) == status, "\(headers)")
            }
            #expect(upstream.requests.count == 1)
        }
    }

    @Test(
        "a head that RFC 9113 calls malformed reaches no upstream",
        arguments: [
            [("connection", "close")], [("transfer-encoding", "chunked")], [("upgrade", "websocket")],
            [("keep-alive", "1")], [("proxy-connection", "x")], [("te", "gzip")], [("X-Upper", "1")],
            [(":path", "/twice")], [(":unknown", "1")], [("x", "a\r\nsmuggled: 1")], [("x", "a\nb")],
            [("x", "a\u{0}b")],
            [("a b", "1")], [("content-length", "5")], [("", "1")],
        ] as [[(String, String)]])
    func malformed(_ more: [(String, String)]) async throws {
        let upstream = try await TestUpstream.start { _ in .ok("ok") }
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            try await peer.request(
                [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")] + more, stream: 1)
            // Its stream is reset, or the connection ends.
            try await peer.waitForEnd(of: 1)
            #expect(upstream.requests.isEmpty)
        }
    }

    @Test("floods end their connection, with bounded work, and others go on", arguments: HTTP2Flood.allCases)
    func floods(_ flood: HTTP2Flood) async throws {
        let upstream = try await TestUpstream.start { $0.target == "/ok" ? .ok("ok") : .nothing }
        try await self.withTLS(upstream) { proxy async throws in
            let before = try ResidentMemory.megabytes()
            let peer = try await HTTP2Peer.connect(proxy.port)
            var sent = 0
            while !peer.raw.isClosed, sent < 20_000 {
                // What's behind the end isn't sent any more.
                guard (try? await peer.send(flood, sent)) != nil else { break }
                sent += 1
            }
            try await peer.raw.waitUntilClosed()
            #expect(sent < 20_000)
            #expect(try ResidentMemory.megabytes() - before < 64)
            #expect(upstream.requests.count <= 400)
            let result = try await self.curl(proxy, "/ok", ["--http2"])
            #expect(result.output.hasSuffix("ok"))
        }
    }

    @Test("an upload that an upstream answers early is stopped, and the connection serves the next request")
    func earlyAnswer() async throws {
        let upstream = try await TestUpstream.start()
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            try await peer.request(
                [(":method", "PUT"), (":scheme", "https"), (":authority", "a"), (":path", "/")], stream: 1,
                endsStream: false)
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "\r\n\r\n")
            #expect(behind.text.contains("Transfer-Encoding: chunked\r\n"))
            try await behind.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            #expect(try await peer.status(of: 1) == "401")
            try await peer.waitForEnd(of: 1)
            try await behind.waitUntilClosed()
            try await peer.request(
                [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/2")], stream: 3)
            let next = try await upstream.connection(2)
            try await next.wait(for: "GET /2")
        }
    }

    @Test("a client that resets its stream takes the request with it")
    func reset() async throws {
        let upstream = try await TestUpstream.start()
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            try await peer.request(
                [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")], stream: 1)
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            try await peer.frame(type: 3, flags: 0, stream: 1, [0, 0, 0, 8])
            try await behind.waitUntilClosed()
            try await eventually { proxy.log.all.first?.refusal == "client_gone" }
        }
    }

    @Test("a stop says goodbye, and answers what it has taken")
    func stop() async throws {
        let upstream = try await TestUpstream.start()
        try await self.withTLS(upstream) { proxy async throws in
            let peer = try await HTTP2Peer.connect(proxy.port)
            try await peer.request(
                [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")], stream: 1)
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            async let stopped: Void = proxy.server.stop(within: .seconds(20))
            try await peer.wait { $0.contains { $0.type == 7 } }
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            #expect(try await peer.status(of: 1) == "200")
            await stopped
            try await peer.raw.waitUntilClosed()
        }
    }

    @Test("a handshake that doesn't go on is given up")
    func slowHandshake() async throws {
        let upstream = try await TestUpstream.start()
        try await self.withTLS(upstream, settings: .testing { $0.timeouts.head = .milliseconds(200) }) {
            proxy async throws in
            let silent = try await RawPeer.connect(proxy.port)
            try await silent.send("\u{16}\u{3}\u{1}")
            try await silent.waitUntilClosed()
        }
    }
}
