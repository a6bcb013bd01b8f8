extension Record {
    /// The one byte form of this record; equal records have equal bytes.
    package var canonicalBytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(1, signed: self.time.nanoseconds)
        writer.write(2, self.identity?.rawValue)
        writer.write(3, self.target?.rawValue)
        writer.write(4, self.lease?.rawValue)
        writer.write(5, self.session?.rawValue)
        if self.isHostOnly {
            writer.write(6, 1 as UInt64)
        }
        writer.write(7) { self.event.write(to: &$0) }
        return writer.bytes
    }

    /// Whether `bytes` may be a record of an agent's seal or of its end: for whoever waits for these among many, without
    /// reading all of each.
    package static func mayTellOfSeal(_ bytes: some Collection<UInt8>) -> Bool {
        guard let event = try? CanonicalReader(bytes).nested(7) else { return false }
        return event.has(70) || event.has(71)
    }

    /// - Throws: `protocol_violation` when `bytes` are not exactly what ``canonicalBytes`` gives for some record.
    package init(canonicalBytes bytes: some Collection<UInt8>) throws(GloveboxError) {
        let reader = try CanonicalReader(bytes)
        let event = try reader.nested(7)
        var decoded: RecordEvent?
        for tag in RecordEvent.tags {
            guard let body = event.bytesIfPresent(tag) else { continue }
            guard decoded == nil else { throw CanonicalReader.malformed }
            decoded = try RecordEvent(tag: tag, CanonicalReader(body))
        }
        guard let decoded else { throw CanonicalReader.malformed }
        self.init(
            time: WallTime(nanoseconds: try reader.signed(1)),
            identity: try reader.stringIfPresent(2).map { (name) throws(GloveboxError) in try IdentityName(name) },
            target: try reader.stringIfPresent(3).map { (name) throws(GloveboxError) in try TargetName(name) },
            lease: try reader.stringIfPresent(4).map { (id) throws(GloveboxError) in try LeaseID(id) },
            session: try reader.stringIfPresent(5).map { (id) throws(GloveboxError) in try SessionID(id) },
            event: decoded,
            isHostOnly: try reader.unsignedIfPresent(6) == 1)
        guard self.canonicalBytes == Array(bytes) else { throw CanonicalReader.malformed }
    }
}
