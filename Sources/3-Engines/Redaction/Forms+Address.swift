extension View {
    /// An IPv4 address (RFC 791) that may be somebody's: one of the public space. Those of private networks, loopback and
    /// documentation say nothing of a person (RFC 6890), and versions are often written like them.
    mutating func ipAddress(_ detector: Detector, start: Int) -> Finding? {
        let before = self.at(start - 1)
        if before.isAlphanumeric || ByteSet(".-_").contains(before) { return nil }
        // `Chrome/120.0.0.0` is a version, `http://…` is not.
        if before == UInt8(ascii: "/"), self.at(start - 2) != UInt8(ascii: "/") { return nil }
        var address: UInt32 = 0
        var offset = start
        for part in 0..<4 {
            let end = self.run(of: .digits, from: offset, most: 4)
            guard (1...3).contains(end - offset), end - offset == 1 || self.at(offset) != UInt8(ascii: "0") else {
                return nil
            }
            var octet: UInt32 = 0
            for place in offset..<end { octet = octet * 10 + UInt32(self.at(place) &- 0x30) }
            guard octet <= 255 else { return nil }
            address = address << 8 | octet
            if part == 3 {
                offset = end
            } else {
                guard self.at(end) == UInt8(ascii: ".") else { return nil }
                offset = end + 1
            }
        }
        let after = self.at(offset)
        guard !after.isAlphanumeric, !ByteSet("-_").contains(after),
            after != UInt8(ascii: ".") || !self.at(offset + 1).isAlphanumeric, Self.isPublic(address)
        else { return nil }
        return Finding(start: start, end: offset, kind: detector.kind)
    }

    private static func isPublic(_ address: UInt32) -> Bool {
        switch (address >> 24, address >> 16 & 0xFF, address >> 8 & 0xFF) {
        case (0, _, _), (10, _, _), (127, _, _), (224..., _, _): false
        case (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 168, _), (198, 18...19, _): false
        case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113): false
        default: true
        }
    }
}
