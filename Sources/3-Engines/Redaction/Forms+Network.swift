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

    /// The hardware address of a network card (IEEE 802): six pairs with colons or hyphens, not all alike. The anchor is one
    /// of the colons, or a digit.
    mutating func macAddress(_ detector: Detector, start: Int) -> Finding? {
        if self.at(start) == UInt8(ascii: ":") {
            for pair in 0..<5 {
                let first = start - 2 - 3 * pair
                guard self.isPair(at: first) else { return nil }
                if let end = self.macEnd(from: first, separator: UInt8(ascii: ":")) {
                    return Finding(start: first, end: end, kind: detector.kind)
                }
            }
            return nil
        }
        let set = ByteSet("-").union(.hexDigits)
        let first = self.run(of: set, backFrom: start, most: 18)
        guard self.run(of: set, from: start, most: 18) - first == 17,
            let end = self.macEnd(from: first, separator: UInt8(ascii: "-"))
        else { return nil }
        return Finding(start: first, end: end, kind: detector.kind)
    }

    private mutating func isPair(at offset: Int) -> Bool {
        self.at(offset).isHexDigit && self.at(offset + 1).isHexDigit
    }

    /// The end of six pairs, if they begin at `first` and are no part of a longer row of pairs. A colon before or behind them
    /// is the text's.
    private mutating func macEnd(from first: Int, separator: UInt8) -> Int? {
        guard self.startsToken(first),
            self.at(first - 1) != separator || !self.isPair(at: first - 3) || self.at(first - 4).isAlphanumeric
        else { return nil }
        var isAlike = true
        for pair in 0..<6 {
            let offset = first + 3 * pair
            guard self.isPair(at: offset), pair == 5 || self.at(offset + 2) == separator else { return nil }
            if self.at(offset) != self.at(first) || self.at(offset + 1) != self.at(first) { isAlike = false }
        }
        let end = first + 17
        guard !isAlike, !self.at(end).isAlphanumeric,
            self.at(end) != separator || !self.isPair(at: end + 1) || self.at(end + 3).isAlphanumeric
        else { return nil }
        return end
    }

    /// A hardware address as Cisco writes it, within reach behind a word for one: `0011.2233.4455`.
    mutating func dottedMAC(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let end = start + anchorCount
        guard !self.at(start - 1).isAlphanumeric else { return nil }
        for first in end..<(end + 24) {
            let byte = self.at(first)
            if byte == 0 || byte == 0x0A { return nil }
            guard byte.isHexDigit, !self.at(first - 1).isAlphanumeric, self.at(first + 4) == UInt8(ascii: ".") else {
                continue
            }
            var isAlike = true
            for index in 0..<14 {
                let digit = self.at(first + index)
                guard index % 5 == 4 ? digit == UInt8(ascii: ".") : digit.isHexDigit else { return nil }
                if index % 5 != 4, digit != byte { isAlike = false }
            }
            let last = first + 14
            guard !isAlike, !self.at(last).isAlphanumeric,
                self.at(last) != UInt8(ascii: ".") || !self.at(last + 1).isAlphanumeric
            else { return nil }
            return Finding(start: first, end: last, kind: detector.kind)
        }
        return nil
    }
}
