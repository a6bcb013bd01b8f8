package import GloveboxCore
package import YAMLDocument

/// What a process masks by: its detectors, and the profiles that policies name. Immutable: a reload makes another, which
/// sessions take that open from then on.
package struct RedactionRules: Sendable {
    package let detectors: Detectors
    private let profiles: [String: MaskingProfile]
    /// Of profiles that have rules for names, by the profile's name.
    private let ofNames: [String: Detectors]

    /// - Parameters:
    ///   - own: somebody's own files of detectors, by their names for errors.
    ///   - profiles: documents of profiles, beside `default`, which is always there.
    ///   - classified: kinds of classified columns, which profiles may name beside those that detectors find.
    /// - Throws: `configuration_invalid` with file and line; `redaction_failed` where Vectorscan doesn't run.
    package init(
        own: [(file: String, yaml: [UInt8])] = [], profiles: [YAMLNode] = [],
        classified: Set<Kind> = []
    ) throws(GloveboxError) {
        self.detectors = try own.isEmpty ? Detectors() : Detectors(own: own)
        var named = [MaskingProfile.default.name: MaskingProfile.default]
        let found = Set(self.detectors.table.map(\.kind))
        let known = found.union(classified).union(MaskingProfile.ofNames)
        var ofNames: [String: Detectors] = [:]
        for document in profiles {
            let profile = try MaskingProfile(document, found: found, known: known)
            guard named.updateValue(profile, forKey: profile.name) == nil else {
                throw document.error("there are two profiles '\(profile.name)': rename one")
            }
            if !profile.nameDetectors.isEmpty {
                ofNames[profile.name] = try Detectors(self.detectors, names: profile)
            }
        }
        self.profiles = named
        self.ofNames = ofNames
    }

    /// The names of all profiles, `default` among them.
    package var profileNames: [String] { self.profiles.keys.sorted() }

    /// A masker by the profile of a name.
    ///
    /// - Parameter now: the clock that ends what the profile allows.
    /// - Throws: `configuration_invalid` when there is no such profile, `redaction_failed`.
    package func masker(
        profile name: String, pseudonyms: Pseudonyms, now: @escaping @Sendable () -> WallTime? = { nil }
    ) throws(GloveboxError) -> sending Masker {
        try Masker(
            detectors: self.ofNames[name] ?? self.detectors, pseudonyms: pseudonyms, profile: self.profile(named: name),
            now: now)
    }

    /// - Throws: `configuration_invalid` when there is no profile of this name.
    package func profile(named name: String) throws(GloveboxError) -> MaskingProfile {
        guard let profile = self.profiles[name] else {
            throw GloveboxError(
                .configurationInvalid,
                "the agent has no masking profile '\(name.prefix(80))': name its file under 'masking' in agent.yaml, or write another in the policy"
            )
        }
        return profile
    }
}
