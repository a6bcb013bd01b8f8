package import GloveboxCore

/// What a marked request brings to an edge: which run and case it belongs to, and what it may do there. It's good for one
/// request, for a minute at most.
package struct IngressContext: Hashable, Sendable {
    /// Seconds that a run may have left, at most.
    static let longestRun = Duration.seconds(24 * 3600)

    package let run: String
    package let testCase: String
    /// The edge that it's for. Edges that share a name, each with its own ``NonceMemory``, each take a token once.
    package let edge: String
    package let issuedAt: WallTime
    package let lifetime: Duration
    /// When the run is over, and what was remembered of it may be forgotten.
    package let runEndsAt: WallTime
    package let nonce: TestContextNonce
    package let routes: [TestContextRoute]
    /// In capitals, sorted, each once.
    package let methods: [String]
    /// How many writing requests all of the run may send to this edge.
    package let writeBudget: UInt32
    /// Of a service's versions the one that's to serve the request, a candidate perhaps; nil: as an ordinary one's.
    package let version: String?

    package var expiresAt: WallTime { self.issuedAt.advanced(by: self.lifetime) }

    /// Times are taken to the millisecond.
    /// - Throws: `invalid_argument` for what no token may say.
    package init(
        run: String, testCase: String, edge: String, issuedAt: WallTime, lifetime: Duration, runEndsAt: WallTime,
        nonce: TestContextNonce = .random(), routes: [TestContextRoute], methods: Set<String>, writeBudget: UInt32,
        version: String? = nil
    ) throws(GloveboxError) {
        self.run = run
        self.testCase = testCase
        self.edge = edge
        self.issuedAt = issuedAt.toMillisecond
        self.lifetime = .milliseconds(lifetime.wholeMilliseconds)
        self.runEndsAt = runEndsAt.toMillisecond
        self.nonce = nonce
        self.routes = routes
        self.methods = methods.sorted()
        self.writeBudget = writeBudget
        self.version = version
        guard version.map(TestContextForm.isName) != false else { throw TestContextForm.wrong("the version's name") }
        try TestContextForm.check(run: run, testCase: testCase, issuedAt: self.issuedAt, lifetime: self.lifetime)
        guard TestContextForm.isName(edge) else { throw TestContextForm.wrong("the edge's name") }
        guard self.runEndsAt >= self.expiresAt, self.runEndsAt.milliseconds <= TestContextForm.mostMilliseconds else {
            throw TestContextForm.wrong("when the run ends: not before the token does")
        }
        guard (1...32).contains(routes.count) else { throw TestContextForm.wrong("the number of routes, 1 to 32") }
        guard (1...16).contains(methods.count), methods.allSatisfy(TestContextForm.isMethod) else {
            throw TestContextForm.wrong("the methods: 1 to 16, in capitals")
        }
    }

    /// Whether it may do this.
    /// - Parameters:
    ///   - host: of the request, with or without a port.
    ///   - path: with or without a query.
    package func check(method: String, host: String, path: String) throws(TestContextRefusal) {
        guard self.methods.contains(method) else { throw .methodNotAllowed }
        guard self.routes.contains(where: { $0.takes(host: host, path: path) }) else { throw .routeNotAllowed }
    }

    /// RFC 9110, section 9.2.1: all methods that aren't safe.
    package static func isWriting(_ method: String) -> Bool {
        !["GET", "HEAD", "OPTIONS", "TRACE"].contains(method)
    }
}

/// What makes a token usable once: 16 random bytes.
package struct TestContextNonce: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    package static func random() -> Self { Self(high: .random(in: .min ... .max), low: .random(in: .min ... .max)) }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil for anything but 16 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        self.low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    package var bytes: [UInt8] {
        [self.high, self.low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
    }
}

extension IngressContext {
    private enum Tag {
        static let (run, testCase, issuedAt, lifetime, edge, runLeft) = (0, 1, 2, 3, 4, 5)
        static let (nonce, routes, methods, writeBudget, version) = (6, 7, 8, 9, 10)
        static let (host, path) = (0, 1)
    }

    /// The one encoding that it has (docs/decisions/0003).
    var canonicalBytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(Tag.run, self.run)
        writer.write(Tag.testCase, self.testCase)
        writer.write(Tag.issuedAt, self.issuedAt.milliseconds)
        writer.write(Tag.lifetime, UInt64(self.lifetime.wholeMilliseconds))
        writer.write(Tag.edge, self.edge)
        writer.write(Tag.runLeft, self.runEndsAt.milliseconds - self.issuedAt.milliseconds)
        writer.write(Tag.nonce, bytes: self.nonce.bytes)
        writer.write(Tag.routes, list: self.routes) { writer, route in
            writer.write(Tag.host, route.host)
            writer.write(Tag.path, route.path)
        }
        writer.write(Tag.methods, strings: self.methods)
        writer.write(Tag.writeBudget, UInt64(self.writeBudget))
        writer.write(Tag.version, self.version)
        return writer.bytes
    }

    /// - Throws: an error for whatever ``canonicalBytes`` doesn't write.
    init(canonical bytes: ArraySlice<UInt8>) throws(GloveboxError) {
        let reader = try CanonicalReader(bytes)
        let (issuedAt, lifetime) = try TestContextForm.time(reader, Tag.issuedAt, Tag.lifetime)
        let left = try reader.unsigned(Tag.runLeft)
        guard let nonce = TestContextNonce(try reader.bytes(Tag.nonce)),
            let budget = UInt32(exactly: try reader.unsigned(Tag.writeBudget)),
            left <= TestContextForm.mostMilliseconds
        else { throw CanonicalReader.malformed }
        let methods = try reader.strings(Tag.methods)
        try self.init(
            run: reader.string(Tag.run), testCase: reader.string(Tag.testCase), edge: reader.string(Tag.edge),
            issuedAt: issuedAt, lifetime: lifetime, runEndsAt: issuedAt.advanced(by: .milliseconds(Int64(left))),
            nonce: nonce,
            routes: reader.list(Tag.routes) { reader throws(GloveboxError) in
                try TestContextRoute(host: reader.stringIfPresent(Tag.host), path: reader.string(Tag.path))
            },
            methods: Set(methods), writeBudget: budget, version: reader.stringIfPresent(Tag.version))
        guard self.canonicalBytes.elementsEqual(bytes) else { throw CanonicalReader.malformed }
    }
}
