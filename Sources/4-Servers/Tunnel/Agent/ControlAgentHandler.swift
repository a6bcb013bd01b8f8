import Contracts
import ControlWire
import GloveboxCore
import NIOCore
import NIOTLS

/// An agent's control connection, on the event loop of its ``AgentCore``. Messages written to the channel are sent to the
/// gateway once the agent has joined. See ``ControlAgentMachine``.
final class ControlAgentHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ControlMessage
    typealias OutboundOut = ByteBuffer

    private var machine = ControlAgentMachine()
    private var decoder = FrameDecoder<ControlMessage>()
    private var liveness: Liveness?
    private let core: AgentCore
    private var context: ChannelHandlerContext?
    private var overdue: Scheduled<Void>?
    /// Why it ended, where that's known.
    private var failure: GloveboxError?
    private var hasEnded = false

    init(_ core: AgentCore) {
        self.core = core
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.overdue = context.eventLoop.scheduleTask(in: self.core.configuration.times.join) {
            let (handler, context) = bound.value
            handler.fail(GloveboxError(.gatewayUnreachable, "the gateway doesn't answer: see its log"), context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.overdue?.cancel()
    }

    // MARK: What the gateway says

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let applicationProtocol)? = event as? TLSUserEvent {
            if applicationProtocol == TunnelPort.control {
                self.send(self.machine.start(self.core.hello()), context)
            } else {
                self.fail(
                    GloveboxError(
                        .gatewayUnreachable,
                        "what answers isn't the port for agents of a gateway: correct the gateway's address"),
                    context)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.liveness?.heard(at: self.core.time.boot)
        self.decoder.feed(self.unwrapInboundIn(data))
        do {
            while let message = try self.decoder.next() {
                self.received(message, context)
            }
        } catch {
            self.fail(error, context)
        }
    }

    private func received(_ message: ControlMessage, _ context: ChannelHandlerContext) {
        switch self.machine.received(message) {
        case .joined(let welcome):
            self.overdue?.cancel()
            self.liveness = Liveness(welcome.pace, at: self.core.time.boot)
            self.core.joined(welcome, on: context.channel)
        case .refused(let code, let message):
            self.fail(GloveboxError(GloveboxError.Code(code), "the gateway refuses this agent: \(message)"), context)
        case .send(let message): self.send(message, context)
        case .dial(let count): self.core.demanded(count)
        case .acknowledged(let sequence): self.core.events.recordsAcknowledged(sequence)
        case .leaseExtended(let lease, let remaining): self.core.events.leaseExtended(lease, remaining: remaining)
        case .leaseEnded(let lease, let reason): self.core.events.leaseEnded(lease, reason)
        case .cancel(let session): self.core.events.cancelRequested(session)
        case .checkpoint(let checkpoint): self.core.events.checkpointCame(checkpoint)
        case .changeOrder(let order): self.core.events.changeOrdered(order)
        case .goodbye(let reason):
            self.failure = GloveboxError(.gatewayUnreachable, "the gateway has said goodbye: \(reason)")
            self.end(grace: .zero)
            context.close(promise: nil)
        case .fail(let what):
            self.fail(GloveboxError(.protocolViolation, "the gateway broke the tunnel's protocol: \(what)"), context)
        case .ignore: break
        }
    }

    // MARK: What the gateway is told

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard self.machine.isOpen else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        var frame = ByteBuffer()
        do {
            try self.unwrapOutboundIn(data).encode(into: &frame)
        } catch {
            promise?.fail(error)
            return
        }
        context.write(self.wrapOutboundOut(frame), promise: promise)
    }

    private func send(_ message: ControlMessage, _ context: ChannelHandlerContext) {
        var frame = ByteBuffer()
        do {
            try message.encode(into: &frame)
        } catch {
            return self.fail(error, context)
        }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }

    func tick(at now: BootInstant) {
        guard let context = self.context, let action = self.liveness?.tick(at: now) else { return }
        switch action {
        case .wait: break
        case .ping(let number): self.send(.ping(number), context)
        case .dead:
            self.failure = GloveboxError(.gatewayUnreachable, "the gateway is silent")
            // At once: closing may have to wait for a peer that doesn't answer.
            self.end(grace: self.liveness?.pace.grace ?? .zero)
            context.close(promise: nil)
        }
    }

    // MARK: Ending

    private func fail(_ error: GloveboxError, _ context: ChannelHandlerContext) {
        self.machine.closed()
        self.failure = self.failure ?? error
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failure =
            self.failure
            ?? GloveboxError(
                .gatewayUnreachable, "the connection to the gateway failed: \(AgentCore.reason(error))", cause: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(grace: self.liveness?.pace.grace ?? .zero)
        context.fireChannelInactive()
    }

    private func end(grace: Duration) {
        self.machine.closed()
        self.liveness = nil
        guard !self.hasEnded, let context = self.context else { return }
        self.hasEnded = true
        self.core.ended(
            context.channel, self.failure ?? GloveboxError(.gatewayUnreachable, "the gateway closed the connection"),
            grace: grace)
    }
}
