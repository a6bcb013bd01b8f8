package import GloveboxCore

/// The flags of one file in flagd's form: immutable, so that everybody who has it sees the same.
package struct FlagSet: Sendable {
    package let flags: [String: Flag]
    package let metadata: [String: FlagValue]
    /// What some see instead, by key, uppermost first.
    private let sheets: [String: [FlagSheet]]

    package static let empty = FlagSet(flags: [:])

    init(flags: [String: Flag], metadata: [String: FlagValue] = [:], sheets: [String: [FlagSheet]] = [:]) {
        self.flags = flags
        self.metadata = metadata
        self.sheets = sheets
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

    /// The flag as whoever asks sees it.
    package func flag(_ key: String, _ context: FlagContext) -> Flag? {
        if !self.sheets.isEmpty, let sheets = self.sheets[key] {
            for sheet in sheets where sheet.isFor(context) { return sheet.flag }
        }
        return self.flags[key]
    }

    /// All that whoever asks sees, by key.
    package func keys(_ context: FlagContext) -> [String] {
        guard !self.sheets.isEmpty else { return self.flags.keys.sorted() }
        return Set(self.flags.keys).union(self.sheets.keys).filter { self.flag($0, context) != nil }.sorted()
    }

    /// Keys of flags that aren't the same object here and there, for anybody.
    package func difference(from other: FlagSet) -> [String] {
        func differs(_ key: String) -> Bool {
            guard self.flags[key] === other.flags[key] else { return true }
            let (own, others) = (self.sheets[key] ?? [], other.sheets[key] ?? [])
            return own.count != others.count
                || zip(own, others).contains { $0.scope != $1.scope || $0.flag !== $1.flag }
        }
        let keys = Set(self.flags.keys).union(other.flags.keys).union(self.sheets.keys).union(other.sheets.keys)
        return keys.filter(differs).sorted()
    }

    /// The same where reading the clock costs something: it's read only if the flag's rule asks for it.
    package func resolve(_ key: String, _ context: FlagContext, at timestamp: () -> Int64) -> FlagResolution {
        guard let flag = self.flag(key, context) else { return .failed(.flagNotFound, "there is no flag '\(key)'") }
        return flag.resolve(context, timestamp: flag.asksForTime ? timestamp() : 0)
    }

    /// The value alone; `nil` where the caller's own default is to be taken, for whatever reason.
    package func value(_ key: String, _ context: FlagContext, at timestamp: () -> Int64) -> FlagValue? {
        guard let flag = self.flag(key, context) else { return nil }
        if flag.isFixed { return flag.fixed?.value }
        return flag.resolve(context, timestamp: flag.asksForTime ? timestamp() : 0).value
    }

    /// - Parameter timestamp: in seconds of Unix time, as `$flagd.timestamp`.
    package func resolve(_ key: String, _ context: FlagContext, timestamp: Int64) -> FlagResolution {
        guard let flag = self.flag(key, context) else { return .failed(.flagNotFound, "there is no flag '\(key)'") }
        return flag.resolve(context, timestamp: timestamp)
    }
}
