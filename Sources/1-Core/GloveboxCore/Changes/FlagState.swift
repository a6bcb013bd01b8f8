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

/// A part of a flag that a change sets, the others left as they are.
package struct FlagPatch: Hashable, Sendable, Codable {
    package var defaultVariant: String?
    package var isEnabled: Bool?

    package init(defaultVariant: String? = nil, isEnabled: Bool? = nil) {
        self.defaultVariant = defaultVariant
        self.isEnabled = isEnabled
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
        /// Where the set changes a part alone: that, over whatever lies beneath.
        package var patch: FlagPatch?
        /// Of a rollout that isn't whole yet: in percent. The rest sees what lies beneath.
        package var share: Int?
        /// A set that came later and was kept: this counts for nothing any more.
        package var overtakenBy: ChangeSetID?

        package init(
            change: Int, key: String, definition: String?, patch: FlagPatch? = nil, share: Int? = nil,
            overtakenBy: ChangeSetID? = nil
        ) {
            self.change = change
            self.key = key
            self.definition = definition
            self.patch = patch
            self.share = share
            self.overtakenBy = overtakenBy
        }
    }

    package var set: ChangeSetID
    /// Who sees it; `nil` for everyone.
    package var scope: FlagScope?
    package var entries: [Entry]

    package init(set: ChangeSetID, scope: FlagScope? = nil, entries: [Entry]) {
        self.set = set
        self.scope = scope
        self.entries = entries
    }
}

/// Who sees a change of flags, where that isn't everyone. Whoever asks says in the context whom it asks for: a claim that
/// chooses between variants, and proves nothing.
package enum FlagScope: Hashable, Sendable {
    case identity(IdentityName)
    case lease(LeaseID)
    case testRun(String)

    /// The property of a context that says so.
    package var property: String {
        switch self {
        case .identity: "gloveboxIdentity"
        case .lease: "gloveboxLease"
        case .testRun: "gloveboxTestRun"
        }
    }

    package var value: String {
        switch self {
        case .identity(let name): name.rawValue
        case .lease(let id): id.rawValue
        case .testRun(let name): name
        }
    }

    /// As files and the API have it: one field, `identity`, `lease` or `testRun`.
    package var field: String {
        switch self {
        case .identity: "identity"
        case .lease: "lease"
        case .testRun: "testRun"
        }
    }

    /// - Throws: `invalid_argument`.
    package init(field: String, value: String) throws(GloveboxError) {
        switch field {
        case "identity": self = .identity(try IdentityName(value))
        case "lease": self = .lease(try LeaseID(value))
        case "testRun":
            let printable = value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            guard (1...200).contains(value.utf8.count), printable else {
                throw GloveboxError(.invalidArgument, "a test run is 1 to 200 bytes without control characters")
            }
            self = .testRun(value)
        default:
            throw GloveboxError(
                .invalidArgument, "unknown field '\(field.prefix(80))': a scope is one of identity, lease and testRun")
        }
    }
}

extension FlagScope: CustomStringConvertible {
    /// For people: `identity anna`.
    package var description: String {
        if case .testRun(let name) = self { "test run \(name)" } else { "\(self.field) \(self.value)" }
    }
}

extension FlagScope: Codable {
    private struct Field: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Field.self)
        guard container.allKeys.count == 1, let field = container.allKeys.first else {
            throw GloveboxError(.invalidArgument, "a scope is one of identity, lease and testRun; none for everyone")
        }
        try self.init(field: field.stringValue, value: try container.decode(String.self, forKey: field))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Field.self)
        try container.encode(self.value, forKey: Field(stringValue: self.field))
    }
}
