import GloveboxCore
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

@Suite("Signing in at the gateway's PostgreSQL port", .timeLimit(.minutes(2)))
struct PostgresSignInTests {
    let target: PostgresTarget

    init() async throws {
        self.target = try .shop(await PostgresServer.shared().makeShop(customers: 100))
    }

    @Test("psql with sslmode=verify-full gets in with a lease's token, and is told nothing of the target's own sign-in")
    func overTLS() async throws {
        let folder = try TemporaryFolder()
        try await Subprocess.check([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder.file("key"), "-out",
            folder.file("crt"),
        ])
        let context = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(folder.file("crt")).map { .certificate($0) },
                privateKey: .privateKey(NIOSSLPrivateKey(file: folder.file("key"), format: .pem))))
        let configure = { (port: inout PostgresPort.Configuration) in
            port.tls = { context }
            port.allowsPlaintext = false
        }
        try await LoopbackGlovebox.run(target: self.target, configure: configure) { glovebox in
            let lease = glovebox.lease()
            let settings = "sslmode=verify-full sslrootcert=\(folder.file("crt"))"
            let result = try await glovebox.psql(lease, "SELECT 6 * 7; SHOW client_encoding;", settings: settings)
            #expect(result.output == "42\nUTF8\n", "\(result.errors)")
            let plain = try await glovebox.psql(lease, "SELECT 1")
            #expect(plain.status == 2)
            #expect(plain.errors.contains("this port speaks PostgreSQL over TLS only"))
        }
    }

    @Test("a wrong token, another lease's token, an unknown lease and a name of another form look the same on the wire")
    func refusalsLookTheSame() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let (lease, other) = (glovebox.lease(), glovebox.lease())
            var shapes: Set<[String]> = []
            for (user, token) in [
                (lease.user, Base32.random(length: 26)), (lease.user, other.token),
                ("shop-db.\(LeaseID.random())", lease.token),
                ("other-db.\(lease.grant.lease)", lease.token), ("postgres", "x"),
            ] {
                let client = try await RawClient(port: glovebox.portNumber)
                let frames = try await client.signIn(user: user, token: token)
                let last = try #require(frames.last)
                // Nonces and salts differ; everything else mustn't.
                shapes.insert(frames.map { "\($0.kind) \($0.bytes.readableBytes)" } + [String(buffer: last.bytes)])
            }
            #expect(shapes.count == 1, "\(shapes)")
            let codes = glovebox.decisions.refusals.map(\.code)
            #expect(
                codes == ["scram_wrong_password", "scram_wrong_password"]
                    + Array(repeating: "scram_unknown_user", count: 3))
            #expect(glovebox.sessions.count == 0)
        }
    }

    @Test("an unknown lease is asked with the same salt each time, as a known one is")
    func saltIsSteady() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            var salts: Set<String> = []
            for _ in 0..<2 {
                let client = try await RawClient(port: glovebox.portNumber)
                let frames = try await client.signIn(user: "shop-db.0123456789ab", token: "x")
                let challenge = try #require(frames.dropFirst().first.map { String(buffer: $0.body) })
                salts.insert(String(try #require(challenge.split(separator: ",").first { $0.hasPrefix("s=") })))
            }
            #expect(salts.count == 1)
        }
    }

    @Test("garbage and half a message get no further than the port")
    func garbage() async throws {
        let configure = { (port: inout PostgresPort.Configuration) in port.signInLimit = .milliseconds(300) }
        try await LoopbackGlovebox.run(target: self.target, configure: configure) {
            glovebox in
            for bytes in [
                "GET / HTTP/1.1\r\n\r\n", "\u{0}\u{0}\u{0}\u{8}\u{4}", "\u{0}", "",
                "\u{0}\u{0}\u{0}\u{9}\u{0}\u{3}\u{0}\u{0}\u{0}",
            ] {
                let client = try await RawClient(port: glovebox.portNumber)
                client.send(ByteBuffer(string: bytes))
                while try await client.next() != nil {}
                try await client.channel.closeFuture.get()
            }
            #expect(glovebox.decisions.opened == 0)
            #expect(try await glovebox.psql(glovebox.lease(), "SELECT 1").output == "1\n")
        }
    }

    @Test("no more connections wait for sign-in than allowed; sessions don't count")
    func unauthenticatedLimit() async throws {
        let configure = { (port: inout PostgresPort.Configuration) in port.unauthenticatedLimit = 2 }
        try await LoopbackGlovebox.run(target: self.target, configure: configure) { glovebox in
            let session = try await RawClient.signedIn(glovebox, glovebox.lease())
            let waiting = [
                try await RawClient(port: glovebox.portNumber), try await RawClient(port: glovebox.portNumber),
            ]
            // Both were taken in before the third is tried.
            for client in waiting {
                var request = ByteBuffer()
                InitialPacket.gssRequest.write(into: &request)
                client.send(request)
            }
            let third = try await RawClient(port: glovebox.portNumber)
            #expect(try await third.next() == nil)
            for client in waiting { await client.close() }
            #expect(try await session.query("SELECT 1").rows == [["1"]])
        }
    }

    @Test(
        "a refusal after sign-in is a proper error with its code",
        arguments: [
            (GloveboxError.Code.policyDenied, "28000"), (.agentOffline, "57P03"), (.limitReached, "53300"),
            (.unknownTarget, "28000"),
        ])
    func refusedSession(_ code: GloveboxError.Code, _ sqlState: String) async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            glovebox.decisions.refuse(GloveboxError(code, "this is why"))
            let client = try await RawClient(port: glovebox.portNumber)
            let lease = glovebox.lease()
            let frames = try await client.signIn(user: lease.user, token: lease.token)
            guard case .errorResponse(let fields)? = try frames.last.map({ try BackendMessage($0) }) else {
                Issue.record("no error came")
                return
            }
            #expect(fields.isFatal && fields.sqlState == sqlState && fields.message == "this is why [\(code)]")
            #expect(try await client.next() == nil)
        }
    }

    @Test("a client may name the target as its database, or none, but no other; and must speak UTF8")
    func startupParameters() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease()
            let settings = { (more: String) in "sslmode=disable \(more)" }
            #expect(try await glovebox.psql(lease, "SELECT 1", settings: settings("dbname=shop-db")).output == "1\n")
            let other = try await glovebox.psql(lease, "SELECT 1", settings: settings("dbname=postgres"))
            #expect(other.errors.contains("[invalid_argument]"))
            let encoding = try await glovebox.psql(lease, "SELECT 1", settings: settings("client_encoding=LATIN1"))
            #expect(encoding.errors.contains("sessions are in UTF8"))
            let zone = try await glovebox.psql(
                lease, "SHOW search_path; SHOW default_transaction_read_only; SHOW application_name",
                settings: settings("options='-c search_path=pg_temp -c default_transaction_read_only=off'"))
            #expect(zone.output == "\"$user\", public\non\nglovebox/\(lease.grant.lease)\n")
            #expect(zone.errors.contains("Glovebox doesn't pass these startup parameters on: 'options'"))
        }
    }

    @Test("a port that another program has is refused with what to do")
    func portTaken() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let error = await #expect(throws: GloveboxError.self) {
                try await PostgresPort.start(
                    .init(host: "127.0.0.1", port: glovebox.portNumber, tls: nil), decisions: glovebox.decisions,
                    on: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"), join: TestRelay.join)
            }
            #expect(error?.code == .portTaken)
        }
    }
}
