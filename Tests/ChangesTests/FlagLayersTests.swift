import FlagRules
import GloveboxCore
import TestSupport
import Testing

@testable import Changes

@Suite("Leased changes over flags")
struct FlagLayersTests {
    private static func set(_ flags: (String, String?)...) throws -> ChangeSet {
        ChangeSet(
            id: .random(), title: "x", holder: try IdentityName("ada"), lease: .random(),
            target: try TargetName("flags"),
            changes: flags.map { .flag(FlagChange(key: $0.0, definition: $0.1, former: nil)) },
            plannedAt: WallTime(nanoseconds: 0))
    }

    private static func state(_ base: [String: String]) throws -> FlagState {
        FlagState(target: try TargetName("flags"), base: base)
    }

    @Test("a set's flags change in one epoch, and go back in one; doing either twice does nothing more")
    func oneEpoch() throws {
        var state = try Self.state(["a": "1", "b": "2"])
        let set = try Self.set(("a", "10"), ("b", nil), ("c", "30"))
        state.apply(set, 0..<3)
        #expect(state.effective == ["a": "10", "c": "30"] && state.epoch == 1)
        state.apply(set, 0..<3)
        #expect(state.epoch == 1)
        #expect(state.undo(set.id).isEmpty)
        #expect(state.effective == ["a": "1", "b": "2"] && state.epoch == 2)
        #expect(state.undo(set.id).isEmpty)
        #expect(state.epoch == 2)
    }

    @Test("of two who change one flag, the first's end names the other and leaves theirs; then all is as it was")
    func twoPeople() throws {
        var state = try Self.state(["a": "1"])
        let (first, second) = (try Self.set(("a", "10"), ("b", "5")), try Self.set(("a", "20")))
        state.apply(first, 0..<2)
        state.apply(second, 0..<1)
        #expect(state.effective["a"] == "20" && state.sets(on: "a") == [first.id, second.id])
        #expect(state.conflicts(of: first.id) == [ChangeConflict(change: 0, by: second.id)])
        #expect(state.conflicts(of: second.id).isEmpty)
        #expect(state.undo(first.id) == [ChangeConflict(change: 0, by: second.id)])
        #expect(state.effective == ["a": "20"])
        #expect(state.undo(second.id).isEmpty)
        #expect(state.effective == ["a": "1"])
    }

    @Test("the later one ends first: the earlier one's shows again")
    func laterFirst() throws {
        var state = try Self.state(["a": "1"])
        let (first, second) = (try Self.set(("a", "10")), try Self.set(("a", "20")))
        state.apply(first, 0..<1)
        state.apply(second, 0..<1)
        #expect(state.undo(second.id).isEmpty)
        #expect(state.effective == ["a": "10"])
    }

    @Test("what's kept stays when an earlier set of the same flag ends, and that end names it")
    func keptOver() throws {
        var state = try Self.state(["a": "1"])
        let (first, second) = (try Self.set(("a", "10"), ("b", "5")), try Self.set(("a", "20")))
        state.apply(first, 0..<2)
        state.apply(second, 0..<1)
        state.keep(second.id)
        #expect(state.effective == ["a": "20", "b": "5"] && state.base == ["a": "20"])
        #expect(state.undo(first.id) == [ChangeConflict(change: 0, by: second.id)])
        #expect(state.effective == ["a": "20"])
    }

    @Test("what's kept under a later set shows when that ends")
    func keptUnder() throws {
        var state = try Self.state(["a": "1"])
        let (first, second) = (try Self.set(("a", "10")), try Self.set(("a", "20")))
        state.apply(first, 0..<1)
        state.apply(second, 0..<1)
        state.keep(first.id)
        #expect(state.effective == ["a": "20"])
        #expect(state.undo(second.id).isEmpty)
        #expect(state.effective == ["a": "10"])
    }

    // MARK: Parts and shares

    private static func flag(_ variant: String, _ state: String = "ENABLED", _ third: Int = 3) -> String {
        #"{"defaultVariant":"\#(variant)","state":"\#(state)","variants":{"a":1,"b":2,"c":\#(third)}}"#
    }

    private static func patch(_ patch: FlagPatch) throws -> ChangeSet {
        var set = try Self.set(("f", Self.flag("c", "DISABLED")))
        set.changes = [
            .flag(FlagChange(key: "f", definition: Self.flag("c", "DISABLED"), former: nil, patch: patch))
        ]
        return set
    }

    @Test("a part that's changed lies over whatever is beneath: another's change beneath goes away whole")
    func parts() throws {
        var state = try Self.state(["f": Self.flag("a")])
        let (other, disabled) = (
            try Self.set(("f", Self.flag("b", "ENABLED", 9))), try Self.patch(.init(isEnabled: false))
        )
        state.apply(other, 0..<1)
        state.apply(disabled, 0..<1)
        #expect(state.effective == ["f": Self.flag("b", "DISABLED", 9)])
        _ = state.undo(other.id)
        #expect(state.effective == ["f": Self.flag("a", "DISABLED")])
        try state.checkKeeping(disabled.id)
        state.keep(disabled.id)
        #expect(state.base == ["f": Self.flag("a", "DISABLED")])
    }

    @Test("a part of what's leased can't be kept, nor can a share")
    func keepsNoOthers() throws {
        var state = try Self.state(["f": Self.flag("a")])
        let (other, disabled) = (
            try Self.set(("f", Self.flag("b", "ENABLED", 9))), try Self.patch(.init(isEnabled: false))
        )
        state.apply(other, 0..<1)
        state.apply(disabled, 0..<1)
        #expect(throws: GloveboxError.self) { try state.checkKeeping(disabled.id) }
        try state.checkKeeping(other.id)
        let half = try Self.set(("f", Self.flag("b")))
        var rolled = try Self.state(["f": Self.flag("a")])
        rolled.apply(half, 0..<1, percent: 50)
        #expect(throws: GloveboxError.self) { try rolled.checkKeeping(half.id) }
        rolled.roll(half.id, to: 100)
        try rolled.checkKeeping(half.id)
    }

    @Test("the rest of a rollout sees what's beneath, also once another's change there is gone")
    func shares() throws {
        var state = try Self.state(["f": Self.flag("a")])
        let (other, half) = (try Self.set(("f", Self.flag("b"))), try Self.set(("f", Self.flag("c"))))
        func seen() throws -> Set<String?> {
            let flags = try FlagSet(json: Array(#"{"flags":{"f":\#(state.effective["f"] ?? "")}}"#.utf8))
            return Set(
                (0..<200).map { flags.resolve("f", FlagContext(targetingKey: "p\($0)"), timestamp: 0).variant })
        }
        state.apply(other, 0..<1)
        state.apply(half, 0..<1, percent: 50)
        #expect(try seen() == ["b", "c"])
        _ = state.undo(other.id)
        #expect(try seen() == ["a", "c"])
        let epoch = state.epoch
        state.roll(half.id, to: 100)
        #expect(try seen() == ["c"] && state.epoch == epoch + 1)
        state.roll(half.id, to: 100)
        #expect(state.epoch == epoch + 1)
    }

    @Test("what can't be changed so any more stays as it is beneath")
    func unfit() throws {
        var state = try Self.state([:])
        let (made, disabled) = (try Self.set(("f", Self.flag("b"))), try Self.patch(.init(defaultVariant: "c")))
        state.apply(made, 0..<1)
        state.apply(disabled, 0..<1)
        #expect(state.effective == ["f": Self.flag("c")])
        _ = state.undo(made.id)
        #expect(state.effective.isEmpty)
    }

    @Test("whatever sets come, are kept and go in whatever order, without them the flags are what was kept")
    func model() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            var state = try Self.state(["a": "1", "b": "2"])
            var kept = state.base
            var open: [ChangeSet] = []
            for value in 0..<20 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    let keys = ["a", "b", "c"].filter { _ in Bool.random(using: &random) }
                    let set = ChangeSet(
                        id: .random(), title: "x", holder: try IdentityName("ada"), lease: .random(),
                        target: state.target,
                        changes: keys.map {
                            .flag(
                                FlagChange(
                                    key: $0, definition: Bool.random(using: &random) ? "\(value + 100)" : nil,
                                    former: nil))
                        }, plannedAt: WallTime(nanoseconds: 0))
                    state.apply(set, 0..<set.changes.count)
                    if !set.changes.isEmpty { open.append(set) }
                    // The last one always shows.
                    for case .flag(let flag) in set.changes { #expect(state.effective[flag.key] == flag.definition) }
                case 2 where !open.isEmpty:
                    let set = open.remove(at: Int.random(in: open.indices, using: &random))
                    let overtaken = Set(
                        state.layers.first { $0.set == set.id }?.entries.filter { $0.overtakenBy != nil }.map(\.key)
                            ?? [])
                    for case .flag(let flag) in set.changes where !overtaken.contains(flag.key) {
                        kept[flag.key] = flag.definition
                    }
                    state.keep(set.id)
                case _ where !open.isEmpty:
                    let set = open.remove(at: Int.random(in: open.indices, using: &random))
                    _ = state.undo(set.id)
                default: break
                }
            }
            for set in open { _ = state.undo(set.id) }
            #expect(state.effective == kept && state.layers.isEmpty)
        }
    }

    @Test("an epoch is compiled whole; a definition that's wrong is told before anything changes")
    func epoch() throws {
        let on = #"{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}"#
        let definition = try FlagEpoch.definition("a", FlagValue(json: Array(on.utf8)))
        var state = try Self.state([:])
        state.apply(try Self.set(("a", definition)), 0..<1)
        let epoch = try FlagEpoch(state)
        #expect(epoch.number == 1)
        #expect(epoch.flags.resolve("a", FlagContext(), timestamp: 0).value == .bool(true))
        let wrong = #expect(throws: GloveboxError.self) {
            try FlagEpoch.definition("a", FlagValue(json: Array(#"{"state":"ON"}"#.utf8)))
        }
        #expect(wrong?.code == .flagsInvalid)
        #expect(wrong?.message.contains("flag 'a'") == true)
    }
}
