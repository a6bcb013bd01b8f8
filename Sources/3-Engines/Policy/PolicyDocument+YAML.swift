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
            "name", "identities", "groups", "targets", "labels", "capabilities", "longest", "limits", "masking")
        self.init(
            name: try rule.required("name").word, capabilities: try rule.required("capabilities").capabilities(),
            longest: try rule.required("longest").duration)
        if let identities = rule["identities"] { self.identities = try Set(identities.names()) }
        for group in try rule["groups"]?.list ?? [] {
            let name = try group.string
            guard groups[name] != nil else {
                let hint = closest(to: name, among: groups.keys.sorted()).map { "did you mean '\($0)'? " } ?? ""
                throw group.error("there's no group '\(name)': \(hint)Write it under 'groups'")
            }
            self.groups.insert(name)
        }
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
    }
}
