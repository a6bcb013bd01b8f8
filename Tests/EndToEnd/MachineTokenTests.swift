import Glibc
import TestSupport
import Testing

@Suite("Machines and their tokens", .serialized, .timeLimit(.minutes(2)))
struct MachineTokenTests {
    private struct WhoAmI: Decodable {
        struct Subject: Decodable { var name: String }
        struct Token: Decodable { var name: String }
        var subject: Subject
        var role: String?
        var token: Token?
    }

    private struct Token: Decodable {
        var name: String
        var isActive: Bool
    }

    @Test("a machine without a profile opens a lease with a token, and psql with that; revoked, it's out")
    func use() async throws {
        let shop = try await SharedInstallation.get()
        let token = try await shop.token("deploy", "--identity", "mo", "--role", "member")
        let robot = shop.person("robot")
        let machine = ["GLOVEBOX_TOKEN": token, "GLOVEBOX_GATEWAY": shop.gatewayAddress]
        let whoami = try await robot.glovebox(["whoami", "--json"], environment: machine)
        let me = try decode(WhoAmI.self, from: whoami.standardOutput)
        #expect(me.subject.name == "mo" && me.role == "member" && me.token?.name == "deploy")
        let opened = try await robot.glovebox(
            ["lease", "open", "shop-db", "--for", "5m", "--reason", "deploy", "--json"], environment: machine)
        let lease = try decode(OpenedLease.self, from: opened.standardOutput)
        #expect(try await lease.rows("SELECT 1") == "1")
        #expect(try await shop.admin.lease(lease.id).holder == "mo")

        #expect(try await shop.admin.glovebox(["token", "revoke", "deploy"]).status == 0)
        let refused = try await robot.glovebox(["whoami"], environment: machine)
        #expect(refused.status == 5 && refused.errors.hasSuffix("[unauthenticated]\n"), "\(refused.errors)")
        #expect(!refused.errors.contains(token))
        let listed = try await shop.admin.ask([Token].self, "token", "list")
        #expect(listed.first { $0.name == "deploy" }?.isActive == false)
        for event in ["token_created", "token_revoked"] {
            #expect(try await shop.admin.record(event: event).identity == "admin")
        }
        try await shop.admin.endLease(lease)
        // Only its hash is on any disk.
        let secret = Array(token.dropFirst(4).prefix(32).utf8)
        for file in filesUnder(shop.root) { #expect(!(try readFile(file)).contains(secret), "\(file)") }
    }

    @Test("a token comes from a private file or a descriptor, and its scope holds")
    func sources() async throws {
        let shop = try await SharedInstallation.get()
        let token = try await shop.token("reader", "--role", "member", "--scope", "read")
        let robot = shop.person("reader")
        let file = "\(shop.root)/reader.token"
        let machine = ["GLOVEBOX_TOKEN_FILE": file, "GLOVEBOX_GATEWAY": shop.gatewayAddress]
        try writeFile(file, Array("\(token)\n".utf8), mode: 0o600)
        #expect(try await robot.glovebox(["target", "list"], environment: machine).status == 0)
        let scoped = try await robot.glovebox(
            ["lease", "open", "shop-db", "--for", "5m", "--reason", "x"], environment: machine)
        #expect(scoped.status == 3 && scoped.errors.hasSuffix("[forbidden]\n"), "\(scoped.errors)")
        try await Subprocess.check(["chmod", "644", file])
        let exposed = try await robot.glovebox(["target", "list"], environment: machine)
        #expect(exposed.status != 0 && exposed.errors.hasSuffix("[file_exposed]\n"), "\(exposed.errors)")
        try await Subprocess.check(["rm", file])

        let byDescriptor = try await Subprocess.run(
            ["bash", "-c", "GLOVEBOX_TOKEN_FD=7 \"$0\" whoami 7<<<\"$(cat)\"", Repository.program],
            environment: robot.environment.merging(["GLOVEBOX_GATEWAY": shop.gatewayAddress]) { $1 },
            input: .text(token + "\n"))
        #expect(byDescriptor.status == 0, "\(byDescriptor.errors)")
        #expect(try await shop.admin.glovebox(["token", "revoke", "reader"]).status == 0)
    }

    @Test("a token is sent to no gateway but the one that made it")
    func pinned() async throws {
        let shop = try await SharedInstallation.get()
        let other = try await Installation.make(customers: 1)
        let up = try await other.up()
        let token = try await shop.token("lost", "--role", "member")
        let refused = try await shop.person("lost").glovebox(
            ["whoami"], environment: ["GLOVEBOX_TOKEN": token, "GLOVEBOX_GATEWAY": other.gatewayAddress])
        #expect(refused.status == 4 && refused.errors.hasSuffix("[gateway_untrusted]\n"), "\(refused.errors)")
        #expect(try await other.admin.records(event: "sign_in_refused").isEmpty)
        up.signal(SIGTERM)
        #expect(await up.finished())
    }
}
