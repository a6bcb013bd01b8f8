import AuditFiles
import Contracts
import GloveboxCore
import Identity
import Logging
import Policy
import StorageSQLite

/// What of a gateway is open before anything listens: its state on disk, and who it is.
struct GatewayParts: Sendable {
    let authority: CertificateAuthority
    let storage: StorageSQLite
    let log: TiledLog
    let reserve: AuditReserve
    let policy: PolicyHolder
    /// The folder of the state.
    let state: String
    let enrolment: Enrolment
    let machineTokens: MachineTokens
    let certificates: ServerCertificates
    let markIssuer: MarkIssuer
    let fleet = AgentFleet()

    /// - Throws: `configuration_invalid`, `store_locked`, `store_corrupt`, `journal_corrupt` and others that say what
    ///   to do.
    init(state: String, configuration: GatewayConfiguration, time: any TimeSource, logger: Logger) throws {
        try PrivateFile.makeFolder(state)
        let policy = try PolicyFile.load(configuration.policy)
        // The store's lock comes first: it says whether another gateway runs here.
        let storage = try StorageSQLite(path: "\(state)/store.sqlite")
        let authority = try CertificateAuthority(folder: state, time: time)
        let log = try GatewayLog.open(state: state, host: configuration.names[0], time: time)
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
        self.authority = authority
        self.storage = storage
        self.log = log
        self.reserve = AuditReserve(path: "\(state)/reserve")
        self.policy = policy
        self.markIssuer = try MarkIssuer(folder: state, time: time)
        self.state = state
        self.enrolment = Enrolment(storage: storage, authority: authority, time: time)
        self.machineTokens = MachineTokens(storage: storage, authority: authority, time: time)
        self.certificates = try ServerCertificates(
            authority: authority, names: configuration.names, time: time, logger: logger)
    }

    func close() async throws {
        self.log.close()
        try await self.storage.close()
    }
}
