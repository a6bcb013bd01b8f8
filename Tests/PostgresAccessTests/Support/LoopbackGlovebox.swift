import Contracts
import Glibc
import GloveboxCore
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PostgresWire
import Redaction
import Synchronization
import TestSupport

@testable import PostgresAccess

/// A lease that a test made, with its token.
struct TestLease: Sendable {
    let grant: LeaseGrant
    let capability: Capability
    let token: String
    let verifier: ScramVerifier

    var user: String { "\(self.grant.target).\(self.grant.lease)" }
}

/// Both ends of the way to PostgreSQL in one process: the gateway's port, decided by a table of leases, and the
/// agent's sessions, joined by a loopback socket in place of the tunnel, or directly.
final class LoopbackGlovebox: Sendable {
    let journal: MemoryJournal
    let time: ManualTime
    let sessions: PostgresAgentSessions
    let port: PostgresPort
    let decisions: LoopbackDecisions

    /// How a client reaches its session: as where the agent is elsewhere, or as in `glovebox up`.
    enum Way: CaseIterable {
        case pipe, near
    }

    /// Makes one, runs `body`, and closes it.
    static func run<Value: Sendable>(
        target: PostgresTarget, way: Way = .pipe, configure: (inout PostgresPort.Configuration) -> Void = { _ in },
        makeMasker: (@Sendable (Pseudonyms) throws -> any SessionMasking)? = nil,
        _ body: @Sendable (LoopbackGlovebox) async throws -> Value
    ) async throws -> Value {
        var configuration = PostgresPort.Configuration(
            host: "127.0.0.1", port: 0, tls: nil, allowsPlaintext: true, signInLimit: .seconds(60))
        configure(&configuration)
        let glovebox = try await LoopbackGlovebox(target, way, configuration, makeMasker)
        do {
            let value = try await body(glovebox)
            await glovebox.close()
            return value
        } catch {
            await glovebox.close()
            throw error
        }
    }

    private init(
        _ target: PostgresTarget, _ way: Way, _ configuration: PostgresPort.Configuration,
        _ makeMasker: (@Sendable (Pseudonyms) throws -> any SessionMasking)?
    ) async throws {
        self.journal = MemoryJournal()
        self.time = ManualTime()
        let detectors = try SharedDetectors.result.get()
        self.sessions = try PostgresAgentSessions(
            journal: self.journal, time: self.time, openingLimit: .seconds(60),
            makeMasker: { _, pseudonyms in
                try makeMasker?(pseudonyms) ?? Masker(detectors: detectors, pseudonyms: pseudonyms)
            })
        self.decisions = LoopbackDecisions(target: target, sessions: self.sessions, way: way)
        self.port = try await PostgresPort.start(
            configuration, decisions: self.decisions, on: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test"), join: TestRelay.join)
    }

    func close() async {
        await self.port.close()
        self.sessions.endAll(GloveboxError(.unavailable, "the test is over"), refusing: .closing)
    }

    func lease(_ capability: Capability = .read, limits: Limits = Limits()) -> TestLease {
        self.decisions.lease(capability, limits)
    }

    var portNumber: Int { self.port.address.port ?? 0 }

    /// Runs psql with SQL on its standard input.
    func psql(
        _ lease: TestLease, _ sql: String, token: String? = nil, user: String? = nil, options: [String] = [],
        settings: String = "sslmode=disable"
    ) async throws -> Subprocess.Result {
        try await Subprocess.run(
            self.psqlArguments(lease, user: user, settings: settings) + options,
            environment: self.environment(token ?? lease.token), input: .text(sql), timeout: .seconds(30))
    }

    func psqlArguments(_ lease: TestLease, user: String? = nil, settings: String = "sslmode=disable") -> [String] {
        [
            "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "VERBOSITY=verbose",
            "host=127.0.0.1 port=\(self.portNumber) user=\(user ?? lease.user) \(settings)",
        ]
    }

    func environment(_ token: String) -> [String: String] {
        ["PATH": "/usr/local/bin:/usr/bin:/bin", "PGPASSWORD": token, "LANG": "C.UTF-8", "PGCONNECT_TIMEOUT": "60"]
    }

    /// Runs a Python program that finds `connection` (psycopg, autocommit) in its scope.
    func python(_ lease: TestLease, _ program: String) async throws -> String {
        let start = """
            import os, json, psycopg
            connection = psycopg.connect(host="127.0.0.1", port=\(self.portNumber), user="\(lease.user)", password=os.environ["PGPASSWORD"],
                sslmode="disable", autocommit=True)

            """
        return try await Subprocess.check(
            [Repository.file(".build-venv/bin/python"), "-c", start + program],
            environment: self.environment(lease.token),
            timeout: .seconds(30))
    }
}

/// Decides as a gateway does, by a table of leases, and speaks to the agent's sessions directly.
final class LoopbackDecisions: PostgresPortDecisions {
    private struct State {
        var leases: [LeaseID: TestLease] = [:]
        var refusals: [(code: String, claimed: String?)] = []
        var refusal: GloveboxError?
        var opened = 0
        var closed = 0
    }

    private let target: PostgresTarget
    private let sessions: PostgresAgentSessions
    private let way: LoopbackGlovebox.Way
    private let state = Mutex(State())

    init(target: PostgresTarget, sessions: PostgresAgentSessions, way: LoopbackGlovebox.Way) {
        self.way = way
        self.target = target
        self.sessions = sessions
    }

    func lease(_ capability: Capability, _ limits: Limits) -> TestLease {
        let token = Base32.random(length: 26)
        let lease = TestLease(
            grant: LeaseGrant(
                lease: .random(), holder: IdentityName(unchecked: "ada"), target: self.target.name, purpose: "INC-4711",
                capabilities: [capability], limits: limits, maskingProfile: "default", rule: "test",
                remaining: .seconds(900)),
            capability: capability, token: token,
            verifier: .derive(password: Secret(Array(token.utf8)), salt: Array(0..<16), iterations: 4096))
        self.state.withLock { $0.leases[lease.grant.lease] = lease }
        return lease
    }

    /// Every opening is refused with this from now on.
    func refuse(_ error: GloveboxError) { self.state.withLock { $0.refusal = error } }

    var refusals: [(code: String, claimed: String?)] { self.state.withLock { $0.refusals } }
    var opened: Int { self.state.withLock { $0.opened } }
    var closed: Int { self.state.withLock { $0.closed } }

    func verifier(target: TargetName, lease: LeaseID) async -> ScramVerifier? {
        guard target == self.target.name else { return nil }
        return self.state.withLock { $0.leases[lease]?.verifier }
    }

    func open(_ opening: PostgresSessionOpening, on eventLoop: any EventLoop) async throws -> PostgresSessionWay {
        let (lease, refusal) = self.state.withLock { ($0.leases[opening.lease], $0.refusal) }
        if let refusal { throw refusal }
        guard let lease else { throw GloveboxError(.leaseNotActive, "the lease has ended") }
        let request = SessionRequest(
            session: opening.session, grant: lease.grant, capability: lease.capability, startup: opening.startup,
            client: opening.client, cancelKey: opening.cancelKey)
        if self.way == .near {
            return .near(try await self.sessions.open(request, target: self.target, on: eventLoop).get())
        }
        let agentLoop = MultiThreadedEventLoopGroup.singleton.next()
        let session = try await self.sessions.open(request, target: self.target, on: agentLoop).get()
        let (gatewayEnd, agentEnd) = try await Self.pipe(eventLoop, agentLoop)
        try await session.begin(on: agentEnd).get()
        return .pipe(gatewayEnd)
    }

    func cancel(_ opening: PostgresSessionOpening) async { self.sessions.cancel(opening.session) }

    func signInRefused(code: String, claimed: String?, client: String?) {
        self.state.withLock { $0.refusals.append((code, claimed)) }
    }

    func sessionOpened(_ opening: PostgresSessionOpening) { self.state.withLock { $0.opened += 1 } }
    func sessionClosed(_ opening: PostgresSessionOpening) { self.state.withLock { $0.closed += 1 } }

    /// Two connected channels, neither of which reads.
    private static func pipe(_ first: any EventLoop, _ second: any EventLoop) async throws -> (any Channel, any Channel)
    {
        let accepted = second.makePromise(of: (any Channel).self)
        let listener = try await ServerBootstrap(group: second, childGroup: second)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                accepted.succeed(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let address = listener.localAddress else { throw TestSupportError("the pipe's listener has no address") }
        let dialled = try await ClientBootstrap(group: first).channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PipeEndHold()) }
            }
            .connect(to: address).get()
        let other = try await accepted.futureResult.get()
        try await listener.close()
        // It is active once its initialisation is over, which the event loop does before this.
        try await other.eventLoop.submit {}.get()
        return (dialled, other)
    }
}

/// Keeps what an agent says, and its end, until somebody reads: a session may be over before its client is joined.
private final class PipeEndHold: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private var held: [ByteBuffer] = []
    private var hasEnded = false
    private var isReleased = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.isReleased { return context.fireChannelRead(data) }
        self.held.append(self.unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        self.hasEnded = true
        if self.isReleased { context.close(promise: nil) }
    }

    func read(context: ChannelHandlerContext) {
        context.read()
        guard !self.isReleased else { return }
        self.isReleased = true
        for bytes in self.held { context.fireChannelRead(NIOAny(bytes)) }
        self.held = []
        if self.hasEnded { context.close(promise: nil) }
    }
}

extension PostgresTarget {
    /// The shop of a test's database.
    static func shop(
        _ database: TestDatabase, classifications: [Classification] = ShopColumns.classified
    ) throws -> PostgresTarget {
        setenv("GLOVEBOX_TEST_READ_PASSWORD", ShopDatabase.readPassword, 1)
        setenv("GLOVEBOX_TEST_WRITE_PASSWORD", ShopDatabase.writePassword, 1)
        return PostgresTarget(
            name: try TargetName("shop-db"), address: .tcp(host: database.server.host, port: database.server.port),
            database: database.name, tls: .off,
            signIns: [
                .read: SignIn(user: ShopDatabase.readUser, credential: .environment("GLOVEBOX_TEST_READ_PASSWORD")),
                .write: SignIn(user: ShopDatabase.writeUser, credential: .environment("GLOVEBOX_TEST_WRITE_PASSWORD")),
            ],
            classifications: classifications)
    }
}

enum ShopColumns {
    static let classified = [
        Classification(table: "customers", column: "full_name", kind: Kind("person_name")),
        Classification(table: "customers", column: "date_of_birth", kind: Kind("date_of_birth")),
    ]
}
