import ControlAPI
import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import PostgresWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A port on 127.0.0.1 whose connections are carried to the gateway's PostgreSQL port, over TLS that's made here.
///
/// Clients speak PostgreSQL without TLS to it and sign in with the lease's user and token, which the gateway checks.
struct LoopbackPort {
    private typealias Pipe = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    let number: Int
    private let listener: NIOAsyncChannel<Pipe, Never>
    private let gateway: GatewayDialler

    /// - Parameter number: 0 takes any free one.
    /// - Throws: `port_taken`, `profile_invalid`.
    init(number: Int, lease: OwnLease) async throws {
        self.gateway = try GatewayDialler(
            host: lease.address.host, port: lease.address.port, rootCertificate: lease.rootCertificate)
        do {
            self.listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: "127.0.0.1", port: number) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Pipe(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(isOutboundHalfClosureEnabled: true))
                    }
                }
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw GloveboxError(.portTaken, "port \(number) is taken: choose another with --port", cause: error)
        }
        self.number = self.listener.channel.localAddress?.port ?? number
    }

    /// Carries connections until it's cancelled.
    func serve() async throws {
        let gateway = self.gateway
        try await self.listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask {
                        do {
                            try await Self.carry(connection, to: gateway)
                        } catch is CancellationError {
                        } catch {
                            Terminal.complain(
                                "a connection broke: \((error as? GloveboxError)?.description ?? "\(error)")")
                        }
                    }
                }
            }
        }
    }

    private static func carry(_ client: Pipe, to gateway: GatewayDialler) async throws {
        try await client.executeThenClose { fromClient, toClient in
            var iterator = fromClient.makeAsyncIterator()
            var pending = ByteBuffer()
            // A client may ask for encryption first (PostgreSQL, "SSL Session Encryption"): here it gets none.
            reading: while true {
                switch StartupWish(taking: &pending) {
                case .encryption: try await toClient.write(ByteBuffer(string: "N"))
                case .session: break reading
                case nil:
                    guard var more = try await iterator.next() else { return }
                    pending.writeBuffer(&more)
                }
            }
            let first = pending
            let server: NIOAsyncChannel<ByteBuffer, ByteBuffer>
            do {
                server = try await gateway.dial()
            } catch let error as GloveboxError {
                var last = ByteBuffer()
                ErrorFields(severity: "FATAL", sqlState: "08001", message: error.description).writeError(into: &last)
                try await toClient.write(last)
                throw error
            }
            try await server.executeThenClose { fromServer, toServer in
                try await toServer.write(first)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        // However the gateway's side ends: the client is told once all is written; it closes then, which
                        // ends the loop below.
                        defer { toClient.finish() }
                        for try await buffer in fromServer { try await toClient.write(buffer) }
                    }
                    // The client's end is the gateway's.
                    defer { group.cancelAll() }
                    while let buffer = try await iterator.next() { try await toServer.write(buffer) }
                }
            }
        }
    }
}

/// What a client's first packet is for.
enum StartupWish: Equatable {
    /// SSLRequest or GSSENCRequest.
    case encryption
    /// Anything else: a start-up or a cancel request, for the gateway to judge.
    case session

    /// Takes a wish for encryption out of what has been received; leaves everything else in it. `nil` while it isn't
    /// clear yet.
    init?(taking received: inout ByteBuffer) {
        let start = received.readerIndex
        guard let length: UInt32 = received.getInteger(at: start),
            let code: UInt32 = received.getInteger(at: start + 4)
        else { return nil }
        guard length == 8, code == 80_877_103 || code == 80_877_104 else {
            self = .session
            return
        }
        received.moveReaderIndex(forwardBy: 8)
        self = .encryption
    }
}

/// Opens TLS connections to the gateway's PostgreSQL port: SSLRequest, its answer, then TLS 1.3 that proves the gateway.
struct GatewayDialler: Sendable {
    var host: String
    var port: Int
    private let context: NIOSSLContext

    /// - Throws: `profile_invalid`.
    init(host: String, port: Int, rootCertificate: String) throws {
        self.host = host
        self.port = port
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.trustRoots = .file(rootCertificate)
        do {
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw GloveboxError(
                .init("profile_invalid"), "\(rootCertificate) can't be used: run 'glovebox login'", cause: error)
        }
    }

    func dial() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let context = self.context
        let name = Self.isAddress(self.host) ? nil : self.host
        do {
            let (channel, ready) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(.seconds(10))
                .connect(host: self.host, port: self.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let ready = channel.eventLoop.makePromise(of: Void.self)
                        let tls = try NIOSSLClientHandler(context: context, serverHostname: name)
                        try channel.pipeline.syncOperations.addHandler(TLSRequestHandler(tls: tls, ready: ready))
                        return (
                            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel),
                            ready.futureResult
                        )
                    }
                }
            do {
                try await ready.get()
            } catch {
                // An async channel that's let go of has to be closed first.
                try? await channel.executeThenClose { _, _ in }
                throw error
            }
            return channel
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(
                .unavailable, "can't reach the gateway's PostgreSQL port \(self.host):\(self.port)", cause: error)
        }
    }

    private static func isAddress(_ host: String) -> Bool {
        var v4 = in_addr()
        var v6 = in6_addr()
        return inet_pton(AF_INET, host, &v4) == 1 || inet_pton(AF_INET6, host, &v6) == 1
    }
}

/// Asks for TLS as PostgreSQL clients do, and puts it in front of the pipeline once the server agrees with exactly one
/// byte: more than that would be plain text that somebody slipped in before TLS (CVE-2021-23222).
private final class TLSRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let tls: NIOSSLClientHandler
    private let ready: EventLoopPromise<Void>
    private var isAgreed = false

    init(tls: NIOSSLClientHandler, ready: EventLoopPromise<Void>) {
        self.tls = tls
        self.ready = ready
    }

    func channelActive(context: ChannelHandlerContext) {
        var request = context.channel.allocator.buffer(capacity: 8)
        request.writeInteger(UInt32(8))
        request.writeInteger(UInt32(80_877_103))
        context.writeAndFlush(self.wrapOutboundOut(request), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isAgreed else { return context.fireChannelRead(data) }
        let answer = self.unwrapInboundIn(data)
        guard answer.readableBytes == 1, answer.getInteger(at: answer.readerIndex) == UInt8(ascii: "S") else {
            self.fail(GloveboxError(.protocolViolation, "the gateway's PostgreSQL port doesn't offer TLS"), context)
            return
        }
        self.isAgreed = true
        do {
            try context.pipeline.syncOperations.addHandler(self.tls, position: .first)
        } catch {
            self.fail(error, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { self.ready.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(error, context)
    }

    /// Also where the connection never came to be.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.ready.fail(ChannelError.eof)
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        self.ready.fail(error)
        context.close(promise: nil)
    }
}
