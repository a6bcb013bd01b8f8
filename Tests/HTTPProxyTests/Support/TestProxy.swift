import HTTPProxy
import Logging
import NIOCore
import Synchronization
import TestSupport

/// A proxy before upstreams of a test, with its access log.
struct TestProxy: Sendable {
    let server: ProxyServer
    let port: Int
    let log: AccessLog

    final class AccessLog: Sendable {
        private let events = Mutex<[AccessEvent]>([])
        var all: [AccessEvent] { self.events.withLock { $0 } }

        /// The first `count`, by when their requests began, once there are so many: an event follows its response's last byte.
        func first(_ count: Int) async throws -> [AccessEvent] {
            try await eventually("\(count) events in the access log") { self.all.count >= count }
            return self.all.sorted { $0.began < $1.began }
        }

        func append(_ event: AccessEvent) { self.events.withLock { $0.append(event) } }
    }

    static func start(
        _ routes: ProxyRoutes, judge: (any RequestJudge)? = nil, _ settings: ProxySettings = .testing { _ in }
    ) async throws -> TestProxy {
        let log = AccessLog()
        let server = ProxyServer(
            settings, routes: routes, judge: judge, accessLog: { log.append($0) }, logger: Logger(label: "proxy"))
        let addresses = try await server.start()
        return TestProxy(server: server, port: try (addresses.first?.port).orThrow("no port"), log: log)
    }

    func stop() async { await self.server.stop(within: .zero) }

    /// Sends one request's bytes over a connection of its own, and returns what came back until the connection's end.
    func exchange(_ text: String) async throws -> String {
        let peer = try await RawPeer.connect(self.port)
        try await peer.send(text)
        try await peer.waitUntilClosed()
        return peer.text
    }

    func get(_ path: String = "/", _ fields: String = "") async throws -> String {
        try await self.exchange("GET \(path) HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\(fields)\r\n")
    }
}

/// Runs `body` with a proxy before upstreams, and ends them.
func withProxy(
    _ upstreams: TestUpstream..., routes: ProxyRoutes? = nil, judge: (any RequestJudge)? = nil,
    settings: ProxySettings = .testing { _ in }, _ body: (TestProxy) async throws -> Void
) async throws {
    let usual = ProxyRoutes(
        epoch: 1, routes: [ProxyRoute("all", service: "web")],
        services: [ProxyService("web", versions: [ProxyVersion("v1", weight: 1, endpoints: upstreams.map(\.address))])])
    let proxy = try await TestProxy.start(routes ?? usual, judge: judge, settings)
    do {
        try await body(proxy)
    } catch {
        await proxy.stop()
        for upstream in upstreams { try? await upstream.stop() }
        throw error
    }
    await proxy.stop()
    for upstream in upstreams { try? await upstream.stop() }
}

extension ProxySettings {
    /// Those of a proxy on any free port of loopback, changed by `body`.
    static func testing(_ body: (inout ProxySettings) -> Void) -> ProxySettings {
        var settings = ProxySettings(listeners: [ProxyListener(host: "127.0.0.1", port: 0)])
        body(&settings)
        return settings
    }
}
