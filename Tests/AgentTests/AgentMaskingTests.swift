import GloveboxCore
import Logging
import Redaction
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Agent

@Suite("What an agent masks by, and whether it may be trusted")
struct AgentMaskingTests {
    private let folder: TemporaryFolder
    private let time = ManualTime()
    private let condition: AgentCondition
    /// Whether a canary comes out.
    private let leaks = Leak()

    private final class Leak: Sendable {
        let value = Mutex(false)
    }

    init() throws {
        self.folder = try TemporaryFolder()
        self.condition = AgentCondition(time: self.time)
        try self.write("masking: [support.yaml]\n")
        try self.profile("email: partial")
    }

    private func write(_ rest: String) throws {
        try self.folder.write(
            "agent.yaml",
            "name: host-1\ngateway: localhost:8444\n\(rest)targets:\n  shop-db:\n    kind: postgres\n    database: shop\n"
                + "    roles:\n      read: {user: reader}\n")
    }

    private func profile(_ kinds: String) throws {
        try self.folder.write("support.yaml", "version: 1\nname: support\nkinds: {\(kinds)}\n")
    }

    private func masking() throws -> AgentMasking {
        let leaks = self.leaks
        return try AgentMasking(
            folder: self.folder.path, AgentRole.configuration(self.folder.path), condition: self.condition,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            check: { rules in
                if leaks.value.withLock({ $0 }) { throw GloveboxError(.canaryLeaked, "a canary came out") }
                try AgentMasking.check(rules)
            })
    }

    @Test("an agent whose masking lets a canary out doesn't start")
    func start() throws {
        self.leaks.value.withLock { $0 = true }
        let error = #expect(throws: GloveboxError.self) { try self.masking() }
        #expect(error?.code == .canaryLeaked)
    }

    @Test("a canary that comes out later seals, and a reload whose canaries stay in makes it trusted again")
    func seal() async throws {
        let masking = try self.masking()
        let sealed = Sealed()
        let watching = Task {
            await masking.watch(every: .seconds(600), time: self.time) { error in
                sealed.errors.withLock { $0.append(error) }
            }
        }
        try await eventually { self.time.sleeperCount == 1 }
        self.time.advance(by: .seconds(601))
        try await eventually { self.time.sleeperCount == 1 }
        #expect(sealed.codes.isEmpty)
        #expect(self.condition.maskingFailure == nil)
        self.leaks.value.withLock { $0 = true }
        self.time.advance(by: .seconds(601))
        try await eventually { sealed.codes == [.canaryLeaked] }
        #expect(self.condition.maskingFailure?.code == .canaryLeaked)
        #expect(!masking.reload())
        #expect(self.condition.maskingFailure != nil)
        self.leaks.value.withLock { $0 = false }
        #expect(masking.reload())
        #expect(self.condition.maskingFailure == nil)
        watching.cancel()
        await watching.value
    }

    private final class Sealed: Sendable {
        let errors = Mutex<[GloveboxError]>([])

        var codes: [GloveboxError.Code] { self.errors.withLock { $0.map(\.code) } }
    }

    @Test("what can't be read changes nothing, and says so until it can")
    func broken() throws {
        let masking = try self.masking()
        try self.profile("email: nonsense")
        #expect(!masking.reload())
        #expect(masking.rules.profileNames == ["default", "support"])
        #expect(self.condition.reloadFailure?.message.contains("support.yaml:3:") == true)
        try self.write("")
        #expect(masking.reload())
        #expect(masking.rules.profileNames == ["default"])
        #expect(self.condition.reloadFailure == nil)
    }

    @Test("doctor says what is wrong with the files")
    func doctor() async throws {
        func said() async -> Finding? {
            await AgentRole.examine(self.folder.path, time: self.time).first { $0.check == "agent masking" }
        }
        #expect(await said()?.verdict == .ok)
        try self.profile("email: nonsense")
        let broken = await said()
        #expect(broken?.verdict == .failed)
        #expect(broken?.found.contains("support.yaml:3:") == true, "\(String(describing: broken))")
    }

    @Test("doctor warns of what a profile allowed until a day that's over")
    func allowances() async throws {
        func warned() async -> Finding? {
            await AgentRole.examine(self.folder.path, time: self.time).first { $0.check == "masking profile support" }
        }
        #expect(await warned() == nil)
        try self.folder.write(
            "support.yaml",
            "version: 1\nname: support\nallow:\n"
                + "  - {value: a@example.com, reason: a test, until: 1971-01-01}\n"
                + "  - {value: b@example.com, reason: ours, until: 2200-01-01}\n")
        let finding = await warned()
        #expect(finding?.verdict == .warning)
        #expect(finding?.found.contains("'a test'") == true && finding?.found.contains("'ours'") == false)
    }

    @Test("a kind of a classified column may be named, any other that there isn't is refused")
    func kinds() throws {
        let agent = try String(decoding: self.folder.read("agent.yaml"), as: UTF8.self)
        try self.folder.write("agent.yaml", agent + "    columns:\n      public.customers.name: customer\n")
        try self.profile("customer: partial")
        #expect(try self.masking().rules.profileNames == ["default", "support"])
        try self.profile("custmer: partial")
        let error = #expect(throws: GloveboxError.self) { try self.masking() }
        #expect(error?.message.contains("support.yaml:3:") == true)
        #expect(error?.message.contains("near it are customer") == true)
    }

    @Test("a target whose profile isn't there is refused with its line")
    func ofTarget() throws {
        let agent = try String(decoding: self.folder.read("agent.yaml"), as: UTF8.self)
        try self.folder.write("agent.yaml", agent + "    masking: suport\n")
        let error = #expect(throws: GloveboxError.self) { try self.masking() }
        #expect(error?.message.contains("agent.yaml:") == true)
        #expect(error?.message.contains("there is no masking profile 'suport'") == true)
        try self.folder.write("agent.yaml", agent + "    masking: support\n")
        #expect(throws: Never.self) { try self.masking() }
    }
}
