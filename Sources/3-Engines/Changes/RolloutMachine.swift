package import GloveboxCore

/// Says when the next step of a rollout is due. A guard's verdict is asked for at every look; one that's unknown holds the
/// rollout where it is until the guard's own patience ends.
package struct RolloutMachine: Hashable, Sendable {
    package enum Act: Hashable, Sendable {
        /// The share is to be this from now on.
        case advance(percent: Int)
        case wait(until: BootInstant)
        /// A guard doesn't say that all is well: until it does.
        case hold
        /// All of it goes back.
        case goBack(guardName: String, reason: String)
        /// The last step has held; guards are still judged.
        case done
    }

    package let rollout: Rollout
    /// Which step is in force; -1 before the first.
    package private(set) var step: Int
    private var since: BootInstant

    /// - Parameter step: where it stood when it was stored; its time is counted anew, since nobody looked meanwhile.
    package init(_ rollout: Rollout, step: Int = -1, at now: BootInstant) {
        self.rollout = rollout
        self.step = min(max(step, -1), rollout.steps.count - 1)
        self.since = now
    }

    /// Of a set that's applied as a whole: its guards are all that's judged.
    package static func whole(at now: BootInstant) -> Self {
        Self(Rollout.whole, step: 0, at: now)
    }

    package mutating func look(_ guards: [GuardMachine], at now: BootInstant) -> Act {
        for condition in guards {
            if case .tripped(let reason) = condition.verdict {
                return .goBack(guardName: condition.condition.name, reason: reason)
            }
        }
        guard self.step >= 0 else { return self.advance(at: now) }
        let due = self.since.advanced(by: self.rollout.steps[self.step].holds)
        guard now >= due else { return .wait(until: due) }
        guard guards.allSatisfy({ $0.verdict == .holds }) else { return .hold }
        return self.step + 1 < self.rollout.steps.count ? self.advance(at: now) : .done
    }

    private mutating func advance(at now: BootInstant) -> Act {
        self.step += 1
        self.since = now
        return .advance(percent: self.rollout.steps[self.step].percent)
    }
}
