public import Instrumentation

/// That the request under way is a test's, and what a service has to know for that. An edge has said so, and its signature
/// was checked: nobody else can.
///
/// ```swift
/// let table = TestContext.current?.usesSyntheticData == true ? "synthetic customer" : "the signed-in customer"
/// ```
///
/// It comes from ``ContextPropagation/withContext(of:_:)``, and is passed to those that this service calls by
/// ``ContextPropagation/outgoingHeaders``.
public struct TestContext: Hashable, Sendable {
    /// Which run of a suite.
    public let run: String
    /// Which case of it.
    public let testCase: String
    /// Whether the case is declared to write: then a write point takes synthetic data in the place of a customer's. A test
    /// that isn't declared so has nothing to write; a service does well to refuse it.
    public let usesSyntheticData: Bool
    /// For which test run flags are to be asked: ``EvaluationContext/gloveboxTestRun``.
    public let flagScope: String?

    /// Of the request under way; nil for an ordinary one, and outside of any.
    public static var current: TestContext? { ServiceContext.current?.testContext }
}

extension ServiceContext {
    /// The test context that this one carries.
    public var testContext: TestContext? { self.propagation?.testContext }
}

// MARK: - What shows the way of a test

extension TestContext {
    /// The header of an answer to a marked request that names who saw the context on the way, the nearest first:
    /// `web@2, orders@1`. `glovebox test preflight` reads it.
    public static let seenHeader = "glovebox-test-seen"

    /// The value of ``seenHeader`` for this service's answer; nil when the request under way is an ordinary one: then
    /// nothing is said.
    ///
    /// - Parameter answers: the values that the answers of those had whom this service has called, in any order.
    public static func seen(by service: String, version: String, after answers: [String] = []) -> String? {
        guard self.current != nil else { return nil }
        var hops = ["\(service)@\(version)"]
        for hop in answers.flatMap({ $0.split(separator: ",") }) {
            let hop = String(hop.drop { $0 == " " })
            if !hop.isEmpty, !hops.contains(hop) { hops.append(hop) }
        }
        return hops.joined(separator: ", ")
    }
}
