package import GloveboxCore

/// `POST /v1/changes`: changes that apply as one under a lease that may change its target.
package struct ChangeRequest: RequestContent {
    package static let fields: Set<String> = [
        "lease", "moreLeases", "title", "changes", "guards", "rollout", "scope",
    ]
    package static let most = 200

    /// On the target of the flags, where there are any.
    package var lease: LeaseID
    /// On further hosts that are changed; the set ends with the first of all that ends.
    package var moreLeases: [LeaseID] = []
    /// What it's for, in one line.
    package var title: String
    /// In the order in which they apply.
    package var changes: [ChangeItem]
    /// Under which it may stay; at most ``mostGuards``.
    package var guards: [GuardItem]?
    /// Whether its flags are changed for a share after the other.
    package var rollout: [RolloutItem]?
    /// Who sees it; absent for everyone.
    package var scope: FlagScope?

    package static let mostGuards = 20

    package init(
        lease: LeaseID, moreLeases: [LeaseID] = [], title: String, changes: [ChangeItem], guards: [GuardItem]? = nil,
        rollout: [RolloutItem]? = nil, scope: FlagScope? = nil
    ) {
        self.lease = lease
        self.moreLeases = moreLeases
        self.title = title
        self.changes = changes
        self.guards = guards
        self.rollout = rollout
        self.scope = scope
    }

    /// - Throws: `invalid_argument`.
    package func conditions() throws(GloveboxError) -> [GuardCondition] {
        let guards = self.guards ?? []
        guard guards.count <= Self.mostGuards else {
            throw GloveboxError(.invalidArgument, "guards: name at most \(Self.mostGuards) of them")
        }
        var conditions: [GuardCondition] = []
        for item in guards {
            let condition = try item.condition()
            guard !conditions.contains(where: { $0.name == condition.name }) else {
                throw GloveboxError(
                    .invalidArgument, "guards: two are called '\(condition.name)': give each a 'name' of its own")
            }
            conditions.append(condition)
        }
        return conditions
    }

    /// - Throws: `invalid_argument`.
    package func steps() throws(GloveboxError) -> Rollout? {
        try self.rollout.map { (items) throws(GloveboxError) in
            try Rollout(items.map { Rollout.Step(percent: $0.percent, holds: $0.holds.duration) })
        }
    }

    private enum CodingKeys: String, CodingKey {
        case lease, moreLeases, title, changes, guards, rollout, scope
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.lease = try container.decode(LeaseID.self, forKey: .lease)
        self.moreLeases = try container.decodeIfPresent([LeaseID].self, forKey: .moreLeases) ?? []
        self.title = try container.decode(String.self, forKey: .title)
        self.changes = try container.decode([ChangeItem].self, forKey: .changes)
        self.guards = try container.decodeIfPresent([GuardItem].self, forKey: .guards)
        self.rollout = try container.decodeIfPresent([RolloutItem].self, forKey: .rollout)
        self.scope = try container.decodeIfPresent(FlagScope.self, forKey: .scope)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.lease, forKey: .lease)
        if !self.moreLeases.isEmpty { try container.encode(self.moreLeases, forKey: .moreLeases) }
        try container.encode(self.title, forKey: .title)
        try container.encode(self.changes, forKey: .changes)
        try container.encodeIfPresent(self.guards, forKey: .guards)
        try container.encodeIfPresent(self.rollout, forKey: .rollout)
        try container.encodeIfPresent(self.scope, forKey: .scope)
    }

    /// - Throws: `invalid_argument`.
    package func validate() throws(GloveboxError) {
        _ = try self.conditions()
        _ = try self.steps()
        try validateLine(self.title, "title: say what it's for")
        guard (1...Self.most).contains(self.changes.count) else {
            throw GloveboxError(.invalidArgument, "changes: name 1 to \(Self.most) of them")
        }
        var keys: Set<String> = []
        guard self.moreLeases.count <= 20 else {
            throw GloveboxError(.invalidArgument, "moreLeases: name at most 20")
        }
        for change in self.changes {
            try change.validate()
            guard let flag = change.flag else { continue }
            guard keys.insert(flag.key).inserted else {
                throw GloveboxError(
                    .invalidArgument, "changes: flag '\(flag.key)' is there twice: say once what it's to be")
            }
        }
    }
}

/// A guard as it's asked for: what's measured, and its bound.
package struct GuardItem: Sendable, Hashable, Codable {
    /// What it's called; the signal's name, or `query`, if it's left out.
    package var name: String?
    /// One of the gateway's, or a query in PromQL: one of the two.
    package var signal: String?
    package var query: String?
    package var atMost: Double?
    package var atLeast: Double?
    /// How long it may go unjudged; a minute, if it's left out.
    package var patience: Seconds?

    package static let standardPatience = Duration.seconds(60)

    package init(
        name: String? = nil, signal: String? = nil, query: String? = nil, atMost: Double? = nil,
        atLeast: Double? = nil, patience: Seconds? = nil
    ) {
        self.name = name
        self.signal = signal
        self.query = query
        self.atMost = atMost
        self.atLeast = atLeast
        self.patience = patience
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["name", "signal", "query", "atMost", "atLeast", "patience"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.name = try container.decodeIfPresent(String.self, forKey: .name)
        self.signal = try container.decodeIfPresent(String.self, forKey: .signal)
        self.query = try container.decodeIfPresent(String.self, forKey: .query)
        self.atMost = try container.decodeIfPresent(Double.self, forKey: .atMost)
        self.atLeast = try container.decodeIfPresent(Double.self, forKey: .atLeast)
        self.patience = try container.decodeIfPresent(Seconds.self, forKey: .patience)
    }

    /// - Throws: `invalid_argument`.
    func condition() throws(GloveboxError) -> GuardCondition {
        let sign: GuardCondition.Sign
        switch (self.signal, self.query) {
        case (let signal?, nil): sign = .signal(signal)
        case (nil, let query?):
            guard (1...4000).contains(query.utf8.count) else {
                throw GloveboxError(.invalidArgument, "guards: a query is 1 to 4000 bytes of PromQL")
            }
            sign = .query(query)
        default: throw GloveboxError(.invalidArgument, "guards: say one of 'signal' and 'query' of each")
        }
        let name = self.name ?? self.signal ?? "query"
        try validateLine(name, "guards: a guard's name")
        let bound: GuardCondition.Bound
        switch (self.atMost, self.atLeast) {
        case (let most?, nil): bound = .atMost(most)
        case (nil, let least?): bound = .atLeast(least)
        default: throw GloveboxError(.invalidArgument, "guard '\(name)': say one of 'atMost' and 'atLeast'")
        }
        let patience = self.patience?.duration ?? Self.standardPatience
        guard patience >= .seconds(1), patience <= .seconds(86_400) else {
            throw GloveboxError(.invalidArgument, "guard '\(name)': its patience is from 1s to 24h")
        }
        return GuardCondition(name: name, sign: sign, bound: bound, patience: patience)
    }
}

/// A step of a rollout as it's asked for.
package struct RolloutItem: Sendable, Hashable, Codable {
    /// 1 to 100.
    package var percent: Int
    /// How long all guards have to have held before the next step.
    package var holds: Seconds

    package init(percent: Int, holds: Seconds) {
        self.percent = percent
        self.holds = holds
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["percent", "holds"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.percent = try container.decode(Int.self, forKey: .percent)
        self.holds = try container.decodeIfPresent(Seconds.self, forKey: .holds) ?? Seconds(.zero)
    }
}

/// One change of a set: exactly one of these.
package struct ChangeItem: Sendable, Hashable, Codable {
    package var flag: FlagEdit?
    package var runbook: HostUse?
    package var file: FileEdit?
    package var call: HostUse?

    package init(flag: FlagEdit? = nil, runbook: HostUse? = nil, file: FileEdit? = nil, call: HostUse? = nil) {
        self.flag = flag
        self.runbook = runbook
        self.file = file
        self.call = call
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["flag", "runbook", "file", "call"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.flag = try container.decodeIfPresent(FlagEdit.self, forKey: .flag)
        self.runbook = try container.decodeIfPresent(HostUse.self, forKey: .runbook)
        self.file = try container.decodeIfPresent(FileEdit.self, forKey: .file)
        self.call = try container.decodeIfPresent(HostUse.self, forKey: .call)
    }

    package static var empty: GloveboxError {
        GloveboxError(.invalidArgument, "changes: each is one of flag, runbook, file and call")
    }

    /// The host that it's on; `nil` for the lease's own, and for a flag.
    package var target: TargetName? { self.runbook?.target ?? self.file?.target ?? self.call?.target }

    /// What's done on a host; `nil` for a flag.
    package var action: HostAction? {
        if let runbook { return .runbook(name: runbook.name, parameters: runbook.parameters) }
        if let call { return .call(name: call.name, parameters: call.parameters) }
        if let file { return .file(path: file.path, content: file.isRemoved ? nil : file.content) }
        return nil
    }

    func validate() throws(GloveboxError) {
        let ways = [self.flag != nil, self.runbook != nil, self.file != nil, self.call != nil]
        guard ways.count(where: { $0 }) == 1 else { throw Self.empty }
        try self.flag?.validate()
        try self.runbook?.validate()
        try self.file?.validate()
        try self.call?.validate()
    }

    private enum CodingKeys: String, CodingKey {
        case flag, runbook, file, call
    }
}

/// A runbook or a call that a host declares, with its parameters.
package struct HostUse: Sendable, Hashable, Codable {
    /// May be left out where the lease is on it.
    package var target: TargetName?
    package var name: String
    package var parameters: [String: String]

    package init(target: TargetName? = nil, name: String, parameters: [String: String] = [:]) {
        self.target = target
        self.name = name
        self.parameters = parameters
    }

    private enum CodingKeys: String, CodingKey {
        case target, name, parameters
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["target", "name", "parameters"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.target = try container.decodeIfPresent(TargetName.self, forKey: .target)
        self.name = try container.decode(String.self, forKey: .name)
        self.parameters = try container.decodeIfPresent([String: String].self, forKey: .parameters) ?? [:]
    }

    func validate() throws(GloveboxError) { try validateHostUse(self.name, self.parameters) }
}

/// A whole file of a host.
package struct FileEdit: Sendable, Hashable, Codable {
    package static let most = 256 << 10

    package var target: TargetName?
    package var path: String
    package var content: String?
    /// It's to be no more.
    package var isRemoved: Bool

    package init(target: TargetName? = nil, path: String, content: String? = nil, isRemoved: Bool = false) {
        self.target = target
        self.path = path
        self.content = content
        self.isRemoved = isRemoved
    }

    private enum CodingKeys: String, CodingKey {
        case target, path, content, isRemoved
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["target", "path", "content", "isRemoved"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.target = try container.decodeIfPresent(TargetName.self, forKey: .target)
        self.path = try container.decode(String.self, forKey: .path)
        self.content = try container.decodeIfPresent(String.self, forKey: .content)
        self.isRemoved = try container.decodeIfPresent(Bool.self, forKey: .isRemoved) ?? false
    }

    func validate() throws(GloveboxError) {
        guard (self.content != nil) != self.isRemoved else {
            throw GloveboxError(.invalidArgument, "file '\(self.path.prefix(200))': say one of content and isRemoved")
        }
        let parts = self.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard self.path.hasPrefix("/"), self.path.utf8.count <= 1000, !self.path.utf8.contains(0), !parts.isEmpty,
            !parts.contains(where: { ["", ".", ".."].contains($0) })
        else {
            throw GloveboxError(
                .invalidArgument, "file '\(self.path.prefix(200))': write a whole path without '.', '..' and '//'")
        }
        guard self.content?.utf8.count ?? 0 <= Self.most else {
            throw GloveboxError(.invalidArgument, "file '\(self.path.prefix(200))': at most 256 KiB")
        }
    }
}

/// - Throws: `invalid_argument`.
func validateHostUse(_ name: String, _ parameters: [String: String]) throws(GloveboxError) {
    guard (1...100).contains(name.utf8.count), parameters.count <= 50,
        parameters.allSatisfy({ (1...100).contains($0.key.utf8.count) && $0.value.utf8.count <= 4096 })
    else {
        throw GloveboxError(
            .invalidArgument, "changes: a name has 1 to 100 bytes, a value at most 4096, and there are at most 50")
    }
}

/// What a flag is to be: a whole definition, nothing more, or the one that it has with other settings.
package struct FlagEdit: Sendable, Hashable, Codable {
    package var key: String
    /// As flagd's files have it.
    package var definition: JSONValue?
    /// Of the variants that it has.
    package var defaultVariant: String?
    package var isEnabled: Bool?
    /// It's to be no more.
    package var isRemoved: Bool

    package init(
        key: String, definition: JSONValue? = nil, defaultVariant: String? = nil, isEnabled: Bool? = nil,
        isRemoved: Bool = false
    ) {
        self.key = key
        self.definition = definition
        self.defaultVariant = defaultVariant
        self.isEnabled = isEnabled
        self.isRemoved = isRemoved
    }

    private enum CodingKeys: String, CodingKey {
        case key, definition, defaultVariant, isEnabled, isRemoved
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["key", "definition", "defaultVariant", "isEnabled", "isRemoved"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.key = try container.decode(String.self, forKey: .key)
        self.definition = try container.decodeIfPresent(JSONValue.self, forKey: .definition)
        self.defaultVariant = try container.decodeIfPresent(String.self, forKey: .defaultVariant)
        self.isEnabled = try container.decodeIfPresent(Bool.self, forKey: .isEnabled)
        self.isRemoved = try container.decodeIfPresent(Bool.self, forKey: .isRemoved) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.key, forKey: .key)
        try container.encodeIfPresent(self.definition, forKey: .definition)
        try container.encodeIfPresent(self.defaultVariant, forKey: .defaultVariant)
        try container.encodeIfPresent(self.isEnabled, forKey: .isEnabled)
        if self.isRemoved { try container.encode(true, forKey: .isRemoved) }
    }

    func validate() throws(GloveboxError) {
        try validateFlagKey(self.key)
        let ways = [self.definition != nil, self.isRemoved, self.defaultVariant != nil || self.isEnabled != nil]
        guard ways.count(where: { $0 }) == 1 else {
            throw GloveboxError(
                .invalidArgument,
                "flag '\(self.key)': say one of definition, isRemoved, and defaultVariant or isEnabled")
        }
    }
}

/// - Throws: `invalid_argument`.
func validateFlagKey(_ key: String) throws(GloveboxError) {
    let printable = key.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    guard (1...200).contains(key.utf8.count), printable else {
        throw GloveboxError(.invalidArgument, "a flag's key is 1 to 200 bytes without control characters")
    }
}

extension Decoder {
    /// - Throws: `invalid_argument` when there's another field.
    fileprivate func allowOnly(_ fields: Set<String>) throws {
        let names = try self.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        guard let unknown = names.filter({ !fields.contains($0) }).min() else { return }
        throw GloveboxError(
            .invalidArgument,
            "unknown field '\(unknown.prefix(80))': this takes \(fields.sorted().joined(separator: ", "))")
    }
}

private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// A set of changes as the API shows it.
package struct ChangeStatus: Sendable, Codable {
    package struct Item: Sendable, Codable {
        /// `flag`, `runbook`, `file`, `call`
        package var kind: String
        /// Of the flag; the name of the runbook or call; the path of the file.
        package var key: String
        /// The host that it's on.
        package var target: TargetName?
        /// Of the runbook or call.
        package var parameters: [String: String]?
        /// What it's to be; absent where the flag is removed.
        package var definition: JSONValue?
        /// What it was when this was written down; absent where the flag wasn't there.
        package var former: JSONValue?
        /// Which set has changed it since: it's left as it is when this goes back.
        package var changedSinceBy: ChangeSetID?
        /// Whether it was changed since without Glovebox: it's left as it is then, too.
        package var isChangedOutside: Bool?

        package init(
            kind: String, key: String, definition: JSONValue?, former: JSONValue?, changedSinceBy: ChangeSetID?
        ) {
            self.kind = kind
            self.key = key
            self.definition = definition
            self.former = former
            self.changedSinceBy = changedSinceBy
        }

        package init(_ change: HostChange, isChangedSince: Bool, by: ChangeSetID?) {
            let action = change.action
            switch action {
            case .runbook(let name, let parameters), .call(let name, let parameters):
                self.init(kind: action.kind, key: name, definition: nil, former: nil, changedSinceBy: by)
                self.parameters = parameters
            case .file(let path, _):
                self.init(kind: action.kind, key: path, definition: nil, former: nil, changedSinceBy: by)
            }
            self.target = change.target
            if isChangedSince, by == nil { self.isChangedOutside = true }
        }
    }

    /// An undo that fails, and is tried again.
    package struct Failure: Sendable, Codable {
        package var attempts: Int
        package var code: String
        package var message: String

        package init(attempts: Int, code: String, message: String) {
            self.attempts = attempts
            self.code = code
            self.message = message
        }
    }

    /// A guard, and how it stands.
    package struct Guard: Sendable, Codable {
        package var name: String
        package var signal: String?
        package var query: String?
        package var atMost: Double?
        package var atLeast: Double?
        package var patience: Seconds
        /// `holds`, `unknown`, `tripped`; absent once nobody looks any more.
        package var verdict: String?
        /// What was measured last.
        package var value: Double?

        package init(_ condition: GuardCondition) {
            self.name = condition.name
            switch condition.sign {
            case .signal(let name): self.signal = name
            case .query(let text): self.query = text
            }
            switch condition.bound {
            case .atMost(let most): self.atMost = most
            case .atLeast(let least): self.atLeast = least
            }
            self.patience = Seconds(condition.patience)
        }
    }

    /// How many of those that evaluate flags by themselves run which epoch.
    package struct Clients: Sendable, Hashable, Codable {
        /// Absent for those that haven't said yet.
        package var epoch: Int64?
        package var count: Int

        package init(epoch: Int64?, count: Int) {
            self.epoch = epoch
            self.count = count
        }
    }

    package var id: ChangeSetID
    package var title: String
    package var holder: IdentityName
    package var lease: LeaseID
    package var target: TargetName
    package var state: ChangeState
    package var plannedAt: Timestamp
    package var changes: [Item]
    package var guards: [Guard]?
    package var rollout: [RolloutItem]?
    /// The share of a rollout that's in force.
    package var percent: Int?
    /// Who sees it; absent for everyone.
    package var scope: FlagScope?
    /// Of the target's flags, as they are now; absent where it has none.
    package var epoch: Int64?
    /// Newest first.
    package var clients: [Clients]
    /// How long until it goes back with its lease; absent once that's no matter.
    package var remaining: Seconds?
    package var keptBy: IdentityName?
    /// Why it goes back, or has gone.
    package var cause: String?
    package var failure: Failure?

    package init(_ set: ChangeSet, changes: [Item]) {
        self.id = set.id
        self.title = set.title
        self.holder = set.holder
        self.lease = set.lease
        self.target = set.target
        self.state = set.state
        self.plannedAt = Timestamp(set.plannedAt)
        self.changes = changes
        self.scope = set.scope
        self.clients = []
    }
}

/// `GET /v1/changes?open=&lease=&after=&limit=`, newest first.
package struct ChangeQuery: Sendable, Hashable {
    package var openOnly: Bool
    package var lease: LeaseID?
    package var page: PageRequest

    package init(openOnly: Bool = false, lease: LeaseID? = nil, page: PageRequest = .init()) {
        self.openOnly = openOnly
        self.lease = lease
        self.page = page
    }
}

/// `POST /v1/rollbacks`: which open sets go back, newest first. Without any of these it's the last one.
package struct RollbackRequest: RequestContent {
    package static let fields: Set<String> = ["change", "lease", "since", "all", "preview"]

    package var change: ChangeSetID?
    package var lease: LeaseID?
    /// Those planned since.
    package var since: Timestamp?
    package var all: Bool
    /// Only says what would go back.
    package var preview: Bool

    package init(
        change: ChangeSetID? = nil, lease: LeaseID? = nil, since: Timestamp? = nil, all: Bool = false,
        preview: Bool = false
    ) {
        self.change = change
        self.lease = lease
        self.since = since
        self.all = all
        self.preview = preview
    }

    private enum CodingKeys: String, CodingKey {
        case change, lease, since, all, preview
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.change = try container.decodeIfPresent(ChangeSetID.self, forKey: .change)
        self.lease = try container.decodeIfPresent(LeaseID.self, forKey: .lease)
        self.since = try container.decodeIfPresent(Timestamp.self, forKey: .since)
        self.all = try container.decodeIfPresent(Bool.self, forKey: .all) ?? false
        self.preview = try container.decodeIfPresent(Bool.self, forKey: .preview) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(self.change, forKey: .change)
        try container.encodeIfPresent(self.lease, forKey: .lease)
        try container.encodeIfPresent(self.since, forKey: .since)
        if self.all { try container.encode(true, forKey: .all) }
        if self.preview { try container.encode(true, forKey: .preview) }
    }

    /// - Throws: `invalid_argument`.
    package func validate() throws(GloveboxError) {
        let ways = [self.change != nil, self.lease != nil, self.since != nil, self.all]
        guard ways.count(where: { $0 }) <= 1 else {
            throw GloveboxError(.invalidArgument, "say one of change, lease, since and all; the last one without")
        }
    }
}

/// What goes back, in this order.
package struct Rollback: Sendable, Codable {
    package var isPreview: Bool
    package var changes: [ChangeStatus]

    package init(isPreview: Bool, changes: [ChangeStatus]) {
        self.isPreview = isPreview
        self.changes = changes
    }
}

/// A flag as `GET /v1/flags` shows it, leased changes included.
package struct FlagStatus: Sendable, Codable {
    package var target: TargetName
    package var key: String
    package var definition: JSONValue
    /// What's wrong with it: it's never evaluated then.
    package var fault: String?
    /// Sets that lie over it and go back, uppermost last.
    package var changes: [ChangeSetID]

    package init(
        target: TargetName, key: String, definition: JSONValue, fault: String?, changes: [ChangeSetID]
    ) {
        self.target = target
        self.key = key
        self.definition = definition
        self.fault = fault
        self.changes = changes
    }
}

/// `GET /v1/flags?target=&after=&limit=`, by target and key.
package struct FlagQuery: Sendable, Hashable {
    package var target: TargetName?
    package var page: PageRequest

    package init(target: TargetName? = nil, page: PageRequest = .init()) {
        self.target = target
        self.page = page
    }
}

/// `POST /v1/flags/{id}/explain`: what a flag comes to for a context, and why.
package struct FlagQuestion: RequestContent {
    package static let fields: Set<String> = ["target", "context"]

    /// May be left out where there's one target with flags.
    package var target: TargetName?
    /// As OFREP has it: `targetingKey` and whatever else rules look at.
    package var context: [String: JSONValue]

    package init(target: TargetName? = nil, context: [String: JSONValue] = [:]) {
        self.target = target
        self.context = context
    }

    private enum CodingKeys: String, CodingKey {
        case target, context
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.target = try container.decodeIfPresent(TargetName.self, forKey: .target)
        self.context = try container.decodeIfPresent([String: JSONValue].self, forKey: .context) ?? [:]
    }
}

package struct FlagExplanation: Sendable, Codable {
    package var target: TargetName
    package var key: String
    package var epoch: Int64
    /// Absent where the caller's own default is taken.
    package var value: JSONValue?
    package var variant: String?
    /// OpenFeature's word.
    package var reason: String
    /// OpenFeature's word.
    package var errorCode: String?
    package var detail: String?
    /// Sets that lie over the flag and go back, uppermost last.
    package var changes: [ChangeSetID]

    package init(target: TargetName, key: String, epoch: Int64, reason: String, changes: [ChangeSetID]) {
        self.target = target
        self.key = key
        self.epoch = epoch
        self.reason = reason
        self.changes = changes
    }
}
