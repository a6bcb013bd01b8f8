/// What a gateway asks of an agent when somebody with a lease opens a session.
package struct SessionRequest: Hashable, Sendable {
    package var session: SessionID
    package var grant: LeaseGrant
    /// Which of the lease's capabilities this session uses.
    package var capability: Capability
    /// What the client's start-up said, such as `application_name` and `database`; not to be trusted.
    package var startup: [String: String]
    /// The client's address, for the record.
    package var client: String?
    /// The process id and secret that the client is told to cancel with (PostgreSQL's BackendKeyData).
    package var cancelKey: CancelKey

    package init(
        session: SessionID, grant: LeaseGrant, capability: Capability, startup: [String: String], client: String?,
        cancelKey: CancelKey
    ) {
        self.session = session
        self.grant = grant
        self.capability = capability
        self.startup = startup
        self.client = client
        self.cancelKey = cancelKey
    }
}

/// A lease as an agent sees it: no token, no verifier, and time as what is left, for the agent's own clock to judge.
package struct LeaseGrant: Hashable, Sendable {
    package var lease: LeaseID
    package var holder: IdentityName
    package var target: TargetName
    package var purpose: String
    package var capabilities: Set<Capability>
    package var limits: Limits
    package var maskingProfile: String
    package var rule: String
    package var remaining: Duration

    package init(
        lease: LeaseID, holder: IdentityName, target: TargetName, purpose: String, capabilities: Set<Capability>,
        limits: Limits, maskingProfile: String, rule: String, remaining: Duration
    ) {
        self.lease = lease
        self.holder = holder
        self.target = target
        self.purpose = purpose
        self.capabilities = capabilities
        self.limits = limits
        self.maskingProfile = maskingProfile
        self.rule = rule
        self.remaining = remaining
    }
}

package struct CancelKey: Hashable, Sendable {
    package var processID: Int32
    package var secret: Int32

    package init(processID: Int32, secret: Int32) {
        self.processID = processID
        self.secret = secret
    }
}

/// A target as its agent announces it to the gateway.
package struct TargetAnnouncement: Hashable, Sendable, Codable {
    package var name: TargetName
    /// `postgres`, and others as they come.
    package var kind: String
    package var labels: [String: String]
    /// What the agent's ceiling allows at all; the gateway may offer less, never more.
    package var capabilities: Set<Capability>
    /// The longest lease that the ceiling bears.
    package var longest: Duration?

    package init(
        name: TargetName, kind: String, labels: [String: String], capabilities: Set<Capability>,
        longest: Duration? = nil
    ) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.capabilities = capabilities
        self.longest = longest
    }
}
