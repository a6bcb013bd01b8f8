import AuditFiles
import Contracts
import GloveboxCore
import Logging
import Redaction
import StorageSQLite
import Telemetry
import Tunnel
import Webhooks

/// What decides in a running gateway: leases, approvals, and who is told of what. No port is open yet.
struct GatewayServices: Sendable {
    let counters = RecordCounters()
    let log: CountedLog
    let links: AgentLinks
    let refusals: RefusedSignIns
    let sessionTable = SessionTable()
    let webhooks: WebhookSender
    let approvals: ApprovalService
    let leases: LeaseService
    let courier: CheckpointCourier
    let flagHouse: FlagHouse
    let changes: ChangeService

    /// - Throws: `configuration_invalid` for a webhook without its secret, `redaction_failed`.
    init(
        _ parts: GatewayParts, configuration: GatewayConfiguration, ports: GatewayPorts, time: any TimeSource,
        logger: Logger
    ) throws {
        let log = CountedLog(parts.log, self.counters)
        let detectors = try configuration.readDetectors()
        let webhooks = Self.webhooks(
            try configuration.webhooks.map { try $0.webhook() }, log, time: time, logger: logger)
        self.log = log
        self.links = AgentLinks(ports: ports)
        self.refusals = RefusedSignIns(log: log, time: time)
        self.webhooks = webhooks
        self.approvals = ApprovalService(
            storage: parts.storage, log: log, time: time, policy: parts.policy, detectors: detectors,
            tell: { webhooks.tell(WebhookMessage($0)) }, logger: logger)
        let endings = LeaseEndings(time)
        let leases = LeaseService(
            storage: parts.storage, log: log, time: time, policy: parts.policy, fleet: parts.fleet,
            detectors: detectors, approvals: self.approvals, emergencyRoom: Self.emergencyRoom(parts),
            effects: ports.effects.telling(endings), logger: logger)
        self.leases = leases
        self.flagHouse = FlagHouse(edges: Set(configuration.flags.filter(\.isEdge).map(\.name)))
        self.changes = ChangeService(
            house: self.flagHouse, storage: parts.storage, log: log, time: time, detectors: detectors,
            signals: try GuardSignals(configuration.guards, time: time), endings: endings,
            ending: { await leases.ending(of: $0) }, expiries: { await leases.expiries(of: $0) },
            grant: { try await leases.grant($0) },
            hosts: HostLines(alarm: endings.alarm) { [fleet = parts.fleet] order in
                ports.send(order, to: try fleet.server(of: order.change.target).agent)
            },
            alarms: ChangeAlarms { webhooks.tell($0) }, logger: logger)
        self.courier = CheckpointCourier(log: parts.log, time: time, logger: logger) { ports.tell($0, to: $1) }
    }

    /// Goes on with what the store holds from before the last stop.
    func resume(_ parts: GatewayParts, flags: [FlagTarget]) async throws {
        parts.fleet.serve(flags.map(\.announcement))
        for agent in try await parts.storage.agents() {
            if agent.isQuarantined { parts.fleet.quarantine(agent.name) } else { parts.fleet.await([agent.name]) }
        }
        try await self.approvals.resume()
        try await self.leases.resume()
        try await self.changes.resume(flags)
    }

    /// Beside log and store, on the disk that both fill.
    private static func emergencyRoom(_ parts: GatewayParts) -> EmergencyRoom {
        let (log, reserve) = (parts.log, parts.reserve)
        return EmergencyRoom(
            giveUp: {
                reserve.giveUp()
                try await log.reopenElsewhere()
            }, takeBack: { reserve.fill() })
    }

    /// What isn't delivered is on record, as far as the log takes it.
    private static func webhooks(
        _ webhooks: [Webhook], _ log: any RecordLog, time: any TimeSource, logger: Logger
    ) -> WebhookSender {
        WebhookSender(webhooks, time: time, logger: logger) { loss in
            let event = RecordEvent.webhookFailed(
                webhook: loss.webhook, event: loss.message.event, attempts: UInt64(loss.attempts), reason: loss.reason)
            log.append([Record(time: time.wall, event: event)]) { _ in }
        }
    }
}
