package import GloveboxCore

/// One flag of a file in flagd's form (flagd.dev/reference/flag-definitions), compiled.
package final class Flag: Sendable {
    package let key: String
    package let isEnabled: Bool
    /// By name.
    package let variants: [String: FlagValue]
    /// Absent where the caller's own default is wanted.
    package let defaultVariant: String?
    /// The file's metadata, and the flag's own over it.
    package let metadata: [String: FlagValue]
    let targeting: Rule?
    /// Whether its targeting may look at the time.
    package let asksForTime: Bool
    /// What it was made of.
    package let definition: FlagValue
    /// What's wrong with it: it's never evaluated then.
    package let fault: GloveboxError?
    /// What it comes to whoever asks, where that's so.
    let fixed: FlagResolution?
    let isFixed: Bool
    /// What it comes to where targeting names no variant.
    let otherwise: FlagResolution
    /// The variants once more: few are found sooner by looking at each.
    let named: [(name: String, value: FlagValue)]

    private init(
        _ key: String, isEnabled: Bool = true, variants: [String: FlagValue] = [:], defaultVariant: String? = nil,
        targeting: Rule? = nil, asksForTime: Bool = false, definition: FlagValue, metadata: [String: FlagValue],
        fault: GloveboxError? = nil
    ) {
        self.key = key
        self.isEnabled = isEnabled
        self.variants = variants
        self.defaultVariant = defaultVariant
        self.targeting = targeting
        self.asksForTime = asksForTime
        self.definition = definition
        self.metadata = metadata
        self.fault = fault
        self.named = variants.map { ($0.key, $0.value) }
        func byDefault(_ reason: FlagResolution.Reason) -> FlagResolution {
            guard let name = defaultVariant, let value = variants[name] else { return .absent(.default) }
            return .resolved(value, name, reason)
        }
        self.otherwise = byDefault(.default)
        self.isFixed = fault != nil || !isEnabled || targeting == nil
        if let fault {
            self.fixed = .failed(.parseError, fault.message)
        } else if !isEnabled {
            self.fixed = .absent(.disabled)
        } else {
            self.fixed = targeting == nil ? byDefault(.static) : nil
        }
    }

    /// One that isn't right has a `fault`, so that the others of its file are there all the same.
    convenience init(
        _ key: String, _ value: FlagValue, metadata: [String: FlagValue], _ compiler: inout RuleCompiler
    ) {
        do {
            try self.init(key, fields: value, metadata: metadata, &compiler)
        } catch {
            self.init(
                key, definition: value, metadata: metadata,
                fault: GloveboxError(error.code, "flag '\(key.prefix(80))': \(error.message)"))
        }
    }

    private convenience init(
        _ key: String, fields value: FlagValue, metadata: [String: FlagValue], _ compiler: inout RuleCompiler
    ) throws(GloveboxError) {
        func fault(_ what: String) -> GloveboxError { GloveboxError(.flagsInvalid, what) }
        guard let fields = value.object else { throw fault("it is an object, and not \(value.typeName)") }
        let known: Set = ["state", "variants", "defaultVariant", "targeting", "metadata", "$schema"]
        if let unknown = fields.keys.sorted().first(where: { !known.contains($0) }) {
            throw fault("there is no field '\(unknown.prefix(80))'")
        }
        let isEnabled: Bool
        switch fields["state"]?.string {
        case "ENABLED": isEnabled = true
        case "DISABLED": isEnabled = false
        default: throw fault("its state is \"ENABLED\" or \"DISABLED\"")
        }
        guard let variants = fields["variants"]?.object, let first = variants.first?.value else {
            throw fault("its variants are an object with one at least")
        }
        guard variants.values.allSatisfy({ $0.hasType(of: first) }) else {
            throw fault("its variants aren't all of one type")
        }
        if first == .null { throw fault("a variant can't be null") }
        let defaultVariant: String?
        switch fields["defaultVariant"] {
        case nil, .null: defaultVariant = nil
        case .string(let name) where variants[name] != nil: defaultVariant = name
        case .some(let other): throw fault("its defaultVariant \(other.json.prefix(80)) is none of its variants")
        }
        let targeting: Rule?
        switch fields["targeting"] {
        case nil, .null: targeting = nil
        case .object(let rule) where rule.isEmpty: targeting = nil
        case .object(let rule): targeting = try compiler.compile(.object(rule))
        case .some(let other): throw fault("its targeting is a rule, and not \(other.typeName)")
        }
        var all = metadata
        for (name, value) in try Self.metadata(fields["metadata"]) { all[name] = value }
        self.init(
            key, isEnabled: isEnabled, variants: variants, defaultVariant: defaultVariant, targeting: targeting,
            asksForTime: targeting?.asksForTime ?? false, definition: value, metadata: all)
    }

    /// - Throws: `flags_invalid` for what isn't strings, numbers and booleans by their names.
    static func metadata(_ value: FlagValue?) throws(GloveboxError) -> [String: FlagValue] {
        switch value {
        case nil, .null: return [:]
        case .object(let fields):
            for (name, value) in fields {
                switch value {
                case .bool, .integer, .number, .string: continue
                default:
                    throw GloveboxError(
                        .flagsInvalid,
                        "metadata '\(name.prefix(80))' is a string, number or boolean, and not \(value.typeName)")
                }
            }
            return fields
        case .some(let other):
            throw GloveboxError(.flagsInvalid, "metadata is an object, and not \(other.typeName)")
        }
    }
}
