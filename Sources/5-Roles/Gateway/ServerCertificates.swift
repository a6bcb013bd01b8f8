import Contracts
import ControlServer
import GloveboxCore
import Identity
import Logging
import NIOCore
import NIOSSL
import PostgresAccess
import ServiceLifecycle
import Synchronization
import Tunnel

/// The gateway's own certificate for its three ports, issued by its CA at start and renewed in place while it runs.
final class ServerCertificates: Service {
    private static let lifetime = Duration.seconds(7 * 86_400)
    private static let renewal = Duration.seconds(86_400)

    private struct Contexts {
        var postgres: NIOSSLContext
        var tunnel: NIOSSLContext
        var notAfter: WallTime
    }

    private let authority: CertificateAuthority
    private let names: [String]
    private let time: any TimeSource
    private let logger: Logger
    private let contexts: Mutex<Contexts>
    /// For the API's port.
    let api: TLSIdentity

    init(authority: CertificateAuthority, names: [String], time: any TimeSource, logger: Logger) throws {
        self.authority = authority
        self.names = names
        self.time = time
        self.logger = logger
        let identity = try authority.issueServer(names: names, lasts: Self.lifetime)
        self.contexts = Mutex(try Self.contexts(identity, authority))
        self.api = try TLSIdentity(
            certificateChain: identity.certificate.pem + authority.pem, privateKey: identity.key)
    }

    /// When the one in use runs out.
    var notAfter: WallTime { self.contexts.withLock { $0.notAfter } }

    /// For the PostgreSQL port: any client, TLS 1.2 or later, since clients of all ages connect there.
    var postgres: NIOSSLContext { self.contexts.withLock { $0.postgres } }

    /// For the tunnel's port: TLS 1.3, and only clients whose certificate our CA signed.
    var tunnel: NIOSSLContext { self.contexts.withLock { $0.tunnel } }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await self.time.sleep(until: self.time.boot.advanced(by: Self.renewal))) != nil {
                do {
                    try self.renew()
                } catch {
                    self.logger.error("couldn't renew the gateway's certificate", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    private func renew() throws {
        let identity = try self.authority.issueServer(names: self.names, lasts: Self.lifetime)
        let contexts = try Self.contexts(identity, self.authority)
        try self.api.replace(
            certificateChain: identity.certificate.pem + self.authority.pem, privateKey: identity.key)
        self.contexts.withLock { $0 = contexts }
    }

    private static func contexts(_ identity: ServerIdentity, _ authority: CertificateAuthority) throws -> Contexts {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array((identity.certificate.pem + authority.pem).utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(identity.key.exposeSecret().utf8), format: .pem)
        var postgres = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        postgres.minimumTLSVersion = .tlsv12
        postgres.applicationProtocols = [PostgresPort.applicationProtocol]
        // A cut session's connection closes whether or not its client says goodbye in TLS as well.
        postgres.shutdownTimeout = .milliseconds(5)
        let tunnel = TunnelPort.gatewayConfiguration(
            certificateChain: chain, privateKey: key,
            clientRoots: try NIOSSLCertificate.fromPEMBytes(Array(authority.pem.utf8)))
        return Contexts(
            postgres: try NIOSSLContext(configuration: postgres), tunnel: try NIOSSLContext(configuration: tunnel),
            notAfter: identity.certificate.notAfter)
    }
}
