import Glibc
import TestSupport
import Testing

/// Agent and gateway with a network between them that fails: promise 5 (within 10 s of losing each other) and promise 6.
@Suite("The tunnel cut, stalled and slow", .serialized, .timeLimit(.minutes(4)))
struct TunnelTests {
    /// Every statement of `lease` is on record once, in this order.
    private func check(_ shop: Installation, _ lease: OpenedLease, _ expected: [String]) async throws {
        try await eventually(timeout: .seconds(30), "the records") {
            try await shop.admin.records(lease: lease, event: "statement").count >= expected.count
        }
        let statements = try await shop.admin.records(lease: lease, event: "statement").compactMap {
            $0.details["text"]?.string
        }
        #expect(statements == expected)
        // All of them ended in order, since the agent lived.
        try await eventually(timeout: .seconds(30), "the receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count == expected.count
        }
        let all = try await shop.admin.records()
        #expect(Set(all.map(\.id)).count == all.count)
    }

    @Test(
        "a cut ends the sessions on both sides, in words; joined again, new ones open, and no record is lost or doubled"
    )
    func cut() async throws {
        let proxy = try await TunnelProxy.start()
        let apart = try await Apart(proxy: proxy)
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        var expected: [String] = []
        for round in 1...2 {
            let text = "SELECT 'round \(round)', pg_sleep(60)"
            let psql = try lease.start(text)
            try await shop.untilRunning(lease, "round \(round)")
            expected.append(text)
            proxy.set(.cut)
            #expect(await psql.finished(timeout: .seconds(30)))
            #expect(psql.errors.contains("FATAL") && psql.errors.contains("[agent_offline]"), "\(psql.errors)")
            try await shop.untilGone(lease)
            let refused = try await lease.psql(["-c", "SELECT 'not now'"])
            #expect(refused.status == 2 && refused.errors.contains("[agent_offline]"), "\(refused.errors)")
            proxy.set(.passing)
            try await shop.untilOnline()
            expected.append("SELECT 'joined \(round)'")
            #expect(try await lease.rows("SELECT 'joined \(round)'") == "joined \(round)")
        }
        #expect(apart.agent.snapshot.status == nil && apart.gateway.snapshot.status == nil)
        try await self.check(shop, lease, expected)
    }

    @Test("half-open connections are found by their silence: the sessions end on both sides, and the client is told")
    func stalled() async throws {
        let proxy = try await TunnelProxy.start()
        let apart = try await Apart(proxy: proxy)
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        proxy.set(.stalled)
        #expect(await psql.finished(timeout: .seconds(30)))
        #expect(psql.errors.contains("FATAL") && psql.errors.contains("[agent_offline]"), "\(psql.errors)")
        try await shop.untilGone(lease)
        // What the agent wrote down meanwhile reaches the log once they hear each other again.
        proxy.set(.passing)
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 'after'") == "after")
        try await self.check(shop, lease, ["SELECT pg_sleep(60)", "SELECT 'after'"])
    }

    @Test("a slow network is no lost one: sessions last, results arrive whole, and a lease's end still cuts")
    func slow() async throws {
        let proxy = try await TunnelProxy.start()
        let apart = try await Apart(proxy: proxy)
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let client = try lease.startPython(
            """
            connection = connect()
            print("READY")
            sys.stdin.readline()
            show(len(connection.execute("SELECT repeat('x', 12000)").fetchone()[0]))
            show(connection.execute("SELECT 1").fetchone()[0])
            connection.execute("SELECT repeat('y', 100000000)")
            """)
        try await client.printed("READY")
        proxy.set(.slow(2000))
        try client.write("go\n")
        // Longer than the silence after which a peer is dead.
        try await client.printed("12000\n1\n", timeout: .seconds(60))
        #expect(try await shop.admin.targets().contains { $0.name == "shop-db" && $0.isOnline })
        try await shop.untilRunning(lease, "repeat")
        try await shop.admin.endLease(lease)
        #expect(await client.finished(timeout: .seconds(30)))
        try await shop.untilGone(lease)
        #expect(apart.agent.errors.contains("lost the gateway") == false)
    }
}
