import ControlWire
import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import Tunnel

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Sessions through the tunnel", .timeLimit(.minutes(2)))
struct SessionTests {
    let certificates: Certificates
    let gateway: TestGateway
    let agent = TestAgent()

    init() throws {
        self.certificates = try Certificates()
        self.gateway = TestGateway(self.certificates)
    }

    private func run(
        pool: PoolBounds = .standard, times: TunnelTimes = TunnelTimes(),
        _ body: (TunnelServer) async throws -> Void
    ) async throws {
        let server = try await self.gateway.start(pool: pool, times: times)
        let tunnel = try await self.agent.start(to: server, self.certificates, times: times)
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        try await body(server)
        await tunnel.close()
        await server.close()
    }

    private func open(_ server: TunnelServer, _ request: SessionRequest = .some()) async throws -> any Channel {
        try await server.openSession(request, on: self.agent.name, eventLoop: group.next()).get()
    }

    private func code(_ server: TunnelServer, _ request: SessionRequest) async -> GloveboxError.Code? {
        do {
            let channel = try await self.open(server, request)
            channel.close(promise: nil)
            return nil
        } catch {
            return (error as? GloveboxError)?.code
        }
    }

    @Test("a session carries bytes both ways over TLS and nothing else, and its end is told")
    func echo() async throws {
        try await self.run { server in
            let request = SessionRequest.some()
            let channel = try await self.open(server, request)
            let client = try await PipeClient.attach(to: channel)
            try await client.send("to production ")
            try await client.send("and back")
            try await client.wait(for: "to production and back")
            #expect(server.sessionCount(on: self.agent.name) == 1)
            let handlers = try await channel.eventLoop.submit {
                let pipeline = channel.pipeline.syncOperations
                return [
                    (try? pipeline.handler(type: PoolGatewayHandler.self)) != nil,
                    (try? pipeline.handler(type: PipeHold.self)) != nil,
                    (try? pipeline.handler(type: TunnelDoor.self)) != nil,
                    (try? pipeline.handler(type: NIOSSLServerHandler.self)) != nil,
                ]
            }.get()
            #expect(handlers == [false, false, false, true])
            channel.close(promise: nil)
            try await self.agent.log.first { $0 == .closed(request.session) }
            try await self.gateway.log.first { $0 == .sessionEnded(request.session) }
            try await eventually("no session") { server.sessionCount(on: self.agent.name) == 0 }
        }
    }

    @Test("what an agent says and closes at once is read to its end, however late somebody comes to read it")
    func farewell() async throws {
        try await self.run { server in
            for _ in 0..<5 {
                let request = SessionRequest.some(purpose: "farewell")
                let channel = try await self.open(server, request)
                try await self.agent.log.first { $0 == .closed(request.session) }
                let client = try await PipeClient.attach(to: channel)
                try await client.log.first { $0 == .inputClosed }
                #expect(client.text == TestAgent.farewell)
                channel.close(promise: nil)
            }
        }
    }

    @Test("a refused session shows the agent's code, and the agent goes on")
    func refused() async throws {
        try await self.run { server in
            #expect(await self.code(server, .some(purpose: "refuse")) == .ceilingDenied)
            #expect(await self.code(server, .some()) == nil)
        }
    }

    @Test("an empty pool dials on demand, and doesn't keep what it dialled for that")
    func onDemand() async throws {
        try await self.run(pool: try PoolBounds(least: 0, most: 0)) { server in
            #expect(server.idleCount(on: self.agent.name) == 0)
            var channels: [any Channel] = []
            for _ in 0..<8 { channels.append(try await self.open(server)) }
            #expect(server.sessionCount(on: self.agent.name) == 8)
            let client = try await PipeClient.attach(to: channels[7])
            try await client.send("x")
            try await client.wait(for: "x")
            #expect(server.idleCount(on: self.agent.name) == 0)
            for channel in channels { channel.close(promise: nil) }
        }
    }

    @Test("many at once find connections, and the pool is warm again afterwards")
    func burst() async throws {
        try await self.run(pool: try PoolBounds(least: 4, most: 16)) { server in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for _ in 0..<40 {
                    tasks.addTask {
                        let client = try await PipeClient.attach(to: try await self.open(server))
                        try await client.send("hello")
                        try await client.wait(for: "hello")
                        client.channel.close(promise: nil)
                    }
                }
                try await tasks.waitForAll()
            }
            try await eventually("a warm pool") { server.idleCount(on: self.agent.name) >= 4 }
        }
    }

    @Test("idle connections are replaced when their time in the pool is up")
    func retired() async throws {
        var times = TunnelTimes()
        times.idle = .milliseconds(40)
        try await self.run(pool: try PoolBounds(least: 2, most: 4), times: times) { server in
            try await self.gateway.log.first(12) { $0 == .authorized(self.agent.name) }
            let client = try await PipeClient.attach(to: try await self.open(server))
            try await client.send("still here")
            try await client.wait(for: "still here")
            client.channel.close(promise: nil)
        }
    }

    @Test("an unknown agent is offline")
    func offline() async throws {
        try await self.run { server in
            let error = await #expect(throws: GloveboxError.self) {
                try await server.openSession(.some(), on: AgentName(unchecked: "nobody"), eventLoop: group.next()).get()
            }
            #expect(error?.code == .agentOffline)
        }
    }

    @Test("an agent that doesn't dial when asked costs a bounded wait")
    func noDial() async throws {
        var times = TunnelTimes()
        times.poolWait = .milliseconds(50)
        let server = try await self.gateway.start(pool: try PoolBounds(least: 0, most: 0), times: times)
        let peer = try await RawPeer<ControlMessage>(
            port: server.port, try self.certificates.agent(self.agent.name), protocols: [TunnelPort.control])
        try await peer.send(.hello(self.hello()))
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        #expect(await self.code(server, .some()) == .unavailable)
        try await peer.log.first { $0 == .message(.dial(count: 1)) }
        peer.channel.close(promise: nil)
        await server.close()
    }

    @Test("a connection that the agent doesn't take is given up, and another is tried before any byte is sent")
    func untaken() async throws {
        var times = TunnelTimes()
        times.taking = .milliseconds(500)
        let server = try await self.gateway.start(pool: try PoolBounds(least: 0, most: 0), times: times)
        let configuration = try self.certificates.agent(self.agent.name)
        let control = try await RawPeer<ControlMessage>(
            port: server.port, configuration, protocols: [TunnelPort.control])
        try await control.send(.hello(self.hello()))
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        // Whichever is asked first stays silent.
        let asked = Count()
        let answer: @Sendable (PoolMessage) -> [PoolMessage] = { message in
            guard case .open = message else { return [] }
            return asked.next() == 1 ? [] : [.taken, .accepted]
        }
        var pooled: [RawPeer<PoolMessage>] = []
        for _ in 0..<2 {
            let peer = try await RawPeer<PoolMessage>(
                port: server.port, configuration, protocols: [TunnelPort.session], answer: answer)
            try await peer.send(.poolHello(agent: self.agent.name, instance: self.agent.instance, demanded: false))
            try await peer.log.first { $0 == .message(.poolWelcome) }
            pooled.append(peer)
        }
        try await eventually("two idle connections") { server.idleCount(on: self.agent.name) == 2 }
        let channel = try await self.open(server)
        #expect(asked.next() == 3)
        let peers = pooled
        try await eventually("the silent one given up") { peers.contains { $0.log.all.contains(.closed) } }
        channel.close(promise: nil)
        control.channel.close(promise: nil)
        await server.close()
    }

    private func hello() -> Hello {
        Hello(
            versions: .current, features: [], agent: self.agent.name, instance: self.agent.instance, software: "raw",
            targets: [], wall: WallTime(nanoseconds: 0), boot: BootInstant(nanoseconds: 0))
    }

    @Test("leases' ends and extensions, and cancels, reach the agent; its inventory and records reach the gateway")
    func messages() async throws {
        let server = try await self.gateway.start()
        let tunnel = try await self.agent.start(to: server, self.certificates)
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        let (lease, session) = (LeaseID.random(), SessionID.random())
        server.extendLease(lease, remaining: .seconds(60), on: self.agent.name)
        server.cancel(session, on: self.agent.name)
        server.endLease(lease, reason: .admin, on: self.agent.name)
        try await self.agent.log.first { $0 == .leaseEnded(lease, .admin) }
        #expect(self.agent.log.all.contains(.cancel(session)))
        try await self.agent.log.first {
            if case .leaseExtended(lease, let left) = $0 { left > .seconds(50) && left <= .seconds(60) } else { false }
        }
        let target = TargetAnnouncement(
            name: TargetName(unchecked: "shop-db"), kind: "postgres", labels: [:], capabilities: [.read],
            longest: .seconds(7200))
        tunnel.announce([target])
        try await self.gateway.log.first { $0 == .inventory([target]) }

        // More than one frame's worth, in order.
        let records = (1...40).map { SequencedRecord(sequence: $0, bytes: Array(repeating: UInt8($0), count: 100_000)) }
        tunnel.send(records: Array(records[..<20]))
        tunnel.send(records: Array(records[20...]))
        try await self.agent.log.first { $0 == .acknowledged(40) }
        #expect(self.gateway.stored == records)

        // As long as a journal's may be.
        let longest = SequencedRecord(sequence: 41, bytes: Array(repeating: 7, count: 16 << 20))
        tunnel.send(records: [longest])
        try await self.agent.log.first { $0 == .acknowledged(41) }
        #expect(self.gateway.stored.last == longest)
        await tunnel.close()
        await server.close()
    }

    #if canImport(Glibc)
        @Test("a paused reader's session isn't timed out by the kernel, an idle connection's peer is")
        func userTimeout() async throws {
            try await self.run { server in
                let channel = try await self.open(server)
                #expect(try await Self.userTimeout(of: channel) == 0)
                channel.close(promise: nil)
            }
            let fresh = try await PreparedSocket.with { try await Self.userTimeout(of: $0) }
            #expect(fresh == 9000)
        }

        private static func userTimeout(of channel: any Channel) async throws -> Int {
            Int(try await channel.getOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT))).get())
        }
    #endif

    @Test("one stalled session blocks no other, and holds a bounded number of bytes")
    func stalled() async throws {
        let server = try await self.gateway.start()
        let tunnel = try await self.agent.start(to: server, self.certificates)
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        let size = 50 << 20

        let slow = try await RelayedClient.make(server, self.agent.name, "source:\(2 * size)", reading: false)
        let fast = try await RelayedClient.make(server, self.agent.name, "source:\(size)", reading: true)
        try await fast.client.untilClosed()
        #expect(fast.client.count == size)
        // Without back pressure the stalled one would have sent as much. What it may: three sockets' buffers (up to
        // 6 MiB each with the kernel's tuning) and the pipes' own.
        #expect(self.agent.sent.load(ordering: .relaxed) - size < 32 << 20)

        // The stalled one was only waiting.
        try await slow.client.channel.setOption(.autoRead, value: true).get()
        try await slow.client.untilClosed()
        #expect(slow.client.count == 2 * size)
        #expect(slow.counts().fromSecond == 2 * size)
        await slow.close()
        await fast.close()
        await tunnel.close()
        await server.close()
    }
}

private final class Count: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { self.count.add(1, ordering: .relaxed).newValue }
}
