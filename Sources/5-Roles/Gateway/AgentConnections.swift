import Contracts
import ControlWire
import GloveboxCore
import Identity
import Logging
import Tunnel

/// What the gateway does for its agents: lets those in whose certificate counts, learns what they serve, and takes their
/// records into its log.
struct AgentConnections: TunnelGatewayEvents {
    let enrolment: Enrolment
    let fleet: AgentFleet
    let log: any RecordLog
    let courier: CheckpointCourier
    let alarms: AgentAlarms
    let hosts: HostLines
    let time: any TimeSource
    let logger: Logger

    func authorize(_ peer: PeerCertificate) async throws -> AgentName {
        let known = try await self.enrolment.authenticate(der: peer.der)
        guard case .agent(let name) = known.subject else {
            throw GloveboxError(.forbidden, "\(known.subject) is no agent: agents enrol with 'glovebox agent enrol'")
        }
        return name
    }

    func agentJoining(_ agent: AgentName, _ hello: Hello) async throws -> JoiningTerms {
        try await self.log.append([
            Record(time: self.time.wall, event: .agentConnected(agent: agent, version: hello.software))
        ])
        return JoiningTerms(
            lastSequence: try await self.log.lastSequence(of: RecordID.origin(of: agent)),
            log: try await self.courier.greet(agent, hello.log))
    }

    func agentJoined(_ agent: AgentName, _ hello: Hello, _ arrival: Presence.Arrival) {
        let now = self.time.wall
        self.courier.joined(agent)
        self.fleet.connected(
            agent, version: hello.software, targets: hello.targets, skew: now.duration(to: hello.wall), at: now)
        self.hosts.put(.joined(agent))
        self.logger.notice("agent joined", metadata: ["agent": "\(agent)", "targets": "\(hello.targets.count)"])
    }

    func agentInventory(_ agent: AgentName, _ targets: [TargetAnnouncement]) {
        self.fleet.announced(agent, targets: targets)
    }

    func agentReported(_ agent: AgentName, _ report: ChangeReport) {
        // Of its own hosts alone.
        guard self.fleet.agents[agent]?.targets.contains(where: { $0.name == report.target }) == true else { return }
        self.hosts.put(.report(report))
    }

    func agentRecords(_ agent: AgentName, _ records: [SequencedRecord]) async throws -> UInt64 {
        let origin = RecordID.origin(of: agent)
        let seals = records.filter { Record.mayTellOfSeal($0.bytes) }
        // Those that come a second time, as after a connection that broke, have been told.
        let known = seals.isEmpty ? 0 : try await self.log.lastSequence(of: origin)
        let stored = try await self.log.merge(records, from: origin)
        for seal in seals where seal.sequence > known && seal.sequence <= stored { self.alarms.raise(seal, of: agent) }
        return stored
    }

    func agentSessionEnded(_ agent: AgentName, _ session: SessionID) {}

    func agentAway(_ agent: AgentName) {
        self.courier.left(agent)
        self.fleet.lost(agent, at: self.time.wall)
        self.logger.warning("agent away", metadata: ["agent": "\(agent)"])
        self.record(agent, "connection lost")
    }

    func agentLost(_ agent: AgentName, goodbye: String?) {
        self.courier.left(agent)
        self.fleet.lost(agent, at: self.time.wall)
        if let goodbye {
            let reason = String(goodbye.prefix(200))
            self.logger.notice("agent left", metadata: ["agent": "\(agent)", "reason": "\(reason)"])
            self.record(agent, reason)
        } else {
            self.logger.warning("agent lost: its sessions are closed", metadata: ["agent": "\(agent)"])
            self.record(agent, "lost: its sessions are closed")
        }
    }

    private func record(_ agent: AgentName, _ reason: String) {
        self.log.append([Record(time: self.time.wall, event: .agentDisconnected(agent: agent, reason: reason))]) { _ in
        }
    }
}
