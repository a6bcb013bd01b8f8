package import ControlAPI
package import GloveboxCore
import Identity
import NIOSSL
import OutboundHTTP

/// Trades a single-use code for a certificate, for people and agents.
package enum ClientEnrolment {
    /// Enrols and writes the profile to `folder`, in place of one that's there.
    ///
    /// The gateway proves itself first: its CA's certificate is fetched from whoever answers, compared with the
    /// fingerprint in the code, and the code is sent only over a second connection that is verified with that CA.
    ///
    /// - Parameter guest: whom the code has to be for; `nil` takes both.
    /// - Throws: `invite_invalid`, `gateway_untrusted` (and the code was not sent), `gateway_unreachable`.
    package static func enrol(
        code text: Secret<String>, for guest: Subject.Kind? = nil, gateway: GatewayAddress, folder: String,
        timeout: Duration = ControlClient.standardTimeout
    ) async throws -> Profile {
        let code = try InviteCode(text)
        switch (guest, code.guest) {
        case (nil, _), (.identity, .person), (.agent, .agent): break
        case (.identity, .agent):
            throw GloveboxError(.inviteInvalid, "this code is for an agent: use it with 'glovebox agent enrol'")
        case (.agent, .person):
            throw GloveboxError(.inviteInvalid, "this code is for a person: use it with 'glovebox login'")
        }
        let authority = try await Self.authority(of: gateway, isPinned: code.isPinned(to:), timeout: timeout)
        let key = ClientKey()
        let request = EnrolmentRequest(
            code: OneTimeSecret(code.text), certificateRequest: try key.certificateRequest())
        let transport = HTTPTransport(
            gateway, trust: .authority(try Profile.certificate(authority), client: nil), timeout: timeout)
        let issued: IssuedCertificate
        do {
            let answer = try await transport.success(
                Endpoint.enrol.method, Endpoint.enrol.path, body: try JSONForm.encode(request))
            issued = try transport.decode(IssuedCertificate.self, from: answer)
        } catch {
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
        let profile = try Profile(
            folder: folder, gateway: gateway, subject: issued.subject, key: key, certificate: issued.certificate,
            authority: authority)
        try profile.save()
        return profile
    }

    /// The CA certificate that a code or token vouches for, PEM.
    static func authority(
        of gateway: GatewayAddress, isPinned: (Fingerprint) -> Bool, timeout: Duration
    ) async throws -> String {
        let transport = HTTPTransport(gateway, trust: .anyone, timeout: timeout)
        let answer: HTTPTransport.Answer
        do {
            answer = try await transport.success(Endpoint.authority.method, Endpoint.authority.path)
        } catch {
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
        let pem = String(decoding: answer.body.prefix(65_536), as: UTF8.self)
        guard let details = try? CertificateReader.read(pem: pem), let only = try? Profile.certificate(pem),
            let der = try? only.toDERBytes(), details.fingerprint == Fingerprint(ofDER: der)
        else { throw transport.unexpected("it has no CA certificate to show") }
        guard isPinned(details.fingerprint) else {
            throw GloveboxError(
                .gatewayUntrusted,
                "what answers at \(gateway) is not the gateway that made this secret, so it was not sent: check the address, and if it's right, tell whoever gave it to you"
            )
        }
        return pem
    }
}
