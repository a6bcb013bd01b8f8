/// MurmurHash3, the 32-bit variant for x86 (Austin Appleby, public domain), with seed 0: what flagd's `fractional` puts
/// people into buckets by. Not for anything that somebody would gain from guessing.
enum MurmurHash3 {
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash: UInt32 = 0
        let blocks = bytes.count / 4
        for block in 0..<blocks {
            let at = block * 4
            let word =
                UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
                | UInt32(bytes[at + 3]) << 24
            hash ^= Self.mixed(word)
            hash = (hash << 13 | hash >> 19) &* 5 &+ 0xE654_6B64
        }
        var tail: UInt32 = 0
        for at in (blocks * 4..<bytes.count).reversed() { tail = tail << 8 | UInt32(bytes[at]) }
        // Of no tail it is zero.
        hash ^= Self.mixed(tail)
        hash ^= UInt32(truncatingIfNeeded: bytes.count)
        hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
        hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
        return hash ^ hash >> 16
    }

    private static func mixed(_ word: UInt32) -> UInt32 {
        let product = word &* 0xCC9E_2D51
        return (product << 15 | product >> 17) &* 0x1B87_3593
    }

    /// Of the two texts one after the other, in UTF-8.
    static func hash(_ first: String, _ second: String) -> UInt32 {
        var (first, second) = (first, second)
        return first.withUTF8 { first in
            second.withUTF8 { second in
                if second.isEmpty { return self.hash(first) }
                let count = first.count + second.count
                return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
                    var end = buffer.initialize(fromContentsOf: first)
                    end = buffer[end...].initialize(fromContentsOf: second)
                    return self.hash(UnsafeBufferPointer(rebasing: buffer[..<end]))
                }
            }
        }
    }
}
