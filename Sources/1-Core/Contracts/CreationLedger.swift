package import GloveboxCore

/// Which requests with an `Idempotency-Key` have created what: so that one that's sent again, after a restart too, doesn't
/// create twice. What was answered isn't here, since most answers have a secret in them.
package protocol CreationLedger: Sendable {
    /// Enters `creation`, atomically, unless its key is there and hasn't run out: then that entry is returned.
    func claim(_ creation: CreationEntry, at time: WallTime) async throws -> CreationEntry?
    /// Says what came of it.
    func settle(_ keyHash: [UInt8], created: String) async throws
    /// Nothing came of it, and the key is free again.
    func release(_ keyHash: [UInt8]) async throws
}

package struct CreationEntry: Hashable, Sendable, Codable {
    /// SHA-256 of who asked for what under which key.
    package var keyHash: [UInt8]
    /// SHA-256 of the request's body.
    package var digest: [UInt8]
    /// In words; nil until it's known.
    package var created: String?
    package var claimedAt: WallTime
    package var expiresAt: WallTime

    package init(
        keyHash: [UInt8], digest: [UInt8], created: String? = nil, claimedAt: WallTime, expiresAt: WallTime
    ) {
        self.keyHash = keyHash
        self.digest = digest
        self.created = created
        self.claimedAt = claimedAt
        self.expiresAt = expiresAt
    }
}
