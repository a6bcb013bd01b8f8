package import GloveboxCore

/// What's to be done next for a set.
package enum ChangeAct: Hashable, Sendable {
    case apply(step: Int)
    /// Not before so long after the last attempt.
    case undo(step: Int, after: Duration)
    /// It's applied: until it's kept, or goes back.
    case wait
    /// It's over.
    case none
}

/// The life of one set: intent → applied → (kept | undone), and stuck while an undo fails.
///
/// Driven so: ``begin(at:)``, then the set is stored, then what it says is done, then ``applied(step:at:)`` or what else came
/// of it, and the set is stored again. A journal that ends anywhere, as after a crash, gives the act that was under way
/// again; so acts are idempotent.
///
/// Invariants: steps apply in order and go back in reverse; a step goes back if it was begun, since nobody knows how far it
/// came; kept and undone are terminal. Calls that don't fit the journal change nothing.
package struct ChangeMachine: Hashable, Sendable {
    /// The set as it has to be stored.
    package private(set) var set: ChangeSet
    /// What applies at one moment, as ranges of ``ChangeSet/changes``.
    package let steps: [Range<Int>]
    private var begun: Set<Int> = []
    private var appliedSteps: Set<Int> = []
    private var undoBegun: Set<Int> = []
    private var undoneSteps: Set<Int> = []
    /// Which step of its rollout is in force, from 0; without a rollout it's of no matter.
    package private(set) var rolloutStep = 0
    package private(set) var keptBy: IdentityName?
    /// Why it goes back, or has gone.
    package private(set) var cause: UndoCause?
    private var failure: Failure?

    private struct Failure: Hashable, Sendable {
        var step: Int
        var attempts: Int
    }

    /// Goes on with a stored set.
    package init(_ set: ChangeSet) {
        self.init(set, steps: Self.steps(of: set.changes))
    }

    init(_ set: ChangeSet, steps: [Range<Int>]) {
        self.set = set
        self.steps = steps
        for entry in set.journal { self.take(entry.event) }
        self.set.state = self.state
    }

    /// A set's flags change at one moment: they're one epoch, and stand together. What's done on hosts is done one after the
    /// other.
    private static func steps(of changes: [Change]) -> [Range<Int>] {
        var steps: [Range<Int>] = []
        for (index, change) in changes.enumerated() {
            if case .flag = change, let last = steps.last, case .flag = changes[last.lowerBound] {
                steps[steps.count - 1] = last.lowerBound..<index + 1
            } else {
                steps.append(index..<index + 1)
            }
        }
        return steps
    }

    /// The change of a step that's done on a host; `nil` for flags.
    package func hostChange(_ step: Int) -> HostChange? {
        guard case .host(let change) = self.set.changes[self.steps[step].lowerBound] else { return nil }
        return change
    }

    /// Whether it was begun, so that it goes back.
    package func hasBegun(_ step: Int) -> Bool { self.begun.contains(step) }
    /// Whether all of it was applied.
    package func hasApplied(_ step: Int) -> Bool { self.appliedSteps.contains(step) }
    /// Whether going back was begun.
    package func hasBegunUndo(_ step: Int) -> Bool { self.undoBegun.contains(step) }

    // MARK: What there is to do

    /// What the journal comes to.
    package var state: ChangeState {
        if self.keptBy != nil { return .kept }
        guard self.cause != nil else { return self.appliedSteps.count == self.steps.count ? .applied : .intent }
        guard let step = self.stepToUndo else { return .undone }
        return self.failure?.step == step ? .stuck : .undoing
    }

    package var next: ChangeAct {
        switch self.state {
        case .kept, .undone: return .none
        case .applied: return .wait
        case .intent:
            guard let step = self.steps.indices.first(where: { !self.appliedSteps.contains($0) }) else { return .wait }
            return .apply(step: step)
        case .undoing, .stuck:
            guard let step = self.stepToUndo else { return .none }
            return .undo(step: step, after: Self.delay(after: self.failedAttempts))
        }
    }

    private var stepToUndo: Int? { self.begun.subtracting(self.undoneSteps).max() }

    private static let firstDelay = Duration.seconds(1)
    private static let longestDelay = Duration.seconds(300)

    /// How long to wait after so many failed attempts: a second, and twice as long each time.
    package static func delay(after attempts: Int) -> Duration {
        guard attempts > 0 else { return .zero }
        return min(Self.longestDelay, Self.firstDelay * (1 << min(attempts - 1, 16)))
    }

    /// How often the undo that's stuck has failed.
    package var failedAttempts: Int {
        guard let failure, failure.step == self.stepToUndo else { return 0 }
        return failure.attempts
    }

    // MARK: Acts

    /// Writes down that the next act begins, if that isn't there yet.
    package mutating func begin(at now: WallTime) -> ChangeAct {
        let act = self.next
        switch act {
        case .apply(let step) where !self.begun.contains(step): self.write(.applying(step: step), now)
        case .undo(let step, _) where !self.undoBegun.contains(step): self.write(.undoing(step: step), now)
        case .apply, .undo, .wait, .none: break
        }
        return act
    }

    package mutating func applied(step: Int, at now: WallTime) {
        guard self.next == .apply(step: step), self.begun.contains(step) else { return }
        self.write(.applied(step: step), now)
    }

    /// The share of its rollout's next step is in force.
    package mutating func rolledOut(step: Int, at now: WallTime) {
        guard self.state == .applied, let rollout = self.set.rollout, rollout.steps.indices.contains(step),
            step > self.rolloutStep
        else { return }
        // The journal keeps where a rollout stands, not each step of its way.
        self.set.journal.removeAll { if case .rolledOut = $0.event { true } else { false } }
        self.write(.rolledOut(step: step), now)
    }

    /// Whether the whole of it is in force.
    package var isRolledOut: Bool { self.set.rollout.map { self.rolloutStep == $0.steps.count - 1 } ?? true }

    /// The share that's in force; nil without a rollout.
    package var percent: Int? { self.set.rollout?.steps[self.rolloutStep].percent }

    /// The step can't be applied: what was begun goes back.
    package mutating func applyFailed(step: Int, _ error: GloveboxError, at now: WallTime) {
        guard self.next == .apply(step: step) else { return }
        self.write(.undoAsked(.failed(code: error.code.rawValue, message: error.message)), now)
    }

    /// - Parameter conflicts: what has changed since, and is left as it is.
    package mutating func undone(step: Int, conflicts: [ChangeConflict] = [], at now: WallTime) {
        guard case .undo(step, _) = self.next, self.undoBegun.contains(step) else { return }
        self.write(.undone(step: step, conflicts: conflicts), now)
    }

    package mutating func undoFailed(step: Int, _ error: GloveboxError, at now: WallTime) {
        guard case .undo(step, _) = self.next, self.undoBegun.contains(step) else { return }
        let attempts = self.failedAttempts
        // A journal doesn't grow for as long as something is broken.
        self.set.journal.removeAll { if case .undoFailed(step, _, _, _) = $0.event { true } else { false } }
        self.write(
            .undoFailed(step: step, attempts: attempts + 1, code: error.code.rawValue, message: error.message), now)
    }

    // MARK: What's asked for

    /// - Throws: `change_not_open` unless all of it is applied.
    package mutating func keep(by identity: IdentityName, at now: WallTime) throws(GloveboxError) {
        switch self.state {
        case .applied:
            guard self.isRolledOut else {
                throw self.notOpen("is at \(self.percent ?? 0) % of its rollout: keep it when that's over")
            }
            self.write(.kept(by: identity), now)
        case .intent: throw self.notOpen("isn't applied yet: try again when it is")
        case .undoing, .stuck: throw self.notOpen("goes back already: apply it again to keep it")
        case .kept: throw self.notOpen("is kept already")
        case .undone: throw self.notOpen("has gone back: apply it again to keep it")
        }
    }

    /// Lets it go back. Returns whether that's new: what goes back already goes on doing so.
    /// - Throws: `change_not_open` when it was kept, or has gone back.
    package mutating func undo(_ cause: UndoCause, at now: WallTime) throws(GloveboxError) -> Bool {
        switch self.state {
        case .intent, .applied:
            self.write(.undoAsked(cause), now)
            return true
        case .undoing, .stuck: return false
        case .kept: throw self.notOpen("was kept, and is nobody's to take back: apply one that changes it back")
        case .undone: throw self.notOpen("has gone back already")
        }
    }

    private func notOpen(_ why: String) -> GloveboxError {
        GloveboxError(.changeNotOpen, "change \(self.set.id) \(why)")
    }

    // MARK: The journal

    private mutating func write(_ event: ChangeEntry.Event, _ now: WallTime) {
        self.set.journal.append(ChangeEntry(at: now, event))
        self.take(event)
        self.set.state = self.state
    }

    private mutating func take(_ event: ChangeEntry.Event) {
        switch event {
        case .applying(let step): self.begun.insert(step)
        case .applied(let step): self.appliedSteps.insert(step)
        case .rolledOut(let step): self.rolloutStep = min(step, (self.set.rollout?.steps.count ?? 1) - 1)
        case .kept(let identity): self.keptBy = identity
        case .undoAsked(let cause): self.cause = cause
        case .undoing(let step): self.undoBegun.insert(step)
        case .undone(let step, _): self.undoneSteps.insert(step)
        case .undoFailed(let step, let attempts, _, _): self.failure = Failure(step: step, attempts: attempts)
        }
    }

    /// The store counted the set's version.
    package mutating func stored(_ version: Int64) {
        self.set.version = version
    }
}

extension ChangeSet {
    /// What had changed since and was left as it was.
    package var conflicts: [ChangeConflict] {
        var all: [ChangeConflict] = []
        for entry in self.journal {
            if case .undone(_, let conflicts) = entry.event { all += conflicts }
        }
        return all
    }

    /// Why the last attempt to undo it failed.
    package var lastFailure: GloveboxError? {
        for entry in self.journal.reversed() {
            if case .undoFailed(_, _, let code, let message) = entry.event {
                return GloveboxError(.init(code), message)
            }
        }
        return nil
    }
}
