import Glibc
import TestSupport
import Testing

/// Promise 8, with real processes: whoever saw the log once notices what's done to it afterwards.
@Suite("The audit log, seen from elsewhere", .serialized, .timeLimit(.minutes(3)))
struct AuditLogTests {
    private static func log(_ shop: Installation) -> String { "\(shop.state)/gateway/log" }

    private static func replace(_ folder: String, by copy: String) async throws {
        removeTree(folder)
        try await Subprocess.check(["cp", "-a", copy, folder])
    }

    /// A statement under a new lease, and a look at the log that has it.
    private static func work(_ shop: Installation, _ marker: String) async throws {
        let lease = try await shop.admin.openLease()
        #expect(try await lease.rows("SELECT '\(marker)'") == marker)
        _ = try await shop.admin.record(lease: lease, event: "session_ended")
    }

    @Test("a record is proven, the log exported, followed, and verified offline; a flipped byte is named")
    func auditor() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let following = try RunningProcess(
            [Repository.program, "audit", "follow", "--kind", "statement", "--json"],
            environment: shop.admin.environment)
        // It follows from when it's connected: what it shows of comes again until it does.
        try await eventually(timeout: .seconds(30), "a followed statement") {
            try await Self.work(shop, "followed")
            return following.output.contains("followed")
        }
        following.signal(SIGINT)
        _ = await following.finished()

        let statement = try #require(try await shop.admin.records(event: "statement").last)
        let proven = try await shop.admin.glovebox(["audit", "prove", statement.id])
        #expect(proven.succeeded && proven.output.contains("it holds"), "\(proven.errors)")
        for format in ["jsonl", "ocsf"] {
            let exported = try await shop.admin.glovebox(["audit", "export", "--format", format])
            #expect(exported.succeeded, "\(exported.errors)")
            let lines = exported.output.split(separator: "\n")
            #expect(lines.count >= 5 && lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
            #expect(format == "jsonl" || lines.contains { $0.contains("\"class_uid\":6005") })
        }
        let since = try await shop.admin.glovebox(["audit", "list", "--since", "2199-01-01T00:00:00Z", "--json"])
        #expect(since.output.filter { !$0.isWhitespace } == "[]")

        let checkpoint = try await shop.admin.glovebox(["audit", "checkpoint"])
        #expect(checkpoint.succeeded)
        let kept = try TemporaryFolder()
        try kept.write("checkpoint", checkpoint.output)
        await apart.gateway.stop()
        await apart.agent.stop()
        let (log, key) = (Self.log(shop), "\(shop.state)/gateway/log.pub")
        let verify = ["audit", "verify", log, "--key", key, "--checkpoint", kept.file("checkpoint")]
        let whole = try await shop.admin.glovebox(verify)
        #expect(whole.succeeded && whole.output.contains("all as they were signed for"), "\(whole.errors)")
        #expect(whole.errors.isEmpty)
        // On a terminal it says how far it is, and takes that away again.
        let watched = try await Subprocess.run(
            [
                "script", "--quiet", "--return", "/dev/null", "--command",
                ([Repository.program] + verify).joined(separator: " "),
            ], environment: shop.admin.environment.merging(["TERM": "xterm"]) { $1 })
        #expect(watched.output.contains(" (100 %) records checked\r\u{1B}[K"), "\(watched.output)")
        let bundle = try #require(filesUnder("\(log)/tile/entries").first)
        var bytes = try readFile(bundle)
        bytes[bytes.count / 2] ^= 1
        try writeFile(bundle, bytes)
        let damaged = try await shop.admin.glovebox(verify)
        #expect(damaged.status == 6 && damaged.errors.contains("record "), "\(damaged.errors)")
        #expect(damaged.errors.contains(bundle), "\(damaged.errors)")
        let start = try shop.launch("gateway")
        #expect(await start.finished())
        #expect(start.errors.contains("[journal_corrupt]"), "\(start.errors)")
    }

    @Test("a log rolled back, or forked by its own key's holder, is noticed by agent and command line")
    func rolledBack() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        try await Self.work(shop, "before")
        await apart.gateway.stop()
        let kept = try TemporaryFolder()
        try await Subprocess.check(["cp", "-a", Self.log(shop), kept.file("log")])
        try await apart.startGateway()
        try await shop.untilOnline()
        try await Self.work(shop, "after")
        try await eventually(timeout: .seconds(30), "the agent's look at it") {
            try await shop.admin.glovebox(["audit", "checkpoint"]).succeeded
        }
        await apart.gateway.stop()

        // The holder of the gateway's disk, and so of its key, takes back what was done after.
        try await Self.replace(Self.log(shop), by: kept.file("log"))
        try await apart.startGateway()
        try await apart.agent.printed("AUDIT LOG WAS ALTERED")
        let lease = try await shop.admin.openLease()
        let psql = try await lease.psql(["-c", "SELECT 1"])
        #expect(psql.status == 2 && psql.errors.contains("[log_"), "\(psql.errors)")
        // And goes on as if nothing had been: the log is longer soon than the one that was seen.
        for _ in 0..<20 { _ = try await shop.admin.tryLease("nope") }
        try await eventually(timeout: .seconds(30), "the command line's alarm") {
            let list = try await shop.admin.glovebox(["audit", "list"])
            return list.status == 6 && list.errors.contains("AUDIT LOG ALARM") && list.errors.contains("[log_forked]")
        }
        let accepting = try await shop.admin.glovebox(["agent", "accept-log", "--state", shop.agentState])
        #expect(accepting.status == 6, "the same log, altered, isn't accepted by anybody: \(accepting.errors)")
        let insisting = try await shop.admin.glovebox(["audit", "checkpoint", "--accept"])
        #expect(insisting.status == 6, "\(insisting.errors)")
    }

    @Test("a log under a new name is refused by the agent until a person on its host accepts it")
    func newName() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        try await Self.work(shop, "before")
        await apart.gateway.stop()
        let begun = try await shop.admin.glovebox(["gateway", "begin-log", "--state", shop.state])
        #expect(begun.succeeded, "\(begun.errors)")
        try await apart.startGateway()
        try await apart.agent.printed("AUDIT LOG WAS ALTERED OR REPLACED")
        let lease = try await shop.admin.openLease()
        let refused = try await lease.psql(["-c", "SELECT 1"])
        #expect(refused.status == 2 && refused.errors.contains("[log_replaced]"), "\(refused.errors)")
        #expect(try await shop.admin.glovebox(["audit", "list"]).status == 6)

        let accepted = try await shop.admin.glovebox(["agent", "accept-log", "--state", shop.agentState])
        #expect(accepted.succeeded, "\(accepted.errors)")
        #expect(try await shop.admin.glovebox(["audit", "checkpoint", "--accept"]).succeeded)
        // It goes on with the next checkpoint that it's shown.
        try await eventually(timeout: .seconds(30), "the agent's acceptance") {
            _ = try await shop.admin.tryLease("nope")
            return apart.agent.errors.contains("the gateway's log is accepted")
        }
        #expect(try await lease.rows("SELECT 1") == "1")
        _ = try await shop.admin.record(event: "log_begun")
    }
}
