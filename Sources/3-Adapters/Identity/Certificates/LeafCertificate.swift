package import GloveboxCore

/// A certificate that our CA has just signed.
package struct LeafCertificate: Hashable, Sendable {
    /// This certificate alone, without the CA's.
    package var pem: String
    /// Lower-case hexadecimal.
    package var serial: String
    package var notBefore: WallTime
    package var notAfter: WallTime

    package init(pem: String, serial: String, notBefore: WallTime, notAfter: WallTime) {
        self.pem = pem
        self.serial = serial
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

/// What a TLS server of ours presents.
package struct ServerIdentity: Sendable {
    package var certificate: LeafCertificate
    /// PEM, PKCS #8.
    package var key: Secret<String>

    package init(certificate: LeafCertificate, key: Secret<String>) {
        self.certificate = certificate
        self.key = key
    }
}
