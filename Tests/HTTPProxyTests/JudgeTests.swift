import HTTPProxy
import HTTPWire
import NIOCore
import Synchronization
import TestSupport
import Testing

/// Takes `baggage: mark=…` for a mark when it's `good`, and strips any other.
private final class TestJudge: RequestJudge {
    let asked = Atomic(0)
    private let version: String?

    init(version: String? = "v2") {
        self.version = version
    }

    func judge(_ request: borrowing RequestView) -> RequestVerdict {
        self.asked.add(1, ordering: .relaxed)
        var values: [String] = []
        request.withValues(of: .baggage) { values.append(String(decoding: $0, as: UTF8.self)) }
        guard values.contains(where: { $0.hasPrefix("mark=") }) else { return .ordinary }
        guard values == ["mark=good"] else {
            return .edited(HeadEdit(removed: ["baggage"], added: [.init("baggage", "kept=1")]))
        }
        let edit = HeadEdit(
            removed: ["baggage"],
            added: [
                .init("baggage", "inner=\(request.method) \(request.path) \(request.host) \(request.route)"),
                .init("X-Evil", "a\r\nX-Injected: b"),
            ])
        return .marked(RequestMark(edit: edit, version: self.version, label: "run-1"))
    }
}

@Suite("Marked requests", .timeLimit(.minutes(1)))
struct JudgeTests {
    private static func routes(_ primary: TestUpstream, _ candidate: TestUpstream) -> ProxyRoutes {
        ProxyRoutes(
            routes: [ProxyRoute("all", service: "web")],
            services: [
                ProxyService(
                    "web",
                    versions: [
                        ProxyVersion("v1", weight: 1, endpoints: [primary.address]),
                        ProxyVersion("v2", weight: 0, endpoints: [candidate.address]),
                    ])
            ])
    }

    @Test("a marked request reaches the candidate with another head, and its answer isn't to be kept")
    func marked() async throws {
        let primary = try await TestUpstream.start { _ in .ok("primary", "Cache-Control: public\r\n") }
        let candidate = try await TestUpstream.start { _ in .ok("candidate", "Cache-Control: public\r\n") }
        let judge = TestJudge()
        try await withProxy(primary, candidate, routes: Self.routes(primary, candidate), judge: judge) {
            proxy async throws in
            let marked = try await proxy.get("/a%62", "Baggage: mark=good\r\n")
            #expect(marked.hasSuffix("candidate") && marked.contains("Cache-Control: no-store\r\n"))
            #expect(!marked.contains("public"))
            let request = try #require(candidate.requests.first)
            #expect(request.fields("baggage") == ["inner=GET /ab a.example all"])
            // A field that would make two isn't written.
            #expect(request.field("X-Evil") == nil && request.field("X-Injected") == nil)
            let ordinary = try await proxy.get("/")
            #expect(ordinary.hasSuffix("primary") && ordinary.contains("Cache-Control: public\r\n"))
            #expect(judge.asked.load(ordering: .relaxed) == 1)
            #expect(try await proxy.log.first(2).map(\.mark) == ["run-1", nil])
            let counters = await proxy.server.counters()
            #expect(counters.requests[.init("web", "v2", isMarked: true)]?.byClass[2] == 1)
            #expect(counters.requests[.init("web", "v1", isMarked: false)]?.byClass[2] == 1)
        }
    }

    @Test(
        "a false mark is stripped, and its request is an ordinary user's",
        arguments: ["Baggage: mark=bad\r\n", "Baggage: mark=good\r\nbaggage: mark=good\r\n", "baggage: mark=\r\n"])
    func stripped(_ fields: String) async throws {
        let primary = try await TestUpstream.start { _ in .ok("primary") }
        let candidate = try await TestUpstream.start { _ in .ok("candidate") }
        try await withProxy(primary, candidate, routes: Self.routes(primary, candidate), judge: TestJudge()) {
            proxy async throws in
            let answer = try await proxy.get("/", fields)
            #expect(answer.hasSuffix("primary") && !answer.contains("no-store"))
            #expect(primary.requests.first?.fields("baggage") == ["kept=1"])
            #expect(candidate.requests.isEmpty)
            let event = try #require(try await proxy.log.first(1).first)
            #expect(event.mark == nil)
        }
    }

    @Test("a version that isn't known here serves no marked request in another's place")
    func unknownVersion() async throws {
        let primary = try await TestUpstream.start { _ in .ok("primary") }
        let candidate = try await TestUpstream.start { _ in .ok("candidate") }
        try await withProxy(
            primary, candidate, routes: Self.routes(primary, candidate), judge: TestJudge(version: "v9")
        ) { proxy async throws in
            #expect(try await proxy.get("/", "baggage: mark=good\r\n").hasPrefix("HTTP/1.1 503 "))
            #expect(primary.requests.isEmpty && candidate.requests.isEmpty)
        }
    }

    @Test("marked requests have connections and a cap of their own")
    func cap() async throws {
        let primary = try await TestUpstream.start { _ in .ok("primary") }
        let candidate = try await TestUpstream.start()
        var settings = ProxySettings.testing { $0.limits.markedRequests = 2 }
        settings.timeouts.response = .seconds(20)
        // The same version for both kinds: its connections still aren't shared.
        try await withProxy(
            primary, candidate, routes: Self.routes(primary, candidate), judge: TestJudge(), settings: settings
        ) { proxy async throws in
            let marked = "GET / HTTP/1.1\r\nHost: a\r\nbaggage: mark=good\r\n\r\n"
            let (one, two) = (try await RawPeer.connect(proxy.port), try await RawPeer.connect(proxy.port))
            try await one.send(marked)
            try await two.send(marked)
            let behind = [try await candidate.connection(1), try await candidate.connection(2)]
            let third = try await proxy.get("/", "baggage: mark=good\r\n")
            #expect(
                third.hasPrefix("HTTP/1.1 503 ") && third.contains("tests_busy") && third.contains("Retry-After: 1"))
            #expect(try await proxy.get().hasSuffix("primary"))
            for peer in behind { try await peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") }
            try await one.wait(for: "\r\n\r\nok")
            try await two.wait(for: "\r\n\r\nok")
            // What was freed can be taken again.
            try await one.send(marked)
            try await eventually {
                behind.contains { $0.text.ranges(of: "GET /").count > 1 } || candidate.connections.count > 2
            }
        }
    }

    @Test("an ordinary and a marked request to one endpoint don't share a connection")
    func pools() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("ok") }
        try await withProxy(upstream, judge: TestJudge(version: nil)) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            for fields in ["", "baggage: mark=good\r\n", "", "baggage: mark=good\r\n"] {
                peer.forget()
                try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
                try await peer.wait(for: "\r\n\r\nok")
            }
            #expect(upstream.requests.map(\.connection) == [1, 2, 1, 2])
        }
    }
}
