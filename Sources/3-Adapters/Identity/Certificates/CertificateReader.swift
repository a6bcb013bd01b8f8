package import GloveboxCore
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a certificate says. Who signed it is not checked here: TLS has done that.
package struct CertificateDetails: Hashable, Sendable {
    /// Whom it speaks for, if it is a client certificate that names exactly one subject of ours.
    package var subject: CertificateSubject?
    /// Lower-case hexadecimal.
    package var serial: String
    package var notBefore: WallTime
    package var notAfter: WallTime
    package var fingerprint: Fingerprint
}

/// Reads certificates (RFC 5280).
package enum CertificateReader {
    /// - Throws: `certificate_invalid` when `der` is not a certificate.
    package static func read(der: [UInt8]) throws(GloveboxError) -> CertificateDetails {
        do {
            let certificate = try Certificate(derEncoded: der)
            return CertificateDetails(
                subject: Self.subject(of: certificate), serial: certificate.serialNumber.hexadecimal,
                notBefore: WallTime(certificate.notValidBefore), notAfter: WallTime(certificate.notValidAfter),
                fingerprint: Fingerprint(ofDER: der))
        } catch {
            throw GloveboxError(.certificateInvalid, "that is not a certificate", cause: error)
        }
    }

    /// - Throws: `certificate_invalid` when `pem` is not one certificate in PEM form.
    package static func read(pem: String) throws(GloveboxError) -> CertificateDetails {
        let document: PEMDocument
        do {
            document = try PEMDocument(pemString: pem)
        } catch {
            throw GloveboxError(.certificateInvalid, "that is not a certificate in PEM form", cause: error)
        }
        guard document.discriminator == "CERTIFICATE" else {
            throw GloveboxError(.certificateInvalid, "that is not a certificate, but something else in PEM form")
        }
        return try Self.read(der: document.derBytes)
    }

    private static func subject(of certificate: Certificate) -> CertificateSubject? {
        guard let usage = try? certificate.extensions.extendedKeyUsage, usage.contains(.clientAuth),
            let alternatives = try? certificate.extensions.subjectAlternativeNames
        else { return nil }
        let uris = alternatives.compactMap { name -> String? in
            if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
        }
        guard uris.count == 1, let uri = uris.first else { return nil }
        return CertificateSubject(uri: uri)
    }
}
