package import ControlAPI
package import GloveboxCore
import Identity
import NIOSSL

/// What somebody who has enrolled keeps in a folder: `profile.json` (which gateway, who), `client.key` (0600),
/// `client.pem` and `ca.pem`. People have one in `$GLOVEBOX_HOME` or `~/.config/glovebox`, an agent in its state folder.
package struct Profile: Sendable {
    /// Absolute or relative; as it was given.
    package let folder: String
    package let gateway: GatewayAddress
    package let subject: Subject
    let certificate: CertificateDetails
    let certificatePEM: String
    let authorityPEM: String
    let key: ClientKey

    /// `profile.json`
    private struct Description: Codable {
        var gateway: GatewayAddress
        var subject: Subject
    }

    package static func authorityPath(in folder: String) -> String { "\(folder)/ca.pem" }

    package var certificateExpiresAt: WallTime { self.certificate.notAfter }

    /// Whether the profile is of the gateway whose CA this is.
    package func isOf(authorityPEM pem: String) -> Bool {
        (try? Self.certificate(pem)) == (try? Self.certificate(self.authorityPEM))
    }

    /// Whether less than half of the certificate's life is left.
    package func needsRenewal(at now: WallTime) -> Bool {
        let whole = self.certificate.notBefore.duration(to: self.certificate.notAfter)
        return now.duration(to: self.certificate.notAfter) < whole / 2
    }

    /// The gateway's CA certificate, as other programs are told of it.
    package var authorityPath: String { Self.authorityPath(in: self.folder) }

    /// The folder of the person who runs this.
    /// - Throws: `invalid_argument` when the environment names none.
    package static func standardFolder(environment: [String: String]) throws(GloveboxError) -> String {
        if let home = environment["GLOVEBOX_HOME"], !home.isEmpty { return home }
        if let configuration = environment["XDG_CONFIG_HOME"], configuration.hasPrefix("/") {
            return "\(configuration)/glovebox"
        }
        guard let home = environment["HOME"], !home.isEmpty else {
            throw GloveboxError(
                .invalidArgument,
                "neither GLOVEBOX_HOME nor HOME is set: say in GLOVEBOX_HOME where to keep the profile")
        }
        return "\(home)/.config/glovebox"
    }

    /// - Throws: `not_signed_in` when there is no profile; `profile_invalid`, `file_exposed`, `file_unusable`.
    package static func load(folder: String) throws(GloveboxError) -> Profile {
        guard let description = try PrivateFile.readIfPresent("\(folder)/profile.json", sharing: true),
            let key = try PrivateFile.readIfPresent("\(folder)/client.key"),
            let certificate = try PrivateFile.readIfPresent("\(folder)/client.pem", sharing: true),
            let authority = try PrivateFile.readIfPresent(Self.authorityPath(in: folder), sharing: true)
        else {
            throw GloveboxError(
                .notSignedIn, "you aren't signed in (there is no whole profile in \(folder)): run 'glovebox login'")
        }
        do {
            let about = try JSONForm.decode(Description.self, from: description)
            return try Profile(
                folder: folder, gateway: about.gateway, subject: about.subject,
                key: ClientKey(pem: Secret(String(decoding: key, as: UTF8.self))),
                certificate: String(decoding: certificate, as: UTF8.self),
                authority: String(decoding: authority, as: UTF8.self))
        } catch {
            throw GloveboxError(
                .profileInvalid, "the profile in \(folder) is damaged (\(error.message)): run 'glovebox login'",
                cause: error)
        }
    }

    init(
        folder: String, gateway: GatewayAddress, subject: Subject, key: ClientKey, certificate: String,
        authority: String
    ) throws(GloveboxError) {
        self.folder = folder
        self.gateway = gateway
        self.subject = subject
        self.key = key
        self.certificatePEM = certificate
        self.authorityPEM = authority
        self.certificate = try CertificateReader.read(pem: certificate)
    }

    /// Writes all files, the description last, since without it there is no profile.
    package func save() throws {
        try PrivateFile.makeFolder(self.folder)
        try PrivateFile.remove("\(self.folder)/profile.json")
        try PrivateFile.write(self.key.pem.exposeSecret().utf8, to: "\(self.folder)/client.key")
        try PrivateFile.write(self.authorityPEM.utf8, to: self.authorityPath, mode: 0o644)
        try self.saveCertificate()
        let description = try JSONForm.encode(Description(gateway: self.gateway, subject: self.subject), pretty: true)
        try PrivateFile.write(description + [0x0A], to: "\(self.folder)/profile.json", mode: 0o644)
    }

    /// A renewal keeps the key, so that one atomic write is all there is to do.
    func saveCertificate() throws(GloveboxError) {
        try PrivateFile.write(self.certificatePEM.utf8, to: "\(self.folder)/client.pem", mode: 0o644)
    }

    /// Removes what proves who somebody is. The CA's certificate stays: it's no secret.
    package static func forget(folder: String) throws(GloveboxError) {
        for name in ["client.key", "client.pem", "profile.json"] {
            try PrivateFile.remove("\(folder)/\(name)")
        }
    }

    /// This profile with a renewed certificate.
    func renewed(_ issued: IssuedCertificate) throws(GloveboxError) -> Profile {
        try Profile(
            folder: self.folder, gateway: self.gateway, subject: self.subject, key: self.key,
            certificate: issued.certificate, authority: self.authorityPEM)
    }

    /// How the profile's owner proves itself and the gateway has to.
    func trust() throws(GloveboxError) -> HTTPTransport.Trust {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(self.certificatePEM.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(self.key.pem.exposeSecret().utf8), format: .pem)
            return .authority(try Self.certificate(self.authorityPEM), client: (chain, key))
        } catch {
            throw GloveboxError(
                .profileInvalid, "the profile in \(self.folder) is damaged: run 'glovebox login'", cause: error)
        }
    }

    /// The only certificate in `pem`.
    static func certificate(_ pem: String) throws -> NIOSSLCertificate {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8))
        guard certificates.count == 1, let certificate = certificates.first else {
            throw GloveboxError(.certificateInvalid, "one certificate in PEM form is wanted")
        }
        return certificate
    }
}
