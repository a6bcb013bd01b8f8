package import Contracts
package import GloveboxCore

/// What a policy lets a lease do.
package struct LeaseTerms: Hashable, Sendable {
    /// The rule that allows it.
    package var rule: String
    /// Longest that the lease may last in all, extensions included.
    package var longest: Duration
    package var limits: Limits
    package var maskingProfile: String

    package init(rule: String, longest: Duration, limits: Limits, maskingProfile: String) {
        self.rule = rule
        self.longest = longest
        self.limits = limits
        self.maskingProfile = maskingProfile
    }
}

/// What somebody asks for when opening a lease.
package struct LeaseProposal: Hashable, Sendable {
    package var holder: IdentityName
    package var target: TargetName
    package var purpose: String
    package var capabilities: Set<Capability>
    package var duration: Duration

    package init(
        holder: IdentityName, target: TargetName, purpose: String, capabilities: Set<Capability>, duration: Duration
    ) {
        self.holder = holder
        self.target = target
        self.purpose = purpose
        self.capabilities = capabilities
        self.duration = duration
    }
}

/// What a step did to a lease, for its driver to store, record and tell agents.
package enum LeaseAction: Hashable, Sendable {
    /// Nothing changed; there's nothing to store.
    case none
    /// It lasts longer: this much in all, from its opening.
    case extended(lasts: Duration)
    /// Its terms or its expiry changed; agents get the new grant.
    case changed
    /// It's over: sessions are cut. Said once in a lease's life.
    case ended(LeaseEnd)
}

/// The life of one lease: active, then ended, and ended for good.
///
/// Invariants: `lease.granted`, the time granted in all, is never more than `longest` of the terms that granted it;
/// what remains is never more than what was granted less what elapsed on the boot clock; ended is terminal.
/// A lease whose time is up is ended by ``expire(at:)`` alone; until that was called it's active and worth nothing:
/// it can't be extended and its grant is refused.
package struct LeaseMachine: Hashable, Sendable {
    /// The lease as it has to be stored.
    package private(set) var lease: Lease

    /// Goes on with a stored lease.
    package init(_ lease: Lease) {
        self.lease = lease
    }

    /// Opens a lease that the policy allowed.
    /// - Throws: `policy_denied` when it asks for longer than `terms.longest`; `invalid_argument` for a time or a set of
    ///   capabilities that's empty.
    package init(
        opening id: LeaseID, _ request: LeaseProposal, terms: LeaseTerms, verifier: ScramVerifier,
        approval: LeaseApproval? = nil, at now: ClockReading
    ) throws(GloveboxError) {
        guard request.duration > .zero, !request.capabilities.isEmpty else {
            throw GloveboxError(
                .invalidArgument, "a lease needs a time longer than nothing and at least one capability")
        }
        guard request.duration <= terms.longest else {
            throw GloveboxError(
                .policyDenied, "rule '\(terms.rule)' allows at most \(terms.longest.inWords): ask for less")
        }
        self.lease = Lease(
            id: id, holder: request.holder, target: request.target, purpose: request.purpose,
            capabilities: request.capabilities, limits: terms.limits, maskingProfile: terms.maskingProfile,
            rule: terms.rule, longest: terms.longest, openedAt: now.wall,
            expiry: .after(request.duration, from: now), state: .active, verifier: verifier,
            approval: approval)
    }

    /// Lets the lease last `duration` longer, if all that was granted and this stay within `terms.longest`. Ask the
    /// policy with `lease.granted + duration`.
    /// - Throws: `lease_not_active`, `policy_denied`, `invalid_argument`; the lease is as it was.
    package mutating func extend(
        by duration: Duration, terms: LeaseTerms, at now: ClockReading
    ) throws(GloveboxError) -> LeaseAction {
        try self.checkActive(at: now)
        guard duration > .zero else {
            throw GloveboxError(.invalidArgument, "extend a lease by a time longer than nothing, such as 15m")
        }
        let total = self.lease.granted + duration
        guard total <= terms.longest else {
            let left = max(.zero, terms.longest - self.lease.granted)
            throw GloveboxError(
                .policyDenied,
                "rule '\(terms.rule)' allows \(terms.longest.inWords) in all, counted from the opening: "
                    + (left > .zero ? "at most \(left.inWords) more can be added" : "open another lease"))
        }
        self.adopt(terms)
        self.lease.expiry = self.lease.expiry.moved(by: duration, at: now)
        return .extended(lasts: total)
    }

    /// Ends the lease; a lease that has ended stays as it ended.
    package mutating func end(_ reason: LeaseEnd, at now: ClockReading) -> LeaseAction {
        guard case .active = self.lease.state else { return .none }
        self.lease.state = .ended(reason, at: now.wall)
        self.lease.expiry = self.lease.expiry.withRemainder(at: now)
        return .ended(reason)
    }

    /// Ends the lease if its time is up.
    package mutating func expire(at now: ClockReading) -> LeaseAction {
        self.lease.expiry.hasPassed(at: now) ? self.end(.expired, at: now) : .none
    }

    /// The policy was asked again: `nil` ends the lease, other terms are adopted, and where they allow less time than
    /// was granted the lease is shortened to it, counted from its opening.
    package mutating func rejudge(_ terms: LeaseTerms?, at now: ClockReading) -> LeaseAction {
        guard case .active = self.lease.state else { return .none }
        guard let terms else { return self.end(.policy, at: now) }
        let before = self.lease
        self.adopt(terms)
        let excess = self.lease.granted - terms.longest
        if excess > .zero { self.lease.expiry = self.lease.expiry.moved(by: .zero - excess, at: now) }
        if self.lease.expiry.hasPassed(at: now) { return self.end(excess > .zero ? .policy : .expired, at: now) }
        return self.lease == before ? .none : .changed
    }

    /// Its holder may no longer do anything.
    package mutating func holderDisabled(at now: ClockReading) -> LeaseAction {
        self.end(.holderDisabled, at: now)
    }

    /// A gateway has started and found the lease: its expiry is anchored in this boot, and it ends if its time is up.
    package mutating func resume(at now: ClockReading) -> LeaseAction {
        guard case .active = self.lease.state else { return .none }
        let before = self.lease.expiry
        self.lease.expiry = before.rebased(at: now)
        let action = self.expire(at: now)
        return action == .none && self.lease.expiry != before ? .changed : action
    }

    /// Writes down what is left, for the day of a reboot. Returns whether there's something to store.
    package mutating func keepRemainder(at now: ClockReading) -> Bool {
        guard case .active = self.lease.state else { return false }
        let before = self.lease.expiry
        self.lease.expiry = before.withRemainder(at: now)
        return self.lease.expiry != before
    }

    /// The lease was stored; the store counted its version.
    package mutating func stored(version: Int64) {
        self.lease.version = version
    }

    /// What an agent gets to judge sessions by.
    /// - Throws: `lease_not_active`.
    package func grant(at now: ClockReading) throws(GloveboxError) -> LeaseGrant {
        try self.checkActive(at: now)
        let lease = self.lease
        return LeaseGrant(
            lease: lease.id, holder: lease.holder, target: lease.target, purpose: lease.purpose,
            capabilities: lease.capabilities, limits: lease.limits, maskingProfile: lease.maskingProfile,
            rule: lease.rule, remaining: lease.expiry.remaining(at: now))
    }

    /// - Throws: `lease_not_active` when it has ended or its time is up.
    package func checkActive(at now: ClockReading) throws(GloveboxError) {
        switch self.lease.state {
        case .ended(let reason, _):
            throw GloveboxError(.leaseNotActive, "lease \(self.lease.id) has ended (\(reason.rawValue)): open another")
        case .active:
            guard !self.lease.expiry.hasPassed(at: now) else {
                throw GloveboxError(.leaseNotActive, "the time of lease \(self.lease.id) is up: open another")
            }
        }
    }

    private mutating func adopt(_ terms: LeaseTerms) {
        self.lease.rule = terms.rule
        self.lease.longest = terms.longest
        self.lease.limits = terms.limits
        self.lease.maskingProfile = terms.maskingProfile
    }
}

extension Lease {
    /// The time granted in all, from the opening. Both moments are kept as one account: an extension moves `expiry.wall`
    /// by what was granted, so that their difference holds whatever the wall clock did in between.
    package var granted: Duration { self.openedAt.duration(to: self.expiry.wall) }

    package var isActive: Bool {
        if case .active = self.state { true } else { false }
    }
}

extension Duration {
    /// For messages, to the second: `1h30m`.
    fileprivate var inWords: String {
        let seconds = max(0, self.components.seconds)
        let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return text.isEmpty ? "0s" : text
    }
}
