import Contracts
import GloveboxCore
import Policy
import Synchronization
import TestSupport
import Testing

@testable import Agent

@Suite("What an agent believes of leases")
struct GrantLedgerTests {
    private let time = ManualTime()
    private let target = TargetName(unchecked: "shop-db")
    private let lease = LeaseID.random()

    private func ledger(
        longest: Duration = .seconds(3600), expired: @escaping @Sendable (LeaseID, GloveboxError) -> Void = { _, _ in }
    ) -> GrantLedger {
        GrantLedger(
            ceiling: CeilingDocument(targets: [
                self.target: CeilingTarget(
                    capabilities: [.read], longest: longest, limits: Limits(rows: 10, sessions: 2))
            ]), time: self.time, expired: expired)
    }

    private func request(
        _ lease: LeaseID? = nil, capability: Capability = .read, remaining: Duration = .seconds(600)
    ) -> SessionRequest {
        SessionRequest(
            session: .random(),
            grant: LeaseGrant(
                lease: lease ?? self.lease, holder: IdentityName(unchecked: "ada"), target: self.target,
                purpose: "INC-1",
                capabilities: [.read, .write], limits: Limits(rows: 100), maskingProfile: "default", rule: "r",
                remaining: remaining),
            capability: capability, startup: [:], client: nil, cancelKey: CancelKey(processID: 1, secret: 2))
    }

    @Test("the tighter limits of gateway and ceiling hold")
    func limits() throws {
        let admitted = try self.ledger().admit(self.request())
        #expect(admitted.grant.limits == Limits(rows: 10, sessions: 2))
        #expect(admitted.grant.remaining == .seconds(600))
    }

    @Test("what the ceiling doesn't allow is refused and names the place")
    func ceiling() {
        let error = #expect(throws: GloveboxError.self) { try self.ledger().admit(self.request(capability: .write)) }
        #expect(error?.code == .ceilingDenied)
        #expect(error?.message.contains("targets.shop-db.capabilities") == true)
    }

    @Test("a host that was suspended ends what ran out meanwhile as soon as it wakes, and admits nothing under it")
    func suspended() throws {
        let ended = Mutex<[LeaseID]>([])
        let ledger = self.ledger { lease, _ in ended.withLock { $0.append(lease) } }
        let other = LeaseID.random()
        _ = try ledger.admit(self.request())
        _ = try ledger.admit(self.request(other, remaining: .seconds(3600)))
        // Nothing ran meanwhile; the boot clock went on.
        self.time.advance(by: .seconds(1800))
        ledger.endDue()
        #expect(ended.withLock { $0 } == [self.lease])
        self.time.advance(by: .seconds(8 * 3600))
        ledger.endDue()
        #expect(ended.withLock { $0 } == [self.lease, other])
    }

    @Test("a lease ends on the agent's boot clock, whatever its wall clock does")
    func expiry() throws {
        let ended = Mutex<[LeaseID]>([])
        let ledger = self.ledger { lease, _ in ended.withLock { $0.append(lease) } }
        _ = try ledger.admit(self.request())
        self.time.jumpWall(by: .seconds(365 * 86_400))
        ledger.endDue()
        #expect(ended.withLock { $0 }.isEmpty)
        self.time.jumpWall(by: .seconds(-2 * 365 * 86_400))
        self.time.advance(by: .seconds(600))
        ledger.endDue()
        #expect(ended.withLock { $0 } == [self.lease])
        let error = #expect(throws: GloveboxError.self) { try ledger.admit(self.request()) }
        #expect(error?.code == .leaseNotActive)
    }

    @Test("no gateway extends a lease past the ceiling's longest time")
    func stolenGateway() throws {
        let ended = Mutex<[GloveboxError.Code]>([])
        let ledger = self.ledger(longest: .seconds(900)) { _, error in ended.withLock { $0.append(error.code) } }
        _ = try ledger.admit(self.request())
        self.time.advance(by: .seconds(500))
        ledger.changed(self.lease, remaining: .seconds(86_400))
        #expect(try ledger.admit(self.request(remaining: .seconds(86_400))).grant.remaining == .seconds(400))
        self.time.advance(by: .seconds(400))
        ledger.endDue()
        #expect(ended.withLock { $0 } == [.ceilingDenied])
        let error = #expect(throws: GloveboxError.self) { try ledger.admit(self.request()) }
        #expect(error?.message.contains("targets.shop-db.longest") == true)
    }

    @Test("a shortened lease ends at its new time")
    func shortened() throws {
        let ended = Mutex<[LeaseID]>([])
        let ledger = self.ledger { lease, _ in ended.withLock { $0.append(lease) } }
        _ = try ledger.admit(self.request())
        ledger.changed(self.lease, remaining: .seconds(5))
        self.time.advance(by: .seconds(5))
        ledger.endDue()
        #expect(ended.withLock { $0 } == [self.lease])
    }

    @Test("a lease that was ended can't come back")
    func ended() throws {
        let ledger = self.ledger()
        _ = try ledger.admit(self.request())
        ledger.ended(self.lease)
        #expect(throws: GloveboxError.self) { try ledger.admit(self.request()) }
        _ = try ledger.admit(self.request(.random()))
    }
}
