import Glibc
import TestSupport
import Testing

/// Gateway and agent on hosts of their own, and the cable between them pulled.
@Suite("Two hosts that lose each other", .serialized, .timeLimit(.minutes(3)))
struct HostsTests {
    @Test(
        "packets vanish: both sides end the sessions, the agent ends a lease in its time, and no record is lost or doubled",
        .enabled(if: TwoHosts.canBeHad, "needs root and network namespaces"))
    func cut() async throws {
        let shop = try await Installation.make(customers: 200, apart: true)
        let hosts = try await TwoHosts.start(shop.ports, database: shop.database.server.port)
        let apart = try await Apart(shop, on: hosts)
        let (lease, short) = (try await shop.admin.openLease(), try await shop.admin.openLease(for: "20s"))
        let clients = [
            try lease.start("SELECT 'long', pg_sleep(60)"), try short.start("SELECT 'short', pg_sleep(60)"),
        ]
        for one in [lease, short] { try await shop.untilRunning(one, "pg_sleep") }

        try await hosts.cut()
        for client in clients {
            #expect(await client.finished(timeout: .seconds(30)))
            #expect(client.errors.contains("FATAL") && client.errors.contains("[agent_offline]"), "\(client.errors)")
        }
        // On the other side of the cut, where nobody can be asked: what ran is cancelled.
        for one in [lease, short] { try await shop.untilGone(one) }
        let refused = try await lease.psql(["-c", "SELECT 'not now'"])
        #expect(refused.status == 2 && refused.errors.contains("[agent_offline]"), "\(refused.errors)")
        try await eventually(timeout: .seconds(30), "the short lease's end") {
            try await shop.admin.lease(short.id).state == "ended"
        }
        #expect(apart.agent.snapshot.status == nil && apart.gateway.snapshot.status == nil)

        try await hosts.join()
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 'joined'") == "joined")
        let late = try await short.psql(["-c", "SELECT 'late'"])
        #expect(late.status == 2 && late.errors.contains("[unauthenticated]"), "\(late.errors)")
        for (one, texts) in [
            (lease, ["SELECT 'long', pg_sleep(60)", "SELECT 'joined'"]), (short, ["SELECT 'short', pg_sleep(60)"]),
        ] {
            try await eventually(timeout: .seconds(30), "the records") {
                try await shop.admin.records(lease: one, event: "session_ended").count == texts.count
            }
            let statements = try await shop.admin.records(lease: one, event: "statement").compactMap {
                $0.details["text"]?.string
            }
            #expect(statements == texts, "each once, in order")
        }
        await apart.kill(apart.agent)
        await apart.kill(apart.gateway)
        await hosts.stop()
    }
}
