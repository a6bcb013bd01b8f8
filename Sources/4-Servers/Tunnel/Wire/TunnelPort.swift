import GloveboxCore
import NIOCore
package import NIOSSL
import NIOTLS

/// What the two ends of the tunnel agree on before the first message: one port, TLS 1.3, a certificate each, and an
/// application protocol (ALPN, RFC 7301) that says what the connection is for.
package enum TunnelPort {
    /// The one connection on which an agent and its gateway talk.
    package static let control = "glovebox-control/1"
    /// A connection that waits in the pool until a session takes it over.
    package static let session = "glovebox-session/1"
    package static let applicationProtocols = [Self.control, Self.session]

    /// How long closing waits for the peer to close too. It counts towards the 10 s of promise 5.
    private static let shutdownTimeout = TimeAmount.milliseconds(250)

    /// For ``TunnelServer``: only clients whose certificate one of `clientRoots` signed.
    package static func gatewayConfiguration(
        certificateChain: [NIOSSLCertificate], privateKey: NIOSSLPrivateKey, clientRoots: [NIOSSLCertificate]
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificateChain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv13
        // On a server: a client certificate is required and its chain verified; clients have no host name.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates(clientRoots)
        configuration.applicationProtocols = Self.applicationProtocols
        configuration.shutdownTimeout = Self.shutdownTimeout
        return configuration
    }

    /// For ``TunnelAgent``, which adds the application protocol.
    package static func agentConfiguration(
        certificateChain: [NIOSSLCertificate], privateKey: NIOSSLPrivateKey, gatewayRoots: [NIOSSLCertificate]
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateChain = certificateChain.map { .certificate($0) }
        configuration.privateKey = .privateKey(privateKey)
        configuration.trustRoots = .certificates(gatewayRoots)
        configuration.shutdownTimeout = Self.shutdownTimeout
        return configuration
    }
}

/// The certificate that a peer has proved to hold the key of; TLS has verified its chain.
package struct PeerCertificate: Hashable, Sendable {
    package var der: [UInt8]
    /// The URIs among its subject alternative names.
    package var uris: [String]
    /// Lower-case hexadecimal without leading zero bytes.
    package var serial: String

    package init(der: [UInt8], uris: [String], serial: String) {
        self.der = der
        self.uris = uris
        self.serial = serial
    }

    init(_ certificate: NIOSSLCertificate) throws {
        self.der = try certificate.toDERBytes()
        self.uris = certificate._subjectAlternativeNames().compactMap { name in
            guard name.nameType == .uri else { return nil }
            return name.contents.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
        }
        let digits = Array("0123456789abcdef".utf8)
        self.serial = String(
            decoding: certificate.serialNumber.drop { $0 == 0 }
                .flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}
