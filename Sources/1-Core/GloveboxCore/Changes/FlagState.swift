/// The flags of one target: what they are without leased changes, and those changes over it, in the order in which they came.
/// A value as the store keeps it; the engine `Changes` says how it goes on.
package struct FlagState: Hashable, Sendable, Codable {
    package var target: TargetName
    /// Counts what the flags have been, leased changes included.
    package var epoch: Int64
    /// Definitions by key, each JSON as flagd's files have it.
    package var base: [String: String]
    package var layers: [FlagLayer]

    package init(target: TargetName, epoch: Int64 = 0, base: [String: String] = [:], layers: [FlagLayer] = []) {
        self.target = target
        self.epoch = epoch
        self.base = base
        self.layers = layers
    }
}

/// What one set makes of the flags while it's neither kept nor undone.
package struct FlagLayer: Hashable, Sendable, Codable {
    package struct Entry: Hashable, Sendable, Codable {
        /// Which of the set's changes.
        package var change: Int
        package var key: String
        /// `nil` for a flag that's to be no more.
        package var definition: String?
        /// A set that came later and was kept: this counts for nothing any more.
        package var overtakenBy: ChangeSetID?

        package init(change: Int, key: String, definition: String?, overtakenBy: ChangeSetID? = nil) {
            self.change = change
            self.key = key
            self.definition = definition
            self.overtakenBy = overtakenBy
        }
    }

    package var set: ChangeSetID
    package var entries: [Entry]

    package init(set: ChangeSetID, entries: [Entry]) {
        self.set = set
        self.entries = entries
    }
}
