import GloveboxCore
import NIOCore
import NIOPosix

@testable import Tunnel

/// A client on a plain socket, joined with a session as a gateway does it.
struct RelayedClient {
    let client: PipeClient
    private let listener: any Channel
    private let joined: EventLog<Relay>

    static func make(
        _ server: TunnelServer, _ agent: AgentName, _ purpose: String, reading: Bool
    ) async throws -> RelayedClient {
        let joined = EventLog<Relay>()
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.writeBufferWaterMark, value: TunnelSockets.watermarks)
            .childChannelInitializer { near in
                near.eventLoop.makeCompletedFuture {
                    try near.pipeline.syncOperations.addHandler(
                        Joiner {
                            server.openSession(.some(purpose: purpose), on: agent, eventLoop: near.eventLoop)
                                .whenSuccess { pipe in joined.append(Relay.join(near, pipe)) }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await PipeClient.connect(port: listener.localAddress?.port ?? 0, reading: reading)
        try await joined.first { _ in true }
        return RelayedClient(client: client, listener: listener, joined: joined)
    }

    func counts() -> (fromFirst: Int, fromSecond: Int) {
        guard let relay = self.joined.all.first else { return (0, 0) }
        return (relay.fromFirst, relay.fromSecond)
    }

    func close() async {
        self.client.channel.close(promise: nil)
        try? await self.listener.close()
    }
}

/// Calls back once its channel is connected.
final class Joiner: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let join: () -> Void

    init(_ join: @escaping () -> Void) { self.join = join }

    func channelActive(context: ChannelHandlerContext) {
        self.join()
        context.fireChannelActive()
    }
}

enum PreparedSocket {
    /// A fresh socket as the tunnel prepares it, connected to a listener of its own, which `body` outlives.
    static func with<Value: Sendable>(_ body: (any Channel) async throws -> Value) async throws -> Value {
        let listener = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try TunnelSockets.prepare(channel) }
            }
            .connect(host: "127.0.0.1", port: listener.localAddress?.port ?? 0).get()
        let value = try await body(channel)
        try await channel.close()
        try await listener.close()
        return value
    }
}
