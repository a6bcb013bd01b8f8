import Contracts
import GloveboxCore
import Leases
import Policy
import ServiceLifecycle
import Synchronization

/// The leases that this agent was told of, judged by its own boot clock and never beyond its ceiling.
///
/// The ceiling's `longest` counts from the moment at which the agent first heard of a lease, so that no gateway can
/// lengthen one past it by extending it.
final class GrantLedger: Sendable {
    private struct Entry {
        let target: TargetName
        let firstHeard: BootInstant
        let ceilingEnd: BootInstant
        var deadline: BootInstant
        var ended: GloveboxError?

        /// What ends it now.
        func timeIsUp(_ lease: LeaseID) -> GloveboxError {
            guard self.deadline >= self.ceilingEnd else {
                return GloveboxError(.leaseNotActive, "the time of lease \(lease) is up: open another")
            }
            return GloveboxError(
                .ceilingDenied,
                "lease \(lease) has reached the longest time of the agent's ceiling (targets.\(self.target).longest): open another"
            )
        }
    }

    private struct State {
        var entries: [LeaseID: Entry] = [:]
        var expiries = ExpiryQueue()
    }

    /// An ended lease is remembered, so that it can't come back, until as many others have come after it.
    private static let mostRemembered = 65_536

    private let ceiling: CeilingDocument
    private let time: any TimeSource
    private let expired: @Sendable (LeaseID, GloveboxError) -> Void
    private let alarm: Alarm
    private let state = Mutex(State())

    /// - Parameter expired: called for each lease whose time is up here, with what its sessions are told.
    init(
        ceiling: CeilingDocument, time: any TimeSource, expired: @escaping @Sendable (LeaseID, GloveboxError) -> Void
    ) {
        self.ceiling = ceiling
        self.time = time
        self.expired = expired
        self.alarm = Alarm(time)
    }

    /// Holds a session's request against the ceiling and the clock.
    /// - Returns: the request with the limits and the time that hold here.
    /// - Throws: `ceiling_denied`, naming the place in the ceiling's file; `lease_not_active`.
    func admit(_ request: SessionRequest) throws(GloveboxError) -> SessionRequest {
        let decision = self.ceiling.check(request)
        guard case .allow(let limits, let remaining) = decision, let target = self.ceiling.targets[request.grant.target]
        else { throw decision.error ?? GloveboxError(.ceilingDenied, "the ceiling refuses this session") }
        let lease = request.grant.lease
        let now = self.time.boot
        let left = self.state.withLock { state -> Result<Duration, GloveboxError> in
            var entry =
                state.entries[lease]
                ?? Entry(
                    target: request.grant.target, firstHeard: now, ceilingEnd: now.advanced(by: target.longest),
                    deadline: now.advanced(by: remaining))
            if let error = entry.ended { return .failure(error) }
            entry.deadline = min(now.advanced(by: remaining), entry.ceilingEnd)
            guard entry.deadline > now else { return .failure(entry.timeIsUp(lease)) }
            self.put(entry, lease, &state)
            return .success(now.duration(to: entry.deadline))
        }
        var admitted = request
        admitted.grant.limits = limits
        admitted.grant.remaining = try left.get()
        return admitted
    }

    /// The gateway says that a lease now has this much left; more than the ceiling allows is not believed.
    func changed(_ lease: LeaseID, remaining: Duration) {
        let now = self.time.boot
        self.state.withLock { state in
            guard var entry = state.entries[lease], entry.ended == nil else { return }
            entry.deadline = min(now.advanced(by: remaining), entry.ceilingEnd)
            self.put(entry, lease, &state)
        }
    }

    /// The lease is over here, for good.
    func ended(_ lease: LeaseID) {
        self.state.withLock { state in
            state.expiries.remove(lease)
            state.entries[lease]?.ended = GloveboxError(.leaseNotActive, "lease \(lease) has ended: open another")
            guard state.entries.count > Self.mostRemembered else { return }
            let oldest = state.entries.filter { $0.value.ended != nil }.sorted {
                $0.value.firstHeard < $1.value.firstHeard
            }
            for (id, _) in oldest.prefix(Self.mostRemembered / 2) { state.entries[id] = nil }
        }
    }

    private func put(_ entry: Entry, _ lease: LeaseID, _ state: inout State) {
        state.entries[lease] = entry
        if state.expiries.schedule(lease, at: entry.deadline) { self.alarm.ring() }
    }

    /// Ends leases as their time comes, until the process is asked to stop or the task is cancelled.
    func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.endDue()
                let wake = self.state.withLock { $0.expiries.next } ?? self.time.boot.advanced(by: .seconds(60))
                await self.alarm.wait(until: wake)
            }
        }
    }

    func endDue() {
        let now = self.time.boot
        let due = self.state.withLock { state in
            state.expiries.takeDue(at: now).compactMap { lease -> (LeaseID, GloveboxError)? in
                guard let error = state.entries[lease]?.timeIsUp(lease) else { return nil }
                state.entries[lease]?.ended = error
                return (lease, error)
            }
        }
        for (lease, error) in due { self.expired(lease, error) }
    }
}
