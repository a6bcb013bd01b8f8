package import GloveboxCore
import Identity

/// A machine's way to a gateway: a token in place of a profile. The gateway proves itself first, by the CA that the token
/// is pinned to.
package struct MachineAccess: Sendable {
    package let gateway: GatewayAddress
    /// The gateway's CA certificate, as other programs are told of it.
    package let authorityPath: String
    let token: Secret<String>
    let authorityPEM: String

    /// - Parameter folder: where the CA's certificate is kept.
    /// - Throws: `unauthenticated` for what is no token; `gateway_untrusted` (and the token was not sent),
    ///   `gateway_unreachable`, `file_unusable`.
    package init(
        token text: Secret<String>, gateway: GatewayAddress, folder: String,
        timeout: Duration = ControlClient.standardTimeout
    ) async throws {
        let token = try MachineToken(text)
        self.gateway = gateway
        self.token = token.text
        self.authorityPEM = try await ClientEnrolment.authority(
            of: gateway, isPinned: token.isPinned(to:), timeout: timeout)
        // Beside a profile, which may be of another gateway.
        self.authorityPath = "\(folder)/machine-ca.pem"
        try PrivateFile.makeFolder(folder)
        try PrivateFile.write(self.authorityPEM.utf8, to: self.authorityPath, mode: 0o644)
    }

    func trust() throws -> HTTPTransport.Trust {
        .authority(try Profile.certificate(self.authorityPEM), client: nil)
    }
}
