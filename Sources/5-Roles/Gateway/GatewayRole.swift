import AuditFiles
package import Contracts
import ControlServer
package import GloveboxCore
import Identity
package import Logging
import NIOCore
import NIOPosix
import Policy
package import PostgresAccess
import Redaction
import ServiceLifecycle
import StorageSQLite
import Telemetry
import Tunnel
import Webhooks

/// A gateway: identity, policy, leases, log and API on one folder, and the three ports that people, clients and agents
/// connect to.
package struct GatewayRole: Service {
    /// Where a running gateway is reached.
    package struct Places: Sendable {
        package var api: SocketPlace
        package var postgres: SocketPlace
        package var tunnel: SocketPlace
    }

    package let configuration: GatewayConfiguration
    /// For an agent that runs in this process.
    package let near = NearAgent()
    private let time: any TimeSource
    private let logger: Logger
    private let parts: Parts
    private let ports = GatewayPorts()
    private let drain: Drain

    /// What is open while a gateway runs.
    private struct Parts: Sendable {
        let authority: CertificateAuthority
        let storage: StorageSQLite
        let log: TiledLog
        let reserve: AuditReserve
        let policy: PolicyHolder
        let state: String
        let enrolment: Enrolment
        let machineTokens: MachineTokens
        let certificates: ServerCertificates
        let fleet = AgentFleet()
    }

    /// Reads the configuration of the gateway in `folder`.
    /// - Throws: `configuration_invalid` with line and column.
    package static func configuration(_ folder: String) throws -> GatewayConfiguration {
        let file = "\(folder)/gateway.yaml"
        let text = String(decoding: try PrivateFile.read(file, sharing: true), as: UTF8.self)
        return try GatewayConfiguration(yaml: text, file: file, folder: folder)
    }

    /// Where the state of the gateway of `folder` is.
    static func stateFolder(_ folder: String) -> String { "\(folder)/gateway" }

    /// Opens the gateway's state; nothing listens yet.
    ///
    /// - Parameter folder: holds `gateway.yaml` and the policy; state goes to `gateway/` in it.
    /// - Throws: `configuration_invalid`, `store_locked`, `store_corrupt`, `journal_corrupt` and others that say what
    ///   to do.
    package init(folder: String, time: any TimeSource, logger: Logger) throws {
        self.configuration = try Self.configuration(folder)
        self.time = time
        self.logger = logger
        self.drain = Drain(role: "gateway", limit: self.configuration.drain, time: time)
        let state = Self.stateFolder(folder)
        try PrivateFile.makeFolder(state)
        let policy = try PolicyFile.load(self.configuration.policy)
        // The store's lock comes first: it says whether another gateway runs here.
        let storage = try StorageSQLite(path: "\(state)/store.sqlite")
        let authority = try CertificateAuthority(folder: state, time: time)
        let log = try GatewayLog.open(state: state, host: self.configuration.names[0], time: time)
        log.onProblem { problem in
            if let problem {
                logger.critical("records get no checkpoint", metadata: ["error": "\(problem)"])
            } else {
                logger.notice("records are under a checkpoint again")
            }
        }
        if let torn = log.tornTail {
            logger.warning("the log's last write was torn and is cleared", metadata: ["at": "\(torn)"])
        }
        self.parts = Parts(
            authority: authority, storage: storage, log: log, reserve: AuditReserve(path: "\(state)/reserve"),
            policy: policy, state: state,
            enrolment: Enrolment(storage: storage, authority: authority, time: time),
            machineTokens: MachineTokens(storage: storage, authority: authority, time: time),
            certificates: try ServerCertificates(
                authority: authority, names: self.configuration.names, time: time, logger: logger))
    }

    /// The CA's certificate.
    package var authorityPEM: String { self.parts.authority.pem }

    /// Gives the log of a gateway that isn't running another name and key (``LogKey/replace(folder:host:)``).
    /// - Returns: its public key.
    package static func beginNewLog(folder: String) throws -> String {
        let configuration = try Self.configuration(folder)
        return "\(try LogKey.replace(folder: Self.stateFolder(folder), host: configuration.names[0]))"
    }

    /// A code for an administrator, asked for by whoever owns the gateway's folder: the first one, or one who has lost
    /// their certificate.
    package func inviteAdministrator(_ name: IdentityName) async throws -> Secret<String> {
        try await self.invite(.person(name, .admin), .identityInvited(name: name, role: .admin))
    }

    /// A code for an agent of this machine, asked for by whoever owns the gateway's folder.
    package func inviteLocalAgent(_ name: AgentName) async throws -> Secret<String> {
        try await self.invite(.agent(name), .agentInvited(name: name))
    }

    private func invite(_ guest: InviteEntry.Guest, _ event: RecordEvent) async throws -> Secret<String> {
        try await self.parts.log.append([Record(time: self.time.wall, event: event)])
        return try await self.parts.enrolment.invite(guest, by: nil).code.text
    }

    /// Returns once the agent is connected.
    package func untilJoined(_ agent: AgentName) async {
        await self.parts.fleet.untilConnected(agent)
    }

    package func run() async throws {
        try await self.run { _ in }
    }

    /// The first half of an orderly stop: no session opens any more, those that run have `drain` of the configuration to
    /// come to an end, and then are ended. All else is served until ``run(ready:)`` is asked to stop.
    package func stopSessions() async {
        self.logger.notice("stopping: no session opens any more")
        await self.drain.run()
    }

    /// Serves until it's stopped.
    /// - Parameter ready: called when all ports listen.
    package func run(ready: @escaping @Sendable (Places) async -> Void) async throws {
        do {
            try await self.serve(ready)
        } catch {
            try? await self.close()
            throw error
        }
        try await self.close()
    }

    private func close() async throws {
        self.parts.log.close()
        try await self.parts.storage.close()
    }

    private func serve(_ ready: @escaping @Sendable (Places) async -> Void) async throws {
        let parts = self.parts
        let fleet = parts.fleet
        let ports = self.ports
        let links = AgentLinks(ports: ports)
        let counters = RecordCounters()
        let log = CountedLog(parts.log, counters)
        if !parts.reserve.fill() {
            self.logger.warning("the disk has no room to keep for break-glass: make some, and start again")
        }
        let detectors = try Detectors()
        let webhooks = self.webhooks(try self.configuration.webhooks.map { try $0.webhook() }, log)
        let approvals = ApprovalService(
            storage: parts.storage, log: log, time: self.time, policy: parts.policy, detectors: detectors,
            tell: { webhooks.tell(WebhookMessage($0)) }, logger: self.logger)
        let leases = LeaseService(
            storage: parts.storage, log: log, time: self.time, policy: parts.policy, fleet: fleet,
            detectors: detectors, approvals: approvals, emergencyRoom: self.emergencyRoom, effects: ports.effects,
            logger: self.logger)
        for agent in try await parts.storage.agents() {
            if agent.isQuarantined { fleet.quarantine(agent.name) } else { fleet.await([agent.name]) }
        }
        try await approvals.resume()
        try await leases.resume()

        let group = MultiThreadedEventLoopGroup.singleton
        let listen = self.configuration.listen
        let courier = CheckpointCourier(log: parts.log, time: self.time, logger: self.logger) { ports.tell($0, to: $1) }
        let tunnel = try await TunnelServer.start(
            TunnelServer.Configuration(
                host: listen.tunnel.host, port: listen.tunnel.port, instance: .random(),
                tls: { parts.certificates.tunnel }),
            events: AgentConnections(
                enrolment: parts.enrolment, fleet: fleet, log: log, courier: courier, time: self.time,
                logger: self.logger),
            time: self.time, on: group, logger: self.logger)
        let sessionTable = SessionTable()
        let refusals = RefusedSignIns(log: log, time: self.time)
        let sessions = GatewaySessions(
            leases: leases, fleet: fleet, tunnel: tunnel, near: self.near, links: links, log: log, refusals: refusals,
            table: sessionTable, drain: self.drain, time: self.time, logger: self.logger)
        let postgres = try await PostgresPort.start(
            PostgresPort.Configuration(
                host: listen.postgres.host, port: listen.postgres.port, tls: { parts.certificates.postgres },
                iterations: LeaseService.iterations, saltLength: LeaseService.saltLength),
            decisions: sessions, on: group, logger: self.logger,
            join: { client, pipe in Relay.join(client, pipe) })
        ports.open(tunnel: tunnel, postgres: postgres)
        self.drain.watch(Drain.Sessions(count: { postgres.count }, endAll: { postgres.endAll($0) }))

        let postgresPlace = SocketPlace(
            host: self.configuration.names[0], port: postgres.address.port ?? listen.postgres.port)
        let api = ControlServer(
            configuration: .init(
                host: listen.api.host, port: listen.api.port, setting: "'listen.api' in gateway.yaml"),
            tls: parts.certificates.api,
            operations: GatewayOperations(
                authorityPEM: parts.authority.pem, enrolment: parts.enrolment, machineTokens: parts.machineTokens,
                storage: parts.storage, log: log, tree: parts.log, refusals: refusals, time: self.time,
                policy: parts.policy, fleet: fleet, links: links, leases: leases, approvals: approvals,
                sessionTable: sessionTable, ports: ports, postgres: postgresPlace),
            authenticator: Authenticator(
                isSigned: { parts.authority.hasSigned(der: $0) },
                caller: { certificate, _ in
                    let peer = try await parts.enrolment.authenticate(der: certificate)
                    return Caller(
                        subject: peer.subject, role: peer.role, serial: peer.serial,
                        certificateExpiresAt: peer.notAfter)
                },
                bearer: { token, _ in
                    do {
                        let (entry, role) = try await parts.machineTokens.authenticate(token)
                        return Caller(
                            subject: .identity(entry.holder), role: role,
                            credential: .token(entry.name, scope: entry.scope, expiresAt: entry.expiresAt))
                    } catch let error as GloveboxError where error.code == .unauthenticated {
                        refusals.refused(code: error.code.rawValue, claimed: nil)
                        throw error
                    }
                }),
            ledger: parts.storage, time: self.time, group: group, logger: self.logger,
            onListening: { port in
                await ready(
                    Places(
                        api: SocketPlace(host: listen.api.host, port: port), postgres: postgresPlace,
                        tunnel: SocketPlace(
                            host: listen.tunnel.host, port: tunnel.address.port ?? listen.tunnel.port)))
            })
        let policy = PolicyFile(
            path: self.configuration.policy, holder: parts.policy, log: log, time: self.time,
            logger: self.logger, changed: { await leases.rejudge() })
        let telemetry = GatewayTelemetry(
            leases: leases, fleet: fleet, storage: parts.storage, log: parts.log, policy: parts.policy,
            postgres: postgres, authority: parts.authority, certificates: parts.certificates, drain: self.drain,
            counters: counters, time: self.time,
            common: RoleMetrics(
                role: "gateway", startedAt: self.time.wall,
                folders: [("state", parts.state), ("log", GatewayLog.folder(parts.state))]))
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await leases.run() }
                tasks.addTask { try await approvals.run() }
                tasks.addTask { try await webhooks.run() }
                tasks.addTask { await self.mendLog(leases) }
                tasks.addTask { await courier.run() }
                tasks.addTask { await self.pruneLog() }
                tasks.addTask { try await policy.run() }
                tasks.addTask { try await parts.certificates.run() }
                if let place = listen.telemetry {
                    let server = TelemetryServer(place: place, source: telemetry, logger: self.logger)
                    tasks.addTask { try await server.run() }
                }
                tasks.addTask { try await api.run() }
                // All end by themselves when the process is asked to stop; one that fails ends the others.
                for try await _ in tasks {}
            }
        } catch {
            await self.shut(tunnel, postgres)
            throw error
        }
        await self.shut(tunnel, postgres)
    }

    /// Beside log and store, on the disk that both fill.
    private var emergencyRoom: EmergencyRoom {
        let (log, reserve) = (self.parts.log, self.parts.reserve)
        return EmergencyRoom(
            giveUp: {
                reserve.giveUp()
                try await log.reopenElsewhere()
            }, takeBack: { reserve.fill() })
    }

    /// What isn't delivered is on record, as far as the log takes it.
    private func webhooks(_ webhooks: [Webhook], _ log: any RecordLog) -> WebhookSender {
        let time = self.time
        return WebhookSender(webhooks, time: time, logger: self.logger) { loss in
            let event = RecordEvent.webhookFailed(
                webhook: loss.webhook, event: loss.message.event, attempts: UInt64(loss.attempts), reason: loss.reason)
            log.append([Record(time: time.wall, event: event)]) { _ in }
        }
    }

    /// The lease service refuses everything while the log can't be written.
    private func mendLog(_ leases: LeaseService) async {
        let logger = self.logger
        await cancelWhenGracefulShutdown {
            await self.parts.log.mend(
                time: self.time, failed: { _ in }, mended: { await leases.logMended() },
                givenUp: { error in
                    logger.critical("the log isn't what was written: nothing opens", metadata: ["error": "\(error)"])
                })
        }
    }

    /// Removes what's older than the configuration has it kept, a few times a day.
    private func pruneLog() async {
        guard let kept = self.configuration.keepRecords else { return }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let now = self.time.wall
                    let count = try await self.parts.log.prune(before: now.advanced(by: .zero - kept), at: now)
                    if count > 0 { self.logger.notice("old records were pruned", metadata: ["records": "\(count)"]) }
                } catch {
                    self.logger.error("old records can't be pruned", metadata: ["error": "\(error)"])
                }
                guard (try? await self.time.sleep(until: self.time.boot.advanced(by: .seconds(6 * 3600)))) != nil
                else { return }
            }
        }
    }

    private func shut(_ tunnel: TunnelServer, _ postgres: PostgresPort) async {
        await postgres.close()
        await tunnel.close()
    }
}
