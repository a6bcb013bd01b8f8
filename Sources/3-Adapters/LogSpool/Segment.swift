import AuditFiles

/// A file of the spool: eight bytes that say what it is, then frames: a length and a CRC-32C of 32 bits each (big endian),
/// and so many bytes. Its name is the number of its first frame.
struct Segment {
    static let magic = Array("GBXSPOL1".utf8)
    static let suffix = ".spool"
    static let frameHead = 8

    let path: String
    let first: UInt64
    /// How many frames there are, and where the last one ends.
    var count: UInt64 = 0
    var end = Segment.magic.count

    var next: UInt64 { self.first + self.count }

    init(folder: String, first: UInt64) {
        let digits = "\(first)"
        self.path = "\(folder)/\(String(repeating: "0", count: 20 - digits.count))\(digits)\(Self.suffix)"
        self.first = first
    }

    /// The number in a segment's name.
    static func first(in name: String) -> UInt64? {
        guard name.hasSuffix(Self.suffix), name.utf8.count == 20 + Self.suffix.utf8.count else { return nil }
        return UInt64(name.dropLast(Self.suffix.count))
    }

    static func frame(_ payload: [UInt8]) -> [UInt8] {
        BigEndian32.bytes(UInt32(payload.count)) + BigEndian32.bytes(CRC32C.of(payload)) + payload
    }

    /// The whole frames in `bytes`, and how many bytes they take; it stops at the first that isn't whole.
    static func frames(in bytes: [UInt8], from start: Int = 0) -> (payloads: [[UInt8]], end: Int) {
        var payloads: [[UInt8]] = []
        var offset = start
        while offset + Self.frameHead <= bytes.count {
            let count = Int(BigEndian32.value(bytes[offset..<(offset + 4)]))
            let first = offset + Self.frameHead
            guard count > 0, count <= bytes.count - first else { break }
            let payload = Array(bytes[first..<(first + count)])
            guard CRC32C.of(payload) == BigEndian32.value(bytes[(offset + 4)..<first]) else { break }
            payloads.append(payload)
            offset = first + count
        }
        return (payloads, offset)
    }
}

enum BigEndian32 {
    static func bytes(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }

    static func value(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}
