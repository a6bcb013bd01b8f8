package import GloveboxCore

/// A target as `GET /v1/targets` shows it.
package struct TargetStatus: Sendable, Codable {
    package var name: TargetName
    /// `postgres`, and others as they come.
    package var kind: String
    package var labels: [String: String]
    /// What its agent's ceiling allows at all.
    package var capabilities: [Capability]
    package var agent: AgentName
    package var isOnline: Bool

    package init(_ target: TargetAnnouncement, agent: AgentName, isOnline: Bool) {
        self.name = target.name
        self.kind = target.kind
        self.labels = target.labels
        self.capabilities = target.capabilities.sorted()
        self.agent = agent
        self.isOnline = isOnline
    }
}

/// An agent as `GET /v1/agents` shows it.
package struct AgentStatus: Sendable, Codable {
    package var name: AgentName
    package var isOnline: Bool
    /// It may connect, but serves nothing.
    package var isQuarantined: Bool
    /// Since when it is connected, or when it was last seen.
    package var since: Timestamp?
    package var version: String?
    package var targets: [TargetName]

    package init(
        name: AgentName, isOnline: Bool, isQuarantined: Bool, since: WallTime?, version: String?,
        targets: [TargetName]
    ) {
        self.name = name
        self.isOnline = isOnline
        self.isQuarantined = isQuarantined
        self.since = since.map(Timestamp.init)
        self.version = version
        self.targets = targets
    }
}
