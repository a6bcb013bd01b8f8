package import NIOCore

/// Addresses with the same first bits: `10.0.0.0/8`, `::1`.
package struct AddressRange: Hashable, Sendable {
    private let address: [UInt8]
    private let bits: Int

    /// - Returns: `nil` for what isn't an address, or has bits that it hasn't.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = try? SocketAddress(ipAddress: String(first), port: 0),
            let bytes = Self.bytes(of: address)
        else { return nil }
        let bits = parts.count == 2 ? Int(parts[1]) : bytes.count * 8
        guard let bits, (0...bytes.count * 8).contains(bits) else { return nil }
        self.address = bytes
        self.bits = bits
    }

    package func contains(_ address: SocketAddress) -> Bool {
        guard let bytes = Self.bytes(of: address), bytes.count == self.address.count else { return false }
        let whole = self.bits / 8
        guard bytes.prefix(whole) == self.address.prefix(whole) else { return false }
        let rest = self.bits % 8
        return rest == 0 || (bytes[whole] ^ self.address[whole]) >> UInt8(8 - rest) == 0
    }

    /// An IPv4 address that's written as an IPv6 one is the IPv4 address.
    private static func bytes(of address: SocketAddress) -> [UInt8]? {
        // By their places in `sockaddr_in` and `sockaddr_in6`, which are the same everywhere.
        switch address {
        case .v4(let address): return withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address):
            let bytes = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            return isMapped ? Array(bytes.suffix(4)) : bytes
        case .unixDomainSocket: return nil
        }
    }
}
