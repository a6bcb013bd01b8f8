import NIOCore

/// Below HTTP/2, above TLS: what the streams of a connection send within one turn of the event loop goes out together, since
/// each of them flushes its own answer, and a TLS record and a system call for each cost as much as the rest of it.
final class FlushOnce: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?
    private var isFlushWaiting = false

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.flushNow()
        self.context = nil
    }

    func flush(context: ChannelHandlerContext) {
        guard !self.isFlushWaiting else { return }
        self.isFlushWaiting = true
        // Runs behind all that's ready to be read in this turn.
        context.eventLoop.assumeIsolated().execute { self.flushNow() }
    }

    /// What was flushed before a close is still to get out.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.flushNow()
        context.close(mode: mode, promise: promise)
    }

    private func flushNow() {
        guard self.isFlushWaiting else { return }
        self.isFlushWaiting = false
        self.context?.flush()
    }
}
