package import GloveboxCore

/// Whether a peer is there, across its connections: it may come back within the grace and find its sessions running.
///
/// Legal transitions: absent → present → away → present (the same instance, in time) or absent. A peer that comes as
/// another instance was restarted: what the old one had is over at once.
package struct Presence: Hashable, Sendable {
    private enum State: Hashable, Sendable {
        case absent
        case present(InstanceID)
        case away(InstanceID, until: BootInstant)
    }

    package enum Arrival: Hashable, Sendable {
        /// Nothing runs that it could know of.
        case new
        /// The one that was here before: its sessions go on.
        case rejoined
        /// Another run of the peer: end the sessions of `old`.
        case restarted(old: InstanceID)
    }

    private var state = State.absent

    package init() {}

    package var isPresent: Bool {
        switch self.state {
        case .present: true
        case .absent, .away: false
        }
    }

    /// The run of the peer that is here, or may still come back.
    package var instance: InstanceID? {
        switch self.state {
        case .absent: nil
        case .present(let instance), .away(let instance, _): instance
        }
    }

    package mutating func joined(_ instance: InstanceID, at now: BootInstant) -> Arrival {
        defer { self.state = .present(instance) }
        switch self.state {
        case .absent:
            return .new
        case .present(let old):
            return old == instance ? .rejoined : .restarted(old: old)
        case .away(let old, let until):
            if old != instance { return .restarted(old: old) }
            // Too late, even if nobody has looked at the clock meanwhile.
            return now < until ? .rejoined : .restarted(old: old)
        }
    }

    /// Its connection is gone. A peer that said goodbye gets no grace.
    package mutating func left(at now: BootInstant, grace: Duration) {
        guard case .present(let instance) = self.state else { return }
        self.state = .away(instance, until: now.advanced(by: grace))
    }

    /// - Returns: the peer that has now been lost, once: end its sessions.
    package mutating func tick(at now: BootInstant) -> InstanceID? {
        guard case .away(let instance, let until) = self.state, now >= until else { return nil }
        self.state = .absent
        return instance
    }
}
