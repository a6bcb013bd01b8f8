import FlagRules

/// What a flag came to, and why (openfeature.dev/specification/types, "evaluation details").
public struct EvaluationDetails<Value: Sendable>: Sendable {
    public var flagKey: String
    /// The caller's own default where there's no other.
    public var value: Value
    public var variant: String?
    public var reason: EvaluationReason
    public var errorCode: EvaluationErrorCode?
    /// What's wrong, in words.
    public var errorMessage: String?
    public var flagMetadata: [String: EvaluationValue]
}

/// OpenFeature's words ("resolution reason").
public enum EvaluationReason: String, Sendable, Hashable {
    /// The flag has no targeting.
    case `static` = "STATIC"
    case targetingMatch = "TARGETING_MATCH"
    /// Targeting has named no variant, or the flag has none by default.
    case `default` = "DEFAULT"
    case disabled = "DISABLED"
    case error = "ERROR"
}

/// OpenFeature's words ("error code").
public enum EvaluationErrorCode: String, Sendable, Hashable {
    /// Nothing is known of any flag yet.
    case providerNotReady = "PROVIDER_NOT_READY"
    case flagNotFound = "FLAG_NOT_FOUND"
    case parseError = "PARSE_ERROR"
    case typeMismatch = "TYPE_MISMATCH"
    case targetingKeyMissing = "TARGETING_KEY_MISSING"
    case invalidContext = "INVALID_CONTEXT"
    case general = "GENERAL"
}

/// What happens to a client (openfeature.dev/specification/sections/events).
public enum FlagEvent: Sendable, Hashable {
    /// What flags come to is what the gateway says now.
    case ready
    /// The gateway is out of reach: flags are what they were last, and leased changes still go back when their time is up.
    case stale
    /// These flags may come to something else from now on.
    case configurationChanged([String])
    /// In words. The client goes on trying.
    case error(String)
}

/// Called around each evaluation, in order before it and in reverse after it (openfeature.dev/specification/sections/hooks).
public protocol EvaluationHook: Sendable {
    /// Returns what the context is to be.
    func before(_ flagKey: String, _ context: EvaluationContext) -> EvaluationContext
    /// Of an error as well.
    func after(_ details: EvaluationDetails<EvaluationValue>, _ context: EvaluationContext)
}

extension EvaluationHook {
    public func before(_ flagKey: String, _ context: EvaluationContext) -> EvaluationContext { context }
    public func after(_ details: EvaluationDetails<EvaluationValue>, _ context: EvaluationContext) {}
}

extension EvaluationReason {
    init(_ reason: FlagResolution.Reason) {
        self =
            switch reason {
            case .static: .static
            case .targetingMatch: .targetingMatch
            case .default: .default
            case .disabled: .disabled
            case .error: .error
            }
    }
}

extension EvaluationErrorCode {
    init(_ fault: FlagResolution.Fault) {
        self =
            switch fault {
            case .flagNotFound: .flagNotFound
            case .parseError: .parseError
            case .typeMismatch: .typeMismatch
            case .targetingKeyMissing: .targetingKeyMissing
            case .invalidContext: .invalidContext
            case .general: .general
            }
    }
}
