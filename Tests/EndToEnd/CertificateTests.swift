import TestSupport
import Testing

/// Certificates that run out while all runs, in real processes. (That the gateway's own is renewed in time:
/// `GatewayTests/ServerCertificatesTests`; what a certificate is judged by: `IdentityTests`.)
@Suite("Certificates that run out", .serialized, .timeLimit(.minutes(3)))
struct CertificateTests {
    /// Longer than the certificate of a person or an agent lasts, shorter than the gateway's own.
    private static let thirteenHours: Int64 = 13 * 3600

    @Test(
        "a person's and an agent's: what is open goes on, nothing else opens, and each is told to sign in or enrol again"
    )
    func whileRunning() async throws {
        let folder = try TemporaryFolder()
        let library = try await Fault.library(in: folder)
        let clock = try WrongClock("all", library: library, in: folder)
        let apart = try await Apart(agentEnvironment: clock.environment, gatewayEnvironment: clock.environment)
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

        try clock.set(by: Self.thirteenHours)
        try client.write("after\n")
        try await client.printed("\"after\"")
        func later(_ arguments: [String], input: String? = nil) async throws -> Subprocess.Result {
            try await shop.admin.glovebox(arguments, input: input, environment: clock.environment)
        }
        let refused = try await later(["whoami"])
        #expect(refused.status == 5)
        #expect(refused.errors.contains("'glovebox login'"), "\(refused.errors)")
        #expect(refused.errors.contains("[certificate_expired]"), "\(refused.errors)")
        // A clock that's right on the person's side changes nothing: the gateway judges for itself.
        let judged = try await shop.admin.glovebox(["whoami"])
        #expect(judged.status == 5 && judged.errors.contains("[certificate_invalid]"), "\(judged.errors)")
        // The agent loses its gateway, and comes back with a certificate that has run out.
        await apart.kill(apart.gateway)
        try await shop.untilGone(lease)
        try client.write("gone\n")
        #expect(await client.finished(timeout: .seconds(30)))
        let gateway = try await shop.start("gateway", more: ["--invite-administrator"], environment: clock.environment)
        try await apart.agent.printed("certificate_expired", timeout: .seconds(30))

        let code = try #require(gateway.output.split(separator: "\n").first { $0.hasPrefix("gbi_") })
        let login = try await later(["login", "--gateway", shop.gatewayAddress], input: "\(code)\n")
        #expect(login.status == 0, "\(login.errors)")
        let invited = try await later(["agent", "invite", "test", "--json"])
        let invitation = try decode(Invitation.self, from: invited.standardOutput)
        let enrolled = try await later(
            ["agent", "enrol", "--state", shop.agentState, "--gateway", shop.gatewayAddress],
            input: "\(invitation.code)\n")
        #expect(enrolled.status == 0, "\(enrolled.errors)")
        try await eventually(timeout: .seconds(60), "the agent is back under its name") {
            try await later(["target", "list", "--json"]).output.contains("\"isOnline\" : true")
        }
        // By the boot clock the lease has minutes left.
        let again = try await runClient(
            ["psql", "-w", "-At", "-c", "SELECT 'again'"], lease.variables.merging(clock.environment) { $1 })
        #expect(again.output == "again\n", "\(again.errors)")
        try await eventually(timeout: .seconds(30), "the records") {
            let list = try await later(["audit", "list", "--lease", lease.id, "--event", "statement"])
            return ["before", "after", "again"].allSatisfy { list.output.contains("SELECT '\($0)'") }
        }
        await gateway.stop()
    }
}
