extension View {
    /// An IPv4 address (RFC 791) that may be somebody's: one of the public space. Those of private networks, loopback and
    /// documentation say nothing of a person (RFC 6890), and versions are often written like them.
    mutating func ipAddress(_ detector: Detector, start: Int) -> Finding? {
        let before = self.at(start - 1)
        if ByteSet(".-_").contains(before) || !self.startsToken(start) { return nil }
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

    /// Groups of hexadecimal digits with colons: where an IPv6 address (RFC 4291) or a MAC address begins and ends.
    private mutating func colonGroups(around start: Int) -> (range: Range<Int>, groups: Int, isShort: Bool, gaps: Int)?
    {
        let set = ByteSet(":").union(.hexDigits)
        var first = self.run(of: set, backFrom: start, most: 40)
        var end = self.run(of: set, from: start, most: 40)
        // A single colon at either end belongs to the text around.
        if self.at(first) == UInt8(ascii: ":"), self.at(first + 1) != UInt8(ascii: ":") { first += 1 }
        if self.at(end - 1) == UInt8(ascii: ":"), self.at(end - 2) != UInt8(ascii: ":") { end -= 1 }
        guard end - first <= 39, end - first >= 7, self.startsToken(first), !self.at(end).isAlphanumeric,
            self.at(first - 1) != UInt8(ascii: "_"), self.at(end) != UInt8(ascii: "_")
        else { return nil }
        var (groups, gaps, count) = (0, 0, 0)
        var isShort = true
        for offset in first...end {
            if offset < end, self.at(offset) != UInt8(ascii: ":") {
                count += 1
                continue
            }
            if count > 4 { return nil }
            if count > 0 {
                groups += 1
                if count != 2 { isShort = false }
            } else if offset > first, offset < end {
                gaps += 1
            }
            count = 0
        }
        return (first..<end, groups, isShort, gaps)
    }

    /// An IPv6 address that is routed on the internet (2000::/3), documentation's (RFC 3849) aside.
    mutating func ipv6Address(_ detector: Detector, start: Int) -> Finding? {
        guard let (range, groups, isShort, gaps) = self.colonGroups(around: start), !(isShort && gaps == 0),
            gaps == 0 ? groups == 8 : gaps == 1 && (2...7).contains(groups)
        else { return nil }
        let first = range.lowerBound
        let lead = self.run(of: .hexDigits, from: first)
        // A leading group of four digits is what all public ones have; others are taken where no gap was left.
        guard gaps == 0 || (lead - first == 4 && [0x32, 0x33].contains(self.at(first))),
            !(self.matches("2001:db8", at: first) || self.matches("fe80", at: first))
        else { return nil }
        return Finding(start: first, end: range.upperBound, kind: detector.kind)
    }

    /// The hardware address of a network card (IEEE 802): six pairs with colons or hyphens, not all alike.
    mutating func macAddress(_ detector: Detector, start: Int) -> Finding? {
        var first = start
        for separator in [UInt8(ascii: ":"), UInt8(ascii: "-")] {
            var set = ByteSet.hexDigits
            set.insert(separator)
            first = self.run(of: set, backFrom: start, most: 18)
            let end = self.run(of: set, from: start, most: 18)
            guard end - first == 17, self.startsToken(first), !self.at(end).isAlphanumeric else { continue }
            var isAlike = true
            var isPaired = true
            for offset in first..<end {
                let isSeparator = (offset - first) % 3 == 2
                if (self.at(offset) == separator) != isSeparator { isPaired = false }
                if !isSeparator, self.at(offset) != self.at(first) { isAlike = false }
            }
            if isPaired, !isAlike { return Finding(start: first, end: end, kind: detector.kind) }
        }
        return nil
    }
}
