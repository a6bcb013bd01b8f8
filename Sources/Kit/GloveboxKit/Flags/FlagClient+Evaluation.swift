import Contracts
import FlagRules
import GloveboxCore

/// What flags come to: evaluated here, without asking anybody.
extension FlagClient {
    public func boolValue(_ key: String, default value: Bool, _ context: EvaluationContext = .init()) -> Bool {
        self.value(key, context) { $0.bool } ?? value
    }

    public func stringValue(_ key: String, default value: String, _ context: EvaluationContext = .init()) -> String {
        self.value(key, context) { $0.string } ?? value
    }

    public func intValue(_ key: String, default value: Int, _ context: EvaluationContext = .init()) -> Int {
        self.value(key, context) { $0.integer.map(Int.init(clamping:)) } ?? value
    }

    public func doubleValue(_ key: String, default value: Double, _ context: EvaluationContext = .init()) -> Double {
        self.value(key, context) { $0.double } ?? value
    }

    /// An object's, or an array's.
    public func objectValue(
        _ key: String, default value: EvaluationValue, _ context: EvaluationContext = .init()
    ) -> EvaluationValue {
        self.value(key, context) { FlagType.object.takes($0) ? EvaluationValue($0) : nil } ?? value
    }

    public func boolDetails(
        _ key: String, default value: Bool, _ context: EvaluationContext = .init()
    ) -> EvaluationDetails<Bool> {
        self.details(key, value, context, .boolean) { $0.bool }
    }

    public func stringDetails(
        _ key: String, default value: String, _ context: EvaluationContext = .init()
    ) -> EvaluationDetails<String> {
        self.details(key, value, context, .string) { $0.string }
    }

    public func intDetails(
        _ key: String, default value: Int, _ context: EvaluationContext = .init()
    ) -> EvaluationDetails<Int> {
        self.details(key, value, context, .integer) { $0.integer.map(Int.init(clamping:)) }
    }

    public func doubleDetails(
        _ key: String, default value: Double, _ context: EvaluationContext = .init()
    ) -> EvaluationDetails<Double> {
        self.details(key, value, context, .float) { $0.double }
    }

    public func objectDetails(
        _ key: String, default value: EvaluationValue, _ context: EvaluationContext = .init()
    ) -> EvaluationDetails<EvaluationValue> {
        self.details(key, value, context, .object) { EvaluationValue($0) }
    }

    private func value<Value>(
        _ key: String, _ context: EvaluationContext, _ take: (FlagValue) -> Value?
    ) -> Value? {
        guard self.configuration.hooks.isEmpty else {
            let context = self.hooked(key, context)
            let (resolution, metadata) = self.resolution(key, context)
            let taken = resolution.value.flatMap(take)
            self.told(key, resolution, metadata, context)
            return taken
        }
        guard let flags = self.snapshot?.epoch.flags else { return nil }
        let value =
            self.configuration.context.isEmpty
            ? flags.value(key, context.inner) { self.seconds }
            : flags.value(key, self.whole(context).inner) { self.seconds }
        return value.flatMap(take)
    }

    /// Of Unix time.
    private var seconds: Int64 { self.time.wall.nanoseconds / 1_000_000_000 }

    private func details<Value: Sendable>(
        _ key: String, _ value: Value, _ context: EvaluationContext, _ type: FlagType,
        _ take: (FlagValue) -> Value?
    ) -> EvaluationDetails<Value> {
        let context = self.hooked(key, context)
        let (resolution, metadata) = self.resolution(key, context)
        let result = resolution.expecting(type)
        self.told(key, result, metadata, context)
        return EvaluationDetails(
            flagKey: key, value: result.value.flatMap(take) ?? value, variant: result.variant,
            reason: EvaluationReason(result.reason), errorCode: self.code(of: result), errorMessage: result.detail,
            flagMetadata: metadata)
    }

    // MARK: Inside

    private func resolve(_ key: String, _ context: EvaluationContext) -> FlagResolution {
        guard let flags = self.snapshot?.epoch.flags else { return Self.notReady }
        return flags.resolve(key, self.whole(context).inner) { self.seconds }
    }

    private func resolution(
        _ key: String, _ context: EvaluationContext
    ) -> (FlagResolution, metadata: [String: EvaluationValue]) {
        let metadata = self.snapshot?.epoch.flags.flag(key, self.whole(context).inner)?.metadata ?? [:]
        return (self.resolve(key, context), metadata.mapValues(EvaluationValue.init))
    }

    private func whole(_ context: EvaluationContext) -> EvaluationContext {
        context.over(self.configuration.context)
    }

    private static let notReady = FlagResolution.failed(.general, "nothing is known of any flag yet")

    private func code(of result: FlagResolution) -> EvaluationErrorCode? {
        result.fault.map { self.snapshot == nil ? .providerNotReady : EvaluationErrorCode($0) }
    }

    private func hooked(_ key: String, _ context: EvaluationContext) -> EvaluationContext {
        self.configuration.hooks.reduce(context) { $1.before(key, $0) }
    }

    private func told(
        _ key: String, _ result: FlagResolution, _ metadata: [String: EvaluationValue], _ context: EvaluationContext
    ) {
        guard !self.configuration.hooks.isEmpty else { return }
        let details = EvaluationDetails(
            flagKey: key, value: result.value.map(EvaluationValue.init) ?? .null, variant: result.variant,
            reason: EvaluationReason(result.reason), errorCode: self.code(of: result), errorMessage: result.detail,
            flagMetadata: metadata)
        for hook in self.configuration.hooks.reversed() { hook.after(details, context) }
    }
}
