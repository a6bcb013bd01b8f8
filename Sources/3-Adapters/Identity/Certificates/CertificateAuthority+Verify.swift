import SwiftASN1
import X509

extension CertificateAuthority {
    /// Whether this CA's key signed the certificate `der`, and names this CA as its issuer. For servers that take any
    /// certificate in TLS so as to refuse a foreign one with an answer; ``Enrolment/authenticate(_:)`` comes after it.
    package func hasSigned(der: [UInt8]) -> Bool {
        guard let certificate = try? Certificate(derEncoded: der), certificate.issuer == self.name else { return false }
        return self.key.publicKey.isValidSignature(certificate.signature, for: certificate)
    }
}
