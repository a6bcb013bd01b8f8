import Crypto
package import GloveboxCore

/// A public key that signs test contexts, for whom, and when.
package struct TestContextKey: Hashable, Sendable {
    /// 32 bytes of Ed25519.
    package let publicKey: [UInt8]
    package let audience: TestContextAudience
    /// It counts from the first on, and not any more from the second on.
    package let validFrom: WallTime
    package let validUntil: WallTime
    /// The first 8 bytes of its hash: what a token names it by.
    package let id: [UInt8]
    fileprivate let key: Curve25519.Signing.PublicKey

    /// - Throws: `invalid_argument` when `publicKey` is none.
    package init(
        publicKey: [UInt8], audience: TestContextAudience, validFrom: WallTime, validUntil: WallTime
    ) throws(GloveboxError) {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            throw GloveboxError(.invalidArgument, "a key of test contexts has 32 bytes of Ed25519")
        }
        self.init(key, audience: audience, validFrom: validFrom, validUntil: validUntil)
    }

    fileprivate init(
        _ key: Curve25519.Signing.PublicKey, audience: TestContextAudience, validFrom: WallTime, validUntil: WallTime
    ) {
        self.key = key
        self.publicKey = Array(key.rawRepresentation)
        self.audience = audience
        self.validFrom = validFrom
        self.validUntil = validUntil
        self.id = Array(SHA256.hash(data: Array("glovebox test context key 1\0".utf8) + self.publicKey).prefix(8))
    }

    package static func == (a: Self, b: Self) -> Bool {
        a.publicKey == b.publicKey && a.audience == b.audience && a.validFrom == b.validFrom
            && a.validUntil == b.validUntil
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(self.publicKey) }
}

/// A private key that signs test contexts.
package struct TestContextSigner: Sendable {
    private let key: Curve25519.Signing.PrivateKey
    package let publicKey: TestContextKey

    /// A new key.
    package init(audience: TestContextAudience, validFrom: WallTime, validUntil: WallTime) {
        self.init(.init(), audience: audience, validFrom: validFrom, validUntil: validUntil)
    }

    /// ``privateKey`` of one that was made before.
    /// - Throws: `invalid_argument` when it's none.
    package init(
        privateKey: Secret<[UInt8]>, audience: TestContextAudience, validFrom: WallTime, validUntil: WallTime
    ) throws(GloveboxError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: privateKey.exposeSecret()) else {
            throw GloveboxError(.invalidArgument, "a private key of test contexts has 32 bytes")
        }
        self.init(key, audience: audience, validFrom: validFrom, validUntil: validUntil)
    }

    private init(
        _ key: Curve25519.Signing.PrivateKey, audience: TestContextAudience, validFrom: WallTime, validUntil: WallTime
    ) {
        self.key = key
        self.publicKey = TestContextKey(
            key.publicKey, audience: audience, validFrom: validFrom, validUntil: validUntil)
    }

    /// 32 bytes.
    package var privateKey: Secret<[UInt8]> { Secret(Array(self.key.rawRepresentation)) }

    /// - Throws: `invalid_argument` for a key of another audience and a token that would be too long.
    package func token(_ context: IngressContext) throws(GloveboxError) -> String {
        try self.token(.ingress, context.canonicalBytes)
    }

    /// - Throws: `invalid_argument` for a key of another audience and a token that would be too long.
    package func token(_ context: InternalContext) throws(GloveboxError) -> String {
        try self.token(.internal, context.canonicalBytes)
    }

    func token(_ audience: TestContextAudience, _ claims: [UInt8]) throws(GloveboxError) -> String {
        guard self.publicKey.audience == audience else {
            throw GloveboxError(.invalidArgument, "this key signs test contexts of another audience")
        }
        let payload = [TestContextKeys.version, audience.rawValue] + self.publicKey.id + claims
        let signature: [UInt8]
        do {
            signature = Array(try self.key.signature(for: audience.signedPrefix + payload))
        } catch {
            throw GloveboxError(.internal, "a test context can't be signed", cause: error)
        }
        let text = Base64URL.encode(payload + signature)
        guard text.utf8.count <= TestContextKeys.longest else {
            throw GloveboxError(
                .invalidArgument,
                "a test context would have \(text.utf8.count) bytes, of which \(TestContextKeys.longest) may be: name fewer routes"
            )
        }
        return text
    }
}

/// The keys whose tokens count, several at once while they rotate.
///
/// A token is, in base 64 for URLs without padding: a version byte, one for the audience, eight that name the key, the
/// claims in canonical form, and 64 of an Ed25519 signature over all before it behind the audience's prefix. There's one
/// token for the same claims and signature, letter for letter.
package struct TestContextKeys: Sendable {
    static let version: UInt8 = 1
    /// Letters of a token.
    package static let longest = 4096
    private static let (headLength, signatureLength) = (10, 64)

    private let keys: [[UInt8]: TestContextKey]
    /// How far an issuer's clock may be ahead of this one.
    package let skew: Duration

    /// Of two entries for one key, the later counts.
    package init(_ keys: [TestContextKey], skew: Duration = .seconds(5)) {
        self.keys = Dictionary(keys.map { ($0.id, $0) }) { $1 }
        self.skew = skew
    }

    /// What a token says to an edge of this name.
    ///
    /// Whether it was used before, and what its run has left, is ``NonceMemory``'s to say; what it may do,
    /// ``IngressContext/check(method:host:path:)``'s.
    package func ingress(
        _ token: some Collection<UInt8>, edge: String, at now: WallTime
    ) throws(TestContextRefusal) -> IngressContext {
        let claims = try self.claims(of: token, .ingress, now)
        guard let context = try? IngressContext(canonical: claims[...]) else { throw .malformed }
        try self.judge(.ingress, context.issuedAt, context.lifetime, now)
        guard context.issuedAt.duration(to: context.runEndsAt) <= IngressContext.longestRun else {
            throw .tooLongLived
        }
        guard context.edge == edge else { throw .foreign }
        return context
    }

    /// What a token says to a service behind an edge.
    package func `internal`(
        _ token: some Collection<UInt8>, at now: WallTime
    ) throws(TestContextRefusal) -> InternalContext {
        let claims = try self.claims(of: token, .internal, now)
        guard let context = try? InternalContext(canonical: claims[...]) else { throw .malformed }
        try self.judge(.internal, context.issuedAt, context.lifetime, now)
        return context
    }

    /// ``ingress(_:edge:at:)-(Collection,_,_)`` of what a request has; nil for an ordinary one.
    package func ingress(
        _ mark: BaggageLines.Mark, edge: String, at now: WallTime
    ) throws(TestContextRefusal) -> IngressContext? {
        guard let token = try mark.token else { return nil }
        return try self.ingress(token, edge: edge, at: now)
    }

    /// ``internal(_:at:)-(Collection,_)`` of what a request has; nil for an ordinary one.
    package func `internal`(
        _ mark: BaggageLines.Mark, at now: WallTime
    ) throws(TestContextRefusal) -> InternalContext? {
        guard let token = try mark.token else { return nil }
        return try self.internal(token, at: now)
    }

    /// The bytes that a key vouches for. What costs most comes last.
    private func claims(
        of token: some Collection<UInt8>, _ audience: TestContextAudience, _ now: WallTime
    ) throws(TestContextRefusal) -> [UInt8] {
        guard token.count <= Self.longest, let bytes = Base64URL.decode(token),
            bytes.count > Self.headLength + Self.signatureLength, bytes[0] == Self.version,
            let named = TestContextAudience(rawValue: bytes[1])
        else { throw .malformed }
        guard named == audience else { throw .wrongAudience }
        guard let key = self.keys[Array(bytes[2..<Self.headLength])] else { throw .unknownKey }
        guard key.audience == audience else { throw .wrongAudience }
        guard key.validFrom <= now, now < key.validUntil else { throw .keyNotValid }
        let end = bytes.count - Self.signatureLength
        guard key.key.isValidSignature(bytes[end...], for: audience.signedPrefix + bytes[..<end]) else {
            throw .altered
        }
        return Array(bytes[Self.headLength..<end])
    }

    private func judge(
        _ audience: TestContextAudience, _ issuedAt: WallTime, _ lifetime: Duration, _ now: WallTime
    ) throws(TestContextRefusal) {
        guard lifetime <= audience.longestLifetime else { throw .tooLongLived }
        guard issuedAt <= now.advanced(by: self.skew) else { throw .notYetValid }
        guard now < issuedAt.advanced(by: lifetime) else { throw .expired }
    }
}

extension BaggageLines.Mark {
    fileprivate var token: ArraySlice<UInt8>? {
        get throws(TestContextRefusal) {
            switch self {
            case .none: return nil
            case .one(let value): return value
            case .duplicated: throw .duplicated
            case .malformed: throw .malformed
            }
        }
    }
}
