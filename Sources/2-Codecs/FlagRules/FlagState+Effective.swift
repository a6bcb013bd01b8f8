package import GloveboxCore

extension FlagState {
    /// The flags as everyone sees them now, each JSON.
    package var effective: [String: String] { self.effective(for: nil) }

    /// The flags as those of a scope see them.
    package func effective(for scope: FlagScope?) -> [String: String] {
        var flags = self.base
        for (layer, texts) in zip(self.layers, self.resolved) where layer.scope == nil || layer.scope == scope {
            for (entry, text) in zip(layer.entries, texts) where entry.overtakenBy == nil { flags[entry.key] = text }
        }
        return flags
    }

    /// What each entry comes to over what lies beneath it now, for whom it's meant; by layer and place. Nothing of another's
    /// change is part of it, so that it may go away first.
    var resolved: [[String?]] {
        var everyone = self.base
        var scoped: [FlagScope: [String: String?]] = [:]
        return self.layers.map { layer in
            layer.entries.map { entry in
                guard entry.overtakenBy == nil else { return nil }
                guard let scope = layer.scope else {
                    let text = entry.over(everyone[entry.key])
                    everyone[entry.key] = text
                    for scope in scoped.keys { scoped[scope]?[entry.key] = nil }
                    return text
                }
                let beneath = scoped[scope]?[entry.key] ?? everyone[entry.key]
                let text = entry.over(beneath)
                scoped[scope, default: [:]][entry.key] = .some(text)
                return text
            }
        }
    }
}

extension FlagLayer.Entry {
    /// The definition that's seen where `beneath` lies under it. What can't be changed so any more stays as it is beneath.
    package func over(_ beneath: String?) -> String? {
        var whole = self.definition
        if let patch {
            guard let beneath, let patched = try? patch.applied(to: beneath, of: self.key) else { return beneath }
            whole = patched
        }
        guard let share, share < 100 else { return whole }
        let shared = try? FlagShare.definition(of: self.key, from: beneath, to: whole, percent: share)
        return shared ?? beneath
    }
}

extension FlagPatch {
    /// - Throws: `flags_invalid` where that leads to no flag.
    package func applied(to definition: String, of key: String) throws(GloveboxError) -> String {
        guard var fields = try FlagValue(json: Array(definition.utf8)).object else {
            throw GloveboxError(.flagsInvalid, "flag '\(key)' is no object")
        }
        if let variant = self.defaultVariant { fields["defaultVariant"] = .string(variant) }
        if let isEnabled { fields["state"] = .string(isEnabled ? "ENABLED" : "DISABLED") }
        return try FlagEpoch.definition(key, .object(fields))
    }
}
