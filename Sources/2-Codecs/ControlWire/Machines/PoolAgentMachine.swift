package import GloveboxCore

/// A pooled connection as the agent sees it.
///
/// Legal transitions: new → awaiting the welcome → idle → opening → handed over, or closed from each. The gateway may
/// send nothing while the agent opens the target: a client's bytes follow `accepted` only.
package struct PoolAgentMachine: ~Copyable {
    private enum State {
        case new
        case awaitingWelcome
        case idle
        case opening
        case handedOver
        case closed
    }

    /// `closed` while it is looked at, unless another is set: what forgets to go on can't go wrong.
    private var state: State

    package init() {
        self.state = .new
    }

    /// - Returns: what to send first.
    package mutating func start(agent: AgentName, instance: InstanceID, demanded: Bool) -> PoolMessage {
        self.state = .awaitingWelcome
        return .poolHello(agent: agent, instance: instance, demanded: demanded)
    }

    package enum Received: Hashable, Sendable {
        /// The connection waits in the pool from now on.
        case idle
        /// Send `taken` at once, open the target, then call ``accept()`` or ``refuse(code:message:)``.
        case open(SessionRequest)
        /// The peer broke the protocol: close.
        case fail(String)
    }

    package mutating func received(_ message: PoolMessage) -> Received {
        switch exchange(&self.state, with: .closed) {
        case .awaitingWelcome:
            guard case .poolWelcome = message else { return self.fail("a message came before the welcome") }
            self.state = .idle
            return .idle
        case .idle:
            guard case .open(let request) = message else { return self.fail("something else than 'open' came") }
            self.state = .opening
            return .open(request)
        case .new, .opening, .handedOver, .closed:
            return self.fail("a message came that nothing asked for")
        }
    }

    private mutating func fail(_ what: String) -> Received {
        self.state = .closed
        return .fail(what)
    }

    /// - Returns: what to send before the connection is handed over; nil when it has ended meanwhile.
    package mutating func accept() -> PoolMessage? {
        switch exchange(&self.state, with: .closed) {
        case .opening:
            self.state = .handedOver
            return .accepted
        case .new, .awaitingWelcome, .idle, .handedOver, .closed:
            self.state = .closed
            return nil
        }
    }

    /// - Returns: what to send before closing; nil when the connection has ended meanwhile.
    package mutating func refuse(code: String, message: String) -> PoolMessage? {
        switch exchange(&self.state, with: .closed) {
        case .opening:
            self.state = .closed
            return .refusedSession(code: code, message: message)
        case .new, .awaitingWelcome, .idle, .handedOver, .closed:
            self.state = .closed
            return nil
        }
    }

    /// Its time in the pool is up, or its gateway is gone.
    ///
    /// - Returns: whether it is to be closed: false while a session opens on it, or has it.
    package mutating func retire() -> Bool {
        switch exchange(&self.state, with: .closed) {
        case .opening:
            self.state = .opening
            return false
        case .handedOver:
            self.state = .handedOver
            return false
        case .new, .awaitingWelcome, .idle, .closed:
            self.state = .closed
            return true
        }
    }

    package enum Ended: Hashable, Sendable {
        case unused
        /// A target is being opened, or was, for nobody.
        case abandoned
    }

    package mutating func closed() -> Ended {
        switch exchange(&self.state, with: .closed) {
        case .opening:
            self.state = .closed
            return .abandoned
        case .new, .awaitingWelcome, .idle, .handedOver, .closed:
            self.state = .closed
            return .unused
        }
    }
}
