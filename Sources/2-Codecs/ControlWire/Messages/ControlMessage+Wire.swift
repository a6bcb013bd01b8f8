package import GloveboxCore

extension ControlMessage: WireMessage {
    /// Records carry statements, so frames may be long: 17 MiB, as a journal's longest record is one of 16 MiB.
    package static let longestFrame = 17 << 20

    package var type: UInt8 {
        switch self {
        case .hello: 1
        case .welcome: 2
        case .refused: 3
        case .ping: 4
        case .pong: 5
        case .dial: 6
        case .records: 7
        case .acknowledged: 8
        case .leaseExtended: 9
        case .leaseEnded: 10
        case .cancel: 11
        case .sessionEnded: 12
        case .inventory: 13
        case .goodbye: 14
        case .checkpoint: 15
        case .changeOrder: 16
        case .changeReport: 17
        }
    }

    package func writePayload(to writer: inout CanonicalWriter) {
        switch self {
        case .hello(let hello):
            hello.write(to: &writer)
        case .welcome(let welcome):
            welcome.write(to: &writer)
        case .refused(let code, let message):
            writer.write(1, code)
            writer.write(2, message)
        case .ping(let number), .pong(let number), .dial(let number), .acknowledged(let number):
            writer.write(1, number)
        case .records(let records):
            writer.write(1, list: records) { writer, record in
                writer.write(1, record.sequence)
                writer.write(2, bytes: record.bytes)
            }
        case .leaseExtended(let lease, let remaining):
            writer.write(1, lease.rawValue)
            writer.write(2, signed: remaining.nanosecondsClamped)
        case .leaseEnded(let lease, let reason):
            writer.write(1, lease.rawValue)
            writer.write(2, reason.rawValue)
        case .cancel(let session), .sessionEnded(let session):
            writer.write(1, session.rawValue)
        case .inventory(let targets):
            writer.write(1, list: targets) { $1.write(to: &$0) }
        case .goodbye(let reason):
            writer.write(1, reason)
        case .checkpoint(let checkpoint):
            checkpoint.write(to: &writer)
        case .changeOrder(let order):
            order.write(to: &writer)
        case .changeReport(let report):
            report.write(to: &writer)
        }
    }

    package static func read(type: UInt8, _ payload: CanonicalReader) throws(GloveboxError) -> ControlMessage? {
        switch type {
        case 1: return .hello(try Hello(payload))
        case 2: return .welcome(try Welcome(payload))
        case 3: return .refused(code: try payload.string(1), message: try payload.string(2))
        case 4: return .ping(try payload.unsigned(1))
        case 5: return .pong(try payload.unsigned(1))
        case 6: return .dial(count: try payload.unsigned(1))
        case 7:
            return .records(
                try payload.list(1) { (record) throws(GloveboxError) in
                    SequencedRecord(sequence: try record.unsigned(1), bytes: try record.bytes(2))
                })
        case 8: return .acknowledged(sequence: try payload.unsigned(1))
        case 9: return .leaseExtended(try LeaseID(payload.string(1)), remaining: .nanoseconds(try payload.signed(2)))
        case 10:
            // A newer gateway may have a reason that this version has no word for; the lease has ended all the same.
            return .leaseEnded(try LeaseID(payload.string(1)), LeaseEnd(rawValue: try payload.string(2)) ?? .admin)
        case 11: return .cancel(try SessionID(payload.string(1)))
        case 12: return .sessionEnded(try SessionID(payload.string(1)))
        case 13: return .inventory(try payload.list(1, TargetAnnouncement.init(wire:)))
        case 14: return .goodbye(reason: try payload.string(1))
        case 15: return .checkpoint(try LogCheckpoint(payload))
        case 16: return .changeOrder(try ChangeOrder(payload))
        case 17: return .changeReport(try ChangeReport(payload))
        default: return nil
        }
    }
}

extension Hello {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.versions.lowest)
        writer.write(2, self.versions.highest)
        writer.write(3, strings: self.features.sorted())
        writer.write(4, self.agent.rawValue)
        writer.write(5, self.instance.rawValue)
        writer.write(6, self.software)
        writer.write(7, list: self.targets) { $1.write(to: &$0) }
        writer.write(8, signed: self.wall.nanoseconds)
        writer.write(9, signed: self.boot.nanoseconds)
        if let log = self.log {
            writer.write(10) {
                $0.write(1, log.origin)
                $0.write(2, log.size)
            }
        }
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            versions: try ProtocolVersions(lowest: reader.unsigned(1), highest: reader.unsigned(2)),
            features: Set(try reader.strings(3)), agent: try AgentName(reader.string(4)),
            instance: try InstanceID(reader.string(5)), software: try reader.string(6),
            targets: try reader.list(7, TargetAnnouncement.init(wire:)),
            wall: WallTime(nanoseconds: try reader.signed(8)), boot: BootInstant(nanoseconds: try reader.signed(9)),
            log: try reader.nestedIfPresent(10).map { (log) throws(GloveboxError) in
                KnownLog(origin: try log.string(1), size: try log.unsigned(2))
            })
    }
}

extension Welcome {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.version)
        writer.write(2, strings: self.features.sorted())
        writer.write(3, self.gateway.rawValue)
        writer.write(4, signed: self.pace.pingEvery.nanosecondsClamped)
        writer.write(5, signed: self.pace.deadAfter.nanosecondsClamped)
        writer.write(6, signed: self.pace.grace.nanosecondsClamped)
        writer.write(7, self.pool.least)
        writer.write(8, self.pool.most)
        writer.write(9, self.lastSequence)
        writer.write(10, signed: self.wall.nanoseconds)
        if let log = self.log { writer.write(11) { log.write(to: &$0) } }
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            version: try reader.unsigned(1), features: Set(try reader.strings(2)),
            gateway: try InstanceID(reader.string(3)),
            pace: try LivenessPace(
                pingEvery: .nanoseconds(reader.signed(4)), deadAfter: .nanoseconds(reader.signed(5)),
                grace: .nanoseconds(reader.signed(6))),
            pool: try PoolBounds(least: reader.unsigned(7), most: reader.unsigned(8)),
            lastSequence: try reader.unsigned(9), wall: WallTime(nanoseconds: try reader.signed(10)),
            log: try reader.nestedIfPresent(11).map { (log) throws(GloveboxError) in try LogCheckpoint(log) })
    }
}

extension LogCheckpoint {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.key)
        writer.write(2, bytes: self.note)
        writer.write(3, list: self.proof) { $0.write(1, bytes: $1) }
    }

    fileprivate init(_ reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            key: try reader.string(1), note: try reader.bytes(2),
            proof: try reader.list(3) { (hash) throws(GloveboxError) in try hash.bytes(1) })
    }
}

extension TargetAnnouncement {
    fileprivate func write(to writer: inout CanonicalWriter) {
        writer.write(1, self.name.rawValue)
        writer.write(2, self.kind)
        writer.write(3, strings: self.labels)
        writer.write(4, strings: self.capabilities.map(\.rawValue).sorted())
        writer.write(5, signed: self.longest?.nanosecondsClamped)
    }

    fileprivate init(wire reader: CanonicalReader) throws(GloveboxError) {
        self.init(
            name: try TargetName(reader.string(1)), kind: try reader.string(2), labels: try reader.stringPairs(3),
            capabilities: try Set<Capability>(wire: reader.strings(4)),
            longest: try reader.signedIfPresent(5).map { .nanoseconds($0) })
    }
}

extension Set<Capability> {
    /// Capabilities that this version doesn't know are left out: what isn't understood isn't allowed.
    init(wire names: [String]) {
        self = Set(names.compactMap(Capability.init(rawValue:)))
    }
}
