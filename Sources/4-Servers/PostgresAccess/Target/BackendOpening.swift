import GloveboxCore
import NIOCore
import NIOSSL
import PostgresWire

/// A connection to a target, signed in and prepared, that reads nothing until a session takes it over: its
/// ``BackendOpeningHandler`` keeps what came meanwhile, and hands it on when it's removed.
struct OpenedBackend: Sendable {
    var channel: any Channel
    var session: BackendSession
    /// The rows of each preparing statement, as text.
    var answers: [[[String?]]]
}

/// Brings a connection to a target from its first byte to the end of its preparation: TLS, sign-in, the round trips of
/// its ``Preparation``. It then stops reading and waits to be removed.
final class BackendOpeningHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case negotiatingTLS(TLSNegotiation)
        case signingIn
        case preparing(BackendSession)
        case finished
    }

    private let target: PostgresTarget
    private let preparation: Preparation
    private let promise: EventLoopPromise<OpenedBackend>
    private var signIn: ClientSignIn
    private var phase = Phase.signingIn
    private var decoder = MessageDecoder(.backend, limit: BackendOpeningHandler.answerLimit)
    private var answers: [[[String?]]] = []
    private var rows: [[String?]]?

    /// Most bytes of a message during the opening.
    private static let answerLimit = 1 << 20
    /// Most rows that the preparation may give.
    private static let rowLimit = 200_000

    init(
        target: PostgresTarget, parameters: StartupParameters, password: Secret<String>?, nonce: String,
        preparation: Preparation, promise: EventLoopPromise<OpenedBackend>
    ) {
        self.target = target
        self.preparation = preparation
        self.promise = promise
        self.signIn = ClientSignIn(
            parameters: parameters, password: password, allowsCleartext: target.allowsCleartextPassword, nonce: nonce)
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .off = self.target.tls {
            self.send(self.signIn.startup, context)
        } else {
            let negotiation = TLSNegotiation()
            self.phase = .negotiatingTLS(negotiation)
            self.send(negotiation.request, context)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        do {
            if case .negotiatingTLS(let negotiation) = self.phase {
                try self.answered(negotiation.received(bytes), context)
                return
            }
            self.decoder.append(bytes)
            while let frame = try self.nextFrame() {
                try self.received(frame, context)
            }
        } catch let error as UnknownToPooler {
            self.fail(error, context)
        } catch {
            self.fail(GloveboxError(showing: error), context)
        }
    }

    /// A pooler doesn't pass on every startup parameter (PgBouncer: `unsupported startup parameter`).
    private static func isOfPooler(_ fields: ErrorFields) -> Bool {
        fields.sqlState == "08P01" && fields.message.contains("startup parameter")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(
            GloveboxError(
                .targetUnreachable,
                error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
                    ? "TLS to '\(self.target.name)' failed: check its certificate and the agent's 'tls' for it"
                    : "the connection to '\(self.target.name)' broke while it was opened",
                cause: error), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail(
            GloveboxError(.targetUnreachable, "'\(self.target.name)' closed the connection while it was opened"),
            context)
        context.fireChannelInactive()
    }

    /// Frames that belong to the session aren't taken from the decoder.
    private func nextFrame() throws(PostgresWireError) -> Frame? {
        if case .finished = self.phase { return nil }
        return try self.decoder.next()
    }

    private func answered(_ answer: TLSNegotiation.Answer?, _ context: ChannelHandlerContext) throws {
        switch answer {
        case nil: break
        case .refused:
            throw GloveboxError(
                .targetUnreachable,
                "'\(self.target.name)' doesn't do TLS: turn it on there, or set the agent's 'tls' for it to off")
        case .startTLS:
            guard let handler = try self.target.makeTLSHandler() else { return }
            try context.pipeline.syncOperations.addHandler(handler, position: .first)
            self.phase = .signingIn
            self.send(self.signIn.startup, context)
        }
    }

    private func received(_ frame: Frame, _ context: ChannelHandlerContext) throws {
        switch self.phase {
        case .negotiatingTLS, .finished: break
        case .signingIn:
            switch try self.signIn.received(frame) {
            case .send(let bytes): self.send(bytes, context)
            case .wait, .notice: break
            case .refused(let fields) where Self.isOfPooler(fields):
                throw UnknownToPooler()
            case .refused(let fields):
                throw GloveboxError(
                    .targetRefused,
                    "'\(self.target.name)' refused the agent's sign-in (SQLSTATE \(fields.sqlState.prefix(5))): see the agent's log",
                    cause: RefusedByServer(fields))
            case .ready(let session):
                try self.prepare(session, context)
            }
        case .preparing(var session):
            switch try BackendMessage(frame) {
            case .rowDescription: self.rows = []
            case .dataRow(let cells):
                guard self.rows?.count ?? 0 < Self.rowLimit else {
                    throw GloveboxError(
                        .targetRefused,
                        "'\(self.target.name)' has more in its catalogue than \(Self.rowLimit) names of columns, or classified columns"
                    )
                }
                self.rows?.append(try Self.texts(cells))
            case .commandComplete:
                // Of those that give rows.
                if let rows = self.rows.take() { self.answers.append(rows) }
            case .errorResponse(let fields):
                throw GloveboxError(
                    .targetRefused,
                    "a session on '\(self.target.name)' can't be prepared (SQLSTATE \(fields.sqlState.prefix(5))): see the agent's log",
                    cause: RefusedByServer(fields))
            case .parameterStatus(let name, let value):
                session.parameters.removeAll { $0.name == name }
                session.parameters.append(.init(name: name, value: value))
                self.phase = .preparing(session)
            case .noticeResponse, .notificationResponse: break
            case .readyForQuery: try self.prepare(session, context)
            default:
                throw PostgresWireError(.unexpectedMessage, "the target answered the preparation with something else")
            }
        }
    }

    /// Asks what is still to be asked, or is done.
    private func prepare(_ session: BackendSession, _ context: ChannelHandlerContext) throws {
        guard let statements = try self.preparation.statements(after: self.answers) else {
            return self.finish(session, context)
        }
        self.phase = .preparing(session)
        var query = ByteBuffer()
        FrontendMessage.query(statements).write(into: &query)
        self.send(query, context)
    }

    private static func texts(_ cells: DataRowCells) throws(PostgresWireError) -> [String?] {
        var cells = cells
        var texts: [String?] = []
        while let cell = try cells.next() {
            switch cell {
            case .null: texts.append(nil)
            case .value(let bytes): texts.append(String(decoding: bytes.readableBytesView, as: UTF8.self))
            }
        }
        return texts
    }

    private func finish(_ session: BackendSession, _ context: ChannelHandlerContext) {
        self.phase = .finished
        // Nothing of the target's is read before the session can treat it.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        self.promise.succeed(OpenedBackend(channel: context.channel, session: session, answers: self.answers))
    }

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        let unread = self.decoder.takeUnread()
        if unread.readableBytes > 0 {
            context.fireChannelRead(self.wrapInboundOut(unread))
            context.fireChannelReadComplete()
        }
        context.leavePipeline(removalToken: removalToken)
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        if case .finished = self.phase { return }
        self.phase = .finished
        self.promise.fail(error)
        context.close(promise: nil)
    }

    private func send(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }
}

/// The startup packet had a parameter that a pooler won't pass on.
struct UnknownToPooler: Error {}

/// What a server said as it refused the agent: for the agent's log, never for a client.
struct RefusedByServer: Error, CustomStringConvertible {
    let description: String

    init(_ fields: ErrorFields) {
        self.description = "\(fields.severity) \(fields.sqlState): \(fields.message)"
    }
}

/// Cancels what a session runs in its database (PostgreSQL manual, "Canceling Requests in Progress"): a connection of
/// its own that the server closes once it has passed the request on.
final class CancellingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let target: PostgresTarget
    private let key: PostgresWire.CancelKey
    private var negotiation: TLSNegotiation?

    init(target: PostgresTarget, key: PostgresWire.CancelKey) {
        self.target = target
        self.key = key
    }

    func channelActive(context: ChannelHandlerContext) {
        if case .off = self.target.tls {
            self.request(context)
        } else {
            let negotiation = TLSNegotiation()
            self.negotiation = negotiation
            context.writeAndFlush(self.wrapOutboundOut(negotiation.request), promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let negotiation = self.negotiation.take(),
            case .startTLS = try? negotiation.received(self.unwrapInboundIn(data)),
            let handler = try? self.target.makeTLSHandler(),
            (try? context.pipeline.syncOperations.addHandler(handler, position: .first)) != nil
        else { return context.close(promise: nil) }
        self.request(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func request(_ context: ChannelHandlerContext) {
        var bytes = ByteBuffer()
        InitialPacket.cancel(self.key).write(into: &bytes)
        context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
    }
}

extension PostgresTarget {
    /// Asks the server to cancel what `key`'s session runs. Succeeds when the server has taken the request.
    func cancel(_ key: PostgresWire.CancelKey, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let target = self
        return self.connect(on: eventLoop) { channel in
            try channel.pipeline.syncOperations.addHandler(CancellingHandler(target: target, key: key))
        }.flatMap { channel in
            let overdue = channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in overdue.cancel() }
            return channel.closeFuture
        }
    }
}
