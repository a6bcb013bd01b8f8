import GloveboxCore
import YAMLDocument

/// The words that a policy and a ceiling share.
extension YAMLNode {
    /// A list of identities.
    func names() throws(GloveboxError) -> [IdentityName] {
        try self.map { node throws(GloveboxError) in try node.name(IdentityName.self) }
    }

    /// A list of capabilities that isn't empty.
    func capabilities() throws(GloveboxError) -> Set<Capability> {
        let capabilities = try self.map { node throws(GloveboxError) in try node.choice(Capability.self) }
        guard !capabilities.isEmpty else {
            throw self.error("\(self.label) is empty: write at least one, such as [read]")
        }
        return Set(capabilities)
    }

    /// `{rows: 100000, bytes: 50MB, seconds: 30, sessions: 4}`; what's left out isn't bounded here.
    func limits() throws(GloveboxError) -> Limits {
        let limits = try self.mapping("rows", "bytes", "seconds", "sessions")
        return Limits(
            rows: try limits["rows"]?.int(in: 1...(.max)), bytes: try limits["bytes"]?.byteCount,
            seconds: try limits["seconds"]?.int(in: 1...86_400), sessions: try limits["sessions"]?.int(in: 1...100_000))
    }

    /// A word of the author's choice, in the alphabet of names.
    var word: String {
        get throws(GloveboxError) {
            let text = try self.string
            guard IdentityName(rawValue: text) != nil else {
                throw self.error(
                    "\(self.label) is '\(text)': use 1 to 63 of a-z, 0-9, '-', '_', beginning with a letter or digit")
            }
            return text
        }
    }
}
