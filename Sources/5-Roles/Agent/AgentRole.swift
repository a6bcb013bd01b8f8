import AuditFiles
package import Contracts
import GloveboxCore
import Identity
package import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Policy
package import PostgresAccess
import Redaction
import ServiceLifecycle
import Synchronization
import Telemetry
import Tunnel

/// An agent: it stands beside its targets with their credentials, dials its gateway, and opens to it what the ceiling
/// allows, redacted.
package struct AgentRole: Service {
    package let configuration: AgentConfiguration
    private let credentials: AgentCredentials
    private let ceiling: CeilingDocument
    private let journal: Journal
    private let memory: LogMemory
    private let masking: AgentMasking
    /// While it runs.
    private let running = RunningSessions()
    private let near: NearAgent?
    private let folder: String
    private let counters = RecordCounters()
    private let drain: Drain
    private let condition: AgentCondition
    private let time: any TimeSource
    private let logger: Logger

    /// Files of the journal, of 4 MiB each, that are kept for a gateway that is made from a backup.
    private static let keptSegments = 16

    /// Where the key and certificate of the agent of `folder` are.
    package static func credentialsFolder(_ folder: String) -> String { "\(folder)/agent" }

    /// Reads the configuration and the ceiling of the agent in `folder`.
    /// - Throws: `configuration_invalid` with line and column.
    package static func configuration(_ folder: String) throws -> AgentConfiguration {
        let file = "\(folder)/agent.yaml"
        return try AgentConfiguration(yaml: try Self.text(file), file: file, folder: folder)
    }

    static func ceiling(_ configuration: AgentConfiguration) throws -> CeilingDocument {
        try CeilingDocument(yaml: try Self.text(configuration.ceiling), file: configuration.ceiling)
    }

    private static func text(_ file: String) throws(GloveboxError) -> String {
        String(decoding: try PrivateFile.read(file, sharing: true), as: UTF8.self)
    }

    /// Opens the agent's state; nothing is dialled yet.
    ///
    /// - Parameters:
    ///   - folder: holds `agent.yaml` and the ceiling; key, certificate and journal are in `agent/` in it.
    ///   - near: of the gateway, where that is in the same process: sessions take the short way then.
    /// - Throws: `configuration_invalid`, `not_enrolled`, `store_locked`, `journal_corrupt` and others that say what to
    ///   do.
    package init(folder: String, near: NearAgent? = nil, time: any TimeSource, logger: Logger) throws {
        self.near = near
        self.folder = folder
        self.configuration = try Self.configuration(folder)
        self.drain = Drain(role: "agent", limit: self.configuration.drain, time: time)
        self.condition = AgentCondition(time: time)
        self.ceiling = try Self.ceiling(self.configuration)
        self.credentials = AgentCredentials(folder: Self.credentialsFolder(folder))
        try self.credentials.check(agent: self.configuration.name)
        self.journal = try Journal(
            folder: "\(Self.credentialsFolder(folder))/journal", origin: RecordID.origin(of: self.configuration.name),
            keptSegments: Self.keptSegments)
        if let torn = self.journal.tornTail {
            logger.warning("the journal's last write was torn and is cleared", metadata: ["at": "\(torn)"])
        }
        self.memory = try LogMemory(folder: Self.credentialsFolder(folder))
        self.masking = try AgentMasking(
            folder: folder, self.configuration, condition: self.condition, logger: logger)
        self.time = time
        self.logger = logger
    }

    /// What the gateway is told of the targets: those that both `agent.yaml` and the ceiling name.
    private var announcements: [TargetAnnouncement] {
        self.configuration.targets.compactMap { name, target in
            guard let ceiling = self.ceiling.targets[name] else {
                self.logger.warning(
                    "a target isn't in the ceiling, so it isn't served", metadata: ["target": "\(name)"])
                return nil
            }
            return TargetAnnouncement(
                name: name, kind: target.kind, labels: target.labels,
                capabilities: ceiling.capabilities.intersection(target.capabilities), longest: ceiling.longest)
        }
    }

    /// The first half of an orderly stop: no session opens any more, those that run have `drain` of the configuration to
    /// come to an end, and then are ended. All else goes on until ``run()`` is asked to stop.
    package func stopSessions() async {
        self.logger.notice("stopping: no session opens any more")
        await self.drain.run()
    }

    /// Reads the masking's files anew, for sessions that open from now on.
    package func reload() {
        let wasSealed = self.condition.maskingFailure != nil
        guard self.masking.reload(), wasSealed else { return }
        self.logger.notice("masking may be trusted again")
        self.record(.agentUnsealed(agent: self.configuration.name))
        self.running.sessions.withLock { $0 }?.admit(.masking)
    }

    private func record(_ event: RecordEvent) {
        CountedJournal(self.journal, self.counters).append([Record(time: self.time.wall, event: event)]) { _ in }
    }

    package func run() async throws {
        let counters = self.counters
        let journal = CountedJournal(self.journal, counters)
        let sessions = try PostgresAgentSessions(
            rules: { [masking] in masking.rules }, journal: journal, time: self.time,
            onOverflow: { [logger] grant in
                logger.warning(
                    "a lease has masked \(Pseudonyms.mostKept) secrets: later ones aren't known again elsewhere",
                    metadata: ["lease": "\(grant.lease)", "target": "\(grant.target)"])
            })
        self.running.sessions.withLock { $0 = sessions }
        self.drain.watch(Drain.Sessions(count: { sessions.count }, endAll: { sessions.endAll($0) }))
        let ledger = GrantLedger(ceiling: self.ceiling, time: self.time) { lease, error in
            sessions.endLease(lease, error)
        }
        let outbox = RecordOutbox(journal: self.journal, time: self.time, logger: self.logger)
        let opener = AgentSessions(
            ledger: ledger, targets: self.targets,
            profiles: self.configuration.targets.compactMapValues { $0.masking?.name }, postgres: sessions,
            journal: journal, drain: self.drain,
            time: self.time)
        let inbox = HostInbox(self.time)
        let changes = try self.changes(inbox, journal, outbox)
        // Masking a long value keeps its event loop busy: neither the gateway in the same process nor the control
        // connection waits for that. Half of the machine is left to what the agent stands beside; fewer threads also
        // wake each other less.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        let control = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let (credentials, name, time) = (self.credentials, self.configuration.name, self.time)
        let connection = GatewayConnection(
            opener: opener, outbox: outbox, memory: self.memory, condition: self.condition, changes: inbox,
            explained: { [credentials, name, time] in credentials.explained($0, agent: name, at: time.wall) },
            logger: self.logger)
        self.near?.serve(self.configuration.name) { connection.open($0, on: $1) }
        var configuration = TunnelAgent.Configuration(
            host: self.configuration.gatewayHost, port: self.configuration.gatewayPort,
            agent: self.configuration.name, instance: .random(), software: GloveboxVersion.current,
            tls: self.credentials.tls)
        configuration.log = { [memory] in memory.known }
        let tunnel = try await TunnelAgent.start(
            configuration,
            targets: self.announcements,
            events: connection,
            time: self.time, on: group, control: control.next(), logger: self.logger)
        inbox.answer { tunnel.send($0) }
        let telemetry = AgentTelemetry(
            journal: self.journal, outbox: outbox, memory: self.memory, sessions: sessions, condition: self.condition,
            drain: self.drain, targets: opener.targets.count, counters: counters,
            credentials: Self.credentialsFolder(self.folder),
            common: RoleMetrics(
                role: "agent", startedAt: self.time.wall,
                folders: [("journal", "\(Self.credentialsFolder(self.folder))/journal")]))
        let served: Result<Void, any Error> = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await outbox.run(sending: { tunnel.send(records: $0) }) }
            tasks.addTask { await changes.run() }
            tasks.addTask { await self.mendJournal(sessions, outbox) }
            tasks.addTask {
                await self.masking.watch(every: self.configuration.canaries, time: self.time) { error in
                    sessions.endAll(error, refusing: .masking)
                    self.record(
                        .agentSealed(
                            agent: self.configuration.name, code: error.code.rawValue, message: error.message))
                }
            }
            let served = await self.serve(telemetry, while: ledger)
            self.near?.stop()
            await sessions.close(GloveboxError(.unavailable, "the agent is stopping"))
            // What isn't sent now is sent when the agent runs again.
            await outbox.drain(within: Self.drainLimit)
            tasks.cancelAll()
            return served
        }
        await tunnel.close()
        self.journal.close()
        try? await group.shutdownGracefully()
        try? await control.shutdownGracefully()
        try served.get()
    }

    /// What this host's targets let be changed, and what stands in the way of it.
    private func changes(
        _ inbox: HostInbox, _ journal: any RecordJournal, _ outbox: RecordOutbox
    ) throws -> HostChanges {
        let (memory, condition, drain, masking) = (self.memory, self.condition, self.drain, self.masking)
        return try HostChanges(
            folder: Self.credentialsFolder(self.folder),
            terms: HostChanges.Terms(
                targets: self.configuration.targets.compactMapValues(\.host), ceiling: self.ceiling,
                refusal: {
                    if drain.hasBegun { return drain.refusal }
                    return memory.refusal ?? condition.maskingFailure ?? outbox.loss ?? condition.journalFailure
                },
                mask: { text in
                    let rules = masking.rules
                    return try Masker(
                        detectors: rules.detectors, pseudonyms: Pseudonyms(linkable: false),
                        profile: try rules.profile(named: MaskingProfile.default.name)
                    ).maskText(text)
                }),
            inbox: inbox, records: journal, time: self.time, logger: self.logger)
    }

    /// Leases' times are watched, and what there is to tell is told, until the process is asked to stop or the port for
    /// telling can't be had.
    private func serve(_ telemetry: AgentTelemetry, while ledger: GrantLedger) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { tasks in
            tasks.addTask {
                await ledger.run()
                return .success(())
            }
            if let place = self.configuration.telemetry {
                let server = TelemetryServer(place: place, source: telemetry, logger: self.logger)
                tasks.addTask {
                    do {
                        return .success(try await server.run())
                    } catch {
                        return .failure(error)
                    }
                }
            }
            let first = await tasks.next() ?? .success(())
            tasks.cancelAll()
            return first
        }
    }

    /// No record, no access: sessions end while the journal can't be written, and may open again once it can.
    private func mendJournal(_ sessions: PostgresAgentSessions, _ outbox: RecordOutbox) async {
        let (logger, condition) = (self.logger, self.condition)
        await self.journal.mend(
            time: self.time,
            failed: { error in
                logger.critical("the journal can't be written: sessions end", metadata: ["error": "\(error)"])
                condition.journal(failing: error)
                sessions.endAll(
                    GloveboxError(
                        .journalUnavailable,
                        "the agent can't write its journal: make room or mend the disk on its host, as its log says; it goes on by itself then"
                    ),
                    refusing: .journal)
            },
            mended: {
                condition.journal(failing: nil)
                // One that was lost stays lost.
                guard outbox.loss == nil else { return }
                logger.notice("the journal can be written again: sessions may open")
                sessions.admit(.journal)
            },
            givenUp: { error in
                condition.journal(failing: error)
                logger.critical(
                    "the journal isn't what was written: no session may open", metadata: ["error": "\(error)"])
            })
    }

    /// How long a stopping agent waits for the gateway to store its last records.
    private static let drainLimit = Duration.seconds(2)

    /// The targets with what the ceiling adds: its columns are masked whatever `agent.yaml` says of them.
    private var targets: [TargetName: PostgresTarget] {
        var targets: [TargetName: PostgresTarget] = [:]
        for (name, configured) in self.configuration.targets {
            guard let ceiling = self.ceiling.targets[name] else { continue }
            guard var target = configured.postgres else { continue }
            let own = target.classifications
            target.classifications = ceiling.columns.map(Classification.init)
            // The ceiling's word holds where both classify a column.
            target.classifications += own.filter { mine in
                !target.classifications.contains {
                    ($0.schema, $0.table, $0.column) == (mine.schema, mine.table, mine.column)
                }
            }
            target.shown += ceiling.shown.map(ShownColumn.init)
            target.allowsSuperuser = ceiling.allowsSuperuser
            target.disclosures = ceiling.disclosures ?? PostgresTarget.standardDisclosures
            target.allowsWritingReader = ceiling.allowsWritingReader
            targets[name] = target
        }
        return targets
    }
}

/// The sessions of an agent, while it runs.
private final class RunningSessions: Sendable {
    let sessions = Mutex<PostgresAgentSessions?>(nil)
}

extension Classification {
    init(_ column: ClassifiedColumn) {
        self.init(schema: column.schema, table: column.table, column: column.column, kind: Kind(column.kind))
    }
}

extension ShownColumn {
    init(_ column: DeclassifiedColumn) {
        self.init(schema: column.schema, table: column.table, column: column.column)
    }
}
