import Glibc
import TestSupport
import Testing

/// Wall clocks that are set wrong by a year while all runs, in real processes. (`LeasesTests` and
/// `GatewayTests/LeaseServiceTests` do the same by values, over restarts and reboots too.)
@Suite("Clocks set wrong by a year", .serialized, .timeLimit(.minutes(3)))
struct ClockTests {
    private static let oneYear: Int64 = 365 * 86_400

    @Test(
        "open sessions go on, a lease lasts as long as it was given, and its end still cuts",
        arguments: [oneYear, -oneYear])
    func wrong(by jump: Int64) async throws {
        let folder = try TemporaryFolder()
        let library = try await Fault.library(in: folder)
        let agentClock = try WrongClock("agent", library: library, in: folder)
        let gatewayClock = try WrongClock("gateway", library: library, in: folder)
        let apart = try await Apart(
            agentEnvironment: agentClock.environment, gatewayEnvironment: gatewayClock.environment)
        let shop = apart.shop
        let lease = try await shop.admin.openLease(for: "15m")
        let client = try lease.startPython(
            """
            connection = connect()
            show(connection.execute("SELECT 'before'").fetchone()[0])
            for line in sys.stdin:
                show(connection.execute(f"SELECT '{line.strip()}'").fetchone()[0])
            """)
        try await client.printed("before")
        // Each alone, then both.
        for (name, clocks) in [("agent", [agentClock]), ("both", [agentClock, gatewayClock])] {
            for clock in clocks { try clock.set(by: jump) }
            try client.write("\(name)\n")
            try await client.printed("\"\(name)\"")
        }
        // Certificates are judged by the wall clock: who is a year away isn't let in, and isn't harmed.
        let refused = try await shop.admin.glovebox(["whoami"])
        #expect(refused.status != 0)
        for clock in [agentClock, gatewayClock] { try clock.set(by: 0) }
        try await shop.untilOnline()
        let left = try await shop.admin.lease(lease.id)
        #expect(left.state == "active" && left.remaining > 0 && left.remaining <= 900)
        #expect(try await lease.rows("SELECT 'again'") == "again")
        for clock in [agentClock, gatewayClock] { try clock.set(by: jump) }
        try client.write("still\n")
        try await client.printed("\"still\"")
        try gatewayClock.set(by: 0)
        try await shop.admin.endLease(lease)
        try await shop.untilGone(lease)
        try agentClock.set(by: 0)
        try await shop.untilOnline()
        // Each statement once, in its order, whatever time stands beside it.
        _ = try await shop.admin.record(lease: lease, event: "session_ended")
        try await eventually(timeout: .seconds(30), "the records") {
            try await shop.admin.records(lease: lease, event: "statement").count == 5
        }
        let texts = try await shop.admin.records(lease: lease, event: "statement").compactMap {
            $0.details["text"]?.string
        }
        #expect(texts == ["before", "agent", "both", "again", "still"].map { "SELECT '\($0)'" })
    }
}
