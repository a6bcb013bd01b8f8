import GloveboxCore
import TestContextToken
import TestSupport
import Testing

@Suite("What an edge remembers of tokens")
struct NonceMemoryTests {
    private static let start = noon.plus(-60_000)

    private func refusal(
        _ memory: inout NonceMemory, _ context: IngressContext, writes: Bool = false, at now: WallTime = noon
    ) -> TestContextRefusal? {
        do throws(TestContextRefusal) {
            try memory.admit(context, writes: writes, at: now)
            return nil
        } catch {
            return error
        }
    }

    @Test("a token is taken once, for as long as it's valid and beyond")
    func once() throws {
        var memory = NonceMemory(since: Self.start)
        let (first, second) = (try TokenFixture.context(), try TokenFixture.context())
        #expect(self.refusal(&memory, first) == nil && self.refusal(&memory, second) == nil)
        for time in [noon, noon.plus(59_999)] { #expect(self.refusal(&memory, first, at: time) == .replayed) }
        #expect(memory.nonceCount == 2)
        let later = try TokenFixture.context(issuedAt: noon.plus(61_000))
        #expect(self.refusal(&memory, later, at: noon.plus(61_000)) == nil)
        #expect(memory.nonceCount == 1, "what ran out is forgotten")
        #expect(self.refusal(&memory, first, at: noon.plus(61_000)) == .expired)
        // The clock is set back: the nonce is forgotten, but not that it may have been used.
        #expect(self.refusal(&memory, first, at: noon) == .expired)
    }

    @Test("what may have been taken before the edge started isn't taken, skew included")
    func restart() throws {
        var memory = NonceMemory(since: noon)
        let before = try TokenFixture.context(issuedAt: noon.plus(5000))
        #expect(self.refusal(&memory, before, at: noon.plus(1000)) == .replayed)
        let after = try TokenFixture.context(issuedAt: noon.plus(5001))
        #expect(self.refusal(&memory, after, at: noon.plus(5001)) == nil)
    }

    @Test("a run writes as often as it may, whichever of its tokens says so; reading costs nothing")
    func budget() throws {
        var memory = NonceMemory(since: Self.start)
        for _ in 0..<10 { #expect(self.refusal(&memory, try TokenFixture.context()) == nil) }
        #expect(memory.runCount == 0)
        for _ in 0..<3 { #expect(self.refusal(&memory, try TokenFixture.context(), writes: true) == nil) }
        let over = try TokenFixture.context()
        #expect(self.refusal(&memory, over, writes: true) == .overBudget)
        #expect(self.refusal(&memory, over) == .replayed, "it's used up")
        #expect(self.refusal(&memory, try TokenFixture.context(run: "run-2"), writes: true) == nil)
        #expect(self.refusal(&memory, try TokenFixture.context(writeBudget: 4), writes: true) == nil)
        #expect(self.refusal(&memory, try TokenFixture.context(writeBudget: 4), writes: true) == .overBudget)
        #expect(
            self.refusal(&memory, try TokenFixture.context(run: "run-3", writeBudget: 0), writes: true) == .overBudget)
        // Much later, while the run goes on: it's still counted.
        let late = noon.plus(590_000)
        let next = try TokenFixture.context(issuedAt: late)
        #expect(self.refusal(&memory, next, writes: true, at: late) == .overBudget)
    }

    @Test("a run that was ended is refused until it couldn't have gone on, whether it was known or not")
    func revoked() throws {
        var memory = NonceMemory(since: Self.start)
        #expect(self.refusal(&memory, try TokenFixture.context(), writes: true) == nil)
        memory.revoke("run-1", until: noon.plus(900_000), at: noon)
        memory.revoke("run-2", until: noon.plus(900_000), at: noon)
        for now in [noon, noon.plus(890_000)] {
            for run in ["run-1", "run-2"] {
                #expect(self.refusal(&memory, try TokenFixture.context(run: run, issuedAt: now), at: now) == .revoked)
            }
        }
        #expect(
            self.refusal(
                &memory, try TokenFixture.context(run: "run-3", issuedAt: noon.plus(891_000)), at: noon.plus(891_000))
                == nil)
        let now = noon.plus(901_000)
        _ = self.refusal(&memory, try TokenFixture.context(run: "run-4", issuedAt: now), at: now)
        #expect(memory.runCount == 0, "what couldn't go on is forgotten")
    }

    @Test("when it's full it refuses, and forgets nothing that counts")
    func full() throws {
        var memory = NonceMemory(since: Self.start, mostNonces: 3, mostRuns: 2)
        let first = try TokenFixture.context()
        #expect(self.refusal(&memory, first) == nil)
        for _ in 0..<2 { #expect(self.refusal(&memory, try TokenFixture.context(lifetime: .seconds(10))) == nil) }
        #expect(self.refusal(&memory, try TokenFixture.context()) == .memoryFull)
        #expect(self.refusal(&memory, first) == .replayed && memory.nonceCount == 3)
        let later = noon.plus(11_000)
        #expect(self.refusal(&memory, try TokenFixture.context(issuedAt: later), at: later) == nil)

        var runs = NonceMemory(since: Self.start, mostRuns: 2)
        for run in ["a", "b"] { #expect(self.refusal(&runs, try TokenFixture.context(run: run), writes: true) == nil) }
        #expect(self.refusal(&runs, try TokenFixture.context(run: "c"), writes: true) == .memoryFull)
        #expect(self.refusal(&runs, try TokenFixture.context(run: "c")) == nil, "reading needs no room")
        // One that was ended and can't be remembered: nobody is taken, until it couldn't have gone on.
        runs.revoke("d", until: noon.plus(60_000), at: noon)
        for run in ["a", "c", "d"] { #expect(self.refusal(&runs, try TokenFixture.context(run: run)) == .memoryFull) }
        let freed = try TokenFixture.context(run: "a", issuedAt: noon.plus(61_000))
        #expect(self.refusal(&runs, freed, at: noon.plus(61_000)) == nil)
    }

    @Test(
        "whatever comes in whatever order, nothing is taken that a memory without bounds and without a clock wouldn't take"
    )
    func model() throws {
        try Fuzzing("nonce memory").run(200) { generator in
            var memory = NonceMemory(
                since: Self.start, mostNonces: generator.once(in: 2) ? 10 : 1000,
                mostRuns: generator.once(in: 2) ? 2 : 100)
            var (used, revoked): (Set<TestContextNonce>, [String: WallTime]) = ([], [:])
            var writes: [String: (count: UInt32, until: WallTime)] = [:]
            var sent: [IngressContext] = []
            var (now, latest) = (noon, noon)
            for _ in 0..<200 {
                now = now.plus(Int64.random(in: generator.once(in: 10) ? -30_000...0 : 0...3000, using: &generator))
                latest = max(latest, now)
                let run = "run-\(generator.place(in: 4))"
                if generator.once(in: 40) {
                    memory.revoke(run, until: now.plus(100_000), at: now)
                    revoked[run] = now.plus(100_000)
                    continue
                }
                let again = sent.isEmpty || !generator.once(in: 3) ? nil : sent[generator.place(in: sent.count)]
                let context =
                    try again
                    ?? TokenFixture.context(
                        run: run, issuedAt: now,
                        lifetime: .milliseconds(Int64.random(in: 1...60_000, using: &generator)), left: 90_000)
                sent.append(context)
                // As the edge does: what has run out isn't asked about.
                guard context.expiresAt > now else { continue }
                let isWriting = generator.once(in: 3)
                guard self.refusal(&memory, context, writes: isWriting, at: now) == nil else {
                    continue
                }
                #expect(used.insert(context.nonce).inserted)
                if let end = revoked[context.run] { #expect(latest >= end) }
                if isWriting {
                    var known = writes[context.run] ?? (0, now)
                    if known.until <= latest { known = (0, now) }
                    known = (known.count + 1, max(known.until, context.runEndsAt))
                    writes[context.run] = known
                    #expect(known.count <= 3)
                }
            }
            #expect(memory.nonceCount <= 1000 && memory.runCount <= 100)
        }
    }
}
