import GloveboxCore
import Policy
import TestSupport
import Testing

let examplePolicy = """
    version: 1
    groups:
      oncall: [ada, grace]
      payments: [linus]
    rules:
      - name: short-read
        groups: [oncall]
        targets: [shop-db]
        capabilities: [read]
        longest: 15m
        limits: {rows: 1000, bytes: 1MB, seconds: 5, sessions: 1}
      - name: long-read
        identities: [linus]
        groups: [oncall]
        targets: [shop-db, "eu-*"]
        capabilities: [read, observe]
        longest: 1h30m
      - name: production-write
        identities: [grace]
        labels: {env: production, tier: "1"}
        capabilities: [write, read]
        longest: 30m
        masking: strict
      - name: both
        identities: [hopper]
        targets: ["*"]
        labels: {env: staging}
        capabilities: [test]
        longest: 1d
    """

func policy(_ yaml: String = examplePolicy) throws -> PolicyDocument {
    try PolicyDocument(yaml: yaml, file: "policy.yaml")
}

func ask(
    _ identity: String, _ capabilities: Set<Capability>, on target: String = "shop-db", labels: [String: String] = [:],
    for duration: Duration = .seconds(60)
) throws -> PolicyQuestion {
    PolicyQuestion(
        identity: try IdentityName(identity), target: try TargetName(target), labels: labels,
        capabilities: capabilities,
        duration: duration)
}

extension PolicyDecision {
    var rule: String? {
        switch self {
        case .allow(let rule, _, _, _): rule
        case .deny(let rule, _): rule
        }
    }

    var denial: String? {
        if case .deny(_, let message) = self { message } else { nil }
    }
}

@Suite("What a policy allows")
struct PolicyTests {
    @Test("nothing is allowed by a policy without rules")
    func defaultDeny() throws {
        let decision = PolicyDocument().decide(try ask("ada", [.read]))
        #expect(
            decision
                == .deny(
                    rule: nil, message: "no rule lets ada read shop-db: no rule names ada; ask who keeps the policy"))
        #expect(decision.error?.code == .policyDenied)
        #expect(try policy("version: 1\nrules: []\n").decide(ask("ada", [.read])).denial != nil)
    }

    @Test("the first rule in the file that allows all of it answers, with its terms")
    func firstWins() throws {
        let short = try policy().decide(ask("ada", [.read], for: .seconds(900)))
        #expect(
            short
                == .allow(
                    rule: "short-read", longest: .seconds(900),
                    limits: Limits(rows: 1000, bytes: 1_000_000, seconds: 5, sessions: 1),
                    maskingProfile: "default"))
        let long = try policy().decide(ask("ada", [.read], for: .seconds(901)))
        #expect(long == .allow(rule: "long-read", longest: .seconds(5400), limits: Limits(), maskingProfile: "default"))
        #expect(short.error == nil)
    }

    @Test("rules don't add up: capabilities come from one rule")
    func noUnion() throws {
        let labels = ["env": "production", "tier": "1"]
        #expect(try policy().decide(ask("grace", [.read, .write], labels: labels)).rule == "production-write")
        let decision = try policy().decide(ask("grace", [.observe, .write], labels: labels))
        #expect(decision.denial != nil)
    }

    @Test("targets match by name, by beginning, and by all labels of a rule")
    func targets() throws {
        let policy = try policy()
        #expect(try policy.decide(ask("linus", [.read], on: "eu-orders")).rule == "long-read")
        #expect(try policy.decide(ask("linus", [.read], on: "eu")).denial != nil)
        #expect(try policy.decide(ask("linus", [.read], on: "shop-db2")).denial != nil)
        #expect(
            try policy.decide(ask("grace", [.write], on: "x", labels: ["env": "production", "tier": "1", "a": "b"]))
                .rule == "production-write")
        #expect(try policy.decide(ask("grace", [.write], on: "x", labels: ["env": "production"])).denial != nil)
        #expect(
            try policy.decide(ask("grace", [.write], on: "x", labels: ["env": "production", "tier": "2"])).denial != nil
        )
        #expect(try policy.decide(ask("hopper", [.test], on: "any", labels: ["env": "staging"])).rule == "both")
        #expect(try policy.decide(ask("hopper", [.test], on: "any")).denial != nil)
    }

    @Test("a denial names the nearest rule about the asker and the target, and why")
    func nearest() throws {
        let policy = try policy()
        #expect(
            try policy.decide(ask("ada", [.read], for: .seconds(7200)))
                == .deny(
                    rule: "long-read",
                    message:
                        "no rule lets ada read shop-db for 2h: rule 'long-read' allows observe, read but at most 1h30m")
        )
        #expect(
            try policy.decide(ask("ada", [.read, .write]))
                == .deny(
                    rule: "short-read", message: "no rule lets ada read, write shop-db: rule 'short-read' allows read"))
        #expect(
            try policy.decide(ask("ada", [.read], on: "vault"))
                == .deny(
                    rule: nil,
                    message:
                        "no rule lets ada read vault: the rules that name ada are about other targets; ask who keeps the policy"
                ))
    }

    @Test("a denial tells nothing of rules about others")
    func discreet() throws {
        let message = try policy().decide(ask("mallory", [.read])).denial ?? ""
        #expect(message.contains("no rule names mallory"))
        for rule in try policy().rules { #expect(!message.contains(rule.name)) }
    }

    @Test("an empty question is denied")
    func empty() throws {
        #expect(try policy().decide(ask("ada", [])).denial != nil)
        #expect(try policy().decide(ask("ada", [.read], for: .zero)).denial != nil)
        #expect(try policy().decide(ask("ada", [.read], for: .seconds(-1))).denial != nil)
        #expect(try policy().rejudge(ask("ada", [], for: .seconds(60))).denial != nil)
    }

    @Test("an open lease is judged by a rule that allows its time, else by the one that allows the longest")
    func rejudging() throws {
        let policy = try policy()
        #expect(try policy.rejudge(ask("ada", [.read], for: .seconds(3600))).rule == "long-read")
        #expect(try policy.rejudge(ask("ada", [.read], for: .seconds(600))).rule == "short-read")
        guard case .allow("long-read", let longest, _, _) = try policy.rejudge(ask("ada", [.read], for: .seconds(9999)))
        else {
            Issue.record("not allowed for a shorter time")
            return
        }
        #expect(longest == .seconds(5400))
        #expect(try policy.rejudge(ask("ada", [.write], for: .seconds(60))).denial != nil)
        #expect(try policy.rejudge(ask("mallory", [.read], for: .seconds(60))).denial != nil)
    }

    @Test("an allowance is never more than a rule says, whatever is asked")
    func property() throws {
        let policy = try policy()
        var generator = SeededGenerator(seed: 7)
        let names = ["ada", "grace", "linus", "hopper", "mallory"]
        let targets = ["shop-db", "eu-orders", "vault", "eu-"]
        let labels: [[String: String]] = [[:], ["env": "production", "tier": "1"], ["env": "staging"]]
        var allowed = 0
        for _ in 0..<5000 {
            let question = try ask(
                names.randomElement(using: &generator) ?? "ada",
                Set(Capability.allCases.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }),
                on: targets.randomElement(using: &generator) ?? "vault",
                labels: labels.randomElement(using: &generator) ?? [:],
                for: .seconds(Int.random(in: -10...100_000, using: &generator)))
            let decision = policy.decide(question)
            #expect(policy.decide(question) == decision)
            guard case .allow(let name, let longest, let limits, _) = decision else { continue }
            allowed += 1
            let rule = try #require(policy.rules.first { $0.name == name })
            #expect(question.capabilities.isSubset(of: rule.capabilities) && !question.capabilities.isEmpty)
            #expect(question.duration <= rule.longest && longest == rule.longest && limits == rule.limits)
            #expect(
                rule.identities.contains(question.identity)
                    || !rule.groups.isDisjoint(with: policy.groups(of: question.identity)))
        }
        #expect(allowed > 20)
    }
}

@Suite("The policy file")
struct PolicyFileTests {
    private func complaint(_ yaml: String) -> String? {
        do throws(GloveboxError) {
            _ = try PolicyDocument(yaml: yaml, file: "policy.yaml")
            return nil
        } catch {
            return error.code == .configurationInvalid ? error.message : "code \(error.code)"
        }
    }

    private func rule(_ lines: String...) -> String {
        "version: 1\ngroups: {oncall: [ada]}\nrules:\n  - " + lines.joined(separator: "\n    ") + "\n"
    }

    @Test("a mistake is refused with its place and what to write")
    func mistakes() {
        let tail = ["capabilities: [read]", "longest: 1h"]
        #expect(complaint("rules: []") == "policy.yaml:1:1: the document lacks 'version': write it")
        #expect(complaint("version: 1") == "policy.yaml:1:1: the document lacks 'rules': write it")
        #expect(complaint("version: 3\nrules: []")?.hasPrefix("policy.yaml:1:10: version 3") == true)
        #expect(
            complaint(rule("name: r", "identities: [ada]", tail[0], tail[1]))
                == "policy.yaml:4:5: rule 'r' is about no target: write targets, labels or both")
        #expect(
            complaint(rule("name: r", "targets: [x]", tail[0], tail[1]))
                == "policy.yaml:4:5: rule 'r' is for nobody: write identities, groups or both")
        #expect(
            complaint(rule("name: r", "groups: [oncal]", "targets: [x]", tail[0], tail[1]))
                == "policy.yaml:5:14: there's no group 'oncal': did you mean 'oncall'? Write it under 'groups'")
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [\"a*b\"]", tail[0], tail[1]))?.hasPrefix(
                "policy.yaml:6:15: 'a*b' is not a target's name") == true)
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [x]", "capabilities: []", tail[1]))?.hasPrefix(
                "policy.yaml:7:19: ") == true)
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [x]", "capabilities: [red]", tail[1]))?.contains(
                "7:20: 'red' isn't known here: did you mean 'read'?") == true)
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [x]", tail[0], "longest: forever"))?.hasPrefix(
                "policy.yaml:8:14: 'rules[0].longest' is 'forever': write a duration") == true)
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [x]", tail[0], tail[1], "limits: {row: 1}"))?
                .contains("9:14: unknown key 'row': did you mean 'rows'?") == true)
        #expect(
            complaint(rule("name: r", "groups: [oncall]", "targets: [x]", tail[0], tail[1], "limits: {rows: 0}"))?
                .contains("write a whole number from 1") == true)
        #expect(complaint(rule("name: r", "group: [oncall]", "targets: [x]", tail[0], tail[1])) != nil)
        #expect(
            complaint("version: 1\ngroups: {oncall: [Ada]}\nrules: []")?.hasPrefix(
                "policy.yaml:2:19: 'Ada' is not a name for an identity") == true)
    }

    @Test("two rules can't have one name")
    func uniqueNames() {
        let one = "  - {name: r, identities: [ada], targets: [x], capabilities: [read], longest: 1h}\n"
        #expect(complaint("version: 1\nrules:\n" + one) == nil)
        #expect(
            complaint("version: 1\nrules:\n" + one + one)
                == "policy.yaml:4:5: two rules are called 'r': give each a name of its own")
    }

    @Test("a broken file leaves the last good policy in force, and says so until a good one comes")
    func holder() throws {
        let holder = PolicyHolder(try policy())
        let before = holder.current
        #expect(throws: GloveboxError.self) { try holder.replace(yaml: "version: 1\nrules: [", file: "policy.yaml") }
        #expect(holder.current == before)
        #expect(holder.refusal?.code == .configurationInvalid)
        #expect(try holder.replace(yaml: examplePolicy + "\n# changed\n", file: "policy.yaml") == false)
        #expect(holder.refusal == nil)
        #expect(try holder.replace(yaml: "version: 1\nrules: []", file: "policy.yaml") == true)
        #expect(holder.current == PolicyDocument())
    }
}
