import Crypto
package import GloveboxCore
import SwiftASN1
import X509

/// A sound request for a client certificate (PKCS #10, RFC 2986): its signature was checked, its key is P-256.
package struct CertificateRequest: Sendable {
    /// Longest text that is looked at.
    package static let longest = 16_384

    let publicKey: P256.Signing.PublicKey

    /// - Throws: `invalid_argument`.
    package init(pem: String) throws(GloveboxError) {
        guard pem.utf8.count <= Self.longest else { throw Self.malformed(nil) }
        let request: CertificateSigningRequest
        do {
            request = try CertificateSigningRequest(pemEncoded: pem)
        } catch {
            throw Self.malformed(error)
        }
        try self.init(request)
    }

    /// - Throws: `invalid_argument`.
    package init(der: [UInt8]) throws(GloveboxError) {
        guard der.count <= Self.longest else { throw Self.malformed(nil) }
        let request: CertificateSigningRequest
        do {
            request = try CertificateSigningRequest(derEncoded: der)
        } catch {
            throw Self.malformed(error)
        }
        try self.init(request)
    }

    private init(_ request: CertificateSigningRequest) throws(GloveboxError) {
        guard let publicKey = P256.Signing.PublicKey(request.publicKey) else {
            throw GloveboxError(.invalidArgument, "the certificate request's key is of another kind: make a P-256 key")
        }
        guard request.publicKey.isValidSignature(request.signature, for: request) else {
            throw GloveboxError(
                .invalidArgument, "the certificate request isn't signed with its own key: make a new request")
        }
        self.publicKey = publicKey
    }

    private static func malformed(_ cause: (any Error)?) -> GloveboxError {
        GloveboxError(
            .invalidArgument, "that is not a certificate request: it has to be PKCS #10 in PEM form", cause: cause)
    }
}
