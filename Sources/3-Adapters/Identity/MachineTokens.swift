package import Contracts
package import GloveboxCore

/// Tokens for machines: named, hashed, scoped, expiring, revocable. What happened is for the caller to record.
///
/// A token speaks for an identity, in that identity's role: disabling the identity ends its tokens.
package struct MachineTokens: Sendable {
    /// Longest that one may last: 366 days.
    package static let longest = Duration.seconds(366 * 86_400)

    private let storage: any Storage
    private let authority: CertificateAuthority
    private let time: any TimeSource

    package init(storage: any Storage, authority: CertificateAuthority, time: any TimeSource) {
        self.storage = storage
        self.authority = authority
        self.time = time
    }

    /// A new token for `holder`, to be shown once. A holder who isn't there yet is made.
    ///
    /// - Parameter recording: what has to be done before the token counts.
    /// - Throws: `conflict` when the name is taken, or the holder is there in another role or disabled;
    ///   `invalid_argument` for a lifetime that's too long.
    package func create(
        _ name: TokenName, holder: IdentityName, role: Role, scope: TokenScope, lasts: Duration,
        by creator: IdentityName?,
        recording: () async throws -> Void = {}
    ) async throws -> (secret: Secret<String>, entry: TokenEntry) {
        guard lasts > .zero, lasts <= Self.longest else {
            throw GloveboxError(.invalidArgument, "lifetime: a token lasts longer than 0 seconds and at most 366 days")
        }
        guard try await self.storage.token(name) == nil else {
            throw GloveboxError(.conflict, "token '\(name)' exists already: choose another name")
        }
        if try await self.storage.identity(holder) == nil {
            do {
                try await self.storage.insert(IdentityEntry(name: holder, role: role, createdAt: self.time.wall))
            } catch let error as GloveboxError where error.code == .conflict {
                // Somebody else made it meanwhile, and it's judged below.
            }
        }
        guard let there = try await self.storage.identity(holder), !there.isDisabled else {
            throw GloveboxError(.conflict, "identity \(holder) is disabled: enable it before it gets a token")
        }
        guard there.role == role else {
            throw GloveboxError(
                .conflict,
                "identity \(holder) is there already, as \(there.role.rawValue): a token has its holder's role")
        }
        let token = MachineToken.random(authority: self.authority.fingerprint)
        let now = self.time.wall
        let entry = TokenEntry(
            hash: token.hash, name: name, holder: holder, scope: scope, createdBy: creator, createdAt: now,
            expiresAt: now.advanced(by: lasts))
        try await recording()
        try await self.storage.insert(entry)
        return (token.text, entry)
    }

    /// Whom a token speaks for, now.
    ///
    /// - Throws: `unauthenticated`, the same whatever is wrong with it.
    package func authenticate(_ text: Secret<String>) async throws -> (entry: TokenEntry, role: Role) {
        guard let token = try? MachineToken(text), let entry = try await self.storage.token(hash: token.hash),
            entry.isActive(at: self.time.wall), let holder = try await self.storage.identity(entry.holder),
            !holder.isDisabled
        else {
            throw GloveboxError(
                .unauthenticated, "this token opens nothing: it was revoked, has run out or isn't one; ask for another")
        }
        return (entry, holder.role)
    }
}
