package import GloveboxCore

/// One immutable state of a target's flags, compiled: whoever holds it sees all of a set or nothing.
package struct FlagEpoch: Sendable {
    package let state: FlagState
    /// As everyone sees them now, leased changes included.
    package let definitions: [String: FlagValue]
    /// Those, and what some see instead.
    package let flags: FlagSet
    /// Names it: the same after a restart, another for every change. Whoever serves the epoch sets it.
    package var tag = ""

    /// All that's compiled, by key, for the epoch that follows.
    private let compiled: [String: [Compiled]]

    private struct Compiled: Sendable {
        var text: String
        var flag: Flag
    }

    package var number: Int64 { self.state.epoch }

    /// - Parameter previous: one whose flags are compiled; those that are still the same are taken from it.
    /// - Throws: `flags_invalid`.
    package init(_ state: FlagState, after previous: FlagEpoch? = nil) throws(GloveboxError) {
        var definitions: [String: FlagValue] = [:]
        var compiled: [String: [Compiled]] = [:]
        func flag(_ key: String, _ text: String) throws(GloveboxError) -> Flag {
            if let known = compiled[key]?.first(where: { $0.text == text }) { return known.flag }
            let flag: Flag
            if let known = previous?.compiled[key]?.first(where: { $0.text == text }) {
                flag = known.flag
            } else {
                var compiler = RuleCompiler(evaluators: [:])
                flag = Flag(key, try FlagValue(json: Array(text.utf8)), metadata: [:], &compiler)
            }
            compiled[key, default: []].append(Compiled(text: text, flag: flag))
            return flag
        }
        var flags: [String: Flag] = [:]
        for (key, text) in state.effective {
            let flag = try flag(key, text)
            flags[key] = flag
            definitions[key] = flag.definition
        }
        var sheets: [String: [FlagSheet]] = [:]
        // What lies over it for everyone hides a change that some would see.
        var hidden: Set<String> = []
        for (layer, texts) in zip(state.layers, state.resolved).reversed() {
            for (entry, text) in zip(layer.entries, texts)
            where entry.overtakenBy == nil && !hidden.contains(entry.key) {
                guard let scope = layer.scope else {
                    hidden.insert(entry.key)
                    continue
                }
                var shown: Flag?
                if let text { shown = try flag(entry.key, text) }
                sheets[entry.key, default: []].append(FlagSheet(scope, shown))
            }
        }
        self.state = state
        self.definitions = definitions
        self.compiled = compiled
        self.flags = FlagSet(flags: flags, sheets: sheets)
    }

    /// A definition as a change has it: in one form, and one that can be evaluated.
    /// - Throws: `flags_invalid` with what's wrong.
    package static func definition(_ key: String, _ value: FlagValue) throws(GloveboxError) -> String {
        let flags = try FlagSet(.object(["flags": .object([key: value])]))
        if let fault = flags.faults.first { throw fault }
        return value.json
    }
}

/// What a scoped change makes of one flag, for whom it's meant.
struct FlagSheet: Sendable {
    let scope: FlagScope
    /// `nil` for a flag that isn't there for them.
    let flag: Flag?
    private let property: String
    private let value: FlagValue

    init(_ scope: FlagScope, _ flag: Flag?) {
        self.scope = scope
        self.flag = flag
        self.property = scope.property
        self.value = .string(scope.value)
    }

    func isFor(_ context: FlagContext) -> Bool {
        context.attributes[self.property] == self.value
    }
}
