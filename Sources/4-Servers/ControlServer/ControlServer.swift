package import Contracts
package import GloveboxCore
import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How the server learns who makes a request. TLS takes any client certificate, having proven that the client holds its
/// key; the rest is judged here, for each request, so that a foreign, expired or revoked certificate gets an answer that
/// says so instead of a broken handshake.
package struct Authenticator: Sendable {
    /// Whether this gateway's CA signed the certificate (DER). Asked first; what it doesn't vouch for goes no further.
    package var isSigned: @Sendable (_ unverifiedCertificate: [UInt8]) -> Bool
    /// Whom a certificate that our CA signed speaks for, now.
    /// - Throws: `certificate_invalid` when it has run out, was revoked or is unknown; `unauthenticated` when its holder
    ///   is disabled or gone.
    package var caller: @Sendable (_ certificate: [UInt8], _ origin: RequestOrigin) async throws -> Caller
    /// Whom a machine's token speaks for, now.
    /// - Throws: `unauthenticated`, whatever is wrong with it.
    package var bearer: @Sendable (_ token: Secret<String>, _ origin: RequestOrigin) async throws -> Caller

    package init(
        isSigned: @escaping @Sendable (_ unverifiedCertificate: [UInt8]) -> Bool,
        caller: @escaping @Sendable (_ certificate: [UInt8], _ origin: RequestOrigin) async throws -> Caller,
        bearer: @escaping @Sendable (_ token: Secret<String>, _ origin: RequestOrigin) async throws -> Caller
    ) {
        self.isSigned = isSigned
        self.caller = caller
        self.bearer = bearer
    }

    /// A request that brings a token is the token's, whatever certificate its connection has.
    func authenticate(
        token: Secret<String>?, _ certificate: () async throws -> [UInt8]?, _ origin: RequestOrigin
    ) async throws -> Caller {
        guard let token else { return try await self.authenticate(try await certificate(), origin) }
        return try await self.bearer(token, origin)
    }

    /// The token of an `Authorization` field.
    /// - Throws: `unauthenticated` for another scheme.
    static func token(_ authorization: String) throws(GloveboxError) -> Secret<String> {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw GloveboxError(.unauthenticated, "Authorization takes a machine token: 'Bearer gbt_…'")
        }
        return Secret(String(parts[1]))
    }

    /// - Throws: `unauthenticated` without a certificate, `certificate_invalid` for one from another CA, and what
    ///   `caller` throws.
    private func authenticate(_ certificate: [UInt8]?, _ origin: RequestOrigin) async throws -> Caller {
        guard let certificate else {
            throw GloveboxError(
                .unauthenticated,
                "a client certificate or a machine token is needed here: sign in with 'glovebox login'")
        }
        guard self.isSigned(certificate) else {
            throw GloveboxError(
                .certificateInvalid,
                "the client certificate is from another gateway's CA: sign in to this one with 'glovebox login'")
        }
        return try await self.caller(certificate, origin)
    }
}

/// Serves the API over TLS 1.3, HTTP/1.1 and HTTP/2 for as long as ``run()`` runs.
package struct ControlServer: Service {
    package struct Configuration: Sendable {
        package var host: String
        /// 0 takes any free port; `onListening` tells which.
        package var port: Int
        /// What an operator changes to move the port, as named in a `port_taken` error.
        package var setting: String
        /// Bytes of a request's body.
        package var bodyLimit: Int
        /// How often may be asked.
        package var limits = RequestLimits()
        /// How often flags may be asked for, by address and by caller.
        package var flagLimits = Admission.Pace(burst: 10_000, perSecond: 5000)
        /// A connection on which nothing moves for so long is closed.
        package var idleTimeout: Duration
        package var mostConnections: Int

        package init(
            host: String, port: Int, setting: String = "the API's address in the gateway's configuration",
            bodyLimit: Int = 65_536, idleTimeout: Duration = .seconds(60), mostConnections: Int = 2048
        ) {
            self.host = host
            self.port = port
            self.setting = setting
            self.bodyLimit = bodyLimit
            self.idleTimeout = idleTimeout
            self.mostConnections = mostConnections
        }
    }

    private let configuration: Configuration
    private let tls: TLSIdentity
    private let responder: ControlResponder
    private let group: (any EventLoopGroup)?
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async -> Void

    /// - Parameter group: `nil` takes the process's own.
    package init(
        configuration: Configuration, tls: TLSIdentity, operations: any ControlOperations, flags: any FlagEvaluations,
        authenticator: Authenticator, ledger: any CreationLedger, time: any TimeSource,
        group: (any EventLoopGroup)? = nil, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        var flagLimits = configuration.limits
        flagLimits.perAddress = configuration.flagLimits
        flagLimits.perCaller = configuration.flagLimits
        self.configuration = configuration
        self.tls = tls
        self.responder = ControlResponder(
            operations: operations, flags: flags, authenticator: authenticator,
            admission: Admission(configuration.limits, time: time),
            flagAdmission: Admission(flagLimits, time: time),
            idempotency: Idempotency(ledger: ledger, time: time), bodyLimit: configuration.bodyLimit, logger: logger)
        self.group = group
        self.logger = logger
        self.onListening = onListening
    }

    /// Returns after a graceful stop: requests under way are answered first.
    /// - Throws: `port_taken` or `configuration_invalid` when it can't listen.
    package func run() async throws {
        let tls = self.tls
        let idleTimeout = self.configuration.idleTimeout
        let server = HTTPServerBuilder { responder in
            TLSChildChannel(
                base: NegotiatedChannel(
                    responder: responder, idleTimeout: idleTimeout,
                    decoder: .init(maxHeaderFieldSize: 65_536, maxHeaderListSize: 131_072, maxHeaderFieldCount: 1000)),
                identity: tls)
        }
        // Hummingbird logs at info what is of interest to nobody here.
        var logger = self.logger
        logger.logLevel = max(logger.logLevel, .warning)
        let onListening = self.onListening
        let application = Application(
            responder: self.responder,
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(self.configuration.host, port: self.configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(self.configuration.mostConnections)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: self.group.map { .shared($0) } ?? .singleton,
            logger: logger)
        do {
            try await application.run()
        } catch let error as IOError {
            throw self.explained(error)
        }
    }

    private func explained(_ error: IOError) -> GloveboxError {
        let place = "\(self.configuration.host):\(self.configuration.port)"
        return switch error.errnoCode {
        case EADDRINUSE:
            GloveboxError(
                .portTaken,
                "another program listens on \(place): stop it, or change \(self.configuration.setting)",
                cause: error)
        case EACCES:
            GloveboxError(
                .configurationInvalid,
                "this user may not listen on \(place): take a port from 1024 up, or change \(self.configuration.setting)",
                cause: error)
        case EADDRNOTAVAIL:
            GloveboxError(
                .configurationInvalid,
                "\(place) is no address of this machine: change \(self.configuration.setting)", cause: error)
        default:
            GloveboxError(.unavailable, "can't listen on \(place)", cause: error)
        }
    }
}
