import GloveboxCore
import NIOCore
import NIOPosix
import NIOSSL
import PostgresWire

extension PostgresTarget {
    /// Connects, on `eventLoop`; `configure` gets the channel before it's connected.
    ///
    /// - Throws: `target_unreachable`.
    func connect(
        on eventLoop: any EventLoop, configure: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(10))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 8192, maximum: 262_144)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try configure(channel) }
            }
        let connected =
            switch self.address {
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        let name = self.name
        return connected.flatMapErrorThrowing { error in
            if let error = error as? GloveboxError { throw error }
            throw GloveboxError(
                .targetUnreachable, "the agent can't connect to '\(name)': is the database up, and its address right?",
                cause: error)
        }
    }

    /// Nil where the target is spoken to in the clear.
    ///
    /// - Throws: `configuration_invalid` when the certificate authority's file can't be used.
    func makeTLSHandler() throws(GloveboxError) -> NIOSSLClientHandler? {
        var configuration = TLSConfiguration.makeClientConfiguration()
        var serverName: String?
        switch self.tls {
        case .off: return nil
        case .require:
            configuration.certificateVerification = .none
        case .verifyFull(let authority, let name):
            if let authority { configuration.trustRoots = .file(authority) }
            configuration.certificateVerification = .fullVerification
            if let name {
                serverName = name
            } else if case .tcp(let host, _) = self.address, (try? SocketAddress(ipAddress: host, port: 0)) == nil {
                serverName = host
            }
        }
        do {
            return try NIOSSLClientHandler(
                context: NIOSSLContext(configuration: configuration), serverHostname: serverName)
        } catch {
            throw GloveboxError(
                .configurationInvalid, "TLS to '\(self.name)' can't be set up: check the certificate authority's file",
                cause: error)
        }
    }

    /// Whether a password may be sent as it is: only to a server that has proved who it is.
    var allowsCleartextPassword: Bool {
        if case .verifyFull = self.tls { true } else { false }
    }
}
