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
