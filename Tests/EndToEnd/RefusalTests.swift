import Glibc
import TestSupport
import Testing

@Suite("Refusals: a line that says what to do, a stable code, and nothing leaked", .serialized, .timeLimit(.minutes(2)))
struct RefusalTests {
    /// psql that is refused: FATAL, the code, and no token in sight.
    private func expectFatal(
        _ result: Subprocess.Result, _ code: String, saying words: String..., of lease: OpenedLease,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == 2, sourceLocation: location)
        #expect(result.output == "", sourceLocation: location)
        #expect(result.errors.contains("FATAL:  "), "\(result.errors)", sourceLocation: location)
        #expect(result.errors.contains("[\(code)]"), "\(result.errors)", sourceLocation: location)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: location) }
        #expect(!result.errors.contains(lease.token), sourceLocation: location)
    }

    /// A command that is refused: one line on standard error with the code at its end, nothing on standard output.
    private func expectRefused(
        _ result: Subprocess.Result, _ code: String, status: Int32, saying words: String...,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.errors)", sourceLocation: location)
        #expect(result.output == "", sourceLocation: location)
        #expect(result.errors.hasPrefix("glovebox: "), "\(result.errors)", sourceLocation: location)
        #expect(result.errors.hasSuffix("[\(code)]\n"), "\(result.errors)", sourceLocation: location)
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)", sourceLocation: location)
        for word in words { #expect(result.errors.contains(word), "\(result.errors)", sourceLocation: location) }
    }

    @Test("a wrong token, another lease's token and an ended lease's are refused alike")
    func tokens() async throws {
        let shop = try await SharedInstallation.get()
        let (lease, other) = (try await shop.admin.openLease(), try await shop.admin.openLease())
        let wrong = try await lease.psql(["-c", "SELECT 1"], token: "gbl_\(String(repeating: "7", count: 32))")
        expectFatal(wrong, "unauthenticated", of: lease)
        let swapped = try await lease.psql(["-c", "SELECT 1"], token: other.token)
        expectFatal(swapped, "unauthenticated", of: lease)
        #expect(!swapped.errors.contains(other.token))
        try await shop.admin.endLease(other)
        let ended = try await other.psql(["-c", "SELECT 1"])
        expectFatal(ended, "unauthenticated", of: other)
        let unknown = try await lease.psql(
            ["-c", "SELECT 1"], connection: lease.connection(user: "shop-db.000000000000"))
        expectFatal(unknown, "unauthenticated", of: lease)
        let target = try await lease.psql(
            ["-c", "SELECT 1"], connection: lease.connection(user: "few-rows.\(lease.id)"))
        expectFatal(target, "unauthenticated", of: lease)
        let nonsense = try await lease.psql(["-c", "SELECT 1"], connection: lease.connection(user: "postgres"))
        expectFatal(nonsense, "unauthenticated", of: lease)

        // All are said in the same words but for the name, so that nobody learns which leases there are.
        func words(_ result: Subprocess.Result) -> Substring { result.errors.split(separator: "FATAL:").last ?? "" }
        #expect(
            Set(
                [wrong, swapped, ended, unknown, target].map { words($0).replacing(/[a-z-]+\.[0-9a-z]{12}/, with: "") }
            ).count == 1)
        let refusals = try await shop.admin.records(event: "sign_in_refused")
        #expect(refusals.contains { $0.details["claimed"]?.string == "shop-db.\(lease.id)" })
        try await shop.admin.endLease(lease)
    }

    @Test("a connection without TLS is refused before any proof is asked for")
    func plaintext() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let result = try await lease.psql(["-c", "SELECT 1"], connection: lease.connection(sslmode: "disable"))
        #expect(
            result.status == 2 && result.errors.contains("FATAL") && result.errors.contains("sslmode"),
            "\(result.errors)")
        try await shop.admin.endLease(lease)
    }

    @Test("a session on another database, in another encoding or for replication is refused")
    func startup() async throws {
        let shop = try await SharedInstallation.get()
        let lease = try await shop.admin.openLease()
        let database = try await lease.psql(["-c", "SELECT 1"], connection: lease.connection(more: "dbname=template1"))
        expectFatal(database, "invalid_argument", of: lease)
        let encoding = try await lease.psql(
            ["-c", "SELECT 1"], connection: lease.connection(more: "client_encoding=LATIN1"))
        expectFatal(encoding, "invalid_argument", saying: "UTF8", of: lease)
        let replication = try await lease.psql(
            ["-c", "SELECT 1"], connection: lease.connection(more: "replication=database"))
        #expect(replication.status == 2 && replication.errors.contains("FATAL"), "\(replication.errors)")
        try await shop.admin.endLease(lease)
    }

    @Test("an unknown target is told from one that policy refuses, and a refusal names the rule")
    func policy() async throws {
        let shop = try await SharedInstallation.get()
        expectRefused(
            try await shop.admin.tryLease("nowhere"), "unknown_target", status: 1, saying: "nowhere", "target list")
        expectRefused(try await shop.admin.tryLease("private"), "policy_denied", status: 3, saying: "private")
        expectRefused(
            try await shop.admin.tryLease("shop-db", for: "2h"), "policy_denied", status: 3, saying: "oncall-reads",
            "1h")
        expectRefused(
            try await shop.admin.tryLease("few-rows", capabilities: ["write"]), "policy_denied", status: 3,
            saying: "few-rows")
        #expect(
            try await shop.admin.records(event: "lease_refused").contains {
                $0.details["code"]?.string == "policy_denied"
            })
    }

    @Test("what the agent's ceiling doesn't allow is refused, with the place in the ceiling")
    func ceiling() async throws {
        let shop = try await SharedInstallation.get()
        expectRefused(
            try await shop.admin.tryLease("read-only", capabilities: ["write"]), "ceiling_denied", status: 3,
            saying: "ceiling", "read-only")
        let unlisted = try await shop.admin.tryLease("unlisted")
        #expect(unlisted.status != 0)
        #expect(
            unlisted.errors.contains("[ceiling_denied]") || unlisted.errors.contains("[unknown_target]"),
            "\(unlisted.errors)")
        // A role that could write isn't good enough for reading, and neither is a superuser.
        let careless = try await shop.admin.openLease("careless")
        expectFatal(try await careless.psql(["-c", "SELECT 1"]), "ceiling_denied", saying: "write to", of: careless)
        let boss = try await shop.admin.openLease("boss")
        expectFatal(try await boss.psql(["-c", "SELECT 1"]), "ceiling_denied", saying: "superuser", of: boss)
        let refusal = try await shop.admin.record(lease: careless, event: "session_refused")
        #expect(refusal.details["code"]?.string == "ceiling_denied")
        for lease in [careless, boss] { try await shop.admin.endLease(lease) }
    }

    @Test(
        "wrong usage says what is wanted",
        arguments: [
            ["lease", "open", "shop-db", "--for", "15m"],
            ["lease", "open", "shop-db", "--for", "15 parsecs", "--reason", "x"],
            ["lease", "open", "Shop DB", "--for", "15m", "--reason", "x"],
            ["lease", "show", "not-a-lease"],
            ["lease", "open", "shop-db", "--for", "15m", "--reason", "x", "--capability", "own"],
            ["identity", "invite", "mia", "--role", "king"],
            ["open", "sesame"],
        ])
    func usage(arguments: [String]) async throws {
        let shop = try await SharedInstallation.get()
        let result = try await shop.admin.glovebox(arguments)
        #expect(result.status == 1 || result.status == 2, "\(result.errors)")
        #expect(result.output == "")
        #expect(result.errors.hasPrefix("glovebox: "), "\(result.errors)")
        #expect(result.errors.contains("[usage]") || result.errors.contains("[invalid_argument]"), "\(result.errors)")
    }

    @Test("without a profile, or without a gateway, the command says what to do")
    func unreachable() async throws {
        let shop = try await SharedInstallation.get()
        let nobody = shop.person("nobody")
        expectRefused(try await nobody.glovebox(["whoami"]), "not_signed_in", status: 5, saying: "glovebox login")
        let port = try freePort()
        expectRefused(
            try await nobody.glovebox(
                ["login", "--gateway", "https://localhost:\(port)"],
                input: "gbi_\(String(repeating: "0", count: 26))_\(String(repeating: "0", count: 20))\n"),
            "gateway_unreachable", status: 4, saying: String(port))
        expectRefused(
            try await nobody.glovebox(["login", "--gateway", shop.gatewayAddress], input: "open sesame\n"),
            "invite_invalid",
            status: 3)
    }

    @Test("a certificate of another gateway's CA opens nothing")
    func foreignCertificate() async throws {
        let shop = try await SharedInstallation.get()
        let stranger = try await Installation.make()
        let up = try await stranger.up()
        // The stranger's own key and certificate, with this gateway's address and CA.
        let forged = shop.person("forged")
        mkdir(forged.home, 0o700)
        for (file, owner) in [
            ("client.key", stranger.admin), ("client.pem", stranger.admin), ("ca.pem", shop.admin),
            ("profile.json", shop.admin),
        ] {
            try writeFile("\(forged.home)/\(file)", try readFile("\(owner.home)/\(file)"))
        }
        let result = try await forged.glovebox(["whoami"])
        #expect(result.status == 5 || result.status == 4, "\(result.errors)")
        #expect(
            ["certificate_invalid", "unauthenticated", "gateway_unreachable", "gateway_untrusted"].contains {
                result.errors.hasSuffix("[\($0)]\n")
            }, "\(result.errors)")
        #expect(try await shop.admin.glovebox(["whoami"]).status == 0)

        // And an agent with the stranger's certificate never gets to serve, though it trusts this gateway.
        await up.stop()
        let before = try await shop.admin.records(event: "agent_connected").count
        try stranger.write(
            "agent.yaml",
            try stranger.read("agent.yaml").replacing(
                "localhost:\(stranger.ports.tunnel)", with: "localhost:\(shop.ports.tunnel)"))
        try writeFile("\(stranger.state)/agent/ca.pem", try readFile("\(shop.state)/agent/ca.pem"))
        let agent = try stranger.launch("agent")
        try await agent.printed("couldn't join")
        #expect(agent.errors.contains("certificate") || agent.errors.contains("TLS"), "\(agent.errors)")
        await agent.stop()
        #expect(try await shop.admin.records(event: "agent_connected").count == before)
    }
}
