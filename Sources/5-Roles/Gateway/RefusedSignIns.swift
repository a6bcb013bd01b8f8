import Contracts
import GloveboxCore
import Synchronization

/// Records refused sign-ins, but no more than a log can bear: anybody who reaches a port can be refused, and where the
/// log is full nobody gets in.
final class RefusedSignIns: Sendable {
    private struct State {
        /// How many may be recorded at once.
        var left = RefusedSignIns.most
        var refilledAt: BootInstant
        var others: UInt64 = 0
    }

    private static let most = 50.0
    private static let perSecond = 0.5

    private let log: any RecordLog
    private let time: any TimeSource
    private let state: Mutex<State>

    init(log: any RecordLog, time: any TimeSource) {
        self.log = log
        self.time = time
        self.state = Mutex(State(refilledAt: time.boot))
    }

    func refused(code: String, claimed: String?) {
        let now = self.time.boot
        let others = self.state.withLock { state -> UInt64? in
            let passed = state.refilledAt.duration(to: now) / .seconds(1)
            state.left = min(Self.most, state.left + passed * Self.perSecond)
            state.refilledAt = now
            guard state.left >= 1 else {
                state.others += 1
                return nil
            }
            state.left -= 1
            defer { state.others = 0 }
            return state.others
        }
        guard let others else { return }
        self.log.append([
            Record(time: self.time.wall, event: .signInRefused(code: code, claimed: claimed, others: others))
        ]) { _ in }
    }
}
