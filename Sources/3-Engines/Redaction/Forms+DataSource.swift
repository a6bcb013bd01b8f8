/// Passwords in the short ways in which databases are named: lines of `.pgpass`, Go's names of data sources, Oracle's.
extension View {
    private static let word = ByteSet("_.$*-").union(.alphanumeric)
    private static let bounds = ByteSet(" \t\r\n\"'`<>()[]{},;|")
    /// What the name of a data source may have before its sign: of what isn't held back, nothing.
    private static let ofSource = {
        var set = ByteSet.run
        for byte in "\"'`<>".utf8 { set.remove(byte) }
        return set
    }()
    private static let host = ByteSet("_.-").union(.alphanumeric)

    /// A line of `.pgpass`: `host:port:database:user:password`. The anchor is the port with its colons.
    mutating func passFile(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        let first = self.run(of: Self.word, backFrom: start, most: 128)
        let before = self.at(first - 1)
        guard first < start, before == 0 || before == UInt8(ascii: "=") || Self.bounds.contains(before) else {
            return nil
        }
        var offset = start + anchorCount
        var user = offset..<offset
        for _ in 0..<2 {
            let end = self.run(of: Self.word, from: offset, most: 64)
            guard end > offset, self.at(end) == UInt8(ascii: ":") else { return nil }
            user = offset..<end
            offset = end + 1
        }
        // In /etc/shadow numbers stand there.
        guard self.run(of: .digits, from: user.lowerBound) < user.upperBound else { return nil }
        // A line of its own may have blanks in its password.
        let isLine = before == 0x0A || before == 0 && first == 0
        let set = isLine ? ByteSet("\r\n\"") : ByteSet(" \t\r\n\"'`")
        var end = self.run(of: set.inverted, from: offset)
        guard end > offset, !self.at(offset).isBlank, !self.isReference(offset..<end) else { return nil }
        if end >= self.high, self.clipped {
            return Finding(start: offset, end: end, kind: detector.kind, closer: .rest(set))
        }
        if self.at(end) == 0x22, self.at(end - 1) == UInt8(ascii: "\\") { end -= 1 }
        // The end of a line in a string.
        for place in offset..<end
        where self.at(place) == UInt8(ascii: "\\") && [0x6E, 0x72].contains(self.at(place + 1)) {
            end = place
            break
        }
        return end > offset ? Finding(start: offset, end: end, kind: detector.kind) : nil
    }

    /// `user:password@tcp(host:3306)/database`, as Go's driver for MySQL has it. The anchor begins with the `@`.
    mutating func goSource(_ detector: Detector, start: Int) -> Finding? {
        self.password(detector, before: start, behind: UInt8(ascii: ":"))
    }

    /// `user/password@//host:1521/service`, `user/password@host:1521/service`: the anchor begins with the `@`, or is the port.
    mutating func oracleSource(_ detector: Detector, start: Int, anchorCount: Int) -> Finding? {
        var sign = start
        // A host, `ORCL`, `[::1]`, `(ADDRESS=…)`.
        guard self.at(start + anchorCount).isAlphanumeric || ByteSet("[(").contains(self.at(start + anchorCount)) else {
            return nil
        }
        if self.at(sign) != UInt8(ascii: "@") {
            sign = self.run(of: Self.host, backFrom: start, most: 128) - 1
            if self.at(sign) == UInt8(ascii: "/") { sign = self.run(of: ByteSet("/"), backFrom: sign, most: 2) - 1 }
            guard self.at(sign) == UInt8(ascii: "@") else { return nil }
        }
        return self.password(detector, before: sign, behind: UInt8(ascii: "/"))
    }

    /// What stands between a user's name with `delimiter`, the first of the word, and the sign at `end`.
    private mutating func password(_ detector: Detector, before end: Int, behind delimiter: UInt8) -> Finding? {
        // What stands further back may have passed.
        let most = Detectors.lookBehind / 2
        var user = self.run(of: Self.ofSource, backFrom: end, most: most)
        if self.at(user - 1) == 0x1B { user = self.behindEscapes(from: user - 1) }
        var mark = user
        while mark < end, self.at(mark) != delimiter {
            // A name before it: `dsn=user:password@…`, `thin:user/password@…`.
            if [UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "(")].contains(self.at(mark)) { user = mark + 1 }
            mark += 1
        }
        guard mark > user, mark + 1 < end, self.run(of: Self.word, from: user) == mark else { return nil }
        // A URL, whose password another detector knows.
        if self.at(mark + 1) == UInt8(ascii: "/") { return nil }
        return self.isReference((mark + 1)..<end) ? nil : Finding(start: mark + 1, end: end, kind: detector.kind)
    }
}
