import HTTPProxy
import HTTPWire
import Synchronization
import TestSupport
import Testing

@Suite("Routes", .timeLimit(.minutes(1)))
struct RouteTests {
    /// All services of the routes are the one upstream.
    private static func routes(_ upstream: TestUpstream, _ routes: [ProxyRoute]) -> ProxyRoutes {
        ProxyRoutes(
            routes: routes,
            services: Set(routes.map(\.service)).sorted().map { name in
                ProxyService(name, versions: [ProxyVersion("v1", weight: 1, endpoints: [upstream.address])])
            })
    }

    @Test("the most particular route is taken: by host, then path, then headers")
    func particular() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("") }
        let routes = Self.routes(
            upstream,
            [
                ProxyRoute("any", service: "s"), ProxyRoute("a", path: .prefix("/a"), service: "s"),
                ProxyRoute("a-exact", path: .exact("/a"), service: "s"),
                ProxyRoute("a-b", path: .prefix("/a/b/"), service: "s"),
                ProxyRoute("a-header", path: .prefix("/a"), headers: [.init("X-Beta", "1")], service: "s"),
                ProxyRoute("shop", hosts: ["Shop.example"], service: "s"),
                ProxyRoute("wild", hosts: ["*.example"], service: "s"),
                ProxyRoute("deep", hosts: ["*.deep.example"], path: .prefix("/a"), service: "s"),
            ])
        try await withProxy(upstream, routes: routes) { proxy async throws in
            let cases: [(host: String, path: String, more: String, route: String)] = [
                ("x", "/", "", "any"), ("x", "/a", "", "a-exact"), ("x", "/a/", "", "a"), ("x", "/ab", "", "any"),
                ("x", "/a/b", "", "a-b"), ("x", "/a/b/c?d", "", "a-b"), ("x", "/a/bc", "", "a"),
                ("x", "/a/x", "x-BETA: 1\r\n", "a-header"), ("x", "/a/x", "X-Beta: 2\r\n", "a"),
                ("shop.EXAMPLE:8080", "/a", "", "shop"), ("shop.example.", "/", "", "shop"),
                ("other.example", "/a", "", "wild"), ("x.y.example", "/", "", "wild"), ("example", "/", "", "any"),
                ("x.deep.example", "/a", "", "deep"), ("x.deep.example", "/b", "", "wild"),
                ("x", "/%61", "", "a-exact"), ("x", "//a/./b".replacing("/./", with: "//"), "", "a-b"),
                ("x", "/a%2Fb", "", "any"),
            ]
            for (index, item) in cases.enumerated() {
                _ = try await proxy.exchange(
                    "GET \(item.path) HTTP/1.1\r\nHost: \(item.host)\r\nConnection: close\r\n\(item.more)\r\n")
                #expect(try await proxy.log.first(index + 1).last?.route == item.route, "\(item)")
            }
        }
    }

    @Test("ordinary requests are shared out by weight, and a version without one gets none")
    func weights() async throws {
        let one = try await TestUpstream.start { _ in .ok("1") }
        let three = try await TestUpstream.start { _ in .ok("3") }
        let none = try await TestUpstream.start { _ in .ok("0") }
        let routes = ProxyRoutes(
            routes: [ProxyRoute("all", service: "web")],
            services: [
                ProxyService(
                    "web",
                    versions: [
                        ProxyVersion("v0", weight: 0, endpoints: [none.address]),
                        ProxyVersion("v1", weight: 1, endpoints: [one.address]),
                        ProxyVersion("v3", weight: 3, endpoints: [three.address]),
                    ])
            ])
        try await withProxy(one, three, none, routes: routes) { proxy async throws in
            let peer = try await RawPeer.connect(proxy.port)
            let count = 2000
            for _ in 0..<count / 100 {
                try await peer.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 100))
            }
            try await eventually { proxy.log.all.count == count }
            #expect(none.requests.isEmpty && one.requests.count + three.requests.count == count)
            // Five standard deviations either side: it fails once in a million runs.
            #expect((400...600).contains(one.requests.count))
            let counters = await proxy.server.counters()
            #expect(counters.requests[.init("web", "v1", isMarked: false)]?.byClass[2] == UInt64(one.requests.count))
            #expect(
                counters.requests[.init("web", "v3", isMarked: false)]?.latencyCount == UInt64(three.requests.count))
        }
    }

    @Test("routes that can't be are refused, and those before them stay")
    func invalid() async throws {
        let upstream = try await TestUpstream.start { _ in .ok("here") }
        try await withProxy(upstream) { proxy async throws in
            let before = proxy.server.routes
            var (unknown, repeated, weight, path) = (before, before, before, before)
            unknown.routes[0].service = "nobody"
            repeated.services.append(before.services[0])
            weight.services[0].versions[0].weight = -1
            path.routes[0].path = .prefix("no-slash")
            for (routes, code) in [
                (unknown, ProxyRoutesError.Code.serviceUnknown), (repeated, .serviceRepeated), (weight, .weightInvalid),
                (path, .pathInvalid),
            ] {
                let error = await #expect(throws: ProxyRoutesError.self) { try await proxy.server.apply(routes) }
                #expect(error?.code == code)
            }
            #expect(proxy.server.routes == before)
            #expect(try await proxy.get().hasSuffix("here"))
        }
    }

    @Test("an endpoint that's found down gets no requests until it's up again")
    func health() async throws {
        let isUp = Atomic(true)
        let one = try await TestUpstream.start { request in
            request.target == "/health"
                ? .sendAndClose("HTTP/1.1 \(isUp.load(ordering: .relaxed) ? 200 : 503) X\r\nContent-Length: 0\r\n\r\n")
                : .ok("one")
        }
        let two = try await TestUpstream.start { $0.target == "/health" ? .ok("") : .ok("two") }
        var service = ProxyService(
            "web", versions: [ProxyVersion("v1", weight: 1, endpoints: [one.address, two.address])])
        service.health = HealthCheck(path: "/health", interval: .milliseconds(40))
        let routes = ProxyRoutes(routes: [ProxyRoute("all", service: "web")], services: [service])
        try await withProxy(one, two, routes: routes) { proxy async throws in
            func answers() async throws -> Set<String> {
                var answers: Set<String> = []
                for _ in 0..<30 { answers.insert(String(try await proxy.get().suffix(3))) }
                return answers
            }
            #expect(try await answers() == ["one", "two"])
            isUp.store(false, ordering: .relaxed)
            try await eventually { try await answers() == ["two"] }
            #expect(proxy.server.endpoints.map(\.isUp) == [false, true])
            isUp.store(true, ordering: .relaxed)
            try await eventually { try await answers() == ["one", "two"] }
        }
    }
}
