package import GloveboxCore
import Synchronization

/// How a role stops that has sessions: it opens none any more, gives those that run a while, and then ends them.
package final class Drain: Sendable {
    /// What there is to wait for.
    package struct Sessions: Sendable {
        package var count: @Sendable () -> Int
        /// Ends all of them, and says why.
        package var endAll: @Sendable (GloveboxError) -> Void

        package init(
            count: @escaping @Sendable () -> Int, endAll: @escaping @Sendable (GloveboxError) -> Void
        ) {
            self.count = count
            self.endAll = endAll
        }
    }

    private struct State {
        var hasBegun = false
        var sessions: Sessions?
    }

    /// How long sessions get that were told to end.
    private static let endLimit = Duration.seconds(2)
    private static let look = Duration.milliseconds(50)

    /// What whoever wants a session is told, and those whose session ends.
    package let refusal: GloveboxError
    private let limit: Duration
    private let time: any TimeSource
    private let state = Mutex(State())

    /// - Parameters:
    ///   - role: as people call it: `gateway`, `agent`
    ///   - limit: how long running sessions may go on.
    package init(role: String, limit: Duration, time: any TimeSource) {
        self.refusal = GloveboxError(
            .unavailable, "the \(role) is stopping: try again when it's back, or another that serves this target")
        self.limit = limit
        self.time = time
    }

    /// Whether no session may open any more.
    package var hasBegun: Bool { self.state.withLock { $0.hasBegun } }

    /// The role has opened what sessions come by.
    package func watch(_ sessions: Sessions) {
        self.state.withLock { $0.sessions = sessions }
    }

    /// Returns when no session is left, or those that are don't end.
    package func run() async {
        let sessions = self.state.withLock { state in
            state.hasBegun = true
            return state.sessions
        }
        guard let sessions else { return }
        await self.wait(until: self.time.boot.advanced(by: self.limit), sessions)
        guard sessions.count() > 0 else { return }
        sessions.endAll(self.refusal)
        await self.wait(until: self.time.boot.advanced(by: Self.endLimit), sessions)
    }

    private func wait(until deadline: BootInstant, _ sessions: Sessions) async {
        while sessions.count() > 0, case let now = self.time.boot, now < deadline {
            do {
                try await self.time.sleep(until: min(deadline, now.advanced(by: Self.look)))
            } catch {
                return
            }
        }
    }
}
