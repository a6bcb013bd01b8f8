package import GloveboxCore

/// A pooled connection as the gateway sees it.
///
/// Legal transitions: awaiting the hello → judging it → idle → opening (asked) → opening (taken) → handed over. It can
/// be closed from each; one that was handed over is a session's, and this machine is done.
package struct PoolGatewayMachine: ~Copyable {
    private enum State {
        case awaitingHello
        case judging
        case idle
        case asked
        case taken
        case handedOver
        case closed
    }

    /// `closed` while it is looked at, unless another is set: what forgets to go on can't go wrong.
    private var state: State
    private let agent: AgentName

    /// - Parameter agent: whom the connection's certificate speaks for.
    package init(agent: AgentName) {
        self.state = .awaitingHello
        self.agent = agent
    }

    package enum Received: Hashable, Sendable {
        /// Look whether this run of the agent is the one that has joined, then call ``admit()`` or close.
        case judge(instance: InstanceID, demanded: Bool)
        /// The agent opens the target now; the gateway waits for that.
        case taken
        /// Take this machine's handlers out: what follows are the session's bytes.
        case handOver
        /// The agent won't open the session: tell who asked, and close.
        case refused(code: String, message: String)
        /// The peer broke the protocol: close.
        case fail(String)
    }

    package mutating func received(_ message: PoolMessage) -> Received {
        switch exchange(&self.state, with: .closed) {
        case .awaitingHello:
            self.state = .closed
            guard case .poolHello(let agent, let instance, let demanded) = message else {
                return .fail("a message came before the hello")
            }
            guard agent == self.agent else { return .fail("the certificate speaks for another agent") }
            self.state = .judging
            return .judge(instance: instance, demanded: demanded)
        case .asked:
            guard case .taken = message else { return self.fail("something else than 'taken' answered 'open'") }
            self.state = .taken
            return .taken
        case .taken:
            switch message {
            case .accepted:
                self.state = .handedOver
                return .handOver
            case .refusedSession(let code, let message):
                self.state = .closed
                return .refused(code: code, message: message)
            case .poolHello, .poolWelcome, .open, .taken:
                return self.fail("neither 'accepted' nor 'refusedSession' followed 'taken'")
            }
        case .judging, .idle, .handedOver, .closed:
            return self.fail("a message came that nothing asked for")
        }
    }

    private mutating func fail(_ what: String) -> Received {
        self.state = .closed
        return .fail(what)
    }

    /// - Returns: what to send; nil when the connection has ended meanwhile. It is idle then.
    package mutating func admit() -> PoolMessage? {
        switch exchange(&self.state, with: .closed) {
        case .judging:
            self.state = .idle
            return .poolWelcome
        case .awaitingHello, .idle, .asked, .taken, .handedOver, .closed:
            self.state = .closed
            return nil
        }
    }

    /// - Returns: what to send; nil when this connection isn't idle, so that another has to be tried.
    package mutating func open(_ request: SessionRequest) -> PoolMessage? {
        switch exchange(&self.state, with: .closed) {
        case .idle:
            self.state = .asked
            return .open(request)
        case .awaitingHello, .judging, .asked, .taken, .handedOver, .closed:
            self.state = .closed
            return nil
        }
    }

    /// - Returns: whether the connection is to be given up because the agent hasn't taken it. False once it has.
    package mutating func takingOverdue() -> Bool {
        switch exchange(&self.state, with: .closed) {
        case .asked:
            self.state = .closed
            return true
        case .awaitingHello: self.state = .awaitingHello
        case .judging: self.state = .judging
        case .idle: self.state = .idle
        case .taken: self.state = .taken
        case .handedOver: self.state = .handedOver
        case .closed: self.state = .closed
        }
        return false
    }

    package enum Ended: Hashable, Sendable {
        /// Nobody waits for it.
        case unused
        /// The session was asked for, and no client byte sent: try another connection.
        case retry
        /// The agent had begun to open the target: tell who asked.
        case lost
    }

    package mutating func closed() -> Ended {
        switch exchange(&self.state, with: .closed) {
        case .asked:
            self.state = .closed
            return .retry
        case .taken:
            self.state = .closed
            return .lost
        case .awaitingHello, .judging, .idle, .handedOver, .closed:
            self.state = .closed
            return .unused
        }
    }
}
