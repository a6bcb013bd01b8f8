import Instrumentation
import TestContextToken

/// What a request has brought that goes on with those that it sets off.
struct PropagatedContext: Sendable {
    /// Who sent the request, or who began the trace here.
    private let parent: TraceParent?
    /// Byte for byte as they came.
    private let states: [[UInt8]]
    private let baggage: [[UInt8]]
    let testContext: TestContext?

    /// A trace begins anew without a `traceparent` that holds; `tracestate` belongs to it, and goes with it (W3C Trace
    /// Context, section 4.3).
    init(
        parents: [[UInt8]] = [], states: [[UInt8]] = [], baggage: [[UInt8]] = [], testContext: TestContext? = nil
    ) {
        if let parent = TraceParent(parents) {
            self.parent = parent
            self.states = TraceState(states) == nil ? [] : states
        } else {
            // Nobody has chosen it to be recorded, so it isn't sampled.
            self.parent = TraceParent(
                traceID: Self.random(16), parentID: Self.random(8), isSampled: false, isRandom: true)
            self.states = []
        }
        self.baggage = baggage
        self.testContext = testContext
    }

    var traceID: String? {
        // version-trace-parent-flags
        self.parent.flatMap { "\($0)".split(separator: "-").dropFirst().first.map(String.init) }
    }

    func headers() -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let child = self.parent?.child(parentID: Self.random(8)) { headers.append(("traceparent", "\(child)")) }
        headers += self.states.map { ("tracestate", String(decoding: $0, as: UTF8.self)) }
        headers += self.baggage.map { ("baggage", String(decoding: $0, as: UTF8.self)) }
        return headers
    }

    /// Not all zero.
    private static func random(_ count: Int) -> [UInt8] {
        (0..<count).map { $0 == 0 ? UInt8.random(in: 1...255) : UInt8.random(in: 0...255) }
    }
}

extension ServiceContext {
    private enum Key: ServiceContextKey {
        typealias Value = PropagatedContext
        static var nameOverride: String? { "glovebox" }
    }

    var propagation: PropagatedContext? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
