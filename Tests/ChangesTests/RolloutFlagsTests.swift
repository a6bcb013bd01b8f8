import FlagRules
import GloveboxCore
import Testing

@testable import Changes

@Suite("Flags in shares")
struct RolloutFlagsTests {
    private static let former = #"""
        {"state":"ENABLED","variants":{"old":1,"beta":2},"defaultVariant":"old",
         "targeting":{"if":[{"==":[{"var":"tier"},"beta"]},"beta",null]}}
        """#
    private static let new = #"{"state":"ENABLED","variants":{"old":1,"new":3},"defaultVariant":"new"}"#

    private static func seen(_ definition: String, _ key: String, tier: String? = nil) throws -> String? {
        let flags = try FlagSet(json: Array(#"{"flags":{"f":\#(definition)}}"#.utf8))
        #expect(flags.faults.isEmpty)
        let context = FlagContext(targetingKey: key, attributes: tier.map { ["tier": .string($0)] } ?? [:])
        return flags.resolve("f", context, timestamp: 0).variant
    }

    @Test(
        "who is in the share sees what's to be, the rest what was, targeting and all; a larger share takes nobody out")
    func shares() throws {
        var inside: Set<Int> = []
        for percent in [1, 10, 50, 99] {
            let definition = try FlagShare.definition(of: "f", from: Self.former, to: Self.new, percent: percent)
            var now: Set<Int> = []
            for person in 0..<2000 {
                switch try Self.seen(definition, "p\(person)") {
                case "new": now.insert(person)
                case "old": #expect(try Self.seen(definition, "p\(person)", tier: "beta") == "beta")
                case let other: Issue.record("\(other ?? "nothing")")
                }
            }
            #expect(abs(now.count - 20 * percent) < 80, "\(percent) %: \(now.count)")
            #expect(now.isSuperset(of: inside))
            inside = now
        }
        #expect(try FlagShare.definition(of: "f", from: Self.former, to: Self.new, percent: 100) == Self.new)
    }

    @Test("a flag's own buckets are seen in the share as they will be in the whole, and by the rest as they were")
    func ownBuckets() throws {
        func buckets(_ one: String, _ other: String) -> String {
            """
            {"state":"ENABLED","variants":{"\(one)":"\(one)","\(other)":"\(other)"},"defaultVariant":"\(one)",
             "targeting":{"fractional":[["\(one)",50],["\(other)",50]]}}
            """
        }
        let definition = try FlagShare.definition(
            of: "f", from: buckets("a", "b"), to: buckets("x", "y"), percent: 10)
        var counts: [String: Int] = [:]
        for person in 0..<4000 { counts[try Self.seen(definition, "p\(person)") ?? "nothing", default: 0] += 1 }
        #expect(Set(counts.keys) == ["a", "b", "x", "y"], "\(counts)")
        for name in ["x", "y"] { #expect(abs((counts[name] ?? 0) - 200) < 60, "\(counts)") }
        for name in ["a", "b"] { #expect(abs((counts[name] ?? 0) - 1800) < 150, "\(counts)") }
    }

    @Test("whoever has no targeting key is in no share")
    func withoutKey() throws {
        let definition = try FlagShare.definition(of: "f", from: Self.former, to: Self.new, percent: 99)
        let flags = try FlagSet(json: Array(#"{"flags":{"f":\#(definition)}}"#.utf8))
        #expect(flags.resolve("f", FlagContext(), timestamp: 0).variant == "old")
    }

    @Test("a side without a default variant leaves the caller's own default")
    func noDefault() throws {
        let former = #"{"state":"ENABLED","variants":{"a":1}}"#
        let definition = try FlagShare.definition(of: "f", from: former, to: Self.new, percent: 50)
        let seen = try (0..<100).map { try Self.seen(definition, "p\($0)") }
        #expect(Set(seen) == ["new", nil])
    }
}
