import ControlWire
import GloveboxCore
import PostgresAccess
import Synchronization
import Tunnel

/// The ports that lease steps reach into, once they're open.
final class GatewayPorts: Sendable {
    private struct Open {
        var tunnel: TunnelServer
        var postgres: PostgresPort
    }

    private let ports = Mutex<Open?>(nil)

    func open(tunnel: TunnelServer, postgres: PostgresPort) {
        self.ports.withLock { $0 = Open(tunnel: tunnel, postgres: postgres) }
    }

    var tunnel: TunnelServer? { self.ports.withLock { $0?.tunnel } }
    var postgres: PostgresPort? { self.ports.withLock { $0?.postgres } }
    /// Cuts one session at the port, which tells the client why; the agent ends it when its pipe closes.
    func endSession(_ session: SessionID, _ error: GloveboxError) {
        self.ports.withLock { $0 }?.postgres.end(session, error)
    }

    func tell(_ checkpoint: LogCheckpoint, to agent: AgentName) {
        self.ports.withLock { $0 }?.tunnel.tell(checkpoint, to: agent)
    }

    func send(_ order: ChangeOrder, to agent: AgentName) {
        self.ports.withLock { $0 }?.tunnel.send(order, to: agent)
    }

    /// The agent ends the sessions, since it knows where a message ends; the port closes what is still open after a
    /// grace.
    var effects: LeaseEffects {
        LeaseEffects(
            ended: { lease, reason in
                guard let ports = self.ports.withLock({ $0 }) else { return }
                ports.tunnel.endLease(lease.id, reason: reason)
                ports.postgres.endLease(
                    lease.id, GloveboxError(.leaseNotActive, "lease \(lease.id) has ended (\(reason.rawValue))"))
            },
            changed: { lease, remaining in
                guard let tunnel = self.ports.withLock({ $0 })?.tunnel else { return }
                tunnel.extendLease(lease.id, remaining: remaining)
            },
            cutAll: { error in
                self.ports.withLock { $0 }?.postgres.endAll(error)
            })
    }
}
