package import GloveboxCore
import YAMLDocument

extension PolicyDocument {
    /// Reads a policy file.
    ///
    ///     version: 1
    ///     groups:
    ///       oncall: [ada, grace]
    ///     rules:
    ///       - name: oncall-reads-shop
    ///         groups: [oncall]            # and/or identities: [ada]
    ///         targets: [shop-db, "eu-*"]  # and/or labels: {env: production}
    ///         capabilities: [read]
    ///         longest: 1h
    ///         limits: {rows: 100000, bytes: 50MB, seconds: 30, sessions: 4}
    ///         masking: default
    ///         approval: {count: 2, from: [leads], within: 1h}        # 1 of any approver, within 1h, if left out
    ///         keep: true                  # of changes: the holder may let their own outlive the lease; false if left out
    ///         break_glass: {groups: [oncall], longest: 10m}          # and/or identities
    ///
    /// - Throws: `configuration_invalid` with `FILE:LINE:COLUMN: what is wrong and what to write`.
    package init(yaml: String, file: String) throws(GloveboxError) {
        let document = try YAMLNode(yaml: yaml, file: file).mapping("version", "groups", "rules")
        try document.checkVersion(1)
        self.init()
        for entry in try document["groups"]?.entries ?? [] {
            guard IdentityName(rawValue: entry.key) != nil else {
                throw entry.keyError("'\(entry.key)' is not a name for a group: use 1 to 63 of a-z, 0-9, '-', '_'")
            }
            self.groups[entry.key] = try Set(entry.value.names())
        }
        for node in try document.required("rules").list {
            let rule = try PolicyRule(node, groups: self.groups)
            guard !self.rules.contains(where: { $0.name == rule.name }) else {
                throw node.error("two rules are called '\(rule.name)': give each a name of its own")
            }
            self.rules.append(rule)
        }
    }
}

extension PolicyRule {
    fileprivate init(_ node: YAMLNode, groups: [String: Set<IdentityName>]) throws(GloveboxError) {
        let rule = try node.mapping(
            "name", "identities", "groups", "targets", "labels", "capabilities", "longest", "limits", "masking",
            "approval", "break_glass", "keep")
        self.init(
            name: try rule.required("name").word, capabilities: try rule.required("capabilities").capabilities(),
            longest: try rule.required("longest").duration)
        if let identities = rule["identities"] { self.identities = try Set(identities.names()) }
        if let names = rule["groups"] { self.groups = try names.groups(among: groups) }
        guard !self.identities.isEmpty || !self.groups.isEmpty else {
            throw node.error("rule '\(self.name)' is for nobody: write identities, groups or both")
        }
        for target in try rule["targets"]?.list ?? [] {
            let text = try target.string
            guard let pattern = TargetPattern(text) else {
                throw target.error("'\(text)' is not a target's name: write one, or its beginning with '*' at the end")
            }
            self.targets.append(pattern)
        }
        for label in try rule["labels"]?.entries ?? [] { self.labels[label.key] = try label.value.string }
        guard !self.targets.isEmpty || !self.labels.isEmpty else {
            throw node.error("rule '\(self.name)' is about no target: write targets, labels or both")
        }
        if let limits = rule["limits"] { self.limits = try limits.limits() }
        if let masking = rule["masking"] { self.maskingProfile = try masking.word }
        if let keep = rule["keep"] { self.mayKeep = try keep.bool }
        if let approval = rule["approval"] { self.approval = try ApprovalRequirement(approval, groups: groups) }
        if let breakGlass = rule["break_glass"] {
            self.breakGlass = try BreakGlassRule(breakGlass, longest: self.longest, groups: groups)
        }
    }
}

extension ApprovalRequirement {
    private static let standardTime = Duration.seconds(3600)

    fileprivate init(_ node: YAMLNode, groups: [String: Set<IdentityName>]) throws(GloveboxError) {
        let approval = try node.mapping("count", "from", "within")
        let names = try approval["from"]?.groups(among: groups)
        let count = try approval["count"]?.int(in: 1...10) ?? 1
        self.init(
            count: Int(count), groups: (names ?? []).sorted(),
            within: try approval["within"]?.duration ?? Self.standardTime)
        guard let names else { return }
        guard !names.isEmpty else {
            throw node.error("\(node.label) is from nobody: name a group in 'from', or leave 'from' out")
        }
        let members = names.reduce(into: Set<IdentityName>()) { $0.formUnion(groups[$1] ?? []) }.count
        guard members >= count else {
            throw node.error(
                "\(node.label) takes \(count), and \(self.groups.joined(separator: ", ")) has \(members) in all: "
                    + "nobody could ever be granted anything")
        }
    }
}

extension BreakGlassRule {
    fileprivate init(
        _ node: YAMLNode, longest: Duration, groups: [String: Set<IdentityName>]
    ) throws(GloveboxError) {
        let rule = try node.mapping("identities", "groups", "longest")
        let time = try rule.required("longest")
        self.init(longest: try time.duration)
        guard self.longest <= longest else {
            throw time.error("\(time.label) is longer than the rule's own 'longest': break-glass is brief, write less")
        }
        if let identities = rule["identities"] { self.identities = try Set(identities.names()) }
        if let names = rule["groups"] { self.groups = try names.groups(among: groups) }
        guard !self.identities.isEmpty || !self.groups.isEmpty else {
            throw node.error("\(node.label) is for nobody: write identities, groups or both")
        }
    }
}

extension YAMLNode {
    /// A list of groups that are written under 'groups'.
    fileprivate func groups(among known: [String: Set<IdentityName>]) throws(GloveboxError) -> Set<String> {
        var names: Set<String> = []
        for group in try self.list {
            let name = try group.string
            guard known[name] != nil else {
                let hint = closest(to: name, among: known.keys.sorted()).map { "did you mean '\($0)'? " } ?? ""
                throw group.error("there's no group '\(name)': \(hint)Write it under 'groups'")
            }
            names.insert(name)
        }
        return names
    }
}
