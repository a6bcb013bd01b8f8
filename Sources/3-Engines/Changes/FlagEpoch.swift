package import FlagRules
package import GloveboxCore

/// One immutable state of a target's flags, compiled: whoever holds it sees all of a set or nothing.
package struct FlagEpoch: Sendable {
    package let state: FlagState
    /// As they are now, leased changes included.
    package let definitions: [String: FlagValue]
    package let flags: FlagSet

    package var number: Int64 { self.state.epoch }

    /// - Throws: `flags_invalid`.
    package init(_ state: FlagState) throws(GloveboxError) {
        var definitions: [String: FlagValue] = [:]
        for (key, text) in state.effective { definitions[key] = try FlagValue(json: Array(text.utf8)) }
        self.state = state
        self.definitions = definitions
        self.flags = try FlagSet(.object(["flags": .object(definitions)]))
    }

    /// A definition as a change has it: in one form, and one that can be evaluated.
    /// - Throws: `flags_invalid` with what's wrong.
    package static func definition(_ key: String, _ value: FlagValue) throws(GloveboxError) -> String {
        let flags = try FlagSet(.object(["flags": .object([key: value])]))
        if let fault = flags.faults.first { throw fault }
        return value.json
    }
}
