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
        /// Under which it changes more than itself.
        var leases: Set<LeaseID>
        var since: WallTime
        /// When its own set was over; what's changed afterwards is another's.
        var until: WallTime?
        var due: BootInstant

        func includes(_ set: ChangeSet) -> Bool {
            !set.isTestRun && !set.leases.isDisjoint(with: self.leases) && set.plannedAt >= self.since
                && self.until.map { set.plannedAt <= $0 } != false
        }
    }

    func attend(_ set: ChangeSet) {
        guard let leases = set.runLeases else { return }
        var attendance = self.attended[set.id]
        // One that's over, and that nobody has to undo anything of any more, isn't begun again.
        guard attendance != nil || set.state.isOpen else { return }
        attendance = attendance ?? Attendance(leases: Set(leases), since: set.plannedAt, due: self.time.boot)
        attendance?.due = self.time.boot.advanced(by: Self.silence)
        self.attended[set.id] = attendance
    }

    /// Takes back what nobody attends to any more; in turn.
    func leaveUnattended() async {
        let now = self.time.boot
        for (id, attendance) in self.attended where attendance.due <= now {
            self.attended[id] = nil
            let left = self.openSets.filter { $0.id == id || attendance.includes($0) }
            guard !left.isEmpty else { continue }
            self.logger.warning(
                "a test run has been left alone: what it changed goes back",
                metadata: ["change": "\(id)", "sets": "\(left.count)"])
            for set in left { await self.goBack(set.id, .told("nobody attends to test run \(id) any more")) }
        }
    }

    /// Runs that go on while an undo of theirs has been spent: what they write from now on, nobody would take back.
    func runs(deprivedBy set: ChangeSet) -> [ChangeSetID] {
        guard !set.isTestRun, set.scope == nil else { return [] }
        return self.attended.filter { id, attendance in
            attendance.includes(set) && [.intent, .applied].contains(self.open[id]?.machine.state)
        }.map(\.key)
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
