import GloveboxCore
import JSONDocument

extension YAMLText {
    mutating func rule(_ rule: NoiseRule) {
        if let kind = rule.kind { self.kind(kind) }
        if rule.isOptional { self.line("optional: true") }
        if rule.isNullable { self.line("nullable: true") }
        if let reason = rule.reason { self.value("reason", reason) }
    }

    private mutating func kind(_ kind: NoiseKind) {
        self.line("kind: \(kind.name)")
        switch kind {
        case .uuid(let isUpperCase): if isUpperCase { self.line("upper-case: true") }
        case .time(let formats, let within):
            self.line("formats: [\(formats.map { Self.quoted($0.text) }.joined(separator: ", "))]")
            if let within { self.line("within: \(Duration.seconds(within).written)") }
        case .counter(let counter):
            self.line("direction: \(counter.isFalling ? "falling" : "rising")")
            self.line("from: \(counter.from)")
            if let within = counter.within { self.line("within: \(within)") }
        case .token(let shape):
            if !shape.prefix.isEmpty { self.value("prefix", shape.prefix) }
            self.line("alphabet: \(shape.alphabet.rawValue)")
            self.line("length: \(shape.length.written)")
        case .tolerance(let tolerance):
            if tolerance.absolute > 0 || tolerance.relative <= 0 {
                self.line("absolute: \(Self.number(tolerance.absolute))")
            }
            if tolerance.relative > 0 { self.line("relative: \(Self.number(tolerance.relative))") }
        case .oneOf(let values): self.line("values: [\(values.map(Self.scalar).joined(separator: ", "))]")
        case .list(let isUnordered, let length):
            if isUnordered { self.line("unordered: true") }
            if let length { self.line("length: \(length.written)") }
        case .words(let kinds), .either(let kinds):
            self.line("kinds:")
            for kind in kinds { self.entry { $0.kind(kind) } }
        case .any(let kinds): self.line("of: [\(kinds.map(\.rawValue).joined(separator: ", "))]")
        }
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// Texts are quoted, so that what isn't is JSON.
    private static func scalar(_ value: JSON) -> String {
        value.string.map { self.quoted($0) } ?? value.printed()
    }
}
