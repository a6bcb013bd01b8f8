import Contracts
import GloveboxCore
import Logging
import NIOCore
import PostgresAccess
import Redaction

/// Opens what gateways ask for: first the ceiling and the clock judge, then the target is opened.
struct AgentSessions: Sendable {
    let ledger: GrantLedger
    let targets: [TargetName: PostgresTarget]
    /// Of targets that have one of their own, for sessions for which policy names none.
    let profiles: [TargetName: String]
    let postgres: PostgresAgentSessions
    let journal: any RecordJournal
    let drain: Drain
    let time: any TimeSource

    /// - Returns: a session that's signed in to its target and waits for its pipe.
    func open(_ request: SessionRequest, on eventLoop: any EventLoop) -> EventLoopFuture<PostgresAgentSession> {
        do throws(GloveboxError) {
            if self.drain.hasBegun { throw self.drain.refusal }
            var admitted = try self.ledger.admit(request)
            if admitted.grant.maskingProfile == MaskingProfile.default.name,
                let profile = self.profiles[request.grant.target]
            {
                admitted.grant.maskingProfile = profile
            }
            guard let target = self.targets[request.grant.target] else {
                throw GloveboxError(
                    .unknownTarget,
                    "agent.yaml has no target '\(request.grant.target)': the ceiling names it, so add it there")
            }
            return self.postgres.open(admitted, target: target, on: eventLoop)
        } catch {
            self.journal.append([
                Record(
                    time: self.time.wall, identity: request.grant.holder, target: request.grant.target,
                    lease: request.grant.lease, session: request.session,
                    event: .sessionRefused(code: error.code.rawValue, message: error.message))
            ]) { _ in }
            return eventLoop.makeFailedFuture(error)
        }
    }

    /// Cuts a lease's sessions here, for good.
    func end(_ lease: LeaseID, _ reason: LeaseEnd) {
        self.ledger.ended(lease)
        self.postgres.endLease(lease, Self.error(lease, reason))
    }

    static func error(_ lease: LeaseID, _ reason: LeaseEnd) -> GloveboxError {
        switch reason {
        case .expired:
            GloveboxError(.leaseNotActive, "the time of lease \(lease) is up: open another")
        case .holder, .admin, .holderDisabled, .policy, .ceiling, .records, .restored:
            GloveboxError(.leaseNotActive, "lease \(lease) has ended (\(reason.rawValue)): open another")
        }
    }
}
