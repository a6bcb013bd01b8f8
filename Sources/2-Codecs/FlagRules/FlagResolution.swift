import GloveboxCore

/// What a flag comes to for one context.
package struct FlagResolution: Hashable, Sendable {
    /// Absent where the caller's own default is to be taken.
    package var value: FlagValue?
    package var variant: String?
    package var reason: Reason
    package var fault: Fault?
    /// What's wrong, in words, where there is a `fault`.
    package var detail: String?

    /// OpenFeature's words (openfeature.dev/specification/types, "resolution reason").
    package enum Reason: String, Sendable {
        /// The flag has no targeting.
        case `static` = "STATIC"
        case targetingMatch = "TARGETING_MATCH"
        /// Targeting has named no variant.
        case `default` = "DEFAULT"
        case disabled = "DISABLED"
        case error = "ERROR"
    }

    /// OpenFeature's error codes (as above, "error code").
    package enum Fault: String, Sendable {
        case flagNotFound = "FLAG_NOT_FOUND"
        case parseError = "PARSE_ERROR"
        case typeMismatch = "TYPE_MISMATCH"
        case targetingKeyMissing = "TARGETING_KEY_MISSING"
        case invalidContext = "INVALID_CONTEXT"
        case general = "GENERAL"
    }

    private init(
        value: FlagValue? = nil, variant: String? = nil, reason: Reason, fault: Fault? = nil, detail: String? = nil
    ) {
        self.value = value
        self.variant = variant
        self.reason = reason
        self.fault = fault
        self.detail = detail
    }

    static func resolved(_ value: FlagValue, _ variant: String, _ reason: Reason) -> Self {
        Self(value: value, variant: variant, reason: reason)
    }

    static func absent(_ reason: Reason) -> Self {
        Self(reason: reason)
    }

    /// This, unless its value is of another type than the caller can do with.
    package func expecting(_ type: FlagType) -> FlagResolution {
        guard let value = self.value, !type.takes(value) else { return self }
        return .failed(.typeMismatch, "the flag is \(value.typeName), and \(type.rawValue) was asked for")
    }

    package static func failed(_ fault: Fault, _ detail: String) -> Self {
        Self(reason: .error, fault: fault, detail: detail)
    }
}

/// What a caller asks for.
package enum FlagType: String, Sendable {
    case boolean, string, integer, float, object

    /// A float may be whole.
    package func takes(_ value: FlagValue) -> Bool {
        switch self {
        case .boolean: value.bool != nil
        case .string: value.string != nil
        case .integer: value.integer != nil
        case .float: value.double != nil
        case .object: value.object != nil || value.array != nil
        }
    }
}

extension Flag {
    /// - Parameter timestamp: in seconds of Unix time, as `$flagd.timestamp`.
    package func resolve(_ context: FlagContext, timestamp: Int64) -> FlagResolution {
        if let fixed = self.fixed { return fixed }
        guard let targeting = self.targeting else { return self.otherwise }
        var run = RuleRun(flagKey: self.key, context: context, timestamp: timestamp)
        let result = run.value(targeting)
        guard !run.isExhausted else { return .failed(.general, "the targeting of '\(self.key)' takes too long") }
        let name: String
        switch result {
        case .null: return self.otherwise
        case .string(let text): name = text
        case .bool(let value): name = value ? "true" : "false"
        case .integer, .number: name = result.json
        case .array, .object:
            return .failed(
                .general, "the targeting of '\(self.key)' comes to \(result.typeName), which names no variant")
        }
        guard let value = self.variant(name) else {
            return .failed(.general, "the targeting of '\(self.key)' names '\(name)', which is none of its variants")
        }
        return .resolved(value, name, .targetingMatch)
    }

    private static let few = 8

    private func variant(_ name: String) -> FlagValue? {
        guard self.named.count <= Self.few else { return self.variants[name] }
        for variant in self.named where variant.name == name { return variant.value }
        return nil
    }
}
