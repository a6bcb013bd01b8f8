/// What a machine's token may call of what its identity's role may.
///
/// In JSON an object: `{"kind": "all"}`, `{"kind": "read"}` or `{"kind": "operations", "operations": ["openLease"]}`.
package enum TokenScope: Hashable, Sendable {
    case all
    /// What only reads.
    case read
    /// These, by their names in the API's document.
    case operations(Set<String>)
}

extension TokenScope: Codable, CustomStringConvertible {
    private enum Kind: String, Codable {
        case all, read, operations
    }

    private enum CodingKeys: String, CodingKey {
        case kind, operations
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let names = try container.decodeIfPresent(Set<String>.self, forKey: .operations)
        switch try container.decode(Kind.self, forKey: .kind) {
        case .all where names == nil: self = .all
        case .read where names == nil: self = .read
        case .operations:
            guard let names, !names.isEmpty else {
                throw GloveboxError(.invalidArgument, "scope: name the operations that the token may call")
            }
            self = .operations(names)
        case .all, .read:
            throw GloveboxError(.invalidArgument, "scope: 'operations' goes with the kind 'operations' alone")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .all: try container.encode(Kind.all, forKey: .kind)
        case .read: try container.encode(Kind.read, forKey: .kind)
        case .operations(let names):
            try container.encode(Kind.operations, forKey: .kind)
            try container.encode(names.sorted(), forKey: .operations)
        }
    }

    /// `all`, `read`, or the operations' names.
    package var description: String {
        switch self {
        case .all: "all"
        case .read: "read"
        case .operations(let names): names.sorted().joined(separator: ",")
        }
    }
}
