import Foundation
import Glibc
import TestSupport
import Testing

@Suite("A gateway's backup, and a gateway made of it", .serialized, .timeLimit(.minutes(3)))
struct BackupTests {
    private struct BackedUp: Decodable {
        var files: Int
        var records: Int
    }

    private struct Restored: Decodable {
        var records: Int
        var endedLeases: Int
    }

    private func backUp(_ shop: Installation, to name: String = "backup") async throws -> BackedUp {
        try await shop.admin.ask(BackedUp.self, "backup", "--state", shop.state, "--to", "\(shop.root)/\(name)")
    }

    /// The gateway's disk is lost: another folder takes the place of its state.
    private func restore(_ shop: Installation) async throws -> Restored {
        try #require(rename("\(shop.state)/gateway", "\(shop.root)/lost") == 0)
        return try await shop.admin.ask(
            Restored.self, "restore", "--from", "\(shop.root)/backup", "--state", shop.state)
    }

    @Test(
        "a backup of a busy gateway restores to one that knows the same, with its leases over and its agent's records whole"
    )
    func busy() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let before = try await shop.admin.records().map(\.id)
        let busy = try lease.startPython(
            """
            with connect() as connection:
                show("begun")
                for number in range(100000):
                    connection.execute(f"SELECT {number}")
                    if select.select([sys.stdin], [], [], 0)[0]:
                        break
                show("done")
            """)
        try await busy.printed("begun")
        for number in 0..<3 { _ = try await self.backUp(shop, to: "try-\(number)") }
        let backup = try await self.backUp(shop)
        #expect(backup.records >= before.count)
        // Nobody else can read the CA's key in it.
        for file in filesUnder("\(shop.root)/backup") where file.hasSuffix(".key") || file.hasSuffix(".sqlite") {
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o077 == 0, "\(file)")
        }
        #expect(!filesUnder("\(shop.root)/backup").contains { $0.hasSuffix("lock") || $0.hasSuffix("-wal") })

        // What comes after the backup: the gateway acknowledges it, and then is lost.
        try busy.write("\n")
        #expect(await busy.finished() && busy.output.contains("done"), "\(busy.errors)")
        for number in 0..<5 { #expect(try await lease.rows("SELECT 'late-\(number)'") == "late-\(number)") }
        let last = try await shop.admin.record(lease: lease, event: "statement") {
            $0.details["text"]?.string == "SELECT 'late-4'"
        }
        await apart.kill(apart.gateway)

        let restored = try await self.restore(shop)
        #expect(restored.records == backup.records && restored.endedLeases == 1)
        try await apart.startGateway()
        try await shop.untilOnline()
        // The log goes on under another name and key, which names the old one's last checkpoint; each who has seen the
        // old one has to say that it's right.
        let refused = try await shop.admin.tryLease("shop-db")
        if refused.succeeded {
            let lease = try decode(OpenedLease.self, from: refused.standardOutput)
            let psql = try await lease.psql(["-c", "SELECT 1"])
            #expect(psql.status == 2 && psql.errors.contains("[log_replaced]"), "\(psql.errors)")
            try await shop.admin.endLease(lease)
        }
        let accepted = try await shop.admin.glovebox(["agent", "accept-log", "--state", shop.agentState])
        #expect(accepted.status == 0, "\(accepted.errors)")
        let seen = try await shop.admin.glovebox(["audit", "checkpoint", "--accept"])
        #expect(seen.status == 0, "\(seen.errors)")
        let begun = try await shop.admin.record(event: "log_begun")
        #expect(begun.details["checkpoint"]?.string?.isEmpty == false)
        #expect(try await shop.admin.lease(lease.id).state == "ended")
        #expect(try await shop.admin.lease(lease.id).ended?.reason == "restored")
        #expect(try await lease.psql(["-c", "SELECT 1"]).status == 2)
        // The agent sends again what the restored log lacks; each record is there once.
        try await eventually(timeout: .seconds(30), "the agent's records") {
            try await shop.admin.records(event: "statement").contains { $0.id == last.id }
        }
        let after = try await shop.admin.records()
        #expect(Set(before).isSubset(of: after.map(\.id)))
        #expect(Set(after.map(\.id)).count == after.count)
        let numbers = after.compactMap { record in
            record.id.hasPrefix("agent/test:") ? Int(record.id.dropFirst("agent/test:".count)) : nil
        }
        #expect(numbers.sorted() == Array(1...(numbers.max() ?? 0)))
        #expect(after.contains { $0.event == "lease_ended" && $0.lease == lease.id })
        // It's a gateway like any other.
        let next = try await shop.admin.openLease()
        #expect(try await next.rows("SELECT 1") == "1")
    }

    @Test("a gateway that doesn't run is backed up as well, and its folder stays as it was")
    func stopped() async throws {
        let shop = try await Installation.make(customers: 200)
        await (try await shop.up()).stop()
        let files = filesUnder("\(shop.state)/gateway").sorted()
        let backup = try await self.backUp(shop)
        #expect(backup.records > 0)
        #expect(filesUnder("\(shop.state)/gateway").sorted() == files)
        let again = try await shop.admin.glovebox(
            ["backup", "--state", shop.state, "--to", "\(shop.root)/backup"])
        #expect(again.status == 1 && again.errors.contains("[conflict]"), "\(again.errors)")
        let taken = try await shop.admin.glovebox(
            ["restore", "--from", "\(shop.root)/backup", "--state", shop.state])
        #expect(taken.status == 1 && taken.errors.contains("[conflict]"), "\(taken.errors)")
        _ = try await self.restore(shop)
        let up = try await shop.up()
        #expect(try await shop.admin.glovebox(["whoami"]).status == 0)
        await up.stop()
    }

    @Test("a backup of which any file was changed, cut or lost is refused by name, and leaves nothing behind")
    func damaged() async throws {
        let shop = try await Installation.make(customers: 200)
        await (try await shop.up()).stop()
        _ = try await self.backUp(shop)
        let backup = "\(shop.root)/backup"
        try #require(rename("\(shop.state)/gateway", "\(shop.root)/lost") == 0)
        for file in filesUnder(backup) {
            let bytes = try readFile(file)
            let name = String(file.dropFirst(backup.count + 1))
            for damage in ["changed", "cut", "lost"] {
                switch damage {
                case "changed":
                    guard !bytes.isEmpty else { continue }
                    var other = bytes
                    other[bytes.count / 2] ^= 0x20
                    try writeFile(file, other)
                case "cut": try writeFile(file, Array(bytes.dropLast()))
                default: try #require(unlink(file) == 0)
                }
                let result = try await shop.admin.glovebox(["restore", "--from", backup, "--state", shop.state])
                // The manifest isn't in itself: a changed moment or a cut line break is no damage.
                if name != "backup.json" || damage == "lost" {
                    #expect(result.status == 1, "\(damage) \(name)")
                    #expect(
                        result.errors.contains("[backup_invalid]") && result.errors.contains(name), "\(result.errors)")
                    #expect(
                        !filesUnder(shop.state).contains { $0.contains("/gateway") && !$0.hasSuffix("gateway.yaml") })
                }
                if result.status == 0 { try await Subprocess.check(["rm", "-r", "\(shop.state)/gateway"]) }
                try writeFile(file, bytes)
            }
        }
        let whole = try await shop.admin.glovebox(["restore", "--from", backup, "--state", shop.state])
        #expect(whole.status == 0, "\(whole.errors)")
    }

    @Test("what isn't a gateway's folder, or isn't a backup, is told in one line")
    func nothing() async throws {
        let shop = try Installation(database: await PostgresServer.shared().makeDatabase())
        for (arguments, code) in [
            (["backup", "--state", shop.state, "--to", "\(shop.root)/b"], "not_found"),
            (["backup", "--state", "\(shop.root)/nowhere", "--to", "\(shop.root)/b"], "not_found"),
            (["restore", "--state", shop.state, "--from", "\(shop.root)/nowhere"], "backup_invalid"),
            (["restore", "--state", shop.state, "--from", shop.state], "backup_invalid"),
        ] {
            let result = try await shop.admin.glovebox(arguments)
            #expect(result.status == 1 && result.errors.hasSuffix("[\(code)]\n"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
        #expect(!filesUnder(shop.root).contains { $0.hasPrefix("\(shop.root)/b") })
    }
}

@Suite("glovebox doctor", .serialized, .timeLimit(.minutes(2)))
struct DoctorTests {
    private struct Finding: Decodable {
        var check: String
        var verdict: String
        var found: String
    }

    /// - Returns: the exit status, and what was found by check.
    private func doctor(_ person: Person, _ arguments: String...) async throws -> (Int32, [String: Finding]) {
        let result = try await person.glovebox(["doctor", "--json"] + arguments)
        let findings = try decode([Finding].self, from: result.standardOutput)
        return (result.status, Dictionary(findings.map { ($0.check, $0) }) { $1 })
    }

    @Test("where all is well it says so; each thing that isn't is named, with what to do, and fails it")
    func doctor() async throws {
        let shop = try await Installation.make(customers: 200)
        let up = try await shop.up()
        var (status, findings) = try await self.doctor(shop.admin, "--state", shop.state)
        #expect(status == 0)
        #expect(findings.values.filter { $0.verdict == "failed" }.map(\.found) == [])
        for check in [
            "gateway configuration", "gateway policy", "gateway store", "gateway CA", "gateway port for API",
            "agent configuration", "agent ceiling", "agent certificate", "agent's gateway", "target shop-db",
            "your certificate", "your gateway", "gateway health", "versions", "clocks",
        ] {
            #expect(findings[check]?.verdict == "ok", "\(check): \(findings[check]?.found ?? "not looked at")")
        }
        // A target that the ceiling doesn't name isn't served, which may be meant.
        #expect(findings["target unlisted"]?.verdict == "warning")
        let table = try await shop.admin.glovebox(["doctor"])
        #expect(table.status == 0 && table.output.contains("your gateway") && !table.output.contains("target shop-db"))

        await up.stop()
        try shop.write("policy.yaml", "version: 1\nrules: 7\n")
        try shop.write("agent.yaml", try shop.read("agent.yaml").replacing("read.password", with: "gone.password"))
        (status, findings) = try await self.doctor(shop.admin, "--state", shop.state)
        #expect(status == 1)
        #expect(findings["gateway policy"]?.verdict == "failed")
        #expect(findings["gateway policy"]?.found.contains("policy.yaml:2:") == true)
        #expect(findings["gateway port for API"]?.verdict == "warning")
        #expect(findings["your gateway"]?.verdict == "failed")
        #expect(findings["agent's gateway"]?.verdict == "failed")
        #expect(findings["target shop-db"]?.found.contains("can't be read") == true)

        // A store of a newer version, and a damaged one.
        let store = "\(shop.state)/gateway/store.sqlite"
        let bytes = try readFile(store)
        try writeFile(store, Array(bytes.prefix(50)))
        (status, findings) = try await self.doctor(shop.admin, "--state", shop.state)
        #expect(findings["gateway store"]?.verdict == "failed")
        #expect(findings["gateway store"]?.found.contains("[store_corrupt]") == true)
    }

    @Test("somebody who isn't signed in, and a folder that's no role's, are told what to do")
    func strangers() async throws {
        let shop = try Installation(database: await PostgresServer.shared().makeDatabase())
        let (status, findings) = try await self.doctor(shop.person("nobody"))
        #expect(status == 1 && findings["you"]?.found.contains("glovebox login") == true)
        let (other, found) = try await self.doctor(shop.person("nobody"), "--state", shop.root)
        #expect(other == 1 && found["state"]?.verdict == "failed")
    }
}
