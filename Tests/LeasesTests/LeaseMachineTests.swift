import Contracts
import GloveboxCore
import Leases
import TestSupport
import Testing

let exampleTerms = LeaseTerms(
    rule: "oncall", longest: .seconds(3600), limits: Limits(rows: 10), maskingProfile: "default")

func openLease(at time: ManualTime, for duration: Duration) throws -> LeaseMachine {
    try LeaseMachine(
        opening: .random(),
        LeaseProposal(
            holder: try IdentityName("ada"), target: try TargetName("shop-db"), purpose: "INC-4711",
            capabilities: [.read], duration: duration),
        terms: exampleTerms, verifier: ScramVerifier(salt: [1], iterations: 4096, storedKey: [2], serverKey: [3]),
        at: time.reading)
}

/// The code of what `body` throws.
func code(_ body: () throws(GloveboxError) -> Void) -> GloveboxError.Code? {
    do throws(GloveboxError) {
        try body()
        return nil
    } catch {
        return error.code
    }
}

@Suite("The life of a lease")
struct LeaseMachineTests {
    private let time = ManualTime()

    @Test("an opened lease has the terms that allowed it and the time that was asked for")
    func opening() throws {
        let lease = try openLease(at: self.time, for: .seconds(900)).lease
        #expect(lease.isActive && lease.granted == .seconds(900) && lease.openedAt == self.time.wall)
        #expect((lease.rule, lease.longest, lease.limits.rows) == ("oncall", .seconds(3600), 10))
        #expect(lease.expiry.remaining(at: self.time.reading) == .seconds(900))
        #expect(throws: GloveboxError.self) { try openLease(at: self.time, for: .seconds(3601)) }
        #expect(throws: GloveboxError.self) { try openLease(at: self.time, for: .zero) }
    }

    @Test("an extension adds to what's left, up to the longest counted from the opening")
    func extending() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        self.time.advance(by: .seconds(600))
        self.time.jumpWall(by: .seconds(-100_000))
        #expect(
            try machine.extend(by: .seconds(1200), terms: exampleTerms, at: self.time.reading)
                == .extended(lasts: .seconds(2100)))
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(1500))
        let before = machine
        do {
            _ = try machine.extend(by: .seconds(1501), terms: exampleTerms, at: self.time.reading)
            Issue.record("extended beyond the longest")
        } catch {
            #expect(error.code == .policyDenied)
            #expect(
                error.message
                    == "rule 'oncall' allows 1h in all, counted from the opening: at most 25m more can be added")
        }
        #expect(machine == before)
        _ = try machine.extend(by: .seconds(1500), terms: exampleTerms, at: self.time.reading)
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(3000))
        #expect(
            code { () throws(GloveboxError) in
                _ = try machine.extend(by: .seconds(1), terms: exampleTerms, at: self.time.reading)
            } == .policyDenied)
        #expect(
            code { () throws(GloveboxError) in
                _ = try machine.extend(by: .seconds(-1), terms: exampleTerms, at: self.time.reading)
            } == .invalidArgument)
    }

    @Test("ended is terminal, however it ended", arguments: LeaseEnd.allCases)
    func terminal(_ reason: LeaseEnd) throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        #expect(machine.end(reason, at: self.time.reading) == .ended(reason))
        let ended = machine
        #expect(ended.lease.state == .ended(reason, at: self.time.wall))
        self.time.advance(by: .seconds(5000))
        #expect(machine.end(.admin, at: self.time.reading) == .none)
        #expect(machine.expire(at: self.time.reading) == .none)
        #expect(machine.rejudge(exampleTerms, at: self.time.reading) == .none)
        #expect(machine.rejudge(nil, at: self.time.reading) == .none)
        #expect(machine.holderDisabled(at: self.time.reading) == .none)
        #expect(machine.resume(at: self.time.reading) == .none)
        #expect(machine.keepRemainder(at: self.time.reading) == false)
        #expect(
            code { () throws(GloveboxError) in
                _ = try machine.extend(by: .seconds(1), terms: exampleTerms, at: self.time.reading)
            } == .leaseNotActive)
        #expect(code { () throws(GloveboxError) in _ = try machine.grant(at: self.time.reading) } == .leaseNotActive)
        #expect(machine == ended)
    }

    @Test("a lease whose time is up expires once, and before that it's worth nothing already")
    func expiring() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        self.time.advance(by: .seconds(899))
        #expect(machine.expire(at: self.time.reading) == .none)
        #expect(try machine.grant(at: self.time.reading).remaining == .seconds(1))
        self.time.advance(by: .seconds(1))
        #expect(code { () throws(GloveboxError) in _ = try machine.grant(at: self.time.reading) } == .leaseNotActive)
        #expect(
            code { () throws(GloveboxError) in
                _ = try machine.extend(by: .seconds(60), terms: exampleTerms, at: self.time.reading)
            } == .leaseNotActive)
        #expect(machine.lease.isActive)
        #expect(machine.expire(at: self.time.reading) == .ended(.expired))
        #expect(machine.expire(at: self.time.reading) == .none)
    }

    @Test("a policy that no longer allows it ends a lease")
    func rejudgedAway() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        #expect(machine.rejudge(exampleTerms, at: self.time.reading) == .none)
        #expect(machine.rejudge(nil, at: self.time.reading) == .ended(.policy))
    }

    @Test("other terms are adopted; fewer minutes shorten a lease from its opening, more don't lengthen it")
    func rejudgedTerms() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        self.time.advance(by: .seconds(100))
        var terms = exampleTerms
        terms.limits.rows = 1
        terms.longest = .seconds(7200)
        #expect(machine.rejudge(terms, at: self.time.reading) == .changed)
        #expect(try machine.grant(at: self.time.reading).limits.rows == 1)
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(800))
        terms.longest = .seconds(300)
        #expect(machine.rejudge(terms, at: self.time.reading) == .changed)
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(200))
        #expect(machine.lease.granted == .seconds(300))
        terms.longest = .seconds(60)
        #expect(machine.rejudge(terms, at: self.time.reading) == .ended(.policy))
    }

    @Test("a lease is over when its holder is disabled")
    func disabled() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        #expect(machine.holderDisabled(at: self.time.reading) == .ended(.holderDisabled))
    }

    @Test("a gateway that starts again keeps what's left, and ends what ran out meanwhile")
    func resuming() throws {
        var machine = try openLease(at: self.time, for: .seconds(900))
        #expect(machine.resume(at: self.time.reading) == .none)
        self.time.advance(by: .seconds(100))
        #expect(machine.resume(at: self.time.reading) == .changed)
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(800))
        self.time.reboot(downtime: .seconds(300))
        #expect(machine.resume(at: self.time.reading) == .changed)
        #expect(machine.lease.expiry.remaining(at: self.time.reading) == .seconds(500))
        self.time.reboot(downtime: .seconds(500))
        #expect(machine.resume(at: self.time.reading) == .ended(.expired))
    }
}
