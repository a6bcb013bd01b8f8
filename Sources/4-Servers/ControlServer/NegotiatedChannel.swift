import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOTLS

/// HTTP/2 or HTTP/1.1, as the handshake's ALPN says (RFC 7301); HTTP/1.1 with a client that names none. Hummingbird has
/// the same, but with a TLS configuration that can't be replaced while it runs.
struct NegotiatedChannel: ServerChildChannel {
    enum Connection: Sendable {
        case http1(HTTP1Channel.Value)
        case http2(HTTP2Channel.Value)
    }

    struct Value: ServerChildChannelValue {
        var connection: EventLoopFuture<Connection>
        var channel: any Channel
    }

    private let http1: HTTP1Channel
    private let http2: HTTP2Channel

    /// - Parameter idleTimeout: a connection on which nothing moves for so long is closed.
    init(
        responder: @escaping HTTPChannelHandler.Responder, idleTimeout: Duration,
        decoder: HTTP1Channel.Configuration.DecoderConfiguration
    ) {
        let stream = HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(idleTimeout), httpDecoderConfiguration: decoder)
        self.http1 = HTTP1Channel(responder: responder, configuration: stream)
        self.http2 = HTTP2Channel(
            responder: responder, configuration: .init(idleTimeout: idleTimeout, streamConfiguration: stream))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let negotiation = NIOTypedApplicationProtocolNegotiationHandler<Connection> { result, channel in
                switch result {
                case .negotiated("h2"):
                    self.http2.setup(channel: channel, logger: logger).map { .http2($0) }
                case .negotiated("http/1.1"), .fallback:
                    self.http1.setup(channel: channel, logger: logger).map { .http1($0) }
                case .negotiated:
                    // The handshake ends before that: no protocol in common.
                    channel.close().flatMapThrowing { throw ChannelError.inappropriateOperationForState }
                }
            }
            try channel.pipeline.syncOperations.addHandlers(HandshakeQuiescing(), negotiation)
            return Value(connection: negotiation.protocolNegotiationResult, channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.connection.get() {
            case .http1(let connection): await self.http1.handle(value: connection, logger: logger)
            case .http2(let connection): await self.http2.handle(value: connection, logger: logger)
            }
        } catch {
            logger.debug("no handshake", metadata: ["error": "\(error)"])
        }
    }
}

/// Closes a connection that is still in its handshake when the server stops. Whoever else listens for that is put into the
/// pipeline after the handshake, and the connection would stay open, with nobody to serve it.
private final class HandshakeQuiescing: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private var isOver = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent where !self.isOver:
            context.close(promise: nil)
            return
        case TLSUserEvent.handshakeCompleted: self.isOver = true
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }
}
