import GloveboxCore
import Policy
import Testing

private let withApproval = """
    version: 1
    groups:
      oncall: [ada, grace]
      leads: [bob, eve]
    rules:
      - name: reads
        groups: [oncall]
        targets: [shop-db]
        capabilities: [read]
        longest: 1h
      - name: writes
        groups: [oncall]
        targets: [shop-db]
        capabilities: [read, write]
        longest: 30m
        approval: {count: 2, from: [leads], within: 10m}
        break_glass: {identities: [grace], longest: 5m}
      - name: longer-in-need
        identities: [ada]
        targets: ["*"]
        capabilities: [read]
        longest: 2h
        limits: {rows: 5}
        approval: {}
        break_glass: {groups: [leads], longest: 15m}
    """

@Suite("Approval and break-glass in the policy")
struct PolicyApprovalTests {
    @Test("a rule says whose consent it takes, and what's left out is one approver within an hour")
    func reading() throws {
        let document = try policy(withApproval)
        #expect(document.rule(named: "reads")?.approval == nil)
        #expect(
            document.rule(named: "writes")?.approval
                == ApprovalRequirement(count: 2, groups: ["leads"], within: .seconds(600)))
        #expect(
            document.rule(named: "longer-in-need")?.approval
                == ApprovalRequirement(count: 1, groups: [], within: .seconds(3600)))
        #expect(
            document.rule(named: "writes")?.breakGlass
                == BreakGlassRule(identities: [try IdentityName("grace")], longest: .seconds(300)))
    }

    @Test("the first rule that allows all of it answers, with approval or without")
    func order() throws {
        let document = try policy(withApproval)
        #expect(document.decide(try ask("ada", [.read])).rule == "reads")
        #expect(document.decide(try ask("ada", [.read, .write])).rule == "writes")
        #expect(document.decide(try ask("ada", [.read], for: .seconds(7200))).rule == "longer-in-need")
    }

    @Test("a table tells what opens at once from what takes approval")
    func table() throws {
        let table = try PolicyTable(
            yaml: """
                version: 1
                cases:
                  - {name: a, identity: ada, target: shop-db, capabilities: [read], for: 15m, expect: allow}
                  - {name: b, identity: ada, target: shop-db, capabilities: [write], for: 15m, expect: approval, rule: writes}
                  - {name: c, identity: ada, target: shop-db, capabilities: [write], for: 15m, expect: allow}
                """, file: "table.yaml")
        let outcomes = try policy(withApproval).test(table)
        #expect(outcomes.map(\.isExpected) == [true, true, false])
        #expect(outcomes.map(\.decision) == [.allow, .approval, .approval])
    }

    @Test("break-glass lets those in whom a rule names for it, for its capabilities, targets and its own time")
    func breakGlass() throws {
        let document = try policy(withApproval)
        let grace = document.decideBreakGlass(try ask("grace", [.write], for: .seconds(300)))
        guard case .allow("writes", .seconds(300), _, _) = grace else {
            Issue.record("\(grace)")
            return
        }
        let long = document.decideBreakGlass(try ask("grace", [.write], for: .seconds(301)))
        #expect(
            long.denial
                == "no rule lets grace break glass to write shop-db for 5m1s: rule 'writes' allows at most 5m")
        #expect(document.decideBreakGlass(try ask("grace", [.reveal])).error?.code == .policyDenied)
        #expect(
            document.decideBreakGlass(try ask("ada", [.read])).denial
                == "no rule lets ada break glass to read shop-db: ask for approval without --break-glass")
        // Whom the rule isn't otherwise for: bob leads, and reads nothing on ordinary days.
        #expect(document.decide(try ask("bob", [.read], on: "other")).error != nil)
        let bob = document.decideBreakGlass(try ask("bob", [.read], on: "other", for: .seconds(900)))
        guard case .allow("longer-in-need", _, let limits, _) = bob else {
            Issue.record("\(bob)")
            return
        }
        #expect(limits.rows == 5)
        #expect(document.decideBreakGlass(try ask("grace", [])).error != nil)
        #expect(document.decideBreakGlass(try ask("grace", [.write], for: .zero)).error != nil)
    }

    @Test("an open break-glass lease is shortened by a rule that allows less, and ended by none")
    func rejudging() throws {
        let document = try policy(withApproval)
        let question = try ask("grace", [.write], for: .seconds(3600))
        guard case .allow("writes", .seconds(300), _, _) = document.rejudgeBreakGlass(question) else {
            Issue.record("it isn't shortened")
            return
        }
        #expect(document.rejudgeBreakGlass(try ask("ada", [.write])).error != nil)
    }

    @Test(
        "a mistake in it is refused with its place and what to write",
        arguments: [
            ("approval: {count: 0}", "8:23: 'rules[0].approval.count' is 0: write a whole number from 1 to 10"),
            (
                "approval: {from: [lead]}",
                "8:23: there's no group 'lead': did you mean 'leads'? Write it under 'groups'"
            ),
            (
                "approval: {from: []}",
                "8:15: 'rules[0].approval' is from nobody: name a group in 'from', or leave 'from' out"
            ),
            (
                "approval: {count: 3, from: [leads]}",
                "8:15: 'rules[0].approval' takes 3, and leads has 2 in all: nobody could ever be granted anything"
            ),
            ("approval: {within: never}", "8:24: 'rules[0].approval.within' is 'never': write a duration"),
            ("approval: {form: [leads]}", "8:16: unknown key 'form': did you mean 'from'?"),
            (
                "break_glass: {longest: 5m}",
                "8:18: 'rules[0].break_glass' is for nobody: write identities, groups or both"
            ),
            ("break_glass: {identities: [ada]}", "8:18: 'rules[0].break_glass' lacks 'longest': write it"),
            (
                "break_glass: {identities: [ada], longest: 2h}",
                "8:47: 'rules[0].break_glass.longest' is longer than the rule's own 'longest': break-glass is brief"
            ),
            ("break_glass: {groups: [oncal], longest: 5m}", "8:28: there's no group 'oncal'"),
        ])
    func mistakes(line: String, complaint: String) {
        let yaml = """
            version: 1
            groups: {leads: [bob, eve]}
            rules:
              - name: r
                identities: [ada]
                targets: [x]
                capabilities: [read]
                \(line)
                longest: 1h
            """
        let error = #expect(throws: GloveboxError.self) { try policy(yaml) }
        #expect(error?.code == .configurationInvalid)
        #expect(error?.message.hasPrefix("policy.yaml:\(complaint)") == true, "\(error?.message ?? "")")
    }
}
