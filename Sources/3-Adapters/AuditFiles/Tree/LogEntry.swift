import Contracts
import Crypto
import GloveboxCore

/// What a leaf of the log's tree stands for: a record's name and the record itself in canonical form, or, where that's
/// long, its short fields and the SHA-256 by which it's found beside the tree.
///
/// Canonical form, tags: 1 origin · 2 sequence · then either 3 record, or 4 hash · 5 time · 6 identity · 7 target ·
/// 8 lease · 9 session · 10 event's name.
struct LogEntry: Hashable, Sendable {
    /// The fields of a record whose text is elsewhere.
    struct Summary: Hashable, Sendable {
        var hash: [UInt8]
        var time: WallTime
        var identity: IdentityName?
        var target: TargetName?
        var lease: LeaseID?
        var session: SessionID?
        var event: String
    }

    enum Content: Hashable, Sendable {
        case record([UInt8])
        case elsewhere(Summary)
    }

    /// In bytes; longer records stand beside the tree.
    static let longestRecord = 4096

    var id: RecordID
    var content: Content

    /// - Throws: `protocol_violation` when `record` isn't one in canonical form, which is looked at only if it's long.
    init(_ id: RecordID, record: [UInt8]) throws(GloveboxError) {
        self.id = id
        if record.count <= Self.longestRecord {
            self.content = .record(record)
        } else {
            let decoded = try Record(canonicalBytes: record)
            self.content = .elsewhere(
                Summary(
                    hash: Self.hash(record), time: decoded.time, identity: decoded.identity, target: decoded.target,
                    lease: decoded.lease, session: decoded.session, event: decoded.event.name))
        }
    }

    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.write(1, self.id.origin)
        writer.write(2, self.id.sequence)
        switch self.content {
        case .record(let bytes):
            writer.write(3, bytes: bytes)
        case .elsewhere(let summary):
            writer.write(4, bytes: summary.hash)
            writer.write(5, signed: summary.time.nanoseconds)
            writer.write(6, summary.identity?.rawValue)
            writer.write(7, summary.target?.rawValue)
            writer.write(8, summary.lease?.rawValue)
            writer.write(9, summary.session?.rawValue)
            writer.write(10, summary.event)
        }
        return writer.bytes
    }

    /// - Throws: `protocol_violation` when `bytes` aren't what ``bytes`` gives for some entry.
    init(_ bytes: ArraySlice<UInt8>) throws(GloveboxError) {
        let reader = try CanonicalReader(bytes)
        self.id = RecordID(origin: try reader.string(1), sequence: try reader.unsigned(2))
        if let record = reader.bytesIfPresent(3) {
            self.content = .record(record)
        } else {
            self.content = .elsewhere(
                Summary(
                    hash: try reader.bytes(4), time: WallTime(nanoseconds: try reader.signed(5)),
                    identity: try reader.stringIfPresent(6).map { (name) throws(GloveboxError) in try .init(name) },
                    target: try reader.stringIfPresent(7).map { (name) throws(GloveboxError) in try .init(name) },
                    lease: try reader.stringIfPresent(8).map { (id) throws(GloveboxError) in try .init(id) },
                    session: try reader.stringIfPresent(9).map { (id) throws(GloveboxError) in try .init(id) },
                    event: try reader.string(10)))
        }
    }

    static func hash(_ record: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: record)) }

    /// Only the name and the hash of an entry, which checking a whole log needs, without decoding the rest.
    struct Name {
        var origin: Range<Int>
        var sequence: UInt64
        /// Of a record beside the tree.
        var hash: Range<Int>?

        /// - Returns: `nil` when `bytes[entry]` doesn't begin as an entry does.
        init?(_ bytes: [UInt8], _ entry: Range<Int>) {
            var place = entry.lowerBound
            func varint() -> UInt64? {
                var value: UInt64 = 0
                var shift: UInt64 = 0
                while place < entry.upperBound, shift < 64 {
                    let byte = bytes[place]
                    place += 1
                    value |= UInt64(byte & 0x7F) << shift
                    if byte & 0x80 == 0 { return value }
                    shift += 7
                }
                return nil
            }
            func field(_ tag: UInt64) -> Range<Int>? {
                guard varint() == tag, let length = varint(), length <= UInt64(entry.upperBound - place) else {
                    return nil
                }
                defer { place += Int(length) }
                return place..<place + Int(length)
            }
            guard let origin = field(1), let sequence = field(2) else { return nil }
            self.origin = origin
            let rest = place
            place = sequence.lowerBound
            guard let number = varint() else { return nil }
            self.sequence = number
            place = rest
            guard place < entry.upperBound else { return nil }
            if bytes[place] == 4 {
                guard let hash = field(4), hash.count == 32 else { return nil }
                self.hash = hash
            }
        }
    }
}

extension RecordFilter {
    /// Whether it takes a record of which only this is at hand.
    func takes(_ summary: LogEntry.Summary) -> Bool {
        (self.identity == nil || summary.identity == self.identity)
            && (self.target == nil || summary.target == self.target)
            && (self.lease == nil || summary.lease == self.lease)
            && (self.event == nil || summary.event == self.event)
            && self.takes(summary.time)
    }
}
