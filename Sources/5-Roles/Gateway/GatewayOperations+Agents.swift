import Contracts
import ControlAPI
import ControlServer
import GloveboxCore

/// The agents, and the end of one that isn't trusted any more.
extension GatewayOperations {
    func agents(_ page: PageRequest, _ call: Call) async throws -> Page<AgentStatus> {
        let connected = self.fleet.agents
        return page.of(try await self.storage.agents(), by: \.name.rawValue) { AgentStatus($0, connected[$0.name]) }
    }

    func agent(_ name: AgentName, _ call: Call) async throws -> Versioned<AgentStatus> {
        self.shown(try await self.entry(name))
    }

    /// It serves nothing from now on, and what it served ends; it stays connected, since the records of its journal are
    /// wanted now more than ever.
    func quarantineAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus> {
        var entry = try await self.entry(name)
        try precondition.check(entry.version)
        if !entry.isQuarantined {
            entry.isQuarantined = true
            try await self.storage.update(entry)
            entry.version += 1
        }
        self.fleet.quarantine(name)
        self.links.endSessions(
            on: name, GloveboxError(.agentQuarantined, "agent \(name) was quarantined: ask an administrator"))
        try await self.record(call.caller.identity, .agentQuarantined(agent: name))
        return self.shown(entry)
    }

    func releaseAgent(
        _ name: AgentName, if precondition: Precondition, _ call: Call
    ) async throws -> Versioned<AgentStatus> {
        var entry = try await self.entry(name)
        try precondition.check(entry.version)
        guard entry.isQuarantined else { return self.shown(entry) }
        try await self.record(call.caller.identity, .agentReleased(agent: name))
        entry.isQuarantined = false
        try await self.storage.update(entry)
        entry.version += 1
        self.fleet.release(name)
        return self.shown(entry)
    }

    /// Its certificates count for nothing from now on, and its connections are closed.
    func removeAgent(_ name: AgentName, if precondition: Precondition, _ call: Call) async throws {
        let entry = try await self.entry(name)
        try precondition.check(entry.version)
        try await self.storage.remove(entry)
        let now = self.time.wall
        self.fleet.quarantine(name)
        self.links.endSessions(on: name, GloveboxError(.agentOffline, "agent \(name) was removed"))
        try await throughAll([
            { try await self.storage.revokeCertificates(of: .agent(name), at: now) },
            { try await self.storage.withdrawInvites(for: .agent(name), at: now) },
            { self.links.disconnect(name) },
            { self.fleet.forget(name) },
            { try await self.record(call.caller.identity, .agentRemoved(agent: name)) },
        ])
    }

    private func entry(_ name: AgentName) async throws -> AgentEntry {
        guard let entry = try await self.storage.agent(name) else { throw Self.unknown("agent", name) }
        return entry
    }

    private func shown(_ entry: AgentEntry) -> Versioned<AgentStatus> {
        Versioned(AgentStatus(entry, self.fleet.agents[entry.name]), version: entry.version)
    }
}

extension AgentStatus {
    fileprivate init(_ entry: AgentEntry, _ connected: AgentFleet.Member?) {
        self.init(
            name: entry.name, isOnline: connected?.isOnline ?? false, isQuarantined: entry.isQuarantined,
            since: connected?.since, version: connected?.version, targets: connected?.targets.map(\.name) ?? [])
    }
}
