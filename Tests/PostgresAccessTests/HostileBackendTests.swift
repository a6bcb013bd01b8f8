import Glibc
import GloveboxCore
import NIOCore
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

/// A target that breaks off, or says what it may not, at each message from its first to its last: the session ends in
/// words or goes on, nothing hangs, nothing raw passes, each session that began has its receipt.
@Suite("Targets that answer nonsense", .serialized, .timeLimit(.minutes(4)))
struct HostileBackendTests {
    private static func bytes(_ messages: BackendMessage...) -> [UInt8] {
        var buffer = ByteBuffer()
        for message in messages { message.write(into: &buffer) }
        return Array(buffer.readableBytesView)
    }

    /// A value that no client may see, as a target could slip it in.
    private static let secret = "erika.unseen@example.com"
    private static let row = [UInt8(ascii: "D"), 0, 0, 0, 38, 0, 2, 0, 0, 0, 1, 0x37, 0, 0, 0, 24] + Array(secret.utf8)

    private static func notices(_ count: Int) -> [UInt8] {
        let one = bytes(
            .noticeResponse(ErrorFields(severity: "NOTICE", sqlState: "00000", message: "look at \(secret)")))
        return [[UInt8]](repeating: one, count: count).flatMap { $0 }
    }

    private static func parameters(_ count: Int) -> [UInt8] {
        (0..<count).flatMap { bytes(.parameterStatus(name: "name_\($0 % 7)", value: "value \($0)")) }
    }

    static let acts: [Saboteur.Act] = [
        .close, .half, .reset, .twice,
        .replace("zeros", [UInt8](repeating: 0, count: 64)),
        .replace("noise", (0..<512).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }),
        .insert("an unknown kind", [0x01, 0, 0, 0, 4]),
        .insert("a length of 3", [UInt8(ascii: "D"), 0, 0, 0, 3]),
        .insert("a length of 2 GB", [UInt8(ascii: "D"), 0x7F, 0xFF, 0xFF, 0xFF]),
        .insert("a length below zero", [UInt8(ascii: "D"), 0xFF, 0xFF, 0xFF, 0xFF]),
        .insert("a row", row), .insert("a row that promises more", [UInt8(ascii: "D"), 0, 0, 0, 6, 0x7F, 0xFF]),
        .insert("AuthenticationOk", [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0]),
        .insert("a request for the password in the clear", [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 3]),
        .insert("ReadyForQuery", bytes(.readyForQuery(.idle))),
        .insert("ReadyForQuery of no status", [UInt8(ascii: "Z"), 0, 0, 0, 5, 0x21]),
        .insert("CommandComplete", bytes(.commandComplete("SELECT 1"))),
        .insert("ParseComplete", bytes(.parseComplete)),
        .insert("NoData", bytes(.noData)),
        .insert("COPY out", [UInt8(ascii: "H"), 0, 0, 0, 7, 0, 0, 0]),
        .insert("COPY data", [UInt8(ascii: "d"), 0, 0, 0, UInt8(4 + secret.utf8.count)] + Array(secret.utf8)),
        .insert("COPY both", [UInt8(ascii: "W"), 0, 0, 0, 7, 0, 0, 0]),
        .insert(
            "an error of an odd class",
            bytes(
                .errorResponse(
                    ErrorFields(severity: "ERROR", sqlState: "a\nb\"c", message: "look at \(secret)\nand here")))),
        .insert(
            "FATAL",
            bytes(
                .errorResponse(ErrorFields(severity: "FATAL", sqlState: "57P01", message: "look at \(secret)")))),
        .insert("2,000 notices", notices(2000)), .insert("2,000 parameters", parameters(2000)),
    ]

    /// Signs in and asks in each way; ends early where the connection does. Gives all that the client got.
    private static func talk(
        _ glovebox: LoopbackGlovebox, _ lease: TestLease
    ) async throws -> (frames: [Frame], isWhole: Bool) {
        let client = try await RawClient(port: glovebox.portNumber)
        var frames: [Frame] = []
        func untilReady() async throws -> Bool {
            while let frame = try await client.next() {
                frames.append(frame)
                if frame.kind == BackendMessage.Kind.readyForQuery.rawValue { return true }
            }
            return false
        }
        frames = try await client.signIn(user: lease.user, token: lease.token)
        guard frames.last?.kind == BackendMessage.Kind.readyForQuery.rawValue else { return (frames, false) }
        client.send(.query("SELECT id, full_name FROM customers ORDER BY id LIMIT 3"))
        guard try await untilReady() else { return (frames, false) }
        client.send(
            .parse(.init(text: "SELECT id, full_name FROM customers WHERE id < $1")),
            .bind(.init(parameters: [ByteBuffer(string: "3")])), .describe(.portal, ""),
            .execute(portal: "", maximumRows: 0), .sync)
        guard try await untilReady() else { return (frames, false) }
        client.send(.query("COPY (SELECT id, full_name FROM customers WHERE id < 3) TO STDOUT"))
        guard try await untilReady() else { return (frames, false) }
        client.send(.terminate)
        while let frame = try await client.next() { frames.append(frame) }
        return (frames, true)
    }

    @Test("at every message of a session, in every way", arguments: acts)
    func everyMessage(_ act: Saboteur.Act) async throws {
        let server = try await PostgresServer.shared()
        let database = try await server.makeShop(customers: 100)
        let names = try await database.sql("SELECT full_name FROM customers WHERE id < 4").split(separator: "\n").map(
            String.init)
        let saboteur = try await Saboteur.start(before: server)
        var target = try PostgresTarget.shop(database)
        target.address = .tcp(host: "127.0.0.1", port: saboteur.port)
        try await LoopbackGlovebox.run(target: target) { [target] glovebox in
            _ = target
            let lease = glovebox.lease()
            // The first one reads the catalogue; those after it don't.
            #expect(try await Self.talk(glovebox, lease).isWhole)
            #expect(try await Self.talk(glovebox, lease).isWhole)
            let messages = saboteur.seen.count
            #expect(messages > 40 && messages < 400, "\(messages)")
            var broken = 0
            // Sign-in, the end of the preparation and all of the session; what's between is rows of the preparation.
            let most = Array(0..<min(20, messages)) + Array(max(20, messages - 30)..<messages)
            // Another third for each act.
            let first = Self.acts.firstIndex { $0.testDescription == act.testDescription } ?? 0
            let places =
                Repository.runsAllTests
                ? most : most.enumerated().filter { ($0.offset + first) % 3 == 0 }.map(\.element)
            for place in places {
                saboteur.set(act, at: place)
                let (frames, isWhole) = try await Self.talk(glovebox, lease)
                let what: Comment = "message \(place) of \(messages)"
                if !isWhole {
                    broken += 1
                    // The last word is a FATAL error, in one line.
                    let last = try BackendMessage(#require(frames.last, what))
                    guard case .errorResponse(let fields) = last else {
                        Issue.record("\(what): it ended with \(last)")
                        continue
                    }
                    #expect(fields.severity == "FATAL" && !fields.message.contains("\n"), "\(place): \(fields.message)")
                }
                for frame in frames {
                    let bytes = Array(frame.bytes.readableBytesView)
                    for name in names + [Self.secret] {
                        #expect(!bytes.contains(Array(name.utf8)), "\(place): \(name)")
                    }
                }
            }
            saboteur.set(nil)
            try await eventually("the end of all sessions") { glovebox.sessions.count == 0 && glovebox.port.count == 0 }
            let started = glovebox.journal.records.count {
                if case .sessionStarted = $0.event { true } else { false }
            }
            try await glovebox.journal.waitForReceipts(started)
            #expect(glovebox.journal.receipts.count == started)
            #expect(!glovebox.journal.text.contains(Self.secret))
            #expect(try await Self.talk(glovebox, lease).isWhole, "an honest target serves again")
            if case .close = act { #expect(broken == places.count) }
        }
        try await saboteur.stop()
    }

    @Test("a target that changes its certificate is refused where it's verified; what is open goes on")
    func certificate() async throws {
        let server = try await PostgresServer.start()
        let database = try await server.makeShop(customers: 10)
        let folder = try TemporaryFolder()
        try writeFile(folder.file("old.crt"), try readFile(server.certificateFile))
        var target = try PostgresTarget.shop(database)
        target.tls = .verifyFull(certificateAuthority: folder.file("old.crt"), serverName: nil)
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let lease = glovebox.lease()
            let client = try await RawClient.signedIn(glovebox, lease)
            #expect(try await client.query("SELECT 1").rows == [["1"]])
            // Another key and certificate under the same names, as of somebody in between.
            try await Subprocess.check([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                folder.file("new.key"), "-out", folder.file("new.crt"),
            ])
            let place = server.certificateFile.dropLast("server.crt".count)
            // Written into the files that are there, which keeps their owner.
            try writeFile("\(place)server.key", try readFile(folder.file("new.key")))
            try writeFile("\(place)server.crt", try readFile(folder.file("new.crt")))
            try await server.sql("SELECT pg_reload_conf()")
            try await eventually("the refusal") {
                let refused = try await glovebox.psql(lease, "SELECT 1")
                return refused.errors.contains("[target_unreachable]")
                    && refused.errors.contains("TLS to 'shop-db' failed")
            }
            #expect(try await client.query("SELECT 2").rows == [["2"]])
            try writeFile(folder.file("old.crt"), try readFile(folder.file("new.crt")))
            #expect(try await glovebox.psql(lease, "SELECT 3").output == "3\n", "told of the new one, it's let in")
            await client.close()
        }
        try await server.stop()
    }

    @Test("a target that stops and starts again ends its sessions in words, and serves new ones")
    func restart() async throws {
        let server = try await PostgresServer.start()
        let database = try await server.makeShop(customers: 10)
        try await LoopbackGlovebox.run(target: try .shop(database)) { glovebox in
            let lease = glovebox.lease()
            let idle = try await RawClient.signedIn(glovebox, lease)
            let running = try await RawClient.signedIn(glovebox, lease)
            running.send(.query("SELECT pg_sleep(60)"))
            try await glovebox.journal.wait { $0.contains { $0.isStatement } }
            kill(try server.processID(), SIGQUIT)
            for client in [idle, running] {
                let last = try await client.untilReady().last
                guard case .errorResponse(let fields) = last else {
                    Issue.record("it ended with \(String(describing: last))")
                    continue
                }
                #expect(fields.severity == "FATAL" || fields.severity == "WARNING", "\(fields)")
            }
            let refused = try await glovebox.psql(lease, "SELECT 1")
            #expect(refused.status == 2 && refused.errors.contains("[target_unreachable]"), "\(refused.errors)")
            let again = try await server.startAgain()
            #expect(try await glovebox.psql(lease, "SELECT 1").output == "1\n")
            try await glovebox.journal.waitForReceipts(3)
            #expect(glovebox.journal.receipts.count == 3)
            await again.stop()
        }
        try await server.stop()
    }
}
