import Contracts
import Crypto
import Glibc
import GloveboxCore
import SwiftASN1
import TestSupport
import Testing
import X509

@testable import Identity

@Suite("The CA and its certificates")
struct CertificateTests {
    let folder: TemporaryFolder
    let time = SystemTime()
    let ada = CertificateSubject.identity(IdentityName(unchecked: "ada"))

    init() throws {
        self.folder = try TemporaryFolder()
    }

    private var caFolder: String { self.folder.file("ca") }

    private func open() throws -> CertificateAuthority {
        try CertificateAuthority(folder: self.caFolder, time: self.time)
    }

    private func error(_ body: () throws -> Void) -> GloveboxError? {
        do {
            try body()
            return nil
        } catch {
            return error as? GloveboxError
        }
    }

    @Test("the CA is made on first start, for its owner alone, and is the same later")
    func persistence() throws {
        let first = try self.open()
        let second = try self.open()
        #expect(first.pem == second.pem)
        #expect(first.fingerprint == second.fingerprint)
        #expect(try CertificateReader.read(pem: first.pem).fingerprint == first.fingerprint)
        var status = stat()
        #expect(stat("\(self.caFolder)/ca.key", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(stat(self.caFolder, &status) == 0 && status.st_mode & 0o777 == 0o700)
        let years = self.time.wall.duration(to: first.notAfter) / .seconds(365 * 86_400)
        #expect((9.99...10.01).contains(years))
    }

    @Test("a key that others can read is refused, and the message names the chmod")
    func exposedKey() throws {
        _ = try self.open()
        chmod("\(self.caFolder)/ca.key", 0o640)
        let error = self.error { _ = try self.open() }
        #expect(error?.code == .fileExposed)
        #expect(error?.message.contains("chmod 600 \(self.caFolder)/ca.key") == true)
    }

    @Test("a damaged key or certificate is refused and not quoted; a lost certificate is made again from its key")
    func damage() async throws {
        let first = try self.open()
        let leaf = try first.issueClient(ClientKey().certificateRequest(), subject: self.ada)
        unlink("\(self.caFolder)/ca.pem")
        let second = try self.open()
        #expect(second.pem != first.pem)
        try await self.check(leaf.pem, authority: second.pem, purpose: "sslclient")

        try self.folder.write("ca/ca.pem", "nonsense")
        #expect(self.error { _ = try self.open() }?.code == .certificateInvalid)
        try self.folder.write("ca/ca.pem", try CertificateAuthority(inMemoryAt: self.time).pem)
        #expect(self.error { _ = try self.open() }?.code == .certificateInvalid)
        try self.folder.write("ca/ca.pem", leaf.pem)
        #expect(self.error { _ = try self.open() }?.code == .certificateInvalid)
        try self.folder.write("ca/ca.key", "half-a-key")
        let error = self.error { _ = try self.open() }
        #expect(error?.code == .certificateInvalid)
        #expect(error.map { "\($0)".contains("half-a-key") } == false)
        unlink("\(self.caFolder)/ca.key")
        #expect(self.error { _ = try self.open() }?.code == .certificateInvalid)
    }

    @Test("a CA that has run out is refused")
    func expiredAuthority() throws {
        let clock = ManualTime()
        _ = try CertificateAuthority(folder: self.caFolder, time: clock)
        clock.advance(by: CertificateAuthority.lifetime)
        #expect(
            self.error { _ = try CertificateAuthority(folder: self.caFolder, time: clock) }?.code == .certificateInvalid
        )
    }

    private func check(
        _ leaf: String, authority: String, purpose: String, _ more: [String] = [], succeeds: Bool = true
    ) async throws {
        let ca = try self.folder.write("verify-ca.pem", authority)
        let file = try self.folder.write("verify-leaf.pem", leaf)
        let result = try await Subprocess.run(
            ["openssl", "verify", "-x509_strict", "-purpose", purpose] + more + ["-CAfile", ca, file])
        #expect(result.succeeded == succeeds, "\(result.output) \(result.errors)")
    }

    @Test("openssl takes a server's certificate for its names as a server's, and for nothing else")
    func server() async throws {
        let authority = try self.open()
        let server = try authority.issueServer(
            names: ["Gateway.example.com", "127.0.0.1", "::1", "localhost"], lasts: .seconds(3600))
        let pem = server.certificate.pem
        for match in [
            ["-verify_hostname", "gateway.example.com"], ["-verify_hostname", "localhost"],
            ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"],
        ] {
            try await self.check(pem, authority: authority.pem, purpose: "sslserver", match)
        }
        try await self.check(
            pem, authority: authority.pem, purpose: "sslserver", ["-verify_hostname", "example.com"], succeeds: false)
        try await self.check(pem, authority: authority.pem, purpose: "sslclient", succeeds: false)
        try await self.check(
            pem, authority: try CertificateAuthority(inMemoryAt: self.time).pem, purpose: "sslserver", succeeds: false)
        let key = try P256.Signing.PrivateKey(pemRepresentation: server.key.exposeSecret())
        #expect(try Certificate(pemEncoded: pem).publicKey == Certificate.PublicKey(key.publicKey))
        #expect(try CertificateReader.read(pem: pem).subject == nil)
    }

    @Test("names that no server has are refused")
    func serverNames() throws {
        let authority = try self.open()
        for name in [
            "", "a b", "-a.example", "a..b", "*.example.com", "1.2.3.4.5", "300.1.1.1",
            String(repeating: "a", count: 64), "gw\u{0}.x",
        ] {
            #expect(
                self.error { _ = try authority.issueServer(names: [name], lasts: .seconds(60)) }?.code
                    == .invalidArgument)
        }
        #expect(self.error { _ = try authority.issueServer(names: [], lasts: .seconds(60)) }?.code == .invalidArgument)
    }

    @Test("openssl takes a client's certificate as a client's only")
    func client() async throws {
        let authority = try self.open()
        let leaf = try authority.issueClient(ClientKey().certificateRequest(), subject: self.ada)
        try await self.check(leaf.pem, authority: authority.pem, purpose: "sslclient")
        try await self.check(leaf.pem, authority: authority.pem, purpose: "sslserver", succeeds: false)
    }

    @Test("a client's certificate says what the gateway says, not what was asked for")
    func clientSubject() throws {
        let clock = ManualTime()
        let authority = try CertificateAuthority(inMemoryAt: clock)
        let longest = AgentName(unchecked: String(repeating: "a", count: 63))
        for subject in [self.ada, .agent(longest)] {
            let leaf = try authority.issueClient(
                ClientKey().certificateRequest(name: "glovebox://identity/root"), subject: subject)
            let details = try CertificateReader.read(pem: leaf.pem)
            #expect(details.subject == subject)
            #expect(details.serial == leaf.serial)
            #expect(details.notAfter == leaf.notAfter && details.notBefore == leaf.notBefore)
            #expect(leaf.notAfter == clock.wall.advanced(by: .seconds(12 * 3600)))
            #expect(leaf.notBefore == clock.wall.advanced(by: .seconds(-300)))
            let certificate = try Certificate(pemEncoded: leaf.pem)
            #expect(!String(describing: certificate).contains("root"))
            #expect(leaf.serial.utf8.count == 32)
        }
        let long = try authority.issueClient(
            ClientKey().certificateRequest(), subject: self.ada, lasts: .seconds(100 * 365 * 86_400))
        #expect(long.notAfter == authority.notAfter)
        let serials = try Set(
            (0..<50).map { _ in
                try authority.issueServer(names: ["localhost"], lasts: .seconds(60)).certificate.serial
            })
        #expect(serials.count == 50)
    }

    @Test("requests that are no sound P-256 requests are refused")
    func requests() throws {
        let authority = try self.open()
        let name = try DistinguishedName { CommonName("x") }
        let other = try CertificateSigningRequest(
            version: .v1, subject: name, privateKey: Certificate.PrivateKey(P384.Signing.PrivateKey()),
            attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA384)
        // Somebody else's key, signed with one's own.
        let mine = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let signed = try CertificateSigningRequest(
            version: .v1, subject: name, privateKey: mine, attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA256)
        let stolen = try CertificateSigningRequest(
            version: .v1, subject: name, publicKey: Certificate.PublicKey(P256.Signing.PrivateKey().publicKey),
            attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA256,
            signature: signed.signature)
        let sound = try ClientKey().certificateRequest()
        for text in [
            try other.serializeAsPEM().pemString, try stolen.serializeAsPEM().pemString, "", "nonsense", authority.pem,
            String(sound.dropLast(60)), sound + String(repeating: " ", count: 20_000),
        ] {
            #expect(self.error { _ = try authority.issueClient(text, subject: self.ada) }?.code == .invalidArgument)
        }
        _ = try authority.issueClient(signed.serializeAsPEM().pemString, subject: self.ada)
    }

    @Test("a request with any bit flipped is refused, or its key and signature still fit")
    func flippedRequest() throws {
        let request = try CertificateSigningRequest(pemEncoded: ClientKey().certificateRequest())
        let der = try request.serializeAsPEM().derBytes
        #expect(throws: Never.self) { try CertificateRequest(der: der) }
        for index in der.indices {
            var flipped = der
            flipped[index] ^= 1
            do {
                // A bit string may say that its last bit, if that's 0, is unused: another form of the same request.
                let read = try CertificateRequest(der: flipped)
                #expect(Certificate.PublicKey(read.publicKey) == request.publicKey, "byte \(index)")
            } catch {
                #expect(error.code == .invalidArgument, "byte \(index)")
            }
        }
    }

    @Test("a stored key is read again and keeps its certificate; what isn't one is refused and not quoted")
    func clientKey() throws {
        let key = ClientKey()
        let again = try ClientKey(pem: key.pem)
        let first = try CertificateSigningRequest(pemEncoded: key.certificateRequest())
        let second = try CertificateSigningRequest(pemEncoded: again.certificateRequest())
        #expect(first.publicKey == second.publicKey)
        let error = #expect(throws: GloveboxError.self) { try ClientKey(pem: Secret("not-a-key")) }
        #expect(error.map { String(reflecting: $0).contains("not-a-key") } == false)
        #expect(!"\(key)".contains("BEGIN"))
    }

    @Test("what isn't a certificate is refused")
    func reader() throws {
        for text in ["", "nonsense", try ClientKey().certificateRequest()] {
            let error = #expect(throws: GloveboxError.self) { try CertificateReader.read(pem: text) }
            #expect(error?.code == .certificateInvalid)
        }
        #expect(throws: GloveboxError.self) { try CertificateReader.read(der: []) }
    }
}
