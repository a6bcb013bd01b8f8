import Glibc
import TestSupport
import Testing

@Suite("The end of somebody who isn't trusted any more", .serialized, .timeLimit(.minutes(3)))
struct DisableTests {
    private struct Identity: Decodable {
        var name: String
        var isDisabled: Bool
    }

    private struct Agent: Decodable {
        var name: String
        var isOnline: Bool
        var isQuarantined: Bool
    }

    @Test("disabling an identity ends its leases, busy sessions, certificate, token and invitation, and no other's")
    func disable() async throws {
        let shop = try await Installation.make()
        let up = try await shop.up()
        let (mia, mo) = (try await shop.join("mia", "member"), try await shop.join("mo", "member"))
        let invited = try await shop.admin.ask(Invitation.self, "identity", "invite", "mia", "--role", "member")
        let token = try await shop.token("mias-robot", "--identity", "mia", "--role", "member")
        let machine = ["GLOVEBOX_TOKEN": token, "GLOVEBOX_GATEWAY": shop.gatewayAddress]
        #expect(try await shop.person("robot").glovebox(["whoami"], environment: machine).status == 0)
        let leases = [try await mia.openLease(for: "5m"), try await mia.openLease(for: "5m")]
        let other = try await mo.openLease(for: "5m")
        let busy = try leases.map { try $0.start("SELECT count(*) FROM generate_series(1, 2000000000)") }
        let bystander = try other.start("SELECT pg_sleep(30)")
        for lease in leases { try await shop.untilRunning(lease, "generate_series") }
        try await shop.untilRunning(other, "pg_sleep")

        let disabled = try await shop.admin.ask(Identity.self, "identity", "disable", "mia")
        #expect(disabled.isDisabled)
        for psql in busy {
            #expect(await psql.finished(timeout: .seconds(20)))
            #expect(psql.errors.contains("[lease_not_active]"), "\(psql.errors)")
        }
        for lease in leases {
            try await shop.untilGone(lease)
            #expect(try await shop.admin.lease(lease.id).ended?.reason == "holder_disabled")
            #expect(try await lease.psql(["-c", "SELECT 1"]).status == 2)
        }
        #expect(bystander.snapshot.status == nil)
        #expect(try await mia.glovebox(["whoami"]).status == 5)
        #expect(try await shop.person("robot").glovebox(["whoami"], environment: machine).status == 5)
        let record = try await shop.admin.record(event: "identity_disabled")
        #expect(record.identity == "admin" && record.details["name"]?.string == "mia")

        // What was ended stays so.
        #expect(try await !shop.admin.ask(Identity.self, "identity", "enable", "mia").isDisabled)
        #expect(try await mia.glovebox(["whoami"]).errors.hasSuffix("[certificate_invalid]\n"))
        #expect(try await shop.person("robot").glovebox(["whoami"], environment: machine).status == 5)
        let late = try await shop.person("late").glovebox(
            ["login", "--gateway", shop.gatewayAddress], input: invited.code + "\n")
        #expect(late.errors.hasSuffix("[invite_invalid]\n"), "\(late.errors)")
        let back = try await shop.join("mia", "member")
        #expect(try await back.openLease(for: "5m").rows("SELECT 1") == "1")

        let own = try await shop.admin.glovebox(["identity", "disable", "admin"])
        #expect(own.status == 1 && own.errors.contains("can't disable yourself"), "\(own.errors)")
        let listed = try await shop.admin.ask([Identity].self, "identity", "list")
        #expect(listed.map(\.name) == ["admin", "mia", "mo"])
        bystander.signal(SIGTERM)
        up.signal(SIGTERM)
        #expect(await up.finished())
    }

    @Test("a quarantined agent's sessions end and it serves nothing, but stays connected; released, it serves again")
    func quarantine() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT count(*) FROM generate_series(1, 2000000000)")
        try await shop.untilRunning(lease, "generate_series")
        #expect(try await shop.admin.ask(Agent.self, "agent", "quarantine", "test").isQuarantined)
        #expect(await psql.finished(timeout: .seconds(20)))
        #expect(psql.result.status != 0)
        try await shop.untilGone(lease)
        #expect(try await lease.psql(["-c", "SELECT 1"]).errors.contains("[agent_quarantined]"))
        let refused = try await shop.admin.tryLease("shop-db")
        #expect(refused.status == 4 && refused.errors.contains("[agent_quarantined]"), "\(refused.errors)")
        let agents = try await shop.admin.ask([Agent].self, "agent", "list")
        #expect(agents.map(\.isOnline) == [true], "its records still come in")

        // It stays so for a gateway that starts anew.
        await apart.kill(apart.gateway)
        try await apart.startGateway()
        try await eventually(timeout: .seconds(30), "the agent connected again") {
            try await shop.admin.ask([Agent].self, "agent", "list").first?.isOnline == true
        }
        #expect(try await shop.admin.tryLease("shop-db").errors.contains("[agent_quarantined]"))
        #expect(try await !shop.admin.ask(Agent.self, "agent", "release", "test").isQuarantined)
        #expect(try await shop.admin.openLease().rows("SELECT 1") == "1")
        for event in ["agent_quarantined", "agent_released"] {
            #expect(try await shop.admin.record(event: event).details["agent"]?.string == "test")
        }
    }

    @Test("a removed agent's sessions and connections end, and its certificate lets it in no more")
    func remove() async throws {
        let apart = try await Apart()
        let shop = apart.shop
        let lease = try await shop.admin.openLease()
        let psql = try lease.start("SELECT pg_sleep(60)")
        try await shop.untilRunning(lease, "pg_sleep")
        #expect(try await shop.admin.glovebox(["agent", "remove", "test"]).status == 0)
        #expect(await psql.finished(timeout: .seconds(20)))
        try await shop.untilGone(lease)
        #expect(try await shop.admin.ask([Agent].self, "agent", "list").isEmpty)
        try await eventually(timeout: .seconds(30), "the agent refused") {
            apart.agent.errors.contains("certificate_invalid") || apart.agent.errors.contains("unauthenticated")
        }
        #expect(try await shop.admin.ask([Agent].self, "agent", "list").isEmpty)
        let refused = try await shop.admin.tryLease("shop-db")
        #expect(refused.status != 0 && refused.errors.contains("[unknown_target]"), "\(refused.errors)")
        #expect(try await shop.admin.record(event: "agent_removed").details["agent"]?.string == "test")
    }
}
