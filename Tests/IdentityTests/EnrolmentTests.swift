import Contracts
import GloveboxCore
import Identity
import TestSupport
import Testing

@Suite("Enrolment")
struct EnrolmentTests {
    let storage = MemoryStorage()
    let time = ManualTime()
    let enrolment: Enrolment
    let ada = IdentityName(unchecked: "ada")
    let request: String

    init() throws {
        self.enrolment = Enrolment(
            storage: self.storage, authority: try CertificateAuthority(inMemoryAt: self.time), time: self.time)
        self.request = try ClientKey().certificateRequest()
    }

    private func enrolAda() async throws -> EnrolledGuest {
        let invited = try await self.enrolment.invite(.person(self.ada, .admin), by: nil)
        return try await self.enrolment.redeem(code: invited.code.text, request: self.request)
    }

    private func details(_ guest: EnrolledGuest) throws -> CertificateDetails {
        try CertificateReader.read(pem: guest.certificate.pem)
    }

    @Test("a person enrols with a code and is known by the certificate from then on")
    func person() async throws {
        let invited = try await self.enrolment.invite(.person(self.ada, .approver), by: IdentityName(unchecked: "eve"))
        #expect(invited.expiresAt == self.time.wall.advanced(by: .seconds(3600)))
        let guest = try await self.enrolment.redeem(code: invited.code.text, request: self.request)
        #expect(guest.subject == .identity(self.ada))
        #expect(guest.invitedBy?.rawValue == "eve")
        #expect(guest.authority == self.enrolment.authority.pem)
        #expect(await self.storage.identity(self.ada)?.role == .approver)
        let peer = try await self.enrolment.authenticate(self.details(guest))
        #expect(peer.subject == .identity(self.ada))
        #expect(peer.role == .approver)
        #expect(peer.serial == guest.certificate.serial)
        #expect(peer.notAfter == self.time.wall.advanced(by: .seconds(12 * 3600)))
    }

    @Test("an agent enrols with a token")
    func agent() async throws {
        let name = AgentName(unchecked: "demo")
        let invited = try await self.enrolment.invite(.agent(name), by: self.ada)
        #expect(invited.code.guest == .agent)
        let guest = try await self.enrolment.redeem(code: invited.code.text, request: self.request)
        #expect(await self.storage.agent(name) != nil)
        let peer = try await self.enrolment.authenticate(self.details(guest))
        #expect(peer.subject == .agent(name))
        #expect(peer.role == nil)
    }

    @Test("every bad code is refused in the same words")
    func uniform() async throws {
        let used = try await self.enrolment.invite(.person(self.ada, .admin), by: nil).code.text
        _ = try await self.enrolment.redeem(code: used, request: self.request)
        let late = try await self.enrolment.invite(
            .agent(AgentName(unchecked: "late")), by: nil, lasts: .seconds(1)
        ).code.text
        let disabled = try await self.enrolment.invite(.person(self.ada, .admin), by: nil).code.text
        await self.storage.update(
            IdentityEntry(name: self.ada, role: .admin, isDisabled: true, createdAt: self.time.wall))
        self.time.advance(by: .seconds(1))
        let unknown = InviteCode.random(for: .person, authority: self.enrolment.authority.fingerprint).text
        let other = try CertificateAuthority(inMemoryAt: self.time).fingerprint
        var messages: Set<String> = []
        for code in [
            used, late, disabled, unknown, InviteCode.random(for: .agent, authority: other).text, Secret(""),
            Secret("gbi_x"),
        ] {
            do {
                _ = try await self.enrolment.redeem(code: code, request: self.request)
                Issue.record("a bad code was taken")
            } catch let error as GloveboxError {
                #expect(error.code == .inviteInvalid)
                messages.insert(error.message)
            }
        }
        #expect(messages.count == 1)
    }

    @Test("a code that's redeemed many times at once gives one certificate")
    func once() async throws {
        let text = try await self.enrolment.invite(.person(self.ada, .admin), by: nil).code.text
        let won = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask { (try? await self.enrolment.redeem(code: text, request: self.request)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(won == 1)
    }

    @Test("a bad request doesn't use the code up")
    func badRequest() async throws {
        let text = try await self.enrolment.invite(.person(self.ada, .admin), by: nil).code.text
        #expect(
            await code { _ = try await self.enrolment.redeem(code: text, request: "nonsense") } == "invalid_argument")
        _ = try await self.enrolment.redeem(code: text, request: self.request)
    }

    @Test("an invitation neither changes somebody's role nor brings back who is disabled")
    func conflicts() async throws {
        _ = try await self.enrolAda()
        #expect(await code { _ = try await self.enrolment.invite(.person(self.ada, .member), by: nil) } == "conflict")
        _ = try await self.enrolAda()
        await self.storage.update(
            IdentityEntry(name: self.ada, role: .admin, isDisabled: true, createdAt: self.time.wall))
        #expect(await code { _ = try await self.enrolment.invite(.person(self.ada, .admin), by: nil) } == "conflict")
    }

    @Test("a certificate stops counting when it runs out, is revoked, or its holder is disabled")
    func endings() async throws {
        let first = try self.details(try await self.enrolAda())
        let second = try self.details(try await self.enrolAda())
        #expect(try await self.enrolment.revoke(serial: first.serial))
        #expect(await code { _ = try await self.enrolment.authenticate(first) } == "certificate_invalid")
        _ = try await self.enrolment.authenticate(second)
        await self.storage.update(
            IdentityEntry(name: self.ada, role: .admin, isDisabled: true, createdAt: self.time.wall))
        #expect(await code { _ = try await self.enrolment.authenticate(second) } == "unauthenticated")
        await self.storage.update(IdentityEntry(name: self.ada, role: .admin, createdAt: self.time.wall))
        self.time.advance(by: .seconds(12 * 3600) - .seconds(1))
        _ = try await self.enrolment.authenticate(second)
        self.time.advance(by: .seconds(1))
        #expect(await code { _ = try await self.enrolment.authenticate(second) } == "certificate_invalid")
    }

    @Test("a certificate of our CA that the store doesn't know, or knows for somebody else, doesn't count")
    func unknown() async throws {
        let stray = try self.enrolment.authority.issueClient(self.request, subject: .identity(self.ada))
        try await self.storage.insert(IdentityEntry(name: self.ada, role: .admin, createdAt: self.time.wall))
        let details = try CertificateReader.read(pem: stray.pem)
        #expect(await code { _ = try await self.enrolment.authenticate(details) } == "certificate_invalid")
        await self.storage.insert(
            CertificateEntry(
                serial: stray.serial, subject: .agent(AgentName(unchecked: "ada")), notAfter: stray.notAfter))
        #expect(await code { _ = try await self.enrolment.authenticate(details) } == "certificate_invalid")
        let server = try self.enrolment.authority.issueServer(names: ["localhost"], lasts: .seconds(60))
        let served = try CertificateReader.read(pem: server.certificate.pem)
        #expect(await code { _ = try await self.enrolment.authenticate(served) } == "certificate_invalid")
    }

    @Test("a renewal gives the same subject a new certificate; a revoked one can't be renewed")
    func renewal() async throws {
        let old = try self.details(try await self.enrolAda())
        self.time.advance(by: .seconds(6 * 3600))
        let renewed = try await self.enrolment.renew(old, request: try ClientKey().certificateRequest(name: "root"))
        #expect(renewed.subject == .identity(self.ada))
        #expect(renewed.certificate.serial != old.serial)
        #expect(renewed.certificate.notAfter == self.time.wall.advanced(by: .seconds(12 * 3600)))
        _ = try await self.enrolment.authenticate(self.details(renewed))
        _ = try await self.enrolment.authenticate(old)
        try await self.enrolment.revoke(serial: old.serial)
        #expect(await code { _ = try await self.enrolment.renew(old, request: self.request) } == "certificate_invalid")
    }

    @Test("the store gets the hash of a code, not the code")
    func hashOnly() async throws {
        let invited = try await self.enrolment.invite(.person(self.ada, .admin), by: nil)
        #expect(await self.storage.inviteHashes == [invited.code.hash])
        let digits = invited.code.text.exposeSecret().split(separator: "_")[1]
        #expect(await !self.storage.dump.contains(String(digits)))
        #expect(!"\(invited) \(String(reflecting: invited))".contains(String(digits)))
    }
}
