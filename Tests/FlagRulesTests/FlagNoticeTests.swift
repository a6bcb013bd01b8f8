import GloveboxCore
import Testing

@testable import FlagRules

@Suite("Epochs as they're told, and who sees what")
struct FlagNoticeTests {
    private static func flag(_ variant: String) throws -> String {
        try FlagValue(
            json: Array(
                #"{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"\#(variant)"}"#.utf8)
        ).json
    }

    private static func layer(
        _ set: ChangeSetID, _ scope: FlagScope? = nil, _ entries: (String, String?)...
    ) -> FlagLayer {
        FlagLayer(
            set: set, scope: scope,
            entries: entries.enumerated().map { FlagLayer.Entry(change: $0, key: $1.0, definition: $1.1) })
    }

    private static func state(_ base: [String: String], _ layers: [FlagLayer] = []) throws -> FlagState {
        FlagState(target: try TargetName("flags"), epoch: 7, base: base, layers: layers)
    }

    private static func read(_ notice: FlagNotice) throws -> FlagNotice? {
        try FlagNotice(name: notice.name, tag: notice.tag, data: notice.json.json)
    }

    @Test("whatever is told is read as it was")
    func asItWas() throws {
        let (one, other) = (ChangeSetID.random(), ChangeSetID.random())
        var overtaken = Self.layer(one, .identity(try IdentityName("anna")), ("a", try Self.flag("on")), ("b", nil))
        overtaken.entries[1].overtakenBy = other
        var partial = Self.layer(.random(), nil, ("a", try Self.flag("on")), ("b", nil))
        partial.entries[0].patch = FlagPatch(defaultVariant: "on", isEnabled: false)
        partial.entries[1].share = 25
        let state = try Self.state(
            ["a": try Self.flag("off"), "b": try Self.flag("on")],
            [
                partial, overtaken, Self.layer(other, .testRun("nightly \"7\"")),
                Self.layer(.random(), .lease(.random())),
            ])
        let remaining: [ChangeSetID: Duration] = [one: .milliseconds(1500), other: .zero]
        for notice in [
            FlagNotice.epoch(state, tag: "7-ab", remaining: remaining), .remaining(remaining), .end,
            .step(
                FlagStep(from: try Self.state(["c": try Self.flag("on")]), to: state), after: "6-cd", tag: "7-ab",
                remaining: remaining),
        ] {
            #expect(try Self.read(notice) == notice)
        }
        #expect(try FlagNotice(name: "news", tag: nil, data: "{}") == nil)
        #expect(throws: GloveboxError.self) { try FlagNotice(name: "epoch", tag: "1-a", data: #"{"target":"flags"}"#) }
        #expect(throws: GloveboxError.self) { try FlagNotice(name: "step", tag: "1-a", data: "{}") }
    }

    @Test("a step leads from any state to any other, and tells nothing that's the same in both")
    func steps() throws {
        let (on, off) = (try Self.flag("on"), try Self.flag("off"))
        let (one, other) = (ChangeSetID.random(), ChangeSetID.random())
        let states = [
            try Self.state([:]), try Self.state(["a": on, "b": off]),
            try Self.state(["a": on], [Self.layer(one, nil, ("a", off))]),
            try Self.state(
                ["a": on, "c": off], [Self.layer(one, nil, ("a", off)), Self.layer(other, nil, ("c", nil))]),
            try Self.state(["a": off], [Self.layer(other, .testRun("x"), ("a", on))]),
        ]
        for old in states {
            for new in states { #expect(try FlagStep(from: old, to: new).applied(to: old) == new) }
        }
        let step = FlagStep(from: states[2], to: states[3])
        #expect(step.base == ["c": .some(off)] && step.layers.map(\.set) == [other] && step.order == [one, other])
        #expect(throws: GloveboxError.self) { try step.applied(to: states[0]) }
    }

    @Test("a flag that's the same in the next epoch isn't compiled again")
    func reuse() throws {
        let base = ["a": try Self.flag("on"), "b": try Self.flag("on")]
        let first = try FlagEpoch(try Self.state(base))
        let set = ChangeSetID.random()
        let second = try FlagEpoch(
            try Self.state(base, [Self.layer(set, nil, ("a", try Self.flag("off")))]), after: first)
        #expect(second.flags.flags["b"] === first.flags.flags["b"])
        #expect(second.flags.flags["a"] !== first.flags.flags["a"])
        #expect(second.flags.difference(from: first.flags) == ["a"])
        #expect(second.flags.difference(from: second.flags).isEmpty)
    }

    @Test("a scoped change is seen by whom it's for, and by nobody else")
    func scopes() throws {
        let (anna, lease) = (try IdentityName("anna"), LeaseID.random())
        let (on, off) = (try Self.flag("on"), try Self.flag("off"))
        let epoch = try FlagEpoch(
            try Self.state(
                ["a": off, "b": off],
                [
                    Self.layer(.random(), .identity(anna), ("a", on), ("new", on), ("b", nil)),
                    Self.layer(.random(), .lease(lease), ("a", on)),
                    Self.layer(.random(), .testRun("nightly"), ("a", on)),
                ]))
        func variant(_ key: String, _ context: [String: String]) -> String? {
            epoch.flags.resolve(key, FlagContext(attributes: context.mapValues { .string($0) }), timestamp: 0).variant
        }
        for nobody in [
            [:], ["gloveboxIdentity": "bob"], ["identity": "anna"], ["gloveboxLease": "anna"],
            ["gloveboxTestRun": "Nightly"],
        ] {
            #expect(variant("a", nobody) == "off" && variant("b", nobody) == "off" && variant("new", nobody) == nil)
        }
        let her = ["gloveboxIdentity": "anna"]
        #expect(variant("a", her) == "on" && variant("b", her) == nil && variant("new", her) == "on")
        #expect(variant("a", ["gloveboxLease": lease.rawValue]) == "on")
        #expect(variant("a", ["gloveboxTestRun": "nightly"]) == "on")
        // What everyone sees, in a list of all and by OFREP alike.
        #expect(epoch.definitions.keys.sorted() == ["a", "b"])
        #expect(epoch.flags.keys(FlagContext()) == ["a", "b"])
        let context = FlagContext(attributes: ["gloveboxIdentity": .string("anna")])
        #expect(epoch.flags.keys(context) == ["a", "new"])
        #expect(epoch.flags.ofrep("b", context, timestamp: 0).status == 404)
        #expect(epoch.flags.ofrep("new", context, timestamp: 0).status == 200)
    }

    @Test("what lies over a scoped change for everyone hides it")
    func order() throws {
        let (on, off) = (try Self.flag("on"), try Self.flag("off"))
        let scoped = Self.layer(.random(), .testRun("x"), ("a", on))
        let everyone = Self.layer(.random(), nil, ("a", off))
        let context = FlagContext(attributes: ["gloveboxTestRun": .string("x")])
        for (layers, expected) in [([scoped, everyone], "off"), ([everyone, scoped], "on")] {
            let epoch = try FlagEpoch(try Self.state(["a": off], layers))
            #expect(epoch.flags.resolve("a", context, timestamp: 0).variant == expected)
        }
    }

    @Test("whether a rule asks for the time is known, and the time isn't read for others")
    func time() throws {
        let rules = [
            (#"{"if":[{">":[{"var":"$flagd.timestamp"},5]},"on","off"]}"#, true),
            (#"{"if":[{">":[{"var":{"var":"x"}},5]},"on","off"]}"#, true),
            (#"{"if":[{"==":[{"var":"x"},5]},"on","off"]}"#, false),
            (#"{"fractional":[{"cat":[{"var":"$flagd.timestamp"},"x"]},["on",1]]}"#, true),
        ]
        for (rule, asks) in rules {
            let set = try FlagSet(
                json: Array(
                    #"{"flags":{"a":{"state":"ENABLED","variants":{"on":1,"off":2},"defaultVariant":"on","targeting":\#(rule)}}}"#
                        .utf8))
            #expect(set.flags["a"]?.asksForTime == asks, "\(rule)")
            var hasAsked = false
            let result = set.resolve("a", FlagContext()) {
                hasAsked = true
                return 10
            }
            #expect(hasAsked == asks && result == set.resolve("a", FlagContext(), timestamp: 10))
        }
    }
}
