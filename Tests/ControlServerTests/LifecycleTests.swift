import ControlAPI
import ControlClient
import ControlServer
import GloveboxCore
import Identity
import ServiceLifecycle
import TestSupport
import Testing

@Suite("Start and stop")
struct LifecycleTests {
    @Test("a taken port is told with what to change")
    func portTaken() async throws {
        try await TestGateway.run { gateway in
            let (second, _, _) = try TestGateway.make(port: gateway.address.port)
            let error = await #expect(throws: GloveboxError.self) { try await second.run() }
            #expect(error?.code == .portTaken)
            #expect(error?.message.contains(":\(gateway.address.port)") == true)
            #expect(error?.message.contains("'api.listen' in test.yaml") == true)
        }
    }

    @Test("a graceful stop answers what is under way, takes no more, and returns")
    func gracefulStop() async throws {
        try await within {
            let (server, listening, make) = try TestGateway.make()
            let logs = LogCapture()
            let services = ServiceGroup(services: [server], logger: logs.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                let gateway = make(try await listening.first())
                let reached = Gate()
                let release = Gate()
                gateway.operations.wait(for: {
                    reached.open()
                    await release.wait()
                })
                async let answer = gateway.call(as: "ada") { try await $0.targets() }
                await reached.wait()
                await services.triggerGracefulShutdown()
                try await eventually("new connections are refused") {
                    do {
                        _ = try await gateway.request("GET /nothing")
                        return false
                    } catch {
                        return true
                    }
                }
                release.open()
                #expect(try await answer.items.count == 1)
                try await group.waitForAll()
            }
        }
    }

    @Test("a replaced certificate is what later connections see")
    func reload() async throws {
        try await TestGateway.run { gateway in
            let before = try await gateway.request("GET /v1/health").peer
            let identity = try gateway.authority.issueServer(names: ["127.0.0.1"], lasts: .seconds(60))
            try gateway.tls.replace(certificateChain: identity.certificate.pem, privateKey: identity.key)
            let after = try await gateway.request("GET /v1/health").peer
            #expect(before != nil)
            #expect(before != after)
            let error = #expect(throws: GloveboxError.self) {
                try gateway.tls.replace(certificateChain: "no certificate", privateKey: identity.key)
            }
            #expect(error?.code == .certificateInvalid)
            #expect(try await gateway.request("GET /v1/health").peer == after)
        }
    }
}
