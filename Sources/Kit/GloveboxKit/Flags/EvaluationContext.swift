import FlagRules

/// Who asks for a flag, and what of them rules may look at (openfeature.dev/specification/sections/evaluation-context).
public struct EvaluationContext: Sendable, Hashable {
    var inner: FlagContext

    /// - Parameters:
    ///   - targetingKey: who it is, to the same bucket each time.
    ///   - attributes: everything else, by name.
    public init(targetingKey: String? = nil, _ attributes: [String: EvaluationValue] = [:]) {
        self.inner = FlagContext(targetingKey: targetingKey, attributes: attributes.mapValues(\.inner))
    }

    public var targetingKey: String? {
        get { self.inner.targetingKey }
        set { self.inner.targetingKey = newValue }
    }

    public subscript(name: String) -> EvaluationValue? {
        get { self.inner.attributes[name].map(EvaluationValue.init) }
        set { self.inner.attributes[name] = newValue?.inner }
    }

    /// Whose changes are seen that were made for one identity, one lease or one test run alone. A claim that chooses between
    /// variants; it proves nothing.
    public var gloveboxIdentity: String? {
        get { self.inner.attributes["gloveboxIdentity"]?.string }
        set { self.inner.attributes["gloveboxIdentity"] = newValue.map { .string($0) } }
    }

    /// As ``gloveboxIdentity``.
    public var gloveboxLease: String? {
        get { self.inner.attributes["gloveboxLease"]?.string }
        set { self.inner.attributes["gloveboxLease"] = newValue.map { .string($0) } }
    }

    /// As ``gloveboxIdentity``.
    public var gloveboxTestRun: String? {
        get { self.inner.attributes["gloveboxTestRun"]?.string }
        set { self.inner.attributes["gloveboxTestRun"] = newValue.map { .string($0) } }
    }

    var isEmpty: Bool { self.inner.targetingKey == nil && self.inner.attributes.isEmpty }

    /// This, and of `other` what it doesn't say.
    func over(_ other: EvaluationContext) -> EvaluationContext {
        if other.isEmpty { return self }
        if self.isEmpty { return other }
        var merged = self
        merged.inner.targetingKey = self.inner.targetingKey ?? other.inner.targetingKey
        merged.inner.attributes.merge(other.inner.attributes) { own, _ in own }
        return merged
    }
}

/// A value of a context, of a flag, or of a flag's metadata: whatever JSON has.
public struct EvaluationValue: Sendable, Hashable {
    let inner: FlagValue

    init(_ inner: FlagValue) {
        self.inner = inner
    }

    public static let null = EvaluationValue(.null)

    public init(_ value: Bool) { self.inner = .bool(value) }
    public init(_ value: String) { self.inner = .string(value) }
    public init(_ value: Int) { self.inner = .integer(Int64(value)) }
    public init(_ value: Double) { self.inner = .number(value) }
    public init(_ value: [EvaluationValue]) { self.inner = .array(value.map(\.inner)) }
    public init(_ value: [String: EvaluationValue]) { self.inner = .object(value.mapValues(\.inner)) }

    public var bool: Bool? { self.inner.bool }
    public var string: String? { self.inner.string }
    /// Of a number that is whole.
    public var int: Int? { self.inner.integer.map(Int.init(clamping:)) }
    public var double: Double? { self.inner.double }
    public var array: [EvaluationValue]? { self.inner.array?.map(EvaluationValue.init) }
    public var object: [String: EvaluationValue]? { self.inner.object?.mapValues(EvaluationValue.init) }
    public var isNull: Bool { self.inner == .null }
}

extension EvaluationValue: ExpressibleByBooleanLiteral, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self.init(value) }
    public init(stringLiteral value: String) { self.init(value) }
    public init(integerLiteral value: Int) { self.init(value) }
    public init(floatLiteral value: Double) { self.init(value) }
    public init(arrayLiteral values: EvaluationValue...) { self.init(values) }
    public init(dictionaryLiteral values: (String, EvaluationValue)...) {
        self.init(Dictionary(values) { $1 })
    }
}

extension EvaluationValue: CustomStringConvertible {
    /// JSON, in one line.
    public var description: String { self.inner.json }
}
