import GloveboxCore
import NIOCore
import PostgresWire

/// Stands in the pipe from an agent and, when it breaks, tells the client so in PostgreSQL's own words.
///
/// An agent that ends a session tells its client why and closes its end in order. One that was killed, or is cut off,
/// tells nothing: then this adds the last message, if the pipe broke between two messages. In the middle of one nothing
/// can be said, since the client would take it for the rest of that message; the connection just closes. So it does where
/// the agent is slow to end a session, and the gateway cuts it.
///
/// It counts lengths (``MessageBoundary``) and looks into no message: a few nanoseconds for each.
final class LastWord: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var boundary = MessageBoundary()
    private var isOver = false

    /// In front of what joins the pipe with its client.
    static func stand(in pipe: any Channel) {
        if pipe.eventLoop.inEventLoop {
            // Without it the client is cut off all the same.
            try? pipe.pipeline.syncOperations.addHandler(LastWord())
        } else {
            pipe.eventLoop.execute { try? pipe.pipeline.syncOperations.addHandler(LastWord()) }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.boundary.pass(self.unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    /// The gateway ends the session itself, since the agent hasn't done so in time.
    struct Cut: Sendable {
        var error: GloveboxError
    }

    /// A broken pipe is an error before it's an end: a reset, an end without TLS's goodbye, an agent that's lost.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.speak(Self.error, context)
        context.fireErrorCaught(error)
    }

    /// The agent's end in order, after which an error is none.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { self.isOver = true }
        if let cut = event as? Cut { self.speak(cut.error, context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func speak(_ error: GloveboxError, _ context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        self.isOver = true
        // After an error the agent may have said why it ends the session.
        guard self.boundary.isBetweenMessages, self.boundary.kind != BackendMessage.Kind.errorResponse.rawValue else {
            return
        }
        var bytes = ByteBuffer()
        ErrorFields(fatal: error, sqlState: "57P01").writeError(into: &bytes)
        context.fireChannelRead(self.wrapInboundOut(bytes))
        context.fireChannelReadComplete()
    }

    private static let error = GloveboxError(
        .agentOffline,
        "the agent that served this session is gone, and the session with it: connect again once 'glovebox target list' shows the target as online"
    )
}
