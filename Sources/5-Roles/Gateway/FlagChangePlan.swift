import Changes
import ControlAPI
import FlagRules
import GloveboxCore

/// What somebody wants of a flag, before it's known what it is.
struct FlagChangePlan: Sendable {
    var key: String
    var edit: Edit

    enum Edit: Sendable {
        case define(FlagValue)
        case set(defaultVariant: String?, isEnabled: Bool?)
        case remove
    }

    init(key: String, _ edit: Edit) {
        self.key = key
        self.edit = edit
    }

    /// - Throws: `flags_invalid`.
    init(_ edit: FlagEdit) throws {
        self.key = edit.key
        if let definition = edit.definition {
            self.edit = .define(try FlagValue(definition))
        } else if edit.isRemoved {
            self.edit = .remove
        } else {
            self.edit = .set(defaultVariant: edit.defaultVariant, isEnabled: edit.isEnabled)
        }
    }

    /// - Parameter former: its definition as it is now; `nil` where there's none.
    /// - Throws: `flags_invalid`, `not_found`.
    func change(of former: String?) throws(GloveboxError) -> FlagChange {
        switch self.edit {
        case .define(let value):
            let definition = try FlagEpoch.definition(self.key, value)
            return FlagChange(key: self.key, definition: definition, former: former)
        case .remove:
            guard former != nil else { throw self.missing }
            return FlagChange(key: self.key, definition: nil, former: former)
        case .set(let variant, let isEnabled):
            guard let former else { throw self.missing }
            let patch = FlagPatch(defaultVariant: variant, isEnabled: isEnabled)
            return FlagChange(
                key: self.key, definition: try patch.applied(to: former, of: self.key), former: former, patch: patch)
        }
    }

    private var missing: GloveboxError {
        GloveboxError(.notFound, "there is no flag '\(self.key)': give a whole definition to make one")
    }
}

/// What somebody wants of a set, in the order in which it's applied.
enum ChangePlan: Sendable {
    case flag(FlagChangePlan)
    case host(HostChange)
    /// With the leases under which it changes more than itself.
    case testRun(TestRunEdit, leases: [LeaseID])

    static func route(_ edit: RouteEdit) throws -> ChangePlan {
        .flag(
            FlagChangePlan(
                key: EdgeState.Entry.route(service: edit.service).key,
                .define(try FlagValue(EdgeState.definition(edit)))))
    }

    /// A test run has its set's name.
    func flagPlan(in set: ChangeSetID) throws -> FlagChangePlan {
        switch self {
        case .flag(let plan): plan
        case .testRun(let edit, let leases):
            FlagChangePlan(
                key: EdgeState.Entry.run(set.rawValue).key,
                .define(try FlagValue(EdgeState.definition(edit, leases: leases))))
        case .host: throw GloveboxError(.internal, "what's done on a host is no flag")
        }
    }
}

extension Change {
    var isFlag: Bool {
        if case .flag = self { true } else { false }
    }
}

extension ChangeSet {
    /// Whether it leads to an epoch.
    var changesFlags: Bool { self.changes.contains(where: \.isFlag) }
}

/// A target whose flags a gateway serves.
struct FlagTarget: Sendable {
    var name: TargetName
    var labels: [String: String] = [:]
    /// What its flags are when nobody has changed anything yet, JSON by key.
    var seed: [String: String] = [:]
    /// That the file with these isn't there.
    var missingSeed: GloveboxError?
    /// Whether it's what edges are told, and not what services ask.
    var isEdge = false

    var announcement: TargetAnnouncement {
        TargetAnnouncement(
            name: self.name, kind: self.isEdge ? Self.edgeKind : Self.kind, labels: self.labels,
            capabilities: self.isEdge ? [.change, .test] : [.change])
    }

    static let kind = "flags"
    static let edgeKind = "edge"
}

extension FlagValue {
    /// - Throws: `flags_invalid` for what's nested too deeply.
    init(_ value: JSONValue) throws {
        try self.init(json: try JSONForm.encode(value))
    }
}

extension JSONValue {
    init(_ value: FlagValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        case .string(let value): self = .string(value)
        case .array(let items): self = .array(items.map(JSONValue.init))
        case .object(let fields): self = .object(fields.mapValues(JSONValue.init))
        }
    }
}

extension ChangeSet {
    /// One line a change.
    var summaries: [String] {
        self.changes.map { change in self.scope.map { "\(change.summary), for \($0)" } ?? change.summary }
    }
}

extension Change {
    /// What it's about: `flag 'new-checkout'`.
    var title: String {
        switch self {
        case .flag(let flag):
            switch EdgeState.Entry(key: flag.key) {
            case .route(let service)?: "the route of '\(service)'"
            case .run(let id)?: "test run \(id)"
            case nil: "flag '\(flag.key)'"
            }
        case .host(let change): "\(change.action.title) on \(change.target)"
        }
    }

    /// In one line, without the values of variants.
    var summary: String {
        switch self {
        case .flag(let flag):
            switch (flag.former, flag.definition) {
            case (_, let definition?) where EdgeState.Entry(key: flag.key) != nil:
                "\(self.title): \(Self.shown(definition, of: flag.key))"
            case (nil, _): "\(self.title) is made"
            case (_, nil): "\(self.title) is removed"
            case (let former?, let definition?): "\(self.title): \(Self.difference(former, definition))"
            }
        case .host(let change): "\(change.action.summary) on \(change.target)"
        }
    }

    private static func shown(_ definition: String, of key: String) -> String {
        guard let state = try? EdgeState(flags: [key: definition]) else { return "defined anew" }
        if let weights = state.weights.values.first {
            return weights.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
        let run = state.runs.values.first
        let routes = run?.routes.map { "\($0.host ?? "")\($0.path)" }.joined(separator: ", ") ?? ""
        return "\(routes), at most \(run?.writes ?? 0) writes"
    }

    private static func difference(_ former: String, _ definition: String) -> String {
        guard let before = try? FlagValue(json: Array(former.utf8)).object,
            let after = try? FlagValue(json: Array(definition.utf8)).object
        else { return "defined anew" }
        let differing = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }.sorted()
        let parts = differing.map { name in
            switch (name, before[name]?.string, after[name]?.string) {
            case ("defaultVariant", let old?, let new?), ("state", let old?, let new?): "\(name) \(old) → \(new)"
            default: "\(name) changed"
            }
        }
        return parts.isEmpty ? "as it was" : parts.joined(separator: ", ")
    }
}
