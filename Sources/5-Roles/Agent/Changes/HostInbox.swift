import Contracts
import GloveboxCore
import Synchronization

/// What the gateway says about changes on this host, from event loops to those who make them; and the way back.
final class HostInbox: Sendable {
    enum Event: Sendable {
        case order(ChangeOrder)
        case leaseEnded(LeaseID)
        case leaseExtended(LeaseID, remaining: Duration)
        case joined
    }

    private struct State {
        var events: [Event] = []
        var isConnected = false
        var send: (@Sendable (ChangeReport) -> Void)?
    }

    let alarm: Alarm
    private let state = Mutex(State())

    init(_ time: any TimeSource) {
        self.alarm = Alarm(time)
    }

    func put(_ event: Event) {
        self.state.withLock { state in
            if case .joined = event { state.isConnected = true }
            state.events.append(event)
        }
        self.alarm.ring()
    }

    func left() {
        self.state.withLock { $0.isConnected = false }
        self.alarm.ring()
    }

    func take() -> [Event] {
        self.state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
    }

    var isConnected: Bool { self.state.withLock { $0.isConnected } }

    func answer(by send: @escaping @Sendable (ChangeReport) -> Void) { self.state.withLock { $0.send = send } }

    func report(_ report: ChangeReport) { self.state.withLock { $0.send }?(report) }
}
