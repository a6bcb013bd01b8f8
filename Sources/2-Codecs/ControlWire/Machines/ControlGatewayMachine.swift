package import GloveboxCore

/// A control connection as the gateway sees it.
///
/// Legal transitions: awaiting the hello → judging it (the gateway looks the agent up) → open → closed. Version and
/// features are settled from the hello alone: the highest version that both speak, the features that both know.
/// Messages are taken only in `open`, pings excepted; what the peer may not send there is its fault and ends the
/// connection.
package struct ControlGatewayMachine: ~Copyable {
    private enum State {
        case awaitingHello
        case judging(Terms)
        case open(Terms)
        case closed
    }

    /// What hello and gateway have in common.
    package struct Terms: Hashable, Sendable {
        package var version: UInt64
        package var features: Set<String>
    }

    /// `closed` while it is looked at, unless another is set: what forgets to go on can't go wrong.
    private var state: State
    private let agent: AgentName
    private let versions: ProtocolVersions
    private let features: Set<String>

    /// - Parameter agent: whom the connection's certificate speaks for.
    package init(agent: AgentName, versions: ProtocolVersions = .current, features: Set<String> = []) {
        self.state = .awaitingHello
        self.agent = agent
        self.versions = versions
        self.features = features
    }

    package enum Received: Hashable, Sendable {
        /// Look whether this agent may join, then call ``admit(gateway:pace:pool:lastSequence:wall:log:)`` or ``refuse(code:message:)``.
        case judge(Hello)
        case send(ControlMessage)
        /// Send this and close.
        case refuse(ControlMessage)
        case records([SequencedRecord])
        case sessionEnded(SessionID)
        case inventory([TargetAnnouncement])
        case changeReport(ChangeReport)
        /// The agent leaves in good order: close.
        case goodbye(String)
        /// The peer broke the protocol: close.
        case fail(String)
        case ignore
    }

    package mutating func received(_ message: ControlMessage) -> Received {
        switch exchange(&self.state, with: .closed) {
        case .awaitingHello:
            guard case .hello(let hello) = message else { return self.fail("a message came before the hello") }
            return self.judge(hello)
        case .judging(let terms):
            self.state = .judging(terms)
            if case .ping(let number) = message { return .send(.pong(number)) }
            return self.fail("a message came before the welcome")
        case .open(let terms):
            self.state = .open(terms)
            return self.receivedOpen(message)
        case .closed:
            self.state = .closed
            return .ignore
        }
    }

    private mutating func judge(_ hello: Hello) -> Received {
        self.state = .closed
        guard hello.agent == self.agent else {
            return .refuse(
                .refused(
                    code: GloveboxError.Code.forbidden.rawValue,
                    message:
                        "the certificate speaks for agent '\(self.agent)', not for '\(hello.agent)': correct the name in the agent's configuration, or enrol it again"
                ))
        }
        guard let version = self.versions.highestInCommon(with: hello.versions) else {
            return .refuse(
                .refused(
                    code: GloveboxError.Code.versionUnsupported.rawValue,
                    message:
                        "the gateway speaks protocol versions \(self.versions.lowest) to \(self.versions.highest), the agent \(hello.versions.lowest) to \(hello.versions.highest): upgrade the older of the two"
                ))
        }
        self.state = .judging(Terms(version: version, features: self.features.intersection(hello.features)))
        return .judge(hello)
    }

    private mutating func receivedOpen(_ message: ControlMessage) -> Received {
        switch message {
        case .ping(let number): return .send(.pong(number))
        case .pong: return .ignore
        case .records(let records):
            guard zip(records, records.dropFirst()).allSatisfy({ $0.sequence < $1.sequence }) else {
                return self.fail("records came out of order")
            }
            return records.isEmpty ? .ignore : .records(records)
        case .sessionEnded(let session): return .sessionEnded(session)
        case .inventory(let targets): return .inventory(targets)
        case .changeReport(let report): return .changeReport(report)
        case .goodbye(let reason):
            self.state = .closed
            return .goodbye(reason)
        case .hello: return self.fail("a second hello came")
        case .welcome, .refused, .dial, .acknowledged, .leaseExtended, .leaseEnded, .cancel, .checkpoint,
            .changeOrder:
            return self.fail("an agent sent what only a gateway sends")
        }
    }

    private mutating func fail(_ what: String) -> Received {
        self.state = .closed
        return .fail(what)
    }

    /// - Returns: the welcome to send; nil when the connection has ended meanwhile.
    package mutating func admit(
        gateway: InstanceID, pace: LivenessPace, pool: PoolBounds, lastSequence: UInt64, wall: WallTime,
        log: LogCheckpoint? = nil
    ) -> Welcome? {
        switch exchange(&self.state, with: .closed) {
        case .judging(let terms):
            self.state = .open(terms)
            return Welcome(
                version: terms.version, features: terms.features, gateway: gateway, pace: pace, pool: pool,
                lastSequence: lastSequence, wall: wall, log: log)
        case .awaitingHello, .open, .closed:
            // Ours to blame: nobody is admitted without a hello, or twice.
            self.state = .closed
            return nil
        }
    }

    /// - Returns: what to send before closing; nil when the connection has ended meanwhile.
    package mutating func refuse(code: String, message: String) -> ControlMessage? {
        switch exchange(&self.state, with: .closed) {
        case .judging:
            self.state = .closed
            return .refused(code: code, message: message)
        case .awaitingHello, .open, .closed:
            self.state = .closed
            return nil
        }
    }

    /// Whether messages other than the welcome may be sent.
    package var isOpen: Bool {
        switch self.state {
        case .open: true
        case .awaitingHello, .judging, .closed: false
        }
    }

    package mutating func closed() {
        self.state = .closed
    }
}
