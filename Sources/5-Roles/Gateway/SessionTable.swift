import GloveboxCore
import PostgresAccess
import Synchronization

/// The sessions that are open at this gateway, and the last ones that have ended, so that whoever watches one sees its
/// end too.
final class SessionTable: Sendable {
    struct Entry: Sendable {
        var session: SessionID
        var lease: LeaseID
        var target: TargetName
        /// The client's address.
        var client: String?
        var openedAt: WallTime
        var endedAt: WallTime?
        /// A position of the log that all of its records come after.
        var position: UInt64

        /// Newest first.
        func isBefore(_ other: Entry) -> Bool {
            (other.openedAt, self.session) < (self.openedAt, other.session)
        }
    }

    private struct State {
        var entries: [SessionID: Entry] = [:]
        /// In the order of their ends.
        var ended: [SessionID] = []
    }

    /// How many that have ended are kept.
    private static let mostEnded = 1000

    private let state = Mutex(State())

    func opened(_ opening: PostgresSessionOpening, at time: WallTime, position: UInt64) {
        self.state.withLock {
            $0.entries[opening.session] = Entry(
                session: opening.session, lease: opening.lease, target: opening.target, client: opening.client,
                openedAt: time, position: position)
        }
    }

    func closed(_ session: SessionID, at time: WallTime) {
        self.state.withLock { state in
            guard state.entries[session]?.endedAt == nil, state.entries[session] != nil else { return }
            state.entries[session]?.endedAt = time
            state.ended.append(session)
            if state.ended.count > Self.mostEnded { state.entries[state.ended.removeFirst()] = nil }
        }
    }

    /// Also one that has ended lately.
    func entry(_ session: SessionID) -> Entry? {
        self.state.withLock { $0.entries[session] }
    }

    /// Those that are open, newest first.
    var open: [Entry] {
        self.state.withLock { $0.entries.values.filter { $0.endedAt == nil } }.sorted { $0.isBefore($1) }
    }
}
