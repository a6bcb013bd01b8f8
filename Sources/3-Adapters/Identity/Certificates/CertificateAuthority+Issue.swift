import Contracts
import Crypto
package import GloveboxCore
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension CertificateAuthority {
    /// A new key and certificate for a server of this gateway's, valid for all of `names`: DNS names and IP addresses.
    ///
    /// It begins ``skew`` before now and never outlasts the CA.
    /// - Throws: `invalid_argument` for a name that is neither.
    package func issueServer(names: [String], lasts: Duration) throws -> ServerIdentity {
        guard !names.isEmpty else {
            throw GloveboxError(
                .invalidArgument, "a server's certificate needs at least one name that clients call it by")
        }
        let key = P256.Signing.PrivateKey()
        let certificate = try self.issue(
            Certificate.PublicKey(key.publicKey), name: "Glovebox gateway",
            alternatives: try names.map { name in try ServerName(name).generalName }, usage: .serverAuth, lasts: lasts)
        return ServerIdentity(certificate: certificate, key: Secret(key.pemRepresentation))
    }

    /// A certificate for whoever holds the key of `request` (PKCS #10, PEM), to speak for `subject`. What the request
    /// says about its subject is ignored: only its public key is taken, once its signature proves that the asker has
    /// the private one.
    ///
    /// - Throws: `invalid_argument` when `request` is not a sound request with a P-256 key.
    package func issueClient(
        _ request: String, subject: CertificateSubject, lasts: Duration = Self.clientLifetime
    ) throws -> LeafCertificate {
        try self.issueClient(CertificateRequest(pem: request), subject: subject, lasts: lasts)
    }

    /// The same, for a request that has been checked already.
    package func issueClient(
        _ request: CertificateRequest, subject: CertificateSubject, lasts: Duration = Self.clientLifetime
    ) throws -> LeafCertificate {
        let name =
            switch subject {
            case .identity(let name): name.rawValue
            case .agent(let name): name.rawValue
            }
        return try self.issue(
            Certificate.PublicKey(request.publicKey), name: name,
            alternatives: [.uniformResourceIdentifier(subject.uri)], usage: .clientAuth, lasts: lasts)
    }

    private func issue(
        _ publicKey: Certificate.PublicKey, name: String, alternatives: [GeneralName], usage: ExtendedKeyUsage.Usage,
        lasts: Duration
    ) throws -> LeafCertificate {
        let now = self.time.wall
        let notBefore = Date(now.advanced(by: .zero - Self.skew))
        let notAfter = Date(min(now.advanced(by: lasts), self.notAfter))
        let serial = Self.newSerial()
        let certificate = try Certificate(
            version: .v3, serialNumber: serial, publicKey: publicKey, notValidBefore: notBefore,
            notValidAfter: notAfter, issuer: self.name, subject: try DistinguishedName { CommonName(name) },
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([usage])
                SubjectAlternativeNames(alternatives)
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: self.key.publicKey).keyIdentifier)
            },
            issuerPrivateKey: self.key)
        return LeafCertificate(
            pem: try certificate.serializeAsPEM().pemString + "\n", serial: serial.hexadecimal,
            notBefore: WallTime(certificate.notValidBefore), notAfter: WallTime(certificate.notValidAfter))
    }
}

/// A DNS name or IP address that a server's certificate is valid for.
struct ServerName {
    let generalName: GeneralName

    init(_ text: String) throws(GloveboxError) {
        if let address = IPAddress.bytes(of: text) {
            self.generalName = .ipAddress(ASN1OctetString(contentBytes: address[...]))
            return
        }
        let name = text.lowercased()
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isSound = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
                        || byte == UInt8(ascii: "_")
                }
        }
        let endsInNumber = labels.last?.utf8.allSatisfy { (0x30...0x39).contains($0) } ?? true
        guard isSound, !endsInNumber, name.utf8.count <= 253 else {
            throw GloveboxError(
                .invalidArgument,
                "'\(text.prefix(80))' can't be a server's name: give a DNS name such as 'gateway.example.com', or an IP address"
            )
        }
        self.generalName = .dnsName(name)
    }
}

extension Certificate.SerialNumber {
    /// Lower-case hexadecimal without leading zero bytes: how the store names certificates.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: self.bytes.drop { $0 == 0 }.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}

extension Date {
    /// To the second, as certificates have it.
    init(_ time: WallTime) {
        self.init(timeIntervalSince1970: Double(time.nanoseconds / 1_000_000_000))
    }
}

extension WallTime {
    /// A certificate's moment, clamped to what 64 bits of nanoseconds carry.
    init(_ date: Date) {
        let seconds = date.timeIntervalSince1970.rounded(.down)
        self.init(nanoseconds: Int64(max(-9.2e9, min(9.2e9, seconds))) * 1_000_000_000)
    }
}
