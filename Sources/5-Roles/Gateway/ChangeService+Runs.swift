import Changes
import Contracts
import ControlAPI
import GloveboxCore
import Logging

/// Whoever runs a test run says every few seconds that they're there. When they fall silent, killed for example, all that
/// the run has changed goes back: what its cases have written first, newest first, the run itself last.
extension ChangeService {
    /// So long they may be silent.
    static let silence = Duration.seconds(10)

    /// What a run's undo needs once its set is over, too.
    struct Attendance {
        var leases: Set<LeaseID>
        var since: WallTime
        var due: BootInstant
    }

    func attend(_ set: ChangeSet) {
        guard let more = set.runLeases else { return }
        self.attended[set.id] = Attendance(
            leases: set.leases.union(more), since: set.plannedAt, due: self.time.boot.advanced(by: Self.silence))
    }

    /// Takes back what nobody attends to any more; in turn.
    func leaveUnattended() async {
        let now = self.time.boot
        for (id, attendance) in self.attended where attendance.due <= now {
            self.attended[id] = nil
            let left = self.openSets.filter {
                !$0.leases.isDisjoint(with: attendance.leases) && $0.plannedAt >= attendance.since
            }
            guard !left.isEmpty else { continue }
            self.logger.warning(
                "a test run has been left alone: what it changed goes back",
                metadata: ["change": "\(id)", "sets": "\(left.count)"])
            for set in left { await self.goBack(set.id, .told("nobody attends to test run \(id) any more")) }
        }
    }
}

extension ChangeSet {
    var isTestRun: Bool { self.runLeases != nil }

    /// The leases under which a test run changes more than itself; `nil` for a set that's no test run.
    var runLeases: [LeaseID]? {
        for case .flag(let flag) in self.changes {
            guard case .run? = EdgeState.Entry(key: flag.key), let definition = flag.definition else { continue }
            return EdgeState.leases(definition, of: flag.key)
        }
        return nil
    }
}
