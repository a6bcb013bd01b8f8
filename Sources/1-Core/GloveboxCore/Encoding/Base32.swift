/// Crockford's base 32 in lower case, without padding: no `i`, `l`, `o`, `u`, so that it can be read aloud.
package enum Base32 {
    package static let alphabet: [UInt8] = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    package static func isDigit(_ byte: UInt8) -> Bool {
        Self.alphabet.contains(byte)
    }

    /// `bytes` as base 32, most significant bit first; the last digit is filled with zero bits.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(Self.alphabet[Int(buffer >> UInt32(bits)) & 31])
            }
            buffer &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 {
            text.append(Self.alphabet[Int(buffer << UInt32(5 - bits)) & 31])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `length` random digits (5 bits each) from the system's random source.
    package static func random(length: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String(
            decoding: (0..<length).map { _ in Self.alphabet[Int.random(in: 0..<32, using: &generator)] }, as: UTF8.self)
    }
}

/// Bytes from the system's random source.
package func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}
