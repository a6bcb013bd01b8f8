import AuditFiles
import Contracts
import GloveboxCore
import Identity
import PostgresAccess
import Telemetry

/// What an agent tells of itself.
struct AgentTelemetry: TelemetrySource {
    let journal: Journal
    let outbox: RecordOutbox
    let memory: LogMemory
    let sessions: PostgresAgentSessions
    let condition: AgentCondition
    let drain: Drain
    /// How many are served.
    let targets: Int
    let counters: RecordCounters
    /// The folder of key and certificate.
    let credentials: String
    let common: RoleMetrics

    func checks() async -> [ReadinessCheck] {
        let isConnected = self.condition.gateway.isConnected
        return [
            ReadinessCheck("journal", failing: self.condition.journalFailure ?? self.outbox.loss),
            ReadinessCheck(
                "gateway",
                failure: isConnected ? nil : "not connected: see this agent's log, and whether the gateway runs"
            ),
            ReadinessCheck("log", failing: self.memory.refusal),
            ReadinessCheck("masking", failing: self.condition.maskingFailure),
            ReadinessCheck("serving", failing: self.drain.hasBegun ? self.drain.refusal : nil),
        ]
    }

    func metrics() async -> [MetricFamily] {
        let checks = await self.checks()
        let gateway = self.condition.gateway
        let last = self.journal.lastSequence
        var families = self.common.families(checks)
        families += [
            .gauge(
                "gateway_connected", "Whether the agent is connected to its gateway.", gateway.isConnected ? 1 : 0),
            MetricFamily(
                "gateway_clock_skew_seconds",
                "How far the gateway's clock was ahead of this host's when the agent last joined.", .gauge,
                gateway.skew.map { [.init($0.inSeconds)] } ?? []),
            MetricFamily(
                "gateway_protocol_version", "Of the protocol that agent and gateway speak.", .gauge,
                gateway.version.map { [.init(Double($0))] } ?? []),
            .gauge(
                "masking_reload_failed", "Whether the last reload of the masking's files changed nothing.",
                self.condition.reloadFailure == nil ? 0 : 1),
            .gauge(
                "masking_sealed", "Whether a canary came out, so that no session may open.",
                self.condition.maskingFailure == nil ? 0 : 1),
            .gauge("targets", "Targets that are served.", Double(self.targets)),
            .gauge("sessions_active", "Sessions that are open.", Double(self.sessions.count)),
            .gauge("journal_last_sequence", "The last record for the gateway that is durable here.", Double(last)),
            .gauge(
                "journal_unacknowledged_records", "Records that the gateway hasn't said it has.",
                Double(self.outbox.lag)),
            MetricFamily(
                "certificate_expiry_timestamp_seconds", "When a certificate runs out, in Unix time.", .gauge,
                self.certificateExpiry.map { [.init($0.inSeconds, [.init("certificate", "agent")])] } ?? []),
        ]
        return families + self.counters.ofAgent
    }

    private var certificateExpiry: WallTime? {
        let pem = try? PrivateFile.read("\(self.credentials)/client.pem", sharing: true)
        return pem.flatMap { try? CertificateReader.read(pem: String(decoding: $0, as: UTF8.self)).notAfter }
    }
}
