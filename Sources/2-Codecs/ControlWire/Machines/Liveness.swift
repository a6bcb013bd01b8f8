package import GloveboxCore

/// How two peers find out that they've lost each other. All of it together stays below the 10 s of promise 5.
package struct LivenessPace: Hashable, Sendable {
    /// How often each side pings.
    package var pingEvery: Duration
    /// A peer of which no byte came for so long is dead.
    package var deadAfter: Duration
    /// How long a peer may take to come back before its sessions end.
    package var grace: Duration

    /// - Throws: `protocol_violation` for a pace that finds nobody alive, or takes over a day.
    package init(pingEvery: Duration, deadAfter: Duration, grace: Duration) throws(GloveboxError) {
        guard pingEvery > .zero, deadAfter > pingEvery, grace >= .zero, deadAfter <= .seconds(86_400),
            grace <= .seconds(86_400)
        else { throw GloveboxError(.protocolViolation, "pings this far apart can't tell who is alive") }
        self.init(unchecked: pingEvery, deadAfter, grace)
    }

    private init(unchecked pingEvery: Duration, _ deadAfter: Duration, _ grace: Duration) {
        self.pingEvery = pingEvery
        self.deadAfter = deadAfter
        self.grace = grace
    }

    /// 2 s, 5 s, 4 s.
    package static let standard = LivenessPace(unchecked: .seconds(2), .seconds(5), .seconds(4))
}

/// Judges one connection: when to ping, and when its peer is dead. Driven by the instants of the caller's clock.
package struct Liveness: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        case wait
        case ping(UInt64)
        case dead
    }

    package private(set) var pace: LivenessPace
    private var lastHeard: BootInstant
    private var lastPing: BootInstant
    private var count: UInt64 = 0

    package init(_ pace: LivenessPace, at now: BootInstant) {
        self.pace = pace
        self.lastHeard = now
        self.lastPing = now
    }

    /// Some byte of the peer's came.
    package mutating func heard(at now: BootInstant) {
        self.lastHeard = max(self.lastHeard, now)
    }

    /// To be called more often than ``LivenessPace/pingEvery``.
    package mutating func tick(at now: BootInstant) -> Action {
        if self.lastHeard.duration(to: now) >= self.pace.deadAfter { return .dead }
        guard self.lastPing.duration(to: now) >= self.pace.pingEvery else { return .wait }
        self.lastPing = now
        self.count += 1
        return .ping(self.count)
    }
}
