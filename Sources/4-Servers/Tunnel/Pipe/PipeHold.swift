import NIOCore

/// Keeps what comes between the moment at which a connection becomes a session's pipe and the moment at which the
/// session can take it, so that no byte is lost and none arrives before somebody is there for it.
///
/// It lets go, and leaves the pipeline, at the first read that somebody behind it asks for (`channel.read()`), or once
/// bytes come while the channel reads by itself. What it held, and an end of input, go on in order.
final class PipeHold: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var held: [ByteBuffer]
    private var isInputClosed = false
    private var isReleased = false

    /// - Parameter rest: what came behind the last message of the protocol.
    init(_ rest: ByteBuffer) {
        self.held = rest.readableBytes > 0 ? [rest] : []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isReleased { return context.fireChannelRead(data) }
        self.held.append(self.unwrapInboundIn(data))
        if (try? context.channel.syncOptions?.getOption(.autoRead)) == true { self.release(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !self.isReleased, case .inputClosed? = event as? ChannelEvent {
            self.isInputClosed = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        // First, as a handler that has left its pipeline reads nothing.
        context.read()
        self.release(context)
    }

    /// Leaves the pipeline last: a handler that has left it can hand nothing on.
    private func release(_ context: ChannelHandlerContext) {
        guard !self.isReleased else { return }
        self.isReleased = true
        let held = self.held
        self.held = []
        for bytes in held {
            context.fireChannelRead(self.wrapInboundOut(bytes))
        }
        if !held.isEmpty { context.fireChannelReadComplete() }
        if self.isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
