import Contracts
import ControlWire
import GloveboxCore
import Identity
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Tunnel

let quiet: Logger = {
    var logger = Logger(label: "tests")
    logger.logLevel = .critical
    return logger
}()

let group = MultiThreadedEventLoopGroup.singleton

/// A CA and what it signs, as TLS takes it.
struct Certificates {
    let authority: CertificateAuthority

    init() throws {
        self.authority = try CertificateAuthority(inMemoryAt: SystemTime())
    }

    func gateway() throws -> TLSConfiguration {
        let identity = try self.authority.issueServer(names: ["localhost", "127.0.0.1"], lasts: .seconds(3600))
        return TunnelPort.gatewayConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.pem.utf8)),
            privateKey: try NIOSSLPrivateKey(bytes: Array(identity.key.exposeSecret().utf8), format: .pem),
            clientRoots: try self.roots())
    }

    func agent(_ name: AgentName, roots: [NIOSSLCertificate]? = nil) throws -> TLSConfiguration {
        let key = ClientKey()
        let certificate = try self.authority.issueClient(try key.certificateRequest(), subject: .agent(name))
        return TunnelPort.agentConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.pem.utf8)),
            privateKey: try NIOSSLPrivateKey(bytes: Array(key.pem.exposeSecret().utf8), format: .pem),
            gatewayRoots: try roots ?? self.roots())
    }

    func roots() throws -> [NIOSSLCertificate] {
        try NIOSSLCertificate.fromPEMBytes(Array(self.authority.pem.utf8))
    }
}

/// A gateway's side: takes every agent of its CA, keeps records in memory, writes down what happens.
final class TestGateway: TunnelGatewayEvents {
    enum Event: Sendable, Equatable {
        case authorized(AgentName)
        case joined(AgentName, Presence.Arrival)
        case inventory([TargetAnnouncement])
        case reported(ChangeReport)
        case records([UInt64])
        case sessionEnded(SessionID)
        case away(AgentName)
        case lost(AgentName)
    }

    let log = EventLog<Event>()
    let certificates: Certificates
    private let records = Mutex<[SequencedRecord]>([])
    private let refusal = Mutex<GloveboxError?>(nil)
    private let server = Mutex<TunnelServer?>(nil)

    init(_ certificates: Certificates) {
        self.certificates = certificates
    }

    func start(
        instance: InstanceID = .random(), time: any TimeSource = SystemTime(), pool: PoolBounds = .standard,
        times: TunnelTimes = TunnelTimes(), versions: ProtocolVersions = .current
    ) async throws -> TunnelServer {
        let context = try NIOSSLContext(configuration: try self.certificates.gateway())
        var configuration = TunnelServer.Configuration(host: "127.0.0.1", port: 0, instance: instance) { context }
        configuration.pool = pool
        configuration.times = times
        configuration.versions = versions
        return try await TunnelServer.start(configuration, events: self, time: time, on: group, logger: quiet)
    }

    var stored: [SequencedRecord] { self.records.withLock { $0 } }

    func refuse(with error: GloveboxError?) { self.refusal.withLock { $0 = error } }

    func authorize(_ peer: PeerCertificate) async throws -> AgentName {
        if let refusal = self.refusal.withLock({ $0 }) { throw refusal }
        guard let uri = peer.uris.first, peer.uris.count == 1, case .agent(let name) = CertificateSubject(uri: uri)
        else {
            throw GloveboxError(.forbidden, "the certificate isn't an agent's")
        }
        self.log.append(.authorized(name))
        return name
    }

    func agentJoining(_ agent: AgentName, _ hello: Hello) async throws -> JoiningTerms {
        JoiningTerms(lastSequence: self.records.withLock { $0.last?.sequence ?? 0 })
    }

    func agentJoined(_ agent: AgentName, _ hello: Hello, _ arrival: Presence.Arrival) {
        self.log.append(.joined(agent, arrival))
    }

    func agentInventory(_ agent: AgentName, _ targets: [TargetAnnouncement]) { self.log.append(.inventory(targets)) }
    func agentReported(_ agent: AgentName, _ report: ChangeReport) { self.log.append(.reported(report)) }

    func agentRecords(_ agent: AgentName, _ records: [SequencedRecord]) async throws -> UInt64 {
        let last = self.records.withLock { stored in
            for record in records where record.sequence == (stored.last?.sequence ?? 0) + 1 { stored.append(record) }
            return stored.last?.sequence ?? 0
        }
        self.log.append(.records(records.map(\.sequence)))
        return last
    }

    func agentSessionEnded(_ agent: AgentName, _ session: SessionID) { self.log.append(.sessionEnded(session)) }
    func agentAway(_ agent: AgentName) { self.log.append(.away(agent)) }
    func agentLost(_ agent: AgentName, goodbye: String?) { self.log.append(.lost(agent)) }
}

extension TunnelServer {
    var port: Int { self.address.port ?? 0 }
}

extension SessionRequest {
    static func some(purpose: String = "echo") -> SessionRequest {
        SessionRequest(
            session: .random(),
            grant: LeaseGrant(
                lease: .random(), holder: IdentityName(unchecked: "ada"), target: TargetName(unchecked: "shop-db"),
                purpose: purpose, capabilities: [.read], limits: Limits(), maskingProfile: "default", rule: "readers",
                remaining: .seconds(900)), capability: .read, startup: ["user": "x"], client: "127.0.0.1",
            cancelKey: CancelKey(processID: 1, secret: 2))
    }
}
