import Approvals
import Contracts
import GloveboxCore
import TestSupport
import Testing

@Suite("The life of an approval")
struct ApprovalMachineTests {
    private let time = ManualTime()
    private let ada = IdentityName(unchecked: "ada")

    private static let subject = LeaseSubject(
        holder: IdentityName(unchecked: "ada"), target: TargetName(unchecked: "shop-db"), purpose: "INC-1",
        capabilities: [.read, .write], duration: .seconds(900), rule: "writes", limits: Limits(rows: 10),
        maskingProfile: "default")

    private func lead(
        _ name: String, role: Role = .approver, isDisabled: Bool = false, groups: Set<String> = ["leads"]
    ) -> Approver {
        Approver(name: IdentityName(unchecked: name), role: role, isDisabled: isDisabled, groups: groups)
    }

    private static let twoLeads = ApprovalRequirement(count: 2, groups: ["leads"], within: .seconds(3600))

    private func asked(_ requirement: ApprovalRequirement = Self.twoLeads) -> ApprovalMachine {
        ApprovalMachine(asking: .random(), Self.subject, by: self.ada, requirement: requirement, at: self.time.reading)
    }

    @discardableResult
    private func grant(
        _ machine: inout ApprovalMachine, by approver: Approver, others: [Approver] = []
    ) throws(GloveboxError) -> ApprovalAction {
        try machine.vote(
            .grant, on: Self.subject.digest, by: approver, reason: nil, others: others, at: self.time.reading)
    }

    private func use(
        _ machine: inout ApprovalMachine, for subject: LeaseSubject = Self.subject, by name: String = "ada",
        requirement: ApprovalRequirement = Self.twoLeads, voters: [Approver]
    ) throws(GloveboxError) -> ApprovalAction {
        try machine.use(
            for: subject, by: IdentityName(unchecked: name), lease: LeaseID(unchecked: "0123456789ab"),
            requirement: requirement, voters: voters, at: self.time.reading)
    }

    @Test("two leads grant it, and it's used once")
    func granted() throws {
        let (bob, eve) = (self.lead("bob"), self.lead("eve"))
        var machine = self.asked()
        #expect(code { () throws(GloveboxError) in _ = try self.use(&machine, voters: []) } == .approvalNeeded)
        #expect(try self.grant(&machine, by: bob) == .counted(missing: 1))
        #expect(code { () throws(GloveboxError) in _ = try self.use(&machine, voters: [bob]) } == .approvalNeeded)
        #expect(try self.grant(&machine, by: eve, others: [bob]) == .granted)
        #expect(try self.use(&machine, voters: [bob, eve]) == .used)
        #expect(machine.approval.lease == LeaseID(unchecked: "0123456789ab"))
        #expect(
            code { () throws(GloveboxError) in _ = try self.use(&machine, voters: [bob, eve]) } == .approvalNotOpen)
        #expect(code { () throws(GloveboxError) in try self.grant(&machine, by: self.lead("max")) } == .approvalNotOpen)
    }

    @Test(
        "who has no say in it can neither grant nor deny it",
        arguments: [
            ("ada", Role.approver, false, "leads"), ("bob", .member, false, "leads"), ("bob", .auditor, false, "leads"),
            ("bob", .approver, true, "leads"), ("bob", .approver, false, "oncall"),
        ])
    func noSay(name: String, role: Role, isDisabled: Bool, group: String) throws {
        let approver = self.lead(name, role: role, isDisabled: isDisabled, groups: [group])
        for verdict in [ApprovalVote.Verdict.grant, .deny] {
            var machine = self.asked()
            let before = machine
            let found = code { () throws(GloveboxError) in
                _ = try machine.vote(
                    verdict, on: Self.subject.digest, by: approver, reason: nil, others: [], at: self.time.reading)
            }
            #expect(found == .forbidden)
            #expect(machine == before)
        }
    }

    @Test("where no group is named anybody who may approve counts, but never the asker")
    func anybody() throws {
        let requirement = ApprovalRequirement(count: 1, within: .seconds(60))
        var machine = self.asked(requirement)
        let admin = self.lead("root", role: .admin, groups: [])
        #expect(
            code { () throws(GloveboxError) in try self.grant(&machine, by: self.lead("ada", role: .admin)) }
                == .forbidden)
        #expect(try self.grant(&machine, by: admin) == .granted)
        #expect(try self.use(&machine, requirement: requirement, voters: [admin]) == .used)
    }

    @Test("one approver is one grant, however often they say so")
    func twice() throws {
        let bob = self.lead("bob")
        var machine = self.asked()
        try self.grant(&machine, by: bob)
        #expect(code { () throws(GloveboxError) in try self.grant(&machine, by: bob, others: [bob]) } == .conflict)
        #expect(machine.missing([bob]) == 1)
        #expect(machine.missing([bob, bob]) == 1)
    }

    @Test(
        "a grant counts only while its approver does: disabled, out of the group or out of the role, it's needed anew",
        arguments: [(Role.approver, true, "leads"), (.approver, false, "oncall"), (.member, false, "leads")])
    func lapsed(role: Role, isDisabled: Bool, group: String) throws {
        let (bob, eve) = (self.lead("bob"), self.lead("eve"))
        let gone = self.lead("bob", role: role, isDisabled: isDisabled, groups: [group])
        var machine = self.asked()
        try self.grant(&machine, by: bob)
        try self.grant(&machine, by: eve, others: [bob])
        #expect(try self.use(&machine, voters: [gone, eve]) == .reopened(missing: 1))
        #expect(machine.approval.state == .pending)
        #expect(try self.use(&machine, voters: [eve, self.lead("bob")]) == .used, "and counts again when they do")

        var other = self.asked()
        try self.grant(&other, by: bob)
        #expect(try self.grant(&other, by: eve, others: [gone]) == .counted(missing: 1))
        #expect(try self.grant(&other, by: self.lead("max"), others: [gone, eve]) == .granted)
        // One who was removed isn't even handed in.
        #expect(try self.use(&other, voters: [eve]) == .reopened(missing: 1))
    }

    @Test("what the rule asks for when it's used is what counts")
    func stricter() throws {
        let bob = self.lead("bob")
        var machine = self.asked(ApprovalRequirement(count: 1, groups: ["leads"], within: .seconds(3600)))
        try self.grant(&machine, by: bob)
        #expect(try self.use(&machine, requirement: Self.twoLeads, voters: [bob]) == .reopened(missing: 1))
        #expect(machine.approval.requirement?.count == 2)
    }

    @Test("one denial ends it, before and after it was granted, also by who granted it")
    func denied() throws {
        let (bob, eve) = (self.lead("bob"), self.lead("eve"))
        var machine = self.asked()
        try self.grant(&machine, by: bob)
        try self.grant(&machine, by: eve, others: [bob])
        let action = try machine.vote(
            .deny, on: Self.subject.digest, by: bob, reason: "wrong database", others: [bob, eve],
            at: self.time.reading)
        #expect(action == .denied)
        #expect(machine.approval.votes.last?.reason == "wrong database")
        #expect(
            code { () throws(GloveboxError) in _ = try self.use(&machine, voters: [bob, eve]) } == .approvalNotOpen)
    }

    @Test("consent is to what was seen, and use is of what was consented to: any difference is refused")
    func altered() throws {
        let one = ApprovalRequirement(count: 1, within: .seconds(3600))
        let bob = self.lead("bob")
        var machine = self.asked(one)
        var digest = Self.subject.digest
        digest[31] ^= 1
        let found = code { () throws(GloveboxError) in
            _ = try machine.vote(.grant, on: digest, by: bob, reason: nil, others: [], at: self.time.reading)
        }
        #expect(found == .approvalMismatch)
        try self.grant(&machine, by: bob)
        let changes: [(inout LeaseSubject) -> Void] = [
            { $0.holder = IdentityName(unchecked: "bob") }, { $0.target = TargetName(unchecked: "shop-db2") },
            { $0.purpose += " " }, { $0.capabilities = [.read] }, { $0.capabilities.insert(.reveal) },
            { $0.duration += .nanoseconds(1) }, { $0.rule = "reads" }, { $0.limits.rows = nil },
            { $0.limits.bytes = 1 }, { $0.maskingProfile = "none" },
        ]
        for change in changes {
            var altered = Self.subject
            change(&altered)
            #expect(altered.digest != Self.subject.digest)
            let found = code { () throws(GloveboxError) in
                _ = try self.use(&machine, for: altered, requirement: one, voters: [bob])
            }
            #expect(found == .approvalMismatch)
        }
        let other = code { () throws(GloveboxError) in
            _ = try self.use(&machine, by: "eve", requirement: one, voters: [bob])
        }
        #expect(other == .forbidden)
        #expect(try self.use(&machine, requirement: one, voters: [bob]) == .used)
    }

    @Test("what's shown is read back from what is consented to")
    func shown() throws {
        let machine = self.asked()
        #expect(try LeaseSubject(of: machine.approval) == Self.subject)
        var forged = machine.approval
        var other = Self.subject
        other.capabilities = [.read]
        forged.subject = other.canonicalBytes
        #expect(code { () throws(GloveboxError) in _ = try LeaseSubject(of: forged) } == .storeCorrupt)
    }

    @Test("its time is judged on the boot clock, whatever the wall clock does", arguments: [-31_536_000, 31_536_000])
    func wallClock(jump: Int) throws {
        let bob = self.lead("bob")
        let one = ApprovalRequirement(count: 1, within: .seconds(3600))
        var machine = self.asked(one)
        self.time.jumpWall(by: .seconds(jump))
        self.time.advance(by: .seconds(3599))
        #expect(machine.expire(at: self.time.reading) == .none)
        try self.grant(&machine, by: bob)
        var late = machine
        self.time.advance(by: .seconds(1))
        #expect(
            code { () throws(GloveboxError) in _ = try self.use(&late, requirement: one, voters: [bob]) }
                == .approvalNotOpen)
        #expect(late.expire(at: self.time.reading) == .expired)
        #expect(late.expire(at: self.time.reading) == .none, "said once")
    }

    @Test("after a reboot the earlier of wall expiry and what was left holds")
    func reboot() throws {
        var machine = self.asked(ApprovalRequirement(count: 1, within: .seconds(3600)))
        self.time.advance(by: .seconds(600))
        #expect(machine.keepRemainder(at: self.time.reading) == .changed)
        let stored = machine.approval
        func rebooted(wallJump: Int) -> ApprovalMachine {
            let after = ManualTime(
                wall: self.time.wall.advanced(by: .seconds(wallJump)), boot: BootInstant(nanoseconds: 5),
                bootID: BootID("boot-2"))
            var machine = ApprovalMachine(stored)
            _ = machine.resume(at: after.reading)
            return machine
        }
        let back = rebooted(wallJump: -31_536_000)
        #expect(back.approval.isOpen && back.approval.expiry?.remainder == .seconds(3000))
        let hour = rebooted(wallJump: 2000)
        #expect(hour.approval.isOpen && hour.approval.expiry?.remainder == .seconds(1000))
        let year = rebooted(wallJump: 31_536_000)
        #expect(!year.approval.isOpen)
    }

    @Test("break-glass stays open until somebody else who may approve has reviewed it")
    func breakGlass() throws {
        var machine = ApprovalMachine(
            breakingGlass: .random(), Self.subject, by: self.ada, for: LeaseID(unchecked: "0123456789ab"),
            at: self.time.reading)
        #expect(machine.approval.isUnreviewed && machine.approval.isBreakGlass)
        for reviewer in [
            self.lead("ada", role: .admin), self.lead("bob", role: .member), self.lead("bob", isDisabled: true),
        ] {
            let found = code { () throws(GloveboxError) in
                _ = try machine.review(by: reviewer, note: "fine", at: self.time.reading)
            }
            #expect(found == .forbidden)
        }
        self.time.advance(by: .seconds(31_536_000))
        #expect(machine.expire(at: self.time.reading) == .none)
        #expect(try machine.review(by: self.lead("bob"), note: "fine", at: self.time.reading) == .reviewed)
        let again = code { () throws(GloveboxError) in
            _ = try machine.review(by: self.lead("eve"), note: "fine", at: self.time.reading)
        }
        #expect(again == .approvalNotOpen)
        #expect(code { () throws(GloveboxError) in try self.grant(&machine, by: self.lead("eve")) } == .approvalNotOpen)
    }

    @Test("steps that are on record and weren't stored are taken in once, in order")
    func recovery() throws {
        let bob = self.lead("bob")
        var machine = self.asked()
        let stored = machine
        try self.grant(&machine, by: bob)
        let id = stored.approval.id
        func record(_ event: RecordEvent) -> Record { Record(time: self.time.wall, identity: self.ada, event: event) }
        let grant = record(.approvalGranted(id, by: bob.name, digest: "", reason: nil))
        var recovered = stored
        recovered.recover(grant)
        #expect(recovered == machine)
        recovered.recover(grant)
        #expect(recovered == machine, "one grant, though it's on record twice")
        recovered.recover(
            record(.approvalGranted(.random(), by: IdentityName(unchecked: "eve"), digest: "", reason: nil)))
        #expect(recovered == machine, "another approval's grant isn't this one's")
        var used = record(.approvalUsed(id, grantedBy: []))
        used.lease = LeaseID(unchecked: "0123456789ab")
        recovered.recover(used)
        #expect(!recovered.approval.isOpen && recovered.approval.lease == used.lease)
        recovered.recover(record(.approvalDenied(id, by: bob.name, digest: "", reason: nil)))
        #expect(recovered.approval.state == .used(at: self.time.wall))
        var denied = stored
        denied.recover(record(.approvalDenied(id, by: bob.name, digest: "", reason: nil)))
        #expect(denied.approval.state == .denied(at: self.time.wall))
    }

    @Test("whoever asked can withdraw it, and nobody else")
    func withdrawn() throws {
        var machine = self.asked()
        let other = code { () throws(GloveboxError) in
            _ = try machine.withdraw(by: IdentityName(unchecked: "bob"), at: self.time.reading)
        }
        #expect(other == .forbidden)
        #expect(try machine.withdraw(by: self.ada, at: self.time.reading) == .withdrawn)
        #expect(!machine.approval.isOpen)
    }
}

/// The code of what `body` throws.
private func code(_ body: () throws(GloveboxError) -> Void) -> GloveboxError.Code? {
    do throws(GloveboxError) {
        try body()
        return nil
    } catch {
        return error.code
    }
}
