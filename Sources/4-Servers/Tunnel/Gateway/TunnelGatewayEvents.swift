package import ControlWire
package import GloveboxCore

/// What a gateway decides and does for its agents; the tunnel's gateway end calls it. Methods that aren't async are
/// called on event loops and must return at once.
package protocol TunnelGatewayEvents: Sendable {
    /// Whom a certificate speaks for. Called for each connection, so that a revoked certificate opens none.
    /// - Throws: a ``GloveboxError`` that the agent is told.
    func authorize(_ peer: PeerCertificate) async throws -> AgentName

    /// An agent wants to join, under its own name.
    /// - Throws: a ``GloveboxError`` that the agent is told.
    func agentJoining(_ agent: AgentName, _ hello: Hello) async throws -> JoiningTerms

    /// It has joined: sessions can be opened on it. After `restarted` its earlier sessions are over.
    func agentJoined(_ agent: AgentName, _ hello: Hello, _ arrival: Presence.Arrival)

    /// Its targets are now these.
    func agentInventory(_ agent: AgentName, _ targets: [TargetAnnouncement])

    /// What has become of a change on its host.
    func agentReported(_ agent: AgentName, _ report: ChangeReport)

    /// Entries of the agent's journal; the next come when this has returned.
    /// - Returns: the highest sequence that the log now holds without a gap, durably; the agent is told.
    /// - Throws: the connection is closed, and the agent sends again what's missing when it has joined again.
    func agentRecords(_ agent: AgentName, _ records: [SequencedRecord]) async throws -> UInt64

    /// The agent has closed its end of a session.
    func agentSessionEnded(_ agent: AgentName, _ session: SessionID)

    /// Its control connection is gone; its sessions go on for as long as the grace.
    func agentAway(_ agent: AgentName)

    /// It didn't come back in time, or said goodbye, and why: its sessions' pipes have been closed.
    func agentLost(_ agent: AgentName, goodbye: String?)
}

/// What an agent that joins is told of the gateway's log.
package struct JoiningTerms: Sendable {
    /// The highest sequence of the agent's records that the log holds without a gap.
    package var lastSequence: UInt64
    /// The log now, and that it's what the agent saw last.
    package var log: LogCheckpoint?

    package init(lastSequence: UInt64, log: LogCheckpoint? = nil) {
        self.lastSequence = lastSequence
        self.log = log
    }
}
