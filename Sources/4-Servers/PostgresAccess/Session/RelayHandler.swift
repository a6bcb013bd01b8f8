import NIOCore

/// One end of a session's relay: tells it what happens on its channel, and reads only while the other end can take it.
final class RelayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    enum Side {
        /// The pipe to the gateway, behind which the client is.
        case client
        case backend
    }

    private let side: Side
    private let relay: SessionRelay
    private var context: ChannelHandlerContext?
    private var isReadWaiting = false

    init(_ side: Side, of relay: SessionRelay) {
        self.side = side
        self.relay = relay
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.relay.received(self.unwrapInboundIn(data), from: self.side)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.relay.readCompleted(self.side)
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.relay.closed(self.side)
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.relay.becameWritable(self.side) }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.relay.closed(self.side)
        context.close(promise: nil)
    }

    func read(context: ChannelHandlerContext) {
        if self.relay.mayRead(self.side) {
            context.read()
        } else {
            self.isReadWaiting = true
        }
    }

    /// Does the read that had to wait, if it may be done now.
    func resume() {
        guard self.isReadWaiting, let context = self.context, self.relay.mayRead(self.side) else { return }
        self.isReadWaiting = false
        context.read()
    }
}
