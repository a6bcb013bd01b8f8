import NIOCore
import NIOPosix
import PostgresWire
import TestSupport

/// Listens on loopback, and makes a connection to a real PostgreSQL for each that comes. Either side is read once
/// `between` has given both their handlers.
func serverProxy(
    before server: PostgresServer,
    _ between: @escaping @Sendable (_ agent: any Channel, _ server: any Channel) throws -> Void
) async throws -> any Channel {
    let (host, port) = (server.host, server.port)
    return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelOption(.autoRead, value: false)
        .childChannelInitializer { agent in
            ClientBootstrap(group: agent.eventLoop).channelOption(.autoRead, value: false)
                .connect(host: host, port: port)
                .flatMap { server in
                    agent.eventLoop.makeCompletedFuture { try between(agent, server) }
                        .flatMap { agent.setOption(.autoRead, value: true) }
                        .flatMap { server.setOption(.autoRead, value: true) }
                }
        }
        .bind(host: "127.0.0.1", port: 0).get()
}

/// Passes what one side says to a test's function, and its end to the other side.
final class ProxySide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let pass: (ByteBuffer, ChannelHandlerContext) -> Void

    init(to other: any Channel, _ pass: @escaping (ByteBuffer, ChannelHandlerContext) -> Void) {
        self.other = other
        self.pass = pass
    }

    /// Message by message, until `pass` says that there's no going on.
    convenience init(
        to other: any Channel, from origin: Sender,
        _ pass: @escaping (Frame, ChannelHandlerContext) -> Bool
    ) {
        var decoder = MessageDecoder(origin)
        self.init(to: other) { bytes, context in
            decoder.append(bytes)
            while let frame = try? decoder.next() {
                guard pass(frame, context) else { return }
            }
            other.flush()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.pass(self.unwrapInboundIn(data), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.other.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
