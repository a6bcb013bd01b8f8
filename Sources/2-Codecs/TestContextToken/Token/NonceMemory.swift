package import GloveboxCore

/// What an edge remembers of the tokens that it took: their nonces while they're valid, how much each run has written, and
/// which runs were ended. It's bounded, and never forgets what still counts: what it has no room for is refused.
///
/// Wall time is passed in, and may be set back: a token that was valid until a time that was seen already isn't taken any
/// more. One that may have been taken before this memory began isn't taken either.
package struct NonceMemory: Sendable {
    private struct Run {
        var writes: UInt32 = 0
        var isRevoked = false
        /// When nothing of it can be valid any more.
        var until: WallTime
    }

    private let mostNonces: Int
    private let mostRuns: Int
    /// Tokens that were issued up to here may have been used at whatever came before this memory.
    private let beginsAfter: WallTime
    private var nonces: Set<TestContextNonce> = []
    /// By the second in which they run out, a minute's worth.
    private var runningOut: [Int64: [TestContextNonce]] = [:]
    private var runs: [String: Run] = [:]
    /// What was valid until then is forgotten.
    private var forgottenUntil: WallTime
    /// While there's no room for an ended run, none can be told from it.
    private var refusesUntil: WallTime?

    /// - Parameters:
    ///   - since: when the edge started.
    ///   - skew: how far an issuer's clock may be ahead: for so long nothing is taken.
    package init(
        since: WallTime, skew: Duration = .seconds(5), mostNonces: Int = 200_000, mostRuns: Int = 10_000
    ) {
        self.mostNonces = mostNonces
        self.mostRuns = mostRuns
        self.beginsAfter = since.advanced(by: skew)
        self.forgottenUntil = since
    }

    package var nonceCount: Int { self.nonces.count }
    package var runCount: Int { self.runs.count }

    /// Takes a token that was verified, once. One that's over budget is used up nonetheless.
    /// - Parameter writes: whether the request is one of those that the write budget counts.
    package mutating func admit(
        _ context: IngressContext, writes: Bool, at now: WallTime
    ) throws(TestContextRefusal) {
        self.forget(at: now)
        guard context.expiresAt > self.forgottenUntil else { throw .expired }
        guard context.issuedAt > self.beginsAfter else { throw .replayed }
        guard self.refusesUntil == nil else { throw .memoryFull }
        guard self.runs[context.run]?.isRevoked != true else { throw .revoked }
        guard !self.nonces.contains(context.nonce) else { throw .replayed }
        guard self.nonces.count < self.mostNonces else { throw .memoryFull }
        self.nonces.insert(context.nonce)
        self.runningOut[Self.second(context.expiresAt), default: []].append(context.nonce)
        guard writes else { return }
        var run = self.runs[context.run] ?? Run(until: context.runEndsAt)
        guard run.writes < context.writeBudget else { throw .overBudget }
        guard self.runs[context.run] != nil || self.runs.count < self.mostRuns else { throw .memoryFull }
        run.writes += 1
        run.until = max(run.until, context.runEndsAt)
        self.runs[context.run] = run
    }

    /// Ends a run: from now on none of its tokens is taken.
    /// - Parameter until: when none can be valid any more, as all that it might have been given say.
    package mutating func revoke(_ run: String, until: WallTime, at now: WallTime) {
        self.forget(at: now)
        if var known = self.runs[run] {
            known.isRevoked = true
            known.until = max(known.until, until)
            self.runs[run] = known
        } else if self.runs.count < self.mostRuns {
            self.runs[run] = Run(isRevoked: true, until: until)
        } else {
            self.refusesUntil = max(self.refusesUntil ?? until, until)
        }
    }

    /// Drops what has run out. Each call of the others does so by itself, once a second.
    private mutating func forget(at now: WallTime) {
        let second = Self.second(now)
        guard second > Self.second(self.forgottenUntil) else { return }
        self.forgottenUntil = WallTime(nanoseconds: second * 1_000_000_000)
        for (end, nonces) in self.runningOut where end < second {
            self.nonces.subtract(nonces)
            self.runningOut[end] = nil
        }
        for (name, run) in self.runs where run.until <= self.forgottenUntil { self.runs[name] = nil }
        if let until = self.refusesUntil, until <= self.forgottenUntil { self.refusesUntil = nil }
    }

    private static func second(_ time: WallTime) -> Int64 { time.nanoseconds / 1_000_000_000 }
}
