package import GloveboxCore
import YAMLDocument

/// What any gateway may ask of an agent at most: the agent's own, host-local file. No gateway can lift it; a target
/// that it doesn't name doesn't exist for any.
package struct CeilingDocument: Hashable, Sendable {
    package var targets: [TargetName: CeilingTarget]

    /// A ceiling without a target refuses everything.
    package init(targets: [TargetName: CeilingTarget] = [:]) {
        self.targets = targets
    }
}

/// The ceiling of one target.
package struct CeilingTarget: Hashable, Sendable {
    package var capabilities: Set<Capability>
    /// Longest that a session may last after the agent was first told of its lease.
    package var longest: Duration
    package var limits: Limits
    /// Least masking: columns that are always masked, whatever the gateway's profile says, in the order of the file.
    package var columns: [ClassifiedColumn]
    /// Columns that are shown although their names say that they are sensitive.
    package var shown: [DeclassifiedColumn] = []
    /// How many answers about masked values a holder may have in a day; `nil` leaves it to the agent.
    package var disclosures: Int64?
    /// Whether the agent may sign in as a superuser.
    package var allowsSuperuser: Bool
    /// Whether a `read` lease may use a role that could write.
    package var allowsWritingReader: Bool
    /// Of a host: the runbooks and calls that may be used, by name.
    package var runbooks: Set<String> = []
    package var calls: Set<String> = []
    /// Of a host: paths of the files that may be changed; a `*` stands for any name, or part of one.
    package var files: [String] = []
    /// Of a host: what the addresses that calls ask begin with.
    package var urls: [String] = []
    /// Of a host: whether a change may be kept, so that it outlasts ``longest``.
    package var mayKeep = false

    package init(
        capabilities: Set<Capability>, longest: Duration, limits: Limits = Limits(), columns: [ClassifiedColumn] = [],
        allowsSuperuser: Bool = false, allowsWritingReader: Bool = false
    ) {
        self.capabilities = capabilities
        self.longest = longest
        self.limits = limits
        self.columns = columns
        self.allowsSuperuser = allowsSuperuser
        self.allowsWritingReader = allowsWritingReader
    }
}

/// A column that holds one kind of sensitive value, named as the database's catalogue does.
package struct ClassifiedColumn: Hashable, Sendable {
    package var schema: String
    package var table: String
    package var column: String
    /// What kind of value it holds, such as `email`.
    package var kind: String

    package init(schema: String, table: String, column: String, kind: String) {
        self.schema = schema
        self.table = table
        self.column = column
        self.kind = kind
    }
}

/// A column that its name alone would classify, and that is shown all the same. Whatever classifies it by its place is
/// stronger, and so is what detectors find in it.
package struct DeclassifiedColumn: Hashable, Sendable {
    package var schema: String
    package var table: String
    package var column: String
    /// For whoever reads the file.
    package var reason: String

    package init(schema: String, table: String, column: String, reason: String) {
        self.schema = schema
        self.table = table
        self.column = column
        self.reason = reason
    }
}

/// What a file says of columns.
package struct ColumnTreatments: Hashable, Sendable {
    package var classified: [ClassifiedColumn] = []
    package var shown: [DeclassifiedColumn] = []

    package init() {}
}

/// What a ceiling answers.
package enum CeilingDecision: Hashable, Sendable {
    /// With the tighter limits and the shorter time of both.
    case allow(limits: Limits, remaining: Duration)
    /// `rule` is the place in the ceiling's file, such as `targets.shop-db.capabilities`.
    case deny(rule: String, message: String)

    /// A denial as an error, `ceiling_denied`.
    package var error: GloveboxError? {
        switch self {
        case .allow: nil
        case .deny(let rule, let message): GloveboxError(.ceilingDenied, "\(message) (\(rule))")
        }
    }
}

extension CeilingDocument {
    /// Whether a session that uses `capability` may open under `grant`.
    package func check(_ grant: LeaseGrant, capability: Capability) -> CeilingDecision {
        guard let target = self.targets[grant.target] else {
            return .deny(
                rule: "targets",
                message: "the agent's ceiling doesn't name '\(grant.target)': add it on the agent's host")
        }
        guard target.capabilities.contains(capability) else {
            let allowed = target.capabilities.sorted().map(\.rawValue).joined(separator: ", ")
            return .deny(
                rule: "targets.\(grant.target).capabilities",
                message: "the agent's ceiling allows \(allowed) on \(grant.target), not \(capability.rawValue)")
        }
        guard grant.capabilities.contains(capability) else {
            return .deny(
                rule: "lease",
                message: "lease \(grant.lease) doesn't include \(capability.rawValue): open one that does")
        }
        let remaining = min(grant.remaining, target.longest)
        guard remaining > .zero else {
            return .deny(rule: "lease", message: "lease \(grant.lease) has run out: open another")
        }
        return .allow(limits: grant.limits.tightened(by: target.limits), remaining: remaining)
    }

    package func check(_ request: SessionRequest) -> CeilingDecision {
        self.check(request.grant, capability: request.capability)
    }
}
