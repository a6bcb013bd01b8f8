package import GloveboxCore

/// Somebody as `GET /v1/identities` shows them.
package struct IdentityStatus: Sendable, Codable {
    package var name: IdentityName
    package var role: Role
    package var isDisabled: Bool
    package var createdAt: Timestamp

    package init(name: IdentityName, role: Role, isDisabled: Bool, createdAt: WallTime) {
        self.name = name
        self.role = role
        self.isDisabled = isDisabled
        self.createdAt = Timestamp(createdAt)
    }
}

/// `POST /v1/tokens`
package struct TokenRequest: RequestContent {
    package static let fields: Set<String> = ["name", "identity", "role", "scope", "lifetime"]

    package var name: TokenName
    /// Whom it speaks for; the token's name when absent. Made if it isn't there.
    package var identity: IdentityName?
    /// Its holder's.
    package var role: Role
    /// `all` when absent.
    package var scope: TokenScope?
    package var lifetime: Seconds

    package init(
        name: TokenName, identity: IdentityName? = nil, role: Role, scope: TokenScope? = nil, lifetime: Duration
    ) {
        self.name = name
        self.identity = identity
        self.role = role
        self.scope = scope
        self.lifetime = Seconds(lifetime)
    }

    /// - Throws: `invalid_argument` for a scope that names no operation of the API.
    package func validate() throws(GloveboxError) {
        guard self.lifetime.duration > .zero else {
            throw GloveboxError(.invalidArgument, "lifetime: a token lasts longer than 0 seconds")
        }
        if let identity = self.identity { try Endpoint.checkFree(identity) }
        try Endpoint.checkFree(self.name)
        guard case .operations(let names) = self.scope,
            let unknown = names.filter({ Endpoint(rawValue: $0) == nil }).min()
        else { return }
        throw GloveboxError(
            .invalidArgument, "scope: there is no operation '\(unknown.prefix(80))': see docs/authorisation.md")
    }
}

/// A token as `GET /v1/tokens` shows it; never the secret.
package struct TokenStatus: Sendable, Codable {
    package var name: TokenName
    package var identity: IdentityName
    package var scope: TokenScope
    package var createdBy: IdentityName?
    package var createdAt: Timestamp
    package var expiresAt: Timestamp
    package var revokedAt: Timestamp?
    /// Neither revoked nor run out.
    package var isActive: Bool

    package init(
        name: TokenName, identity: IdentityName, scope: TokenScope, createdBy: IdentityName?, createdAt: WallTime,
        expiresAt: WallTime, revokedAt: WallTime?, isActive: Bool
    ) {
        self.name = name
        self.identity = identity
        self.scope = scope
        self.createdBy = createdBy
        self.createdAt = Timestamp(createdAt)
        self.expiresAt = Timestamp(expiresAt)
        self.revokedAt = revokedAt.map(Timestamp.init)
        self.isActive = isActive
    }
}

/// The answer to `POST /v1/tokens`: the secret is shown this once.
package struct CreatedToken: Sendable, Codable {
    package var token: TokenStatus
    /// Goes into `Authorization: Bearer`.
    package var secret: OneTimeSecret

    package init(token: TokenStatus, secret: Secret<String>) {
        self.token = token
        self.secret = OneTimeSecret(secret)
    }
}
