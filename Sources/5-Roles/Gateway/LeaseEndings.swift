import Contracts
import GloveboxCore
import Synchronization

/// Which leases have ended, or last longer or shorter than they did, from those who decide that to those who have something
/// to take back; nobody waits for another.
final class LeaseEndings: Sendable {
    /// Rung for each.
    let alarm: Alarm
    private let ended = Mutex<[(LeaseID, LeaseEnd)]>([])
    private let moved = Mutex<Set<LeaseID>>([])

    init(_ time: any TimeSource) {
        self.alarm = Alarm(time)
    }

    func ended(_ lease: LeaseID, _ reason: LeaseEnd) {
        self.ended.withLock { $0.append((lease, reason)) }
        self.alarm.ring()
    }

    func moved(_ lease: LeaseID) {
        self.moved.withLock { _ = $0.insert(lease) }
        self.alarm.ring()
    }

    /// Those whose end was moved since the last call.
    func takeMoved() -> Set<LeaseID> {
        self.moved.withLock { moved in
            defer { moved = [] }
            return moved
        }
    }

    /// Those that have ended since the last call.
    func take() -> [(LeaseID, LeaseEnd)] {
        self.ended.withLock { ended in
            defer { ended = [] }
            return ended
        }
    }
}

extension LeaseEffects {
    /// These, and `endings` is told too.
    func telling(_ endings: LeaseEndings) -> LeaseEffects {
        let effects = self
        return LeaseEffects(
            ended: { lease, reason in
                effects.ended(lease, reason)
                endings.ended(lease.id, reason)
            },
            changed: { lease, remaining in
                effects.changed(lease, remaining)
                endings.moved(lease.id)
            }, cutAll: effects.cutAll)
    }
}
