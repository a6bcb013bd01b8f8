import Contracts
import ControlWire
import GloveboxCore
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Tunnel

/// An agent's side; what a session does follows from its lease's purpose: `echo`, `refuse`, `farewell` (says a few
/// words and closes), `source:BYTES` (sends so many and closes).
final class TestAgent: TunnelAgentEvents {
    enum Event: Sendable, Equatable {
        case joined(InstanceID, Presence.Arrival, lastSequence: UInt64)
        case joinFailed(GloveboxError.Code)
        case away
        case lost
        case acknowledged(UInt64)
        case checkpoint(LogCheckpoint)
        case ordered(ChangeOrder)
        case leaseEnded(LeaseID, LeaseEnd)
        case leaseExtended(LeaseID, Duration)
        case cancel(SessionID)
        case began(SessionID)
        case abandoned(SessionID)
        case closed(SessionID)
    }

    static let farewell = "nothing to see here; good-bye"

    let log = EventLog<Event>()
    let name = AgentName(unchecked: "shop-agent")
    let instance = InstanceID.random()
    /// Bytes that `source` sessions have handed to their pipes.
    let sent = Atomic<Int>(0)
    let messages = Mutex<[String]>([])

    func start(
        port: Int, tls: @escaping @Sendable () throws -> TLSConfiguration, time: any TimeSource = SystemTime(),
        host: String = "127.0.0.1", targets: [TargetAnnouncement] = [], times: TunnelTimes = TunnelTimes()
    ) async throws -> TunnelAgent {
        var configuration = TunnelAgent.Configuration(
            host: host, port: port, agent: self.name, instance: self.instance, software: "test", tls: tls)
        configuration.times = times
        return try await TunnelAgent.start(
            configuration, targets: targets, events: self, time: time, on: group, logger: quiet)
    }

    func start(
        to server: TunnelServer, _ certificates: Certificates, time: any TimeSource = SystemTime(), port: Int? = nil,
        times: TunnelTimes = TunnelTimes()
    ) async throws -> TunnelAgent {
        let configuration = try certificates.agent(self.name)
        return try await self.start(port: port ?? server.port, tls: { configuration }, time: time, times: times)
    }

    func untilJoined() async throws {
        try await self.log.first { if case .joined = $0 { true } else { false } }
    }

    func gatewayJoined(_ welcome: Welcome, _ arrival: Presence.Arrival) {
        self.log.append(.joined(welcome.gateway, arrival, lastSequence: welcome.lastSequence))
    }
    func gatewayJoinFailed(_ error: GloveboxError) {
        self.messages.withLock { $0.append(error.message) }
        self.log.append(.joinFailed(error.code))
    }
    func gatewayAway() { self.log.append(.away) }
    func gatewayLost() { self.log.append(.lost) }
    func checkpointCame(_ checkpoint: LogCheckpoint) { self.log.append(.checkpoint(checkpoint)) }
    func changeOrdered(_ order: ChangeOrder) { self.log.append(.ordered(order)) }
    func recordsAcknowledged(_ sequence: UInt64) { self.log.append(.acknowledged(sequence)) }
    func leaseEnded(_ lease: LeaseID, _ reason: LeaseEnd) { self.log.append(.leaseEnded(lease, reason)) }
    func leaseExtended(_ lease: LeaseID, remaining: Duration) { self.log.append(.leaseExtended(lease, remaining)) }
    func cancelRequested(_ session: SessionID) { self.log.append(.cancel(session)) }

    func openSession(_ request: SessionRequest, on eventLoop: any EventLoop) -> EventLoopFuture<SessionOpening> {
        let purpose = request.grant.purpose
        guard purpose != "refuse" else {
            return eventLoop.makeFailedFuture(GloveboxError(.ceilingDenied, "the ceiling says no"))
        }
        return eventLoop.makeSucceededFuture(
            SessionOpening { channel in
                self.log.append(.began(request.session))
                channel.closeFuture.whenComplete { _ in self.log.append(.closed(request.session)) }
                if purpose == "farewell" {
                    channel.writeAndFlush(ByteBuffer(string: Self.farewell)).whenComplete { _ in
                        channel.close(promise: nil)
                    }
                } else if purpose.hasPrefix("source:") {
                    let source = Source(bytes: Int(purpose.dropFirst(7)) ?? 0) { self.sent.add($0, ordering: .relaxed) }
                    try channel.pipeline.syncOperations.addHandler(source)
                    source.fill(channel)
                } else {
                    try channel.pipeline.syncOperations.addHandler(Echo())
                    try channel.syncOptions?.setOption(.autoRead, value: true)
                }
            } abandon: {
                self.log.append(.abandoned(request.session))
            })
    }
}

private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Sends while the channel is writable, then closes.
private final class Source: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    static let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)

    private var left: Int
    private let count: (Int) -> Void

    init(bytes: Int, count: @escaping (Int) -> Void) {
        self.left = bytes
        self.count = count
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.fill(context.channel) }

    func fill(_ channel: any Channel) {
        while channel.isWritable, self.left > 0 {
            let piece = Self.piece.getSlice(at: 0, length: min(self.left, Self.piece.readableBytes)) ?? ByteBuffer()
            self.left -= piece.readableBytes
            self.count(piece.readableBytes)
            let written = channel.writeAndFlush(piece)
            if self.left == 0 { written.whenComplete { _ in channel.close(promise: nil) } }
        }
    }
}
