import Crypto

/// One record as a segment holds it.
///
///     0  magic 'GBXR'        u32
///     4  length of the body  u32
///     8  CRC-32C             u32   of all of the frame but itself
///    12  place in the batch  u32   how many frames before it were written with it in one go
///    16  position            u64   1 for the chain's first frame, then one more each
///    24  body                      flags u8 · origin's length u8 · origin · sequence u64 · record in canonical form
///        head                32    SHA-256(head before ‖ body)
///
/// Numbers are big-endian. The only flag is bit 0: the record is for the host alone.
struct Frame {
    static let magic: UInt32 = 0x4742_5852
    static let headLength = 32
    static let overhead = 24 + headLength
    /// Longest body; a record that's longer is refused before it's written.
    static let longestBody = 16 << 20

    let position: UInt64
    let placeInBatch: UInt32
    let isHostOnly: Bool
    let origin: String
    let sequence: UInt64
    /// Where in the buffer the body lies, and the record inside it.
    let body: Range<Int>
    let record: Range<Int>
    let head: [UInt8]

    /// The position of the first frame that was written in one go with this one.
    var batchStart: UInt64 { self.position &- UInt64(self.placeInBatch) }
    /// Where the next frame begins.
    var end: Int { self.body.upperBound + Self.headLength }

    /// The frame that begins at `offset`; `nil` if there's none, or a damaged one.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard bytes.bigEndian(at: offset, as: UInt32.self) == Self.magic,
            let length = bytes.bigEndian(at: offset + 4, as: UInt32.self),
            let crc = bytes.bigEndian(at: offset + 8, as: UInt32.self),
            let place = bytes.bigEndian(at: offset + 12, as: UInt32.self),
            let position = bytes.bigEndian(at: offset + 16, as: UInt64.self),
            length <= Self.longestBody, length >= 10
        else { return nil }
        let body = offset + 24..<offset + 24 + Int(length)
        let end = body.upperBound + Self.headLength
        guard end <= bytes.count else { return nil }
        var computed = CRC32C()
        computed.update(bytes[offset..<offset + 8])
        computed.update(bytes[offset + 12..<end])
        guard computed.value == crc else { return nil }
        let originEnd = body.lowerBound + 2 + Int(bytes[body.lowerBound + 1])
        guard bytes[body.lowerBound] <= 1, originEnd + 8 <= body.upperBound,
            let origin = String(validating: bytes[body.lowerBound + 2..<originEnd], as: UTF8.self),
            let sequence = bytes.bigEndian(at: originEnd, as: UInt64.self)
        else { return nil }
        self.position = position
        self.placeInBatch = place
        self.isHostOnly = bytes[body.lowerBound] == 1
        self.origin = origin
        self.sequence = sequence
        self.body = body
        self.record = originEnd + 8..<body.upperBound
        self.head = Array(bytes[body.upperBound..<end])
    }

    /// How long a frame is whose first bytes are at `offset`, damaged or not; `nil` if they aren't a frame's.
    static func length(_ bytes: [UInt8], at offset: Int) -> Int? {
        guard bytes.bigEndian(at: offset, as: UInt32.self) == Self.magic,
            let length = bytes.bigEndian(at: offset + 4, as: UInt32.self), length <= Self.longestBody
        else { return nil }
        return Self.overhead + Int(length)
    }

    static func length(origin: String, record: [UInt8]) -> Int {
        Self.overhead + 10 + origin.utf8.count + record.count
    }

    /// Appends a frame to `bytes` and returns its head.
    static func append(
        to bytes: inout [UInt8], position: UInt64, placeInBatch: UInt32, isHostOnly: Bool, origin: String,
        sequence: UInt64, record: [UInt8], after head: [UInt8]
    ) -> [UInt8] {
        let start = bytes.count
        bytes.append(bigEndian: Self.magic)
        bytes.append(bigEndian: UInt32(10 + origin.utf8.count + record.count))
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: placeInBatch)
        bytes.append(bigEndian: position)
        bytes.append(isHostOnly ? 1 : 0)
        bytes.append(UInt8(truncatingIfNeeded: origin.utf8.count))
        bytes.append(contentsOf: origin.utf8)
        bytes.append(bigEndian: sequence)
        bytes.append(contentsOf: record)
        let next = Self.head(after: head, body: bytes[(start + 24)...])
        bytes.append(contentsOf: next)
        var crc = CRC32C()
        crc.update(bytes[start..<start + 8])
        crc.update(bytes[(start + 12)...])
        bytes.replace(at: start + 8, bigEndian: crc.value)
        return next
    }

    /// The chain: what a head is, given the one before.
    static func head(after head: [UInt8], body: ArraySlice<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: head)
        body.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    /// The head before the first frame.
    static let firstHead = [UInt8](repeating: 0, count: headLength)
}
