/// How many connections an agent dials, and when: a warm pool that grows with use and shrinks without.
///
/// What the figures rest on: a pool that's refilled at once is as slow as an empty one, since handshakes compete with
/// the session that has just begun, so it waits a little; connections that were dialled on demand are used up on the
/// spot and aren't replaced, or the pool would only ever grow. Handshakes under way at once are bounded.
package struct PoolSizing: Hashable, Sendable {
    package private(set) var bounds: PoolBounds
    /// Most handshakes at once.
    private let handshakes: Int
    /// How many idle connections it aims at.
    package private(set) var aim: Int
    package private(set) var idle = 0
    package private(set) var dialling = 0
    /// Demanded connections that wait for a free handshake.
    private var demanded = 0
    /// Sessions since the pool was last refilled.
    private var takenSinceRefill = 0

    package init(_ bounds: PoolBounds, handshakes: Int = 4) {
        self.bounds = bounds
        self.handshakes = handshakes
        self.aim = Int(bounds.least)
    }

    /// What to dial now.
    package struct Dials: Hashable, Sendable {
        package var replenishing: Int
        package var demanded: Int

        package init(replenishing: Int = 0, demanded: Int = 0) {
            self.replenishing = replenishing
            self.demanded = demanded
        }

        package static let none = Dials()
    }

    /// The gateway's bounds may differ from run to run.
    package mutating func set(_ bounds: PoolBounds) {
        self.bounds = bounds
        self.aim = min(max(self.aim, Int(bounds.least)), Int(bounds.most))
    }

    /// Now is a time to refill: at the start, and a little after a session took a connection.
    package mutating func refill() -> Dials {
        // Two bursts like the last one shall find connections ready.
        self.aim = min(max(self.aim, 2 * self.takenSinceRefill), Int(self.bounds.most))
        self.takenSinceRefill = 0
        return self.dials()
    }

    /// The gateway found the pool empty.
    package mutating func demand(_ count: Int) -> Dials {
        self.aim = min(self.aim + count, Int(self.bounds.most))
        self.demanded = min(self.demanded + count, Int(PoolBounds.largest))
        return self.dials()
    }

    /// A handshake is over; a connection is idle or it failed.
    package mutating func dialled(succeeded: Bool) -> Dials {
        self.dialling -= 1
        if succeeded { self.idle += 1 }
        return succeeded ? self.dials() : .none
    }

    /// A session took an idle connection.
    ///
    /// - Returns: whether to ``refill()`` in a little while.
    package mutating func taken(demanded: Bool) -> Bool {
        self.idle -= 1
        guard !demanded else { return false }
        self.takenSinceRefill += 1
        return true
    }

    /// An idle connection was closed.
    ///
    /// - Parameter retired: by us, because its time was up: nobody needed it, so the pool shrinks by one.
    /// - Returns: whether to ``refill()`` in a little while.
    package mutating func closed(retired: Bool) -> Bool {
        self.idle -= 1
        if retired { self.aim = max(self.aim - 1, Int(self.bounds.least)) }
        return self.idle + self.dialling < self.aim
    }

    /// The gateway is gone: nothing is wanted any more.
    package mutating func stop() {
        self.demanded = 0
    }

    private mutating func dials() -> Dials {
        var dials = Dials()
        dials.demanded = max(0, min(self.demanded, self.handshakes - self.dialling))
        self.demanded -= dials.demanded
        self.dialling += dials.demanded
        dials.replenishing = max(
            0, min(self.aim - self.idle - self.dialling, self.handshakes - self.dialling))
        self.dialling += dials.replenishing
        return dials
    }
}
