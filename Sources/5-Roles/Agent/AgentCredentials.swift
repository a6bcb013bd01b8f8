package import GloveboxCore
import Identity
import NIOSSL
import Tunnel

/// What proves the agent to its gateway: the files of its profile, read anew for each connection, so that a renewed
/// certificate is used at once.
struct AgentCredentials: Sendable {
    let folder: String

    /// - Throws: `not_enrolled` when there is no whole profile; `configuration_invalid` when it's another agent's.
    func check(agent: AgentName) throws {
        guard let pem = try PrivateFile.readIfPresent("\(self.folder)/client.pem", sharing: true),
            try PrivateFile.readIfPresent("\(self.folder)/client.key") != nil,
            try PrivateFile.readIfPresent("\(self.folder)/ca.pem", sharing: true) != nil
        else {
            throw GloveboxError(
                .notEnrolled,
                "agent \(agent) isn't enrolled: ask an administrator for 'glovebox agent invite \(agent)', then run 'glovebox agent enrol'"
            )
        }
        let subject = try CertificateReader.read(pem: String(decoding: pem, as: UTF8.self)).subject
        guard subject == .agent(agent) else {
            throw GloveboxError(
                .configurationInvalid,
                "agent.yaml says that this is agent \(agent), but the certificate is of \(subject?.description ?? "nobody"): enrol as \(agent), or change 'name'"
            )
        }
    }

    /// Why the gateway can't be joined: that the agent's own certificate has run out, where it has, which the gateway's end of
    /// TLS says in words that help nobody. It renews itself while the gateway is reached once in the time that it lasts.
    func explained(_ error: GloveboxError, agent: AgentName, at now: WallTime) -> GloveboxError {
        guard let pem = try? PrivateFile.read("\(self.folder)/client.pem", sharing: true),
            let certificate = try? CertificateReader.read(pem: String(decoding: pem, as: UTF8.self)),
            certificate.notAfter <= now
        else { return error }
        return GloveboxError(
            .certificateExpired,
            "the certificate of agent \(agent) has run out: ask an administrator for 'glovebox agent invite \(agent)', then run 'glovebox agent enrol'; its name, its journal and its settings stay",
            cause: error)
    }

    /// Called on event loops: three small files.
    var tls: @Sendable () throws -> TLSConfiguration {
        let folder = self.folder
        return {
            TunnelPort.agentConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMBytes(
                    PrivateFile.read("\(folder)/client.pem", sharing: true)),
                privateKey: try NIOSSLPrivateKey(bytes: PrivateFile.read("\(folder)/client.key"), format: .pem),
                gatewayRoots: try NIOSSLCertificate.fromPEMBytes(
                    PrivateFile.read("\(folder)/ca.pem", sharing: true)))
        }
    }
}

extension GloveboxError.Code {
    /// The agent has no certificate of a gateway's.
    package static let notEnrolled = Self("not_enrolled")
}
