import ControlWire
import GloveboxCore
import Logging
import NIOCore
import PostgresAccess
import Tunnel

/// What the agent does for its gateway.
struct GatewayConnection: TunnelAgentEvents {
    let opener: AgentSessions
    let outbox: RecordOutbox
    let memory: LogMemory
    let condition: AgentCondition
    let changes: HostInbox
    /// Why it couldn't be joined, in words that help.
    let explained: @Sendable (GloveboxError) -> GloveboxError
    let logger: Logger

    func gatewayJoined(_ welcome: Welcome, _ arrival: Presence.Arrival) {
        self.logger.notice("joined the gateway", metadata: ["gateway": "\(welcome.gateway)"])
        self.condition.joined(welcome)
        self.memory.postpone(welcome.lastSequence)
        self.held(to: welcome.log)
        self.changes.put(.joined)
    }

    func changeOrdered(_ order: ChangeOrder) {
        self.changes.put(.order(order))
    }

    func gatewayJoinFailed(_ error: GloveboxError) {
        self.logger.warning(
            "couldn't join the gateway, trying again", metadata: ["error": "\(self.explained(error))"])
    }

    func gatewayAway() {
        self.logger.warning("the gateway is away")
        self.changes.left()
        self.condition.left()
        self.outbox.left()
    }

    func gatewayLost() {
        self.logger.warning("the gateway is lost: sessions end")
        self.changes.left()
        self.condition.left()
        self.outbox.left()
        self.opener.postgres.endAll(GloveboxError(.unavailable, "agent and gateway have lost each other"))
    }

    func recordsAcknowledged(_ sequence: UInt64) {
        self.outbox.acknowledged(sequence)
    }

    func checkpointCame(_ checkpoint: LogCheckpoint) {
        self.held(to: checkpoint)
    }

    /// Promise 8: what a gateway with an altered log opens isn't on record anywhere.
    private func held(to checkpoint: LogCheckpoint?) {
        let before = self.memory.refusal
        do throws(GloveboxError) {
            try self.memory.saw(checkpoint)
        } catch {
            self.logger.critical(
                "THE GATEWAY'S AUDIT LOG WAS ALTERED OR REPLACED: no session may open", metadata: ["error": "\(error)"])
            return self.opener.postgres.endAll(error, refusing: .log)
        }
        // Only a log that's accepted gets the records, since what it acknowledges is deleted here.
        if let sequence = self.memory.takePostponed() {
            do throws(GloveboxError) {
                try self.outbox.joined(after: sequence)
            } catch {
                self.logger.critical("no session may open", metadata: ["error": "\(error)"])
                return self.opener.postgres.endAll(error, refusing: .log)
            }
        }
        guard before != nil else { return }
        self.logger.notice("the gateway's log is accepted: sessions may open")
        self.opener.postgres.admit(.log)
    }

    func leaseEnded(_ lease: LeaseID, _ reason: LeaseEnd) {
        self.opener.end(lease, reason)
        self.changes.put(.leaseEnded(lease))
    }

    func leaseExtended(_ lease: LeaseID, remaining: Duration) {
        self.opener.ledger.changed(lease, remaining: remaining)
        self.changes.put(.leaseExtended(lease, remaining: remaining))
    }

    func cancelRequested(_ session: SessionID) {
        self.opener.postgres.cancel(session)
    }

    func openSession(_ request: SessionRequest, on eventLoop: any EventLoop) -> EventLoopFuture<SessionOpening> {
        self.open(request, on: eventLoop).map { session in
            SessionOpening(
                begin: { pipe in _ = session.begin(on: pipe) },
                abandon: { session.end(GloveboxError(.unavailable, "the gateway went away before the session began")) })
        }
    }

    func open(_ request: SessionRequest, on eventLoop: any EventLoop) -> EventLoopFuture<PostgresAgentSession> {
        let opening = self.opener.open(request, on: eventLoop)
        opening.whenFailure { error in
            let error = error as? GloveboxError
            // What the agent's host alone should know is in the cause.
            self.logger.warning(
                "a session was refused",
                metadata: [
                    "target": "\(request.grant.target)", "lease": "\(request.grant.lease)",
                    "error": "\(error?.debugDescription ?? "unexpected")",
                ])
        }
        return opening
    }
}
