package import GloveboxCore

/// Expiry as promise 5 has it.
///
/// Within one boot the boot clock alone judges, so that setting the wall clock changes nothing. After a reboot nobody
/// can prove how much time has passed: the earlier of wall expiry and persisted remainder holds. The remainder is as
/// old as its last write, so whoever keeps leases writes it again at intervals (``withRemainder(at:)``): if the wall
/// clock was also set back, that interval is what a lease may gain by a reboot, and no more.
extension LeaseExpiry {
    /// The expiry of what begins now and lasts `duration`.
    package static func after(_ duration: Duration, from now: ClockReading) -> LeaseExpiry {
        LeaseExpiry(
            wall: now.wall.advanced(by: duration), bootID: now.bootID, deadline: now.boot.advanced(by: duration),
            remainder: duration)
    }

    /// What is left; never negative.
    package func remaining(at now: ClockReading) -> Duration {
        let left =
            now.bootID == self.bootID
            ? now.boot.duration(to: self.deadline) : min(now.wall.duration(to: self.wall), self.remainder)
        return max(.zero, left)
    }

    /// Whether nothing is left.
    package func hasPassed(at now: ClockReading) -> Bool {
        self.remaining(at: now) == .zero
    }

    /// The same expiry anchored in the boot of `now`, with its remainder brought up to date. To be done, and stored, to
    /// each lease that's found when a gateway starts.
    package func rebased(at now: ClockReading) -> LeaseExpiry {
        let left = self.remaining(at: now)
        return LeaseExpiry(
            wall: self.wall, bootID: now.bootID, deadline: now.boot.advanced(by: left), remainder: left)
    }

    /// The same expiry with its remainder brought up to date; one of another boot is returned as it is.
    package func withRemainder(at now: ClockReading) -> LeaseExpiry {
        guard now.bootID == self.bootID else { return self }
        var expiry = self
        expiry.remainder = min(self.remainder, self.remaining(at: now))
        return expiry
    }

    /// All bounds moved by `duration`, which is negative to shorten, and the remainder brought up to date.
    package func moved(by duration: Duration, at now: ClockReading) -> LeaseExpiry {
        let left = max(.zero, self.remaining(at: now) + duration)
        return LeaseExpiry(
            wall: self.wall.advanced(by: duration), bootID: now.bootID, deadline: now.boot.advanced(by: left),
            remainder: left)
    }
}
