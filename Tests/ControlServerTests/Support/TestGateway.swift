import Contracts
import ControlAPI
import ControlServer
import GloveboxCore
import Identity
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import ServiceLifecycle
import Synchronization
import TestSupport

@testable import ControlClient

/// A control server on a loopback port with fake operations and a real CA.
///
/// Identities get their role from their name: `ada` is an admin, `max` a member, `ann` an approver, `aud` an auditor.
struct TestGateway: Sendable {
    let authority: CertificateAuthority
    let operations: FakeOperations
    let tls: TLSIdentity
    let address: GatewayAddress
    /// Certificates whose holder was asked for.
    let identified: Identified
    let logs: LogCapture
    private let folders = Folders()

    final class Identified: Sendable {
        private let state = Mutex(0)
        var count: Int { self.state.withLock { $0 } }
        func note() { self.state.withLock { $0 += 1 } }
    }

    private final class Folders: Sendable {
        private let state = Mutex<[TemporaryFolder]>([])
        func make() throws -> String {
            let folder = try TemporaryFolder()
            self.state.withLock { $0.append(folder) }
            return folder.file("profile")
        }
    }

    static func role(of subject: CertificateSubject) -> Role? {
        guard case .identity(let name) = subject else { return nil }
        return switch name.rawValue {
        case "ada": .admin
        case "ann": .approver
        case "aud": .auditor
        case "max": .member
        default: nil
        }
    }

    /// Runs a server for as long as `body` runs.
    static func run<Value: Sendable>(
        shownAuthority: String? = nil, bodyLimit: Int = 65_536, limits: RequestLimits = .init(),
        flagLimits: Admission.Pace? = nil,
        ledger: MemoryLedger = .init(), time: any TimeSource = SystemTime(),
        _ body: @escaping @Sendable (TestGateway) async throws -> Value
    ) async throws -> Value {
        try await within(.seconds(60)) {
            let (server, listening, gateway) = try Self.make(
                shownAuthority: shownAuthority, bodyLimit: bodyLimit, limits: limits,
                flagLimits: flagLimits, ledger: ledger, time: time)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                defer { group.cancelAll() }
                return try await body(gateway(try await listening.first()))
            }
        }
    }

    /// A server that hasn't started, what tells its port once it listens, and what then makes the fixture.
    static func make(
        port: Int = 0, shownAuthority: String? = nil, bodyLimit: Int = 65_536, limits: RequestLimits = .init(),
        flagLimits: Admission.Pace? = nil,
        ledger: MemoryLedger = .init(), time: any TimeSource = SystemTime()
    ) throws -> (ControlServer, Listening, @Sendable (Int) -> TestGateway) {
        let authority = try CertificateAuthority(inMemoryAt: SystemTime())
        let operations = FakeOperations(authority: authority, shownAuthority: shownAuthority)
        let tls = try Self.tlsIdentity(authority)
        let identified = Identified()
        let logs = LogCapture()
        let listening = Listening()
        var configuration = ControlServer.Configuration(
            host: "127.0.0.1", port: port, setting: "'api.listen' in test.yaml", bodyLimit: bodyLimit)
        configuration.limits = limits
        if let flagLimits { configuration.flagLimits = flagLimits }
        let server = ControlServer(
            configuration: configuration,
            tls: tls, operations: operations, flags: FakeFlags(),
            authenticator: Authenticator(
                isSigned: { authority.hasSigned(der: $0) },
                caller: { der, _ in
                    identified.note()
                    let details = try CertificateReader.read(der: der)
                    guard let subject = details.subject else {
                        throw GloveboxError(.certificateInvalid, "it speaks for nobody")
                    }
                    return Caller(
                        subject: subject, role: Self.role(of: subject), serial: details.serial,
                        certificateExpiresAt: details.notAfter)
                },
                bearer: { token, _ in try Self.bearer(token) }),
            ledger: ledger, time: time,
            logger: logs.logger, onListening: { port in listening.tell(port) })
        return (
            server, listening,
            { port in
                TestGateway(
                    authority: authority, operations: operations, tls: tls,
                    address: GatewayAddress(host: "127.0.0.1", port: port), identified: identified, logs: logs)
            }
        )
    }

    /// `NAME:SCOPE` is a token of that identity's; anything else is none.
    private static func bearer(_ token: Secret<String>) throws -> Caller {
        let parts = token.exposeSecret().split(separator: ":").map(String.init)
        guard parts.count == 2 else { throw GloveboxError(.unauthenticated, "this token opens nothing") }
        let subject = CertificateSubject.identity(try IdentityName(parts[0]))
        let scope: TokenScope =
            switch parts[1] {
            case "all": .all
            case "read": .read
            default: .operations(Set(parts[1].split(separator: ",").map(String.init)))
            }
        return Caller(
            subject: subject, role: Self.role(of: subject),
            credential: .token(try TokenName("ci"), scope: scope, expiresAt: FakeOperations.moment))
    }

    static func tlsIdentity(_ authority: CertificateAuthority) throws -> TLSIdentity {
        let identity = try authority.issueServer(names: ["127.0.0.1", "localhost"], lasts: .seconds(3600))
        return try TLSIdentity(certificateChain: identity.certificate.pem, privateKey: identity.key)
    }

    // Callers

    /// A profile, saved, with a certificate that this gateway's CA (or `issuer`) signed.
    func profile(
        _ subject: CertificateSubject, issuer: CertificateAuthority? = nil,
        lasts: Duration = CertificateAuthority.clientLifetime
    ) throws -> Profile {
        let key = ClientKey()
        let leaf = try (issuer ?? self.authority).issueClient(
            try key.certificateRequest(), subject: subject, lasts: lasts)
        let profile = try Profile(
            folder: try self.folders.make(), gateway: self.address, subject: Subject(subject), key: key,
            certificate: leaf.pem, authority: self.authority.pem)
        try profile.save()
        return profile
    }

    func newFolder() throws -> String { try self.folders.make() }

    /// Calls the API as the owner of `profile`.
    func call<Value: Sendable>(
        as profile: Profile, _ body: (ControlClient) async throws -> Value
    ) async throws -> Value {
        let client = try ControlClient(profile)
        do {
            let value = try await body(client)
            await client.shutdown()
            return value
        } catch {
            await client.shutdown()
            throw error
        }
    }

    func call<Value: Sendable>(
        as name: String, _ body: (ControlClient) async throws -> Value
    ) async throws -> Value {
        try await self.call(as: self.profile(.identity(IdentityName(name))), body)
    }

    /// The code of what `body` throws; nil if it throws nothing.
    func refusal(_ body: () async throws -> Void) async throws -> GloveboxError? {
        do {
            try await body()
            return nil
        } catch let error as GloveboxError {
            return error
        }
    }

    /// Sends bytes over TLS and reads to the end; the request has to ask for `connection: close`.
    func exchange(_ bytes: [UInt8], as subject: CertificateSubject? = nil) async throws -> RawAnswer {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates([try Profile.certificate(self.authority.pem)])
        if let subject {
            let key = ClientKey()
            let leaf = try self.authority.issueClient(try key.certificateRequest(), subject: subject)
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(leaf.pem.utf8)).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(key.pem.exposeSecret().utf8), format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let peer = PeerCertificate()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: self.address.host, port: self.address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(PeerCertificate.Handler(peer: peer))
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: bytes))
            var answer: [UInt8] = []
            do {
                for try await buffer in inbound { answer += Array(buffer: buffer) }
            } catch is NIOSSLError {
                // The server closes without close_notify after a broken request.
            }
            return RawAnswer(answer, peer: peer.certificate)
        }
    }

    /// One request, its head written out by hand.
    func request(
        _ line: String, headers: [String] = [], body: String = "", as subject: CertificateSubject? = nil
    ) async throws -> RawAnswer {
        var head = ["\(line) HTTP/1.1", "host: test", "connection: close"] + headers
        if !body.isEmpty, !headers.contains(where: { $0.hasPrefix("transfer-encoding") }) {
            head.append("content-length: \(body.utf8.count)")
        }
        return try await self.exchange(Array((head.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8), as: subject)
    }

    /// A POST of JSON by an administrator.
    func post(_ path: String, _ json: String, as subject: CertificateSubject? = nil) async throws -> RawAnswer {
        try await self.request(
            "POST \(path)", headers: ["content-type: application/json"], body: json,
            as: subject ?? .identity(IdentityName("ada")))
    }
}

/// An HTTP/1.1 answer, taken apart.
struct RawAnswer: Sendable {
    var status: Int
    var headers: [String: String] = [:]
    var body: String
    /// The server's certificate, DER.
    var peer: [UInt8]?

    init(_ bytes: [UInt8], peer: [UInt8]?) {
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = (parts.first ?? "").split(separator: "\r\n")
        self.status = lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            if pair.count == 2 { self.headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " }) }
        }
        self.body = parts.count == 2 ? String(parts[1]) : ""
        self.peer = peer
    }

    var problem: Problem? { try? JSONForm.decode(Problem.self, from: Array(self.body.utf8)) }
}

/// Tells a port once.
final class Listening: Sendable {
    private let stream = AsyncStream<Int>.makeStream()

    func tell(_ port: Int) {
        self.stream.continuation.yield(port)
        self.stream.continuation.finish()
    }

    func first() async throws -> Int {
        for await port in self.stream.stream { return port }
        throw TestSupportError("the server never listened")
    }
}

/// Keeps what is logged.
final class LogCapture: Sendable {
    private let state = Mutex("")

    var text: String { self.state.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler(capture: self) }
    }

    private struct Handler: LogHandler {
        var capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.capture.state.withLock { $0 += "\(event.level) \(event.message) \(event.metadata ?? [:])\n" }
        }
    }
}

/// The certificate that a server showed in its handshake.
final class PeerCertificate: Sendable {
    private let state = Mutex<[UInt8]?>(nil)

    /// DER.
    var certificate: [UInt8]? { self.state.withLock { $0 } }

    final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let peer: PeerCertificate

        init(peer: PeerCertificate) {
            self.peer = peer
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted = event as? TLSUserEvent {
                let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()?.toDERBytes()
                self.peer.state.withLock { $0 = certificate }
            }
            context.fireUserInboundEventTriggered(event)
        }
    }
}

/// A gate that a test opens.
final class Gate: Sendable {
    private let stream = AsyncStream<Void>.makeStream()

    func open() { self.stream.continuation.finish() }

    func wait() async {
        for await _ in self.stream.stream {}
    }
}
