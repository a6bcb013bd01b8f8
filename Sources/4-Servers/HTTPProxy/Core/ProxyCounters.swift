/// What a proxy has done so far. Only grows, but for `activeConnections` and `activeRequests`.
package struct ProxyCounters: Hashable, Sendable {
    /// Whose requests these were.
    package struct Key: Hashable, Sendable {
        package var service: String
        package var version: String
        package var isMarked: Bool

        package init(_ service: String, _ version: String, isMarked: Bool) {
            self.service = service
            self.version = version
            self.isMarked = isMarked
        }
    }

    package struct Requests: Hashable, Sendable {
        /// By the status' first digit; 0 where the client had gone before there was one.
        package var byClass = [UInt64](repeating: 0, count: 6)
        /// How many took at most `latencyBounds[i]`; those above the last are only in `latencyCount`.
        package var latencies = [UInt64](repeating: 0, count: ProxyCounters.latencyBounds.count)
        package var latencyCount: UInt64 = 0
        package var latencyNanoseconds: UInt64 = 0

        mutating func count(status: Int, nanoseconds: UInt64) {
            self.byClass[min(status / 100, 5)] &+= 1
            self.latencyCount &+= 1
            self.latencyNanoseconds &+= nanoseconds
            let place = ProxyCounters.bucket(nanoseconds)
            if place < self.latencies.count { self.latencies[place] &+= 1 }
        }

        mutating func add(_ other: Requests) {
            for index in self.byClass.indices { self.byClass[index] &+= other.byClass[index] }
            for index in self.latencies.indices { self.latencies[index] &+= other.latencies[index] }
            self.latencyCount &+= other.latencyCount
            self.latencyNanoseconds &+= other.latencyNanoseconds
        }
    }

    /// In nanoseconds: from 0.25 ms on, each twice the one before, to 8.2 s… A bucket holds what's above the one before.
    package static let latencyBounds: [UInt64] = (0..<16).map { 250_000 << UInt64($0) }

    static func bucket(_ nanoseconds: UInt64) -> Int {
        let quotient = nanoseconds == 0 ? 0 : (nanoseconds - 1) / 250_000
        return quotient == 0 ? 0 : UInt64.bitWidth - quotient.leadingZeroBitCount
    }

    package var requests: [Key: Requests] = [:]
    /// Requests that the proxy answered or cut by itself, by why.
    package var refusals: [String: UInt64] = [:]
    package var connections: UInt64 = 0
    package var refusedConnections: UInt64 = 0
    package var activeConnections = 0
    package var activeRequests = 0
    package var retries: UInt64 = 0
    package var upstreamConnects: UInt64 = 0
    package var upstreamConnectFailures: UInt64 = 0
    package var ejections: UInt64 = 0
    package var upgrades: UInt64 = 0
    package var requestBytes: UInt64 = 0
    package var responseBytes: UInt64 = 0

    package init() {}

    package mutating func add(_ other: ProxyCounters) {
        for (key, requests) in other.requests { self.requests[key, default: Requests()].add(requests) }
        for (code, count) in other.refusals { self.refusals[code, default: 0] &+= count }
        self.connections &+= other.connections
        self.refusedConnections &+= other.refusedConnections
        self.activeConnections += other.activeConnections
        self.activeRequests += other.activeRequests
        self.retries &+= other.retries
        self.upstreamConnects &+= other.upstreamConnects
        self.upstreamConnectFailures &+= other.upstreamConnectFailures
        self.ejections &+= other.ejections
        self.upgrades &+= other.upgrades
        self.requestBytes &+= other.requestBytes
        self.responseBytes &+= other.responseBytes
    }
}

/// The counters of one loop. Requests are counted by the version's identity, so that no name is hashed for each.
struct LoopCounters {
    var sums = ProxyCounters()
    private var tallies: [(version: CompiledVersion, isMarked: Bool, requests: ProxyCounters.Requests)] = []
    private var last = (version: ObjectIdentifier?.none, isMarked: false, place: 0)

    mutating func count(_ version: CompiledVersion, isMarked: Bool, status: Int, nanoseconds: UInt64) {
        let identity = ObjectIdentifier(version)
        if self.last.version != identity || self.last.isMarked != isMarked {
            self.last = (identity, isMarked, self.place(of: version, isMarked))
        }
        self.tallies[self.last.place].requests.count(status: status, nanoseconds: nanoseconds)
    }

    private mutating func place(of version: CompiledVersion, _ isMarked: Bool) -> Int {
        let found = self.tallies.firstIndex { $0.version === version && $0.isMarked == isMarked }
        if let found { return found }
        // Versions of epochs that are over are summed up by name, so that they don't gather.
        if self.tallies.count >= 256 { self.sumUp() }
        self.tallies.append((version, isMarked, ProxyCounters.Requests()))
        return self.tallies.count - 1
    }

    private mutating func sumUp() {
        for (version, isMarked, requests) in self.tallies {
            let key = ProxyCounters.Key(version.service, version.name, isMarked: isMarked)
            self.sums.requests[key, default: ProxyCounters.Requests()].add(requests)
        }
        self.tallies.removeAll()
        self.last.version = nil
    }

    var all: ProxyCounters {
        var copy = self
        copy.sumUp()
        return copy.sums
    }
}
