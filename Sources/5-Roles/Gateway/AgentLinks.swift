import GloveboxCore
import PostgresAccess
import Synchronization
import Tunnel

/// Which sessions an agent serves, and the end of them: for an agent that isn't trusted any more. A lease's end is the
/// agent's own to carry out (``GatewayPorts``); this one isn't asked.
final class AgentLinks: Sendable {
    private let ports: GatewayPorts
    private let sessions = Mutex<[SessionID: AgentName]>([:])

    init(ports: GatewayPorts) {
        self.ports = ports
    }

    func opening(_ session: SessionID, on agent: AgentName) {
        self.sessions.withLock { $0[session] = agent }
    }

    func closed(_ session: SessionID) {
        self.sessions.withLock { _ = $0.removeValue(forKey: session) }
    }

    func endSessions(on agent: AgentName, _ error: GloveboxError) {
        for session in self.sessions.withLock({ $0.filter { $0.value == agent }.map(\.key) }) {
            self.ports.postgres?.end(session, error)
        }
    }

    func disconnect(_ agent: AgentName) {
        self.ports.tunnel?.disconnect(agent)
    }
}
