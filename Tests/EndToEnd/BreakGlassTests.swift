import TestSupport
import Testing

/// A disk that's really full: the gateway's folder is a small file system of its own, in a mount namespace of the
/// process.
@Suite("Break-glass on a full disk", .serialized, .timeLimit(.minutes(3)))
struct BreakGlassTests {
    @Test("the room that's kept serves break-glass alone, until there's room for everybody again; nothing is lost")
    func fullDisk() async throws {
        let shop = try await Installation.make()
        try shop.write("policy.yaml", ApprovalTests.policy)
        let folder = "\(shop.state)/gateway"
        let gateway = try await shop.start(
            "up",
            prefix: [
                "unshare", "--map-root-user", "--mount", "sh", "-ec",
                "mkdir -p '\(folder)'; mount -t tmpfs -o size=40m none '\(folder)'; exec \"$@\"", "sh",
            ])
        let mia = try await shop.join("mia", "member")
        let lea = try await shop.join("lea", "approver")
        let asked = try await ApprovalTests.ask(mia)
        _ = try await lea.ask(ApprovalView.self, "approval", "grant", asked.id)
        let ordinary = try await ApprovalTests.claim(asked, by: mia)
        #expect(try await ordinary.rows("SELECT 1") == "1")

        let filler = "/proc/\(gateway.pid)/root\(folder)/filler"
        // It fails, having written all that there was room for.
        _ = try await Subprocess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=64k"])
        let command = ["lease", "open", "shop-db", "--for", "5m", "--reason", "INC-9", "--break-glass", "--json"]
        let result = try await mia.glovebox(command)
        #expect(result.succeeded, "\(result.errors)")
        let lease = try decode(OpenedLease.self, from: result.standardOutput)
        #expect(try await lease.rows("SELECT 1") == "1")
        #expect(gateway.errors.contains("the room that's kept for it is given up"))

        let refused = try await ordinary.psql(["-c", "SELECT 1"])
        #expect(refused.status == 2, "\(refused.errors)")
        let waits = try await mia.glovebox(["lease", "open", "shop-db", "--for", "5m", "--reason", "x", "--no-wait"])
        #expect(waits.errors.contains("break-glass alone"), "\(waits.errors)")

        _ = try await Subprocess.run(["rm", filler])
        try await eventually(timeout: .seconds(60), "room for everybody") {
            try await ordinary.psql(["-c", "SELECT 1"]).succeeded
        }
        let events = try await shop.admin.records().map(\.event)
        #expect(events.count { $0 == "break_glass_opened" } >= 1)
        let open = try await lea.ask([ApprovalView].self, "approval", "list", "--unreviewed")
        #expect(open.contains { $0.opened == lease.id })
        await gateway.stop()
    }
}
