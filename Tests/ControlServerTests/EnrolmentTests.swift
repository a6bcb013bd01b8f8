import Contracts
import ControlAPI
import ControlServer
import GloveboxCore
import Identity
import TestSupport
import Testing

@testable import ControlClient

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Enrolment, renewal and trust")
struct EnrolmentTests {
    @Test("a code becomes a profile whose key only its owner can read, and which the gateway knows again")
    func enrols() async throws {
        try await TestGateway.run { gateway in
            let code = InviteCode.random(for: .person, authority: gateway.authority.fingerprint)
            let folder = try gateway.newFolder()
            let profile = try await ClientEnrolment.enrol(
                code: code.text, for: .identity, gateway: gateway.address, folder: folder)
            #expect(profile.subject.description == "identity ada")
            #expect(gateway.operations.asked.count == 2)
            guard case .enrol(let sent, _) = gateway.operations.asked.last else {
                Issue.record("the code wasn't sent")
                return
            }
            #expect(sent == code.text.exposeSecret())

            var status = stat()
            #expect(stat("\(folder)/client.key", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(stat(folder, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)

            let loaded = try Profile.load(folder: folder)
            #expect(loaded.gateway == gateway.address)
            #expect(try await gateway.call(as: loaded) { try await $0.whoAmI() }.role == .admin)
        }
    }

    @Test("a gateway that doesn't match the code's fingerprint gets no code")
    func pinMismatch() async throws {
        try await TestGateway.run { gateway in
            let other = try CertificateAuthority(inMemoryAt: SystemTime())
            let code = InviteCode.random(for: .person, authority: other.fingerprint)
            let folder = try gateway.newFolder()
            let error = try await gateway.refusal {
                _ = try await ClientEnrolment.enrol(code: code.text, gateway: gateway.address, folder: folder)
            }
            #expect(error?.code == .gatewayUntrusted)
            #expect(gateway.operations.asked == [.authority])
            #expect(filesUnder(folder) == [])
        }
    }

    @Test("one that shows the right CA, but has no certificate from it, gets no code either")
    func machineInTheMiddle() async throws {
        let honest = try CertificateAuthority(inMemoryAt: SystemTime())
        try await TestGateway.run(shownAuthority: honest.pem) { gateway in
            let code = InviteCode.random(for: .person, authority: honest.fingerprint)
            let error = try await gateway.refusal {
                _ = try await ClientEnrolment.enrol(
                    code: code.text, gateway: gateway.address, folder: try gateway.newFolder())
            }
            #expect(error?.code == .gatewayUntrusted)
            #expect(gateway.operations.asked == [.authority])
        }
    }

    @Test(
        "what shows no certificate isn't a gateway",
        arguments: ["", "hello", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"])
    func notAGateway(shown: String) async throws {
        try await TestGateway.run(shownAuthority: shown) { gateway in
            let code = InviteCode.random(for: .person, authority: gateway.authority.fingerprint)
            let error = try await gateway.refusal {
                _ = try await ClientEnrolment.enrol(
                    code: code.text, gateway: gateway.address, folder: try gateway.newFolder())
            }
            #expect(error?.code == .gatewayUnexpected)
            #expect(gateway.operations.asked == [.authority])
        }
    }

    @Test("a refused code leaves no profile, and a code of the other kind isn't sent at all")
    func refused() async throws {
        try await TestGateway.run { gateway in
            let folder = try gateway.newFolder()
            let agentCode = InviteCode.random(for: .agent, authority: gateway.authority.fingerprint)
            let wrongKind = try await gateway.refusal {
                _ = try await ClientEnrolment.enrol(
                    code: agentCode.text, for: .identity, gateway: gateway.address, folder: folder)
            }
            #expect(wrongKind?.code == .inviteInvalid)
            #expect(wrongKind?.message.contains("agent enrol") == true)
            #expect(gateway.operations.asked == [])

            gateway.operations.fail(with: GloveboxError(.inviteInvalid, "this code opens nothing"))
            let raw = try await gateway.post("/v1/enrolments", #"{"code":"gbi_x","certificateRequest":"y"}"#)
            #expect(raw.status == 401)
            #expect(raw.problem?.code == "invite_invalid")
            #expect(!raw.body.contains("gbi_x"))
            #expect(!gateway.logs.text.contains("gbi_x"))
        }
    }

    @Test("a certificate in the second half of its life is renewed in place, one in its first half isn't")
    func renewal() async throws {
        try await TestGateway.run { gateway in
            let ada = CertificateSubject.identity(try IdentityName("ada"))
            let fresh = try gateway.profile(ada)
            _ = try await gateway.call(as: fresh) { try await $0.targets() }
            #expect(gateway.operations.asked == [.targets(PageRequest())])

            // 300 s before now to 60 s after: less than half is left.
            let old = try gateway.profile(ada, lasts: .seconds(60))
            _ = try await gateway.call(as: old) { client in
                _ = try await client.targets()
                _ = try await client.agents()
            }
            let asked = gateway.operations.asked.dropFirst()
            #expect(asked.count == 3)
            guard case .renewCertificate = asked.first else {
                Issue.record("not renewed: \(asked)")
                return
            }
            let renewed = try Profile.load(folder: old.folder)
            #expect(renewed.certificateExpiresAt > old.certificateExpiresAt)
            #expect(renewed.key.pem.exposeSecret() == old.key.pem.exposeSecret())
            // The later calls were made with the new certificate.
            #expect(
                gateway.operations.entries.last?.call?.caller.credential
                    == .certificate(
                        serial: renewed.certificate.serial, expiresAt: renewed.certificate.notAfter))
        }
    }

    @Test("a renewal that fails stops nothing while the old certificate counts")
    func failedRenewal() async throws {
        try await TestGateway.run { gateway in
            let old = try gateway.profile(.identity(try IdentityName("ada")), lasts: .seconds(60))
            gateway.operations.fail(with: GloveboxError(.unavailable, "not now")) { asked in
                if case .renewCertificate = asked { true } else { false }
            }
            let error = try await gateway.refusal {
                _ = try await gateway.call(as: old) { try await $0.targets() }
            }
            #expect(error?.code == nil)
            #expect(gateway.operations.asked.last == .targets(PageRequest()))
            #expect(try Profile.load(folder: old.folder).certificate == old.certificate)
        }
    }

    @Test("an expired certificate is noticed before anything is sent")
    func expired() async throws {
        try await TestGateway.run { gateway in
            let profile = try gateway.profile(.identity(try IdentityName("ada")), lasts: .seconds(-1))
            let error = #expect(throws: GloveboxError.self) { try ControlClient(profile) }
            #expect(error?.code == .certificateExpired)
            #expect(error?.message.contains("glovebox login") == true)
        }
    }

    @Test("a certificate from another CA is told so, whatever it says, and nobody is asked whom it speaks for")
    func foreignCertificate() async throws {
        try await TestGateway.run { gateway in
            let foreign = try CertificateAuthority(inMemoryAt: SystemTime())
            let profile = try gateway.profile(.identity(try IdentityName("ada")), issuer: foreign)
            let error = try await gateway.refusal {
                _ = try await gateway.call(as: profile) { try await $0.targets() }
            }
            #expect(error?.code == .certificateInvalid)
            #expect(error?.message.contains("another gateway's CA") == true)
            #expect(gateway.identified.count == 0)
            #expect(gateway.operations.asked == [])
        }
    }

    @Test("a gateway whose certificate is from another CA isn't talked to")
    func foreignGateway() async throws {
        try await TestGateway.run { gateway in
            let foreign = try CertificateAuthority(inMemoryAt: SystemTime())
            try gateway.tls.replaceForTest(with: foreign)
            let error = try await gateway.refusal {
                _ = try await gateway.call(as: "ada") { try await $0.targets() }
            }
            #expect(error?.code == .gatewayUntrusted)
            #expect(gateway.operations.asked == [])
        }
    }

    @Test("a gateway that isn't there is named, and what to check")
    func unreachable() async throws {
        let port = try freePort()
        try await TestGateway.run { gateway in
            let key = ClientKey()
            let subject = CertificateSubject.identity(try IdentityName("ada"))
            let leaf = try gateway.authority.issueClient(try key.certificateRequest(), subject: subject)
            let profile = try Profile(
                folder: try gateway.newFolder(), gateway: GatewayAddress(host: "127.0.0.1", port: port),
                subject: Subject(subject), key: key, certificate: leaf.pem, authority: gateway.authority.pem)
            let error = try await gateway.refusal {
                _ = try await gateway.call(as: profile) { try await $0.targets() }
            }
            #expect(error?.code == .gatewayUnreachable)
            #expect(error?.message.contains("https://127.0.0.1:\(port)") == true)
            #expect(error?.message.contains("connection refused") == true, "\(error?.message ?? "")")
        }
    }

    @Test("a profile that's missing, damaged or open to others says what to do")
    func profiles() async throws {
        try await TestGateway.run { gateway in
            let missing = #expect(throws: GloveboxError.self) { try Profile.load(folder: try gateway.newFolder()) }
            #expect(missing?.code == .notSignedIn)

            let damaged = try gateway.profile(.identity(try IdentityName("ada")))
            try writeFile("\(damaged.folder)/profile.json", Array("{".utf8))
            let broken = #expect(throws: GloveboxError.self) { try Profile.load(folder: damaged.folder) }
            #expect(broken?.code == .profileInvalid)

            let exposed = try gateway.profile(.identity(try IdentityName("ada")))
            chmod("\(exposed.folder)/client.key", 0o644)
            let open = #expect(throws: GloveboxError.self) { try Profile.load(folder: exposed.folder) }
            #expect(open?.code == .fileExposed)

            let gone = try gateway.profile(.identity(try IdentityName("ada")))
            try Profile.forget(folder: gone.folder)
            let after = #expect(throws: GloveboxError.self) { try Profile.load(folder: gone.folder) }
            #expect(after?.code == .notSignedIn)
            #expect(filesUnder(gone.folder) == ["\(gone.folder)/ca.pem"])
        }
    }

    @Test(
        "a gateway's address is a host and a port",
        arguments: [
            ("https://gw.example.com", "https://gw.example.com:8443"), ("gw:9000", "https://gw:9000"),
            ("https://10.0.0.1:1/", "https://10.0.0.1:1"), ("HTTPS://[::1]:7", "https://[::1]:7"),
            ("[fe80::1]", "https://[fe80::1]:8443"),
        ])
    func addresses(text: String, canonical: String) throws {
        #expect(try GatewayAddress(text).description == canonical)
    }

    @Test(
        "what is no gateway's address is refused",
        arguments: [
            "", "http://gw", "https://", "gw:0", "gw:65536", "gw:x", "gw/path", "a b", "user@gw", "[::1", "::1",
            "gw:+1",
        ])
    func notAddresses(text: String) {
        #expect(throws: GloveboxError.self) { try GatewayAddress(text) }
    }
}

extension TLSIdentity {
    /// The server goes on with a certificate that another CA issued.
    func replaceForTest(with authority: CertificateAuthority) throws {
        let identity = try authority.issueServer(names: ["127.0.0.1"], lasts: .seconds(60))
        try self.replace(certificateChain: identity.certificate.pem, privateKey: identity.key)
    }
}
