import GloveboxCore

extension View {
    /// The token that begins with the anchor at `start`.
    mutating func token(
        _ detector: Detector, start: Int, anchorCount: Int, pattern: Pattern, isMasked: Bool
    ) -> Finding? {
        // A long prefix with punctuation is a token wherever it stands; a short one only at the start of a word.
        if anchorCount < 4 || !self.hasPunctuation(start..<(start + anchorCount)), !self.startsToken(start) {
            return nil
        }
        return self.matched(
            detector, pattern: pattern, from: start + anchorCount, masksFrom: isMasked ? start : start + anchorCount)
    }

    private mutating func hasPunctuation(_ range: Range<Int>) -> Bool {
        for offset in range where !self.at(offset).isAlphanumeric { return true }
        return false
    }

    /// The token whose anchor at `start` has bytes of `set` before it.
    mutating func prefixedToken(
        _ detector: Detector, start: Int, anchorCount: Int, set: ByteSet, count: ClosedRange<Int>, pattern: Pattern
    ) -> Finding? {
        let first = self.run(of: set, backFrom: start, most: count.upperBound + 1)
        guard count.contains(start - first), self.startsToken(first) else { return nil }
        return self.matched(detector, pattern: pattern, from: start + anchorCount, masksFrom: first)
    }

    private mutating func matched(
        _ detector: Detector, pattern: Pattern, from start: Int, masksFrom first: Int
    ) -> Finding? {
        switch pattern.match(&self, from: start) {
        case .none:
            return nil
        case .ends(let end):
            guard end > start, detector.validator.confirms(self.bytes(first..<end)) else { return nil }
            return Finding(start: first, end: end, kind: detector.kind)
        case .open(let end):
            guard detector.validator.confirms(self.bytes(first..<end)) else { return nil }
            return Finding(start: first, end: end, kind: detector.kind, closer: .run(pattern.continuation))
        }
    }

    /// A JSON Web Token (RFC 7519): three parts or more of base64url, the last perhaps empty.
    mutating func webToken(_ detector: Detector, start: Int) -> Finding? {
        guard self.startsToken(start) else { return nil }
        let part = ByteSet("_-").union(.alphanumeric)
        let all = part.union(ByteSet("."))
        let header = self.run(of: part, from: start)
        guard header - start >= 16, detector.validator.confirms(self.bytes(start..<header)) else { return nil }
        let end = self.run(of: all, from: header)
        if end >= self.high, self.clipped {
            return Finding(start: start, end: end, kind: detector.kind, closer: .run(all))
        }
        guard self.at(header) == UInt8(ascii: "."), self.at(self.run(of: part, from: header + 1)) == UInt8(ascii: ".")
        else {
            return nil
        }
        return Finding(start: start, end: end, kind: detector.kind)
    }

    /// The pattern at the start of a word within `distance` bytes behind a vendor's word.
    mutating func tokenNear(_ detector: Detector, behind end: Int, pattern: Pattern, within distance: Int) -> Finding? {
        for start in end..<(end + distance) {
            let byte = self.at(start)
            if byte == 0 { return nil }
            guard byte.isAlphanumeric, !pattern.continuation.contains(self.at(start - 1)) else { continue }
            if let finding = self.matched(detector, pattern: pattern, from: start, masksFrom: start) { return finding }
        }
        return nil
    }

    /// A private key from its `-----BEGIN` on (RFC 7468 and its kin; RFC 4716 has four hyphens and a blank): to its END, or
    /// as far as the text goes.
    mutating func armour(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        var offset = start + anchorCount
        let limit = offset + 64
        while offset < limit {
            let byte = self.at(offset)
            guard byte == 0x20 || byte.isUpper || byte.isDigit else { return nil }
            if byte == UInt8(ascii: "P"), self.matches("private key", at: offset) {
                // What stands before a blank may have passed when the rest of an anchor comes.
                let isSSH2 = self.at(start + 4) == 0x20
                return Finding(
                    start: isSSH2 ? start + 5 : start, end: offset + 11, kind: detector.kind,
                    closer: .armour(isSSH2 ? .ssh2 : .pem))
            }
            offset += 1
        }
        return nil
    }

    /// The password of `scheme://user:password@host`. The last `@` of the authority ends it (RFC 3986, section 3.2.1).
    mutating func urlPassword(_ detector: Detector, start: Int) -> Finding? {
        // A scheme ends with a letter, or with a digit behind one (`s3`).
        let scheme = self.at(start - 1)
        guard scheme.isLetter || (scheme.isDigit && self.at(start - 2).isLetter) else { return nil }
        let user = start + 3
        var colon: Int?
        var slash: Int?
        var found: Int?
        var offset = user
        scan: while offset < self.high || offset == user {
            let byte = self.at(offset)
            switch byte {
            case 0...0x20, 0x22, 0x27, 0x3C, 0x3E, 0x60, 0x7F: break scan
            case UInt8(ascii: ":") where colon == nil && slash == nil: colon = offset
            case UInt8(ascii: "@"):
                guard let colon else { break scan }
                // A slash before the `@` belongs to a password, unless what precedes it is a port.
                if let slash, self.isPort((colon + 1)..<slash) { break scan }
                found = offset
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"):
                if slash == nil {
                    if found != nil || colon == nil { break scan }
                    slash = offset
                }
            default: break
            }
            if slash != nil, found != nil { break }
            offset += 1
        }
        // Reading the byte at `high` tells an unfinished view that the answer isn't final.
        if offset >= self.high { _ = self.at(offset) }
        guard let colon, let found, found > colon + 1 else { return nil }
        return Finding(start: colon + 1, end: found, kind: detector.kind)
    }

    private mutating func isPort(_ range: Range<Int>) -> Bool {
        for offset in range where !self.at(offset).isDigit { return false }
        return true
    }

    /// What follows `Bearer` (RFC 6750, section 2.1): b64token of 16 and more.
    mutating func bearer(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        guard self.startsToken(start) else { return nil }
        let blank = start + anchorCount
        let token = self.run(of: ByteSet(" "), from: blank, most: 4)
        guard token > blank else { return nil }
        let set = ByteSet("-._~+/=").union(.alphanumeric)
        let end = self.run(of: set, from: token)
        guard end - token >= 16, detector.validator.confirms(self.bytes(token..<end)) else { return nil }
        let isOpen = end >= self.high && self.clipped
        return Finding(start: token, end: end, kind: detector.kind, closer: isOpen ? .run(set) : nil)
    }
}
