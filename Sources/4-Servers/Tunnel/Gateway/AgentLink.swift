import ControlWire
import GloveboxCore
import NIOCore
import Synchronization

/// All that a gateway holds of one agent, across its connections: whether it's there, its idle connections, its
/// sessions' pipes, who waits for a connection. Called from every event loop.
final class AgentLink: Sendable {
    let agent: AgentName

    private struct Waiter {
        var id: Int
        var eventLoop: any EventLoop
        var promise: EventLoopPromise<PooledConnection>
    }

    /// What the agent must learn even if its connection broke just when it was sent.
    private struct Notice {
        enum What {
            case leaseEnded(LeaseEnd)
            /// Until when; the agent is told what's left of it.
            case leaseExtended(BootInstant)
        }

        var lease: LeaseID
        var what: What
        var at: BootInstant

        func message(at now: BootInstant) -> ControlMessage {
            switch self.what {
            case .leaseEnded(let reason): .leaseEnded(self.lease, reason)
            case .leaseExtended(let until): .leaseExtended(self.lease, remaining: max(.zero, now.duration(to: until)))
            }
        }
    }

    private struct State {
        var presence = Presence()
        var control: (any Channel)?
        var idle: [PooledConnection] = []
        var waiters: [Waiter] = []
        var nextWaiter = 0
        var sessions: [SessionID: any Channel] = [:]
        var notices: [Notice] = []

        /// What to close, when the sessions of a run of the agent are over.
        mutating func takeChannels() -> [any Channel] {
            let channels = self.sessions.values + self.idle.map(\.channel)
            self.sessions = [:]
            self.idle = []
            return channels
        }
    }

    private let state = Mutex(State())

    init(_ agent: AgentName) {
        self.agent = agent
    }

    // MARK: Coming and going

    /// - Returns: how the agent arrived, and notices to send it.
    func joined(
        _ instance: InstanceID, on control: any Channel, at now: BootInstant, keeping: Duration
    ) -> (Presence.Arrival, [ControlMessage]) {
        let (arrival, messages, over) = self.state.withLock { state in
            let arrival = state.presence.joined(instance, at: now)
            var over: [any Channel] = []
            if case .restarted = arrival { over = state.takeChannels() }
            if let old = state.control, old !== control { over.append(old) }
            state.control = control
            state.notices.removeAll { $0.at.duration(to: now) > keeping }
            return (arrival, state.notices.map { $0.message(at: now) }, over)
        }
        self.cut(over)
        return (arrival, messages)
    }

    /// - Returns: whether the agent is away now; false when it has another connection already.
    func left(_ control: any Channel, at now: BootInstant, grace: Duration) -> Bool {
        self.state.withLock { state in
            guard let current = state.control, current === control else { return false }
            state.control = nil
            state.presence.left(at: now, grace: grace)
            return true
        }
    }

    /// - Returns: whether the agent has just been lost; then its pipes are closed and nobody waits any more.
    func tick(at now: BootInstant) -> Bool {
        let over = self.state.withLock { state -> ([any Channel], [Waiter])? in
            guard state.presence.tick(at: now) != nil else { return nil }
            defer { state.waiters = [] }
            return (state.takeChannels(), state.waiters)
        }
        guard let (channels, waiters) = over else { return false }
        self.cut(channels)
        for waiter in waiters { waiter.promise.fail(self.offline) }
        return true
    }

    /// Closes pipes whose agent is gone. Their handlers hear of it as an error, which tells it from an end in order.
    private func cut(_ channels: [any Channel]) {
        for channel in channels {
            channel.pipeline.fireErrorCaught(self.offline)
            channel.close(promise: nil)
        }
    }

    /// Where the control connection's handler is to be called.
    var control: (any Channel)? { self.state.withLock { $0.control } }

    func isJoined(as instance: InstanceID) -> Bool {
        self.state.withLock { $0.presence.isPresent && $0.presence.instance == instance }
    }

    /// - Returns: the channels that are being closed.
    func closeAll() -> [any Channel] {
        let (channels, waiters) = self.state.withLock { state -> ([any Channel], [Waiter]) in
            defer {
                state.control = nil
                state.waiters = []
            }
            return (state.takeChannels() + [state.control].compactMap { $0 }, state.waiters)
        }
        for waiter in waiters { waiter.promise.fail(self.offline) }
        for channel in channels { channel.close(promise: nil) }
        return channels
    }

    // MARK: Telling

    func send(_ message: ControlMessage) {
        self.control?.writeAndFlush(message, promise: nil)
    }

    func endLease(_ lease: LeaseID, _ reason: LeaseEnd, at now: BootInstant, keeping: Duration) {
        self.notify(Notice(lease: lease, what: .leaseEnded(reason), at: now), keeping: keeping)
    }

    func extendLease(_ lease: LeaseID, until: BootInstant, at now: BootInstant, keeping: Duration) {
        self.notify(Notice(lease: lease, what: .leaseExtended(until), at: now), keeping: keeping)
    }

    private func notify(_ notice: Notice, keeping: Duration) {
        let control = self.state.withLock { state in
            state.notices.removeAll { $0.at.duration(to: notice.at) > keeping }
            state.notices.append(notice)
            return state.control
        }
        control?.writeAndFlush(notice.message(at: notice.at), promise: nil)
    }

    // MARK: Connections

    /// A connection is ready: somebody who waits takes it, or it waits.
    /// - Returns: false when the run of the agent that dialled it isn't the one that's here.
    func add(_ connection: PooledConnection, instance: InstanceID) -> Bool {
        enum Outcome {
            case refused
            case idle
            case taken(Waiter)
        }
        let outcome = self.state.withLock { state -> Outcome in
            guard state.presence.isPresent, state.presence.instance == instance else { return .refused }
            guard !state.waiters.isEmpty else {
                state.idle.append(connection)
                return .idle
            }
            return .taken(state.waiters.removeFirst())
        }
        switch outcome {
        case .refused: return false
        case .idle: return true
        case .taken(let waiter):
            waiter.promise.succeed(connection)
            return true
        }
    }

    func remove(_ connection: PooledConnection) {
        self.state.withLock { state in
            guard let index = state.idle.firstIndex(where: { $0 === connection }) else { return }
            state.idle.swapAt(index, state.idle.count - 1)
            state.idle.removeLast()
        }
    }

    /// A connection, if possible on `eventLoop`; where none is idle the agent is asked to dial.
    /// - Returns: fails with `agent_offline`, or `unavailable` after `limit`.
    func take(on eventLoop: any EventLoop, limit: TimeAmount) -> EventLoopFuture<PooledConnection> {
        enum Outcome {
            case offline
            case taken(PooledConnection)
            case waiting(Int, any Channel)
        }
        let promise = eventLoop.makePromise(of: PooledConnection.self)
        let outcome = self.state.withLock { state -> Outcome in
            guard state.presence.isPresent, let control = state.control else { return .offline }
            if let index = state.idle.lastIndex(where: { $0.channel.eventLoop === eventLoop })
                ?? state.idle.indices.last
            {
                state.idle.swapAt(index, state.idle.count - 1)
                return .taken(state.idle.removeLast())
            }
            state.nextWaiter += 1
            state.waiters.append(Waiter(id: state.nextWaiter, eventLoop: eventLoop, promise: promise))
            return .waiting(state.nextWaiter, control)
        }
        switch outcome {
        case .offline:
            promise.fail(self.offline)
        case .taken(let connection):
            promise.succeed(connection)
        case .waiting(let id, let control):
            control.writeAndFlush(ControlMessage.dial(count: 1), promise: nil)
            let overdue = eventLoop.scheduleTask(in: limit) { self.giveUp(id) }
            promise.futureResult.whenComplete { _ in overdue.cancel() }
        }
        return promise.futureResult
    }

    private func giveUp(_ id: Int) {
        let waiter = self.state.withLock { state -> Waiter? in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.promise.fail(
            GloveboxError(.unavailable, "agent \(self.agent) didn't connect in time for this session: try again"))
    }

    var offline: GloveboxError {
        GloveboxError(.agentOffline, "agent \(self.agent) isn't connected: see its log on its host")
    }

    // MARK: Sessions

    /// - Returns: false when the agent has been lost meanwhile.
    func opened(_ session: SessionID, on channel: any Channel) -> Bool {
        let isKnown = self.state.withLock { state in
            guard state.presence.instance != nil else { return false }
            state.sessions[session] = channel
            return true
        }
        guard isKnown else { return false }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                if let current = state.sessions[session], current === channel { state.sessions[session] = nil }
            }
        }
        return true
    }

    var sessionCount: Int { self.state.withLock { $0.sessions.count } }
    var idleCount: Int { self.state.withLock { $0.idle.count } }
}
