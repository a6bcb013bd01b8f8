import Contracts
import GloveboxCore
public import Instrumentation
import TestContextToken

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Takes the context of a request from its headers, and gives the headers that carry it on: W3C Trace Context, W3C Baggage,
/// and the test's mark in it. With any HTTP server and any HTTP client.
///
/// ```swift
/// let propagation = try ContextPropagation(publicKeys: [key])
/// // For each request that comes:
/// try await propagation.withContext(of: headers) {
///     …
///     // For each that goes out meanwhile:
///     for (name, value) in ContextPropagation.outgoingHeaders { request.headers.add(name: name, value: value) }
/// }
/// ```
///
/// What's known of a request is in its task's `ServiceContext`: child tasks have it, detached ones don't. Checking a mark
/// needs no call to anybody.
public struct ContextPropagation: Sendable {
    private let keys: TestContextKeys
    private let time: any TimeSource

    /// - Parameter publicKeys: what the edges before this service sign with, in base 64, each 32 bytes of Ed25519; several
    ///   while they rotate. Without any, no request is a test's, and all else is passed on all the same.
    /// - Throws: an error that says which one isn't a key.
    public init(publicKeys: [String]) throws {
        try self.init(publicKeys: publicKeys, time: SystemTime())
    }

    /// The keys are the lines of a file; empty ones, and those that begin with `#`, aside.
    /// - Throws: when it can't be read, or a line isn't a key.
    public init(keysFile path: String) throws {
        try self.init(keysFile: path, time: SystemTime())
    }

    init(keysFile path: String, time: any TimeSource) throws {
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw GloveboxError(.invalidArgument, "the keys of test contexts can't be read from \(path)", cause: error)
        }
        let lines = text.split(whereSeparator: \.isNewline).map { line in String(line.filter { !$0.isWhitespace }) }
        try self.init(publicKeys: lines.filter { !$0.isEmpty && !$0.hasPrefix("#") }, time: time)
    }

    init(publicKeys: [String], time: any TimeSource) throws {
        var keys: [TestContextKey] = []
        for (index, text) in publicKeys.enumerated() {
            // Both alphabets of base 64, with padding or without.
            let plain = text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }.filter { $0 != "=" }
            let padding = String(repeating: "=", count: (4 - plain.count % 4) % 4)
            guard let bytes = Data(base64Encoded: String(plain) + padding),
                let key = try? TestContextKey(
                    publicKey: Array(bytes), audience: .internal, validFrom: WallTime(nanoseconds: 0),
                    validUntil: WallTime(nanoseconds: .max))
            else {
                throw GloveboxError(
                    .invalidArgument, "key \(index + 1) of test contexts isn't 32 bytes of Ed25519 in base 64")
            }
            keys.append(key)
        }
        self.keys = TestContextKeys(keys)
        self.time = time
    }

    /// What these headers say, added to `context`. A mark that can't be verified is no test context, and no error either:
    /// the request is an ordinary one.
    ///
    /// - Parameter headers: of the request, in their order; names in any case of letters. Several `baggage` and `tracestate`
    ///   fields are several entries.
    public func context(
        of headers: some Sequence<(name: String, value: String)>, in context: ServiceContext = .current ?? .topLevel
    ) -> ServiceContext {
        var parents: [[UInt8]] = []
        var states: [[UInt8]] = []
        var baggage: [[UInt8]] = []
        for (name, value) in headers {
            switch name.lowercased() {
            case "traceparent": parents.append(Array(value.utf8))
            case "tracestate": states.append(Array(value.utf8))
            case "baggage": baggage.append(Array(value.utf8))
            default: break
            }
        }
        var context = context
        context.propagation = PropagatedContext(
            parents: parents, states: states, baggage: baggage, testContext: self.testContext(baggage))
        return context
    }

    /// Runs `body` in the context that these headers say: ``TestContext/current`` is known in it, and
    /// ``outgoingHeaders``.
    public func withContext<Value>(
        of headers: some Sequence<(name: String, value: String)>, _ body: () async throws -> Value
    ) async rethrows -> Value {
        try await ServiceContext.withValue(self.context(of: headers), operation: body)
    }

    /// The headers that a request to another service gets, to be added to it: `traceparent`, each time with a span of its
    /// own, `tracestate` and `baggage` as they came, others' members and all. Outside of a request a trace begins.
    public static var outgoingHeaders: [(name: String, value: String)] {
        (ServiceContext.current?.propagation ?? PropagatedContext()).headers()
    }

    /// The trace that the request under way belongs to, 32 hexadecimal digits: for logs.
    public static var traceID: String? { ServiceContext.current?.propagation?.traceID }

    private func testContext(_ baggage: [[UInt8]]) -> TestContext? {
        guard baggage.contains(where: { BaggageLines.mayHoldMark($0) }),
            let inner = try? self.keys.internal(BaggageLines(baggage).mark, at: self.time.wall)
        else { return nil }
        return TestContext(
            run: inner.run, testCase: inner.testCase, usesSyntheticData: inner.declaresSyntheticWrites,
            flagScope: inner.flagScope)
    }
}
