import FlagRules
import Glibc
import TestSupport
import Testing

/// The scenarios of flagd's testbed that concern evaluation, run from its feature files.
@Suite("flagd's scenarios")
struct ConformanceTests {
    private static let folder = Repository.file("../shared/conformance/flagd")
    private static let isThere = access(folder, R_OK) == 0

    /// Tags of scenarios that don't apply, and why.
    private static let leftOut: [String: String] = [
        "@fractional-v1": "an older way of making buckets; ours is @fractional-v2",
        "@fractional-v3": "a later way of making buckets; ours is @fractional-v2",
        "@deprecated": "superseded by @no-default-variant, which it contradicts",
        "@contextEnrichment": "a provider's own context, from its connection to flagd",
    ]

    /// Files that don't concern evaluation: how a provider connects to flagd, caches and tells of events.
    private static let files = [
        "evaluator/gherkin/disabled", "evaluator/gherkin/errors", "evaluator/gherkin/evaluation",
        "evaluator/gherkin/evaluator-refs", "evaluator/gherkin/fractional", "evaluator/gherkin/metadata",
        "evaluator/gherkin/no-default-variant", "evaluator/gherkin/semver", "evaluator/gherkin/string",
        "evaluator/gherkin/targeting", "evaluator/gherkin/zero-values", "gherkin/disabled", "gherkin/evaluation",
        "gherkin/metadata", "gherkin/selector", "gherkin/targeting",
    ]

    private static let scenarios: [FeatureScenario] = files.flatMap { name -> [FeatureScenario] in
        guard isThere else { return [] }
        return (try? FeatureFile("\(folder)/\(name).feature").scenarios) ?? []
    }.filter { $0.tags.isDisjoint(with: leftOut.keys) }

    @Test("nothing is left out but what's listed", .enabled(if: Self.isThere, "needs the shared conformance data"))
    func all() {
        #expect(Self.scenarios.count > 200)
        #expect(Set(Self.scenarios.map(\.file)).count == Self.files.count)
    }

    @Test("each comes out as it says", .enabled(if: Self.isThere), arguments: Self.scenarios)
    func conforms(_ scenario: FeatureScenario) throws {
        var run = ScenarioRun(
            folder: Self.folder, isEvaluator: scenario.steps.contains { $0.text == "an evaluator" })
        for step in scenario.steps { try run.take(step) }
        #expect(run.checks > 0)
    }
}

/// What a scenario's steps have come to.
private struct ScenarioRun {
    let folder: String
    let isEvaluator: Bool
    private(set) var checks = 0
    private var selector: String?
    private var flag: (type: FlagType, key: String, fallback: String)?
    private var context = FlagContext()
    private var resolution: FlagResolution?
    private var metadata: [String: FlagValue] = [:]

    init(folder: String, isEvaluator: Bool) {
        self.folder = folder
        self.isEvaluator = isEvaluator
    }

    private func flags() throws -> [FlagSet] {
        if self.isEvaluator { return [try self.read("evaluator/flags/testkit-flags.json")] }
        if let selector = self.selector, selector.hasPrefix("rawflags/") {
            return [try self.read("flags/\(selector.dropFirst("rawflags/".count))")]
        }
        // As the testbed puts them together: one set of most, in which an evaluator of one file is there for all.
        var (flags, evaluators): ([String: FlagValue], [String: FlagValue]) = ([:], [:])
        for name in [
            "changing-flag", "custom-ops", "disabled-flags", "edge-case-flags", "evaluator-refs", "metadata-flags",
            "testing-flags", "zero-flags",
        ] {
            let file = try FlagValue(json: readFile("\(self.folder)/flags/\(name).json")).object ?? [:]
            flags.merge(file["flags"]?.object ?? [:]) { first, _ in first }
            evaluators.merge(file["$evaluators"]?.object ?? [:]) { first, _ in first }
        }
        return [
            try FlagSet(.object(["flags": .object(flags), "$evaluators": .object(evaluators)])),
            try self.read("flags/selector-flag-combined-metadata.json"), try self.read("flags/selector-flags.json"),
        ]
    }

    private func read(_ name: String) throws -> FlagSet {
        try FlagSet(json: readFile("\(self.folder)/\(name)"))
    }

    mutating func take(_ step: FeatureScenario.Step) throws {
        let text = step.text
        if let match = text.wholeMatch(of: /an? (\w+)-flag with key "(.*)" and a (?:fallback|default) value "(.*)"/) {
            self.flag = (try #require(FlagType(rawValue: match.1.lowercased())), String(match.2), String(match.3))
        } else if let match = text.wholeMatch(
            of: /a context containing a key "(.*)", with type "(.*)" and with value "(.*)"/)
        {
            self.context.attributes[String(match.1)] = try Self.value(String(match.2), String(match.3))
        } else if let match = text.wholeMatch(
            of: /a context containing a nested property with outer key "(.*)" and inner key "(.*)", with value "(.*)"/)
        {
            self.context.attributes[String(match.1)] = .object([String(match.2): .string(String(match.3))])
        } else if let match = text.wholeMatch(of: /a context containing a targeting key with value "(.*)"/) {
            self.context.targetingKey = String(match.1)
        } else if let match = text.wholeMatch(of: /an option "selector" of type "String" with value "(.*)"/) {
            self.selector = String(match.1)
        } else if text == "the flag was evaluated with details" {
            let flag = try #require(self.flag)
            let sets = try self.flags()
            let set = sets.first { $0.flags[flag.key] != nil } ?? .empty
            self.resolution = set.resolve(flag.key, self.context, timestamp: 1_700_000_000).expecting(flag.type)
            self.metadata = set.flags[flag.key]?.metadata ?? set.metadata
        } else if let match = text.wholeMatch(of: /the resolved details value should be "(.*)"/) {
            let flag = try #require(self.flag)
            let fallback = try Self.value(flag.type.rawValue, flag.fallback)
            let expected = try Self.value(flag.type.rawValue, String(match.1))
            try self.check(#require(self.resolution).value ?? fallback, expected)
        } else if let match = text.wholeMatch(of: /the reason should be "(.*)"/) {
            try self.check(#require(self.resolution).reason.rawValue, String(match.1))
        } else if let match = text.wholeMatch(of: /the error-code should be "(.*)"/) {
            try self.check(#require(self.resolution).fault?.rawValue ?? "", String(match.1))
        } else if text == "the resolved metadata should contain" {
            for row in step.table.dropFirst() {
                self.check(self.metadata[row[0]], try Self.value(row[1], row[2]))
            }
        } else if text == "the resolved metadata is empty" {
            self.check(self.metadata, [:])
        } else if ["an evaluator", "a stable flagd provider", "a metadata flagd provider"].contains(text)
            || text.hasPrefix("an option ")
        {
            return
        } else {
            Issue.record("no such step: \(text)")
        }
    }

    private mutating func check<Value: Equatable>(_ value: Value, _ expected: Value) {
        self.checks += 1
        #expect(value == expected)
    }

    private static func value(_ type: String, _ text: String) throws -> FlagValue {
        switch type.lowercased() {
        case "boolean": .bool(text == "true")
        case "string": .string(text)
        case "integer": .integer(try #require(Int64(text)))
        case "float": try FlagValue(json: Array(text.utf8))
        case "object":
            try FlagValue(
                json: Array(
                    text.split(separator: "\\\"", omittingEmptySubsequences: false).joined(separator: "\"").utf8))
        default: throw TestSupportError("no such type: \(type)")
        }
    }
}
