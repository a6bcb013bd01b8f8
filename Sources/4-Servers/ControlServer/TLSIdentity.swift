package import GloveboxCore
import HummingbirdCore
import Logging
import NIOCore
package import NIOSSL
import Synchronization

/// The server's certificate and key, replaceable while it runs: connections that come later get the new one.
///
/// A client may present a certificate or not; whether it's one of ours is judged for each request, by the
/// ``Authenticator``. TLS still proves that the client holds the key of what it presents.
package final class TLSIdentity: Sendable {
    private let current: Mutex<NIOSSLContext>

    /// - Parameters:
    ///   - certificateChain: PEM, the server's own certificate first.
    ///   - privateKey: PEM.
    /// - Throws: `certificate_invalid`.
    package init(certificateChain: String, privateKey: Secret<String>) throws(GloveboxError) {
        self.current = Mutex(try Self.context(certificateChain, privateKey))
    }

    /// - Throws: `certificate_invalid`, and the old one stays.
    package func replace(certificateChain: String, privateKey: Secret<String>) throws(GloveboxError) {
        let context = try Self.context(certificateChain, privateKey)
        self.current.withLock { $0 = context }
    }

    package var context: NIOSSLContext {
        self.current.withLock { $0 }
    }

    private static func context(
        _ certificateChain: String, _ privateKey: Secret<String>
    ) throws(GloveboxError) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificateChain.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(privateKey.exposeSecret().utf8), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv13
            configuration.certificateVerification = .optionalVerification
            // Nothing is verified against these: see the callback in `TLSChildChannel`.
            configuration.trustRoots = .certificates(chain)
            configuration.sendCANameList = false
            // A client that's gone needn't be waited for when its connection is closed.
            configuration.shutdownTimeout = .seconds(1)
            configuration.applicationProtocols = ["h2", "http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GloveboxError(.certificateInvalid, "the gateway's own certificate or key can't be used", cause: error)
        }
    }
}

/// Puts TLS in front of `Base`, with the identity of the moment.
struct TLSChildChannel<Base: ServerChildChannel>: ServerChildChannel {
    var base: Base
    var identity: TLSIdentity

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            let handler = NIOSSLServerHandler(
                context: self.identity.context,
                customVerificationCallback: { _, verdict in verdict.succeed(.certificateVerified) })
            try channel.pipeline.syncOperations.addHandler(handler)
        }.flatMap {
            self.base.setup(channel: channel, logger: logger)
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await self.base.handle(value: value, logger: logger)
    }
}
