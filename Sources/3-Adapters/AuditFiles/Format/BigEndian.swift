extension [UInt8] {
    /// Most significant byte first, as all numbers in these files are.
    mutating func append(bigEndian value: some FixedWidthInteger & UnsignedInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { self.append(contentsOf: $0) }
    }

    mutating func replace(at offset: Int, bigEndian value: UInt32) {
        for place in 0..<4 {
            self[offset + place] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * place))
        }
    }

    /// The number at `offset`, or `nil` if the bytes end before it does.
    func bigEndian<Number: FixedWidthInteger & UnsignedInteger>(at offset: Int, as: Number.Type) -> Number? {
        let size = Number.bitWidth / 8
        guard offset >= 0, offset <= self.count - size else { return nil }
        return self.withUnsafeBytes { Number(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
    }

    /// Whether nothing but zeros follows from `offset` on.
    func isZero(from offset: Int) -> Bool {
        self[Swift.min(offset, self.count)...].allSatisfy { $0 == 0 }
    }
}
