import AuditFiles
import Contracts
import ControlAPI
import FlagRules
import GloveboxCore
import Identity
import Policy
import PostgresAccess
import Telemetry

/// What a gateway tells of itself and of its agents.
struct GatewayTelemetry: TelemetrySource {
    let leases: LeaseService
    let changes: ChangeService
    let fleet: AgentFleet
    let storage: any Storage
    let log: TiledLog
    let policy: PolicyHolder
    let postgres: PostgresPort
    let authority: CertificateAuthority
    let certificates: ServerCertificates
    let drain: Drain
    let counters: RecordCounters
    let time: any TimeSource
    let common: RoleMetrics

    func checks() async -> [ReadinessCheck] {
        [
            ReadinessCheck("store", failing: await self.storeFailure()),
            ReadinessCheck("log", failing: await self.leases.logRefusal),
            ReadinessCheck("serving", failing: self.drain.hasBegun ? self.drain.refusal : nil),
        ]
    }

    private func storeFailure() async -> GloveboxError? {
        if let refusal = await self.leases.storeRefusal { return refusal }
        do {
            _ = try await self.storage.agents()
            return nil
        } catch {
            return error as? GloveboxError ?? GloveboxError(.internal, "the store can't be read: see the gateway's log")
        }
    }

    func metrics() async -> [MetricFamily] {
        let checks = await self.checks()
        let position = self.log.position
        var families = self.common.families(checks)
        families += [
            .gauge("leases_active", "Leases that are active.", Double(await self.leases.active.count)),
            .gauge("sessions_active", "Sessions that are open, or being opened.", Double(self.postgres.count)),
            .gauge(
                "changes_open", "Sets of changes that are neither kept nor undone.",
                Double(await self.changes.openSets.count)),
            .gauge(
                "changes_stuck",
                "Sets of changes that are to go back and don't: tried again, and somebody's to look at.",
                Double(await self.changes.openSets.count { $0.state == .stuck })),
            .gauge("log_position", "The last record of the log that is durable.", Double(position)),
            .gauge(
                "checkpoint_age_seconds", "How long ago the log's last checkpoint was signed, or this run began.",
                self.log.signedAt.duration(to: self.time.boot).inSeconds),
            .gauge(
                "log_unsigned_records", "Records of the log that are under no checkpoint yet.",
                Double(position - min(position, self.log.signedPosition))),
            .gauge(
                "policy_refused", "Whether the policy's file is refused, and the one before it in force.",
                self.policy.refusal == nil ? 0 : 1),
            MetricFamily(
                "certificate_expiry_timestamp_seconds", "When a certificate runs out, in Unix time.", .gauge,
                [
                    .init(self.authority.notAfter.inSeconds, [.init("certificate", "ca")]),
                    .init(self.certificates.notAfter.inSeconds, [.init("certificate", "server")]),
                ]),
        ]
        return families + self.flagClients + (await self.agents()) + self.counters.ofGateway
    }

    /// Those that follow flags, by the target.
    private var flagClients: [MetricFamily] {
        let house = self.changes.house
        let clients = house.targets.map { target in
            let served = try? house.epoch(of: target).number
            let counts = house.clients(of: target)
            return (
                labels: [MetricFamily.Label("target", target.rawValue)], all: counts.reduce(0) { $0 + $1.count },
                behind: counts.reduce(0) { $0 + ($1.epoch == served ? 0 : $1.count) }
            )
        }
        return [
            MetricFamily(
                "flag_clients", "Clients that follow the flags of a target.", .gauge,
                clients.map { .init(Double($0.all), $0.labels) }),
            MetricFamily(
                "flag_clients_behind", "Clients that haven't acknowledged the epoch in force.", .gauge,
                clients.map { .init(Double($0.behind), $0.labels) }),
        ]
    }

    /// Each has enrolled, and an administrator has invited it, so that there are few.
    private func agents() async -> [MetricFamily] {
        let met = self.fleet.agents
        let enrolled = ((try? await self.storage.agents()) ?? []).map(\.name)
        let names = Set(enrolled).union(met.keys).sorted()
        let online = names.compactMap { met[$0] }.filter(\.isOnline)
        return [
            MetricFamily(
                "agent_connected", "Whether an agent is connected.", .gauge,
                names.map { .init(met[$0]?.isOnline == true ? 1 : 0, [.init("agent", $0.rawValue)]) }),
            MetricFamily(
                "agent_clock_skew_seconds",
                "How far the clock of an agent's host was ahead of the gateway's when it last joined.", .gauge,
                online.map { .init($0.skew.inSeconds, [.init("agent", $0.name.rawValue)]) }),
            MetricFamily(
                "agent_version_differs", "Whether an agent's program is of another version than the gateway's.",
                .gauge,
                online.map {
                    .init($0.version == GloveboxVersion.current ? 0 : 1, [.init("agent", $0.name.rawValue)])
                }),
        ]
    }
}
