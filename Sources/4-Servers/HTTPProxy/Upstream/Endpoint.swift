import NIOCore
import Synchronization

/// Whether an endpoint gets requests.
package struct EndpointStatus: Hashable, Sendable {
    package var service: String
    package var version: String
    package var address: UpstreamAddress
    /// By its health check, where it has one.
    package var isUp: Bool
    /// It failed too often, and is left alone for a while.
    package var isEjected: Bool
}

/// What's known of one upstream address, by all event loops and all epochs: whether it gets requests.
final class Endpoint: Sendable {
    let address: UpstreamAddress
    let description: String
    /// Its place among a loop's pools.
    let number: Int
    /// By the active check.
    private let isUp = Atomic(true)
    private let failures = Atomic(0)
    private let ejections = Atomic(0)
    /// Uptime in nanoseconds until which it gets no requests.
    private let ejectedUntil = Atomic<UInt64>(0)

    init(_ address: UpstreamAddress, number: Int) {
        self.address = address
        self.description = address.description
        self.number = number
    }

    var isUpByCheck: Bool { self.isUp.load(ordering: .relaxed) }

    func isEjected(at now: UInt64) -> Bool { self.ejectedUntil.load(ordering: .relaxed) > now }

    func served() {
        guard self.failures.load(ordering: .relaxed) != 0 else { return }
        self.failures.store(0, ordering: .relaxed)
        // It has come back: the next ejection is a first one again only when it has served for a while.
        self.ejections.store(max(0, self.ejections.load(ordering: .relaxed) - 1), ordering: .relaxed)
    }

    /// - Returns: whether this failure was one too many.
    func failed(_ rule: EjectionRule?, at now: UInt64) -> Bool {
        let failures = self.failures.add(1, ordering: .relaxed).newValue
        guard let rule, failures >= rule.failures, !self.isEjected(at: now) else { return false }
        let times = self.ejections.add(1, ordering: .relaxed).newValue
        let factor = min(10, 1 << min(times - 1, 4))
        self.ejectedUntil.store(now &+ rule.duration.inNanoseconds &* UInt64(factor), ordering: .relaxed)
        // One failure after that ejects it again.
        self.failures.store(rule.failures - 1, ordering: .relaxed)
        return true
    }

    /// - Returns: whether that's news.
    func checked(isUp: Bool) -> Bool {
        self.isUp.exchange(isUp, ordering: .relaxed) != isUp
    }
}

extension Duration {
    var inNanoseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(min(seconds, 10_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }

    var timeAmount: TimeAmount { .nanoseconds(Int64(self.inNanoseconds)) }
}
