import Glibc
import TestSupport
import Testing

/// Profiles, detectors of the host's own, and reading them anew, on rows of a real database.
@Suite("What an agent masks by", .timeLimit(.minutes(2)))
struct MaskingRulesTests {
    private static func profile(_ kinds: String) -> String {
        "version: 1\nname: support\nkinds: {\(kinds), ip_address: general}\ncolumns: {public.customers.card: partial}\n"
    }

    private static let detectors = """
        version: 1
        detectors:
          - name: shop_voucher
            keywords: ["VCH-"]
            pattern: "[0-9]{12}"
            positive: ["code ⟦VCH-123456789012⟧ given"]
            negative: ["VCH-12"]

        """

    /// Lets the rule for reading name the profile.
    private static func setProfile(_ shop: Installation) throws {
        let policy = try shop.read("policy.yaml")
        let rule = "    longest: 1h\n  - name: oncall-writes"
        #expect(policy.contains(rule))
        try shop.write(
            "policy.yaml",
            policy.replacing(rule, with: "    longest: 1h\n    masking: support\n  - name: oncall-writes"))
    }

    private static let question = "SELECT 'to ' || 'anna@example.com with VCH-' || '987654321098'"

    @Test("a policy's profile and the host's detectors hold; what's read anew holds for sessions that open then")
    func rules() async throws {
        let shop = try await Installation.make(customers: 10)
        try shop.write("support.yaml", Self.profile("email: partial"))
        try shop.write("vouchers.yaml", Self.detectors)
        try shop.addToAgent("agent.yaml", "masking: [support.yaml]\ndetectors: [vouchers.yaml]\n")
        try Self.setProfile(shop)
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let before = try await lease.rows(Self.question)
        #expect(before.contains("to a…@example.com with ‹shop_voucher:"), "\(before)")
        #expect(!before.contains("987654321098"), "\(before)")
        let card = try await lease.rows("SELECT card FROM customers LIMIT 1")
        #expect(card.hasPrefix("…") && card.count == 5, "\(card)")
        // A value of another type than text stays one of it.
        let address = try await lease.rows("SELECT pg_typeof(a)::text, a FROM (SELECT inet '81.56.7.9' AS a) AS t")
        #expect(address == "inet|81.56.7.0/24", "\(address)")

        try shop.write("support.yaml", Self.profile("email: drop"))
        up.signal(SIGHUP)
        try await eventually { up.errors.contains("masking is read anew") }
        let after = try await lease.rows(Self.question)
        #expect(after.contains("to ‹dropped› with ‹shop_voucher:"), "\(after)")

        try shop.write("support.yaml", Self.profile("email: nonsense"))
        up.signal(SIGHUP)
        try await eventually { up.errors.contains("masking stays as it was") && up.errors.contains("support.yaml:3:") }
        #expect(try await lease.rows(Self.question).contains("to ‹dropped› with ‹shop_voucher:"))
    }

    @Test("a lease that masks more secrets than can be known again says so once, on record, in log and receipt")
    func taintOverflow() async throws {
        let shop = try await Installation.make(customers: 10)
        let telemetry = try freePort()
        try shop.addToAgent("agent.yaml", "telemetry: 127.0.0.1:\(telemetry)\n")
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let rows = try await lease.rows(
            "SELECT 'password=secret-no-' || n || '-abc' FROM generate_series(1, 4100) AS n")
        #expect(!rows.contains("secret-no-"))
        let record = try await shop.admin.record(lease: lease, event: "taint_overflow")
        #expect(record.details["kept"]?.number == 4096 && record.identity == "admin" && record.target == "shop-db")
        let ended = try await shop.admin.record(lease: lease, event: "session_ended")
        #expect(ended.details["receipt"]?["valuesMasked"]?["taint_overflow"]?.number == 4)
        #expect(try await shop.admin.records(event: "taint_overflow").count == 1)
        #expect(up.errors.contains("a lease has masked 4096 secrets"))
        let metrics = try await LoopbackHTTP.get(telemetry, "/metrics").body
        #expect(metrics.contains("\nglovebox_taint_overflow_total 4\n") && !metrics.contains("kind=\"taint_overflow\""))
        _ = await up.stop()
    }

    @Test("a target's own profile holds where policy names none; what it shows is in the receipt with its reason")
    func ofTarget() async throws {
        let shop = try await Installation.make(customers: 10)
        try shop.write(
            "support.yaml",
            """
            version: 1
            name: support
            kinds: {email: partial, phone: {as: show, reason: callers read it out}}
            names: {nickname: drop}
            allow: [{value: test@example.com, reason: our own account, until: 2099-01-31}]

            """)
        let telemetry = try freePort()
        try shop.addToAgent("agent.yaml", "masking: [support.yaml]\ntelemetry: 127.0.0.1:\(telemetry)\n")
        let agent = try shop.read("agent.yaml")
        #expect(agent.contains("    kind: postgres\n"))
        try shop.write(
            "agent.yaml", agent.replacing("    kind: postgres\n", with: "    kind: postgres\n    masking: support\n"))
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        #expect(
            try await lease.rows("SELECT 'nickname=Bo to anna@example.com or test@example.com, call +41 79 123 45 67'")
                == "nickname=‹dropped› to a…@example.com or test@example.com, call +41 79 123 45 67")
        let ended = try await shop.admin.record(lease: lease, event: "session_ended")
        let shown = ended.details["receipt"]?["valuesShown"]?.array ?? []
        #expect(
            Set(shown) == [
                .object([
                    "kind": .string("email"), "reason": .string("our own account"), "count": .number(1),
                ]),
                .object([
                    "kind": .string("phone"), "reason": .string("callers read it out"), "count": .number(1),
                ]),
            ])
        let metrics = try await LoopbackHTTP.get(telemetry, "/metrics").body
        #expect(
            metrics.contains(#"glovebox_values_shown_total{kind="email",reason="our own account"} 1"#), "\(metrics)")
        _ = await up.stop()

        try shop.write(
            "agent.yaml", try shop.read("agent.yaml").replacing("    masking: support\n", with: "    masking: suport\n")
        )
        let refused = try shop.launch("up")
        #expect(await refused.finished())
        #expect(refused.result.status != 0)
        #expect(refused.errors.contains("there is no masking profile 'suport'"), "\(refused.errors)")
        #expect(refused.errors.contains("agent.yaml:"))
    }

    @Test("what people write for the record is masked by the gateway's own detectors, too")
    func ofGateway() async throws {
        let shop = try await Installation.make(customers: 10)
        try shop.write("vouchers.yaml", Self.detectors)
        try shop.write("gateway.yaml", try shop.read("gateway.yaml") + "detectors: [vouchers.yaml]\n")
        let up = try await shop.up()
        let lease = try await shop.admin.openLease(reason: "code VCH-987654321098 of a customer")
        let opened = try await shop.admin.record(lease: lease, event: "lease_opened")
        let purpose = opened.details["purpose"]?.string ?? ""
        #expect(purpose.hasPrefix("code ‹shop_voucher:") && !purpose.contains("987654321098"), "\(purpose)")
        _ = await up.stop()
        try shop.write("vouchers.yaml", Self.detectors.replacing("[0-9]{12}", with: "[0-9]{13}"))
        let refused = try shop.launch("up")
        #expect(await refused.finished())
        #expect(refused.result.status != 0 && refused.errors.contains("vouchers.yaml:3"), "\(refused.errors)")
        let doctor = try await shop.admin.glovebox(["doctor", "--state", shop.state])
        #expect(doctor.output.contains("gateway detectors") && doctor.output.contains("vouchers.yaml:3"))
    }

    @Test("a profile that the agent hasn't got is refused at the session's start, and says what to do")
    func unknown() async throws {
        let shop = try await Installation.make(customers: 10)
        try Self.setProfile(shop)
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let client = try lease.start("SELECT 1")
        #expect(await client.finished())
        #expect(client.errors.contains("no masking profile 'support'"), "\(client.errors)")
        #expect(client.errors.contains("[configuration_invalid]"), "\(client.errors)")
        _ = await up.stop()
    }
}
