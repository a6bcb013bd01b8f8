import GloveboxCore
import NIOCore
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

@Suite("Records, limits and the ends of sessions", .timeLimit(.minutes(2)))
struct SessionTests {
    let database: TestDatabase
    let target: PostgresTarget

    init() async throws {
        self.database = try await PostgresServer.shared().makeShop(customers: 100)
        try await self.database.sql("CREATE TABLE side (n int); GRANT SELECT, INSERT ON side TO glovebox_write")
        self.target = try .shop(self.database)
    }

    private func sideRows() async throws -> String {
        try await self.database.sql("SELECT count(*) FROM side")
    }

    /// What a session runs, rather than what it's prepared by.
    private static let sleeping = "%pg_sleep%"

    /// How many statements of sessions under leases run in the database.
    private func running(_ pattern: String = "%") async throws -> String {
        try await self.database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'glovebox/%' AND state = 'active' AND query LIKE '\(pattern)'"
        )
    }

    // MARK: Records

    @Test("a statement isn't forwarded before its record is durable", arguments: [false, true])
    func recordFirst(extended: Bool) async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            glovebox.journal.set(.holdingStatements)
            if extended {
                client.send(
                    .parse(.init(text: "INSERT INTO side VALUES ($1)")),
                    .bind(.init(parameters: [ByteBuffer(string: "7")])),
                    .execute(portal: "", maximumRows: 0), .sync)
            } else {
                client.send(.query("INSERT INTO side VALUES (7)"))
            }
            try await glovebox.journal.wait { $0.contains { $0.isStatement } }
            // A statement of another session's gets through PostgreSQL meanwhile; this one has not reached it.
            #expect(try await self.sideRows() == "0")
            #expect(try await self.running() == "0")
            glovebox.journal.release()
            _ = try await client.untilReady()
            #expect(try await self.sideRows() == "1")
            #expect(glovebox.journal.statements.last?.values == (extended ? ["7"] : []))
        }
    }

    @Test("a journal that fails ends the session, and what wasn't recorded isn't run")
    func journalFails() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            glovebox.journal.set(.failingStatements)
            let messages = try await client.query("INSERT INTO side VALUES (7)")
            #expect(messages.errors.first?.message.contains("[journal_unavailable]") == true)
            #expect(messages.errors.first?.sqlState == "58030")
            #expect(try await client.next() == nil)
            #expect(try await self.sideRows() == "0")
        }
    }

    @Test("statements and their values are recorded masked, and the receipt counts what passed")
    func records() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let output = try await glovebox.python(
                glovebox.lease(),
                """
                cursor = connection.execute("SELECT id, email FROM customers WHERE email <> %s AND id <= %s ORDER BY id",
                    ("ada@example.com", 5))
                print(len(cursor.fetchall()))
                """)
            #expect(output == "5")
            try await glovebox.journal.waitForReceipts()
            let statement = try #require(glovebox.journal.statements.first)
            #expect(statement.text == "SELECT id, email FROM customers WHERE email <> $1 AND id <= $2 ORDER BY id")
            #expect(
                statement.values.count == 2 && statement.values[0]?.hasPrefix("‹email:") == true
                    && statement.values[1] == "5")
            let (receipt, reason) = try #require(glovebox.journal.receipts.first)
            #expect(
                receipt.statements == 1 && receipt.rows == 5 && receipt.valuesMasked == ["email": 5]
                    && receipt.valuesSeen == 10)
            #expect(receipt.bytes > 100 && reason == "the client ended the session")
            let started = glovebox.journal.records.first
            #expect(started?.event.name == "session_started" && started?.identity?.rawValue == "ada")
        }
    }

    @Test("a function call is refused with an error, is recorded, and the session goes on")
    func functionCall() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            var call = ByteBuffer()
            call.writeMultipleIntegers(UInt32(1598), UInt16(0), UInt16(0), UInt16(0))
            client.send(.functionCall(call))
            #expect(try await client.untilReady().errors.first?.sqlState == "0A000")
            #expect(try await client.query("SELECT 2").rows == [["2"]])
            #expect(glovebox.journal.records.contains { $0.event.name == "statement_refused" })
        }
    }

    // MARK: Limits

    @Test("a lease's rows are counted over its sessions, and one row too many ends the session")
    func rows() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease(limits: Limits(rows: 10))
            let first = try await RawClient.signedIn(glovebox, lease)
            #expect(try await first.query("SELECT generate_series(1, 6)").rows.count == 6)
            let second = try await RawClient.signedIn(glovebox, lease)
            let messages = try await second.query("SELECT generate_series(1, 1000)")
            #expect(messages.rows.count == 4)
            #expect(messages.errors.first?.message.contains("[limit_reached]") == true)
            #expect(try await second.next() == nil)
            let third = try await glovebox.psql(lease, "SELECT 1")
            #expect(third.errors.contains("[limit_reached]"))
        }
    }

    @Test("a lease's bytes are counted in COPY data too")
    func bytes() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let result = try await glovebox.psql(
                glovebox.lease(limits: Limits(bytes: 20_000)),
                "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000)) TO STDOUT;")
            #expect(result.errors.contains("[limit_reached]"))
            #expect(result.output.utf8.count < 20_000)
        }
    }

    @Test(
        "a statement that runs for too long is cancelled by the database; one that switches that off ends the session")
    func seconds() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(limits: Limits(seconds: 1)))
            #expect(try await client.query("SELECT pg_sleep(60)").errors.first?.sqlState == "57014")
            _ = try await client.query("SET statement_timeout = 0")
            let messages = try await client.query("SELECT pg_sleep(60)")
            #expect(
                messages.errors.first?.isFatal == true
                    && messages.errors.first?.message.contains("[limit_reached]") == true)
            try await eventually { try await self.running() == "0" }
        }
    }

    @Test("no more sessions are open at once than the lease allows")
    func sessions() async throws {
        try await LoopbackGlovebox.run(target: self.target) { glovebox in
            let lease = glovebox.lease(limits: Limits(sessions: 1))
            let first = try await RawClient.signedIn(glovebox, lease)
            let second = try await glovebox.psql(lease, "SELECT 1")
            #expect(second.errors.contains("[limit_reached]"))
            await first.close()
            try await glovebox.journal.waitForReceipts()
            #expect(try await glovebox.psql(lease, "SELECT 1").output == "1\n")
        }
    }

    // MARK: Ends

    @Test(
        "the end of a lease tells its clients why, cuts them, and cancels what they run in the database; others go on",
        arguments: LoopbackGlovebox.Way.allCases)
    func leaseEnds(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let (lease, other) = (glovebox.lease(), glovebox.lease())
            let clients = [
                try await RawClient.signedIn(glovebox, lease), try await RawClient.signedIn(glovebox, lease),
            ]
            let spared = try await RawClient.signedIn(glovebox, other)
            for client in clients { client.send(.query("SELECT pg_sleep(600)")) }
            try await eventually { try await self.running(Self.sleeping) == "2" }
            let error = GloveboxError(.leaseNotActive, "the lease has ended: its time is up")
            glovebox.sessions.endLease(lease.grant.lease, error)
            glovebox.port.endLease(lease.grant.lease, error)
            for client in clients {
                let messages = try await client.untilReady()
                #expect(messages.errors.map(\.sqlState) == ["57P01"])
                #expect(messages.errors.first?.message == "the lease has ended: its time is up [lease_not_active]")
                try await client.channel.closeFuture.get()
            }
            try await eventually { try await self.running() == "0" }
            try await glovebox.journal.waitForReceipts(2)
            #expect(try await spared.query("SELECT 1").rows == [["1"]])
            #expect(glovebox.sessions.count == 1)
            try await eventually { glovebox.port.count == 1 && glovebox.decisions.closed == 2 }
        }
    }

    @Test(
        "a client that goes away in mid-statement leaves nothing running, and a receipt",
        arguments: LoopbackGlovebox.Way.allCases)
    func clientGoes(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            client.send(.query("SELECT pg_sleep(600)"))
            try await eventually { try await self.running(Self.sleeping) == "1" }
            await client.close()
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.receipts.first?.reason == "the client went away")
            try await eventually { try await self.running() == "0" }
            try await eventually { glovebox.sessions.count == 0 && glovebox.port.count == 0 }
        }
    }

    @Test(
        "Ctrl-C in psql cancels its own statement; a wrong key cancels nothing",
        arguments: LoopbackGlovebox.Way.allCases)
    func cancel(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let lease = glovebox.lease()
            let psql = try RunningProcess(
                glovebox.psqlArguments(lease), environment: glovebox.environment(lease.token),
                input: .open)
            try psql.write("SELECT pg_sleep(600);\n")
            try await eventually { try await self.running(Self.sleeping) == "1" }
            let stranger = try await RawClient(port: glovebox.portNumber)
            var request = ByteBuffer()
            InitialPacket.cancel(PostgresWire.CancelKey(processID: 1, secret: [1, 2, 3, 4])).write(into: &request)
            stranger.send(request)
            try await stranger.channel.closeFuture.get()
            #expect(try await self.running() == "1")
            psql.signal(2)
            try await psql.printed("canceling statement due to user request")
            // Nothing but the statement was cancelled: the session's connection was closed by psql.
            psql.closeInput()
            #expect(await psql.finished())
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.receipts.first?.reason == "the client ended the session")
            #expect(glovebox.journal.records.contains { $0.event == .cancelRequested })
        }
    }

    @Test(
        "garbage in a session ends it, and reaches no database",
        arguments: ["~~~~~~~~", "Q\u{0}\u{0}\u{0}\u{1}", "p\u{0}\u{0}\u{0}\u{5}\u{0}"],
        LoopbackGlovebox.Way.allCases)
    func garbage(_ bytes: String, _ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            client.send(ByteBuffer(string: bytes))
            let messages = try await client.untilReady()
            #expect(messages.errors.first?.message.contains("[protocol_violation]") == true)
            #expect(messages.errors.first?.sqlState == "08P01")
            #expect(try await client.next() == nil)
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.statements.isEmpty)
        }
    }

    @Test(
        "a client that goes away while its session is opened leaves none, and a receipt",
        arguments: LoopbackGlovebox.Way.allCases)
    func clientGoesEarly(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            glovebox.journal.set(.holding)
            let client = try await RawClient(port: glovebox.portNumber)
            let lease = glovebox.lease()
            let signingIn = Task { try await client.signIn(user: lease.user, token: lease.token) }
            // The session's first record is on its way.
            try await glovebox.journal.wait { !$0.isEmpty }
            await client.close()
            _ = try await signingIn.value
            try await eventually { glovebox.port.count == 0 }
            glovebox.journal.release()
            try await glovebox.journal.waitForReceipts()
            try await eventually { glovebox.sessions.count == 0 }
            #expect(glovebox.decisions.opened == 0)
        }
    }

    @Test("half a statement isn't run when the client goes", arguments: LoopbackGlovebox.Way.allCases)
    func halfMessage(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease(.write))
            var bytes = ByteBuffer()
            FrontendMessage.query("INSERT INTO side VALUES (7)").write(into: &bytes)
            client.send(bytes.getSlice(at: 0, length: bytes.readableBytes - 1) ?? ByteBuffer())
            await client.close()
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.statements.isEmpty)
            #expect(try await self.sideRows() == "0")
        }
    }

    @Test("a server that goes away is told to the client", arguments: LoopbackGlovebox.Way.allCases)
    func serverGoes(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            try await self.database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'glovebox/%'"
            )
            let messages = try await client.untilReady()
            #expect(messages.errors.first?.isFatal == true && messages.errors.first?.sqlState == "57P01")
            try await glovebox.journal.waitForReceipts()
            #expect(glovebox.journal.receipts.first?.reason == "the target closed the connection")
        }
    }

    @Test("a large result reaches a client that reads slowly, whole", arguments: LoopbackGlovebox.Way.allCases)
    func largeResult(_ way: LoopbackGlovebox.Way) async throws {
        try await LoopbackGlovebox.run(target: self.target, way: way) { glovebox in
            let result = try await glovebox.psql(
                glovebox.lease(), "SELECT repeat('y', 1000) FROM generate_series(1, 20000);",
                options: ["--output", "/dev/stdout"])
            #expect(result.output.utf8.count == 20_000 * 1001)
        }
    }
}
