import Glibc
import GloveboxKit
import Logging
import TestSupport
import Testing

private struct ChangeView: Decodable {
    struct Clients: Decodable, Equatable {
        var epoch: Int?
        var count: Int
    }

    var id: String
    var state: String
    var lease: String
    var epoch: Int?
    var clients: [Clients]
}

private struct Restored: Decodable {
    var endedLeases: Int
}

/// The Kit's client in this process, the gateway in another.
@Suite("Flags in Swift services, at a real gateway", .serialized, .timeLimit(.minutes(4)))
struct FlagClientTests {
    private static let flags = """
        flags:
          checkout:
            state: ENABLED
            variants: {old: v1, new: v2}
            defaultVariant: old
          banner:
            state: ENABLED
            variants: {"on": true, "off": false}
            defaultVariant: "off"

        """

    private static let policy =
        Configuration.policy + """
              - name: changes
                identities: [admin]
                targets: [shop-flags]
                capabilities: [change]
                longest: 1h
                keep: true

            """

    private static func install() async throws -> Installation {
        let shop = try Installation(
            database: await PostgresServer.shared().makeShop(customers: 1), policy: Self.policy)
        try shop.write("flags.yaml", Self.flags)
        try shop.write(
            "gateway.yaml",
            Configuration.gateway(shop.ports) + """
                flags:
                  - name: shop-flags
                    file: flags.yaml

                """)
        return shop
    }

    private static func client(
        _ shop: Installation, token: String, folder: String? = nil, context: EvaluationContext = .init()
    ) -> FlagClient {
        FlagClient(
            .init(
                gateway: shop.gatewayAddress, target: "shop-flags", token: token,
                certificates: "\(shop.admin.home)/ca.pem", folder: folder, context: context),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Waits until the client has heard of a change of these flags.
    private static func changed(
        _ events: inout AsyncStream<FlagEvent>.AsyncIterator, _ keys: [String],
        isolation: isolated (any Actor)? = #isolation
    ) async throws {
        while let event = await events.next(isolation: isolation) {
            if event == .configurationChanged(keys) { return }
        }
        throw TestSupportError("the client never heard of \(keys)")
    }

    /// Reads news until what's wanted holds.
    private static func until(
        _ events: inout AsyncStream<FlagEvent>.AsyncIterator, isolation: isolated (any Actor)? = #isolation,
        _ holds: () -> Bool
    ) async throws {
        while !holds() {
            guard await events.next(isolation: isolation) != nil else { throw TestSupportError("no more news") }
        }
    }

    @Test(
        "a change reaches whom it's for, is acknowledged and counted, and goes back by one command; a token that's revoked ends it"
    )
    func follow() async throws {
        let shop = try await Self.install()
        let up = try await shop.up()
        let admin = shop.admin
        let token = try await shop.token("storefront", "--role", "member", "--scope", "followFlags")
        let client = Self.client(shop, token: token)
        let mine = Self.client(shop, token: token, context: .init(["gloveboxIdentity": "admin"]))
        var (events, mineEvents) = (client.events.makeAsyncIterator(), mine.events.makeAsyncIterator())
        let running = [Task { await client.run() }, Task { await mine.run() }]
        try await within(.seconds(20)) {
            await client.ready()
            await mine.ready()
        }
        #expect(client.epoch == 0 && client.stringValue("checkout", default: "?") == "v1")

        let scoped = try await admin.ask(
            ChangeView.self, "flag", "set", "checkout", "--variant", "new", "--scope", "identity=admin", "--for", "10m")
        try await Self.changed(&mineEvents, ["checkout"])
        try await Self.changed(&events, ["checkout"])
        #expect(
            mine.stringValue("checkout", default: "?") == "v2" && client.stringValue("checkout", default: "?") == "v1")
        try await eventually("both say what they run") {
            try await admin.ask(ChangeView.self, "change", "show", scoped.id).clients == [.init(epoch: 1, count: 2)]
        }
        let own = try await admin.ask(
            ChangeView.self, "flag", "set", "banner", "--variant", "on", "--scope", "lease", "--lease", scoped.lease)
        try await Self.changed(&events, ["banner"])
        #expect(client.boolValue("banner", default: false, .init(["gloveboxLease": .init(scoped.lease)])))
        #expect(!client.boolValue("banner", default: true))
        let kept = try await admin.glovebox(["change", "keep", own.id])
        #expect(kept.status != 0 && kept.errors.contains("for everyone to keep it"), "\(kept.errors)")

        #expect(try await admin.glovebox(["rollback", scoped.id]).status == 0)
        try await Self.changed(&mineEvents, ["checkout"])
        #expect(mine.stringValue("checkout", default: "?") == "v1")
        let shown = try await admin.glovebox(["change", "show", own.id])
        #expect(shown.output.contains("lease \(scoped.lease) alone"), "\(shown.output)")

        let wrong = Self.client(shop, token: "gbt_wrong")
        var told = wrong.events.makeAsyncIterator()
        let trying = Task { await wrong.run() }
        guard case .error(let reason) = await told.next() else { return #expect(Bool(false)) }
        #expect(reason.hasSuffix("[unauthenticated]"), "\(reason)")
        for task in running + [trying] { task.cancel() }
        for task in running + [trying] { await task.value }
        try await eventually(timeout: .seconds(90), "they're counted no more") {
            try await admin.ask(ChangeView.self, "change", "show", own.id).clients.isEmpty
        }
        up.signal(SIGTERM)
        #expect(await up.finished())
    }

    @Test(
        "a client whose gateway is killed takes leased changes back when their time is up, also one that starts from disk; what's kept stays"
    )
    func deadMan() async throws {
        let shop = try await Self.install()
        let up = try await shop.up()
        let token = try await shop.token("storefront", "--role", "member", "--scope", "followFlags")
        let folder = try TemporaryFolder()
        let client = Self.client(shop, token: token, folder: folder.path)
        var events = client.events.makeAsyncIterator()
        let running = Task { await client.run() }
        let kept = try await shop.admin.ask(
            ChangeView.self, "flag", "set", "banner", "--variant", "on", "--for", "10m")
        #expect(try await shop.admin.ask(ChangeView.self, "change", "keep", kept.id).state == "kept")
        _ = try await shop.admin.ask(ChangeView.self, "flag", "set", "checkout", "--variant", "new", "--for", "8s")
        try await Self.until(&events) {
            client.stringValue("checkout", default: "?") == "v2" && client.boolValue("banner", default: false)
        }
        up.signal(SIGKILL)
        _ = await up.finished()
        // Another process starts while nobody answers.
        let restarted = Self.client(shop, token: token, folder: folder.path)
        var news = restarted.events.makeAsyncIterator()
        let again = Task { await restarted.run() }
        try await within(.seconds(20)) { await restarted.ready() }
        #expect(
            restarted.stringValue("checkout", default: "?") == "v2" && restarted.boolValue("banner", default: false))
        try await Self.changed(&news, ["checkout"])
        try await Self.until(&events) { client.stringValue("checkout", default: "?") == "v1" }
        for client in [client, restarted] {
            #expect(client.stringValue("checkout", default: "?") == "v1" && client.boolValue("banner", default: false))
        }
        for task in [running, again] { task.cancel() }
        for task in [running, again] { await task.value }
    }

    @Test(
        "a gateway that's killed and restored from a backup serves what's kept and no leased change, right away, and clients follow it"
    )
    func restored() async throws {
        let shop = try await Self.install()
        var up = try await shop.up()
        let token = try await shop.token("storefront", "--role", "member", "--scope", "followFlags")
        let client = Self.client(shop, token: token)
        var events = client.events.makeAsyncIterator()
        let running = Task { await client.run() }
        try await within(.seconds(20)) { await client.ready() }
        let kept = try await shop.admin.ask(
            ChangeView.self, "flag", "set", "banner", "--variant", "on", "--for", "10m")
        #expect(try await shop.admin.ask(ChangeView.self, "change", "keep", kept.id).state == "kept")
        _ = try await shop.admin.ask(ChangeView.self, "flag", "set", "checkout", "--variant", "new", "--for", "30m")
        try await Self.changed(&events, ["checkout"])
        let backup = try await shop.admin.glovebox(["backup", "--state", shop.state, "--to", "\(shop.root)/backup"])
        #expect(backup.status == 0, "\(backup.errors)")
        // After the backup: nobody remembers this one.
        let lost = try await shop.admin.ask(
            ChangeView.self, "flag", "set", "banner", "--variant", "off", "--for", "30m")
        try await Self.changed(&events, ["banner"])
        up.signal(SIGKILL)
        _ = await up.finished()
        try #require(rename("\(shop.state)/gateway", "\(shop.root)/lost") == 0)
        let restored = try await shop.admin.ask(
            Restored.self, "restore", "--from", "\(shop.root)/backup", "--state", shop.state)
        #expect(restored.endedLeases >= 1)
        up = try await shop.start("gateway")
        try await Self.until(&events) {
            client.stringValue("checkout", default: "?") == "v1" && client.boolValue("banner", default: false)
        }
        #expect(client.stringValue("checkout", default: "?") == "v1" && client.boolValue("banner", default: false))
        let gone = try await shop.admin.glovebox(["change", "show", lost.id])
        #expect(gone.errors.hasSuffix("[not_found]\n"), "\(gone.errors)")
        running.cancel()
        await running.value
        up.signal(SIGTERM)
        #expect(await up.finished())
    }
}
