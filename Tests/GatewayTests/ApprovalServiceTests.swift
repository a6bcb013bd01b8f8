import Approvals
import Contracts
import ControlAPI
import GloveboxCore
import Leases
import Logging
import Policy
import Redaction
import Synchronization
import TestSupport
import Testing

@testable import Gateway
@testable import StorageSQLite

@Suite("Approvals at the gateway")
struct ApprovalServiceTests {
    private static let ada = IdentityName(unchecked: "ada")
    private static let bob = IdentityName(unchecked: "bob")
    private static let eve = IdentityName(unchecked: "eve")
    private static let shop = TargetName(unchecked: "shop-db")

    private final class Notices: Sendable {
        private let all = Mutex<[String]>([])
        var events: [String] { self.all.withLock { $0 } }
        func add(_ notice: ApprovalNotice) { self.all.withLock { $0.append(notice.event) } }
    }

    /// Room that a test has or hasn't.
    private final class Room: Sendable {
        private struct State {
            var isGivenUp = false
            var isBack = false
        }

        private let state = Mutex(State())

        var isGivenUp: Bool { self.state.withLock { $0.isGivenUp } }

        /// The disk has room again.
        func comeBack() { self.state.withLock { $0.isBack = true } }

        /// Giving it up mends the log.
        func emergencyRoom(_ log: MemoryLog) -> EmergencyRoom {
            EmergencyRoom(
                giveUp: {
                    self.state.withLock { $0.isGivenUp = true }
                    log.mend()
                }, takeBack: { self.state.withLock { $0.isBack } })
        }
    }

    /// A gateway's leases and approvals on a store of its own, with time in the test's hands. `again()` is the same
    /// gateway after it was killed.
    private final class Bench: Sendable {
        static let detectors = Result { try Detectors() }

        let folder: TemporaryFolder
        let storage: StorageSQLite
        let time: ManualTime
        let log: MemoryLog
        let fleet = AgentFleet()
        let policy: PolicyHolder
        let approvals: ApprovalService
        let leases: LeaseService
        let notices = Notices()
        let room = Room()

        static func make(count: Int = 2) async throws -> Bench {
            let folder = try TemporaryFolder()
            let storage = try StorageSQLite(path: "\(folder.path)/store.sqlite")
            for (name, role) in [("ada", Role.member), ("bob", .approver), ("eve", .approver), ("root", .admin)] {
                try await storage.insert(
                    IdentityEntry(name: IdentityName(unchecked: name), role: role, createdAt: WallTime(nanoseconds: 1)))
            }
            let bench = try Bench(
                folder: folder, storage: storage, time: ManualTime(), log: MemoryLog(),
                policy: PolicyHolder(Self.document(count: count)))
            try await bench.approvals.resume()
            try await bench.leases.resume()
            return bench
        }

        private init(
            folder: TemporaryFolder, storage: StorageSQLite, time: ManualTime, log: MemoryLog, policy: PolicyHolder
        ) throws {
            self.folder = folder
            self.storage = storage
            self.time = time
            self.log = log
            self.policy = policy
            let notices = self.notices
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            self.approvals = ApprovalService(
                storage: storage, log: log, time: time, policy: policy, detectors: try Self.detectors.get(),
                tell: { notices.add($0) }, logger: logger)
            self.leases = LeaseService(
                storage: storage, log: log, time: time, policy: policy, fleet: self.fleet,
                detectors: try Self.detectors.get(), approvals: self.approvals,
                emergencyRoom: self.room.emergencyRoom(log),
                effects: LeaseEffects(ended: { _, _ in }, changed: { _, _ in }, cutAll: { _ in }), logger: logger)
            self.fleet.connected(
                AgentName(unchecked: "demo"), version: "1",
                targets: [
                    TargetAnnouncement(
                        name: ApprovalServiceTests.shop, kind: "postgres", labels: [:], capabilities: [.read, .write])
                ], at: time.wall)
        }

        /// Another gateway on what this one left behind.
        func again(storage: StorageSQLite? = nil) async throws -> Bench {
            let bench = try Bench(
                folder: self.folder, storage: storage ?? self.storage, time: self.time, log: self.log,
                policy: self.policy)
            try await bench.approvals.resume()
            try await bench.leases.resume()
            return bench
        }

        static func document(
            count: Int = 2, leads: Set<IdentityName> = [ApprovalServiceTests.bob, ApprovalServiceTests.eve],
            approval: Bool = true, limits: Limits = Limits(rows: 10), breakGlass: Bool = true
        ) -> PolicyDocument {
            PolicyDocument(
                groups: ["leads": leads],
                rules: [
                    PolicyRule(
                        name: "writes", identities: [ApprovalServiceTests.ada],
                        targets: [TargetPattern("shop-db")].compactMap { $0 }, capabilities: [.read, .write],
                        longest: .seconds(3600), limits: limits,
                        approval: approval
                            ? ApprovalRequirement(count: count, groups: ["leads"], within: .seconds(1800)) : nil,
                        breakGlass: breakGlass
                            ? BreakGlassRule(identities: [ApprovalServiceTests.ada], longest: .seconds(300)) : nil)
                ])
        }

        func ask(purpose: String = "INC-1", for seconds: Int = 600) async throws -> Approval {
            guard case .waits(let approval) = try await self.open(purpose: purpose, for: seconds) else {
                throw TestSupportError("the lease doesn't wait")
            }
            return approval
        }

        func claim(
            _ id: ApprovalID, purpose: String = "INC-1", for seconds: Int = 600,
            capabilities: Set<Capability> = [.read, .write], holder: IdentityName = ApprovalServiceTests.ada
        ) async throws -> Lease {
            let opening = try await self.open(
                purpose: purpose, for: seconds, capabilities: capabilities, approval: id, holder: holder)
            guard case .opened(let lease, _) = opening else { throw TestSupportError("the lease waits") }
            return lease
        }

        func open(
            purpose: String = "INC-1", for seconds: Int = 600, capabilities: Set<Capability> = [.read, .write],
            approval: ApprovalID? = nil, breakGlass: Bool = false, holder: IdentityName = ApprovalServiceTests.ada
        ) async throws -> LeaseOpening {
            try await self.leases.open(
                LeaseAsk(
                    holder: holder, target: ApprovalServiceTests.shop, capabilities: capabilities,
                    duration: .seconds(seconds), purpose: purpose, approval: approval, breakGlass: breakGlass))
        }

        @discardableResult
        func vote(
            _ approval: Approval, _ verdict: ApprovalVote.Verdict = .grant, by name: IdentityName
        ) async throws -> Approval {
            try await self.approvals.vote(
                verdict, on: approval.id, digest: hexadecimal(approval.digest), by: name, reason: nil)
        }

        func code(_ body: () async throws -> Void) async -> GloveboxError.Code? {
            do {
                try await body()
                return nil
            } catch {
                return (error as? GloveboxError)?.code
            }
        }
    }

    @Test("two leads grant it, the asker takes exactly that, once, and each step is on record")
    func granted() async throws {
        let bench = try await Bench.make()
        let approval = try await bench.ask()
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .approvalNeeded)
        try await bench.vote(approval, by: Self.bob)
        #expect(try await bench.vote(approval, by: Self.eve).state == .granted)
        let lease = try await bench.claim(approval.id)
        #expect(lease.approval == .granted(approval.id) && lease.limits.rows == 10)
        #expect(try await bench.storage.approval(approval.id)?.lease == lease.id)
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .approvalNotOpen)
        #expect(
            bench.log.events.map(\.name) == [
                "approval_requested", "lease_refused", "approval_granted", "approval_granted", "approval_used",
                "lease_opened", "lease_refused",
            ])
        #expect(bench.notices.events == ["approval_requested", "approval_granted", "approval_used"])
    }

    @Test("two leads who grant at once both count")
    func atOnce() async throws {
        let bench = try await Bench.make()
        let approval = try await bench.ask()
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for name in [Self.bob, Self.eve] {
                tasks.addTask { try await bench.vote(approval, by: name) }
            }
            try await tasks.waitForAll()
        }
        #expect(try await bench.storage.approval(approval.id)?.state == .granted)
        #expect(bench.log.events.count { $0.name == "approval_granted" } == 2)
    }

    @Test("of twenty who take it at once one gets a lease")
    func takenAtOnce() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        let opened = await withTaskGroup(of: Bool.self) { tasks in
            for _ in 0..<20 {
                tasks.addTask { (try? await bench.claim(approval.id)) != nil }
            }
            return await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(opened == 1)
        #expect(try await bench.storage.leases(LeaseFilter()).count == 1)
        #expect(bench.log.events.count { $0.name == "approval_used" } == 1)
    }

    @Test("nobody approves for themselves, and nobody takes what another was granted")
    func otherPeople() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        var document = Bench.document(count: 1, leads: [Self.ada, Self.bob])
        document.rules[0].identities.insert(Self.eve)
        bench.policy.replace(with: document)
        try await bench.storage.update(
            IdentityEntry(name: Self.ada, role: .admin, createdAt: WallTime(nanoseconds: 1), version: 0))
        #expect(await bench.code { try await bench.vote(approval, by: Self.ada) } == .forbidden)
        #expect(
            await bench.code { try await bench.vote(approval, by: IdentityName(unchecked: "root")) } == .forbidden,
            "an administrator who isn't in the group")
        try await bench.vote(approval, by: Self.bob)
        #expect(await bench.code { _ = try await bench.claim(approval.id, holder: Self.eve) } == .forbidden)
        _ = try await bench.claim(approval.id)
    }

    @Test(
        "what's taken is what was approved: another time, purpose or capability is refused, as is a rule that changed")
    func altered() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        #expect(await bench.code { _ = try await bench.claim(approval.id, for: 601) } == .approvalMismatch)
        #expect(await bench.code { _ = try await bench.claim(approval.id, purpose: "INC-2") } == .approvalMismatch)
        #expect(
            await bench.code { _ = try await bench.claim(approval.id, capabilities: [.read]) } == .approvalMismatch)
        bench.policy.replace(with: Bench.document(count: 1, limits: Limits(rows: 1000)))
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .approvalMismatch)
        bench.policy.replace(with: PolicyDocument())
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .policyDenied)
        bench.policy.replace(with: Bench.document(count: 1))
        bench.fleet.lost(AgentName(unchecked: "demo"), at: bench.time.wall)
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .agentOffline)
        #expect(try await bench.storage.approval(approval.id)?.state == .granted, "and it's there for the right one")
    }

    @Test("a grant by somebody who was disabled or left the group since counts no longer")
    func lapsed() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        bench.policy.replace(with: Bench.document(count: 1, leads: [Self.eve]))
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .approvalNeeded)
        #expect(try await bench.storage.approval(approval.id)?.state == .pending)
        bench.policy.replace(with: Bench.document(count: 1))
        try await bench.storage.update(
            IdentityEntry(
                name: Self.bob, role: .approver, isDisabled: true, createdAt: WallTime(nanoseconds: 1), version: 0))
        #expect(await bench.code { _ = try await bench.claim(approval.id) } == .approvalNeeded)
        try await bench.vote(approval, by: Self.eve)
        _ = try await bench.claim(approval.id)
    }

    @Test("what somebody asked for who is disabled is withdrawn, and isn't there again when they're enabled")
    func askerDisabled() async throws {
        let bench = try await Bench.make(count: 1)
        let granted = try await bench.ask()
        try await bench.vote(granted, by: Self.bob)
        let pending = try await bench.ask(purpose: "INC-2")
        try await bench.leases.bar(Self.ada, by: nil)
        #expect(await bench.code { _ = try await bench.claim(granted.id) } == .unauthenticated)
        try await bench.approvals.withdrawAll(of: Self.ada)
        await bench.leases.unbar(Self.ada)
        for id in [granted.id, pending.id] {
            #expect(await bench.code { _ = try await bench.claim(id) } == .approvalNotOpen)
        }
        #expect(bench.log.events.count { $0.name == "approval_withdrawn" } == 2)
        #expect(bench.notices.events.suffix(2) == ["approval_withdrawn", "approval_withdrawn"])
    }

    @Test("a gateway that died before it had withdrawn them does so when it starts again")
    func askerDisabledBeforeRestart() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        try await bench.storage.update(
            IdentityEntry(
                name: Self.ada, role: .member, isDisabled: true, createdAt: WallTime(nanoseconds: 1), version: 0))
        let again = try await bench.again()
        await again.leases.unbar(Self.ada)
        #expect(await again.code { _ = try await again.claim(approval.id) } == .approvalNotOpen)
    }

    @Test("what runs out is ended, told, and can be neither granted nor taken", arguments: [-31_536_000, 31_536_000])
    func expiry(wallJump: Int) async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        let running = Task { try await bench.approvals.run() }
        defer { running.cancel() }
        bench.time.jumpWall(by: .seconds(wallJump))
        bench.time.advance(by: .seconds(1799))
        #expect(try await bench.storage.approval(approval.id)?.isOpen == true)
        bench.time.advance(by: .seconds(1))
        #expect(await bench.code { try await bench.vote(approval, by: Self.bob) } == .approvalNotOpen)
        try await eventually("the approval's end") { bench.notices.events.contains("approval_expired") }
        #expect(bench.log.events.contains { $0.name == "approval_expired" })
        #expect(try await bench.storage.approval(approval.id)?.isOpen == false)
    }

    @Test("what a reason quotes is masked, and what was approved can be taken as it was shown")
    func masked() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask(purpose: "card 4111 1111 1111 1111 of jane@example.com")
        let shown = try LeaseSubject(of: approval).purpose
        #expect(!shown.contains("4111") && !shown.contains("jane@"))
        try await bench.vote(approval, by: Self.bob)
        _ = try await bench.claim(approval.id, purpose: shown)
    }

    @Test("the same question asked twice is one approval, and one asker can't fill the list")
    func repeated() async throws {
        let bench = try await Bench.make()
        let first = try await bench.ask()
        #expect(try await bench.ask().id == first.id)
        for number in 2...20 { _ = try await bench.ask(purpose: "INC-\(number)") }
        #expect(await bench.code { _ = try await bench.ask(purpose: "one more") } == .limitReached)
        _ = try await bench.approvals.withdraw(first.id, by: Self.ada)
        #expect(try await bench.ask().id != first.id)
    }

    @Test(
        "leases under rules with approval aren't extended, and one that nobody approved ends when its rule asks for it")
    func openLeases() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        let approved = try await bench.claim(approval.id)
        #expect(
            await bench.code { _ = try await bench.leases.extend(approved.id, by: .seconds(60)) } == .approvalNeeded)
        bench.policy.replace(with: Bench.document(approval: false))
        guard case .opened(let free, _) = try await bench.open(purpose: "INC-2") else {
            throw TestSupportError("the lease waits")
        }
        bench.policy.replace(with: Bench.document(count: 2))
        await bench.leases.rejudge()
        #expect(try await bench.storage.lease(free.id)?.isActive == false)
        #expect(try await bench.storage.lease(approved.id)?.isActive == true)
    }

    // MARK: Break-glass

    @Test("break-glass opens at once, briefly, and is on record and open until somebody else has reviewed it")
    func breakGlass() async throws {
        let bench = try await Bench.make()
        #expect(await bench.code { _ = try await bench.open(for: 301, breakGlass: true) } == .policyDenied)
        guard case .opened(let lease, _) = try await bench.open(for: 300, breakGlass: true),
            case .breakGlass(let id) = lease.approval
        else { throw TestSupportError("no break-glass") }
        #expect(lease.longest == .seconds(300))
        #expect(bench.log.events.map(\.name) == ["lease_refused", "break_glass_opened", "lease_opened"])
        #expect(bench.notices.events == ["break_glass_opened"])
        #expect(try await bench.storage.approvals(ApprovalFilter(unreviewedOnly: true)).map(\.id) == [id])
        #expect(await bench.code { _ = try await bench.leases.extend(lease.id, by: .seconds(1)) } == .approvalNeeded)
        await bench.leases.rejudge()
        #expect(try await bench.storage.lease(lease.id)?.isActive == true, "its rule still lets it")

        #expect(await bench.code { _ = try await bench.approvals.review(id, note: "fine", by: Self.ada) } == .forbidden)
        _ = try await bench.approvals.review(id, note: "fine", by: Self.bob)
        #expect(try await bench.storage.approvals(ApprovalFilter(unreviewedOnly: true)).isEmpty)
        #expect(bench.log.events.last?.name == "break_glass_reviewed")

        bench.policy.replace(with: Bench.document(breakGlass: false))
        await bench.leases.rejudge()
        #expect(try await bench.storage.lease(lease.id)?.isActive == false)
        #expect(await bench.code { _ = try await bench.open(for: 60, breakGlass: true) } == .policyDenied)
    }

    @Test("while the disk is full break-glass alone opens, on the room that's kept for it, until there's room again")
    func reserve() async throws {
        let bench = try await Bench.make(count: 1)
        let running = Task { try await bench.leases.run() }
        defer { running.cancel() }
        let approval = try await bench.ask()
        try await bench.vote(approval, by: Self.bob)
        let ordinary = try await bench.claim(approval.id)
        bench.log.fail()
        try await eventually("the refusal") { await bench.leases.refusal != nil }
        #expect(await bench.code { _ = try await bench.open(for: 301, breakGlass: true) } != nil)
        #expect(!bench.room.isGivenUp, "not for what no rule allows")
        #expect(await bench.code { _ = try await bench.ask(purpose: "INC-2") } == .journalUnavailable)

        guard case .opened(let lease, _) = try await bench.open(for: 300, breakGlass: true) else {
            throw TestSupportError("no break-glass")
        }
        #expect(bench.room.isGivenUp)
        #expect(bench.log.events.suffix(2).map(\.name) == ["break_glass_opened", "lease_opened"])
        #expect(try await bench.leases.grant(lease.id).lease == lease.id)
        #expect(await bench.code { _ = try await bench.leases.grant(ordinary.id) } == .journalUnavailable)
        #expect(await bench.leases.verifier(of: ordinary.id, on: Self.shop) == nil)
        #expect(await bench.code { _ = try await bench.ask(purpose: "INC-2") } == .journalUnavailable)

        bench.room.comeBack()
        try await eventually("the end of the emergency") {
            bench.time.advance(by: .seconds(1))
            return await !bench.leases.isEmergency
        }
        #expect(try await bench.leases.grant(ordinary.id).lease == ordinary.id)
        _ = try await bench.ask(purpose: "INC-2")
    }

    // MARK: Dying

    @Test("a gateway that dies after any step's record, before it's stored, finds the step in the log")
    func recordedOnly() async throws {
        for step in ["granted", "denied", "used"] {
            let bench = try await Bench.make(count: 1)
            let approval = try await bench.ask()
            let id = approval.id
            if step == "used" { try await bench.vote(approval, by: Self.bob) }
            let lease = LeaseID.random()
            let event: RecordEvent =
                switch step {
                case "granted": .approvalGranted(id, by: Self.bob, digest: "", reason: nil)
                case "denied": .approvalDenied(id, by: Self.bob, digest: "", reason: nil)
                default: .approvalUsed(id, grantedBy: [Self.bob])
                }
            try await bench.log.append([
                Record(
                    time: bench.time.wall, identity: Self.ada, target: Self.shop, lease: step == "used" ? lease : nil,
                    event: event)
            ])
            let again = try await bench.again()
            let found = try await again.storage.approval(id)
            switch step {
            case "granted":
                #expect(found?.state == .granted)
                _ = try await again.claim(id)
            case "denied":
                #expect(found?.isOpen == false)
                #expect(await again.code { _ = try await again.claim(id) } == .approvalNotOpen)
            default:
                #expect(found?.lease == lease)
                #expect(await again.code { _ = try await again.claim(id) } == .approvalNotOpen, "never twice")
            }
            let third = try await again.again()
            #expect(try await third.storage.approval(id)?.votes.count == 1, "\(step), taken in once")
        }
    }

    @Test("a step that can't be recorded doesn't count, and one that can't be stored does and is stored later")
    func disks() async throws {
        let bench = try await Bench.make(count: 1)
        let approval = try await bench.ask()
        bench.log.fail()
        #expect(await bench.code { try await bench.vote(approval, by: Self.bob) } == .journalUnavailable)
        #expect(try await bench.storage.approval(approval.id)?.votes.isEmpty == true)
        bench.log.mend()
        await bench.leases.logMended()
        try await bench.storage.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON approval BEGIN SELECT RAISE(FAIL, 'full'); END")
        #expect(try await bench.vote(approval, by: Self.bob).state == .granted)
        #expect(try await bench.storage.approval(approval.id)?.state == .pending)
        let running = Task { try await bench.approvals.run() }
        defer { running.cancel() }
        try await bench.storage.execute("DROP TRIGGER full")
        try await eventually("the grant in the store") {
            bench.time.advance(by: .seconds(1))
            return try await bench.storage.approval(approval.id)?.state == .granted
        }
        _ = try await bench.claim(approval.id)
    }
}
