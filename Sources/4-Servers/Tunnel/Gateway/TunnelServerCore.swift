import Contracts
import ControlWire
import GloveboxCore
import Logging
import NIOCore
import Synchronization

/// What the handlers of all connections of a ``TunnelServer`` share.
final class TunnelServerCore: Sendable {
    let configuration: TunnelServer.Configuration
    let events: any TunnelGatewayEvents
    let time: any TimeSource
    let logger: Logger

    private struct State {
        var links: [AgentName: AgentLink] = [:]
        /// Connections of which it isn't known yet whose they are.
        var unsettled: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    init(
        _ configuration: TunnelServer.Configuration, _ events: any TunnelGatewayEvents, _ time: any TimeSource,
        _ logger: Logger
    ) {
        self.configuration = configuration
        self.events = events
        self.time = time
        self.logger = logger
    }

    /// Notices are sent again to an agent that comes back within its grace.
    var noticesKept: Duration {
        let pace = self.configuration.times.pace
        return pace.deadAfter + pace.grace + .seconds(1)
    }

    // MARK: Connections

    /// - Returns: false when too many connections aren't settled, or the server is closed.
    func admit(_ channel: any Channel) -> Bool {
        let isAdmitted = self.state.withLock { state in
            guard !state.isClosed, state.unsettled.count < self.configuration.unsettledLimit else { return false }
            state.unsettled[ObjectIdentifier(channel)] = channel
            return true
        }
        if isAdmitted { channel.closeFuture.whenComplete { _ in self.settle(channel) } }
        return isAdmitted
    }

    func settle(_ channel: any Channel) {
        self.state.withLock { _ = $0.unsettled.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    // MARK: Agents

    /// The one of an agent with a valid certificate; nil when the server is closed.
    func link(of agent: AgentName) -> AgentLink? {
        self.state.withLock { state in
            guard !state.isClosed else { return nil }
            if let link = state.links[agent] { return link }
            let link = AgentLink(agent)
            state.links[agent] = link
            return link
        }
    }

    var agents: [AgentName] { self.state.withLock { Array($0.links.keys) } }

    func knownLink(of agent: AgentName) -> AgentLink? {
        self.state.withLock { $0.links[agent] }
    }

    func tick(at now: BootInstant) {
        for link in self.state.withLock({ Array($0.links.values) }) {
            self.judgeAbsence(of: link, at: now)
            guard let control = link.control else { continue }
            control.eventLoop.execute {
                guard
                    let context = try? control.pipeline.syncOperations.context(handlerType: ControlGatewayHandler.self),
                    let handler = context.handler as? ControlGatewayHandler
                else { return }
                handler.tick(context, at: now)
            }
        }
    }

    func judgeAbsence(of link: AgentLink, at now: BootInstant, goodbye: String? = nil) {
        guard link.tick(at: now) else { return }
        self.events.agentLost(link.agent, goodbye: goodbye)
    }

    func close() -> ([AgentLink], [any Channel]) {
        self.state.withLock { state in
            state.isClosed = true
            return (Array(state.links.values), Array(state.unsettled.values))
        }
    }
}
