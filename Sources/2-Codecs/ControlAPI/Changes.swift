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
            if let flag = change.flag, !keys.insert("flag '\(flag.key)'").inserted {
                throw GloveboxError(
                    .invalidArgument, "changes: flag '\(flag.key)' is there twice: say once what it's to be")
            }
            if let route = change.route, !keys.insert("route '\(route.service)'").inserted {
                throw GloveboxError(
                    .invalidArgument,
                    "changes: the route of '\(route.service)' is there twice: say once what it's to be")
            }
            if change.testRun != nil, !keys.insert("testRun").inserted {
                throw GloveboxError(.invalidArgument, "changes: a set begins one test run at most")
            }
        }
    }
}

/// One change of a set: exactly one of these.
package struct ChangeItem: Sendable, Hashable, Codable {
    package var flag: FlagEdit?
    package var runbook: HostUse?
    package var file: FileEdit?
    package var call: HostUse?
    package var route: RouteEdit?
    package var testRun: TestRunEdit?

    package init(
        flag: FlagEdit? = nil, runbook: HostUse? = nil, file: FileEdit? = nil, call: HostUse? = nil,
        route: RouteEdit? = nil, testRun: TestRunEdit? = nil
    ) {
        self.flag = flag
        self.runbook = runbook
        self.file = file
        self.call = call
        self.route = route
        self.testRun = testRun
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["flag", "runbook", "file", "call", "route", "testRun"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.flag = try container.decodeIfPresent(FlagEdit.self, forKey: .flag)
        self.runbook = try container.decodeIfPresent(HostUse.self, forKey: .runbook)
        self.file = try container.decodeIfPresent(FileEdit.self, forKey: .file)
        self.call = try container.decodeIfPresent(HostUse.self, forKey: .call)
        self.route = try container.decodeIfPresent(RouteEdit.self, forKey: .route)
        self.testRun = try container.decodeIfPresent(TestRunEdit.self, forKey: .testRun)
    }

    package static var empty: GloveboxError {
        GloveboxError(.invalidArgument, "changes: each is one of flag, runbook, file, call, route and testRun")
    }

    /// The host that it's on; `nil` for the lease's own, and for what edges and flags are told.
    package var target: TargetName? { self.runbook?.target ?? self.file?.target ?? self.call?.target }

    /// What's done on a host; `nil` for what edges and flags are told.
    package var action: HostAction? {
        if let runbook { return .runbook(name: runbook.name, parameters: runbook.parameters) }
        if let call { return .call(name: call.name, parameters: call.parameters) }
        if let file { return .file(path: file.path, content: file.isRemoved ? nil : file.content) }
        return nil
    }

    func validate() throws(GloveboxError) {
        let ways = [
            self.flag != nil, self.runbook != nil, self.file != nil, self.call != nil, self.route != nil,
            self.testRun != nil,
        ]
        guard ways.count(where: { $0 }) == 1 else { throw Self.empty }
        try self.flag?.validate()
        try self.runbook?.validate()
        try self.file?.validate()
        try self.call?.validate()
        try self.route?.validate()
        try self.testRun?.validate()
    }

    private enum CodingKeys: String, CodingKey {
        case flag, runbook, file, call, route, testRun
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
    /// In bytes. A request holds 64 KiB (`ControlServer.Configuration.bodyLimit`), escapes and the rest included.
    package static let most = 48 << 10

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
    func allowOnly(_ fields: Set<String>) throws {
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
