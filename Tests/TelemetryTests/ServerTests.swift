import GloveboxCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing
import YAMLDocument

@Suite("Telling of a role over HTTP", .timeLimit(.minutes(1)))
struct ServerTests {
    /// Runs `body` while a server tells of a role, and stops it in good order.
    private func serving(_ role: TestRole, _ body: (_ port: Int) async throws -> Void) async throws {
        let port = try freePort()
        let group = ServiceGroup(
            services: [
                TelemetryServer(
                    place: TelemetryPlace(host: "127.0.0.1", port: port), source: role, logger: Logger(label: "test"))
            ], logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the server") { try await LoopbackHTTP.get(port, "/healthz").status == 200 }
            try await body(port)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test("a role that can serve is ready; one that can't says what it lacks, and is alive")
    func readiness() async throws {
        let role = TestRole()
        try await self.serving(role) { port in
            let ready = try await LoopbackHTTP.get(port, "/readyz")
            #expect(ready.status == 200 && ready.body == "ready\nstore: ok\nlog: ok\n")
            role.failure.withLock { $0 = "the disk is full" }
            let failing = try await LoopbackHTTP.get(port, "/readyz?verbose")
            #expect(failing.status == 503 && failing.body == "not ready\nstore: ok\nlog: the disk is full\n")
            #expect(try await LoopbackHTTP.get(port, "/healthz").status == 200)
        }
    }

    @Test("metrics have the format's type, and say whether each check holds")
    func metrics() async throws {
        try await self.serving(TestRole()) { port in
            let answer = try await LoopbackHTTP.get(port, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.headers.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
            #expect(answer.body.contains("glovebox_ready{check=\"log\"} 1\n"))
            #expect(answer.body.contains("glovebox_start_time_seconds 1.5\n"))
            #expect(answer.body.contains("glovebox_disk_free_bytes{folder=\"state\"} "))
        }
    }

    @Test("other paths aren't there, other methods aren't known, and a body is of no use")
    func others() async throws {
        try await self.serving(TestRole()) { port in
            #expect(try await LoopbackHTTP.get(port, "/").status == 404)
            let posted = try await LoopbackHTTP.get(port, "/metrics", more: ["--data", "x"])
            #expect(posted.status == 405 && posted.headers.contains("Allow: GET, HEAD"))
            let head = try await LoopbackHTTP.get(port, "/healthz", more: ["--head"])
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    @Test("a port that another program has is named, with the setting")
    func taken() async throws {
        let other = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let server = TelemetryServer(
            place: TelemetryPlace(host: "127.0.0.1", port: port), source: TestRole(), logger: Logger(label: "test"))
        let error = await #expect(throws: GloveboxError.self) { try await server.run() }
        #expect(error?.code == .portTaken && error?.message.contains("'telemetry'") == true)
        try await other.close()
    }

    @Test(
        "it's told of on loopback alone",
        arguments: ["127.0.0.1:9464", "127.8.0.1:1", "localhost:80", "[::1]:9464"])
    func loopback(text: String) throws {
        let place = try TelemetryPlace(node: YAMLNode(yaml: "'\(text)'", file: "x.yaml"))
        #expect(place.description == text)
    }

    @Test(
        "a place that isn't on loopback is refused, with line and column",
        arguments: [
            "0.0.0.0:9464", "[::]:9464", "10.0.0.1:9464", "127.0.0.1", "127.0.0.1:x", "127.0.0.1.example.com:1", ":1",
            "127.0.0:1", "localhost.example.com:1",
        ])
    func notLoopback(text: String) throws {
        let error = #expect(throws: GloveboxError.self) {
            try TelemetryPlace(node: YAMLNode(yaml: "'\(text)'", file: "x.yaml"))
        }
        #expect(error?.code == .configurationInvalid && error?.message.hasPrefix("x.yaml:1:1: ") == true)
    }
}
