package import Contracts
import Crypto
package import GloveboxCore
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A gateway's own certificate authority: one P-256 key that signs the gateway's server certificates and everybody's
/// client certificates (RFC 5280).
///
/// It lives in a folder as `ca.key` (0600) and `ca.pem`. Its name follows from its key, so that a lost `ca.pem` can be
/// made again and what the key has signed stays valid.
package struct CertificateAuthority: Sendable {
    /// How long the CA's own certificate lasts.
    package static let lifetime = Duration.seconds(10 * 365 * 86_400)
    /// How long a client certificate lasts unless told otherwise: 12 hours.
    package static let clientLifetime = Duration.seconds(12 * 3600)
    /// Certificates begin this much before they're issued, since clocks differ between machines.
    package static let skew = Duration.seconds(300)

    /// The CA's certificate.
    package let pem: String
    package let fingerprint: Fingerprint
    package let notAfter: WallTime
    let name: DistinguishedName
    let key: Certificate.PrivateKey
    let time: any TimeSource

    /// Opens the CA in `folder`, and makes one there on first start.
    ///
    /// - Throws: `file_exposed` when others can read the key; `file_unusable`; `certificate_invalid` when what's there
    ///   is not a CA of ours, or has run out.
    package init(folder: String, time: any TimeSource) throws {
        try PrivateFile.makeFolder(folder)
        let keyPath = "\(folder)/ca.key"
        let certificatePath = "\(folder)/ca.pem"
        let key: P256.Signing.PrivateKey
        if let stored = try PrivateFile.readIfPresent(keyPath, limit: 16_384) {
            key = try Self.parseKey(stored, path: keyPath)
        } else if try PrivateFile.readIfPresent(certificatePath, sharing: true, limit: 65_536) != nil {
            throw GloveboxError(
                .certificateInvalid,
                "\(certificatePath) is there, but its key \(keyPath) is not: bring it back from a backup, or move \(certificatePath) away to begin a new CA, with which everyone enrols again"
            )
        } else {
            key = P256.Signing.PrivateKey()
            try PrivateFile.create(key.pemRepresentation.utf8, at: keyPath)
        }
        let certificate: Certificate
        if let stored = try PrivateFile.readIfPresent(certificatePath, sharing: true, limit: 65_536) {
            certificate = try Self.parseCertificate(stored, path: certificatePath)
        } else {
            certificate = try Self.selfSigned(key, at: time.wall)
            try PrivateFile.write(
                (try certificate.serializeAsPEM().pemString + "\n").utf8, to: certificatePath, mode: 0o644)
        }
        guard certificate.publicKey == Certificate.PublicKey(key.publicKey) else {
            throw GloveboxError(
                .certificateInvalid,
                "\(certificatePath) doesn't belong to \(keyPath): bring the right one back from a backup")
        }
        try self.init(key: key, certificate: certificate, path: certificatePath, time: time)
    }

    /// A CA that's kept nowhere.
    package init(inMemoryAt time: any TimeSource) throws {
        let key = P256.Signing.PrivateKey()
        try self.init(key: key, certificate: Self.selfSigned(key, at: time.wall), path: "the CA", time: time)
    }

    private init(key: P256.Signing.PrivateKey, certificate: Certificate, path: String, time: any TimeSource) throws {
        let authority = try? certificate.extensions.basicConstraints
        guard case .isCertificateAuthority = authority else {
            throw GloveboxError(.certificateInvalid, "\(path) is not a CA's certificate")
        }
        self.notAfter = WallTime(certificate.notValidAfter)
        guard time.wall < self.notAfter else {
            throw GloveboxError(
                .certificateInvalid,
                "\(path) has run out: if this machine's clock is right, move it away to renew the CA with the same key, and hand the new one to everyone"
            )
        }
        let document = try certificate.serializeAsPEM()
        self.pem = document.pemString + "\n"
        self.fingerprint = Fingerprint(ofDER: document.derBytes)
        self.name = certificate.subject
        self.key = Certificate.PrivateKey(key)
        self.time = time
    }

    private static func selfSigned(_ key: P256.Signing.PrivateKey, at now: WallTime) throws -> Certificate {
        let publicKey = Certificate.PublicKey(key.publicKey)
        let identifier = SubjectKeyIdentifier(hash: publicKey)
        let name = try DistinguishedName {
            OrganizationName("Glovebox")
            CommonName("Glovebox CA \(Base32.encode(identifier.keyIdentifier).prefix(10))")
        }
        return try Certificate(
            version: .v3, serialNumber: Self.newSerial(), publicKey: publicKey,
            notValidBefore: Date(now.advanced(by: .zero - Self.skew)),
            notValidAfter: Date(now.advanced(by: Self.lifetime)), issuer: name, subject: name,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                identifier
            },
            issuerPrivateKey: Certificate.PrivateKey(key))
    }

    /// 127 random bits: positive, and never longer than the 20 octets of RFC 5280, section 4.1.2.2.
    static func newSerial() -> Certificate.SerialNumber {
        var bytes = randomBytes(16)
        bytes[0] = bytes[0] & 0x7F | 0x40
        return Certificate.SerialNumber(bytes: bytes)
    }

    private static func parseKey(_ bytes: [UInt8], path: String) throws -> P256.Signing.PrivateKey {
        do {
            return try P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw GloveboxError(
                .certificateInvalid, "\(path) is not a P-256 key in PEM form: bring it back from a backup", cause: error
            )
        }
    }

    private static func parseCertificate(_ bytes: [UInt8], path: String) throws -> Certificate {
        do {
            return try Certificate(pemEncoded: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw GloveboxError(
                .certificateInvalid,
                "\(path) is not a certificate in PEM form: bring it back from a backup, or move it away to make it again from its key",
                cause: error)
        }
    }
}
