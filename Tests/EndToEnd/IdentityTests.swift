import TestSupport
import Testing

@Suite("Who is who: invitations, sign-in, roles", .serialized, .timeLimit(.minutes(2)))
struct IdentityTests {
    private struct WhoAmI: Decodable {
        struct Subject: Decodable { var name: String }
        var subject: Subject
        var role: String?
    }

    private func invite(_ name: String, _ role: String, by person: Person) async throws -> String {
        try await person.ask(Invitation.self, "identity", "invite", name, "--role", role).code
    }

    @Test("the first administrator is whoever ran 'up'")
    func administrator() async throws {
        let shop = try await SharedInstallation.get()
        let me = try await shop.admin.ask(WhoAmI.self, "whoami")
        #expect(me.subject.name == "admin" && me.role == "admin")
        #expect(try await shop.admin.glovebox(["whoami"]).output.contains("admin"))
    }

    @Test("a member signs in with a code once, sees their own leases only, and may invite nobody")
    func member() async throws {
        let shop = try await SharedInstallation.get()
        let code = try await self.invite("mia", "member", by: shop.admin)
        let mia = shop.person("mia")
        #expect(try await mia.glovebox(["login", "--gateway", shop.gatewayAddress], input: code + "\n").status == 0)
        let me = try await mia.ask(WhoAmI.self, "whoami")
        #expect(me.subject.name == "mia" && me.role == "member")

        let thief = shop.person("thief")
        let again = try await thief.glovebox(["login", "--gateway", shop.gatewayAddress], input: code + "\n")
        #expect(again.status == 3 && again.errors.hasSuffix("[invite_invalid]\n"), "\(again.errors)")
        #expect(!again.errors.contains(code))
        #expect(try await thief.glovebox(["whoami"]).errors.contains("[not_signed_in]"))

        for arguments in [["identity", "invite", "eve", "--role", "admin"], ["agent", "invite", "evil"]] {
            let refused = try await mia.glovebox(arguments)
            #expect(refused.status == 3 && refused.errors.hasSuffix("[forbidden]\n"), "\(refused.errors)")
        }

        let (theirs, own) = (try await shop.admin.openLease(), try await mia.openLease(for: "5m"))
        #expect(try await mia.leases().map(\.id) == [own.id])
        #expect(try await shop.admin.leases().contains { $0.id == own.id })
        for verb in ["show", "end"] {
            let refused = try await mia.glovebox(["lease", verb, theirs.id])
            #expect(refused.status == 1 && refused.errors.hasSuffix("[not_found]\n"), "\(refused.errors)")
        }
        #expect(try await mia.records().allSatisfy { $0.identity == "mia" })
        let foreign = try await shop.admin.record(lease: theirs, event: "lease_opened")
        #expect(try await mia.glovebox(["audit", "show", foreign.id]).errors.hasSuffix("[not_found]\n"))
        #expect(try await own.rows("SELECT 1") == "1")
        let longer = try await mia.tryLease("shop-db", for: "15m")
        #expect(longer.status == 3 && longer.errors.contains("members-read"), "\(longer.errors)")

        // An administrator may end anybody's.
        #expect(try await shop.admin.endLease(own).ended?.reason == "admin")
        try await shop.admin.endLease(theirs)
    }

    @Test("logout revokes the certificate: a copy of it opens nothing any more")
    func logout() async throws {
        let shop = try await SharedInstallation.get()
        let mo = try await shop.join("mo", "member")
        let copy = shop.person("copy-of-mo")
        try await Subprocess.check(["cp", "-a", mo.home, copy.home])
        #expect(try await copy.glovebox(["whoami"]).status == 0)
        #expect(try await mo.glovebox(["logout"]).status == 0)
        #expect(try await mo.glovebox(["whoami"]).errors.hasSuffix("[not_signed_in]\n"))
        let stale = try await copy.glovebox(["whoami"])
        #expect(
            stale.status == 5
                && (stale.errors.hasSuffix("[unauthenticated]\n") || stale.errors.hasSuffix("[certificate_invalid]\n")),
            "\(stale.errors)")
        #expect(try await shop.admin.records(event: "signed_out").contains { $0.identity == "mo" })
        // A new code is a new start.
        let back = try await shop.join("mo", "member")
        #expect(try await back.glovebox(["whoami"]).status == 0)
    }

    @Test("an auditor sees everything and opens nothing")
    func auditor() async throws {
        let shop = try await SharedInstallation.get()
        let ann = try await shop.join("ann", "auditor")
        let lease = try await shop.admin.openLease()
        #expect(try await ann.records(lease: lease).contains { $0.event == "lease_opened" })
        #expect(try await ann.leases().contains { $0.id == lease.id })
        #expect(try await ann.tryLease("shop-db").status == 3)
        #expect(try await ann.glovebox(["lease", "end", lease.id]).status != 0)
        #expect(try await shop.admin.lease(lease.id).state == "active")
        try await shop.admin.endLease(lease)
    }

    @Test("a code for a person is none for an agent, and a code is read from a descriptor too")
    func codes() async throws {
        let shop = try await SharedInstallation.get()
        let agent = try await shop.admin.ask(Invitation.self, "agent", "invite", "spare")
        let pat = shop.person("pat")
        let shown = try await pat.glovebox(["login", "--gateway", shop.gatewayAddress, agent.code])
        #expect(shown.status == 2 && shown.errors.contains("doesn't go on a command line"), "\(shown.errors)")
        #expect(!shown.errors.contains(agent.code))
        let wrong = try await pat.glovebox(["login", "--gateway", shop.gatewayAddress], input: agent.code + "\n")
        #expect(wrong.status == 3 && wrong.errors.hasSuffix("[invite_invalid]\n"), "\(wrong.errors)")
        let code = try await self.invite("pat", "member", by: shop.admin)
        let result = try await Subprocess.run(
            [
                "bash", "-c", "\"$0\" login --gateway \"$1\" --code-fd 7 7<<<\"$(cat)\"", Repository.program,
                shop.gatewayAddress,
            ],
            environment: pat.environment, input: .text(code + "\n"))
        #expect(result.status == 0, "\(result.errors)")
        #expect(try await pat.ask(WhoAmI.self, "whoami").subject.name == "pat")
    }

    @Test("keys are readable by their owner alone")
    func permissions() async throws {
        let shop = try await SharedInstallation.get()
        let keys = filesUnder(shop.root).filter { $0.hasSuffix(".key") }
        #expect(keys.count >= 3)
        let modes = try await Subprocess.check(["stat", "--format", "%a"] + keys)
        #expect(Set(modes.split(separator: "\n")) == ["600"])
    }
}
