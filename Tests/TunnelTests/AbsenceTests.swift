import ControlWire
import GloveboxCore
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Tunnel

/// Time is the test's: only its steps make anybody miss anybody.
@Suite("Gateway and agent lose each other", .timeLimit(.minutes(2)))
struct AbsenceTests {
    let certificates: Certificates
    let gateway: TestGateway
    let agent = TestAgent()
    let time = ManualTime()
    let times: TunnelTimes

    init() throws {
        self.certificates = try Certificates()
        self.gateway = TestGateway(self.certificates)
        var times = TunnelTimes()
        times.redial = .milliseconds(10)...(.milliseconds(50))
        self.times = times
    }

    private func run(_ body: (TunnelServer, TunnelAgent, Wire) async throws -> Void) async throws {
        let server = try await self.gateway.start(time: self.time, times: self.times)
        let wire = try await Wire(to: server.port)
        let tunnel = try await self.agent.start(
            to: server, self.certificates, time: self.time, port: wire.port, times: self.times)
        try await self.gateway.log.first { $0 == .joined(self.agent.name, .new) }
        try await self.agent.untilJoined()
        try await body(server, tunnel, wire)
        await tunnel.close()
        await server.close()
        await wire.close()
    }

    private func open(_ server: TunnelServer) async throws -> (SessionID, PipeClient) {
        let request = SessionRequest.some()
        let channel = try await server.openSession(request, on: self.agent.name, eventLoop: group.next()).get()
        let client = try await PipeClient.attach(to: channel)
        try await client.send("before ")
        try await client.wait(for: "before ")
        return (request.session, client)
    }

    /// Both ends look at the clock after each quarter of a second.
    private func pass(_ duration: Duration) async {
        for _ in 0..<Int(duration / .milliseconds(250)) {
            await self.time.untilSleeping(2)
            self.time.advance(by: .milliseconds(250))
        }
        await self.time.untilSleeping(2)
    }

    @Test("an agent whose control connection is cut comes back within the grace, and its sessions go on")
    func rejoin() async throws {
        try await self.run { server, _, wire in
            let (_, client) = try await self.open(server)
            wire.cut(0)
            try await self.gateway.log.first { $0 == .joined(self.agent.name, .rejoined) }
            try await self.agent.log.first { if case .joined(_, .rejoined, _) = $0 { true } else { false } }
            #expect(self.gateway.log.all.contains(.away(self.agent.name)))
            await self.pass(.seconds(4))
            try await client.send("after")
            try await client.wait(for: "before after")
            #expect(!self.gateway.log.all.contains(.lost(self.agent.name)))
            #expect(!self.agent.log.all.contains(.lost))
            client.channel.close(promise: nil)
        }
    }

    @Test("beyond the grace the sessions of both ends are over, and the agent can come back for new ones")
    func lost() async throws {
        try await self.run { server, _, wire in
            let (session, client) = try await self.open(server)
            wire.refuse()
            wire.cut(0)
            try await self.gateway.log.first { $0 == .away(self.agent.name) }
            try await self.agent.log.first { $0 == .away }
            await self.pass(.milliseconds(3750))
            #expect(!self.gateway.log.all.contains(.lost(self.agent.name)))
            #expect(client.channel.isActive)
            await self.pass(.milliseconds(500))
            try await self.gateway.log.first { $0 == .lost(self.agent.name) }
            try await self.agent.log.first { $0 == .lost }
            try await client.untilClosed()
            try await self.agent.log.first { $0 == .closed(session) }
            let error = await #expect(throws: GloveboxError.self) {
                try await server.openSession(.some(), on: self.agent.name, eventLoop: group.next()).get()
            }
            #expect(error?.code == .agentOffline)

            wire.open()
            try await self.gateway.log.first(2) { $0 == .joined(self.agent.name, .new) }
            let (_, again) = try await self.open(server)
            again.channel.close(promise: nil)
        }
    }

    @Test("a network that swallows everything ends the sessions of both ends within 10 s")
    func silence() async throws {
        try await self.run { server, _, wire in
            let (session, client) = try await self.open(server)
            wire.freeze()
            wire.refuse()
            // What was under way before the freeze counts as heard now.
            await self.pass(.milliseconds(4750))
            #expect(!self.gateway.log.all.contains(.away(self.agent.name)))
            await self.pass(.milliseconds(500))
            try await self.gateway.log.first { $0 == .away(self.agent.name) }
            try await self.agent.log.first { $0 == .away }
            await self.pass(.milliseconds(4500))
            try await self.gateway.log.first { $0 == .lost(self.agent.name) }
            try await self.agent.log.first { $0 == .lost }
            try await client.untilClosed()
            try await self.agent.log.first { $0 == .closed(session) }
        }
    }

    @Test("pings keep a quiet connection alive")
    func pings() async throws {
        try await self.run { server, _, _ in
            let (_, client) = try await self.open(server)
            for _ in 0..<10 {
                await self.pass(.seconds(2))
                // A round trip behind the pings: both ends have heard each other when it's done.
                let lease = LeaseID.random()
                server.endLease(lease, reason: .holder, on: self.agent.name)
                try await self.agent.log.first { $0 == .leaseEnded(lease, .holder) }
            }
            #expect(!self.agent.log.all.contains(.away))
            client.channel.close(promise: nil)
        }
    }

    @Test("a gateway that restarts is told from one that is joined again: the agent's sessions end at once")
    func gatewayRestart() async throws {
        try await self.run { server, _, wire in
            let (session, client) = try await self.open(server)
            let other = InstanceID.random()
            let second = try await self.gateway.start(instance: other, time: self.time, times: self.times)
            wire.turn(to: second.port)
            wire.cut(0)
            try await self.agent.log.first {
                if case .joined(other, .restarted, _) = $0 { true } else { false }
            }
            // No time has passed: the end of the session doesn't wait for the grace.
            try await self.agent.log.first { $0 == .closed(session) }
            client.channel.close(promise: nil)
            await second.close()
        }
    }

    @Test("an agent that restarts loses its earlier sessions at once")
    func agentRestart() async throws {
        try await self.run { server, _, _ in
            let (_, client) = try await self.open(server)
            let successor = TestAgent()
            let tunnel = try await successor.start(to: server, self.certificates, time: self.time, times: self.times)
            try await self.gateway.log.first {
                $0 == .joined(self.agent.name, .restarted(old: self.agent.instance))
            }
            try await client.untilClosed()
            await tunnel.close()
        }
    }

    @Test("an agent that says goodbye is lost at once, and so is a gateway")
    func goodbye() async throws {
        let server = try await self.gateway.start(time: self.time, times: self.times)
        let tunnel = try await self.agent.start(to: server, self.certificates, time: self.time, times: self.times)
        try await self.agent.untilJoined()
        await tunnel.close()
        try await self.gateway.log.first { $0 == .lost(self.agent.name) }
        #expect(!self.gateway.log.all.contains(.away(self.agent.name)))

        let other = TestAgent()
        let second = try await other.start(to: server, self.certificates, time: self.time, times: self.times)
        try await other.untilJoined()
        await server.close()
        try await other.log.first { $0 == .lost }
        await second.close()
    }

    @Test(
        "the end of a lease that the agent missed is told again when it's back; an extension isn't lengthened by that")
    func notices() async throws {
        try await self.run { server, _, wire in
            let (ended, extended) = (LeaseID.random(), LeaseID.random())
            wire.refuse()
            wire.cut(0)
            try await self.gateway.log.first { $0 == .away(self.agent.name) }
            server.endLease(ended, reason: .policy, on: self.agent.name)
            server.extendLease(extended, remaining: .seconds(60), on: self.agent.name)
            await self.pass(.seconds(2))
            wire.open()
            try await self.agent.log.first { $0 == .leaseEnded(ended, .policy) }
            try await self.agent.log.first { $0 == .leaseExtended(extended, .seconds(58)) }
        }
    }

    @Test("records that were lost with the connection are known to be missing when the agent is back")
    func records() async throws {
        try await self.run { _, tunnel, wire in
            tunnel.send(records: [SequencedRecord(sequence: 1, bytes: [1]), SequencedRecord(sequence: 2, bytes: [2])])
            try await self.agent.log.first { $0 == .acknowledged(2) }
            wire.cut(0)
            try await self.agent.log.first { if case .joined(_, .rejoined, 2) = $0 { true } else { false } }
            tunnel.send(records: [SequencedRecord(sequence: 2, bytes: [2]), SequencedRecord(sequence: 3, bytes: [3])])
            try await self.agent.log.first { $0 == .acknowledged(3) }
            #expect(self.gateway.stored.map(\.sequence) == [1, 2, 3])
        }
    }
}
