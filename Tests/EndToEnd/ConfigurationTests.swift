import Glibc
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite("Starting with what's broken: told in one line, with the place and a code", .serialized, .timeLimit(.minutes(2)))
struct ConfigurationTests {
    private func make() async throws -> Installation {
        try Installation(database: await PostgresServer.shared().makeDatabase())
    }

    /// `glovebox ROLE` that can't start.
    private func failure(
        _ shop: Installation, _ code: String, role: String = "up", saying words: String...,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await shop.admin.glovebox([role, "--state", shop.state], timeout: .seconds(30))
        #expect(result.status == 1, sourceLocation: location)
        #expect(!result.output.contains("ready"), sourceLocation: location)
        let complaint = result.errors.split(separator: "\n").filter { $0.hasPrefix("glovebox: ") }
        #expect(complaint.count == 1, "\(result.errors)", sourceLocation: location)
        #expect(complaint.first?.hasSuffix("[\(code)]") == true, "\(result.errors)", sourceLocation: location)
        for word in words {
            #expect(complaint.first?.contains(word) == true, "\(result.errors)", sourceLocation: location)
        }
    }

    static let files = ["gateway.yaml", "policy.yaml", "agent.yaml", "ceiling.yaml"]

    @Test("an unknown key in a file is named with line and column", arguments: files)
    func unknownKey(file: String) async throws {
        let shop = try await self.make()
        let text = try shop.read(file)
        try shop.write(file, text + "nonsense: 1\n")
        let line = text.split(separator: "\n", omittingEmptySubsequences: false).count
        try await self.failure(shop, "configuration_invalid", saying: "\(file):\(line):1: ", "nonsense")
    }

    @Test("a pooling that there isn't is refused with line and column, and what there is")
    func pooling() async throws {
        let shop = try await self.make()
        let text = try shop.read("agent.yaml")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.hasSuffix("kind: postgres") }) + 1
        for value in ["statement", "[session]", "on"] {
            var changed = lines
            changed.insert("    pooling: \(value)", at: line)
            try shop.write("agent.yaml", changed.joined(separator: "\n"))
            try await self.failure(
                shop, "configuration_invalid",
                saying: "agent.yaml:\(line + 1):14: ", value == "[session]" ? "text" : "session or transaction")
        }
    }

    @Test("a file that's no YAML is refused with line and column", arguments: files)
    func noYAML(file: String) async throws {
        let shop = try await self.make()
        let text = try shop.read(file)
        try shop.write(file, text + "nonsense: [unclosed, {\n")
        let result = try await shop.admin.glovebox(["up", "--state", shop.state], timeout: .seconds(30))
        #expect(result.status == 1)
        #expect(
            result.errors.contains(#/(^|\n)glovebox: .*\.yaml:[0-9]+:[0-9]+: .*\[configuration_invalid\]\n/#),
            "\(result.errors)")
        #expect(result.errors.contains(file))
    }

    @Test("a file that isn't there is named", arguments: files)
    func missing(file: String) async throws {
        let shop = try await self.make()
        unlink("\(shop.state)/\(file)")
        let result = try await shop.admin.glovebox(["up", "--state", shop.state], timeout: .seconds(30))
        #expect(result.status == 1)
        #expect(result.errors.contains(file) && result.errors.hasSuffix("]\n"), "\(result.errors)")
    }

    @Test("two places to listen on that are the same are refused, with line and column")
    func samePort() async throws {
        let shop = try await self.make()
        let text = try shop.read("gateway.yaml")
        try shop.write(
            "gateway.yaml",
            text.replacing("tunnel: 127.0.0.1:\(shop.ports.tunnel)", with: "tunnel: 127.0.0.1:\(shop.ports.api)"))
        try await self.failure(
            shop, "configuration_invalid", saying: "gateway.yaml:", "'listen.api'", "'listen.tunnel'")
    }

    @Test("a port that another program has is named")
    func portTaken() async throws {
        let shop = try await self.make()
        for port in [shop.ports.api, shop.ports.postgres, shop.ports.tunnel] {
            let other = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .bind(host: "127.0.0.1", port: port).get()
            try await self.failure(shop, "port_taken", saying: "127.0.0.1:\(port)")
            try await other.close()
        }
    }

    @Test("a second gateway on the same folder is refused, and the first goes on")
    func locked() async throws {
        let shop = try await SharedInstallation.get()
        try await self.failure(shop, "store_locked", role: "gateway")
        try await self.failure(shop, "store_locked")
        #expect(try await shop.admin.glovebox(["whoami"]).status == 0)
    }

    @Test("a store that's damaged is refused, not repaired in silence")
    func corrupt() async throws {
        let shop = try await self.make()
        try shop.write("agent.yaml", try shop.read("agent.yaml"))
        let up = try await shop.up()
        await up.stop()
        let path = try #require(filesUnder(shop.state).first { $0.hasSuffix("store.sqlite") })
        let whole = try readFile(path)
        #expect(whole.count > 8192)
        var damaged = whole
        for index in 4096..<min(whole.count, 12_288) { damaged[index] = UInt8(truncatingIfNeeded: index &* 31) }
        try writeFile(path, damaged)
        try await self.failure(shop, "store_corrupt", role: "gateway", saying: "store.sqlite")
        #expect(try readFile(path)[4096..<8192] == damaged[4096..<8192], "what is damaged is left as it is")
        try writeFile(
            path, Array("no database at all, but a letter to a friend".utf8) + [UInt8](repeating: 10, count: 5000))
        let result = try await shop.admin.glovebox(["gateway", "--state", shop.state], timeout: .seconds(30))
        #expect(
            result.status == 1
                && (result.errors.contains("[store_corrupt]") || result.errors.contains("[store_foreign]")),
            "\(result.errors)")
        try writeFile(path, whole)
        await (try await shop.up()).stop()
    }

    @Test("a database that isn't there is told when somebody connects, and never keeps the rest from starting")
    func databaseGone() async throws {
        let shop = try await self.make()
        let port = try freePort()
        try shop.write(
            "agent.yaml",
            try shop.read("agent.yaml").replacing("port: \(shop.database.server.port)", with: "port: \(port)"))
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let result = try await lease.psql(["-c", "SELECT 1"])
        #expect(result.status == 2 && result.errors.contains("[target_unreachable]"), "\(result.errors)")
        await up.stop()
    }

    @Test("a classified column that the database doesn't have refuses the session, rather than mask nothing")
    func missingColumn() async throws {
        let shop = try await Installation.make(customers: 200)
        try await shop.database.sql("ALTER TABLE customers RENAME COLUMN full_name TO name")
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let result = try await lease.psql(["-c", "SELECT 1"])
        #expect(result.status == 2 && result.errors.contains("[configuration_invalid]"), "\(result.errors)")
        #expect(result.errors.contains("public.customers.full_name"))
        await up.stop()
    }
}

@Suite("Policy changes without a restart", .timeLimit(.minutes(2)))
struct PolicyTests {
    @Test("a broken policy is refused loudly and the last good one stays; the next good one judges open leases")
    func reload() async throws {
        let shop = try await Installation.make(customers: 200)
        let up = try await shop.up()
        let lease = try await shop.admin.openLease(for: "15m")
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")

        try shop.write(
            "policy.yaml",
            Configuration.policy.replacing(
                "capabilities: [read]\n    longest: 1h", with: "capabilities: [raed]\n    longest: 1h"))
        let refused = try await shop.admin.record(event: "policy_refused")
        let message = try #require(refused.details["message"]?.string)
        #expect(message.contains(#/policy\.yaml:[0-9]+:[0-9]+: /#) && message.contains("raed"), "\(message)")
        try await up.printed("raed")
        #expect(try await shop.admin.lease(lease.id).state == "active")
        let meanwhile = try await shop.admin.openLease()
        #expect(try await meanwhile.rows("SELECT 1") == "1")

        let loaded = try await shop.admin.records(event: "policy_loaded").count
        try shop.write("policy.yaml", Configuration.policy.replacing("longest: 1h", with: "longest: 20m"))
        try await eventually(timeout: .seconds(30), "the fixed policy") {
            try await shop.admin.records(event: "policy_loaded").count > loaded
        }
        let long = try await shop.admin.tryLease("shop-db", for: "40m")
        #expect(
            long.status == 3 && long.errors.contains("at most") && long.errors.contains("[policy_denied]"),
            "\(long.errors)"
        )
        #expect(try await shop.admin.lease(lease.id).state == "active")
        #expect(psql.snapshot.status == nil)

        try shop.write(
            "policy.yaml",
            Configuration.policy.replacing("targets: [shop-db, ", with: "targets: [").replacing(
                "[shop-db, read-only]", with: "[read-only]"))
        let ended = try await shop.admin.record(lease: lease, event: "lease_ended")
        #expect(ended.details["reason"]?.string == "policy")
        #expect(await psql.finished())
        #expect(psql.errors.contains("FATAL") && psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        try await shop.untilGone(lease)
        #expect(try await shop.admin.lease(meanwhile.id).state == "ended")
        #expect(try await shop.admin.tryLease("shop-db").errors.contains("[policy_denied]"))

        // A file that's gone for a moment isn't a policy that allows nothing.
        unlink("\(shop.state)/policy.yaml")
        try await eventually(timeout: .seconds(30), "a complaint about the missing file") {
            try await shop.admin.records(event: "policy_refused").count == 2
        }
        #expect(try await shop.admin.tryLease("few-rows").status == 0)
        await up.stop()
    }
}
