package import GloveboxCore

/// A control connection as the agent sees it.
///
/// Legal transitions: new → awaiting the answer to its hello → open → closed.
package struct ControlAgentMachine: ~Copyable {
    private enum State {
        case new
        case awaitingWelcome(Hello)
        case open
        case closed
    }

    /// `closed` while it is looked at, unless another is set: what forgets to go on can't go wrong.
    private var state: State

    package init() {
        self.state = .new
    }

    /// - Returns: what to send first.
    package mutating func start(_ hello: Hello) -> ControlMessage {
        self.state = .awaitingWelcome(hello)
        return .hello(hello)
    }

    package enum Received: Hashable, Sendable {
        case joined(Welcome)
        /// The gateway won't have this agent: close, and try again later.
        case refused(code: String, message: String)
        case send(ControlMessage)
        case dial(Int)
        case acknowledged(UInt64)
        case leaseExtended(LeaseID, remaining: Duration)
        case leaseEnded(LeaseID, LeaseEnd)
        case cancel(SessionID)
        case checkpoint(LogCheckpoint)
        case changeOrder(ChangeOrder)
        /// The gateway leaves in good order: close.
        case goodbye(String)
        /// The peer broke the protocol: close.
        case fail(String)
        case ignore
    }

    package mutating func received(_ message: ControlMessage) -> Received {
        switch exchange(&self.state, with: .closed) {
        case .new:
            return self.fail("a message came before the hello")
        case .awaitingWelcome(let hello):
            return self.answered(message, hello)
        case .open:
            self.state = .open
            return self.receivedOpen(message)
        case .closed:
            self.state = .closed
            return .ignore
        }
    }

    private mutating func answered(_ message: ControlMessage, _ hello: Hello) -> Received {
        switch message {
        case .welcome(let welcome):
            guard hello.versions.lowest <= welcome.version, welcome.version <= hello.versions.highest else {
                return self.fail(
                    "the gateway chose protocol version \(welcome.version), which this agent doesn't speak")
            }
            guard welcome.features.isSubset(of: hello.features) else {
                return self.fail("the gateway chose features that this agent doesn't have")
            }
            self.state = .open
            return .joined(welcome)
        case .refused(let code, let message):
            self.state = .closed
            return .refused(code: code, message: message)
        case .goodbye(let reason):
            self.state = .closed
            return .goodbye(reason)
        case .ping(let number):
            self.state = .awaitingWelcome(hello)
            return .send(.pong(number))
        case .pong:
            self.state = .awaitingWelcome(hello)
            return .ignore
        case .hello, .records, .sessionEnded, .inventory, .dial, .acknowledged, .leaseExtended, .leaseEnded, .cancel,
            .checkpoint, .changeOrder, .changeReport:
            return self.fail("a message came before the welcome")
        }
    }

    private mutating func receivedOpen(_ message: ControlMessage) -> Received {
        switch message {
        case .ping(let number): return .send(.pong(number))
        case .pong: return .ignore
        case .dial(let count): return .dial(Int(min(count, PoolBounds.largest)))
        case .acknowledged(let sequence): return .acknowledged(sequence)
        case .leaseExtended(let lease, let remaining): return .leaseExtended(lease, remaining: remaining)
        case .leaseEnded(let lease, let reason): return .leaseEnded(lease, reason)
        case .cancel(let session): return .cancel(session)
        case .checkpoint(let checkpoint): return .checkpoint(checkpoint)
        case .changeOrder(let order): return .changeOrder(order)
        case .goodbye(let reason):
            self.state = .closed
            return .goodbye(reason)
        case .welcome, .refused: return self.fail("a second answer to the hello came")
        case .hello, .records, .sessionEnded, .inventory, .changeReport:
            return self.fail("a gateway sent what only an agent sends")
        }
    }

    private mutating func fail(_ what: String) -> Received {
        self.state = .closed
        return .fail(what)
    }

    /// Whether messages other than the hello may be sent.
    package var isOpen: Bool {
        switch self.state {
        case .open: true
        case .new, .awaitingWelcome, .closed: false
        }
    }

    package mutating func closed() {
        self.state = .closed
    }
}
