import GloveboxCore
import Synchronization

/// How many answers about masked values each holder has had from each target today: a yes or a no at a time, somebody
/// patient finds out any value.
///
/// In memory: an agent that starts again begins a new day.
final class DisclosureBudget: Sendable {
    private struct Key: Hashable {
        var holder: IdentityName
        var target: TargetName
    }

    private struct State {
        var day: Int64 = 0
        var used: [Key: Int64] = [:]
    }

    private let state = Mutex(State())

    /// Takes so many answers, or none.
    ///
    /// - Parameters:
    ///   - most: that a holder may have in a day, by UTC.
    /// - Returns: whether there were as many left.
    func take(_ count: Int, of most: Int64, holder: IdentityName, target: TargetName, at time: WallTime) -> Bool {
        let day = time.nanoseconds / 86_400_000_000_000
        return self.state.withLock { state in
            // A wall clock that is set back opens no day again.
            if day > state.day { state = State(day: day) }
            let key = Key(holder: holder, target: target)
            let used = state.used[key] ?? 0
            guard used + Int64(count) <= most else { return false }
            state.used[key] = used + Int64(count)
            return true
        }
    }
}
