package import GloveboxCore

/// The flags of one file in flagd's form: immutable, so that everybody who has it sees the same.
package struct FlagSet: Sendable {
    package let flags: [String: Flag]
    package let metadata: [String: FlagValue]

    package static let empty = FlagSet(flags: [:], metadata: [:])

    private init(flags: [String: Flag], metadata: [String: FlagValue]) {
        self.flags = flags
        self.metadata = metadata
    }

    /// Reads a file in JSON. One flag that isn't right doesn't keep the others from being there: see ``faults``.
    /// - Throws: `flags_invalid`, with line and column where it isn't JSON.
    package init(json bytes: [UInt8]) throws(GloveboxError) {
        try self.init(FlagValue(json: bytes))
    }

    /// - Parameter value: the file's content, whatever it was written in.
    /// - Throws: `flags_invalid`.
    package init(_ value: FlagValue) throws(GloveboxError) {
        guard let fields = value.object else {
            throw GloveboxError(.flagsInvalid, "a file of flags is an object, and not \(value.typeName)")
        }
        let known: Set = ["flags", "$evaluators", "metadata", "$schema"]
        if let unknown = fields.keys.sorted().first(where: { !known.contains($0) }) {
            throw GloveboxError(.flagsInvalid, "there is no field '\(unknown.prefix(80))' beside 'flags'")
        }
        guard let named = fields["flags"]?.object else {
            throw GloveboxError(.flagsInvalid, "'flags' is missing, or no object")
        }
        let evaluators: [String: FlagValue]
        switch fields["$evaluators"] {
        case nil, .null: evaluators = [:]
        case .object(let rules): evaluators = rules
        case .some(let other):
            throw GloveboxError(.flagsInvalid, "'$evaluators' is an object, and not \(other.typeName)")
        }
        let metadata = try Flag.metadata(fields["metadata"])
        var compiler = RuleCompiler(evaluators: evaluators)
        var flags: [String: Flag] = [:]
        for (key, flag) in named { flags[key] = Flag(key, flag, metadata: metadata, &compiler) }
        self.init(flags: flags, metadata: metadata)
    }

    /// What's wrong with which flag, by their keys.
    package var faults: [GloveboxError] {
        self.flags.values.sorted { $0.key < $1.key }.compactMap(\.fault)
    }

    /// - Parameter timestamp: in seconds of Unix time, as `$flagd.timestamp`.
    package func resolve(_ key: String, _ context: FlagContext, timestamp: Int64) -> FlagResolution {
        guard let flag = self.flags[key] else { return .failed(.flagNotFound, "there is no flag '\(key)'") }
        return flag.resolve(context, timestamp: timestamp)
    }
}
