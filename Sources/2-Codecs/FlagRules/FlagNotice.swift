package import GloveboxCore

/// What a gateway tells those who evaluate a target's flags themselves, as events of one stream: a whole epoch first, then
/// each step from the one that they have to the next, and how long leased changes still last.
///
/// What's leased comes with what remains of its lease, in milliseconds from when it's sent, never with a wall time: whoever
/// has it counts down on a clock of their own, and takes the change back by themselves when nobody tells them more.
package enum FlagNotice: Hashable, Sendable {
    case epoch(FlagState, tag: String, remaining: [ChangeSetID: Duration])
    /// From the epoch whose tag is `after`.
    case step(FlagStep, after: String, tag: String, remaining: [ChangeSetID: Duration])
    /// Nothing but what remains has changed.
    case remaining([ChangeSetID: Duration])
    /// Nothing follows: ask again.
    case end

    package var name: String {
        switch self {
        case .epoch: "epoch"
        case .step: "step"
        case .remaining: "remaining"
        case .end: "end"
        }
    }

    /// The epoch that it leads to.
    package var tag: String? {
        switch self {
        case .epoch(_, let tag, _), .step(_, _, let tag, _): tag
        case .remaining, .end: nil
        }
    }
}

/// What's other in one epoch than in another of the same target.
package struct FlagStep: Hashable, Sendable {
    package var epoch: Int64
    /// What the flags are without leased changes, where that's other; `nil` for one that's no more.
    package var base: [String: String?]
    /// Which layers there are, lowest first.
    package var order: [ChangeSetID]
    /// Those that are new or other.
    package var layers: [FlagLayer]

    package init(from old: FlagState, to new: FlagState) {
        self.epoch = new.epoch
        self.base = [:]
        for (key, text) in new.base where old.base[key] != text { self.base[key] = .some(text) }
        for key in old.base.keys where new.base[key] == nil { self.base[key] = .some(nil) }
        self.order = new.layers.map(\.set)
        let known = Dictionary(old.layers.map { ($0.set, $0) }) { $1 }
        self.layers = new.layers.filter { known[$0.set] != $0 }
    }

    init(epoch: Int64, base: [String: String?], order: [ChangeSetID], layers: [FlagLayer]) {
        self.epoch = epoch
        self.base = base
        self.order = order
        self.layers = layers
    }

    /// - Throws: `flags_invalid` where it doesn't fit.
    package func applied(to old: FlagState) throws(GloveboxError) -> FlagState {
        var new = old
        new.epoch = self.epoch
        for (key, text) in self.base { new.base[key] = text }
        var known = Dictionary(old.layers.map { ($0.set, $0) }) { $1 }
        for layer in self.layers { known[layer.set] = layer }
        new.layers = []
        for set in self.order {
            guard let layer = known[set] else {
                throw GloveboxError(.flagsInvalid, "a step names change \(set), which nobody told of")
            }
            new.layers.append(layer)
        }
        return new
    }
}

// MARK: As JSON

extension FlagNotice {
    /// An event's data.
    package var json: FlagValue {
        switch self {
        case .epoch(let state, _, let remaining):
            var fields = state.json.object ?? [:]
            fields["remaining"] = Self.json(remaining)
            return .object(fields)
        case .step(let step, let after, _, let remaining):
            return .object([
                "epoch": .integer(step.epoch), "after": .string(after),
                "base": .object(step.base.mapValues { $0.map(FlagState.value) ?? .null }),
                "order": .array(step.order.map { .string($0.rawValue) }),
                "layers": .array(step.layers.map(\.json)), "remaining": Self.json(remaining),
            ])
        case .remaining(let remaining): return .object(["remaining": Self.json(remaining)])
        case .end: return .object([:])
        }
    }

    /// - Parameters:
    ///   - name: the event's; `nil` is returned for one that's none of these.
    ///   - tag: the event's id.
    /// - Throws: `flags_invalid`.
    package init?(name: String?, tag: String?, data: String) throws(GloveboxError) {
        guard let name, ["epoch", "step", "remaining", "end"].contains(name) else { return nil }
        if name == "end" {
            self = .end
            return
        }
        let value = try FlagValue(json: Array(data.utf8))
        let remaining = try Self.remaining(value.field("remaining"))
        switch name {
        case "epoch": self = .epoch(try FlagState(json: value), tag: tag ?? "", remaining: remaining)
        case "step":
            var base: [String: String?] = [:]
            for (key, definition) in value.field("base")?.object ?? [:] {
                base[key] = .some(definition == .null ? nil : definition.json)
            }
            var order: [ChangeSetID] = []
            for set in value.field("order")?.array ?? [] { order.append(try ChangeSetID(set.string ?? "")) }
            var layers: [FlagLayer] = []
            for layer in value.field("layers")?.array ?? [] { layers.append(try FlagLayer(json: layer)) }
            guard let epoch = value.field("epoch")?.integer, let after = value.field("after")?.string else {
                throw GloveboxError(.flagsInvalid, "a step has an epoch, and one that it comes after")
            }
            self = .step(
                FlagStep(epoch: epoch, base: base, order: order, layers: layers), after: after, tag: tag ?? "",
                remaining: remaining)
        default: self = .remaining(remaining)
        }
    }

    private static func json(_ remaining: [ChangeSetID: Duration]) -> FlagValue {
        var fields: [String: FlagValue] = [:]
        for (set, left) in remaining { fields[set.rawValue] = .integer(left.nanosecondsClamped / 1_000_000) }
        return .object(fields)
    }

    private static func remaining(_ value: FlagValue?) throws(GloveboxError) -> [ChangeSetID: Duration] {
        var remaining: [ChangeSetID: Duration] = [:]
        for (set, left) in value?.object ?? [:] {
            guard let left = left.integer else {
                throw GloveboxError(.flagsInvalid, "what remains of a change is a number of milliseconds")
            }
            remaining[try ChangeSetID(set)] = .milliseconds(left)
        }
        return remaining
    }
}

extension FlagState {
    /// All of it, for whoever is to have the same.
    package var json: FlagValue {
        .object([
            "target": .string(self.target.rawValue), "epoch": .integer(self.epoch),
            "base": .object(self.base.mapValues(Self.value)), "layers": .array(self.layers.map(\.json)),
        ])
    }

    /// - Throws: `flags_invalid`, `invalid_argument`.
    package init(json value: FlagValue) throws(GloveboxError) {
        guard let target = value.field("target")?.string, let epoch = value.field("epoch")?.integer else {
            throw GloveboxError(.flagsInvalid, "an epoch has a target and a number")
        }
        self.init(target: try TargetName(target), epoch: epoch)
        self.base = (value.field("base")?.object ?? [:]).mapValues(\.json)
        for layer in value.field("layers")?.array ?? [] { self.layers.append(try FlagLayer(json: layer)) }
    }

    static func value(_ definition: String) -> FlagValue {
        // What's stored was read before.
        (try? FlagValue(json: Array(definition.utf8))) ?? .null
    }
}

extension FlagLayer {
    var json: FlagValue {
        var fields: [String: FlagValue] = [
            "set": .string(self.set.rawValue), "entries": .array(self.entries.map(\.json)),
        ]
        fields["scope"] = self.scope.map { .object([$0.field: .string($0.value)]) }
        return .object(fields)
    }

    /// - Throws: `flags_invalid`, `invalid_argument`.
    init(json value: FlagValue) throws(GloveboxError) {
        self.init(set: try ChangeSetID(value.field("set")?.string ?? ""), entries: [])
        if let scope = value.field("scope")?.object?.first {
            self.scope = try FlagScope(field: scope.key, value: scope.value.string ?? "")
        }
        for entry in value.field("entries")?.array ?? [] { self.entries.append(try Entry(json: entry)) }
    }
}

extension FlagLayer.Entry {
    fileprivate var json: FlagValue {
        var fields: [String: FlagValue] = ["change": .integer(Int64(self.change)), "key": .string(self.key)]
        fields["definition"] = self.definition.map(FlagState.value)
        fields["overtakenBy"] = self.overtakenBy.map { .string($0.rawValue) }
        if let patch {
            var part: [String: FlagValue] = [:]
            part["defaultVariant"] = patch.defaultVariant.map { .string($0) }
            part["isEnabled"] = patch.isEnabled.map { .bool($0) }
            fields["patch"] = .object(part)
        }
        fields["share"] = self.share.map { .integer(Int64($0)) }
        return .object(fields)
    }

    /// - Throws: `flags_invalid`, `invalid_argument`.
    fileprivate init(json value: FlagValue) throws(GloveboxError) {
        guard let change = value.field("change")?.integer, let key = value.field("key")?.string else {
            throw GloveboxError(.flagsInvalid, "a change has a number and a flag's key")
        }
        self.init(change: Int(clamping: change), key: key, definition: value.field("definition")?.json)
        if let set = value.field("overtakenBy")?.string { self.overtakenBy = try ChangeSetID(set) }
        if let patch = value.field("patch") {
            self.patch = FlagPatch(
                defaultVariant: patch.field("defaultVariant")?.string, isEnabled: patch.field("isEnabled")?.bool)
        }
        if let share = value.field("share")?.integer { self.share = Int(clamping: share) }
    }
}
