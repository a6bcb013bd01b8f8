import HTTPProxy
import HTTPWire
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite("Failures", .timeLimit(.minutes(1)))
struct FailureTests {
    @Test("what could be read in two ways never reaches an upstream, and the connection ends")
    func smuggling() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("") }
        try await withProxy(upstream) { proxy async throws in
            for (text, status) in [
                (
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
                    400
                ),
                ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: a\n\n", 400), ("GET /\r\n\r\n", 400),
                ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501), ("GET / HTTP/3.0\r\n\r\n", 505),
                ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\n", 414),
                ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 40_000))", 431),
                ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", 417),
                ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
            ] {
                let answer = try await proxy.exchange(text)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(text.prefix(40)): \(answer.prefix(100))")
                #expect(answer.contains("Connection: close\r\n"))
            }
            #expect(upstream.requests.isEmpty)
        }
    }

    @Test("a chunked body that breaks off midway is cut off, not completed")
    func brokenChunk() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "3\r\nabc\r\n")
            try await peer.send("3\r\nabcd")
            try await peer.waitUntilClosed()
            #expect(peer.text.hasPrefix("HTTP/1.1 400 Bad Request\r\n") && peer.text.contains("chunk_invalid"))
            try await behind.waitUntilClosed()
            #expect(!behind.text.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test("a body without a length of its own ends at the limit")
    func bodyLimit() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream, settings: .testing { $0.limits.body = 10 }) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "12345678")
            try await peer.send("8\r\n12345678\r\n")
            try await peer.waitUntilClosed()
            #expect(peer.text.hasPrefix("HTTP/1.1 413 "))
            try await behind.waitUntilClosed()
        }
    }

    @Test("a route that isn't there, and an upstream that isn't, are told apart")
    func nothingThere() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("") }
        let port = try freePort()
        let routes = ProxyRoutes(
            routes: [
                ProxyRoute("gone", path: .prefix("/gone"), service: "gone"),
                ProxyRoute("empty", path: .prefix("/empty"), service: "empty"),
            ],
            services: [
                ProxyService(
                    "gone", versions: [ProxyVersion("v1", weight: 1, endpoints: [UpstreamAddress("127.0.0.1", port)])]),
                ProxyService("empty", versions: [ProxyVersion("v1", weight: 0, endpoints: [upstream.address])]),
            ])
        try await withProxy(upstream, routes: routes) { proxy async throws in
            #expect(try await proxy.get("/other").hasPrefix("HTTP/1.1 404 "))
            #expect(try await proxy.get("/gone").hasPrefix("HTTP/1.1 502 "))
            // A version without a share is a candidate: nobody ordinary gets there.
            #expect(try await proxy.get("/empty").hasPrefix("HTTP/1.1 503 "))
            #expect(try await proxy.log.first(3).map(\.refusal) == ["no_route", "upstream_unreachable", "no_upstream"])
            #expect(upstream.requests.isEmpty)
        }
    }

    @Test("a safe request goes to another upstream when the first doesn't answer; one that isn't safe doesn't")
    func retries() async throws {
        let bad = try await TestUpstream.start { _ in .close }
        let good = try await TestUpstream.start { .ok("good \($0.body)") }
        try await withProxy(bad, good) { proxy async throws in
            var posted = (answered: 0, failed: 0)
            for _ in 0..<20 {
                #expect(try await proxy.get().hasSuffix("good "))
                let answer = try await proxy.exchange(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
                if answer.hasSuffix("good x") { posted.answered += 1 } else { posted.failed += 1 }
                #expect(answer.hasSuffix("good x") || answer.hasPrefix("HTTP/1.1 502 "))
            }
            // Each was sent once and no more.
            let bodies = (bad.requests + good.requests).count { $0.body == "x" }
            #expect(bodies == 20 && posted.failed == bad.requests.count { $0.body == "x" })
            #expect(await proxy.server.counters().retries == UInt64(bad.requests.count { $0.body.isEmpty }))
        }
    }

    @Test("a kept connection that the upstream has closed costs a safe request nothing")
    func staleConnection() async throws {
        let upstream = try await TestUpstream.start { $0.number == 1 ? .ok("one") : .close }
        try await withProxy(upstream) { proxy async throws in
            for _ in 0..<10 { #expect(try await proxy.get().hasSuffix("one")) }
        }
    }

    @Test("retries end: a request that no upstream answers fails, and is sent no more often than the rule says")
    func retriesEnd() async throws {
        let bad = try await TestUpstream.start { _ in .close }
        try await withProxy(bad, settings: .testing { $0.retries.attempts = 2 }) { proxy async throws in
            #expect(try await proxy.get().hasPrefix("HTTP/1.1 502 "))
            #expect(bad.requests.count == 3)
        }
    }

    @Test("an upstream that dies within a response leaves the client no whole one", arguments: [true, false])
    func diesMidway(_ isChunked: Bool) async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            try await behind.send(
                isChunked
                    ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            try await peer.wait(for: "half")
            try await behind.reset()
            try await peer.waitUntilClosed()
            #expect(!peer.text.hasSuffix("0\r\n\r\n") && peer.text.hasSuffix(isChunked ? "half\r\n" : "half"))
            #expect(try await proxy.log.first(1).first?.refusal == "upstream_closed")
        }
    }

    @Test("an upstream's answer that can't be passed on is refused")
    func invalidAnswer() async throws {
        let upstream = try await TestUpstream.start { request in
            request.target == "/both"
                ? .send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                : .send("HTTP/1.1 200 OK\nContent-Length: 1\n\nx")
        }
        try await withProxy(upstream) { proxy async throws in
            #expect(try await proxy.get("/both").hasPrefix("HTTP/1.1 502 "))
            #expect(try await proxy.get("/bare").hasPrefix("HTTP/1.1 502 "))
        }
    }

    @Test("a client that goes takes its request with it")
    func clientGone() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            try await peer.close()
            try await behind.waitUntilClosed()
            try await eventually { proxy.log.all.first?.refusal == "client_gone" }
        }
    }

    @Test("a head that doesn't come, or comes too slowly, is given up")
    func slowHead() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("") }
        try await withProxy(upstream, settings: .testing { $0.timeouts.head = .milliseconds(300) }) {
            proxy async throws in
            let silent = try await RawPeer.connect(proxy.port)
            let slow = try await RawPeer.connect(proxy.port)
            try await slow.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            // Whatever it drips, the whole head has one deadline.
            while !slow.isClosed {
                try? await slow.send("x")
                try await ContinuousClock().sleep(for: .milliseconds(20))
            }
            #expect(slow.text.hasPrefix("HTTP/1.1 408 "))
            try await silent.waitUntilClosed()
            #expect(silent.text.isEmpty && upstream.requests.isEmpty)
        }
    }

    @Test("a body that stops coming is given up")
    func slowBody() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream, settings: .testing { $0.timeouts.body = .milliseconds(300) }) {
            proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            let behind = try await upstream.connection(1)
            try await peer.waitUntilClosed()
            #expect(peer.text.hasPrefix("HTTP/1.1 408 "))
            try await behind.waitUntilClosed()
        }
    }

    @Test("an upstream that doesn't answer is given up, and so is one that stops midway")
    func slowUpstream() async throws {
        let upstream = try await TestUpstream.start { request in
            request.target == "/half" ? .send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf") : .nothing
        }
        try await withProxy(
            upstream,
            settings: .testing {
                $0.timeouts.response = .milliseconds(300)
                $0.timeouts.stream = .milliseconds(300)
            }
        ) { proxy async throws in
            #expect(try await proxy.get("/never").hasPrefix("HTTP/1.1 504 "))
            #expect(try await proxy.get("/half").hasSuffix("half"))
            #expect(try await proxy.log.first(2).map(\.refusal) == ["upstream_timed_out", "upstream_timed_out"])
            // A request whose answer may still come isn't sent twice.
            #expect(upstream.requests.count == 2)
        }
    }

    @Test("connections above the limit are closed, those below go on")
    func connectionLimit() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("here") }
        try await withProxy(upstream, settings: .testing { $0.limits.connections = 2 }) { proxy async throws in
            let one = try await RawPeer.connect(proxy.port)
            let two = try await RawPeer.connect(proxy.port)
            for peer in [one, two] {
                try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await peer.wait(for: "here")
            }
            let three = try await RawPeer.connect(proxy.port)
            try await three.waitUntilClosed()
            #expect(three.text.isEmpty)
            try await one.close()
            try await eventually { await proxy.server.counters().activeConnections == 1 }
            #expect(try await proxy.get().hasSuffix("here"))
            #expect(await proxy.server.counters().refusedConnections == 1)
        }
    }

    @Test("a client that takes no answers is asked for no more requests")
    func takesNothing() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream, routes: ProxyRoutes()) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port, reading: false)
            // Each is answered by the proxy itself, with more bytes than it has.
            let requests = ByteBuffer(
                string: String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 30_000))
            let before = try ResidentMemory.megabytes()
            let written = Atomic(0)
            let writing = Task {
                for _ in 0..<60 {
                    try await peer.channel.writeAndFlush(requests)
                    written.add(1, ordering: .relaxed)
                }
            }
            var last = -1
            try await eventually {
                defer { last = written.load(ordering: .relaxed) }
                if written.load(ordering: .relaxed) == last {
                    try await ContinuousClock().sleep(for: .milliseconds(300))
                }
                return written.load(ordering: .relaxed) == last
            }
            #expect(written.load(ordering: .relaxed) < 30)
            #expect(try ResidentMemory.megabytes() - before < 48)
            writing.cancel()
            try await peer.close()
        }
    }

    @Test("requests above the limit are refused, and those below go on")
    func requestLimit() async throws {
        let upstream = try await TestUpstream.start()
        // One for each event loop.
        try await withProxy(upstream, settings: .testing { $0.limits.requests = 1 }) { proxy async throws in
            var (answers, peers) = (0, [RawPeer]())
            while answers == 0, peers.count < 200 {
                let peer = try await RawPeer.connect(proxy.port)
                try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                peers.append(peer)
                try await eventually { !peer.text.isEmpty || upstream.connections.count >= peers.count }
                answers += peer.text.isEmpty ? 0 : 1
            }
            #expect(
                peers.last?.text.hasPrefix("HTTP/1.1 503 ") == true && peers.last?.text.contains("overloaded") == true)
            #expect(upstream.connections.count == peers.count - 1)
        }
    }

    @Test("a kept upstream connection is given up before the upstream says that it will be")
    func keepAliveHint() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("", "Keep-Alive: timeout=1, max=9\r\n") }
        try await withProxy(upstream) { proxy async throws in
            _ = try await proxy.get()
            let behind = try await upstream.connection(1)
            try await eventually { !behind.channel.isActive }
            _ = try await proxy.get()
            #expect(upstream.connections.count == 2)
        }
    }

    @Test("an upstream that keeps failing gets no requests for a while")
    func ejection() async throws {
        let bad = try await TestUpstream.start { _ in .close }
        let good = try await TestUpstream.start { _ in .ok("good") }
        try await withProxy(bad, good) { proxy async throws in
            for _ in 0..<60 { #expect(try await proxy.get().hasSuffix("good")) }
            #expect(await proxy.server.counters().ejections >= 1)
            #expect(proxy.server.endpoints.map(\.isEjected) == [true, false])
            // Event loops judge together, so a few may be under way when the judgement falls.
            #expect(bad.requests.count < 20)
        }
    }
}
