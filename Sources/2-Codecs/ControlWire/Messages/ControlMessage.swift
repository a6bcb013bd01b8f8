package import GloveboxCore

/// What agent and gateway say on the control connection.
///
/// The agent dials, says `hello` and is answered `welcome` or `refused`. Then both send in any order; each answers a
/// `ping` at once with a `pong`, and any byte counts as a sign of life.
package enum ControlMessage: Hashable, Sendable {
    // Agent to gateway
    case hello(Hello)
    /// Entries of the agent's journal, in order.
    case records([SequencedRecord])
    case sessionEnded(SessionID)
    /// The agent's targets, all of them, when they have changed.
    case inventory([TargetAnnouncement])
    /// What has become of a change on the agent's host.
    case changeReport(ChangeReport)

    // Gateway to agent
    case welcome(Welcome)
    case refused(code: String, message: String)
    /// The pool has run empty: so many more connections are wanted at once.
    case dial(count: UInt64)
    /// The agent's records up to this one are durable in the gateway's log.
    case acknowledged(sequence: UInt64)
    case leaseExtended(LeaseID, remaining: Duration)
    case leaseEnded(LeaseID, LeaseEnd)
    /// The gateway's log has grown.
    case checkpoint(LogCheckpoint)
    /// Cancel what runs in a session, but keep the session.
    case cancel(SessionID)
    /// Apply a change on the agent's host, or undo it.
    case changeOrder(ChangeOrder)

    // Both ways
    case ping(UInt64)
    case pong(UInt64)
    /// The sender closes in good order.
    case goodbye(reason: String)
}

/// The first message of an agent. Its tags keep their meaning in every version of the protocol.
package struct Hello: Hashable, Sendable {
    /// The protocol versions that the agent speaks.
    package var versions: ProtocolVersions
    package var features: Set<String>
    package var agent: AgentName
    package var instance: InstanceID
    /// Of the program, for people.
    package var software: String
    package var targets: [TargetAnnouncement]
    package var wall: WallTime
    package var boot: BootInstant
    /// The gateway's log as the agent saw it last; none before the first time.
    package var log: KnownLog?

    package init(
        versions: ProtocolVersions, features: Set<String>, agent: AgentName, instance: InstanceID, software: String,
        targets: [TargetAnnouncement], wall: WallTime, boot: BootInstant, log: KnownLog? = nil
    ) {
        self.versions = versions
        self.features = features
        self.agent = agent
        self.instance = instance
        self.software = software
        self.targets = targets
        self.wall = wall
        self.boot = boot
        self.log = log
    }
}

/// Which checkpoint of a log somebody has seen.
package struct KnownLog: Hashable, Sendable {
    /// The log's name.
    package var origin: String
    /// Its records.
    package var size: UInt64

    package init(origin: String, size: UInt64) {
        self.origin = origin
        self.size = size
    }
}

/// The head of the gateway's log, as its key signed it, and that the log is what it was before.
package struct LogCheckpoint: Hashable, Sendable {
    /// The log's public key, in the text form of signed notes.
    package var key: String
    /// A signed note.
    package var note: [UInt8]
    /// From the last one that the agent saw, or was sent, to this one: a Merkle consistency proof.
    package var proof: [[UInt8]]

    package init(key: String, note: [UInt8], proof: [[UInt8]]) {
        self.key = key
        self.note = note
        self.proof = proof
    }
}

/// The gateway's answer to a hello that it takes.
package struct Welcome: Hashable, Sendable {
    /// The version that both speak from now on.
    package var version: UInt64
    /// Those that both know.
    package var features: Set<String>
    /// Which run of the gateway this is.
    package var gateway: InstanceID
    package var pace: LivenessPace
    package var pool: PoolBounds
    /// The agent's records up to this one are in the gateway's log.
    package var lastSequence: UInt64
    /// The gateway's clock, to tell how far the two are apart.
    package var wall: WallTime
    /// The gateway's log now.
    package var log: LogCheckpoint?

    package init(
        version: UInt64, features: Set<String>, gateway: InstanceID, pace: LivenessPace, pool: PoolBounds,
        lastSequence: UInt64, wall: WallTime, log: LogCheckpoint? = nil
    ) {
        self.version = version
        self.features = features
        self.gateway = gateway
        self.pace = pace
        self.pool = pool
        self.lastSequence = lastSequence
        self.wall = wall
        self.log = log
    }
}

/// The protocol versions that a program speaks, all from `lowest` to `highest`.
package struct ProtocolVersions: Hashable, Sendable {
    package var lowest: UInt64
    package var highest: UInt64

    /// - Throws: `protocol_violation` for an empty range.
    package init(lowest: UInt64, highest: UInt64) throws(GloveboxError) {
        guard lowest >= 1, lowest <= highest else {
            throw GloveboxError(.protocolViolation, "protocol versions \(lowest) to \(highest) are no range")
        }
        self.lowest = lowest
        self.highest = highest
    }

    private init(only version: UInt64) {
        self.lowest = version
        self.highest = version
    }

    /// What this program speaks. 2 brought the log's checkpoints; an agent that took 1 as well could be kept from seeing
    /// that the log was altered.
    package static let current = ProtocolVersions(only: 2)

    /// The highest that both speak.
    package func highestInCommon(with other: ProtocolVersions) -> UInt64? {
        let version = min(self.highest, other.highest)
        return version >= max(self.lowest, other.lowest) ? version : nil
    }
}

/// How many idle connections an agent keeps ready.
package struct PoolBounds: Hashable, Sendable {
    package static let largest: UInt64 = 4096
    package var least: UInt64
    package var most: UInt64

    /// - Throws: `protocol_violation` where they aren't `least ≤ most ≤ largest`.
    package init(least: UInt64, most: UInt64) throws(GloveboxError) {
        guard least <= most, most <= Self.largest else {
            throw GloveboxError(.protocolViolation, "a pool of \(least) to \(most) connections is out of bounds")
        }
        self.least = least
        self.most = most
    }

    private init(unchecked least: UInt64, _ most: UInt64) {
        self.least = least
        self.most = most
    }

    package static let standard = PoolBounds(unchecked: 4, 64)
}
