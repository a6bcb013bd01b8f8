import Contracts
import FlagRules
import GloveboxCore
import Logging
import Synchronization
import TestSupport
import Testing

@testable import GloveboxKit

@Suite("Flags in a Swift service")
struct FlagClientTests {
    private static let flags = #"""
        {"target": "flags", "epoch": 1, "layers": [], "base": {
          "bool": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on", "metadata": {"owner": "ada", "tier": 2}},
          "text": {"state": "ENABLED", "variants": {"a": "x", "b": "y"}, "defaultVariant": "a",
            "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "b", null]}},
          "int": {"state": "ENABLED", "variants": {"few": 3}, "defaultVariant": "few"},
          "double": {"state": "ENABLED", "variants": {"half": 0.5}, "defaultVariant": "half"},
          "object": {"state": "ENABLED", "variants": {"a": {"x": [1, null]}}, "defaultVariant": "a"},
          "gone": {"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"},
          "lost": {"state": "ENABLED", "variants": {"on": true}, "defaultVariant": "on", "targeting": {"if": [true, "x"]}}
        }}
        """#

    private static func client(
        folder: String? = nil, context: EvaluationContext = .init(), hooks: [any EvaluationHook] = [],
        time: any TimeSource = ManualTime(), gateway: String = "https://127.0.0.1:1"
    ) -> FlagClient {
        FlagClient(
            .init(
                gateway: gateway, target: "flags", token: "gbt_x", folder: folder, context: context, hooks: hooks),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, time: time)
    }

    private static func state() throws -> FlagState {
        try FlagState(json: try FlagValue(json: Array(Self.flags.utf8)))
    }

    @Test("each type comes as it is; what's wrong leaves the caller's default, and says why")
    func types() throws {
        let client = Self.client()
        let early = client.boolDetails("bool", default: false)
        #expect(!early.value && early.errorCode == .providerNotReady && early.reason == .error)
        #expect(client.intValue("int", default: 7) == 7)
        try client.take(.epoch(try Self.state(), tag: "1-a", remaining: [:]))
        #expect(client.epoch == 1)

        #expect(client.boolValue("bool", default: false))
        #expect(client.stringValue("text", default: "?") == "x")
        #expect(client.stringValue("text", default: "?", .init(["plan": "pro"])) == "y")
        #expect(client.intValue("int", default: 0) == 3)
        #expect(client.doubleValue("int", default: 0) == 3 && client.doubleValue("double", default: 0) == 0.5)
        #expect(client.objectValue("object", default: .null) == ["x": [1, .null]])
        #expect(client.boolValue("nothing", default: true) && client.boolValue("gone", default: false) == false)
        #expect(client.boolValue("int", default: true) && client.intValue("double", default: 9) == 9)

        let bool = client.boolDetails("bool", default: false)
        #expect(bool.value && bool.variant == "on" && bool.reason == .static && bool.errorCode == nil)
        #expect(bool.flagMetadata == ["owner": "ada", "tier": 2])
        let text = client.stringDetails("text", default: "?", .init(["plan": "pro"]))
        #expect(text.reason == .targetingMatch && text.variant == "b")
        #expect(client.stringDetails("text", default: "?").reason == .default)
        #expect(client.boolDetails("gone", default: true).reason == .disabled)
        #expect(client.boolDetails("nothing", default: true).errorCode == .flagNotFound)
        let lost = client.boolDetails("lost", default: false)
        #expect(lost.errorCode == .general && lost.errorMessage?.contains("'x'") == true && !lost.value)
        let other = client.intDetails("bool", default: 4)
        #expect(other.value == 4 && other.errorCode == .typeMismatch && other.reason == .error)
        #expect(client.objectDetails("object", default: .null).value.object?["x"]?.array?.first?.int == 1)
        #expect(client.doubleDetails("double", default: 0).value == 0.5)
    }

    private final class Witness: EvaluationHook {
        let seen = Mutex<[String]>([])
        let name: String
        init(_ name: String) { self.name = name }
        func before(_ flagKey: String, _ context: EvaluationContext) -> EvaluationContext {
            self.seen.withLock { $0.append("before \(self.name)") }
            var context = context
            context["plan"] = "pro"
            return context
        }
        func after(_ details: EvaluationDetails<EvaluationValue>, _ context: EvaluationContext) {
            self.seen.withLock { $0.append("\(details.flagKey) \(details.value) \(context["plan"] ?? .null)") }
        }
    }

    @Test("hooks see each evaluation and may change its context; the client's own context fills in what's missing")
    func hooks() throws {
        let witness = Witness("w")
        let hooked = Self.client(hooks: [witness])
        try hooked.take(.epoch(try Self.state(), tag: "1-a", remaining: [:]))
        #expect(hooked.stringValue("text", default: "?") == "y")
        #expect(witness.seen.withLock { $0 } == ["before w", #"text "y" "pro""#])
        _ = hooked.boolDetails("nothing", default: true)
        #expect(witness.seen.withLock { $0.last } == #"nothing null "pro""#)

        let client = Self.client(context: .init(["plan": "pro"]))
        try client.take(.epoch(try Self.state(), tag: "1-a", remaining: [:]))
        #expect(client.stringValue("text", default: "?") == "y")
        #expect(client.stringValue("text", default: "?", .init(targetingKey: "u")) == "y")
        #expect(client.stringValue("text", default: "?", .init(["plan": "free"])) == "x")
    }

    @Test("cut off, a client takes leased changes back at their time, and tells which flags that changes")
    func deadMan() async throws {
        let time = ManualTime()
        let client = Self.client(time: time)
        var state = try Self.state()
        let set = ChangeSetID.random()
        state.layers = [
            FlagLayer(
                set: set, scope: .testRun("nightly"),
                entries: [.init(change: 0, key: "int", definition: nil)])
        ]
        state.layers.append(
            FlagLayer(
                set: .random(),
                entries: [
                    .init(
                        change: 0, key: "bool",
                        definition:
                            #"{"defaultVariant":"off","state":"ENABLED","variants":{"off":false,"on":true}}"#)
                ]))
        try client.take(
            .epoch(state, tag: "2-a", remaining: [set: .seconds(30), state.layers[1].set: .seconds(60)]))
        var context = EvaluationContext()
        context.gloveboxTestRun = "nightly"
        #expect(client.intValue("int", default: 0, context) == 0 && client.intValue("int", default: 0) == 3)
        #expect(!client.boolValue("bool", default: true))
        var events = client.events.makeAsyncIterator()
        let running = Task { await client.run() }
        defer { running.cancel() }
        // Nobody listens where the gateway should be.
        #expect(await events.next() == .stale)
        time.advance(by: .seconds(30))
        #expect(await events.next() == .configurationChanged(["int"]))
        #expect(client.intValue("int", default: 0, context) == 3 && !client.boolValue("bool", default: true))
        time.advance(by: .seconds(30))
        #expect(await events.next() == .configurationChanged(["bool"]))
        #expect(client.boolValue("bool", default: false))
        running.cancel()
        await running.value
    }

    @Test("what doesn't fit asks for the whole anew, and what's known goes back in time all the same")
    func doubt() throws {
        let client = Self.client()
        let state = try Self.state()
        #expect(throws: GloveboxError.self) { try client.take(.remaining([:])) }
        try client.take(.epoch(state, tag: "1-a", remaining: [:]))
        let step = FlagStep(from: state, to: state)
        #expect(throws: GloveboxError.self) { try client.take(.step(step, after: "9-z", tag: "2-b", remaining: [:])) }
        #expect(client.tag == "1-a")
        client.doubt()
        #expect(client.tag == nil && client.boolValue("bool", default: false))
        try client.take(.epoch(state, tag: "3-c", remaining: [:]))
        #expect(client.tag == "3-c")
    }

    @Test("a client starts with what it knew last, and says that it's stale; what can't be read is passed over")
    func disk() async throws {
        let folder = try TemporaryFolder()
        try Self.client(folder: folder.path).take(.epoch(try Self.state(), tag: "1-a", remaining: [:]))
        let again = Self.client(folder: folder.path)
        #expect(again.epoch == nil)
        var events = again.events.makeAsyncIterator()
        let running = Task { await again.run() }
        try await within(.seconds(10)) { await again.ready() }
        #expect(await events.next() == .stale)
        #expect(again.epoch == 1 && again.tag == "1-a" && again.intValue("int", default: 0) == 3)
        running.cancel()
        await running.value

        try writeFile("\(folder.path)/flags.flags.json", Array("{".utf8), mode: 0o600)
        let broken = Self.client(folder: folder.path)
        var told = broken.events.makeAsyncIterator()
        let trying = Task { await broken.run() }
        guard case .error = await told.next() else { return #expect(Bool(false), "nothing is known, and that's said") }
        #expect(broken.epoch == nil)
        trying.cancel()
        await trying.value
    }

    @Test("an address without TLS and a target that's none are refused before anything is sent")
    func refused() async throws {
        for client in [
            Self.client(gateway: "http://127.0.0.1:1"),
            FlagClient(
                .init(gateway: "https://127.0.0.1:1", target: "No Such", token: "x"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
            FlagClient(
                .init(gateway: "https://127.0.0.1:1", target: "flags", token: "x", certificates: "/nowhere.pem"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }),
        ] {
            var events = client.events.makeAsyncIterator()
            let running = Task { await client.run() }
            guard case .error = await events.next() else { return #expect(Bool(false)) }
            running.cancel()
            await running.value
        }
    }
}
