/// Whether a text is an address or an identifier, as it's usually written.
enum AddressText {
    /// Four numbers to 255 without zeros in front (RFC 6943, section 3.1.1, "strict").
    static func isIPv4(_ text: some StringProtocol) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }),
                    part.count == 1 || part.first != 0x30
                else { return false }
                return part.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 255
            }
    }

    /// By RFC 4291, section 2.2, without a zone.
    static func isIPv6(_ text: String) -> Bool {
        var groups = 8
        var rest = Substring(text)
        // The last two groups may be an IPv4 address.
        if let last = rest.lastIndex(of: ":"), rest[rest.index(after: last)...].contains(".") {
            guard self.isIPv4(rest[rest.index(after: last)...]) else { return false }
            groups = 6
            rest = rest[...last]
            // The colon belongs to the address, unless it's one of two.
            if !rest.hasSuffix("::") { rest.removeLast() }
        }
        let halves = self.halves(rest)
        guard let first = self.groups(halves.first) else { return false }
        guard let second = halves.second else { return first == groups }
        guard let second = self.groups(second) else { return false }
        return first + second < groups
    }

    /// Around the first `::`; what's behind is nil without one.
    private static func halves(_ text: Substring) -> (first: Substring, second: Substring?) {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" {
                return (text[..<index], text[text.index(after: next)...])
            }
            index = next
        }
        return (text, nil)
    }

    /// How many groups there are; nil where one is none.
    private static func groups(_ text: Substring) -> Int? {
        if text.isEmpty { return 0 }
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let areGroups = parts.allSatisfy { (1...4).contains($0.count) && $0.allSatisfy(self.isHexadecimal) }
        return areGroups ? parts.count : nil
    }

    /// `xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx` (RFC 9562, section 5.4).
    static func isUUID(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.map(\.count) == [8, 4, 4, 4, 12], parts.allSatisfy({ $0.allSatisfy(self.isHexadecimal) }) else {
            return false
        }
        guard let version = parts[2].first, let variant = parts[3].first else { return false }
        return version == UInt8(ascii: "4") && "89abAB".utf8.contains(variant)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }
}
