import Glibc
import TestSupport
import Testing

/// Promise 6, with disks that fill up.
@Suite("No record, no access", .serialized, .timeLimit(.minutes(2)))
struct RecordTests {
    /// Statements that leave their number in the database, of about 10 kB each.
    private static func numbered(_ numbers: Range<Int>) -> String {
        let padding = String(repeating: "padding ", count: 1250)
        return numbers.map { "UPDATE orders SET item = '\($0)' WHERE id = 1 /* \(padding)*/;\n" }.joined()
    }

    /// The numbers of the statements on record, in the log's order.
    private static func recorded(_ lease: OpenedLease, _ person: Person) async throws -> [Int] {
        try await person.records(lease: lease, event: "statement").compactMap { record in
            let text = record.details["text"]?.string ?? ""
            return text.firstMatch(of: /^UPDATE orders SET item = '(\d+)'/).flatMap { Int($0.1) }
        }
    }

    @Test("an agent that can't write its journal ends its sessions, and no statement ran without its record")
    func journalFull() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let bystander = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        try await shop.limit(apart.agent, fileBytes: 400_000)
        let result = try await lease.psql(["-q"], input: Self.numbered(1..<200))
        #expect(result.status == 2)
        #expect(result.errors.contains("FATAL") && result.errors.contains("[journal_unavailable]"), "\(result.errors)")
        #expect(await bystander.finished(), "sessions that wait end too")
        #expect(bystander.errors.contains("[journal_unavailable]"), "\(bystander.errors)")
        try await shop.untilGone(lease)
        let refused = try await lease.psql(["-c", "SELECT 1"])
        #expect(refused.status == 2 && refused.errors.contains("[journal_unavailable]"), "\(refused.errors)")
        try await apart.agent.printed("journal")

        let ran = try #require(Int(try await shop.database.sql("SELECT item FROM orders WHERE id = 1")))
        #expect(ran > 5 && ran < 199)
        try await shop.limitNothing(apart.agent)
        try await apart.agent.printed("the journal can be written again")
        #expect(try await lease.rows("SELECT 1") == "1", "with room again the same lease serves, and nobody restarted")
        try await eventually(timeout: .seconds(30), "all records") {
            try await Self.recorded(lease, shop.admin).count >= ran
        }
        let recorded = try await Self.recorded(lease, shop.admin)
        #expect(recorded == Array(1...recorded.count), "each once, in order")
        #expect(recorded.count >= ran)
        // Both sessions that the failure ended have their receipts, and so does the one after.
        try await eventually(timeout: .seconds(30), "the receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count >= 3
        }
        #expect(try await shop.admin.records(lease: lease, event: "session_ended").count == 3)
        // Not for show: it survives a restart.
        await apart.kill(apart.agent)
        try apart.startAgent()
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 2") == "2")
        let again = try await Self.recorded(lease, shop.admin)
        #expect(again == recorded)
    }

    @Test("a gateway that can't write its log cuts all sessions and opens nothing; the agent's records aren't lost")
    func logFull() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        // The store's own files stay below this.
        try await shop.limit(apart.gateway, fileBytes: 1_500_000)
        let result = try await lease.psql(["-q"], input: Self.numbered(1..<3000))
        #expect(result.status == 2, "\(result.errors)")
        try await shop.untilGone(lease)
        let refused = try await shop.admin.tryLease("shop-db")
        #expect(refused.status == 1 && refused.errors.contains("[journal_unavailable]"), "\(refused.errors)")
        #expect(try await lease.psql(["-c", "SELECT 1"]).status == 2)
        let ran = try #require(Int(try await shop.database.sql("SELECT item FROM orders WHERE id = 1")))
        #expect(ran > 5 && ran < 2999)

        try await shop.limitNothing(apart.gateway)
        try await apart.gateway.printed("the log can be written again")
        // The agent was sent away while its records couldn't be stored.
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 1") == "1")
        try await eventually(timeout: .seconds(30), "all records") {
            try await Self.recorded(lease, shop.admin).count >= ran
        }
        let recorded = try await Self.recorded(lease, shop.admin)
        #expect(recorded == Array(1...recorded.count), "each once, in order")
    }

    /// Where a small disk of its own can be mounted: as root, in a name space of mounts of its own.
    private static let canMount: Bool = geteuid() == 0

    private static func mounting(_ folder: String) -> [String] {
        [
            "unshare", "--mount", "--", "sh", "-c", "mount -t tmpfs -o size=64m,mode=0700 tmpfs \"$0\" && exec \"$@\"",
            folder,
        ]
    }

    enum Disk: String, CaseIterable, Sendable {
        case journal, log
    }

    /// Elsewhere ``journalFull()`` and ``logFull()`` do the same by limits on files, and `AuditFilesTests` by ENOSPC at
    /// each step.
    @Test(
        "a full disk under journal or log refuses access and cuts sessions; with room again all goes on by itself",
        arguments: Disk.allCases)
    func diskFull(_ disk: Disk) async throws {
        guard Self.canMount else { return }
        let server = try await PostgresServer.shared()
        let apart = try await Apart(server: server, disk: disk == .journal ? .agent : .gateway, mounting: Self.mounting)
        let shop = apart.shop
        let victim = disk == .journal ? apart.agent : apart.gateway
        let folder =
            "/proc/\(victim.pid)/root"
            + (disk == .journal ? "\(shop.agentState)/agent/journal" : "\(shop.state)/gateway/log")
        let lease = try await shop.admin.openLease(capabilities: ["read", "write"])
        let bystander = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        // All that's left, but for what a file that's begun already has.
        let filler = "\(folder)/filler"
        _ = try await Subprocess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=64k"])
        let clock = ContinuousClock()
        let began = clock.now
        let result = try await lease.psql(["-q"], input: Self.numbered(1..<3000))
        #expect(result.status == 2, "\(result.errors)")
        let failed = clock.now
        #expect(await bystander.finished(), "sessions that wait end too")
        let waited = clock.now - failed
        #expect(waited < .seconds(5), "as is promised")
        print("disk of the \(disk) full: the last statement after \(failed - began), the bystander \(waited) later")
        try await shop.untilGone(lease)
        let refused = try await lease.psql(["-c", "SELECT 1"])
        #expect(refused.status == 2, "\(refused.errors)")
        let ran = try #require(Int(try await shop.database.sql("SELECT item FROM orders WHERE id = 1")))
        #expect(ran > 5 && ran < 2999)

        unlink(filler)
        try await victim.printed(disk == .journal ? "the journal can be written again" : "the log can be written again")
        try await shop.untilOnline()
        #expect(try await lease.rows("SELECT 1") == "1")
        try await eventually(timeout: .seconds(30), "all records") {
            try await Self.recorded(lease, shop.admin).count >= ran
        }
        let recorded = try await Self.recorded(lease, shop.admin)
        #expect(recorded == Array(1...recorded.count), "each once, in order")
        try await eventually(timeout: .seconds(30), "the receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count == 3
        }
    }
    /// The store's folder is a small disk, and the log in it another.
    private static func mountingStore(_ log: String) -> [String] {
        let mount = "mount -t tmpfs -o mode=0700,size"
        return [
            "unshare", "--mount", "--", "sh", "-c",
            "\(mount)=8m x \"$0\" && mkdir -m 700 \"$0/log\" && \(mount)=64m x \"$0/log\" && exec \"$@\"",
            String(log.dropLast("/log".count)),
        ]
    }

    @Test(
        "a full disk under the store: nothing opens, what's open ends, what ends is ended; with room again all is well"
    )
    func storeFull() async throws {
        guard Self.canMount else { return }
        let apart = try await Apart(disk: .gateway, mounting: Self.mountingStore)
        let shop = apart.shop
        let (lease, other) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        let clients = [try lease.start("SELECT 'before', pg_sleep(60)"), try other.start("SELECT pg_sleep(60)")]
        for one in [lease, other] { try await shop.untilRunning(one, "pg_sleep") }
        let filler = "/proc/\(apart.gateway.pid)/root\(shop.state)/gateway/filler"
        _ = try await Subprocess.run(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
        // There may be some room left in what its files have already.
        var refused: Subprocess.Result?
        for _ in 0..<200 where refused == nil {
            let tried = try await shop.admin.tryLease("shop-db")
            if tried.status != 0 { refused = tried }
        }
        let failed = ContinuousClock.now
        let words = refused?.errors ?? "leases open all the same"
        #expect(refused?.status == 4 && words.contains("is full: make room [unavailable]"), "\(words)")
        for client in clients {
            #expect(await client.finished())
            #expect(client.errors.contains("can't write its store") && client.errors.contains("[unavailable]"))
        }
        #expect(ContinuousClock.now - failed < .seconds(5), "as is promised")
        for one in [lease, other] { try await shop.untilGone(one) }
        // Whatever the API says to it, the lease has ended.
        _ = try await shop.admin.glovebox(["lease", "end", other.id])
        let late = try await other.psql(["-c", "SELECT 1"])
        #expect(late.status == 2 && late.errors.contains("[unauthenticated]"), "\(late.errors)")

        unlink(filler)
        try await eventually(timeout: .seconds(60), "a lease") { try await shop.admin.tryLease("shop-db").status == 0 }
        #expect(try await lease.rows("SELECT 'again'") == "again")
        // The end is stored as it's tried again.
        try await eventually(timeout: .seconds(60), "the end in the store") {
            try await shop.admin.lease(other.id).state == "ended"
        }
        #expect(try await shop.admin.records(lease: other, event: "lease_ended").count == 1)
        #expect(try await shop.admin.records(lease: lease, event: "lease_opened").count == 1)
        let texts = try await shop.admin.records(lease: lease, event: "statement").compactMap {
            $0.details["text"]?.string
        }
        #expect(texts == ["SELECT 'before', pg_sleep(60)", "SELECT 'again'"])
        try await eventually(timeout: .seconds(30), "the receipts") {
            try await shop.admin.records(lease: lease, event: "session_ended").count == 2
        }
    }
}
