import Crypto

extension View {
    private static let base58: StaticString = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    private static let base58Digits = ByteSet(Self.base58)

    /// A Bitcoin address in base58 with its checksum, the first four bytes of a double SHA-256: the digit at `start`
    /// begins it.
    mutating func bitcoinAddress(_ detector: Detector, start: Int) -> Finding? {
        guard [0x31, 0x33].contains(self.at(start)), self.startsToken(start) else { return nil }
        let end = self.run(of: .alphanumeric, from: start, most: 36)
        guard (26...35).contains(end - start) else { return nil }
        // Rows in hexadecimal have a zero, or no capitals.
        guard self.run(of: Self.base58Digits, from: start, most: 36) == end,
            self.bytes(start..<end).contains(where: \.isUpper)
        else { return nil }
        var number = [UInt8](repeating: 0, count: 25)
        for offset in start..<end {
            let byte = self.at(offset)
            guard let digit = (0..<58).first(where: { Self.base58.utf8Start[$0] == byte }) else { return nil }
            var carry = digit
            for index in number.indices.reversed() {
                carry += Int(number[index]) * 58
                number[index] = UInt8(carry & 0xFF)
                carry >>= 8
            }
            if carry > 0 { return nil }
        }
        let hash = Array(SHA256.hash(data: Array(SHA256.hash(data: number[..<21]))))
        guard hash[..<4].elementsEqual(number[21...]) else { return nil }
        return Finding(start: start, end: end, kind: detector.kind)
    }
}
