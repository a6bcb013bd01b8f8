/// One entry of the audit log: who did what, where, under which lease, and when.
///
/// Everything in it that came from a target or a client was redacted before the record was made.
package struct Record: Hashable, Sendable {
    package var time: WallTime
    package var identity: IdentityName?
    package var target: TargetName?
    package var lease: LeaseID?
    package var session: SessionID?
    package var event: RecordEvent
    /// Stays in the journal of the host that wrote it, as undos do; everything else goes on to the gateway's log.
    package var isHostOnly: Bool

    package init(
        time: WallTime, identity: IdentityName? = nil, target: TargetName? = nil, lease: LeaseID? = nil,
        session: SessionID? = nil, event: RecordEvent, isHostOnly: Bool = false
    ) {
        self.time = time
        self.identity = identity
        self.target = target
        self.lease = lease
        self.session = session
        self.event = event
        self.isHostOnly = isHostOnly
    }
}

/// What wrote a record, and which of its records this is: together they name it, so that one that's sent twice is
/// stored once.
package struct RecordID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// `gateway`, or `agent/NAME`; each origin numbers its records from 1 without a gap.
    package var origin: String
    package var sequence: UInt64

    package init(origin: String, sequence: UInt64) {
        self.origin = origin
        self.sequence = sequence
    }

    /// `ORIGIN:SEQUENCE`
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let sequence = UInt64(text[text.index(after: colon)...]) else {
            return nil
        }
        self.init(origin: String(text[..<colon]), sequence: sequence)
    }

    package var description: String { "\(self.origin):\(self.sequence)" }

    package static func < (a: Self, b: Self) -> Bool {
        (a.origin, a.sequence) < (b.origin, b.sequence)
    }

    /// The origin of an agent's records.
    package static func origin(of agent: AgentName) -> String { "agent/\(agent)" }
    /// The origin of a gateway's own records.
    package static let gatewayOrigin = "gateway"
}

/// A record under its number in the agent's journal, as bytes in the record's canonical form.
package struct SequencedRecord: Hashable, Sendable {
    package var sequence: UInt64
    package var bytes: [UInt8]

    package init(sequence: UInt64, bytes: [UInt8]) {
        self.sequence = sequence
        self.bytes = bytes
    }
}

/// A record with its name, as journals and logs hold it.
package struct StoredRecord: Hashable, Sendable {
    package var id: RecordID
    package var record: Record

    package init(id: RecordID, record: Record) {
        self.id = id
        self.record = record
    }
}
