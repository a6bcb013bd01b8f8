package import GloveboxCore
package import Logging
package import NIOCore
import NIOPosix
package import NIOSSL
import PostgresWire

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The port of a gateway that any PostgreSQL client connects to: user `TARGET.LEASE`, password the lease's token
/// (SCRAM-SHA-256). After sign-in each client is joined with a pipe to the agent; the port reads none of what it carries.
package final class PostgresPort: Sendable {
    package struct Configuration: Sendable {
        package var host: String
        /// 0 for any that is free.
        package var port: Int
        /// Asked for each connection, so that a renewed certificate is used at once; nil: TLS isn't offered.
        package var tls: (@Sendable () throws -> NIOSSLContext)?
        /// Whether clients may sign in without TLS: on loopback only.
        package var allowsPlaintext: Bool
        /// How long a client may take to sign in.
        package var signInLimit: TimeAmount
        /// Most connections at once that aren't signed in.
        package var unauthenticatedLimit: Int
        /// As those of leases' verifiers, so that an unknown lease looks like a known one.
        package var iterations: Int
        package var saltLength: Int

        package init(
            host: String, port: Int, tls: (@Sendable () throws -> NIOSSLContext)?, allowsPlaintext: Bool = false,
            signInLimit: TimeAmount = .seconds(10), unauthenticatedLimit: Int = 256, iterations: Int = 4096,
            saltLength: Int = 16
        ) {
            self.host = host
            self.port = port
            self.tls = tls
            self.allowsPlaintext = allowsPlaintext
            self.signInLimit = signInLimit
            self.unauthenticatedLimit = unauthenticatedLimit
            self.iterations = iterations
            self.saltLength = saltLength
        }
    }

    /// What the handlers of all connections share.
    final class Parts: Sendable {
        let configuration: Configuration
        let decisions: any PostgresPortDecisions
        let join: @Sendable (_ client: any Channel, _ tunnel: any Channel) -> Void
        let sessions: PortSessions
        let logger: Logger
        /// Draws verifiers for names that aren't known, the same for a name each time.
        private let secret = Secret(Base32.random(length: 52))

        init(
            _ configuration: Configuration, _ decisions: any PostgresPortDecisions, _ logger: Logger,
            _ join: @escaping @Sendable (any Channel, any Channel) -> Void
        ) {
            self.configuration = configuration
            self.decisions = decisions
            self.join = join
            self.logger = logger
            self.sessions = PortSessions(unauthenticatedLimit: configuration.unauthenticatedLimit)
        }

        /// A verifier that nobody has the token of.
        func likeness(of user: String) -> ScramVerifier {
            let drawn = ScramVerifier.derive(
                password: Secret(Array(self.secret.exposeSecret().utf8)), salt: Array(user.utf8), iterations: 1)
            return ScramVerifier(
                salt: Array((drawn.storedKey + drawn.serverKey).prefix(self.configuration.saltLength)),
                iterations: self.configuration.iterations, storedKey: drawn.serverKey, serverKey: drawn.storedKey)
        }
    }

    /// What TLS must offer to those who begin with it (ALPN).
    package static var applicationProtocol: String { ServerSignIn.applicationProtocol }

    /// Where it listens.
    package let address: SocketAddress
    private let listener: any Channel
    private let parts: Parts

    private init(_ listener: any Channel, _ address: SocketAddress, _ parts: Parts) {
        self.listener = listener
        self.address = address
        self.parts = parts
    }

    /// Starts to listen.
    ///
    /// - Parameter join: called on the client's event loop with a client that has signed in and the pipe of its session;
    ///   adds what carries bytes both ways, with back pressure, and closes each when the other closes.
    /// - Throws: `port_taken`, or `configuration_invalid` for an address that can't be listened on.
    package static func start(
        _ configuration: Configuration, decisions: any PostgresPortDecisions, on group: any EventLoopGroup,
        logger: Logger,
        join: @escaping @Sendable (_ client: any Channel, _ tunnel: any Channel) -> Void
    ) async throws -> PostgresPort {
        let parts = Parts(configuration, decisions, logger, join)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 262_144)
            )
            .childChannelInitializer { channel in
                guard parts.sessions.admit(channel) else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SignInHandler(parts))
                }
            }
        let place = "\(configuration.host):\(configuration.port)"
        do {
            let listener = try await bootstrap.bind(host: configuration.host, port: configuration.port).get()
            guard let address = listener.localAddress else {
                throw GloveboxError(.configurationInvalid, "can't listen for PostgreSQL clients on \(place)")
            }
            return PostgresPort(listener, address, parts)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw GloveboxError(
                .portTaken, "another program listens on \(place): stop it, or set another port for PostgreSQL clients",
                cause: error)
        } catch let error as GloveboxError {
            throw error
        } catch {
            throw GloveboxError(
                .configurationInvalid,
                "can't listen for PostgreSQL clients on \(place): is it an address of this machine, and allowed?",
                cause: error)
        }
    }

    /// Sessions that are open or being opened.
    package var count: Int { self.parts.sessions.count }

    /// Ends all sessions of a lease at this end. The agent tells the clients why and closes their pipes; those whose pipes
    /// are still open after a grace of 50 ms are told `error` from here, where that's between two messages, and closed
    /// 30 ms later at the latest. A client whose session is still being opened is told `error` at once.
    package func endLease(_ lease: LeaseID, _ error: GloveboxError) {
        for session in self.parts.sessions.sessions(of: lease) { self.end(session, error) }
    }

    /// The same for one session.
    package func end(_ session: SessionID, _ error: GloveboxError) {
        if let session = self.parts.sessions.session(session) { self.end(session, error) }
    }

    /// The same for every session.
    package func endAll(_ error: GloveboxError) {
        for session in self.parts.sessions.all { self.end(session, error) }
    }

    private func end(_ session: PortSessions.Session, _ error: GloveboxError) {
        guard let way = session.way else {
            // The client is told, as nothing of the agent's has been sent to it yet.
            _ = self.parts.sessions.remove(session.opening.session)
            var bytes = ByteBuffer()
            ErrorFields(fatal: error, sqlState: "57P01").writeError(into: &bytes)
            session.client.writeAndFlush(bytes).whenComplete { _ in session.client.close(promise: nil) }
            return
        }
        let client = session.client
        client.eventLoop.scheduleTask(in: .milliseconds(50)) {
            guard client.isActive else { return }
            switch way {
            case .pipe(let pipe):
                pipe.pipeline.fireUserInboundEventTriggered(LastWord.Cut(error: error))
                pipe.close(promise: nil)
                client.eventLoop.scheduleTask(in: .milliseconds(30)) { client.close(promise: nil) }
            case .near(let near): near.end(error)
            }
        }
    }

    /// Stops listening and closes every connection; returns when all are closed.
    package func close() async {
        try? await self.listener.close()
        let channels = self.parts.sessions.close()
        for channel in channels {
            channel.close(promise: nil)
        }
        for channel in channels {
            try? await channel.closeFuture.get()
        }
    }
}
