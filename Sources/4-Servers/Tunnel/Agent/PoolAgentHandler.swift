import ControlWire
import GloveboxCore
import NIOCore
import NIOTLS

/// A pooled connection at the agent, from the dial until a session takes it over. See ``PoolAgentMachine``.
final class PoolAgentHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the agent knows of this connection.
    private enum Phase {
        case dialling
        case idle
        case used
    }

    private var machine = PoolAgentMachine()
    private var decoder = FrameDecoder<PoolMessage>()
    private let agent: AgentHandle
    private let isDemanded: Bool
    private var phase = Phase.dialling
    private var isRetired = false
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?

    init(_ agent: AgentHandle, demanded: Bool) {
        self.agent = agent
        self.isDemanded = demanded
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let channel = context.channel
        self.timer = context.eventLoop.scheduleTask(in: self.agent.configuration.times.join) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.timer?.cancel()
    }

    // MARK: What the gateway says

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let applicationProtocol)? = event as? TLSUserEvent {
            guard applicationProtocol == TunnelPort.session else { return context.close(promise: nil) }
            let configuration = self.agent.configuration
            self.send(
                self.machine.start(
                    agent: configuration.agent, instance: configuration.instance, demanded: self.isDemanded), context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.decoder.feed(self.unwrapInboundIn(data))
        do {
            while let message = try self.decoder.next() {
                switch self.machine.received(message) {
                case .idle: self.becomeIdle(context)
                case .open(let request): self.open(request, context)
                case .fail: return context.close(promise: nil)
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func becomeIdle(_ context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.phase = .idle
        self.agent.run { $0.dialled(succeeded: true) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let lasts = Int64(Double(self.agent.configuration.times.idle.nanoseconds) * Double.random(in: 0.75...1.25))
        self.timer = context.eventLoop.scheduleTask(in: .nanoseconds(lasts)) {
            let (handler, context) = bound.value
            guard handler.machine.retire() else { return }
            handler.isRetired = true
            context.close(promise: nil)
        }
    }

    // MARK: A session

    private func open(_ request: SessionRequest, _ context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.phase = .used
        self.send(.taken, context)
        let (channel, isDemanded) = (context.channel, self.isDemanded)
        self.agent.run { $0.taken(request.session, on: channel, demanded: isDemanded) }
        self.agent.events.openSession(request, on: context.eventLoop).hop(to: context.eventLoop)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let opening): self.accept(opening)
                case .failure(let error): self.refuse(GloveboxError(telling: error))
                }
            }
    }

    /// All in one tick: `accepted` is written, this handler goes, the session gets the pipe.
    private func accept(_ opening: SessionOpening) {
        guard let context = self.context, context.channel.isActive, let message = self.machine.accept() else {
            return opening.abandon()
        }
        let channel = context.channel
        do {
            try channel.syncOptions?.setOption(.autoRead, value: false)
            TunnelSockets.leaveToSession(channel)
            try context.pipeline.syncOperations.addHandler(PipeHold(self.decoder.takeRest()), position: .after(self))
        } catch {
            opening.abandon()
            return context.close(promise: nil)
        }
        self.send(message, context)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        do {
            try opening.begin(channel)
        } catch {
            channel.close(promise: nil)
        }
    }

    private func refuse(_ error: GloveboxError) {
        guard let context = self.context,
            let message = self.machine.refuse(code: error.code.rawValue, message: error.message)
        else { return }
        self.send(message, context)
        context.close(promise: nil)
    }

    // MARK: Ending

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = self.machine.closed()
        let isRetired = self.isRetired
        switch self.phase {
        case .dialling: self.agent.run { $0.dialled(succeeded: false) }
        case .idle: self.agent.run { $0.idleClosed(retired: isRetired) }
        case .used: break
        }
        self.phase = .used
        context.fireChannelInactive()
    }

    private func send(_ message: PoolMessage, _ context: ChannelHandlerContext) {
        var frame = ByteBuffer()
        do {
            try message.encode(into: &frame)
        } catch {
            return context.close(promise: nil)
        }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }
}
