import Contracts
import GloveboxCore
import TestSupport
import Testing

@testable import Identity

@Suite("Machine tokens")
struct MachineTokenTests {
    private let storage = MemoryStorage()
    private let time = ManualTime()
    private let authority: CertificateAuthority
    private let tokens: MachineTokens
    private let robot = IdentityName(unchecked: "robot")

    init() throws {
        self.authority = try CertificateAuthority(inMemoryAt: self.time)
        self.tokens = MachineTokens(storage: self.storage, authority: self.authority, time: self.time)
    }

    private func create(
        _ name: String = "ci", role: Role = .member, scope: TokenScope = .all, lasts: Duration = .seconds(3600)
    ) async throws -> Secret<String> {
        try await self.tokens.create(
            TokenName(name), holder: self.robot, role: role, scope: scope, lasts: lasts, by: nil
        ).secret
    }

    @Test("a token speaks for its holder, in the holder's role and the token's scope, until it runs out")
    func life() async throws {
        let secret = try await self.create(scope: .read)
        let (entry, role) = try await self.tokens.authenticate(secret)
        #expect(entry.holder == self.robot && role == .member && entry.scope == .read)
        self.time.advance(by: .seconds(3600) - .nanoseconds(1))
        _ = try await self.tokens.authenticate(secret)
        self.time.advance(by: .nanoseconds(1))
        #expect(await code { _ = try await self.tokens.authenticate(secret) } == "unauthenticated")
    }

    @Test("a token that's revoked, whose holder is disabled, or that never was one is refused with the same words")
    func refusals() async throws {
        let secret = try await self.create()
        var messages: Set<String> = []
        func refused(_ secret: Secret<String>) async {
            let error = await #expect(throws: GloveboxError.self) { try await self.tokens.authenticate(secret) }
            messages.insert(error?.description ?? "")
        }
        await refused(Secret("gbt_nonsense"))
        await refused(MachineToken.random(authority: self.authority.fingerprint).text)
        await self.storage.update(
            IdentityEntry(name: self.robot, role: .member, isDisabled: true, createdAt: self.time.wall))
        await refused(secret)
        await self.storage.update(IdentityEntry(name: self.robot, role: .member, createdAt: self.time.wall))
        _ = try await self.tokens.authenticate(secret)
        #expect(await self.storage.revokeToken(TokenName(unchecked: "ci"), at: self.time.wall))
        await refused(secret)
        #expect(messages.count == 1, "\(messages)")
    }

    @Test("a name is taken once, a holder keeps its role, and a disabled one gets no token")
    func conflicts() async throws {
        _ = try await self.create()
        #expect(await code { _ = try await self.create() } == "conflict")
        #expect(await code { _ = try await self.create("other", role: .admin) } == "conflict")
        #expect(await code { _ = try await self.create("long", lasts: .seconds(367 * 86_400)) } == "invalid_argument")
        #expect(await code { _ = try await self.create("none", lasts: .zero) } == "invalid_argument")
        await self.storage.update(
            IdentityEntry(name: self.robot, role: .member, isDisabled: true, createdAt: self.time.wall))
        #expect(await code { _ = try await self.create("third") } == "conflict")
    }

    @Test("a token has 160 random bits and its CA's pin; it's stored as a hash, and prints without its secret")
    func secrecy() async throws {
        let secret = try await self.create()
        let text = secret.exposeSecret()
        let token = try MachineToken(secret)
        #expect(token.isPinned(to: self.authority.fingerprint))
        #expect(try CertificateAuthority(inMemoryAt: self.time).fingerprint.pin != token.pin)
        #expect(text.count == 57)
        let digits = String(text.dropFirst(4).prefix(32))
        let stored = await self.storage.dump
        #expect(!stored.contains(digits))
        #expect(!token.description.contains(digits))
        #expect(token.hash.count == 32)
    }
}
