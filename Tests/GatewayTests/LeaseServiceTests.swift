import Contracts
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

@Suite("Leases at the gateway")
struct LeaseServiceTests {
    private static let ada = IdentityName(unchecked: "ada")
    private static let shop = TargetName(unchecked: "shop-db")
    private static let demo = AgentName(unchecked: "demo")

    /// What the rest of the gateway was told.
    private enum Effect: Equatable {
        case ended(LeaseID, LeaseEnd)
        case changed(LeaseID, Duration)
        case cutAll
    }

    private final class Told: Sendable {
        let effects = Mutex<[Effect]>([])
    }

    /// A lease service on a store of its own, with time in the test's hands.
    private final class Bench: Sendable {
        static let detectors = Result { try Detectors() }

        let folder: TemporaryFolder
        let storage: StorageSQLite
        let time = ManualTime()
        let log = MemoryLog()
        let fleet = AgentFleet()
        let policy: PolicyHolder
        let approvals: ApprovalService
        let leases: LeaseService
        private let told = Told()

        var effects: [Effect] { self.told.effects.withLock { $0 } }

        init(longest: Duration = .seconds(3600)) async throws {
            self.folder = try TemporaryFolder()
            self.storage = try StorageSQLite(path: "\(self.folder.path)/store.sqlite")
            self.policy = PolicyHolder(Self.document(longest: longest))
            let told = self.told
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            self.approvals = ApprovalService(
                storage: self.storage, log: self.log, time: self.time, policy: self.policy,
                detectors: try Self.detectors.get(), tell: { _ in }, logger: logger)
            self.leases = LeaseService(
                storage: self.storage, log: self.log, time: self.time, policy: self.policy, fleet: self.fleet,
                detectors: try Self.detectors.get(), approvals: self.approvals, emergencyRoom: .none,
                effects: LeaseEffects(
                    ended: { lease, reason in told.effects.withLock { $0.append(.ended(lease.id, reason)) } },
                    changed: { lease, left in told.effects.withLock { $0.append(.changed(lease.id, left)) } },
                    cutAll: { _ in told.effects.withLock { $0.append(.cutAll) } }),
                logger: logger)
            self.connect(capabilities: [.read])
            try await self.leases.resume()
        }

        func connect(capabilities: Set<Capability>, longest: Duration? = nil) {
            self.fleet.connected(
                LeaseServiceTests.demo, version: "1",
                targets: [
                    TargetAnnouncement(
                        name: LeaseServiceTests.shop, kind: "postgres", labels: [:], capabilities: capabilities,
                        longest: longest)
                ], at: self.time.wall)
        }

        static func document(longest: Duration) -> PolicyDocument {
            PolicyDocument(rules: [
                PolicyRule(
                    name: "ada-reads", identities: [LeaseServiceTests.ada],
                    targets: [TargetPattern("shop-db")].compactMap { $0 },
                    capabilities: [.read, .write], longest: longest)
            ])
        }

        func open(
            for duration: Duration = .seconds(600), capabilities: Set<Capability> = [.read], purpose: String = "INC-1"
        ) async throws -> (lease: Lease, token: Secret<String>) {
            let opening = try await self.leases.open(
                LeaseAsk(
                    holder: LeaseServiceTests.ada, target: LeaseServiceTests.shop, capabilities: capabilities,
                    duration: duration, purpose: purpose))
            guard case .opened(let lease, let token) = opening else { throw TestSupportError("the lease waits") }
            return (lease, token)
        }
    }

    @Test("an opened lease is on record and in the store, and its token is in neither")
    func opening() async throws {
        let bench = try await Bench()
        let (lease, token) = try await bench.open()
        #expect(try await bench.storage.lease(lease.id) == lease)
        #expect(bench.log.events.map(\.name) == ["lease_opened"])
        #expect(await bench.leases.verifier(of: lease.id, on: Self.shop) == lease.verifier)
        #expect(await bench.leases.verifier(of: lease.id, on: TargetName(unchecked: "other")) == nil)
        try await bench.storage.close()
        for file in filesUnder(bench.folder.path) {
            #expect(!(try readFile(file)).contains(Array(token.exposeSecret().utf8)))
        }
    }

    @Test(
        "a gateway whose machine was suspended over a lease's end ends it as soon as it wakes, and lets nobody in meanwhile"
    )
    func suspended() async throws {
        let bench = try await Bench()
        let running = Task { try await bench.leases.run() }
        let (short, _) = try await bench.open()
        let (long, _) = try await bench.open(for: .seconds(3600))
        // Nothing ran for half an hour, and the boot clock went on.
        bench.time.advance(by: .seconds(1800))
        #expect(await bench.leases.verifier(of: short.id, on: Self.shop) == nil)
        #expect(await bench.leases.verifier(of: long.id, on: Self.shop) != nil)
        try await eventually(timeout: .seconds(10), "the end") { bench.effects == [.ended(short.id, .expired)] }
        try await eventually(timeout: .seconds(10), "what's stored") {
            guard case .ended(.expired, _) = try await bench.storage.lease(short.id)?.state else { return false }
            return true
        }
        running.cancel()
        try? await running.value
    }

    @Test("what policy, ceiling or the fleet refuses is on record")
    func refusals() async throws {
        let bench = try await Bench(longest: .seconds(60))
        let error = await #expect(throws: GloveboxError.self) { try await bench.open() }
        #expect(error?.code == .policyDenied)
        let ceiling = await #expect(throws: GloveboxError.self) {
            try await bench.open(for: .seconds(60), capabilities: [.write])
        }
        #expect(ceiling?.code == .ceilingDenied)
        bench.fleet.lost(Self.demo, at: bench.time.wall)
        let offline = await #expect(throws: GloveboxError.self) { try await bench.open(for: .seconds(60)) }
        #expect(offline?.code == .agentOffline)
        let rules = bench.log.events.map { event -> String? in
            guard case .leaseRefused(let code, let rule, _) = event else { return event.name }
            return "\(code) \(rule ?? "-")"
        }
        #expect(rules == ["policy_denied ada-reads", "ceiling_denied -", "agent_offline -"])
        #expect(try await bench.storage.leases(LeaseFilter()).isEmpty)
    }

    @Test("the longest time of the ceiling is told before a lease opens, with its place")
    func ceilingLongest() async throws {
        let bench = try await Bench()
        bench.connect(capabilities: [.read], longest: .seconds(300))
        let error = await #expect(throws: GloveboxError.self) { try await bench.open() }
        #expect(error?.code == .ceilingDenied)
        #expect(error?.message.contains("at most 5m (targets.shop-db.longest)") == true)
        _ = try await bench.open(for: .seconds(300))
    }

    @Test("an agent that hasn't come back since the gateway started is missed, not forgotten")
    func awaited() async throws {
        let bench = try await Bench()
        bench.fleet.await([Self.demo, AgentName(unchecked: "eu-1")])
        let target = TargetName(unchecked: "other-db")
        let missed = #expect(throws: GloveboxError.self) { try bench.fleet.server(of: target) }
        #expect(missed?.code == .agentOffline)
        #expect(missed?.message.contains("eu-1") == true)
        for agent in [Self.demo, AgentName(unchecked: "eu-1")] {
            bench.fleet.connected(agent, version: "1", targets: [], at: bench.time.wall)
        }
        #expect(throws: GloveboxError.self) { try bench.fleet.server(of: target) }
        #expect(#expect(throws: GloveboxError.self) { try bench.fleet.server(of: target) }?.code == .unknownTarget)
    }

    @Test("what a reason quotes is masked before it's kept")
    func purpose() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open(purpose: "ticket for joe@acme.com, key AKIAQ3EGRCQ7W2ZBOM4T")
        let stored = try #require(try await bench.storage.lease(lease.id))
        #expect(stored.purpose.hasPrefix("ticket for ‹email:"))
        #expect(!stored.purpose.contains("AKIA"))
        guard case .leaseOpened(_, _, _, let recorded, _) = bench.log.events.first else {
            Issue.record("not recorded")
            return
        }
        #expect(recorded == stored.purpose)
    }

    @Test("a lease ends when its time is up on the boot clock, and not when the wall clock says so")
    func expiry() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        let run = Task { try await bench.leases.run() }
        defer { run.cancel() }
        await bench.time.untilSleeping()
        bench.time.jumpWall(by: .seconds(365 * 86_400))
        #expect(try await bench.leases.grant(lease.id).remaining == .seconds(600))
        bench.time.advance(by: .seconds(600))
        try await eventually("the lease's end") { try await bench.storage.lease(lease.id)?.isActive == false }
        #expect(bench.effects.contains(.ended(lease.id, .expired)))
        #expect(await bench.leases.verifier(of: lease.id, on: Self.shop) == nil)
        #expect(bench.log.events.last?.name == "lease_ended")
    }

    @Test("a lease that's opened later and ends sooner isn't forgotten")
    func sooner() async throws {
        let bench = try await Bench()
        let run = Task { try await bench.leases.run() }
        defer { run.cancel() }
        await bench.time.untilSleeping()
        let (lease, _) = try await bench.open(for: .seconds(5))
        bench.time.advance(by: .seconds(5))
        try await eventually("the lease's end") { bench.effects.contains(.ended(lease.id, .expired)) }
    }

    @Test("a gateway that starts again keeps what's left of a lease, and ends what ran out meanwhile")
    func restart() async throws {
        let bench = try await Bench()
        let (short, _) = try await bench.open(for: .seconds(10))
        let (long, _) = try await bench.open(for: .seconds(600))
        bench.time.advance(by: .seconds(60))
        let again = LeaseService(
            storage: bench.storage, log: bench.log, time: bench.time, policy: bench.policy, fleet: bench.fleet,
            detectors: try Bench.detectors.get(), approvals: bench.approvals, emergencyRoom: .none,
            effects: LeaseEffects(ended: { _, _ in }, changed: { _, _ in }, cutAll: { _ in }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await again.resume()
        #expect(try await again.grant(long.id).remaining == .seconds(540))
        await #expect(throws: GloveboxError.self) { try await again.grant(short.id) }
        #expect(try await bench.storage.lease(short.id)?.isActive == false)
    }

    @Test("when the log can't be written every session is cut, and nothing opens any more")
    func logFails() async throws {
        let bench = try await Bench()
        let runner = Task { try await bench.leases.run() }
        defer { runner.cancel() }
        let (lease, _) = try await bench.open()
        bench.log.fail()
        try await eventually("the cut") { bench.effects.contains(.cutAll) }
        let error = await #expect(throws: GloveboxError.self) { try await bench.open() }
        #expect(error?.code == .journalUnavailable)
        await #expect(throws: GloveboxError.self) { try await bench.leases.grant(lease.id) }
        #expect(await bench.leases.verifier(of: lease.id, on: Self.shop) == nil)
    }

    @Test("an ending cuts the sessions even if it can't be recorded")
    func endingWithoutLog() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        bench.log.fail()
        await #expect(throws: GloveboxError.self) { try await bench.leases.end(lease.id, .holder, by: Self.ada) }
        #expect(bench.effects.contains(.ended(lease.id, .holder)))
    }

    @Test("once the log can be written again leases serve and open, and a second failure cuts again")
    func logMended() async throws {
        let bench = try await Bench()
        let runner = Task { try await bench.leases.run() }
        defer { runner.cancel() }
        let (lease, _) = try await bench.open()
        for round in 1...2 {
            bench.log.fail()
            try await eventually("the cut") { bench.effects.count { $0 == .cutAll } == round }
            try await eventually { await bench.leases.refusal != nil }
            bench.log.mend()
            await bench.leases.logMended()
            #expect(try await bench.leases.grant(lease.id).lease == lease.id)
            _ = try await bench.open()
        }
    }

    @Test("a lease that ended while the log couldn't be written stays ended when the gateway starts anew")
    func endedWithoutLog() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        bench.log.fail()
        await #expect(throws: GloveboxError.self) { try await bench.leases.end(lease.id, .holder, by: Self.ada) }
        #expect(try await bench.storage.lease(lease.id)?.isActive == false)
        // A second time it's no lease to end.
        let error = await #expect(throws: GloveboxError.self) {
            try await bench.leases.end(lease.id, .holder, by: Self.ada)
        }
        #expect(error?.code == .leaseNotActive)
    }

    @Test("a lease whose end the store couldn't take is ended nonetheless, and stored once it can")
    func endedWithoutStore() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        try await bench.storage.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON lease BEGIN SELECT RAISE(ABORT, 'no room'); END")
        await #expect(throws: GloveboxError.self) { try await bench.leases.end(lease.id, .admin, by: nil) }
        #expect(bench.effects.contains(.ended(lease.id, .admin)))
        #expect(await bench.leases.verifier(of: lease.id, on: Self.shop) == nil)
        let again = await #expect(throws: GloveboxError.self) {
            try await bench.leases.end(lease.id, .admin, by: nil)
        }
        #expect(again?.code == .leaseNotActive, "it isn't ended twice")
        #expect(bench.log.events.map(\.name) == ["lease_opened", "lease_ended"])
        let runner = Task { try await bench.leases.run() }
        defer { runner.cancel() }
        await bench.time.untilSleeping()
        try await bench.storage.execute("DROP TRIGGER full")
        bench.time.advance(by: .seconds(31))
        try await eventually("the end in the store") { try await bench.storage.lease(lease.id)?.isActive == false }
        #expect(bench.log.events.map(\.name) == ["lease_opened", "lease_ended"])
    }

    @Test(
        "a store that can't be written refuses all and ends every session, whichever write finds it out, until it can",
        arguments: ["INSERT", "UPDATE"])
    func storeFails(_ write: String) async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        let runner = Task { try await bench.leases.run() }
        defer { runner.cancel() }
        await bench.time.untilSleeping()
        for round in 1...2 {
            try await bench.storage.execute(
                "CREATE TRIGGER full BEFORE \(write) ON lease BEGIN SELECT RAISE(ABORT, 'no room'); END")
            if write == "INSERT" {
                await #expect(throws: GloveboxError.self) { try await bench.open() }
            } else {
                // What's left of a lease is written down.
                bench.time.advance(by: .seconds(31))
            }
            try await eventually("the cut") { bench.effects.count { $0 == .cutAll } == round }
            #expect(await bench.leases.refusal?.code == .unavailable)
            let refused = await #expect(throws: GloveboxError.self) { try await bench.leases.grant(lease.id) }
            #expect(refused?.message.contains("can't write its store") == true)
            #expect(await bench.leases.verifier(of: lease.id, on: Self.shop) == nil)
            try await bench.storage.execute("DROP TRIGGER full")
            try await eventually("the mended store") {
                await bench.time.untilSleeping()
                bench.time.advance(by: .seconds(1))
                return await bench.leases.refusal == nil
            }
            #expect(try await bench.leases.grant(lease.id).lease == lease.id)
            #expect(bench.effects.count { $0 == .cutAll } == round)
        }
    }

    @Test("a lease whose end is on record, but not in the store, doesn't come back with the gateway's next start")
    func diedBetweenLogAndStore() async throws {
        let bench = try await Bench()
        let (ended, _) = try await bench.open()
        let (other, _) = try await bench.open()
        // What a gateway leaves that dies after it wrote the record.
        try await bench.log.append([
            Record(time: bench.time.wall, lease: ended.id, event: .leaseEnded(.holderDisabled, by: nil))
        ])
        let again = LeaseService(
            storage: bench.storage, log: bench.log, time: bench.time, policy: bench.policy, fleet: bench.fleet,
            detectors: try Bench.detectors.get(), approvals: bench.approvals, emergencyRoom: .none,
            effects: LeaseEffects(ended: { _, _ in }, changed: { _, _ in }, cutAll: { _ in }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await again.resume()
        await #expect(throws: GloveboxError.self) { try await again.grant(ended.id) }
        #expect(try await again.grant(other.id).lease == other.id)
        #expect(try await bench.storage.lease(ended.id)?.isActive == false)
        #expect(bench.log.events.count { $0.name == "lease_ended" } == 1, "it's on record once")
    }

    @Test("a new policy ends what it doesn't allow any more, and shortens what it allows for less time")
    func rejudged() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open(for: .seconds(600))
        bench.policy.replace(with: Bench.document(longest: .seconds(300)))
        await bench.leases.rejudge()
        #expect(bench.effects == [.changed(lease.id, .seconds(300))])
        bench.policy.replace(with: PolicyDocument())
        await bench.leases.rejudge()
        #expect(bench.effects.last == .ended(lease.id, .policy))
        #expect(try await bench.storage.lease(lease.id)?.isActive == false)
    }

    @Test("an extension stays within what the rule allows, and the agent hears of it")
    func extending() async throws {
        let bench = try await Bench(longest: .seconds(900))
        let (lease, _) = try await bench.open(for: .seconds(600))
        _ = try await bench.leases.extend(lease.id, by: .seconds(300))
        #expect(bench.effects == [.changed(lease.id, .seconds(900))])
        let error = await #expect(throws: GloveboxError.self) {
            try await bench.leases.extend(lease.id, by: .seconds(1))
        }
        #expect(error?.code == .policyDenied)
    }

    @Test("whoever is disabled loses every lease at once and gets none, until they're let in again")
    func barred() async throws {
        let bench = try await Bench()
        let held = [try await bench.open().lease.id, try await bench.open().lease.id]
        try await bench.leases.bar(Self.ada, by: nil)
        #expect(Set(bench.effects.map { "\($0)" }) == Set(held.map { "\(Effect.ended($0, .holderDisabled))" }))
        for id in held { #expect(try await bench.storage.lease(id)?.isActive == false) }
        let error = await #expect(throws: GloveboxError.self) { try await bench.open() }
        #expect(error?.code == .unauthenticated)
        await bench.leases.unbar(Self.ada)
        _ = try await bench.open()
    }

    @Test("who is disabled while the log can't be written loses every lease nonetheless")
    func barredUnrecorded() async throws {
        let bench = try await Bench()
        let held = [try await bench.open().lease.id, try await bench.open().lease.id]
        bench.log.fail()
        await #expect(throws: GloveboxError.self) { try await bench.leases.bar(Self.ada, by: nil) }
        for id in held {
            #expect(bench.effects.contains(.ended(id, .holderDisabled)))
            #expect(try await bench.storage.lease(id)?.isActive == false)
        }
    }

    @Test("a gateway that died while it ended somebody's leases ends them when it starts again")
    func barredBeforeRestart() async throws {
        let bench = try await Bench()
        let (lease, _) = try await bench.open()
        try await bench.storage.insert(
            IdentityEntry(name: Self.ada, role: .member, isDisabled: true, createdAt: bench.time.wall))
        let again = LeaseService(
            storage: bench.storage, log: bench.log, time: bench.time, policy: bench.policy, fleet: bench.fleet,
            detectors: try Bench.detectors.get(), approvals: bench.approvals, emergencyRoom: .none,
            effects: LeaseEffects(ended: { _, _ in }, changed: { _, _ in }, cutAll: { _ in }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await again.resume()
        guard case .ended(.holderDisabled, _) = try await bench.storage.lease(lease.id)?.state else {
            Issue.record("it hasn't ended")
            return
        }
        let error = await #expect(throws: GloveboxError.self) {
            try await again.open(
                LeaseAsk(
                    holder: Self.ada, target: Self.shop, capabilities: [.read], duration: .seconds(60), purpose: "x"))
        }
        #expect(error?.code == .unauthenticated)
    }

    @Test("a quarantined agent serves nothing, whether it's connected or not, until it's released")
    func quarantine() async throws {
        let bench = try await Bench()
        bench.fleet.quarantine(Self.demo)
        let error = await #expect(throws: GloveboxError.self) { try await bench.open() }
        #expect(error?.code == .agentQuarantined)
        #expect(bench.fleet.targets.map(\.isOnline) == [false])
        bench.fleet.lost(Self.demo, at: bench.time.wall)
        bench.connect(capabilities: [.read])
        #expect(throws: GloveboxError.self) { try bench.fleet.checkServing(Self.demo) }
        bench.fleet.release(Self.demo)
        _ = try await bench.open()
        bench.fleet.forget(Self.demo)
        #expect(#expect(throws: GloveboxError.self) { try bench.fleet.server(of: Self.shop) }?.code == .unknownTarget)
    }
}
