import SensitiveNames

/// Which names stand over what must not be logged, and what is put in its place: the kind in angle quotes, as
/// `‹password›`.
public struct FieldMask: Sendable {
    private let masked: Set<String>
    private let shown: Set<String>

    /// Names are judged by their segments: `dbPassword`, `user_password` and `DB-PASSWORD` alike are a password, while
    /// `passwordChangedAt` and `token_count` say something about one, and `passenger` is no password.
    ///
    /// - Parameters:
    ///   - masked: whole names that are sensitive besides, in any case of letters.
    ///   - shown: whole names whose values are logged as they are, whatever they sound like, in any case of letters.
    public init(alsoMasking masked: Set<String> = [], showing shown: Set<String> = []) {
        self.masked = Set(masked.map { $0.lowercased() })
        self.shown = Set(shown.map { $0.lowercased() })
    }

    /// What stands in place of a value under `name`; nil where the value may be logged.
    ///
    /// - Parameter isProse: whether the name stands in running text, where a vague one (`token`, `pin`) decides by itself only
    ///   when `value` looks like a secret.
    func replacement(under name: String, value: Substring.UTF8View? = nil) -> String? {
        if !self.shown.isEmpty || !self.masked.isEmpty {
            let lowercased = name.lowercased()
            if self.shown.contains(lowercased) { return nil }
            if self.masked.contains(lowercased) { return "‹masked›" }
        }
        guard let judged = NameSegments.judge(name) else { return nil }
        if let value, !judged.certain, !Self.looksSecret(value) { return nil }
        return "‹\(judged.kind.rawValue)›"
    }

    /// Eight bytes and more with letters and digits: no word, count or name.
    private static func looksSecret(_ value: Substring.UTF8View) -> Bool {
        value.count >= 8 && value.contains { (0x30...0x39).contains($0) }
            && value.contains { (0x61...0x7A).contains($0 | 0x20) }
    }
}
