package import GloveboxCore

/// Progressive delivery: a share in steps, each of which has to hold for a while under the guards before the next.
package struct Rollout: Hashable, Sendable, Codable {
    package struct Step: Hashable, Sendable, Codable {
        /// 0 to 100.
        package var percent: Int
        /// How long all guards have to have held before the next step.
        package var holds: Duration

        package init(percent: Int, holds: Duration) {
            self.percent = percent
            self.holds = holds
        }
    }

    package var steps: [Step]

    /// - Throws: `invalid_argument` unless shares grow, from above 0 to 100 at most.
    package init(_ steps: [Step]) throws(GloveboxError) {
        guard !steps.isEmpty else {
            throw GloveboxError(.invalidArgument, "a rollout has one step at least, such as {percent: 10, holds: 5m}")
        }
        for (before, step) in zip([0] + steps.map(\.percent), steps) {
            guard step.percent > before, step.percent <= 100 else {
                throw GloveboxError(
                    .invalidArgument,
                    "a rollout's shares grow from step to step, up to 100: \(step.percent) comes after \(before)")
            }
        }
        self.steps = steps
    }
}

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
