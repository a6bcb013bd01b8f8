import Glibc
import TestSupport
import Testing

@Suite("Memory under load, in gateway and agent as processes of their own", .serialized, .timeLimit(.minutes(10)))
struct LoadTests {
    private static let bound = 64 << 20

    /// Runs `body` and gives how much the two processes have grown at most meanwhile.
    private func growth(_ apart: Apart, _ body: () async throws -> Void) async throws -> (gateway: Int, agent: Int) {
        let before = (try apart.gateway.residentBytes, try apart.agent.residentBytes)
        try apart.gateway.forgetPeak()
        try apart.agent.forgetPeak()
        try await body()
        let grown = (gateway: try apart.gateway.peakBytes - before.0, agent: try apart.agent.peakBytes - before.1)
        return grown
    }

    @Test("results of a gigabyte, a cell of 500 MB, COPY of 2 GB in and out and a reader that stops stay below 64 MB")
    func large() async throws {
        let apart = try await Apart()
        let lease = try await apart.shop.admin.openLease(capabilities: ["read", "write"])
        // Something of each kind has run before.
        let small = try await lease.python(
            """
            with connect() as connection:
                rows = sum(1 for _ in connection.cursor().stream("SELECT repeat('plain ', 1000) FROM generate_series(1, 1000)"))
                with connection.cursor().copy("COPY (SELECT repeat('words ', 10)) TO STDOUT") as copy:
                    size = sum(len(data) for data in copy)
                show([rows, size])
            """)
        #expect(try decode([Int].self, from: small) == [1000, 61])

        func check<Answer: Decodable & Equatable>(
            _ what: Comment, _ program: String, _ expected: Answer
        ) async throws {
            let grown = try await self.growth(apart) {
                let output = try await lease.python(program, timeout: .seconds(240))
                #expect(try decode(Answer.self, from: output) == expected, what)
            }
            #expect(grown.gateway < Self.bound, what)
            #expect(grown.agent < Self.bound, what)
        }
        try await check(
            "a result of 1 GB",
            """
            with connect() as connection:
                show(sum(len(row[0]) for row in connection.cursor(binary=True).stream(
                    "SELECT repeat('plain ', 2000) FROM generate_series(1, 89478)")))
            """, 89_478 * 12_000)
        for (what, sql) in [
            ("a text of 500 MB", "SELECT repeat('plain ', 83333334), 7"),
            ("a bytea of 250 MB, so 500 MB in hexadecimal", "SELECT convert_to(repeat('plain ', 41666667), 'UTF8'), 7"),
        ] {
            try await check(
                "\(what)",
                """
                with connect() as connection:
                    pgresult = connection.pgconn.exec_(b"\(sql)")
                    assert pgresult.get_value(0, 1) == b"7", pgresult.error_message
                    show(len(pgresult.get_value(0, 0)))
                """, what.hasPrefix("a text") ? 500_000_004 : 500_000_006)
        }
        try await check(
            "a classified text of 500 MB",
            """
            with connect() as connection:
                pgresult = connection.pgconn.exec_(b"SELECT repeat(full_name, 33333334), 7 FROM customers WHERE id = 1")
                assert pgresult.get_value(0, 1) == b"7", pgresult.error_message
                show(int(len(pgresult.get_value(0, 0)) < 100))
            """, 1)
        try await check(
            "a COPY of 2 GB",
            """
            with connect() as connection:
                with connection.cursor().copy(
                    "COPY (SELECT repeat('plain ', 2000) FROM generate_series(1, 178956)) TO STDOUT"
                ) as copy:
                    show(sum(len(data) for data in copy))
            """, 178_956 * 12_001)
        // The server takes all of it and keeps nothing.
        try await check(
            "a COPY of 2 GB in",
            """
            with connect() as connection:
                with connection.cursor() as cursor:
                    row = b"plain " * 2000 + b"\\n"
                    with cursor.copy("COPY orders (item) FROM STDIN WHERE false") as copy:
                        for _ in range(178956):
                            copy.write(row)
                    show([cursor.statusmessage])
            """, ["COPY 0"])
        try await check(
            "a COPY of a cell of 500 MB",
            """
            with connect() as connection:
                with connection.cursor().copy("COPY (SELECT 1, repeat('plain ', 83333334), 2) TO STDOUT") as copy:
                    show(int(sum(len(data) for data in copy) < 100))
            """, 1)
        let stalled = try await self.growth(apart) {
            let client = try lease.start("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 2000000)) TO STDOUT")
            let begun = await client.wait(timeout: .seconds(30)) { !$0.output.isEmpty || $0.finished }
            client.signal(SIGSTOP)
            #expect(begun)
            try await eventually(timeout: .seconds(30), "back pressure down to the database") {
                try await apart.shop.activity(of: lease, where: "wait_event = 'ClientWrite'") == 1
            }
            client.signal(SIGKILL)
        }
        #expect(stalled.gateway < Self.bound && stalled.agent < Self.bound)
    }

    @Test("1,000 sessions at once cost at most 200 KB each in each process; ending them leaves the agent connected")
    func many() async throws {
        let server = try await PostgresServer.start(settings: ["max_connections = 1100"])
        let apart = try await Apart(server: server)
        let warm = try await apart.shop.admin.openLease()
        let hold = """
            from concurrent.futures import ThreadPoolExecutor
            def session(_):
                connection = connect(sslmode="require")
                connection.execute("SELECT 1")
                return connection
            with ThreadPoolExecutor(16) as pool:
                connections = list(pool.map(session, range(COUNT)))
            print(len(connections), flush=True)
            """
        _ = try await warm.python(hold.replacingCount(64))
        let bystander = try warm.startPython(
            """
            connection = connect()
            show(connection.execute("SELECT 'there'").fetchone()[0])
            sys.stdin.readline()
            show(connection.execute("SELECT 'still there'").fetchone()[0])
            """)
        try await bystander.printed("there")
        let before = (try apart.gateway.residentBytes, try apart.agent.residentBytes)
        let lease = try await apart.shop.admin.openLease()
        let holder = try lease.startPython(
            hold.replacingCount(1000)
                + """

                sys.stdin.readline()
                ended = 0
                for connection in connections:
                    try:
                        connection.execute("SELECT 1")
                    except psycopg.OperationalError:
                        ended += 1
                print("ended", ended, flush=True)
                """)
        let opened = await holder.wait(timeout: .seconds(300)) { !$0.output.isEmpty || $0.finished }
        try #require(opened && holder.snapshot.status == nil, "\(holder.errors.suffix(2000))")
        #expect(try await apart.shop.activity(of: lease) == 1000)
        let each = (
            gateway: (try apart.gateway.residentBytes - before.0) / 1000,
            agent: (try apart.agent.residentBytes - before.1) / 1000
        )
        #expect(each.gateway <= 200_000 && each.agent <= 200_000)
        try await apart.shop.admin.endLease(lease)
        try await apart.shop.untilGone(lease)
        // All of them end, though not each is told why: the gateway doesn't wait for a thousand last words. Nobody else's
        // session does, and agent and gateway haven't lost each other.
        try holder.write("go\n")
        try await holder.printed("ended 1000", timeout: .seconds(60))
        try bystander.write("go\n")
        try await bystander.printed("still there")
        #expect(try await warm.rows("SELECT 1") == "1")
        #expect(try await apart.shop.admin.records(event: "agent_disconnected").isEmpty)
        for client in [holder, bystander] { #expect(await client.finished()) }
        try await server.stop()
    }

    @Test("memory returns after sessions that were cut in mid-result")
    func cut() async throws {
        let apart = try await Apart()
        let lease = try await apart.shop.admin.openLease()
        func cut(_ count: Int) async throws {
            let output = try await lease.python(
                """
                from concurrent.futures import ThreadPoolExecutor
                def session(_):
                    connection = connect(sslmode="require")
                    connection.pgconn.send_query(
                        b"SELECT repeat('plain ', 1000) FROM generate_series(1, 100000)")
                    select.select([connection.fileno()], [], [])
                    # Without a goodbye, and with data that nobody has read.
                    with socket.socket(fileno=os.dup(connection.fileno())) as cut:
                        cut.shutdown(socket.SHUT_RDWR)
                    connection.close()
                    return 1
                with ThreadPoolExecutor(16) as pool:
                    show(sum(pool.map(session, range(\(count)))))
                """, timeout: .seconds(500))
            #expect(try decode(Int.self, from: output) == count)
            try await apart.shop.untilGone(lease)
        }
        try await cut(300)
        let before = (try apart.gateway.residentBytes, try apart.agent.residentBytes)
        try await cut(Repository.runsAllTests ? 10_000 : 600)
        let grown = (
            gateway: try apart.gateway.residentBytes - before.0, agent: try apart.agent.residentBytes - before.1
        )
        #expect(grown.gateway < 16 << 20 && grown.agent < 16 << 20)
        #expect(try await lease.rows("SELECT 1") == "1")
    }
}

extension String {
    fileprivate func replacingCount(_ count: Int) -> String {
        self.split(separator: "COUNT", omittingEmptySubsequences: false).joined(separator: String(count))
    }
}
