import Glibc
import TestSupport
import Testing

@Suite("A lease's end is the end of its sessions", .serialized, .timeLimit(.minutes(2)))
struct EndingTests {
    @Test("ending a lease tells the client why, and cancels what runs in the database")
    func ending() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        let ended = try await shop.admin.endLease(lease)
        #expect(ended.state == "ended" && ended.ended?.reason == "holder")
        #expect(await psql.finished(timeout: .seconds(20)))
        #expect(psql.result.status != 0)
        #expect(psql.errors.contains("FATAL") && psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        try await shop.untilGone(lease)
        let again = try await lease.psql(["-c", "SELECT 1"])
        #expect(again.status == 2 && again.errors.contains("[unauthenticated]"), "\(again.errors)")
        let session = try await shop.admin.record(lease: lease, event: "session_ended")
        #expect(session.details["reason"]?.string?.contains("lease_not_active") == true, "\(session)")
    }

    @Test("a lease whose time is up ends the same way, by itself")
    func expiry() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(for: "3s")
        let psql = try lease.start("SELECT pg_sleep(60)")
        #expect(await psql.finished(timeout: .seconds(30)))
        #expect(psql.result.status != 0)
        #expect(psql.errors.contains("FATAL") && psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        try await shop.untilGone(lease)
        let ended = try await shop.admin.record(lease: lease, event: "lease_ended")
        #expect(ended.details["reason"]?.string == "expired")
        #expect(try await shop.admin.lease(lease.id).state == "ended")
    }

    @Test("the gateway tells a client why where the agent doesn't in time, and what runs ends once it can")
    func slowAgent() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        apart.agent.signal(SIGSTOP)
        _ = try await shop.admin.endLease(lease)
        #expect(await psql.finished())
        #expect(psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        apart.agent.signal(SIGCONT)
        try await shop.untilGone(lease)
    }

    @Test("Ctrl-C in psql cancels its own query and no other's")
    func interrupt() async throws {
        let shop = try await SharedInstallation.get()
        let (one, other) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        let (mine, sibling, foreign) = (
            try one.start("SELECT pg_sleep(62)"), try one.start("SELECT pg_sleep(63)"),
            try other.start("SELECT pg_sleep(63)")
        )
        try await shop.untilRunning(one, "pg_sleep", count: 2)
        try await shop.untilRunning(other, "pg_sleep")
        mine.signal(SIGINT)
        #expect(await mine.finished(timeout: .seconds(20)))
        #expect(mine.errors.contains("canceling statement due to user request"), "\(mine.errors)")
        _ = try await shop.admin.record(lease: one, event: "cancel_requested")
        #expect(try await shop.activity(of: one, where: "state = 'active' AND query LIKE '%pg_sleep(63)%'") == 1)
        #expect(try await shop.activity(of: other, where: "state = 'active' AND query LIKE '%pg_sleep(63)%'") == 1)
        #expect(sibling.snapshot.status == nil && foreign.snapshot.status == nil)
        for lease in [one, other] { try await shop.admin.endLease(lease) }
        for process in [sibling, foreign] { #expect(await process.finished()) }
    }

    @Test("a cancel request with a key that's nobody's changes nothing")
    func foreignKey() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(64)")
        try await shop.untilRunning(lease, "pg_sleep")
        // CancelRequest: length 16, code 80877102, process, secret.
        for process: UInt8 in 0...8 {
            let attacker = try await RawConnection.open(port: shop.ports.postgres)
            try await attacker.send([0, 0, 0, 16, 0x04, 0xD2, 0x16, 0x2E, 0, 0, 0, process, 1, 2, 3, 4])
            try await attacker.untilClosed()
        }
        #expect(try await shop.activity(of: lease, where: "state = 'active'") == 1)
        #expect(psql.snapshot.status == nil)
        #expect(try await shop.admin.records(lease: lease, event: "cancel_requested").isEmpty)
        try await shop.admin.endLease(lease)
    }

    @Test("a client that goes away leaves nothing running in the database")
    func clientGone() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(65)")
        try await shop.untilRunning(lease, "pg_sleep")
        psql.signal(SIGKILL)
        try await shop.untilGone(lease)
        _ = try await shop.admin.record(lease: lease, event: "session_ended")
        try await shop.admin.endLease(lease)
    }

    @Test("a lease is extended within what its rule allows, and no further")
    func extending() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease(for: "1m")
        let longer = try await shop.admin.ask(LeaseView.self, "lease", "extend", lease.id, "--for", "20m")
        #expect(longer.remaining > 60 && longer.remaining <= 21 * 60)
        let refused = try await shop.admin.glovebox(["lease", "extend", lease.id, "--for", "2h"])
        #expect(refused.status == 3 && refused.errors.contains("[policy_denied]"), "\(refused.errors)")
        #expect(refused.errors.contains("oncall-reads"))
        #expect(try await lease.rows("SELECT 1") == "1")
        try await shop.admin.endLease(lease)
        let ended = try await shop.admin.glovebox(["lease", "extend", lease.id, "--for", "1m"])
        #expect(ended.status == 1 && ended.errors.contains("[lease_not_active]"), "\(ended.errors)")
    }

    @Test("'glovebox connect' tells its client that the gateway is gone, and goes on")
    func connectingWithoutGateway() async throws {
        let shop = try await Installation.make(customers: 200)
        let up = try await shop.up()
        let connected = try await ConnectedPort.open(shop.admin)
        #expect(try await connected.psql(["-c", "SELECT 1"]).status == 0)
        await up.stop()
        for _ in 0..<2 {
            let result = try await connected.psql(["-c", "SELECT 1"])
            #expect(result.status == 2)
            #expect(result.errors.contains("can't reach the gateway") && result.errors.contains("[unavailable]"))
        }
        connected.process.signal(SIGINT)
        #expect(await connected.process.finished())
        #expect(connected.process.errors.contains("stays open until its time is up"))
    }

    @Test("'glovebox connect' gives a plain port that ends with its lease, and the lease with it")
    func connecting() async throws {
        let shop = try await SharedInstallation.get()
        let connected = try await ConnectedPort.open(shop.admin)
        let answer = try await connected.psql(["-A", "-t", "-c", "SELECT email FROM customers WHERE id = 2"])
        #expect(isPseudonym(answer.line, of: "email"), "\(answer.errors)")
        let wrong = try await connected.psql(["-c", "SELECT 1"], password: "gbl_\(String(repeating: "0", count: 32))")
        #expect(wrong.status == 2 && wrong.errors.contains("[unauthenticated]"), "\(wrong.errors)")

        // Ended from elsewhere while a query runs: the client hears of it and its connection closes.
        let psql = try connected.start("SELECT pg_sleep(66)")
        try await eventually("a running query") {
            try await shop.database.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'glovebox/\(connected.id)' AND state = 'active'"
            ) == "1"
        }
        _ = try await shop.admin.ask(LeaseView.self, "lease", "end", connected.id)
        #expect(await psql.finished(timeout: .seconds(20)))
        #expect(psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        connected.process.signal(SIGINT)
        #expect(await connected.process.finished(timeout: .seconds(20)))

        // The other way round: the command's end is the lease's.
        let other = try await ConnectedPort.open(shop.admin)
        other.process.signal(SIGINT)
        #expect(await other.process.finished(timeout: .seconds(20)))
        #expect(try await shop.admin.lease(other.id).state == "ended")
    }
}
