import ControlWire
import GloveboxCore
import NIOCore

/// An idle connection of an agent's, for whichever event loop wants to open a session on it.
final class PooledConnection: Sendable {
    let channel: any Channel
    private let handler: NIOLoopBound<PoolGatewayHandler>

    /// On the channel's event loop.
    init(_ channel: any Channel, _ handler: PoolGatewayHandler) {
        self.channel = channel
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    enum Opened: Sendable {
        case pipe(any Channel)
        /// The agent didn't take it, and nothing of the client's has been sent: try another.
        case retry
    }

    /// Fails with the agent's own code when it refuses the session.
    func open(_ request: SessionRequest) -> EventLoopFuture<Opened> {
        let promise = self.channel.eventLoop.makePromise(of: Opened.self)
        if self.channel.eventLoop.inEventLoop {
            self.handler.value.open(request, promise)
        } else {
            self.channel.eventLoop.execute { self.handler.value.open(request, promise) }
        }
        return promise.futureResult
    }
}

/// A pooled connection at the gateway, from its hello until a session takes it over. See ``PoolGatewayMachine``.
final class PoolGatewayHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var machine: PoolGatewayMachine
    private var decoder = FrameDecoder<PoolMessage>()
    private let link: AgentLink
    private let times: TunnelTimes
    private var context: ChannelHandlerContext?
    private var connection: PooledConnection?
    private var promise: EventLoopPromise<PooledConnection.Opened>?
    private var overdue: Scheduled<Void>?

    init(_ link: AgentLink, _ times: TunnelTimes) {
        self.machine = PoolGatewayMachine(agent: link.agent)
        self.link = link
        self.times = times
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        self.overdue = context.eventLoop.scheduleTask(in: self.times.join) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // It holds this handler, and the channel.
        self.connection = nil
        self.overdue?.cancel()
    }

    // MARK: What the agent says

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.feed(self.unwrapInboundIn(data))
        do {
            while let message = try self.decoder.next() {
                guard self.received(message, context) else { return }
            }
        } catch {
            self.end(error, context)
        }
    }

    /// - Returns: whether messages can follow.
    private func received(_ message: PoolMessage, _ context: ChannelHandlerContext) -> Bool {
        switch self.machine.received(message) {
        case .judge(let instance, _):
            self.judge(instance, context)
            return true
        case .taken:
            self.overdue?.cancel()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            self.overdue = context.eventLoop.scheduleTask(in: self.times.opening) {
                let (handler, context) = bound.value
                handler.end(
                    GloveboxError(
                        .unavailable, "agent \(handler.link.agent) took too long to open the target: try again"),
                    context)
            }
            return true
        case .handOver:
            self.handOver(context)
            return false
        case .refused(let code, let message):
            self.end(GloveboxError(GloveboxError.Code(code), message), context)
            return false
        case .fail(let what):
            self.end(
                GloveboxError(.protocolViolation, "agent \(self.link.agent) broke the tunnel's protocol: \(what)"),
                context)
            return false
        }
    }

    private func judge(_ instance: InstanceID, _ context: ChannelHandlerContext) {
        guard let welcome = self.machine.admit() else { return }
        self.overdue?.cancel()
        self.send(welcome, context)
        let connection = PooledConnection(context.channel, self)
        self.connection = connection
        guard self.link.add(connection, instance: instance) else { return context.close(promise: nil) }
    }

    // MARK: A session

    func open(_ request: SessionRequest, _ promise: EventLoopPromise<PooledConnection.Opened>) {
        guard let context = self.context, let message = self.machine.open(request) else {
            self.context?.close(promise: nil)
            return promise.succeed(.retry)
        }
        var frame = ByteBuffer()
        do {
            try message.encode(into: &frame)
        } catch {
            context.close(promise: nil)
            _ = self.machine.closed()
            return promise.fail(
                GloveboxError(.invalidArgument, "the client's start-up parameters are too long", cause: error))
        }
        self.promise = promise
        self.overdue?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.overdue = context.eventLoop.scheduleTask(in: self.times.taking) {
            let (handler, context) = bound.value
            guard handler.machine.takingOverdue() else { return }
            handler.promise.take()?.succeed(.retry)
            context.close(promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }

    /// All in one tick: from here the channel carries a session's bytes, and only TLS and what holds them is left.
    private func handOver(_ context: ChannelHandlerContext) {
        self.overdue?.cancel()
        let channel = context.channel
        do {
            try channel.syncOptions?.setOption(.autoRead, value: false)
            TunnelSockets.leaveToSession(channel)
            try context.pipeline.syncOperations.addHandler(
                PipeHold(self.decoder.takeRest()), position: .after(self))
        } catch {
            return self.end(
                GloveboxError(.unavailable, "the pipe to the agent broke: try again", cause: error), context)
        }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        self.promise.take()?.succeed(.pipe(channel))
    }

    // MARK: Ending

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Half-closing is for pipes; here the end of input is the end.
        if case .inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let connection = self.connection.take() { self.link.remove(connection) }
        switch self.machine.closed() {
        case .unused: break
        case .retry: self.promise.take()?.succeed(.retry)
        case .lost:
            self.promise.take()?.fail(
                GloveboxError(.unavailable, "agent \(self.link.agent) broke off while it opened the target: try again"))
        }
        // Whatever the machine says, nobody waits for ever.
        self.promise.take()?.succeed(.retry)
        context.fireChannelInactive()
    }

    private func end(_ error: GloveboxError, _ context: ChannelHandlerContext) {
        self.promise.take()?.fail(error)
        _ = self.machine.closed()
        context.close(promise: nil)
    }

    private func send(_ message: PoolMessage, _ context: ChannelHandlerContext) {
        var frame = ByteBuffer()
        do {
            try message.encode(into: &frame)
        } catch {
            return self.end(error, context)
        }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }
}
