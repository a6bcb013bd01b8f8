import HTTPProxy
import HTTPWire
import TestSupport
import Testing

@Suite("Forwarding", .timeLimit(.minutes(1)))
struct ForwardingTests {
    @Test("a request goes through to the upstream and its response comes back")
    func through() async throws {
        let upstream = try await TestUpstream.start { .ok("you sent \($0.body) to \($0.target)", "X-Up: 1\r\n") }
        try await withProxy(upstream) { proxy async throws in
            let answer = try await proxy.exchange(
                "POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nX-Up: 1\r\n"))
            #expect(answer.contains("\r\nConnection: close\r\n") && answer.contains("\r\nVia: 1.1 glovebox\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nyou sent hello to /a?b=c"))
            let event = try #require(try await proxy.log.first(1).first)
            #expect(event.status == 200 && event.method == "POST" && event.target == "/a?b=c" && event.attempts == 1)
            #expect(event.route == "all" && event.service == "web" && event.serviceVersion == "v1" && event.epoch == 1)
            #expect(event.requestBytes == 5 && event.responseBytes == 24 && event.client == "127.0.0.1")
            let counters = await proxy.server.counters()
            #expect(counters.requests[.init("web", "v1", isMarked: false)]?.byClass == [0, 0, 1, 0, 0, 0])
            #expect(counters.activeRequests == 0 && counters.upstreamConnects == 1)
        }
    }

    @Test("what ends at a hop ends here, and who asked is said anew")
    func hopByHop() async throws {
        let upstream = try await TestUpstream.start { _ in
            .ok("", "Connection: X-Up, keep-alive\r\nX-Up: 1\r\nKeep-Alive: timeout=5\r\nX-Stays: 2\r\n")
        }
        try await withProxy(upstream) { proxy async throws in
            let answer = try await proxy.get(
                "/",
                "Connection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Real-IP: 6.6.6.6\r\n"
                    + "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n"
                    + "X-Forwarded-Host: evil\r\nProxy-Authorization: x\r\nX-Stays: 1\r\n")
            #expect(!answer.contains("X-Up:") && !answer.contains("Keep-Alive") && answer.contains("X-Stays: 2"))
            let request = try #require(upstream.requests.first)
            for gone in ["Connection", "X-Mine", "Keep-Alive", "TE", "Upgrade", "X-Real-IP", "Proxy-Authorization"] {
                #expect(request.fields(gone).isEmpty, "\(gone)")
            }
            #expect(request.fields("X-Stays") == ["1"])
            #expect(request.fields("X-Forwarded-For") == ["127.0.0.1"])
            #expect(request.fields("X-Forwarded-Proto") == ["http"])
            #expect(request.fields("X-Forwarded-Host") == ["a.example"])
            #expect(request.fields("Forwarded") == [#"for=127.0.0.1;proto=http;host="a.example""#])
            #expect(request.fields("Via") == ["1.1 glovebox"])
            #expect(request.fields("Host") == ["a.example"])
        }
    }

    @Test("a trusted peer's word about the client is added to")
    func trusted() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("") }
        try await withProxy(
            upstream, settings: .testing { $0.trusted = [AddressRange("127.0.0.0/8")].compactMap(\.self) }
        ) { proxy async throws in
            _ = try await proxy.get(
                "/",
                "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\n"
                    + "Forwarded: for=1.1.1.1\r\n")
            let request = try #require(upstream.requests.first)
            #expect(request.fields("X-Forwarded-For") == ["1.1.1.1, 2.2.2.2, 127.0.0.1"])
            #expect(request.fields("X-Forwarded-Proto") == ["https"])
            #expect(request.fields("Forwarded").count == 2)
        }
    }

    @Test("requests on one connection are served one at a time, in order, over one upstream connection")
    func pipelining() async throws {
        let upstream = try await TestUpstream.start { .ok($0.target) }
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            let requests = (1...20).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
            try await peer.send(requests + "GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            try await peer.waitUntilClosed()
            let bodies = peer.text.split(separator: "HTTP/1.1 200 OK").map { $0.split(separator: "\r\n\r\n").last }
            #expect(bodies == (1...20).map { "/\($0)" } + ["/end"])
            #expect(upstream.connections.count == 1 && upstream.requests.count == 21)
        }
    }

    @Test("a request that comes byte by byte is the same request")
    func dripping() async throws {
        let upstream = try await TestUpstream.start { .ok("\($0.target) \($0.body)") }
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            let text =
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                + "3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nX-Trailer: 1\r\n\r\n"
            for character in text.unicodeScalars { try await peer.send(String(character)) }
            try await peer.waitUntilClosed()
            #expect(peer.text.hasSuffix("/x abcd"))
            let request = try #require(upstream.requests.first)
            #expect(request.field("Transfer-Encoding") == "chunked" && request.field("X-Trailer") == nil)
        }
    }

    @Test("bodies are framed for the client that asked", arguments: ["1.1", "1.0"])
    func framing(_ version: String) async throws {
        let upstream = try await TestUpstream.start { request in
            switch request.target {
            case "/chunked":
                .send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
                )
            case "/close": .sendAndClose("HTTP/1.1 200 OK\r\n\r\nabcde")
            case "/none": .send("HTTP/1.1 204 No Content\r\n\r\n")
            default: .ok("abcde")
            }
        }
        try await withProxy(upstream) { proxy async throws in
            func get(_ path: String) async throws -> String {
                try await proxy.exchange("GET \(path) HTTP/\(version)\r\nHost: a\r\nConnection: close\r\n\r\n")
            }
            let isOld = version == "1.0"
            let chunked = try await get("/chunked")
            #expect(chunked.hasSuffix(isOld ? "\r\n\r\nabcde" : "\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"))
            #expect(chunked.contains("Transfer-Encoding") != isOld)
            #expect(try await get("/close").hasSuffix(isOld ? "\r\n\r\nabcde" : "\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"))
            #expect(try await get("/none").hasPrefix("HTTP/1.1 204 No Content\r\nConnection: close"))
            #expect(
                try await get("/").hasSuffix("Content-Length: 5\r\nConnection: close\r\nVia: 1.1 glovebox\r\n\r\nabcde")
            )
        }
    }

    @Test("HEAD and 304 tell of a body that isn't there, and the connection goes on")
    func bodyless() async throws {
        let upstream = try await TestUpstream.start { request in
            request.head.hasPrefix("HEAD")
                ? .send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
                : request.target == "/304"
                    ? .send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n") : .ok("end")
        }
        try await withProxy(upstream) { proxy async throws in
            let answer = try await proxy.exchange(
                "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /304 HTTP/1.1\r\nHost: a\r\n\r\n"
                    + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.contains("Content-Length: 5\r\n") && answer.contains("Content-Length: 7\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nend") && upstream.connections.count == 1)
        }
    }

    @Test("HTTP/1.0 keeps its connection where it asks to")
    func oldKeepAlive() async throws {
        let upstream = try await TestUpstream.start { .ok($0.target) }
        try await withProxy(upstream) { proxy async throws in
            let answer = try await proxy.exchange(
                "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n")
            #expect(answer.contains("Connection: keep-alive\r\n") && answer.contains("/1HTTP/1.1 200"))
            #expect(answer.hasSuffix("/2"))
            #expect(upstream.requests.first?.field("Host") == "web")
        }
    }

    @Test("an upstream's interim answers reach the client, and the body waits for them")
    func interim() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "Expect: 100-continue\r\n")
            try await behind.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
            try await peer.wait(for: "103 Early Hints\r\nLink: a")
            try await peer.send("hello")
            try await behind.wait(for: "\r\n\r\nhello")
            try await behind.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            try await peer.wait(for: "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n")
        }
    }

    @Test("an upstream that answers before the body has come ends both connections behind its answer")
    func early() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nbegin")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "begin")
            try await behind.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
            try await peer.waitUntilClosed()
            #expect(peer.text.contains("Connection: close\r\n") && peer.text.hasSuffix("\r\n\r\nno"))
            try await behind.waitUntilClosed()
        }
    }

    @Test("what an upstream sends unasked answers nobody's request")
    func unasked() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            let first = try await upstream.connection(1)
            try await first.wait(for: "GET /1")
            let ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
            try await first.send("\(ok)1\(ok)X")
            try await peer.wait(for: "\r\n\r\n1")
            try await first.waitUntilClosed()
            try await peer.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            let second = try await upstream.connection(2)
            try await second.wait(for: "GET /2")
            try await second.send("\(ok)2")
            try await peer.wait(for: "\r\n\r\n2")
            #expect(!peer.text.contains("X"))
        }
    }

    @Test("a body with a method that has no use for one isn't followed by another request")
    func oddBody() async throws {
        let upstream = try await TestUpstream.start { .ok($0.target) }
        try await withProxy(upstream) { proxy async throws in
            _ = try await proxy.exchange(
                "GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            #expect(upstream.requests.map(\.connection) == [1, 2])
        }
    }

    @Test("WebSocket: behind 101 bytes pass both ways as they come")
    func upgrade() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send(
                "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly"
            )
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "Connection: Upgrade\r\nUpgrade: websocket\r\n")
            #expect(!behind.text.contains("early"))
            try await behind.send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhi"
            )
            try await peer.wait { text, _ in text.hasSuffix("\r\n\r\nhi") }
            #expect(peer.text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n"))
            try await behind.wait { text, _ in text.hasSuffix("\r\n\r\nearly") }
            try await peer.send("more")
            try await behind.wait(for: "earlymore")
            try await behind.close()
            try await peer.waitUntilClosed()
            #expect(try await proxy.log.first(1).first?.status == 101)
        }
    }

    @Test("a protocol that nobody asked for isn't switched to, and only WebSocket may be asked for")
    func upgradeUnasked() async throws {
        let upstream = try await TestUpstream.start { _ in
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nsmuggled")
        }
        try await withProxy(upstream) { proxy async throws in
            let answer = try await proxy.get(
                "/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 502 Bad Gateway\r\n") && answer.contains("upstream_invalid"))
            #expect(
                upstream.requests.first?.field("Upgrade") == nil
                    && upstream.requests.first?.field("HTTP2-Settings") == nil)
        }
    }

    @Test("events of a stream reach the client as they come")
    func events() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "\r\n\r\n")
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            try await peer.wait(for: "text/event-stream")
            for number in 1...5 {
                try await behind.send("data: \(number)\n\n")
                try await peer.wait(for: "data: \(number)\n\n")
            }
            try await behind.close()
            try await peer.wait { text, _ in text.hasSuffix("0\r\n\r\n") }
        }
    }
}
