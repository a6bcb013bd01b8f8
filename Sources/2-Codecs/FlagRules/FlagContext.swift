package import GloveboxCore

/// Who asks for a flag, and what of them rules may look at.
package struct FlagContext: Hashable, Sendable {
    /// Who it is, to the same bucket each time.
    package var targetingKey: String?
    /// Everything else, by name.
    package var attributes: [String: FlagValue]

    package init(targetingKey: String? = nil, attributes: [String: FlagValue] = [:]) {
        self.targetingKey = targetingKey
        self.attributes = attributes
    }

    /// A context as OFREP sends it.
    /// - Throws: `flags_invalid` for what is no object, or has a targeting key that is no text.
    package init(_ value: FlagValue) throws(GloveboxError) {
        guard var fields = value.object else {
            throw GloveboxError(.flagsInvalid, "a context is an object, and not \(value.typeName)")
        }
        switch fields.removeValue(forKey: "targetingKey") {
        case nil, .null: self.targetingKey = nil
        case .string(let key): self.targetingKey = key
        case .some(let other):
            throw GloveboxError(.flagsInvalid, "a context's targetingKey is a string, and not \(other.typeName)")
        }
        self.attributes = fields
    }

    /// All of it as rules see it.
    var fields: [String: FlagValue] {
        var fields = self.attributes
        fields["targetingKey"] = self.targetingKey.map { .string($0) }
        return fields
    }
}
