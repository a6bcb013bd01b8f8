import AuditFiles
import Contracts
import ControlServer
import GloveboxCore
import Identity
import Logging
import NIOCore
import NIOPosix
import PostgresAccess
import ServiceLifecycle
import Telemetry
import Tunnel
import Webhooks
import YAMLDocument

extension GatewayRole {
    /// Opens the ports and runs everything until the process is asked to stop, or a part fails.
    func serve(_ ready: @escaping @Sendable (Places) async -> Void) async throws {
        if !self.parts.reserve.fill() {
            self.logger.warning("the disk has no room to keep for break-glass: make some, and start again")
        }
        let services = try GatewayServices(
            self.parts, configuration: self.configuration, ports: self.ports, time: self.time, logger: self.logger)
        try await services.resume(self.parts, flags: self.configuration.flags)
        let tunnel = try await self.tunnel(services)
        let postgres: PostgresPort
        do {
            postgres = try await self.postgres(services, tunnel)
        } catch {
            await tunnel.close()
            throw error
        }
        self.ports.open(tunnel: tunnel, postgres: postgres)
        self.drain.watch(Drain.Sessions(count: { postgres.count }, endAll: { postgres.endAll($0) }))
        do {
            try await self.run(services, tunnel, postgres, ready)
        } catch {
            await Self.shut(tunnel, postgres)
            throw error
        }
        await Self.shut(tunnel, postgres)
    }

    private static func shut(_ tunnel: TunnelServer, _ postgres: PostgresPort) async {
        await postgres.close()
        await tunnel.close()
    }

    private func run(
        _ services: GatewayServices, _ tunnel: TunnelServer, _ postgres: PostgresPort,
        _ ready: @escaping @Sendable (Places) async -> Void
    ) async throws {
        let parts = self.parts
        let leases = services.leases
        let api = self.api(services, tunnel, postgres, ready)
        let policy = PolicyFile(
            path: self.configuration.policy, holder: parts.policy, log: services.log, time: self.time,
            logger: self.logger, changed: { await leases.rejudge() })
        let keeper = LogKeeper(
            log: parts.log, kept: self.configuration.keepRecords, time: self.time, logger: self.logger)
        let telemetry = self.telemetry(services, postgres)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await leases.run() }
            tasks.addTask { try await services.approvals.run() }
            tasks.addTask { try await services.changes.run() }
            tasks.addTask { try await services.webhooks.run() }
            tasks.addTask { await keeper.mend { await leases.logMended() } }
            tasks.addTask { await keeper.prune() }
            tasks.addTask { await services.courier.run() }
            tasks.addTask { try await policy.run() }
            tasks.addTask { try await parts.certificates.run() }
            if let telemetry { tasks.addTask { try await telemetry.run() } }
            tasks.addTask { try await api.run() }
            // All end by themselves when the process is asked to stop; one that fails ends the others.
            for try await _ in tasks {}
        }
    }

    // MARK: Ports

    private func tunnel(_ services: GatewayServices) async throws -> TunnelServer {
        let parts = self.parts
        let listen = self.configuration.listen.tunnel
        return try await TunnelServer.start(
            TunnelServer.Configuration(
                host: listen.host, port: listen.port, instance: .random(), tls: { parts.certificates.tunnel }),
            events: AgentConnections(
                enrolment: parts.enrolment, fleet: parts.fleet, log: services.log, courier: services.courier,
                alarms: AgentAlarms(tell: { services.webhooks.tell($0) }, logger: self.logger),
                hosts: services.changes.hosts, time: self.time, logger: self.logger),
            time: self.time, on: MultiThreadedEventLoopGroup.singleton, logger: self.logger)
    }

    private func postgres(_ services: GatewayServices, _ tunnel: TunnelServer) async throws -> PostgresPort {
        let parts = self.parts
        let listen = self.configuration.listen.postgres
        let sessions = GatewaySessions(
            leases: services.leases, fleet: parts.fleet, tunnel: tunnel, near: self.near, links: services.links,
            log: services.log, refusals: services.refusals, table: services.sessionTable, drain: self.drain,
            time: self.time, logger: self.logger)
        return try await PostgresPort.start(
            PostgresPort.Configuration(
                host: listen.host, port: listen.port, tls: { parts.certificates.postgres },
                iterations: LeaseService.iterations, saltLength: LeaseService.saltLength),
            decisions: sessions, on: MultiThreadedEventLoopGroup.singleton, logger: self.logger,
            join: { client, pipe in Relay.join(client, pipe) })
    }

    private func api(
        _ services: GatewayServices, _ tunnel: TunnelServer, _ postgres: PostgresPort,
        _ ready: @escaping @Sendable (Places) async -> Void
    ) -> ControlServer {
        let parts = self.parts
        let listen = self.configuration.listen
        let postgresPlace = SocketPlace(
            host: self.configuration.names[0], port: postgres.address.port ?? listen.postgres.port)
        return ControlServer(
            configuration: .init(
                host: listen.api.host, port: listen.api.port, setting: "'listen.api' in gateway.yaml"),
            tls: parts.certificates.api,
            operations: GatewayOperations(
                authorityPEM: parts.authority.pem, enrolment: parts.enrolment, machineTokens: parts.machineTokens,
                storage: parts.storage, log: services.log, tree: parts.log, refusals: services.refusals,
                time: self.time, policy: parts.policy, fleet: parts.fleet, links: services.links,
                leases: services.leases, approvals: services.approvals, changes: services.changes,
                flagHouse: services.flagHouse, markIssuer: parts.markIssuer, sessionTable: services.sessionTable,
                ports: self.ports, postgres: postgresPlace),
            flags: GatewayFlags(house: services.flagHouse, time: self.time),
            authenticator: self.authenticator(services.refusals), ledger: parts.storage, time: self.time,
            group: MultiThreadedEventLoopGroup.singleton, logger: self.logger,
            onListening: { port in
                await ready(
                    Places(
                        api: SocketPlace(host: listen.api.host, port: port), postgres: postgresPlace,
                        tunnel: SocketPlace(
                            host: listen.tunnel.host, port: tunnel.address.port ?? listen.tunnel.port)))
            })
    }

    /// Certificates of the gateway's own CA, and tokens that it has made.
    private func authenticator(_ refusals: RefusedSignIns) -> Authenticator {
        let parts = self.parts
        return Authenticator(
            isSigned: { parts.authority.hasSigned(der: $0) },
            caller: { certificate, _ in
                let peer = try await parts.enrolment.authenticate(der: certificate)
                return Caller(
                    subject: peer.subject, role: peer.role, serial: peer.serial, certificateExpiresAt: peer.notAfter)
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
            })
    }

    private func telemetry(
        _ services: GatewayServices, _ postgres: PostgresPort
    ) -> TelemetryServer? {
        guard let place = self.configuration.listen.telemetry else { return nil }
        let parts = self.parts
        let source = GatewayTelemetry(
            leases: services.leases, changes: services.changes, fleet: parts.fleet, storage: parts.storage,
            log: parts.log, policy: parts.policy,
            postgres: postgres, authority: parts.authority, certificates: parts.certificates, drain: self.drain,
            counters: services.counters, time: self.time,
            common: RoleMetrics(
                role: "gateway", startedAt: self.time.wall,
                folders: [("state", parts.state), ("log", GatewayLog.folder(parts.state))]))
        return TelemetryServer(place: place, source: source, logger: self.logger)
    }
}
