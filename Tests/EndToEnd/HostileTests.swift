import Glibc
import TestSupport
import Testing

@Suite("Garbage and half messages on each port", .serialized, .timeLimit(.minutes(2)))
struct HostileTests {
    enum Port: CaseIterable, Sendable {
        case api, postgres, tunnel

        func number(_ shop: Installation) -> Int {
            switch self {
            case .api: shop.ports.api
            case .postgres: shop.ports.postgres
            case .tunnel: shop.ports.tunnel
            }
        }
    }

    /// What somebody might send who isn't a client.
    static let openings: [[UInt8]] = [
        [],
        Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
        (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) },
        [UInt8](repeating: 0xFF, count: 70_000),
        [UInt8](repeating: 0, count: 70_000),
        // The first half of a ClientHello.
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, 0x11, 0x22],
        // SSLRequest, and plain text behind it where a handshake is due (CVE-2021-23222's kind).
        [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F] + Array("no handshake".utf8),
        // A start-up packet that says it's 2 GB long, one that's too short, one without its end.
        [0x7F, 0xFF, 0xFF, 0xFF, 0, 3, 0, 0], [0, 0, 0, 3, 0, 3, 0, 0],
        [0, 0, 0, 40, 0, 3, 0, 0] + Array("user\0sh".utf8),
    ]

    @Test("the gateway closes what it can't understand, and goes on serving", arguments: Port.allCases)
    func garbage(port: Port) async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        for opening in Self.openings {
            let attacker = try await RawConnection.open(port: port.number(shop))
            // It may close before all is sent, which is as good.
            try? await attacker.send(opening)
            try? await attacker.finishSending()
            try await attacker.untilClosed()
            #expect(attacker.received.count < 4096)
        }
        // Those that hang about don't keep anybody out.
        var idle: [RawConnection] = []
        for _ in 0..<40 { idle.append(try await RawConnection.open(port: port.number(shop))) }
        #expect(try await shop.admin.glovebox(["whoami"]).status == 0)
        #expect(try await lease.rows("SELECT 1") == "1")
        for connection in idle { await connection.close() }
        try await shop.admin.endLease(lease)
    }

    /// What a signed-in client might send. In Python, since it's written to psycopg's socket behind its back. Short enough to
    /// be read in one go: bytes that meet a closed socket are answered with a reset, which may overtake the last word.
    static let messages = [
        ("an unknown kind of message", #"b"\x01\x00\x00\x00\x04""#),
        ("a length below its own", #"b"Q\x00\x00\x00\x03""#),
        ("a length of 2 GB", #"b"Q\x7f\xff\xff\xffSELECT""#),
        ("a query without its end", #"b"Q\x00\x00\x00\x08SELE""#),
        ("a bind that promises more than it has", #"b"B\x00\x00\x00\x0c\x00\x00\x00\x00\x7f\xff\x00\x00""#),
        ("a password where none is due", #"b"p\x00\x00\x00\x08abc\x00""#),
        ("rubbish", #"bytes(range(256)) * 4"#),
    ]

    @Test("a message that breaks the protocol ends its session with FATAL, and no other", arguments: messages)
    func brokenMessage(name: String, bytes: String) async throws {
        let shop = try await SharedInstallation.get()
        let connected = try await ConnectedPort.open(shop.admin)
        let output = try await connected.python(
            """
            with connect() as bystander:
                connection = connect()
                os.write(connection.pgconn.socket, \(bytes))
                answer = b""
                while True:
                    ready, _, _ = select.select([connection.pgconn.socket], [], [], 20)
                    try:
                        piece = os.read(connection.pgconn.socket, 65536) if ready else None
                    except BlockingIOError:
                        continue
                    if not piece:
                        break
                    answer += piece
                show(ready != [])
                show(answer.decode("utf-8", "replace"))
                show(bystander.execute("SELECT 1").fetchone()[0])
            """)
        let lines = output.split(separator: "\n")
        try #require(lines.count == 3, "\(output)")
        #expect(lines[0] == "true", "the connection is closed")
        let answer = try decode(String.self, from: lines[1])
        #expect(answer.contains("FATAL") && answer.contains("[protocol_violation]"), "\(name): \(answer)")
        #expect(lines[2] == "1")
        connected.process.signal(SIGINT)
        #expect(await connected.process.finished())
        #expect(
            try await shop.database.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'glovebox/\(connected.id)'") == "0")
    }

    @Test("half a message, and then nothing, keeps nobody else out")
    func halfMessage() async throws {
        let shop = try await SharedInstallation.get()
        let connected = try await ConnectedPort.open(shop.admin)
        let output = try await connected.python(
            """
            half = [connect() for _ in range(5)]
            for connection in half:
                os.write(connection.pgconn.socket, b"Q\\x00\\x00\\x01\\x00SELECT")
            with connect() as connection:
                show(connection.execute("SELECT 1").fetchone()[0])
            """)
        #expect(output == "1")
        connected.process.signal(SIGINT)
        #expect(await connected.process.finished())
    }
}
