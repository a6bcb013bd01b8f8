import GloveboxCore
import Policy
import TestSupport
import Testing

@Suite("A policy held against what is meant by it")
struct PolicyTableTests {
    @Test("each rule says why it doesn't allow what is asked, and the first that does is the one that decides")
    func explained() throws {
        let verdicts = try policy().explain(ask("linus", [.read], labels: ["env": "production"]))
        #expect(
            verdicts == [
                RuleVerdict(rule: "short-read", reason: .namesOthers),
                RuleVerdict(rule: "long-read", reason: .allows),
                RuleVerdict(rule: "production-write", reason: .namesOthers),
                RuleVerdict(rule: "both", reason: .namesOthers),
            ])
        let grace = try policy().explain(ask("grace", [.write, .observe], for: .seconds(1200)))
        #expect(
            grace.map(\.reason) == [
                .lacks([.observe, .write].sorted()), .lacks([.write]), .aboutOtherTargets, .namesOthers,
            ])
        let long = try policy().explain(ask("ada", [.read], for: .seconds(1200)))
        #expect(long.map(\.reason).prefix(2) == [.tooLong(longest: .seconds(900)), .allows])
    }

    @Test("what is explained is what is decided, for every question")
    func agrees() throws {
        let policy = try policy()
        for identity in ["ada", "grace", "linus", "hopper", "nobody"] {
            for capabilities in [[.read], [.write], [.read, .write], [.test], [.observe, .read]] as [Set<Capability>] {
                for target in ["shop-db", "eu-1", "other"] {
                    for labels in [[:], ["env": "production", "tier": "1"], ["env": "staging"]] {
                        for seconds in [60, 900, 901, 5400, 86_401] {
                            let question = try ask(
                                identity, capabilities, on: target, labels: labels, for: .seconds(seconds))
                            let decision = policy.decide(question)
                            let allows = policy.explain(question).first(where: \.allows)
                            #expect((decision.denial == nil) == (allows != nil))
                            if let allows { #expect(decision.rule == allows.rule) }
                        }
                    }
                }
            }
        }
    }

    private static func table(_ cases: String) throws -> PolicyTable {
        try PolicyTable(yaml: "version: 1\ncases:\n" + cases, file: "table.yaml")
    }

    @Test("a table's cases come out as expected or otherwise, by decision and by rule")
    func outcomes() throws {
        let table = try Self.table(
            """
              - {name: a, identity: ada, target: shop-db, capabilities: [read], for: 15m, expect: allow, rule: short-read}
              - {name: b, identity: ada, target: shop-db, capabilities: [read], for: 1h, expect: allow, rule: short-read}
              - {name: c, identity: ada, target: shop-db, capabilities: [write], for: 1m, expect: deny}
              - {name: d, identity: grace, target: db, labels: {env: production, tier: "1"}, capabilities: [write], for: 1m, expect: deny}
              - {name: e, identity: ada, target: shop-db, capabilities: [write], for: 1m, expect: allow}
            """)
        let outcomes = try policy().test(table)
        #expect(outcomes.map(\.tested.name) == ["a", "b", "c", "d", "e"])
        #expect(outcomes.map(\.isExpected) == [true, false, true, false, false])
        #expect(outcomes.map(\.decision) == [.allow, .allow, .deny, .allow, .deny])
        #expect(outcomes[1].rule == "long-read" && outcomes[1].tested.line == 4)
        #expect(outcomes[4].message?.contains("no rule lets ada write shop-db") == true)
    }

    @Test(
        "a table that can't be understood is refused with its place",
        arguments: [
            ("  []", "table.yaml:3:3: 'cases' is empty, and would pass with any policy: write at least one"),
            ("  - {name: a}", "table.yaml:3:5: 'cases[0]' lacks 'identity': write it"),
            (
                "  - {name: a, identity: ada, target: t, capabilities: [read], for: 1m, expect: alow}",
                "table.yaml:3:80: 'alow' isn't known here: did you mean 'allow'? Write one of allow, deny, approval"
            ),
            (
                "  - {name: a, identity: ada, target: t, capabilities: [], for: 1m, expect: allow}",
                "table.yaml:3:55: 'cases[0].capabilities' is empty: write at least one, such as [read]"
            ),
        ])
    func refused(_ cases: String, _ message: String) throws {
        let error = #expect(throws: GloveboxError.self) { try Self.table(cases) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message == message)
    }
}
