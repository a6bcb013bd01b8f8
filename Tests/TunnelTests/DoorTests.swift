import Contracts
import ControlWire
import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing
import Tunnel

@Suite("Who gets in at the tunnel's port", .timeLimit(.minutes(1)))
struct DoorTests {
    let certificates: Certificates
    let gateway: TestGateway
    let name = AgentName(unchecked: "shop-agent")

    init() throws {
        self.certificates = try Certificates()
        self.gateway = TestGateway(self.certificates)
    }

    private var hasAuthorized: Bool { self.gateway.log.all.contains(.authorized(self.name)) }

    /// A real agent joins, so the port has survived what came before.
    private func expectAlive(_ server: TunnelServer) async throws {
        let agent = TestAgent()
        let tunnel = try await agent.start(to: server, self.certificates)
        try await self.gateway.log.first { if case .joined = $0 { true } else { false } }
        await tunnel.close()
    }

    @Test("a client without a certificate is refused by TLS")
    func noCertificate() async throws {
        let server = try await self.gateway.start()
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try self.certificates.roots())
        let peer = try await RawPeer<ControlMessage>(port: server.port, configuration, protocols: [TunnelPort.control])
        try await peer.log.first { $0 == .closed }
        #expect(!self.hasAuthorized)

        let agent = TestAgent()
        let bare = configuration
        let tunnel = try await agent.start(port: server.port, tls: { bare })
        try await agent.log.first { $0 == .joinFailed(.gatewayUnreachable) }
        await tunnel.close()
        try await self.expectAlive(server)
        await server.close()
    }

    @Test("a certificate of another CA is refused, and an agent refuses a gateway of another CA")
    func otherAuthority() async throws {
        let server = try await self.gateway.start()
        let other = try Certificates()
        let stranger = TestAgent()
        let foreign = try other.agent(self.name, roots: try self.certificates.roots())
        let first = try await stranger.start(port: server.port, tls: { foreign })
        try await stranger.log.first { $0 == .joinFailed(.gatewayUnreachable) }
        await first.close()

        let wary = TestAgent()
        let misled = try self.certificates.agent(self.name, roots: try other.roots())
        let second = try await wary.start(port: server.port, tls: { misled })
        try await wary.log.first { $0 == .joinFailed(.gatewayUnreachable) }
        await second.close()
        #expect(!self.hasAuthorized)
        await server.close()
    }

    @Test("a gateway that isn't the one dialled is refused by its name")
    func otherName() async throws {
        let server = try await self.gateway.start()
        let agent = TestAgent()
        let configuration = try self.certificates.agent(self.name)
        // ::1 and localhost.localdomain aren't in the certificate; the latter resolves on few machines.
        let tunnel = try await agent.start(port: server.port, tls: { configuration }, host: "127.0.0.2")
        try await agent.log.first { $0 == .joinFailed(.gatewayUnreachable) }
        #expect(!self.hasAuthorized)
        await tunnel.close()
        await server.close()
    }

    @Test("another application protocol, or none, is refused", arguments: [["http/1.1"], []])
    func otherProtocol(_ protocols: [String]) async throws {
        let server = try await self.gateway.start()
        let peer = try await RawPeer<ControlMessage>(
            port: server.port, try self.certificates.agent(self.name), protocols: protocols)
        try await peer.log.first { $0 == .closed }
        #expect(!self.hasAuthorized)
        await server.close()
    }

    @Test("TLS 1.2 is refused")
    func oldTLS() async throws {
        let server = try await self.gateway.start()
        var configuration = try self.certificates.agent(self.name)
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv12
        let peer = try await RawPeer<ControlMessage>(port: server.port, configuration, protocols: [TunnelPort.control])
        try await peer.log.first { $0 == .closed }
        #expect(!self.hasAuthorized)
        await server.close()
    }

    @Test("an agent that the gateway refuses is told why")
    func refused() async throws {
        let server = try await self.gateway.start()
        self.gateway.refuse(with: GloveboxError(.forbidden, "agent shop-agent is disabled"))
        let agent = TestAgent()
        let tunnel = try await agent.start(to: server, self.certificates)
        try await agent.log.first { $0 == .joinFailed(.forbidden) }
        #expect(agent.messages.withLock { $0.contains { $0.contains("is disabled") } })
        self.gateway.refuse(with: nil)
        try await self.gateway.log.first { $0 == .joined(agent.name, .new) }
        await tunnel.close()
        await server.close()
    }

    @Test("a gateway one protocol version newer than the agent takes it; one without a version in common says so")
    func versions() async throws {
        let newer = try await self.gateway.start(versions: try ProtocolVersions(lowest: 2, highest: 3))
        let agent = TestAgent()
        let tunnel = try await agent.start(to: newer, self.certificates)
        try await self.gateway.log.first { $0 == .joined(agent.name, .new) }
        await tunnel.close()
        await newer.close()

        let stranger = try await self.gateway.start(versions: try ProtocolVersions(lowest: 3, highest: 3))
        let old = TestAgent()
        let second = try await old.start(to: stranger, self.certificates)
        try await old.log.first { $0 == .joinFailed(.versionUnsupported) }
        await second.close()
        await stranger.close()
    }

    @Test("garbage on the port, before TLS and within it, ends that connection alone")
    func garbage() async throws {
        let server = try await self.gateway.start()
        var generator = SeededGenerator(seed: 1)
        for size in [1, 5, 100, 100_000] {
            let client = try await PipeClient.connect(port: server.port)
            client.channel.writeAndFlush(ByteBuffer(bytes: generator.bytes(size)), promise: nil)
            // A lone byte may be the start of a record; that one is closed by its client.
            if size < 5 { client.channel.close(promise: nil) }
            try await client.untilClosed()
        }
        let configuration = try self.certificates.agent(self.name)
        for name in TunnelPort.applicationProtocols {
            let peer = try await RawPeer<ControlMessage>(port: server.port, configuration, protocols: [name])
            try await peer.log.first { $0 == .handshake(name) }
            peer.channel.writeAndFlush(ByteBuffer(bytes: [0xFF] + generator.bytes(1000)), promise: nil)
            try await peer.log.first { $0 == .closed }
        }
        try await self.expectAlive(server)
        await server.close()
    }

    @Test("an agent that speaks under another name, or a pooled connection of an agent that hasn't joined, is refused")
    func impostors() async throws {
        let server = try await self.gateway.start()
        let configuration = try self.certificates.agent(self.name)
        let control = try await RawPeer<ControlMessage>(
            port: server.port, configuration, protocols: [TunnelPort.control])
        try await control.send(
            .hello(
                Hello(
                    versions: .current, features: [], agent: AgentName(unchecked: "other"), instance: .random(),
                    software: "",
                    targets: [], wall: WallTime(nanoseconds: 0), boot: BootInstant(nanoseconds: 0))))
        try await control.log.first {
            if case .message(.refused(let code, _)) = $0 { code == "forbidden" } else { false }
        }
        try await control.log.first { $0 == .closed }

        let pooled = try await RawPeer<PoolMessage>(port: server.port, configuration, protocols: [TunnelPort.session])
        try await pooled.send(.poolHello(agent: self.name, instance: .random(), demanded: false))
        try await pooled.log.first { $0 == .closed }
        #expect(server.idleCount(on: self.name) == 0)
        await server.close()
    }

    @Test("a port that's taken is said to be")
    func portTaken() async throws {
        let server = try await self.gateway.start()
        let context = try NIOSSLContext(configuration: try self.certificates.gateway())
        let configuration = TunnelServer.Configuration(host: "127.0.0.1", port: server.port, instance: .random()) {
            context
        }
        let error = await #expect(throws: GloveboxError.self) {
            try await TunnelServer.start(
                configuration, events: self.gateway, time: SystemTime(), on: group, logger: quiet)
        }
        #expect(error?.code == .portTaken)
        await server.close()
    }
}
