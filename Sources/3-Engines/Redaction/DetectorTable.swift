import GloveboxCore

/// The detectors as data. Order matters: of two findings that are alike, the earlier names the kind.
enum DetectorTable {
    /// A token as the table writes it.
    struct Entry: Sendable {
        var name: String
        var kind: Kind
        var anchors: [StaticString]
        var pattern: StaticString
        var before: (StaticString, ClosedRange<Int>)?
        var sampleBefore: String
        var validator: Detector.Validator
        var ignoresCase: Bool
        var isMasked: Bool
        var sample: String

        /// - Parameter kind: if not the name; it has no five characters in a row with an anchor, so that a pseudonym shows
        ///   nothing of what it stands for.
        static func token(
            _ name: String, kind: Kind? = nil, _ anchors: [StaticString], _ pattern: StaticString,
            before: (StaticString, ClosedRange<Int>)? = nil, sampleBefore: String = "",
            validator: Detector.Validator = .none, ignoresCase: Bool = false, isMasked: Bool = true, sample: String
        ) -> Entry {
            Entry(
                name: name, kind: kind ?? Kind(name), anchors: anchors, pattern: pattern, before: before,
                sampleBefore: sampleBefore, validator: validator, ignoresCase: ignoresCase, isMasked: isMasked,
                sample: sample)
        }

        static func hash(_ name: String, _ anchors: [StaticString], _ pattern: StaticString, sample: String) -> Entry {
            Entry(
                name: name, kind: .passwordHash, anchors: anchors, pattern: pattern, before: nil, sampleBefore: "",
                validator: .none, ignoresCase: false, isMasked: true, sample: sample)
        }

        /// - Throws: `internal` when the pattern isn't one.
        func detector() throws(GloveboxError) -> Detector {
            let pattern = try DetectorTable.pattern(self.pattern, of: self.name)
            var form = Detector.Form.token(pattern, isMasked: self.isMasked)
            if let before = self.before {
                guard let set = try DetectorTable.pattern(before.0, of: self.name).items.first?.set else {
                    throw GloveboxError(.internal, "the detector '\(self.name)' has an empty set")
                }
                form = .prefixed(set, before.1, pattern)
            }
            let positive = self.anchors.map { anchor in
                let secret = self.isMasked ? "\(self.sampleBefore)\(anchor)\(self.sample)" : self.sample
                return Detector.Example(text: "see \(self.isMasked ? "" : "\(anchor)")\(secret) there", secret: secret)
            }
            let negative = self.anchors.flatMap { anchor in
                // `AccountKey=12` is a finding by its name.
                anchor.description.hasSuffix("=") ? [] : ["see \(anchor) there", "\(anchor)-", "\(anchor)12"]
            }
            return Detector(
                name: self.name, kind: self.kind, form: form, anchors: self.anchors, ignoresCase: self.ignoresCase,
                validator: self.validator, positive: positive, negative: negative)
        }
    }

    static func pattern(_ text: StaticString, of name: String) throws(GloveboxError) -> Pattern {
        guard let pattern = Pattern(text) else {
            throw GloveboxError(.internal, "the detector '\(name)' has a pattern that can't be read")
        }
        return pattern
    }

    /// All of them.
    static func all() throws(GloveboxError) -> [Detector] {
        var detectors: [Detector] = []
        for entry in Self.tokens + Self.hashes { detectors.append(try entry.detector()) }
        detectors += try Self.vendors()
        detectors += Self.secrets
        detectors += Self.personal
        detectors.append(Self.keyed)
        return detectors
    }
}
