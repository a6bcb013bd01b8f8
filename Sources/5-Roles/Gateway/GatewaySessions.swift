import Contracts
import GloveboxCore
import Logging
import NIOCore
import PostgresAccess
import Tunnel

/// Answers the PostgreSQL port: leases prove clients, agents serve them, refusals are recorded.
struct GatewaySessions: PostgresPortDecisions {
    let leases: LeaseService
    let fleet: AgentFleet
    let tunnel: TunnelServer
    let near: NearAgent
    let links: AgentLinks
    let log: any RecordLog
    let refusals: RefusedSignIns
    let table: SessionTable
    let drain: Drain
    let time: any TimeSource
    let logger: Logger
    /// How many records, of everybody, may come between an agent's opening of a session and the gateway's.
    private static let recordsBefore: UInt64 = 1000

    func verifier(target: TargetName, lease: LeaseID) async -> ScramVerifier? {
        await self.leases.verifier(of: lease, on: target)
    }

    func open(_ opening: PostgresSessionOpening, on eventLoop: any EventLoop) async throws -> PostgresSessionWay {
        if self.drain.hasBegun { throw self.drain.refusal }
        let grant = try await self.leases.grant(opening.lease)
        let request = SessionRequest(
            session: opening.session, grant: grant,
            // A lease that may write opens writing sessions; the least of its capabilities is what most need.
            capability: grant.capabilities.contains(.write) ? .write : .read, startup: opening.startup,
            client: opening.client, cancelKey: opening.cancelKey)
        do {
            let served = try self.fleet.server(of: opening.target)
            guard !self.fleet.isOwn(opening.target) else {
                throw GloveboxError(
                    .unknownTarget,
                    "the target '\(opening.target)' is no database: 'glovebox target list' shows what it is")
            }
            self.links.opening(opening.session, on: served.agent)
            let way = try await self.way(request, on: served.agent, eventLoop)
            do {
                // The lease may have ended, or the agent been quarantined, while the agent opened.
                _ = try await self.leases.grant(opening.lease)
                try self.fleet.checkServing(served.agent)
            } catch {
                way.abandon(GloveboxError(.leaseNotActive, "the lease ended before the session began"))
                throw error
            }
            return way
        } catch {
            self.links.closed(opening.session)
            guard let error = error as? GloveboxError, Self.isOurs(error.code) else { throw error }
            try? await self.log.append([
                Record(
                    time: self.time.wall, identity: grant.holder, target: opening.target, lease: opening.lease,
                    session: opening.session, event: .sessionRefused(code: error.code.rawValue, message: error.message))
            ])
            throw error
        }
    }

    private func way(
        _ request: SessionRequest, on agent: AgentName, _ eventLoop: any EventLoop
    ) async throws -> PostgresSessionWay {
        if let near = self.near.open(request, on: agent, eventLoop: eventLoop) { return .near(try await near.get()) }
        return .pipe(try await self.tunnel.openSession(request, on: agent, eventLoop: eventLoop).get())
    }

    /// Whether a refusal is the gateway's: what an agent refuses is on record there already.
    private static func isOurs(_ code: GloveboxError.Code) -> Bool {
        [.agentOffline, .agentQuarantined, .unavailable, .unknownTarget].contains(code)
    }

    func cancel(_ opening: PostgresSessionOpening) async {
        guard let served = try? self.fleet.server(of: opening.target) else { return }
        let grant = try? await self.leases.grant(opening.lease)
        try? await self.log.append([
            Record(
                time: self.time.wall, identity: grant?.holder, target: opening.target, lease: opening.lease,
                session: opening.session, event: .cancelRequested)
        ])
        self.tunnel.cancel(opening.session, on: served.agent)
    }

    func signInRefused(code: String, claimed: String?, client: String?) {
        // What was claimed may be a secret typed into the wrong field, so only what could be a user name is kept.
        let user = claimed.flatMap { Self.isUser($0) ? $0 : nil }
        self.refusals.refused(code: code, claimed: user)
    }

    func sessionOpened(_ opening: PostgresSessionOpening) {
        // The agent's first record of it may be there already.
        let position = self.log.position
        self.table.opened(opening, at: self.time.wall, position: position - min(position, Self.recordsBefore))
        self.logger.info(
            "session opened",
            metadata: ["session": "\(opening.session)", "lease": "\(opening.lease)", "target": "\(opening.target)"])
    }

    func sessionClosed(_ opening: PostgresSessionOpening) {
        self.table.closed(opening.session, at: self.time.wall)
        self.links.closed(opening.session)
        self.logger.info("session closed", metadata: ["session": "\(opening.session)", "lease": "\(opening.lease)"])
    }

    /// `TARGET.LEASE`
    private static func isUser(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 && TargetName(rawValue: parts[0]) != nil && LeaseID(rawValue: parts[1]) != nil
    }
}
