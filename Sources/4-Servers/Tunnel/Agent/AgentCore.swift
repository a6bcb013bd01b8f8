import Contracts
import ControlWire
import GloveboxCore
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// The way to an agent's ``AgentCore`` from any event loop.
struct AgentHandle: Sendable {
    let configuration: TunnelAgent.Configuration
    let events: any TunnelAgentEvents
    let eventLoop: any EventLoop
    private let core: NIOLoopBound<AgentCore>

    /// On the core's event loop.
    init(_ core: AgentCore) {
        self.configuration = core.configuration
        self.events = core.events
        self.eventLoop = core.eventLoop
        self.core = NIOLoopBound(core, eventLoop: core.eventLoop)
    }

    func run(_ body: @escaping @Sendable (AgentCore) -> Void) {
        if self.eventLoop.inEventLoop {
            body(self.core.value)
        } else {
            self.eventLoop.execute { body(self.core.value) }
        }
    }
}

/// The state of a ``TunnelAgent``, all on one event loop: its control connection, its pool, its sessions' pipes.
final class AgentCore {
    let configuration: TunnelAgent.Configuration
    let events: any TunnelAgentEvents
    let time: any TimeSource
    let eventLoop: any EventLoop
    private let group: any EventLoopGroup
    private let logger: Logger

    private var tls: AgentTLS
    private var targets: [TargetAnnouncement]
    private var presence = Presence()
    private var redial: Redial
    private var control: (any Channel)?
    private var joinedOn: (any Channel)?
    private var joinedAt = BootInstant(nanoseconds: 0)
    private var pool = PoolSizing(.standard)
    private var isRefillDue = false
    private var pooled: [ObjectIdentifier: any Channel] = [:]
    private var sessions: [SessionID: any Channel] = [:]
    private var isClosed = false

    init(
        _ configuration: TunnelAgent.Configuration, targets: [TargetAnnouncement], _ events: any TunnelAgentEvents,
        _ time: any TimeSource, _ group: any EventLoopGroup, _ eventLoop: any EventLoop, _ logger: Logger
    ) {
        self.configuration = configuration
        self.targets = targets
        self.events = events
        self.time = time
        self.group = group
        self.eventLoop = eventLoop
        self.logger = logger
        self.tls = AgentTLS(host: configuration.host, configuration.tls)
        self.redial = Redial(configuration.times.redial)
    }

    // MARK: The control connection

    func hello() -> Hello {
        Hello(
            versions: self.configuration.versions, features: self.configuration.features,
            agent: self.configuration.agent,
            instance: self.configuration.instance, software: self.configuration.software, targets: self.targets,
            wall: self.time.wall, boot: self.time.boot, log: self.configuration.log())
    }

    func dial() {
        guard !self.isClosed, self.control == nil else { return }
        let tls: NIOLoopBound<NIOSSLClientHandler>
        do {
            tls = NIOLoopBound(try self.tls.control(), eventLoop: self.eventLoop)
        } catch {
            return self.dialFailed(
                error as? GloveboxError
                    ?? GloveboxError(
                        .certificateInvalid, "the agent's certificate or key can't be used: enrol it again",
                        cause: error))
        }
        let handler = NIOLoopBound(ControlAgentHandler(self), eventLoop: self.eventLoop)
        self.bootstrap(self.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try TunnelSockets.prepare(channel)
                    try channel.pipeline.syncOperations.addHandlers([tls.value, handler.value])
                }
            }
            .connect(host: self.configuration.host, port: self.configuration.port)
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let channel):
                    // It may have ended already.
                    guard channel.isActive, !self.isClosed else { return channel.close(promise: nil) }
                    self.control = channel
                case .failure(let error):
                    self.dialFailed(
                        GloveboxError(
                            .gatewayUnreachable,
                            "can't connect to the gateway at \(self.configuration.host):\(self.configuration.port): \(Self.reason(error))",
                            cause: error))
                }
            }
    }

    private func bootstrap(_ eventLoop: any EventLoop) -> ClientBootstrap {
        ClientBootstrap(group: eventLoop).connectTimeout(.seconds(5))
    }

    private func dialFailed(_ error: GloveboxError) {
        guard !self.isClosed else { return }
        self.events.gatewayJoinFailed(error)
        self.dialLater()
    }

    private func dialLater() {
        let delay = self.redial.failed(chance: Double.random(in: 0...1))
        self.schedule(.nanoseconds(delay.nanosecondsClamped)) { $0.dial() }
    }

    func joined(_ welcome: Welcome, on channel: any Channel) {
        guard !self.isClosed else { return channel.close(promise: nil) }
        self.joinedOn = channel
        self.joinedAt = self.time.boot
        let arrival = self.presence.joined(welcome.gateway, at: self.time.boot)
        if case .restarted = arrival { self.endSessions() }
        self.logger.info("joined the gateway", metadata: ["gateway": "\(welcome.gateway)", "arrival": "\(arrival)"])
        self.pool.set(welcome.pool)
        self.events.gatewayJoined(welcome, arrival)
        self.perform(self.pool.refill())
    }

    /// The control connection is gone, or as good as gone.
    func ended(_ channel: any Channel, _ error: GloveboxError, grace: Duration) {
        let hadJoined = self.joinedOn === channel
        self.control = nil
        self.joinedOn = nil
        guard !self.isClosed else { return }
        if hadJoined {
            if self.joinedAt.duration(to: self.time.boot) >= self.configuration.times.steady { self.redial.succeeded() }
            self.logger.warning("away from the gateway", metadata: ["why": "\(error)"])
            self.pool.stop()
            self.presence.left(at: self.time.boot, grace: grace)
            self.events.gatewayAway()
            self.judgeAbsence(at: self.time.boot)
            self.dialLater()
        } else {
            self.dialFailed(error)
        }
    }

    func tick(at now: BootInstant) {
        self.judgeAbsence(at: now)
        guard let control = self.control,
            let handler = try? control.pipeline.syncOperations.handler(type: ControlAgentHandler.self)
        else { return }
        handler.tick(at: now)
    }

    private func judgeAbsence(at now: BootInstant) {
        guard self.presence.tick(at: now) != nil else { return }
        self.logger.warning("lost the gateway")
        self.endSessions()
        self.events.gatewayLost()
    }

    private func endSessions() {
        let channels = Array(self.sessions.values) + self.pooled.values
        self.sessions = [:]
        for channel in channels { channel.close(promise: nil) }
    }

    func send(_ message: ControlMessage) {
        self.joinedOn?.writeAndFlush(message, promise: nil)
    }

    func send(records: [SequencedRecord]) {
        guard let channel = self.joinedOn else { return }
        for batch in Self.batches(records) {
            channel.write(ControlMessage.records(batch)).whenFailure { [logger] error in
                logger.error("records can't be sent", metadata: ["error": "\(describe(error))"])
            }
        }
        channel.flush()
    }

    /// Frames of 1 MiB or one record.
    static func batches(_ records: [SequencedRecord]) -> [[SequencedRecord]] {
        var batches: [[SequencedRecord]] = []
        var batch: [SequencedRecord] = []
        var size = 0
        for record in records {
            if size + record.bytes.count > 1 << 20, !batch.isEmpty {
                batches.append(batch)
                (batch, size) = ([], 0)
            }
            batch.append(record)
            size += record.bytes.count + 32
        }
        return batch.isEmpty ? batches : batches + [batch]
    }

    func announce(_ targets: [TargetAnnouncement]) {
        self.targets = targets
        self.send(.inventory(targets))
    }

    // MARK: The pool

    func demanded(_ count: Int) {
        self.perform(self.pool.demand(count))
    }

    func dialled(succeeded: Bool) {
        let dials = self.pool.dialled(succeeded: succeeded)
        if !succeeded { self.refillLater(.milliseconds(Int64.random(in: 500...1000))) }
        self.perform(dials)
    }

    func idleClosed(retired: Bool) {
        if self.pool.closed(retired: retired) { self.refillSoon() }
    }

    func taken(_ session: SessionID, on channel: any Channel, demanded: Bool) {
        self.pooled[ObjectIdentifier(channel)] = nil
        self.sessions[session] = channel
        let handle = AgentHandle(self)
        channel.closeFuture.whenComplete { _ in handle.run { $0.sessionEnded(session, channel) } }
        if self.pool.taken(demanded: demanded) { self.refillSoon() }
    }

    private func sessionEnded(_ session: SessionID, _ channel: any Channel) {
        guard let current = self.sessions[session], current === channel else { return }
        self.sessions[session] = nil
        self.send(.sessionEnded(session))
    }

    private func refillSoon() {
        let range = self.configuration.times.refill
        self.refillLater(.nanoseconds(Int64.random(in: range.lowerBound.nanoseconds...range.upperBound.nanoseconds)))
    }

    private func refillLater(_ delay: TimeAmount) {
        guard !self.isRefillDue else { return }
        self.isRefillDue = true
        self.schedule(delay) { core in
            core.isRefillDue = false
            guard core.joinedOn != nil else { return }
            core.perform(core.pool.refill())
        }
    }

    private func perform(_ dials: PoolSizing.Dials) {
        for _ in 0..<dials.demanded { self.dialPooled(demanded: true) }
        for _ in 0..<dials.replenishing { self.dialPooled(demanded: false) }
    }

    private func dialPooled(demanded: Bool) {
        guard !self.isClosed, self.joinedOn != nil else { return self.dialled(succeeded: false) }
        let context: (NIOSSLContext, host: String?)
        do {
            context = try self.tls.session()
        } catch {
            return self.dialled(succeeded: false)
        }
        let handle = AgentHandle(self)
        self.bootstrap(self.group.next())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try TunnelSockets.prepare(channel)
                    let tls = try NIOSSLClientHandler(context: context.0, serverHostname: context.host)
                    try channel.pipeline.syncOperations.addHandlers([tls, PoolAgentHandler(handle, demanded: demanded)])
                }
            }
            .connect(host: self.configuration.host, port: self.configuration.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): handle.run { $0.connected(channel) }
                // The handler never saw this connection.
                case .failure: handle.run { $0.dialled(succeeded: false) }
                }
            }
    }

    /// Held, so that it can be closed with the rest.
    private func connected(_ channel: any Channel) {
        guard !self.isClosed else { return channel.close(promise: nil) }
        self.pooled[ObjectIdentifier(channel)] = channel
        let handle = AgentHandle(self)
        channel.closeFuture.whenComplete { _ in
            handle.run { _ = $0.pooled.removeValue(forKey: ObjectIdentifier(channel)) }
        }
    }

    private func schedule(_ delay: TimeAmount, _ body: @escaping @Sendable (AgentCore) -> Void) {
        let handle = AgentHandle(self)
        self.eventLoop.scheduleTask(in: delay) { handle.run(body) }
    }

    // MARK: The end

    /// - Returns: the channels that are being closed.
    func close() -> [any Channel] {
        guard !self.isClosed else { return [] }
        self.send(.goodbye(reason: "the agent stops"))
        self.isClosed = true
        let channels = Array(self.sessions.values) + self.pooled.values + [self.control].compactMap { $0 }
        for channel in channels { channel.close(promise: nil) }
        return channels
    }

    /// For people: in what way a connection failed.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: error.description
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { Self.reason($0.error) } ?? "its name can't be resolved"
        case is NIOSSLError, is BoringSSLError: "TLS failed: \(error)"
        case let error as ChannelError: "\(error)"
        default: String(describing: error)
        }
    }
}
