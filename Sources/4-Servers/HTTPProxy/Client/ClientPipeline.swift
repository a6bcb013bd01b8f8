import HTTPWire
import NIOCore
import NIOHTTP2
import NIOSSL
import NIOTLS

/// What handles a client's connection: HTTP/1 at once, or what TLS' ALPN says.
enum ClientPipeline {
    static func add(to channel: any Channel, of listener: ProxyListener, _ loop: ProxyLoop) throws {
        let pipeline = channel.pipeline.syncOperations
        guard let context = listener.tls?() else {
            return try pipeline.addHandler(HTTP1Handler(loop, isSecure: false))
        }
        let shaking = HandshakeDeadline(loop)
        let bound = NIOLoopBound((loop: loop, shaking: shaking), eventLoop: channel.eventLoop)
        try pipeline.addHandler(shaking)
        try pipeline.addHandler(NIOSSLServerHandler(context: context))
        try pipeline.addHandler(
            ApplicationProtocolNegotiationHandler { result, channel in
                channel.eventLoop.makeCompletedFuture {
                    channel.pipeline.syncOperations.removeHandler(bound.value.shaking, promise: nil)
                    switch result {
                    case .negotiated("h2"): try Self.addHTTP2(to: channel, bound.value.loop)
                    case .negotiated, .fallback:
                        try channel.pipeline.syncOperations.addHandler(HTTP1Handler(bound.value.loop, isSecure: true))
                    }
                }
            })
    }

    /// What a peer may make a connection do for nothing is bounded: streams at once, resets, errors, control frames, the
    /// size and the frames of a head. Above that nio-http2 ends the connection with `ENHANCE_YOUR_CALM`.
    private static func addHTTP2(to channel: any Channel, _ loop: ProxyLoop) throws {
        let limits = loop.settings.limits
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.head.head),
            HTTP2Setting(parameter: .initialWindowSize, value: Self.streamWindow),
        ]
        connection.targetWindowSize = Self.connectionWindow
        connection.maximumBufferedControlFrames = 256
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = Self.streamWindow
        stream.outboundBufferSizeHighWatermark = 64 * 1024
        stream.outboundBufferSizeLowWatermark = 32 * 1024
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: nil, keepalive: nil))
        let own = HTTP2Connection(
            loop,
            origin: ClientOrigin(channel.remoteAddress, isSecure: true, trusted: loop.settings.trusted))
        let bound = NIOLoopBound(own, eventLoop: channel.eventLoop)
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: channel.eventLoop, connectionConfiguration: connection,
            streamConfiguration: stream, streamDelegate: management.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(HTTP2Stream(bound.value))
            }
        }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(FlushOnce())
        try pipeline.addHandler(handler)
        try pipeline.addHandler(management)
        try pipeline.addHandler(own)
    }

    /// How much of a request's body may be under way, of one stream and of all of a connection, in bytes.
    private static let streamWindow = 64 * 1024 - 1
    private static let connectionWindow = 1024 * 1024
}

/// Closes a connection whose TLS handshake takes too long.
private final class HandshakeDeadline: LoopMember, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let loop: ProxyLoop
    private var context: ChannelHandlerContext?

    init(_ loop: ProxyLoop) {
        self.loop = loop
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.deadline = self.loop.now &+ self.loop.nanoseconds.head
        self.loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.loop.remove(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    override func deadlinePassed() {
        self.context?.close(promise: nil)
    }
}
