/// A time-bound right: who may do what, on which target, why, within which limits and until when.
///
/// A value as the store keeps it; the engine `Leases` says how it changes.
package struct Lease: Hashable, Sendable, Codable {
    package var id: LeaseID
    package var holder: IdentityName
    package var target: TargetName
    package var purpose: String
    package var capabilities: Set<Capability>
    package var limits: Limits
    package var maskingProfile: String
    /// The policy rule that allowed it.
    package var rule: String
    /// Longest that the lease may last in all, extensions included.
    package var longest: Duration
    package var openedAt: WallTime
    package var expiry: LeaseExpiry
    package var state: LeaseState
    /// What proves the lease token: never the token itself.
    package var verifier: ScramVerifier
    /// Where its rule asks for approval: which one let it open.
    package var approval: LeaseApproval?
    /// Counts the writes of the row; the store refuses a write that expects another one.
    package var version: Int64

    package init(
        id: LeaseID, holder: IdentityName, target: TargetName, purpose: String, capabilities: Set<Capability>,
        limits: Limits, maskingProfile: String, rule: String, longest: Duration, openedAt: WallTime,
        expiry: LeaseExpiry, state: LeaseState, verifier: ScramVerifier, approval: LeaseApproval? = nil,
        version: Int64 = 0
    ) {
        self.id = id
        self.holder = holder
        self.target = target
        self.purpose = purpose
        self.capabilities = capabilities
        self.limits = limits
        self.maskingProfile = maskingProfile
        self.rule = rule
        self.longest = longest
        self.openedAt = openedAt
        self.expiry = expiry
        self.state = state
        self.verifier = verifier
        self.approval = approval
        self.version = version
    }
}

/// When a lease runs out, kept so that neither a jump of the wall clock nor a reboot lengthens it (promise 5).
package struct LeaseExpiry: Hashable, Sendable, Codable {
    /// For people, and the bound after a reboot.
    package var wall: WallTime
    /// The boot that `deadline` belongs to.
    package var bootID: BootID
    package var deadline: BootInstant
    /// What was left when the row was last written: the other bound after a reboot.
    package var remainder: Duration

    package init(wall: WallTime, bootID: BootID, deadline: BootInstant, remainder: Duration) {
        self.wall = wall
        self.bootID = bootID
        self.deadline = deadline
        self.remainder = remainder
    }
}

package enum LeaseState: Hashable, Sendable, Codable {
    case active
    case ended(LeaseEnd, at: WallTime)
}

/// Why a lease ended.
package enum LeaseEnd: String, Hashable, Sendable, Codable, CaseIterable {
    /// Its time was up.
    case expired
    /// Its holder ended it.
    case holder
    /// An administrator ended it.
    case admin
    /// Its holder was disabled.
    case holderDisabled = "holder_disabled"
    /// Policy no longer allows it.
    case policy
    /// Its agent's ceiling no longer allows it.
    case ceiling
    /// The gateway could no longer keep records.
    case records
    /// The gateway was made from a backup, which knows nothing of what happened after it.
    case restored
}

/// What a server keeps to check SCRAM-SHA-256 proofs (RFC 5802, section 3): enough to verify, not to sign in.
package struct ScramVerifier: Hashable, Sendable, Codable {
    package var salt: [UInt8]
    package var iterations: Int
    package var storedKey: [UInt8]
    package var serverKey: [UInt8]

    package init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }
}
