import GloveboxCore
import Policy
import TestSupport
import Testing

private let exampleCeiling = """
    version: 1
    targets:
      shop-db:
        capabilities: [read, rehearse]
        longest: 2h
        limits: {rows: 1000, seconds: 60}
        columns:
          public.customers.email: email
          '"Odd.Schema"."a""b".C': phone
        superuser: true
      bare:
        capabilities: [read]
        longest: 15m
    """

private func ceiling() throws -> CeilingDocument {
    try CeilingDocument(yaml: exampleCeiling, file: "ceiling.yaml")
}

private func grant(
    _ target: String = "shop-db", _ capabilities: Set<Capability> = Set(Capability.allCases), limits: Limits = Limits(),
    remaining: Duration = .seconds(60)
) throws -> LeaseGrant {
    LeaseGrant(
        lease: .random(), holder: try IdentityName("ada"), target: try TargetName(target), purpose: "p",
        capabilities: capabilities, limits: limits, maskingProfile: "none", rule: "everything", remaining: remaining)
}

@Suite("What a ceiling lets any gateway ask")
struct CeilingTests {
    @Test("the tighter limits and the shorter time of both hold")
    func tightened() throws {
        let loose = try grant(limits: Limits(rows: 1_000_000, bytes: 5), remaining: .seconds(999_999))
        #expect(
            try ceiling().check(loose, capability: .read)
                == .allow(
                    limits: Limits(rows: 1000, bytes: 5, seconds: 60), remaining: .seconds(7200)))
        let tight = try grant(limits: Limits(rows: 1, seconds: 1), remaining: .seconds(1))
        #expect(
            try ceiling().check(tight, capability: .read)
                == .allow(
                    limits: Limits(rows: 1, seconds: 1), remaining: .seconds(1)))
    }

    @Test("a target that the ceiling doesn't name is refused")
    func unknownTarget() throws {
        let decision = try ceiling().check(grant("vault"), capability: .read)
        #expect(
            decision
                == .deny(
                    rule: "targets", message: "the agent's ceiling doesn't name 'vault': add it on the agent's host"))
        #expect(decision.error?.code == .ceilingDenied)
        #expect(CeilingDocument().check(try grant(), capability: .read).error != nil)
    }

    @Test("a capability beyond the ceiling is refused by its rule, whatever the gateway grants")
    func capability() throws {
        for capability in Capability.allCases where capability != .read && capability != .rehearse {
            #expect(
                try ceiling().check(grant(), capability: capability)
                    == .deny(
                        rule: "targets.shop-db.capabilities",
                        message: "the agent's ceiling allows read, rehearse on shop-db, not \(capability.rawValue)"))
        }
    }

    @Test("a capability that the lease lacks, and a lease without time, are refused at the agent too")
    func lease() throws {
        #expect(try ceiling().check(grant("shop-db", [.rehearse]), capability: .read).error != nil)
        #expect(try ceiling().check(grant(remaining: .zero), capability: .read).error != nil)
        #expect(try ceiling().check(grant(remaining: .seconds(-1)), capability: .read).error != nil)
    }

    @Test("no grant gets past the ceiling")
    func property() throws {
        let document = try ceiling()
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3000 {
            let name = ["shop-db", "bare", "vault"].randomElement(using: &generator) ?? "bare"
            let capability = Capability.allCases.randomElement(using: &generator) ?? .read
            let given = try grant(
                name, Set(Capability.allCases.filter { _ in Bool.random(using: &generator) }),
                limits: Limits(
                    rows: Bool.random(using: &generator) ? nil : Int64.random(in: 1...5000, using: &generator)),
                remaining: .seconds(Int.random(in: -5...20_000, using: &generator)))
            guard case .allow(let limits, let remaining) = document.check(given, capability: capability) else {
                continue
            }
            let target = try #require(document.targets[given.target])
            #expect(target.capabilities.contains(capability) && given.capabilities.contains(capability))
            #expect(remaining > .zero && remaining <= target.longest && remaining <= given.remaining)
            #expect((limits.rows ?? .max) <= min(target.limits.rows ?? .max, given.limits.rows ?? .max))
        }
    }

    @Test("the file's other settings are read, and off unless they're written")
    func settings() throws {
        let shop = try #require(try ceiling().targets[TargetName("shop-db")])
        #expect(shop.allowsSuperuser && !shop.allowsWritingReader)
        #expect(
            shop.columns == [
                ClassifiedColumn(schema: "public", table: "customers", column: "email", kind: "email"),
                ClassifiedColumn(schema: "Odd.Schema", table: "a\"b", column: "C", kind: "phone"),
            ])
        let bare = try #require(try ceiling().targets[TargetName("bare")])
        #expect(bare == CeilingTarget(capabilities: [.read], longest: .seconds(900)))
    }

    @Test(
        "a mistake in the file is refused with its place",
        arguments: [
            ("public.customers: email", "ceiling.yaml:6:9: 'public.customers' is not a column"),
            ("a.b.c.d: email", "ceiling.yaml:6:9: "),
            ("a..c: email", "ceiling.yaml:6:9: "),
            ("'\"a.b.c': email", "ceiling.yaml:6:9: "),
            ("a.b.c: ", "ceiling.yaml:6:15: "),
            ("a.b.c: E Mail", "ceiling.yaml:6:16: "), ("a.b.c: api-key", "ceiling.yaml:6:16: 'api-key' is not a kind"),
            ("{a.b.c: email, '\"a\".b.c': phone}", "ceiling.yaml:6:24: this column is written twice"),
        ])
    func mistakes(_ column: String, _ message: String) throws {
        let yaml =
            "version: 1\ntargets:\n  t:\n    capabilities: [read]\n    columns:\n        " + column
            + "\n    longest: 1h\n"
        do throws(GloveboxError) {
            _ = try CeilingDocument(yaml: yaml, file: "ceiling.yaml")
            Issue.record("accepted")
        } catch {
            #expect(error.message.hasPrefix(message), "\(error.message)")
        }
    }

    @Test("an unknown key in a ceiling is refused: a limit that's misspelt would not hold")
    func unknownKey() {
        do throws(GloveboxError) {
            _ = try CeilingDocument(
                yaml: "version: 1\ntargets: {t: {capabilities: [read], longest: 1h, limit: {rows: 1}}}", file: "c")
            Issue.record("accepted")
        } catch {
            #expect(error.message.hasPrefix("c:2:50: unknown key 'limit': did you mean 'limits'?"), "\(error.message)")
        }
    }

    @Test("a column is shown in spite of its name only with a reason")
    func shown() throws {
        func ceiling(_ column: String) throws -> CeilingTarget? {
            let start = "version: 1\ntargets:\n  t:\n    capabilities: [read]\n    longest: 1h\n    columns:\n      "
            return try CeilingDocument(yaml: start + column, file: "c.yaml").targets[TargetName("t")]
        }
        let target = try #require(try ceiling("a.b.phone: {show: the shops' own}\n      a.b.email: email"))
        #expect(target.shown == [.init(schema: "a", table: "b", column: "phone", reason: "the shops' own")])
        #expect(target.columns.map(\.column) == ["email"])
        for text in ["a.b.c: {show: ' '}", "a.b.c: {show: }", "a.b.c: {why: x}", "a.b.c: {show: x}\n      a.b.c: name"]
        {
            #expect(throws: GloveboxError.self, "\(text)") { try ceiling(text) }
        }
    }
}
