package import ControlWire
package import GloveboxCore
package import NIOCore

/// What an agent does for its gateway; the tunnel's agent end calls it, on event loops: every method must return at once.
package protocol TunnelAgentEvents: Sendable {
    /// Joined: send records from after `welcome.lastSequence`. Unless the arrival is `rejoined`, every session that was
    /// open before is over, its pipe closed; `restarted` names the gateway's run that is gone.
    func gatewayJoined(_ welcome: Welcome, _ arrival: Presence.Arrival)

    /// The gateway couldn't be reached or won't have this agent: `gateway_unreachable`, or its own code. The agent tries
    /// again by itself.
    func gatewayJoinFailed(_ error: GloveboxError)

    /// The control connection is gone; sessions go on for as long as the grace.
    func gatewayAway()

    /// The gateway didn't come back in time, or left: the sessions' pipes have been closed.
    func gatewayLost()

    /// The gateway's log holds this agent's records up to this one, durably.
    func recordsAcknowledged(_ sequence: UInt64)

    /// The gateway's log has grown to this.
    func checkpointCame(_ checkpoint: LogCheckpoint)

    /// A change on this host is to be made or undone.
    func changeOrdered(_ order: ChangeOrder)

    func leaseEnded(_ lease: LeaseID, _ reason: LeaseEnd)
    func leaseExtended(_ lease: LeaseID, remaining: Duration)

    /// Cancel what runs in a session, but keep the session.
    func cancelRequested(_ session: SessionID)

    /// Open the target of a session. The gateway knows already that the agent has taken the connection, and waits.
    ///
    /// - Parameter eventLoop: the pipe's.
    /// - Returns: fails with a ``GloveboxError`` that the client is told.
    func openSession(_ request: SessionRequest, on eventLoop: any EventLoop) -> EventLoopFuture<SessionOpening>
}

/// A session whose target is open, and which waits for its pipe. Exactly one of the two is called, once.
package struct SessionOpening: Sendable {
    /// Takes the pipe over. Called on the pipe's event loop, in the tick in which `accepted` was written, with no
    /// handler left but TLS and one that holds what may come. autoRead is off: nothing is read until the session turns
    /// it on or calls `channel.read()`, in this call or later, so handlers may be added later too. Whatever is
    /// written follows `accepted`. When it throws, the pipe is closed.
    package var begin: @Sendable (any Channel) throws -> Void
    /// The pipe broke before the session could begin: close the target.
    package var abandon: @Sendable () -> Void

    package init(begin: @escaping @Sendable (any Channel) throws -> Void, abandon: @escaping @Sendable () -> Void) {
        self.begin = begin
        self.abandon = abandon
    }
}
