import Glibc
import TestSupport
import Testing

@Suite("Gateway and agent apart: killed, frozen, started again", .serialized, .timeLimit(.minutes(3)))
struct RestartTests {
    @Test("while its agent is away a target can't be reached, and then it can again")
    func agentOffline() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        await apart.agent.stop()
        try await eventually(timeout: .seconds(30), "the agent's absence") {
            try await shop.admin.targets().contains { $0.name == "shop-db" && !$0.isOnline }
        }
        let opening = try await shop.admin.tryLease("shop-db")
        #expect(opening.status == 4 && opening.errors.hasSuffix("[agent_offline]\n"), "\(opening.errors)")
        let psql = try await lease.psql(["-c", "SELECT 1"])
        #expect(
            psql.status == 2 && psql.errors.contains("FATAL") && psql.errors.contains("[agent_offline]"),
            "\(psql.errors)")
        try apart.startAgent()
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 1") == "1")
    }

    @Test("a killed gateway's sessions are cut, its leases are kept, and each statement is on record once")
    func gatewayKilled() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let (lease, ended) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        try await shop.admin.endLease(ended)
        for number in 0..<10 { #expect(try await lease.rows("SELECT 'marker-\(number)'") == "marker-\(number)") }
        // One that goes on running statements, and is in the middle of one when the gateway dies.
        let busy = try lease.start(
            "SELECT pg_sleep(0)" + (10..<30).map { ";SELECT 'marker-\($0)'" }.joined() + ";SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep(60)")
        await apart.kill(apart.gateway)
        #expect(await busy.finished(timeout: .seconds(30)))
        #expect(busy.result.status != 0)
        try await shop.untilGone(lease)

        try await apart.startGateway()
        try await shop.untilOnline()
        #expect(try await shop.admin.lease(lease.id).state == "active")
        #expect(try await shop.admin.lease(ended.id).state == "ended")
        #expect(try await lease.rows("SELECT 'marker-after'") == "marker-after")
        #expect(try await ended.psql(["-c", "SELECT 1"]).status == 2)
        try await shop.admin.endLease(lease)
        try await eventually(timeout: .seconds(30), "all receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count == 12
        }
        let statements = try await shop.admin.records(lease: lease, event: "statement").compactMap {
            $0.details["text"]?.string
        }
        for number in 0..<10 { #expect(statements.filter { $0 == "SELECT 'marker-\(number)'" }.count == 1) }
        #expect(statements.filter { $0.hasPrefix("SELECT pg_sleep(0)") }.count == 1)
        #expect(statements.filter { $0 == "SELECT 'marker-after'" }.count == 1)
        #expect(statements.count == 12)
        let all = try await shop.admin.records()
        #expect(Set(all.map(\.id)).count == all.count)
    }

    @Test("a killed agent's sessions are cut, it serves again, and what its journal held arrives once")
    func agentKilled() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT 'before', pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        await apart.kill(apart.agent)
        #expect(await psql.finished(timeout: .seconds(30)))
        #expect(psql.result.status != 0)
        // Its database notices by itself that nobody is there any more.
        try await shop.untilGone(lease)
        try apart.startAgent()
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 'after'") == "after")

        // Now both die, the gateway first: the agent writes of the session's end what only its journal can keep.
        let second = try lease.start("SELECT 'second', pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        await apart.kill(apart.gateway)
        #expect(await second.finished(timeout: .seconds(30)))
        try await shop.untilGone(lease)
        await apart.kill(apart.agent)
        try await apart.startGateway()
        #expect(try await shop.admin.records(lease: lease, event: "session_ended").count <= 2)
        try apart.startAgent()
        try await shop.untilOnline()
        // The first session died with its agent, which could write no receipt; the other two have theirs.
        try await eventually(timeout: .seconds(30), "the receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count >= 2
        }
        let statements = try await shop.admin.records(lease: lease, event: "statement").compactMap {
            $0.details["text"]?.string
        }
        #expect(statements == ["SELECT 'before', pg_sleep(60)", "SELECT 'after'", "SELECT 'second', pg_sleep(60)"])
        let all = try await shop.admin.records()
        #expect(Set(all.map(\.id)).count == all.count)
    }

    @Test("a peer that's frozen is dead: its sessions end at the other side, and it serves again once it thaws")
    func frozen() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let one = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        apart.agent.signal(SIGSTOP)
        #expect(await one.finished(timeout: .seconds(30)), "the client's session ends though its agent says nothing")
        #expect(one.result.status != 0)
        apart.agent.signal(SIGCONT)
        try await shop.untilGone(lease)
        try await shop.untilOnline()

        let two = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        apart.gateway.signal(SIGSTOP)
        try await shop.untilGone(lease)
        apart.gateway.signal(SIGCONT)
        #expect(await two.finished(timeout: .seconds(30)))
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 1") == "1")
    }

    @Test("SIGTERM ends gateway and agent in order, with status 0 and no session left")
    func stopping() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        #expect(await apart.agent.stop(grace: .seconds(20)).status == 0)
        #expect(await psql.finished(timeout: .seconds(30)))
        #expect(psql.result.status != 0)
        try await shop.untilGone(lease)
        #expect(await apart.gateway.stop(grace: .seconds(20)).status == 0)
        // The end of the session has reached the log before the agent left, or does after it's back.
        try await apart.startGateway()
        try apart.startAgent()
        _ = try await shop.admin.record(lease: lease, event: "session_ended")
        #expect(try await shop.admin.lease(lease.id).state == "active")
        try await shop.untilOnline()
        // The other order: the gateway first.
        let again = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        #expect(await apart.gateway.stop(grace: .seconds(20)).status == 0)
        #expect(await again.finished(timeout: .seconds(30)))
        try await shop.untilGone(lease)
        #expect(await apart.agent.stop(grace: .seconds(20)).status == 0)
    }
    @Test("`up` stops its agent before its gateway: the last receipt is in the log, and nothing complains")
    func stoppingUp() async throws {
        let shop = try await Installation.make(customers: 200)
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        let result = await up.stop(grace: .seconds(20))
        #expect(result.status == 0)
        let complaints = result.errors.split(separator: "\n").filter {
            $0.contains(" error ") || $0.contains(" warning ") && !$0.contains("isn't in the ceiling")
        }
        #expect(complaints == [])
        #expect(await psql.finished(timeout: .seconds(30)))
        try await shop.untilGone(lease)
        // A gateway without an agent has only what was sent before.
        let gateway = try await shop.start("gateway")
        #expect(try await shop.admin.records(lease: lease, event: "session_ended").count == 1)
        await gateway.stop()
    }
}
