import HTTPWire
import NIOCore
import Synchronization

/// What the connections of one event loop share. Nothing in it is used from anywhere else.
final class ProxyLoop {
    /// What all loops of a proxy share.
    final class Shared: Sendable {
        let settings: ProxySettings
        let judge: (any RequestJudge)?
        let accessLog: (@Sendable (AccessEvent) -> Void)?
        let connections = Atomic(0)
        let markedRequests = Atomic(0)
        /// `Via: 1.1 …` with its line's end.
        let viaLine: [UInt8]

        init(
            _ settings: ProxySettings, judge: (any RequestJudge)?, accessLog: (@Sendable (AccessEvent) -> Void)?
        ) {
            self.settings = settings
            self.judge = judge
            self.accessLog = accessLog
            self.viaLine = Array("Via: 1.1 \(settings.pseudonym)\r\n".utf8)
        }

        /// - Returns: whether one more marked request may be under way; then `markEnded` is called for it.
        func markBegan() -> Bool {
            let count = self.markedRequests.add(1, ordering: .relaxed).newValue
            if count <= self.settings.limits.markedRequests { return true }
            self.markEnded()
            return false
        }

        func markEnded() {
            self.markedRequests.subtract(1, ordering: .relaxed)
        }
    }

    /// How often deadlines are looked at.
    static let tick = TimeAmount.milliseconds(100)

    let eventLoop: any EventLoop
    let shared: Shared
    let nanoseconds: Nanoseconds
    let mostRequests: Int
    var table: RouteTable
    var counters = LoopCounters()
    private(set) var isDraining = false
    /// Uptime in nanoseconds until which a connection without a request stays open for one.
    private(set) var drainDeadline = UInt64.max
    private(set) var members = LoopMembers()
    private var pools: [UpstreamPools?] = []
    private var random: UInt64
    private var ticker: RepeatedTask?
    private var retryTokens = 100.0

    /// - Parameter loops: how many there are.
    init(_ eventLoop: any EventLoop, of loops: Int, _ shared: Shared, _ table: RouteTable) {
        self.mostRequests = max(1, shared.settings.limits.requests / loops)
        self.eventLoop = eventLoop
        self.shared = shared
        self.table = table
        self.nanoseconds = Nanoseconds(shared.settings.timeouts)
        self.random = UInt64.random(in: 1 ... .max)
    }

    /// Begins to look at deadlines, until `stop`.
    func run() {
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.ticker = self.eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in
            bound.value.lookAtDeadlines()
        }
    }

    /// The time-outs in the unit of deadlines.
    struct Nanoseconds {
        let head, idle, body, connect, response, stream, send, upgraded, upstreamIdle, linger: UInt64

        init(_ timeouts: ProxyTimeouts) {
            self.head = timeouts.head.inNanoseconds
            self.idle = timeouts.idle.inNanoseconds
            self.body = timeouts.body.inNanoseconds
            self.connect = timeouts.connect.inNanoseconds
            self.response = timeouts.response.inNanoseconds
            self.stream = timeouts.stream.inNanoseconds
            self.send = timeouts.send.inNanoseconds
            self.upgraded = timeouts.upgraded.inNanoseconds
            self.upstreamIdle = timeouts.upstreamIdle.inNanoseconds
            self.linger = timeouts.linger.inNanoseconds
        }
    }

    var settings: ProxySettings { self.shared.settings }

    /// Uptime in nanoseconds.
    var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    func add(_ member: LoopMember) { self.members.add(member) }
    func remove(_ member: LoopMember) { self.members.remove(member) }

    /// Evenly from all numbers (xorshift64*): for shares, not for secrets.
    func draw() -> UInt64 {
        self.random ^= self.random >> 12
        self.random ^= self.random << 25
        self.random ^= self.random >> 27
        return self.random &* 2_685_821_657_736_338_717
    }

    func countRequest() {
        self.retryTokens = min(100, self.retryTokens + Double(self.settings.retries.budgetPercent) / 100)
    }

    /// - Returns: whether one more retry is within the budget.
    func takeRetry() -> Bool {
        guard self.retryTokens >= 1 else { return false }
        self.retryTokens -= 1
        return true
    }

    func pool(of endpoint: Endpoint, isMarked: Bool) -> UpstreamPool {
        while self.pools.count <= endpoint.number { self.pools.append(nil) }
        let pools: UpstreamPools
        if let known = self.pools[endpoint.number] {
            pools = known
        } else {
            pools = UpstreamPools(endpoint, self)
            self.pools[endpoint.number] = pools
        }
        return isMarked ? pools.marked : pools.ordinary
    }

    /// The one with the fewest requests on this loop, of those that get any; of several the one after the last taken.
    /// - Parameter tried: is taken only if there's no other.
    func endpoint(of version: CompiledVersion, isMarked: Bool, besides tried: Endpoint? = nil) -> Endpoint? {
        let endpoints = version.endpoints
        if endpoints.count == 1 { return endpoints[0].isUpByCheck ? endpoints[0] : nil }
        guard !endpoints.isEmpty else { return nil }
        let now = self.now
        let start = Int(truncatingIfNeeded: self.draw() % UInt64(endpoints.count))
        var best: (endpoint: Endpoint, cost: Int)?
        for index in endpoints.indices {
            let endpoint = endpoints[(start + index) % endpoints.count]
            guard endpoint.isUpByCheck else { continue }
            // With all of them ejected, it's better to try than to refuse.
            let penalty = (endpoint.isEjected(at: now) ? 1 << 20 : 0) + (endpoint === tried ? 1 << 24 : 0)
            let cost = self.pool(of: endpoint, isMarked: isMarked).busy + penalty
            if best.map({ cost < $0.cost }) ?? true { best = (endpoint, cost) }
        }
        return best?.endpoint
    }

    /// From now on requests are served by these; those under way end as they began.
    func take(_ table: RouteTable) {
        guard table.number > self.table.number else { return }
        self.table = table
        let kept = Set(table.services.flatMap(\.versions).flatMap(\.endpoints).map(\.number))
        for pools in self.pools.compactMap({ $0 }) where !kept.contains(pools.endpoint.number) { pools.closeIdle() }
    }

    /// Every connection is closed behind the request that it's serving; those that serve none after `idle`.
    func drain(idle: Duration) {
        self.isDraining = true
        self.drainDeadline = self.now &+ idle.inNanoseconds
        for case let client as any DrainableClient in self.members.all { client.drain() }
    }

    /// Closes what's left, whatever it's doing.
    func stop() {
        self.ticker?.cancel()
        self.ticker = nil
        for case let client as any DrainableClient in self.members.all { client.stop() }
        for pools in self.pools.compactMap({ $0 }) { pools.closeIdle() }
    }

    private func lookAtDeadlines() {
        for member in self.members.passed(self.now) {
            member.deadline = .max
            member.deadlinePassed()
        }
    }
}

/// A client's connection, when the proxy stops.
protocol DrainableClient: AnyObject {
    func drain()
    func stop()
}
