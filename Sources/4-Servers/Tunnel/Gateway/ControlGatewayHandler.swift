import Contracts
import ControlWire
import GloveboxCore
import Logging
import NIOCore

/// An agent's control connection at the gateway. Messages written to the channel are sent to the agent once it has
/// joined. See ``ControlGatewayMachine``.
final class ControlGatewayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ControlMessage
    typealias OutboundOut = ByteBuffer

    private var machine: ControlGatewayMachine
    private var decoder = FrameDecoder<ControlMessage>()
    private var liveness: Liveness
    private let server: TunnelServerCore
    private let link: AgentLink
    private var intake: RecordIntake?
    private var hasJoined = false
    private var overdue: Scheduled<Void>?

    init(_ link: AgentLink, _ server: TunnelServerCore) {
        self.machine = ControlGatewayMachine(
            agent: link.agent, versions: server.configuration.versions, features: server.configuration.features)
        self.liveness = Liveness(server.configuration.times.pace, at: server.time.boot)
        self.server = server
        self.link = link
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        self.overdue = context.eventLoop.scheduleTask(in: self.server.configuration.times.join) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.overdue?.cancel()
    }

    // MARK: What the agent says

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.liveness.heard(at: self.server.time.boot)
        self.decoder.feed(self.unwrapInboundIn(data))
        do {
            while let message = try self.decoder.next() {
                self.received(message, context)
            }
        } catch {
            self.fail("\(error)", context)
        }
    }

    private func received(_ message: ControlMessage, _ context: ChannelHandlerContext) {
        let (events, agent) = (self.server.events, self.link.agent)
        switch self.machine.received(message) {
        case .judge(let hello): self.judge(hello, context)
        case .send(let message): self.send(message, context)
        case .refuse(let refusal): self.refuse(refusal, context)
        case .records(let records):
            guard self.intake?.add(records) ?? false else { return self.fail("more records than can wait", context) }
        case .sessionEnded(let session): events.agentSessionEnded(agent, session)
        case .inventory(let targets): events.agentInventory(agent, targets)
        case .changeReport(let report): events.agentReported(agent, report)
        case .goodbye(let reason):
            self.left(context, grace: .zero, goodbye: reason)
            context.close(promise: nil)
        case .fail(let what): self.fail(what, context)
        case .ignore: break
        }
    }

    private func judge(_ hello: Hello, _ context: ChannelHandlerContext) {
        let (events, agent) = (self.server.events, self.link.agent)
        context.eventLoop.makeFutureWithTask { try await events.agentJoining(agent, hello) }
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let terms): self.admit(hello, terms, context)
                case .failure(let error):
                    let error = GloveboxError(telling: error)
                    guard let refusal = self.machine.refuse(code: error.code.rawValue, message: error.message) else {
                        return
                    }
                    self.refuse(refusal, context)
                }
            }
    }

    private func admit(_ hello: Hello, _ terms: JoiningTerms, _ context: ChannelHandlerContext) {
        let (configuration, time) = (self.server.configuration, self.server.time)
        guard context.channel.isActive,
            let welcome = self.machine.admit(
                gateway: configuration.instance, pace: configuration.times.pace, pool: configuration.pool,
                lastSequence: terms.lastSequence, wall: time.wall, log: terms.log)
        else { return }
        self.overdue?.cancel()
        self.liveness = Liveness(configuration.times.pace, at: time.boot)
        self.beginIntake(context)
        self.hasJoined = true
        self.send(.welcome(welcome), context)
        let (arrival, notices) = self.link.joined(
            hello.instance, on: context.channel, at: time.boot, keeping: self.server.noticesKept)
        for notice in notices { self.send(notice, context) }
        self.server.logger.info(
            "agent joined", metadata: ["agent": "\(self.link.agent)", "software": "\(hello.software.prefix(80))"])
        self.server.events.agentJoined(self.link.agent, hello, arrival)
    }

    private func beginIntake(_ context: ChannelHandlerContext) {
        let (events, agent, channel, logger) = (
            self.server.events, self.link.agent, context.channel, self.server.logger
        )
        self.intake = RecordIntake {
            try await events.agentRecords(agent, $0)
        } done: { result in
            switch result {
            case .success(let sequence):
                channel.writeAndFlush(ControlMessage.acknowledged(sequence: sequence), promise: nil)
            case .failure(let error):
                logger.error(
                    "an agent's records can't be stored",
                    metadata: ["agent": "\(agent)", "error": "\(describe(error))"])
                channel.close(promise: nil)
            }
        }
    }

    // MARK: What the agent is told

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard self.machine.isOpen else {
            promise?.fail(self.link.offline)
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
            return self.fail("\(error)", context)
        }
        context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
    }

    func tick(_ context: ChannelHandlerContext, at now: BootInstant) {
        guard self.hasJoined else { return }
        switch self.liveness.tick(at: now) {
        case .wait: break
        case .ping(let number): self.send(.ping(number), context)
        case .dead:
            self.server.logger.warning("agent is silent", metadata: ["agent": "\(self.link.agent)"])
            // At once: closing may have to wait for a peer that doesn't answer.
            self.left(context, grace: self.liveness.pace.grace)
            context.close(promise: nil)
        }
    }

    // MARK: Ending

    private func refuse(_ refusal: ControlMessage, _ context: ChannelHandlerContext) {
        self.server.logger.warning("agent refused", metadata: ["agent": "\(self.link.agent)", "refusal": "\(refusal)"])
        self.send(refusal, context)
        context.close(promise: nil)
    }

    private func fail(_ what: String, _ context: ChannelHandlerContext) {
        self.machine.closed()
        self.server.logger.warning(
            "agent broke the tunnel's protocol", metadata: ["agent": "\(self.link.agent)", "what": "\(what)"])
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.left(context, grace: self.liveness.pace.grace)
        context.fireChannelInactive()
    }

    private func left(_ context: ChannelHandlerContext, grace: Duration, goodbye: String? = nil) {
        self.machine.closed()
        self.intake.take()?.finish()
        guard self.hasJoined else { return }
        self.hasJoined = false
        let now = self.server.time.boot
        guard self.link.left(context.channel, at: now, grace: grace) else { return }
        if goodbye == nil { self.server.events.agentAway(self.link.agent) }
        self.server.judgeAbsence(of: self.link, at: now, goodbye: goodbye)
    }
}
