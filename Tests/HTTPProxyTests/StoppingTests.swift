import Glibc
import HTTPProxy
import HTTPWire
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite("Reload and stop", .timeLimit(.minutes(1)))
struct StoppingTests {
    /// One client that asks again and again, on connections that it keeps as long as it may.
    private static func client(
        _ port: Int, until hasEnded: @escaping @Sendable () -> Bool
    ) async throws -> (answered: Int, lost: Int, bodies: Set<String>) {
        var (answered, lost, bodies) = (0, 0, Set<String>())
        outer: while !hasEnded() {
            guard let peer = try? await RawPeer.connect(port) else { break }
            var isNew = true
            while !hasEnded() {
                peer.forget()
                guard (try? await peer.send("GET /\(answered) HTTP/1.1\r\nHost: a\r\n\r\n")) != nil else {
                    lost += isNew ? 0 : 1
                    break outer
                }
                try await peer.wait { text, isClosed in
                    isClosed || text.firstRange(of: "\r\n\r\n").map { text[$0.upperBound...].utf8.count == 3 } ?? false
                }
                let text = peer.text
                // A connection that waited to be accepted when the listener closed was never taken.
                if isNew, text.isEmpty { break outer }
                isNew = false
                guard text.hasPrefix("HTTP/1.1 200 OK\r\n"), text.contains("\r\n\r\n") else {
                    lost += 1
                    break outer
                }
                answered += 1
                bodies.insert(String(text.suffix(3)))
                if text.contains("Connection: close\r\n") { break }
            }
            peer.channel.close(promise: nil)
        }
        return (answered, lost, bodies)
    }

    @Test("a stop under load loses no request: each that was taken is answered, and says that its connection ends")
    func stopUnderLoad() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("abc") }
        try await withProxy(upstream) { proxy async throws in
            let isStopped = Flag()
            let results = try await withThrowingTaskGroup(of: (answered: Int, lost: Int, bodies: Set<String>).self) {
                group in
                for _ in 0..<16 {
                    group.addTask { try await Self.client(proxy.port) { isStopped.isSet } }
                }
                try await eventually { upstream.requests.count > 500 }
                await proxy.server.stop(within: .seconds(10))
                isStopped.set()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.map(\.lost) == Array(repeating: 0, count: 16))
            let answered = results.reduce(0) { $0 + $1.answered }
            #expect(answered == upstream.requests.count && answered > 500)
            #expect(await proxy.server.counters().activeConnections == 0)
        }
    }

    @Test("a request under way when the proxy stops is answered, however long it takes within the limit")
    func stopWithRequest() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            async let stopped: Void = proxy.server.stop(within: .seconds(20))
            // Once it doesn't take connections any more, it's stopping.
            try await eventually { (try? await RawPeer.connect(proxy.port)) == nil }
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            try await peer.waitUntilClosed()
            #expect(peer.text.contains("Connection: close\r\n") && peer.text.hasSuffix("done"))
            await stopped
        }
    }

    @Test("a connection that was promised another request doesn't hold up a stop")
    func stopAfterHead() async throws {
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            try await peer.wait(for: "half")
            #expect(!peer.text.contains("Connection: close"))
            async let stopped: Void = proxy.server.stop(within: .seconds(600))
            try await eventually { (try? await RawPeer.connect(proxy.port)) == nil }
            try await behind.send("half")
            try await peer.waitUntilClosed()
            #expect(peer.text.hasSuffix("halfhalf"))
            await stopped
        }
    }

    @Test("of routes that are taken on at once, all event loops end with the same")
    func reloadsAtOnce() async throws {
        let upstreams = [
            try await TestUpstream.start { _ in .ok("0") }, try await TestUpstream.start { _ in .ok("1") },
        ]
        func routes(_ epoch: Int) -> ProxyRoutes {
            let endpoints = [upstreams[epoch % 2].address]
            return ProxyRoutes(
                epoch: UInt64(epoch), routes: [ProxyRoute("all", service: "web")],
                services: [ProxyService("web", versions: [ProxyVersion("v1", weight: 1, endpoints: endpoints)])])
        }
        try await withProxy(upstreams[0], upstreams[1], routes: routes(1)) { proxy async throws in
            let all = (2...60).map { routes($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for routes in all { group.addTask { try await proxy.server.apply(routes) } }
                try await group.waitForAll()
            }
            // Connections go round the event loops.
            let expected = "\(proxy.server.routes.epoch % 2)"
            for _ in 0..<16 { #expect(try await proxy.get().hasSuffix(expected)) }
            #expect(Set(try await proxy.log.first(16).map(\.epoch)) == [proxy.server.routes.epoch])
        }
    }

    @Test("new routes are served by from the next request on, and none is lost on the way")
    func reloadUnderLoad() async throws {
        let one = try await TestUpstream.start { _ in .ok("one") }
        let two = try await TestUpstream.start { _ in .ok("two") }
        func routes(_ upstream: TestUpstream, _ epoch: UInt64) -> ProxyRoutes {
            ProxyRoutes(
                epoch: epoch, routes: [ProxyRoute("all", service: "web")],
                services: [
                    ProxyService("web", versions: [ProxyVersion("v1", weight: 1, endpoints: [upstream.address])])
                ])
        }
        try await withProxy(one, two, routes: routes(one, 1)) { proxy async throws in
            let isDone = Flag()
            let results = try await withThrowingTaskGroup(of: (answered: Int, lost: Int, bodies: Set<String>).self) {
                group in
                for _ in 0..<8 {
                    group.addTask { try await Self.client(proxy.port) { isDone.isSet } }
                }
                for epoch in 2...40 {
                    let seen = proxy.log.all.count
                    try await proxy.server.apply(routes(epoch.isMultiple(of: 2) ? two : one, UInt64(epoch)))
                    // What begins after the acknowledgement is of the new epoch.
                    #expect(try await proxy.get().hasSuffix(epoch.isMultiple(of: 2) ? "two" : "one"))
                    try await eventually { proxy.log.all.count > seen + 20 }
                }
                isDone.set()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.allSatisfy { $0.lost == 0 && $0.bodies == ["one", "two"] })
            #expect(proxy.log.all.allSatisfy { $0.status == 200 })
        }
    }

    @Test("a large answer to a client that doesn't read waits at the upstream, not in memory")
    func slowReader() async throws {
        let size = 256 << 20
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port, reading: false)
            try await peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "GET /")
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let before = try ResidentMemory.megabytes()
            // Writes until the proxy, and the system behind it, take no more.
            let block = ByteBuffer(repeating: 0x61, count: 1 << 20)
            let written = Atomic(0)
            let writing = Task {
                for _ in 0..<(size >> 20) {
                    try await behind.channel.writeAndFlush(block)
                    written.add(1, ordering: .relaxed)
                }
            }
            var last = -1
            try await eventually {
                let now = written.load(ordering: .relaxed)
                defer { last = now }
                if now == last { try await ContinuousClock().sleep(for: .milliseconds(200)) }
                return now == written.load(ordering: .relaxed) && now == last
            }
            // Some is in the system's buffers; of what the proxy itself holds there's no more than a few reads.
            #expect(written.load(ordering: .relaxed) < 64)
            #expect(try ResidentMemory.megabytes() - before < 32)
            try await peer.channel.setOption(.autoRead, value: true).get()
            try await eventually(timeout: .seconds(40)) { peer.received > size }
            try await writing.value
        }
    }

    @Test("a large request to an upstream that doesn't read waits at the client, not in memory")
    func slowUpstream() async throws {
        let size = 128 << 20
        let upstream = try await TestUpstream.start()
        try await withProxy(upstream, settings: .testing { $0.limits.body = 1 << 30 }) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            try await peer.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
            let behind = try await upstream.connection(1)
            try await behind.wait(for: "PUT /")
            try await behind.channel.setOption(.autoRead, value: false).get()
            let block = ByteBuffer(repeating: 0x61, count: 1 << 20)
            let written = Atomic(0)
            let writing = Task {
                for _ in 0..<(size >> 20) {
                    try await peer.channel.writeAndFlush(block)
                    written.add(1, ordering: .relaxed)
                }
            }
            var last = -1
            try await eventually {
                let now = written.load(ordering: .relaxed)
                defer { last = now }
                if now == last { try await ContinuousClock().sleep(for: .milliseconds(200)) }
                return now == written.load(ordering: .relaxed) && now == last
            }
            #expect(written.load(ordering: .relaxed) < 64)
            try await behind.channel.setOption(.autoRead, value: true).get()
            try await eventually(timeout: .seconds(40)) { behind.received > size }
            try await writing.value
            try await behind.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            try await peer.wait(for: "\r\n\r\nok")
        }
    }
}

/// Set once, from anywhere.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { self.value.load(ordering: .relaxed) }
    func set() { self.value.store(true, ordering: .relaxed) }
}

/// Of this process.
enum ResidentMemory {
    static func megabytes() throws -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { throw TestSupportError("no statm: errno \(errno)") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = fread(&bytes, 1, bytes.count, file)
        let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        return (Int(fields.dropFirst().first ?? "") ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) >> 20
    }
}
