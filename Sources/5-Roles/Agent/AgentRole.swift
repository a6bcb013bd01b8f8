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
import Tunnel

/// An agent: it stands beside its targets with their credentials, dials its gateway, and opens to it what the ceiling
/// allows, redacted.
package struct AgentRole: Service {
    package let configuration: AgentConfiguration
    private let credentials: AgentCredentials
    private let ceiling: CeilingDocument
    private let journal: Journal
    private let detectors: Detectors
    private let near: NearAgent?
    private let time: any TimeSource
    private let logger: Logger

    /// Where the key and certificate of the agent of `folder` are.
    package static func credentialsFolder(_ folder: String) -> String { "\(folder)/agent" }

    /// Reads the configuration and the ceiling of the agent in `folder`.
    /// - Throws: `configuration_invalid` with line and column.
    package static func configuration(_ folder: String) throws -> AgentConfiguration {
        let file = "\(folder)/agent.yaml"
        return try AgentConfiguration(yaml: try Self.text(file), file: file, folder: folder)
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
        self.configuration = try Self.configuration(folder)
        self.ceiling = try CeilingDocument(
            yaml: try Self.text(self.configuration.ceiling), file: self.configuration.ceiling)
        self.credentials = AgentCredentials(folder: Self.credentialsFolder(folder))
        try self.credentials.check(agent: self.configuration.name)
        self.journal = try Journal(
            folder: "\(Self.credentialsFolder(folder))/journal", origin: RecordID.origin(of: self.configuration.name))
        if let torn = self.journal.tornTail {
            logger.warning("the journal's last write was torn and is cleared", metadata: ["at": "\(torn)"])
        }
        self.detectors = try Detectors()
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
                capabilities: ceiling.capabilities.intersection(target.postgres.signIns.keys), longest: ceiling.longest)
        }
    }

    package func run() async throws {
        let sessions = try PostgresAgentSessions(detectors: self.detectors, journal: self.journal, time: self.time)
        let ledger = GrantLedger(ceiling: self.ceiling, time: self.time) { lease, error in
            sessions.endLease(lease, error)
        }
        let outbox = RecordOutbox(journal: self.journal, time: self.time, logger: self.logger)
        let opener = AgentSessions(
            ledger: ledger, targets: self.targets, postgres: sessions, journal: self.journal, time: self.time)
        // Masking a long value keeps its event loop busy: neither the gateway in the same process nor the control
        // connection waits for that. Half of the machine is left to what the agent stands beside; fewer threads also
        // wake each other less.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, System.coreCount / 2))
        let control = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connection = GatewayConnection(opener: opener, outbox: outbox, logger: self.logger)
        self.near?.serve(self.configuration.name) { connection.open($0, on: $1) }
        let tunnel = try await TunnelAgent.start(
            TunnelAgent.Configuration(
                host: self.configuration.gatewayHost, port: self.configuration.gatewayPort,
                agent: self.configuration.name, instance: .random(), software: GloveboxVersion.current,
                tls: self.credentials.tls),
            targets: self.announcements,
            events: connection,
            time: self.time, on: group, control: control.next(), logger: self.logger)
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await outbox.run(sending: { tunnel.send(records: $0) }) }
            tasks.addTask { await self.mendJournal(sessions, outbox) }
            await ledger.run()
            self.near?.stop()
            await sessions.close(GloveboxError(.unavailable, "the agent is stopping"))
            // What isn't sent now is sent when the agent runs again.
            await outbox.drain(within: Self.drainLimit)
            tasks.cancelAll()
        }
        await tunnel.close()
        self.journal.close()
        try? await group.shutdownGracefully()
        try? await control.shutdownGracefully()
    }

    /// No record, no access: sessions end while the journal can't be written, and may open again once it can.
    private func mendJournal(_ sessions: PostgresAgentSessions, _ outbox: RecordOutbox) async {
        let logger = self.logger
        await self.journal.mend(
            time: self.time,
            failed: { error in
                logger.critical("the journal can't be written: sessions end", metadata: ["error": "\(error)"])
                sessions.endAll(
                    GloveboxError(
                        .journalUnavailable,
                        "the agent can't write its journal: make room or mend the disk on its host, as its log says; it goes on by itself then"
                    ),
                    refusing: true)
            },
            mended: {
                // One that was lost stays lost.
                guard outbox.loss == nil else { return }
                logger.notice("the journal can be written again: sessions may open")
                sessions.admit()
            },
            givenUp: { error in
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
            var target = configured.postgres
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
