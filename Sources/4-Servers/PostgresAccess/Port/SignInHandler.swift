import GloveboxCore
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import PostgresWire

/// Signs one client in, has its session opened, joins it with the pipe to the agent, and removes itself.
final class SignInHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let port: PostgresPort.Parts
    private var machine: ServerSignIn
    private var overdue: Scheduled<Void>?
    private var claimed: String?
    /// Who is being signed in; nil for a name that can't be one.
    private var claim: (target: TargetName, lease: LeaseID)?
    private var opening: PostgresSessionOpening?
    /// What the client sent behind its proof.
    private var unread = ByteBuffer()
    private var isOver = false
    /// TLS came unasked, and hasn't said yet that it carries PostgreSQL's protocol.
    private var awaitsProtocol = false

    init(_ port: PostgresPort.Parts) {
        self.port = port
        self.machine = ServerSignIn(
            offersTLS: port.configuration.tls != nil, allowsPlaintext: port.configuration.allowsPlaintext)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.overdue = context.eventLoop.scheduleTask(in: self.port.configuration.signInLimit) {
            let (handler, context) = bound.value
            handler.close(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.overdue?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.isOver = true
        self.overdue?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.close(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        if self.opening != nil {
            self.unread.writeImmutableBuffer(bytes)
            // Nobody sends this much before the session has begun.
            if self.unread.readableBytes > MessageDecoder.signInLimit { self.close(context) }
            return
        }
        self.machine.append(bytes)
        self.proceed(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if self.awaitsProtocol, case .handshakeCompleted(let agreed)? = event as? TLSUserEvent {
            guard agreed == ServerSignIn.applicationProtocol else { return self.close(context) }
            self.awaitsProtocol = false
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func proceed(_ context: ChannelHandlerContext) {
        while !self.isOver, let action = self.machine.next() {
            self.perform(action, context)
        }
    }

    private func perform(_ action: ServerSignInAction, _ context: ChannelHandlerContext) {
        switch action {
        case .send(let bytes): self.send(bytes, context)
        case .startTLS(let bytes):
            self.send(bytes, context)
            self.startTLS(context)
        case .startDirectTLS(let unread):
            self.awaitsProtocol = true
            self.startTLS(context)
            guard !self.isOver else { return }
            context.pipeline.syncOperations.fireChannelRead(NIOAny(unread))
            context.pipeline.syncOperations.fireChannelReadComplete()
        case .cancel(let key): self.cancel(key, context)
        case .lookUp(let parameters): self.lookUp(parameters, context)
        case .signedIn(let parameters, let answer, let unread):
            self.send(answer, context)
            self.unread = unread
            self.open(parameters, context)
        case .refuse(let bytes, let reason): self.refuse(bytes, reason, context)
        case .close: self.close(context)
        }
    }

    private func startTLS(_ context: ChannelHandlerContext) {
        do {
            guard let tls = self.port.configuration.tls else { return self.close(context) }
            let handler = NIOSSLServerHandler(context: try tls())
            try context.pipeline.syncOperations.addHandler(handler, position: .first)
            self.machine.tlsStarted()
        } catch {
            self.port.logger.error(
                "TLS can't be set up for a client", metadata: ["error": "\(String(reflecting: error))"])
            self.close(context)
        }
    }

    private func cancel(_ key: PostgresWire.CancelKey, _ context: ChannelHandlerContext) {
        self.isOver = true
        guard let session = self.port.sessions.session(for: key) else { return self.close(context) }
        let decisions = self.port.decisions
        let channel = context.channel
        context.eventLoop.makeFutureWithTask { await decisions.cancel(session) }
            .whenComplete { _ in channel.close(promise: nil) }
    }

    private func lookUp(_ parameters: StartupParameters, _ context: ChannelHandlerContext) {
        self.claimed = parameters.user
        self.claim = Self.claim(parameters.user)
        let decisions = self.port.decisions
        let claim = self.claim
        context.eventLoop.makeFutureWithTask { () -> ScramVerifier? in
            guard let claim else { return nil }
            return await decisions.verifier(target: claim.target, lease: claim.lease)
        }.assumeIsolated().whenComplete { result in
            guard !self.isOver else { return }
            let found = try? result.get()
            let action = self.machine.authenticate(
                against: found ?? self.port.likeness(of: parameters.user), isKnown: found != nil,
                nonce: Base32.random(length: 32))
            self.perform(action, context)
            self.proceed(context)
        }
    }

    /// `TARGET.LEASE`; names of targets have no dots.
    private static func claim(_ user: String) -> (target: TargetName, lease: LeaseID)? {
        guard let dot = user.firstIndex(of: "."), let target = TargetName(rawValue: String(user[..<dot])),
            let lease = LeaseID(rawValue: String(user[user.index(after: dot)...]))
        else { return nil }
        return (target, lease)
    }

    // MARK: The session

    private func open(_ parameters: StartupParameters, _ context: ChannelHandlerContext) {
        self.overdue?.cancel()
        self.port.sessions.settle(context.channel)
        guard let claim = self.claim,
            let opening = self.port.sessions.begin(
                target: claim.target, lease: claim.lease, parameters, context.channel)
        else { return self.close(context) }
        self.opening = opening
        // Goes on when somebody can take what comes.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let (port, eventLoop) = (self.port, context.eventLoop)
        context.channel.closeFuture.whenComplete { _ in
            guard let way = port.sessions.remove(opening.session)?.way else { return }
            // A session that is near has the client's connection itself.
            if case .pipe(let pipe) = way { pipe.close(promise: nil) }
            port.decisions.sessionClosed(opening)
        }
        eventLoop.makeFutureWithTask { try await port.decisions.open(opening, on: eventLoop) }
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let way): self.join(way, opening, context)
                case .failure(let error): self.refuseSession(GloveboxError(showing: error), context)
                }
            }
    }

    private func join(
        _ way: PostgresSessionWay, _ opening: PostgresSessionOpening, _ context: ChannelHandlerContext
    ) {
        guard !self.isOver, self.port.sessions.joined(opening.session, way) else {
            return way.abandon(GloveboxError(.unavailable, "the client went away before the session began"))
        }
        self.isOver = true
        self.port.decisions.sessionOpened(opening)
        switch way {
        case .pipe(let pipe):
            self.join(pipe, context)
            self.leave(context)
        case .near(let session):
            // It says itself why it can't begin, and closes.
            session.begin(on: context.channel).assumeIsolated().whenComplete { _ in self.leave(context) }
        }
    }

    private func join(_ pipe: any Channel, _ context: ChannelHandlerContext) {
        let client = context.channel
        pipe.closeFuture.whenComplete { _ in
            // What the pipe still carried is with the client's socket by then, or has this long to get there.
            client.eventLoop.scheduleTask(in: .milliseconds(500)) { client.close(promise: nil) }
        }
        LastWord.stand(in: pipe)
        self.port.join(client, pipe)
    }

    /// Somebody is there for what the client sends.
    private func leave(_ context: ChannelHandlerContext) {
        let client = context.channel
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        client.setOption(.autoRead, value: true).whenFailure { _ in client.close(promise: nil) }
    }

    /// What came before the session could take it goes on, behind this handler.
    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if self.unread.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(self.unread))
            context.fireChannelReadComplete()
            self.unread = ByteBuffer()
        }
        context.leavePipeline(removalToken: removalToken)
    }

    private func refuseSession(_ error: GloveboxError, _ context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        var bytes = ByteBuffer()
        ErrorFields(fatal: error).writeError(into: &bytes)
        self.finish(with: bytes, context)
    }

    // MARK: Refusals

    private func refuse(_ bytes: ByteBuffer, _ reason: SignInRefusal, _ context: ChannelHandlerContext) {
        self.port.decisions.signInRefused(
            code: reason.code, claimed: self.claimed.map { String($0.prefix(160)) },
            client: context.channel.remoteAddress?.ipAddress)
        guard let claimed = self.claimed else { return self.finish(with: bytes, context) }
        // The limit of the sign-in doesn't cut the refusal short: all look the same.
        self.overdue?.cancel()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.overdue = context.eventLoop.scheduleTask(in: self.port.sessions.failed(claimed)) {
            let (handler, context) = bound.value
            handler.finish(with: bytes, context)
        }
    }

    private func finish(with bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard !self.isOver else { return }
        self.isOver = true
        let channel = context.channel
        context.writeAndFlush(self.wrapOutboundOut(bytes)).whenComplete { _ in channel.close(promise: nil) }
    }

    private func close(_ context: ChannelHandlerContext) {
        self.isOver = true
        context.close(promise: nil)
    }

    private func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }
}

extension SignInRefusal {
    /// Stable, for the record.
    var code: String {
        switch self {
        case .plaintext: "plaintext"
        case .protocolViolation: "protocol_violation"
        case .unsupportedVersion: "unsupported_version"
        case .replication: "replication"
        case .noUser: "no_user"
        case .scram(let reason): "scram_\(reason.rawValue)"
        }
    }
}
