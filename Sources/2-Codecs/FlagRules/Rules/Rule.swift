/// A targeting rule in JSONLogic (jsonlogic.com) with flagd's operators, compiled: what can be looked up once was. Nothing
/// in it can fail or take without bound; an operator that can't do with what it's given comes to null, as flagd's do.
indirect enum Rule: Sendable {
    case value(FlagValue)
    case list([Rule])
    case variable(Variable, otherwise: Rule?)
    /// A variable whose name is worked out.
    case variableNamed(Rule, otherwise: Rule?)
    case missing([Rule])
    case missingSome(least: Rule, of: Rule)
    /// Condition, value, condition, value, … and what's else.
    case choice([Rule])
    case and([Rule])
    case or([Rule])
    case truth(Rule, isNegated: Bool)
    case equal(Rule, Rule, isStrict: Bool, isNegated: Bool)
    /// With three, whether the second is between the others.
    case ordered(Order, [Rule])
    case arithmetic(Arithmetic, [Rule])
    case quantified(Quantifier, over: Rule, Rule)
    case reduce(over: Rule, Rule, from: Rule)
    case merge([Rule])
    case contains(Rule, in: Rule)
    case concatenation([Rule])
    case substring(Rule, from: Rule, length: Rule?)
    case affix(Affix, of: Rule, Rule)
    case semanticVersion(Rule, SemanticVersion.Comparison, Rule)
    /// With a version that the rule names itself.
    case knownVersion(Rule, SemanticVersion.Comparison, SemanticVersion)
    case fractional(Fractional)
    /// One that several rules name by `$ref`.
    case shared(SharedRule)

    /// Where a variable is.
    enum Variable: Hashable, Sendable {
        case everything
        case targetingKey
        case flagKey
        /// Seconds of Unix time.
        case timestamp
        case field(String)
        case path([String])

        init(_ name: String) {
            switch name {
            case "": self = .everything
            case "targetingKey": self = .targetingKey
            case "$flagd.flagKey": self = .flagKey
            case "$flagd.timestamp": self = .timestamp
            default:
                let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                self = parts.count == 1 ? .field(name) : .path(parts)
            }
        }
    }

    enum Order: String, Sendable {
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    enum Arithmetic: String, Sendable {
        case sum = "+"
        case difference = "-"
        case product = "*"
        case quotient = "/"
        case remainder = "%"
        case least = "min"
        case most = "max"
    }

    enum Quantifier: String, Sendable {
        case map, filter, all, none, some
    }

    enum Affix: String, Sendable {
        case prefix = "starts_with"
        case suffix = "ends_with"
    }

    /// Puts whoever asks into one of several buckets, always the same.
    struct Fractional: Sendable {
        /// What's hashed; `nil` for the flag's key and the targeting key.
        var key: Rule?
        var buckets: [Bucket]
        /// Of all weights, where they are constants.
        var total: UInt64?
        /// Where each bucket ends, where they are constants.
        var ends: [UInt64] = []

        struct Bucket: Sendable {
            var value: Rule
            var weight: Rule
        }
    }
}

/// An evaluator: compiled once, whoever refers to it.
final class SharedRule: Sendable {
    let rule: Rule
    /// How many levels it's nested.
    let height: Int
    /// Found once: evaluators that name others twice each would be gone through for ever.
    let asksForTime: Bool

    init(_ rule: Rule, height: Int) {
        self.rule = rule
        self.height = height
        self.asksForTime = rule.asksForTime
    }
}
