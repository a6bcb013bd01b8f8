package import GloveboxCore

/// What an edge puts in the place of an ingress token, for the services behind it: that a request is a test's, and what a
/// service has to know for that. It isn't used up: a service passes it on to those that it calls. At an edge it's refused.
package struct InternalContext: Hashable, Sendable {
    package let run: String
    package let testCase: String
    package let issuedAt: WallTime
    package let lifetime: Duration
    /// Whether the case is declared to write: then a service that knows of tests takes synthetic data at its write points.
    package let declaresSyntheticWrites: Bool
    /// For which test run flags are asked, where some are changed for the run alone.
    package let flagScope: String?

    package var expiresAt: WallTime { self.issuedAt.advanced(by: self.lifetime) }

    /// Times are taken to the millisecond.
    /// - Throws: `invalid_argument` for what no token may say.
    package init(
        run: String, testCase: String, issuedAt: WallTime, lifetime: Duration, declaresSyntheticWrites: Bool,
        flagScope: String? = nil
    ) throws(GloveboxError) {
        self.run = run
        self.testCase = testCase
        self.issuedAt = issuedAt.toMillisecond
        self.lifetime = .milliseconds(lifetime.wholeMilliseconds)
        self.declaresSyntheticWrites = declaresSyntheticWrites
        self.flagScope = flagScope
        try TestContextForm.check(run: run, testCase: testCase, issuedAt: self.issuedAt, lifetime: self.lifetime)
        guard flagScope.map(TestContextForm.isText) != false else { throw TestContextForm.wrong("the scope of flags") }
    }
}

extension InternalContext {
    private enum Tag {
        static let (run, testCase, issuedAt, lifetime, writes, flagScope) = (0, 1, 2, 3, 4, 5)
    }

    /// The one encoding that it has (docs/decisions/0003).
    var canonicalBytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(Tag.run, self.run)
        writer.write(Tag.testCase, self.testCase)
        writer.write(Tag.issuedAt, self.issuedAt.milliseconds)
        writer.write(Tag.lifetime, UInt64(self.lifetime.wholeMilliseconds))
        writer.write(Tag.writes, self.declaresSyntheticWrites ? 1 : 0)
        writer.write(Tag.flagScope, self.flagScope)
        return writer.bytes
    }

    /// - Throws: an error for whatever ``canonicalBytes`` doesn't write.
    init(canonical bytes: ArraySlice<UInt8>) throws(GloveboxError) {
        let reader = try CanonicalReader(bytes)
        let (issuedAt, lifetime) = try TestContextForm.time(reader, Tag.issuedAt, Tag.lifetime)
        try self.init(
            run: reader.string(Tag.run), testCase: reader.string(Tag.testCase), issuedAt: issuedAt, lifetime: lifetime,
            declaresSyntheticWrites: reader.unsigned(Tag.writes) == 1,
            flagScope: reader.stringIfPresent(Tag.flagScope))
        guard self.canonicalBytes.elementsEqual(bytes) else { throw CanonicalReader.malformed }
    }
}
