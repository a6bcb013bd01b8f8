import Contracts
import GloveboxCore
import Synchronization

/// Which leases have ended, from those who end them to those who have something to take back; nobody waits for another.
final class LeaseEndings: Sendable {
    /// Rung for each.
    let alarm: Alarm
    private let ended = Mutex<[(LeaseID, LeaseEnd)]>([])

    init(_ time: any TimeSource) {
        self.alarm = Alarm(time)
    }

    func ended(_ lease: LeaseID, _ reason: LeaseEnd) {
        self.ended.withLock { $0.append((lease, reason)) }
        self.alarm.ring()
    }

    /// Those since the last call.
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
            }, changed: effects.changed, cutAll: effects.cutAll)
    }
}
