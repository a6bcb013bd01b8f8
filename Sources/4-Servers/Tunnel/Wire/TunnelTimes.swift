package import ControlWire
package import NIOCore

/// The tunnel's times, all in one place, so that tests can choose theirs.
package struct TunnelTimes: Sendable {
    /// The gateway's; it tells its agents.
    package var pace = LivenessPace.standard
    /// How often liveness is judged.
    package var tick = Duration.milliseconds(250)
    /// From the TCP connection until both know each other.
    package var join = TimeAmount.seconds(10)
    /// How long an agent may take to say `taken` before the gateway tries another connection.
    package var taking = TimeAmount.seconds(1)
    /// How long an agent may take to open a target.
    package var opening = TimeAmount.seconds(30)
    /// How long a session waits for a connection when the pool is empty.
    package var poolWait = TimeAmount.seconds(5)
    /// A pool is refilled this long after a session took from it: see ``PoolSizing``.
    package var refill = TimeAmount.milliseconds(20)...TimeAmount.milliseconds(50)
    /// How long a connection waits in the pool, give or take a quarter: shorter than a NAT forgets.
    package var idle = TimeAmount.seconds(60)
    /// An agent dials again after `redial.lowerBound`, doubling up to `redial.upperBound`, less up to a half by chance.
    package var redial = Duration.milliseconds(100)...Duration.seconds(10)
    /// A connection that lasted as long was a success: the next dial waits as little as the first.
    package var steady = Duration.seconds(10)

    package init() {}
}
