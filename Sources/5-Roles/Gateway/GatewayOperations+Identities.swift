import Contracts
import ControlAPI
import ControlServer
import GloveboxCore
import Identity

/// Who may come in: identities, their tokens, and the end of both.
extension GatewayOperations {
    // MARK: Identities

    func identities(_ page: PageRequest, _ call: Call) async throws -> Page<IdentityStatus> {
        page.of(try await self.storage.identities(), by: \.name.rawValue, IdentityStatus.init)
    }

    func identity(_ name: IdentityName, _ call: Call) async throws -> Versioned<IdentityStatus> {
        guard call.reach.includes(name) else { throw Self.unknown("identity", name) }
        return Self.shown(try await self.entry(name))
    }

    /// Ends everything that the identity holds. It's disabled first, so that nothing new comes while the rest ends, and
    /// on record last, since neither a full disk nor a lease that can't be written keeps anybody in.
    func disableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus> {
        guard name != call.caller.identity else {
            throw GloveboxError(.conflict, "you can't disable yourself: have another administrator do it")
        }
        var entry = try await self.entry(name)
        try precondition.check(entry.version)
        if !entry.isDisabled {
            entry.isDisabled = true
            try await self.storage.update(entry)
            entry.version += 1
        }
        let now = self.time.wall
        try await throughAll([
            { try await self.leases.bar(name, by: call.caller.identity) },
            { try await self.approvals.withdrawAll(of: name) },
            { try await self.storage.revokeCertificates(of: .identity(name), at: now) },
            { try await self.storage.revokeTokens(of: name, at: now) },
            { try await self.storage.withdrawInvites(for: .identity(name), at: now) },
            { try await self.record(call.caller.identity, .identityDisabled(name: name)) },
        ])
        return Self.shown(entry)
    }

    func enableIdentity(
        _ name: IdentityName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<IdentityStatus> {
        var entry = try await self.entry(name)
        try precondition.check(entry.version)
        guard entry.isDisabled else { return Self.shown(entry) }
        try await self.record(call.caller.identity, .identityEnabled(name: name))
        entry.isDisabled = false
        try await self.storage.update(entry)
        entry.version += 1
        await self.leases.unbar(name)
        return Self.shown(entry)
    }

    private func entry(_ name: IdentityName) async throws -> IdentityEntry {
        guard let entry = try await self.storage.identity(name) else { throw Self.unknown("identity", name) }
        return entry
    }

    private static func shown(_ entry: IdentityEntry) -> Versioned<IdentityStatus> {
        Versioned(IdentityStatus(entry), version: entry.version)
    }

    // MARK: Tokens

    func createToken(_ request: TokenRequest, _ call: Call) async throws -> CreatedToken {
        let scope = request.scope ?? .all
        guard call.caller.scope.includes(scope) else {
            throw GloveboxError(.forbidden, "a token makes none that may do more than itself: ask an administrator")
        }
        let holder = try request.identity ?? IdentityName(request.name.rawValue)
        let lasts = request.lifetime.duration
        let (secret, entry) = try await self.machineTokens.create(
            request.name, holder: holder, role: request.role, scope: scope, lasts: lasts, by: call.caller.identity,
            recording: {
                try await self.record(
                    call.caller.identity,
                    .tokenCreated(name: request.name, holder: holder, scope: scope.description, lasts: lasts))
            })
        return CreatedToken(token: TokenStatus(entry, at: self.time.wall), secret: secret)
    }

    func tokens(_ page: PageRequest, _ call: Call) async throws -> Page<TokenStatus> {
        let now = self.time.wall
        let reached = try await self.storage.tokens().filter { call.reach.includes($0.holder) }
        return page.of(reached, by: \.name.rawValue) { TokenStatus($0, at: now) }
    }

    func revokeToken(_ name: TokenName, _ call: Call) async throws {
        guard let entry = try await self.storage.token(name), call.reach.includes(entry.holder) else {
            throw Self.unknown("token", name)
        }
        guard try await self.storage.revokeToken(name, at: self.time.wall) else { return }
        try await self.record(call.caller.identity, .tokenRevoked(name: name))
    }

    static func unknown(_ noun: String, _ name: some Name) -> GloveboxError {
        GloveboxError(.notFound, "there is no \(noun) '\(name)' that you may see")
    }
}

/// Takes every step, whether or not those before it failed.
/// - Throws: the first failure, after the last step.
func throughAll(_ steps: [() async throws -> Void]) async throws {
    var failure: (any Error)?
    for step in steps {
        do {
            try await step()
        } catch {
            failure = failure ?? error
        }
    }
    if let failure { throw failure }
}

extension IdentityStatus {
    fileprivate init(_ entry: IdentityEntry) {
        self.init(name: entry.name, role: entry.role, isDisabled: entry.isDisabled, createdAt: entry.createdAt)
    }
}

extension TokenStatus {
    fileprivate init(_ entry: TokenEntry, at time: WallTime) {
        self.init(
            name: entry.name, identity: entry.holder, scope: entry.scope, createdBy: entry.createdBy,
            createdAt: entry.createdAt, expiresAt: entry.expiresAt, revokedAt: entry.revokedAt,
            isActive: entry.isActive(at: time))
    }
}
