import GloveboxCore
import NIOCore
import PostgresWire
import Synchronization

/// The connections of a port: those that aren't signed in, and the sessions.
final class PortSessions: Sendable {
    struct Session {
        var opening: PostgresSessionOpening
        var client: any Channel
        /// Nil until the agent has opened the session.
        var way: PostgresSessionWay?
    }

    private struct State {
        var unauthenticated: [ObjectIdentifier: any Channel] = [:]
        var sessions: [SessionID: Session] = [:]
        var byKey: [GloveboxCore.CancelKey: SessionID] = [:]
        var failedProofs = FailedProofs()
        var isClosed = false
    }

    private let state = Mutex(State())
    private let unauthenticatedLimit: Int

    init(unauthenticatedLimit: Int) {
        self.unauthenticatedLimit = unauthenticatedLimit
    }

    var count: Int { self.state.withLock { $0.sessions.count } }

    // MARK: Signing in

    /// False when there are as many as may be, or the port is closed.
    func admit(_ channel: any Channel) -> Bool {
        let isAdmitted = self.state.withLock { state in
            guard !state.isClosed, state.unauthenticated.count < self.unauthenticatedLimit else { return false }
            state.unauthenticated[ObjectIdentifier(channel)] = channel
            return true
        }
        if isAdmitted {
            channel.closeFuture.whenComplete { _ in self.settle(channel) }
        }
        return isAdmitted
    }

    /// It isn't among the unauthenticated any more.
    func settle(_ channel: any Channel) {
        self.state.withLock { $0.unauthenticated[ObjectIdentifier(channel)] = nil }
    }

    func failed(_ name: String) -> TimeAmount {
        self.state.withLock { $0.failedProofs.failed(name, now: .now()) }
    }

    // MARK: Sessions

    /// Makes a session of a client who has proved a lease: a name and a cancel key that no other has.
    func begin(
        target: TargetName, lease: LeaseID, _ parameters: StartupParameters, _ client: any Channel
    ) -> PostgresSessionOpening? {
        var startup: [String: String] = [:]
        for parameter in parameters.all { startup[parameter.name] = parameter.value }
        return self.state.withLock { state in
            guard !state.isClosed else { return nil }
            state.failedProofs.succeeded(parameters.user)
            var key: GloveboxCore.CancelKey
            repeat {
                // Some clients take a process id for a signed number above zero.
                key = GloveboxCore.CancelKey(processID: .random(in: 1 ... .max), secret: .random(in: .min ... .max))
            } while state.byKey[key] != nil
            let opening = PostgresSessionOpening(
                session: .random(), target: target, lease: lease, startup: startup,
                client: client.remoteAddress?.ipAddress, cancelKey: key)
            state.sessions[opening.session] = Session(opening: opening, client: client)
            state.byKey[key] = opening.session
            return opening
        }
    }

    /// False when the session ended while the agent opened it.
    func joined(_ session: SessionID, _ way: PostgresSessionWay) -> Bool {
        self.state.withLock { state in
            guard state.sessions[session] != nil else { return false }
            state.sessions[session]?.way = way
            return true
        }
    }

    /// Nil when it's gone already.
    func remove(_ session: SessionID) -> Session? {
        self.state.withLock { state in
            guard let removed = state.sessions.removeValue(forKey: session) else { return nil }
            state.byKey[removed.opening.cancelKey] = nil
            return removed
        }
    }

    func session(for key: PostgresWire.CancelKey) -> PostgresSessionOpening? {
        guard key.secret.count == 4 else { return nil }
        let secret = key.secret.reduce(into: UInt32(0)) { $0 = $0 << 8 | UInt32($1) }
        let own = GloveboxCore.CancelKey(
            processID: Int32(bitPattern: key.processID), secret: Int32(bitPattern: secret))
        return self.state.withLock { state in state.byKey[own].flatMap { state.sessions[$0]?.opening } }
    }

    func sessions(of lease: LeaseID) -> [Session] {
        self.state.withLock { $0.sessions.values.filter { $0.opening.lease == lease } }
    }

    var all: [Session] {
        self.state.withLock { Array($0.sessions.values) }
    }

    func session(_ session: SessionID) -> Session? {
        self.state.withLock { $0.sessions[session] }
    }

    /// Admits nobody any more; gives every channel.
    func close() -> [any Channel] {
        self.state.withLock { state in
            state.isClosed = true
            return Array(state.unauthenticated.values)
                + state.sessions.values.flatMap { session in
                    if case .pipe(let pipe)? = session.way { [session.client, pipe] } else { [session.client] }
                }
        }
    }
}
