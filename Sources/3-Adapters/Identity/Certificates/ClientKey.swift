import Crypto
package import GloveboxCore
import SwiftASN1
import X509

/// The P-256 key that a person's CLI or an agent proves itself with; it never leaves the machine that made it.
package struct ClientKey: Sendable {
    private let key: P256.Signing.PrivateKey

    /// A new key.
    package init() {
        self.key = P256.Signing.PrivateKey()
    }

    /// A stored key.
    /// - Throws: `certificate_invalid`.
    package init(pem: Secret<String>) throws(GloveboxError) {
        do {
            self.key = try P256.Signing.PrivateKey(pemRepresentation: pem.exposeSecret())
        } catch {
            // The parser's error is left out: it might quote the key.
            throw GloveboxError(.certificateInvalid, "the stored key is not a P-256 key in PEM form: sign in again")
        }
    }

    /// PKCS #8, PEM.
    package var pem: Secret<String> { Secret(self.key.pemRepresentation) }

    /// A request (PKCS #10, PEM) for a certificate of this key's. `name` is for people only: the gateway decides whom
    /// the certificate speaks for.
    package func certificateRequest(name: String = "glovebox") throws(GloveboxError) -> String {
        do {
            return try CertificateSigningRequest(
                version: .v1, subject: try DistinguishedName { CommonName(name) },
                privateKey: Certificate.PrivateKey(self.key), attributes: CertificateSigningRequest.Attributes(),
                signatureAlgorithm: .ecdsaWithSHA256
            ).serializeAsPEM().pemString + "\n"
        } catch {
            throw GloveboxError(.internal, "can't make a certificate request", cause: error)
        }
    }
}
