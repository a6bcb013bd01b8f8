package import GloveboxCore
package import NIOCore
import Synchronization

/// The short way to an agent in the gateway's own process: it takes a client's connection itself, so that nothing goes
/// through a tunnel. Everything else is as with an agent elsewhere: it joins over its control connection, holds requests
/// against its ceiling, and is told there which leases end.
package final class NearAgent: Sendable {
    package typealias Opening =
        @Sendable (_ request: SessionRequest, _ eventLoop: any EventLoop) -> EventLoopFuture<PostgresAgentSession>

    private let agent = Mutex<(name: AgentName, open: Opening)?>(nil)

    package init() {}

    /// The agent runs from now on.
    package func serve(_ name: AgentName, _ open: @escaping Opening) {
        self.agent.withLock { $0 = (name, open) }
    }

    /// The agent opens nothing any more.
    package func stop() {
        self.agent.withLock { $0 = nil }
    }

    /// - Returns: nil when that agent isn't in this process. Fails with the agent's own refusal.
    package func open(
        _ request: SessionRequest, on name: AgentName, eventLoop: any EventLoop
    ) -> EventLoopFuture<PostgresAgentSession>? {
        guard let agent = self.agent.withLock({ $0 }), agent.name == name else { return nil }
        return agent.open(request, eventLoop)
    }
}
