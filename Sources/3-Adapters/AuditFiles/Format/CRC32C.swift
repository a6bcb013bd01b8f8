/// CRC-32C (Castagnoli; RFC 3720, appendix B.4): tells a torn or rotten frame from a whole one. Against malice there is
/// the hash chain.
package struct CRC32C {
    private var state: UInt32 = ~0

    var value: UInt32 { ~self.state }

    /// Eight bytes at a time ("slicing by 8", M. E. Kounavis and F. L. Berry, 2005).
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var state = self.state
        Self.tables.withUnsafeBufferPointer { tables in
            var offset = 0
            while offset + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let mixed = word ^ UInt64(state)
                state = 0
                for place in 0..<8 {
                    let byte = Int(truncatingIfNeeded: mixed >> (8 * UInt64(place))) & 0xFF
                    state ^= tables[(7 - place) << 8 | byte]
                }
                offset += 8
            }
            while offset < bytes.count {
                state = state >> 8 ^ tables[Int((state ^ UInt32(bytes[offset])) & 0xFF)]
                offset += 1
            }
        }
        self.state = state
    }

    mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { self.update($0) }
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes[...])
        return crc.value
    }

    /// Eight tables of 256: what a byte does to the state, and what it does with 1 to 7 zero bytes after it.
    private static let tables: [UInt32] = {
        var tables = (0..<256).map { index in
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            return value
        }
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables.append(before >> 8 ^ tables[Int(before & 0xFF)])
        }
        return tables
    }()
}
