import TestSupport
import Testing

/// Where gateway and agent are one process, a client's connection is the agent's own: one hop instead of two.
@Suite("The short way of 'glovebox up'", .timeLimit(.minutes(2)))
struct NearTests {
    /// How many connections of agents the gateway has.
    private func tunnelConnections(_ shop: Installation) throws -> Int {
        // Its own port, in hexadecimal, as the local one of an established connection.
        let port = String(shop.ports.tunnel, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - port.count) + port
        let table = String(decoding: try readFile("/proc/net/tcp"), as: UTF8.self)
        return table.split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1].hasSuffix(suffix) && fields[3] == "01"
        }
    }

    /// How many more there are while eight sessions are open.
    private func taken(_ shop: Installation) async throws -> Int {
        let lease = try await shop.admin.openLease()
        _ = try await lease.rows("SELECT 1")
        let before = try self.tunnelConnections(shop)
        let clients = try (0..<8).map { _ in try lease.start("SELECT pg_sleep(60)") }
        try await shop.untilRunning(lease, "pg_sleep", count: 8)
        let during = try self.tunnelConnections(shop)
        _ = try await shop.admin.endLease(lease)
        for client in clients {
            #expect(await client.finished())
            #expect(client.errors.contains("[lease_not_active]"), "\(client.errors)")
        }
        try await shop.untilGone(lease)
        return during - before
    }

    @Test("sessions take no connection of the tunnel's in one process, and one each in two; both end with their lease")
    func hops() async throws {
        let shop = try await Installation.make()
        let up = try await shop.up()
        #expect(try await self.taken(shop) == 0)
        _ = await up.stop()
        let apart = try await Apart()
        #expect(try await self.taken(apart.shop) >= 6)
    }
}
