import Glibc
import TestSupport
import Testing

@Suite("Many sessions at once", .serialized, .timeLimit(.minutes(2)))
struct ConcurrencyTests {
    @Test("sessions beyond the pool's size are dialled for, and each has its own results")
    func many() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let output = try await lease.python(
            """
            from concurrent.futures import ThreadPoolExecutor
            barrier = threading.Barrier(40)

            def session(number):
                with connect() as connection:
                    barrier.wait(30)
                    return connection.execute(
                        "SELECT %s, count(*), min(id) FROM customers WHERE id > %s", (number, number)).fetchone()

            with ThreadPoolExecutor(40) as pool:
                show([row == (n, 1000 - n, n + 1) for n, row in enumerate(pool.map(session, range(40)))])
            """)
        let all = try decode([Bool].self, from: output)
        #expect(all.count == 40 && all.allSatisfy { $0 })
        try await shop.admin.endLease(lease)
        try await shop.untilGone(lease)
    }

    @Test("a client that doesn't read what it asked for holds up nobody else, and its lease still ends")
    func stalled() async throws {
        let shop = try await SharedInstallation.get()
        let (slow, quick) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        let stalled = try slow.start("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 2000000)) TO STDOUT")
        let begun = await stalled.wait(timeout: .seconds(30)) { !$0.output.isEmpty || $0.finished }
        stalled.signal(SIGSTOP)
        #expect(begun && stalled.snapshot.status == nil)
        // The database is held up: it waits until somebody takes what it has to send.
        try await eventually(timeout: .seconds(30), "back pressure down to the database") {
            try await shop.activity(of: slow, where: "state = 'active' AND wait_event = 'ClientWrite'") == 1
        }
        for _ in 0..<5 {
            #expect(try await quick.rows("SELECT count(*) FROM customers") == "1000")
        }
        try await shop.admin.endLease(slow)
        try await shop.untilGone(slow)
        stalled.signal(SIGCONT)
        #expect(await stalled.finished())
        #expect(stalled.result.status != 0)
        try await shop.admin.endLease(quick)
    }
}
