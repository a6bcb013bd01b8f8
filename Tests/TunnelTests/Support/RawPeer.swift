import ControlWire
import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import TestSupport

/// A TLS client that speaks frames, or what the test sends.
final class RawPeer<Message: WireMessage & Equatable>: Sendable {
    enum Event: Sendable, Equatable {
        case handshake(String?)
        case message(Message)
        case closed
    }

    let channel: any Channel
    let log = EventLog<Event>()

    /// - Parameter answer: what to send for a message that came.
    init(
        port: Int, _ configuration: TLSConfiguration, protocols: [String],
        answer: @escaping @Sendable (Message) -> [Message] = { _ in [] }
    ) async throws {
        var configuration = configuration
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        let log = self.log
        self.channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: nil)
                    try channel.pipeline.syncOperations.addHandlers([tls, Handler(log, answer)])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ message: Message) async throws {
        var frame = ByteBuffer()
        try message.encode(into: &frame)
        try await self.channel.writeAndFlush(frame)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let log: EventLog<Event>
        private let answer: (Message) -> [Message]
        private var decoder = FrameDecoder<Message>()

        init(_ log: EventLog<Event>, _ answer: @escaping (Message) -> [Message]) {
            self.log = log
            self.answer = answer
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted(let name)? = event as? TLSUserEvent { self.log.append(.handshake(name)) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.decoder.feed(self.unwrapInboundIn(data))
            while let message = try? self.decoder.next() {
                self.log.append(.message(message))
                var frames = ByteBuffer()
                for answer in self.answer(message) { try? answer.encode(into: &frames) }
                if frames.readableBytes > 0 { context.writeAndFlush(NIOAny(frames), promise: nil) }
            }
        }

        func channelInactive(context: ChannelHandlerContext) { self.log.append(.closed) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
