import GloveboxCore

/// Who signs in, where a password stands right behind: half of what one needs to do so.
extension View {
    private static let name = ByteSet("_-. ").union(.alphanumeric)
    private static let closing = ByteSet("\"'`]\\")
    private static let inQuotes = ByteSet("\r\n\\").inverted
    private static let bare = ByteSet(" \t\r\n,;&\"'`<>(){}[]|\\").inverted
    /// How far behind a user's name the password's is looked for.
    private static let distance = 160
    static let secretNames: [StaticString] = [
        "pass", "pwd", "secret", "accountkey", "accesskey", "sharedaccesskey", "pw=", "pw:", "pw\"", "pw'",
    ]
    private static let beforeWord = ByteSet(" \t\r\n$@-\"'")

    /// The value of `user = …`, `"username": …`, `User Id=…;`, `-u …`, `clientId: …` with a name for a secret behind it.
    mutating func account(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        // `-u `, `-user `, `--user `: an option, which ends before its blank.
        let isOption = self.at(start) == UInt8(ascii: "-")
        var end = start + anchorCount
        if isOption {
            end -= 1
        } else {
            end = self.run(of: .identifier, from: end, most: 24)
            if self.matches(" id", at: end) || self.matches(" name", at: end) {
                end = self.run(of: .letters, from: end + 1)
            }
        }
        let closed = self.run(of: Self.closing, from: end, most: 4)
        let blank = self.run(of: .blanks, from: closed, most: 16)
        var value = blank
        switch self.at(blank) {
        case UInt8(ascii: "="), UInt8(ascii: ":"):
            value = self.run(of: .assignment, from: blank + 1, most: 2)
            value = self.run(of: .blanks, from: value, most: 16)
        case 0x22, 0x27:
            guard blank > closed else { return nil }
        default:
            guard isOption, blank > closed else { return nil }
        }
        guard let range = self.accountName(from: value), self.hasSecret(behind: range.upperBound, isOption: isOption)
        else { return nil }
        return Finding(start: range.lowerBound, end: range.upperBound, kind: detector.kind)
    }

    /// A name of up to 128 bytes, in quotes or up to what ends a word.
    private mutating func accountName(from start: Int) -> Range<Int>? {
        let escaped = self.at(start) == UInt8(ascii: "\\") ? start + 1 : start
        let quote = self.at(escaped)
        let isQuoted = quote == 0x22 || quote == 0x27 || quote == 0x60
        let first = isQuoted ? escaped + 1 : start
        var set = isQuoted ? Self.inQuotes : Self.bare
        if isQuoted { set.remove(quote) }
        let end = self.run(of: set, from: first, most: 129)
        // A number is an id, not what one signs in with.
        guard end > first, end - first <= 128, self.run(of: .digits, from: first) < end else { return nil }
        if end - first == 36, self.isUUID(at: first) { return nil }
        // A pseudonym already.
        return self.at(first) == 0xE2 && self.at(first + 1) == 0x80 && self.at(first + 2) == 0xB9 ? nil : first..<end
    }

    /// Whether the 36 bytes at `start` are a UUID (RFC 9562), which names an object.
    private mutating func isUUID(at start: Int) -> Bool {
        for index in 0..<36 {
            let byte = self.at(start + index)
            let isHyphen = index == 8 || index == 13 || index == 18 || index == 23
            guard isHyphen ? byte == UInt8(ascii: "-") : byte.isHexDigit else { return false }
        }
        return true
    }

    /// Whether one of `secretNames` begins with these small letters.
    private static func beginsSecret(_ first: UInt8, _ second: UInt8) -> Bool {
        switch first {
        case UInt8(ascii: "p"): second == UInt8(ascii: "a") || second == UInt8(ascii: "w")
        case UInt8(ascii: "s"): second == UInt8(ascii: "e") || second == UInt8(ascii: "h")
        case UInt8(ascii: "a"): second == UInt8(ascii: "c")
        default: false
        }
    }

    /// Whether a name for a secret with its value stands within reach of `start`, or `-p` behind an option: in the same
    /// line, or as the first word of the next. Other lines of a log speak of other things.
    private mutating func hasSecret(behind start: Int, isOption: Bool) -> Bool {
        var offset = start - 1
        var limit = start + Self.distance
        while offset + 1 < limit {
            offset += 1
            let byte = self.at(offset)
            if byte == 0 { return false }
            if byte == 0x0A {
                let first = self.run(of: Self.beforeWord, from: offset, most: 32)
                limit = min(limit, self.run(of: .identifier, from: first, most: 64))
                offset = first - 1
                continue
            }
            if isOption, byte == UInt8(ascii: "-"), self.at(offset + 1).lowercased == UInt8(ascii: "p"),
                !self.at(offset - 1).isAlphanumeric
            {
                return true
            }
            // How those names begin: nearly every line has a user, and few a password.
            guard Self.beginsSecret(byte | 0x20, self.at(offset + 1) | 0x20) else { continue }
            for word in Self.secretNames where self.matches(word, at: offset) {
                let end = self.run(of: ByteSet("_-").union(.alphanumeric), from: offset, most: 32)
                let next = self.run(of: ByteSet("\"'`]\\ \t"), from: end, most: 8)
                if self.at(next) == UInt8(ascii: "=") || self.at(next) == UInt8(ascii: ":")
                    || self.at(next - 1) == 0x22 || self.at(next - 1) == 0x27
                {
                    return true
                }
            }
        }
        return false
    }

    /// The user of `scheme://user:password@host`.
    mutating func urlUser(_ detector: Detector, start: Int) -> Finding? {
        guard let password = self.urlPassword(detector, start: start) else { return nil }
        let first = start + 3
        let end = password.start - 1
        return end > first ? Finding(start: first, end: end, kind: detector.kind) : nil
    }

    /// An entry of a `.netrc` (host, user and password), whole: `machine HOST login USER password PASSWORD`.
    mutating func netrc(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        guard self.startsToken(start) else { return nil }
        let blanks = ByteSet(" \t\r\n")
        var end = self.run(of: blanks.inverted, from: start + anchorCount, most: 256)
        guard end > start + anchorCount else { return nil }
        var hasPassword = false
        while true {
            let name = self.run(of: blanks, from: end, most: 32)
            let isPassword = self.matches("password", at: name)
            guard name > end, isPassword || self.matches("login", at: name) || self.matches("account", at: name) else {
                break
            }
            let value = self.run(of: blanks, from: self.run(of: .letters, from: name), most: 32)
            let last = self.run(of: blanks.inverted, from: value, most: 512)
            guard last > value else { break }
            if isPassword { hasPassword = true }
            end = last
        }
        return hasPassword ? Finding(start: start, end: end, kind: detector.kind) : nil
    }

    /// A host whose name ends with the anchor, and begins with whose it is.
    mutating func host(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let set = ByteSet("-._").union(.alphanumeric)
        var first = self.run(of: set, backFrom: start, most: 128)
        while first < start, !self.at(first).isAlphanumeric { first += 1 }
        let end = start + anchorCount
        let goesOn =
            self.at(end).isAlphanumeric || self.at(end) == UInt8(ascii: "-")
            || (self.at(end) == UInt8(ascii: ".") && self.at(end + 1).isAlphanumeric)
        return first < start && !goesOn ? Finding(start: first, end: end, kind: detector.kind) : nil
    }

    /// What stands between the parentheses that the anchor opens: the arguments of a call that takes credentials.
    mutating func arguments(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let first = start + anchorCount
        var quote: UInt8?
        var offset = first
        while offset - first < 512 {
            let byte = self.at(offset)
            if byte == 0 { return nil }
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == UInt8(ascii: ")") {
                return offset > first ? Finding(start: first, end: offset, kind: detector.kind) : nil
            }
            offset += 1
        }
        return nil
    }
}
