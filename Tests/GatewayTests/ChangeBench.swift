import Changes
import Contracts
import FlagRules
import GloveboxCore
import Logging
import Redaction
import Synchronization
import TestSupport
import Webhooks

@testable import Gateway
@testable import StorageSQLite

/// A change service on a store of its own, whose leases end when the test says so.
final class ChangeBench: Sendable {
    static let ada = IdentityName(unchecked: "ada")
    static let bob = IdentityName(unchecked: "bob")
    static let target = TargetName(unchecked: "flags")
    static let host = TargetName(unchecked: "host")

    static func flag(_ variant: String) -> String {
        #"{"defaultVariant":"\#(variant)","state":"ENABLED","variants":{"off":false,"on":true}}"#
    }

    static let detectors = Result { try Detectors() }

    let folder: TemporaryFolder
    let storage: StorageSQLite
    let time: ManualTime
    let log: MemoryLog
    static let edge = TargetName(unchecked: "shop-edge")
    let house = FlagHouse(edges: [ChangeBench.edge])
    let endings: LeaseEndings
    let signals = ManualSignals()
    /// What webhooks are told.
    let told = Told()
    let changes: ChangeService
    private let ended: Leases
    /// The agents that change hosts: what they were asked for, while they're there.
    let hosts = Hosts()

    final class Hosts: Sendable {
        let orders = Mutex<[ChangeOrder]>([])
        let isAway = Mutex(false)
        /// No agent serves it any more.
        let isGone = Mutex(false)

        /// Those since the last call.
        func take() -> [ChangeOrder] {
            self.orders.withLock { orders in
                defer { orders = [] }
                return orders
            }
        }
    }

    final class Told: Sendable {
        let messages = Mutex<[WebhookMessage]>([])
    }

    private final class Leases: Sendable {
        let ended = Mutex<[LeaseID: LeaseEnd]>([:])
        let expiries = Mutex<[LeaseID: LeaseExpiry]>([:])
    }

    convenience init() async throws {
        let folder = try TemporaryFolder()
        try await self.init(
            folder, StorageSQLite(path: "\(folder.path)/store.sqlite"), ManualTime(), MemoryLog(), [:])
    }

    private init(
        _ folder: TemporaryFolder, _ storage: StorageSQLite, _ time: ManualTime, _ log: MemoryLog,
        _ ended: [LeaseID: LeaseEnd]
    ) async throws {
        self.folder = folder
        self.storage = storage
        self.time = time
        self.log = log
        self.endings = LeaseEndings(time)
        let leases = Leases()
        leases.ended.withLock { $0 = ended }
        self.ended = leases
        let hosts = self.hosts
        let told = self.told
        self.changes = ChangeService(
            house: self.house, storage: storage, log: log, time: time, detectors: try Self.detectors.get(),
            signals: self.signals, endings: self.endings, ending: { lease in leases.ended.withLock { $0[lease] } },
            expiries: { ids in leases.expiries.withLock { $0.filter { ids.contains($0.key) } } },
            grant: { lease in
                LeaseGrant(
                    lease: lease, holder: ChangeBench.ada, target: ChangeBench.host, purpose: "INC-1",
                    capabilities: [.change], limits: Limits(), maskingProfile: "default", rule: "r",
                    remaining: .seconds(60))
            },
            hosts: HostLines(alarm: self.endings.alarm) { order in
                guard !hosts.isAway.withLock({ $0 }) else { throw GloveboxError(.agentOffline, "away") }
                guard !hosts.isGone.withLock({ $0 }) else { throw GloveboxError(.unknownTarget, "gone") }
                hosts.orders.withLock { $0.append(order) }
            },
            alarms: ChangeAlarms { message in told.messages.withLock { $0.append(message) } },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await self.changes.resume([
            FlagTarget(name: ChangeBench.target, seed: ["checkout": ChangeBench.flag("off")]),
            FlagTarget(name: ChangeBench.edge, isEdge: true),
        ])
    }

    /// A gateway that starts on the same store.
    func again(ended: [LeaseID: LeaseEnd] = [:]) async throws -> ChangeBench {
        try await self.storage.close()
        let storage = try StorageSQLite(path: "\(self.folder.path)/store.sqlite")
        return try await ChangeBench(self.folder, storage, self.time, self.log, ended)
    }

    func grant(
        _ holder: IdentityName = ChangeBench.ada, lease: LeaseID = .random(), on target: TargetName = ChangeBench.target
    ) -> LeaseGrant {
        LeaseGrant(
            lease: lease, holder: holder, target: target, purpose: "INC-1",
            capabilities: [.change], limits: Limits(), maskingProfile: "default", rule: "r",
            remaining: .seconds(60))
    }

    /// From now on it's known to last so long.
    func leases(_ lease: LeaseID, _ left: Duration) {
        self.ended.expiries.withLock { $0[lease] = .after(left, from: self.time.reading) }
    }

    func end(_ lease: LeaseID, _ reason: LeaseEnd = .expired) {
        self.ended.ended.withLock { $0[lease] = reason }
        self.endings.ended(lease, reason)
    }

    /// The variant that a flag comes to; `nil` for one that isn't there.
    func variant(_ key: String = "checkout") throws -> String? {
        try self.house.epoch(of: nil).flags.resolve(key, FlagContext(), timestamp: 0).variant
    }

    func turn(
        _ variant: String, _ grant: LeaseGrant, guards: [GuardCondition] = [], rollout: Rollout? = nil
    ) async throws -> ChangeSet {
        try await self.changes.apply(
            [FlagChangePlan(key: "checkout", .set(defaultVariant: variant, isEnabled: nil))], guards: guards,
            rollout: rollout, title: "why", under: grant)
    }
}

/// Signs that come to what a test says; nothing before it has said anything.
final class ManualSignals: GuardMeasuring {
    private let values = Mutex<[GuardCondition.Sign: Double]>([:])

    func set(_ name: String, _ value: Double?) { self.values.withLock { $0[.signal(name)] = value } }

    func check(_ sign: GuardCondition.Sign) throws(GloveboxError) {
        if sign == .signal("none") { throw GloveboxError(.notFound, "there is no such signal") }
    }

    func measure(_ sign: GuardCondition.Sign) async throws -> Double {
        guard let value = self.values.withLock({ $0[sign] }) else { throw GloveboxError(.unavailable, "no answer") }
        return value
    }

    func close() async {}
}
