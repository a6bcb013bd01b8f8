import GloveboxCore

/// What tokens of both audiences may hold.
enum TestContextForm {
    /// In the year 2109: nanoseconds don't overflow up to there, nor twice as far.
    static let mostMilliseconds: UInt64 = 1 << 42

    static func wrong(_ what: String) -> GloveboxError {
        GloveboxError(.invalidArgument, "a test context can't be made of this: look at \(what)")
    }

    static func check(
        run: String, testCase: String, issuedAt: WallTime, lifetime: Duration
    ) throws(GloveboxError) {
        guard Self.isName(run) else { throw Self.wrong("the run's name") }
        guard Self.isText(testCase) else { throw Self.wrong("the case's name") }
        guard issuedAt.nanoseconds >= 0, issuedAt.milliseconds <= Self.mostMilliseconds else {
            throw Self.wrong("the time")
        }
        // How long a token may be valid is judged when it's verified: it then has a refusal of its own.
        guard lifetime > .zero, lifetime <= .seconds(24 * 3600) else { throw Self.wrong("how long it's valid") }
    }

    static func time(
        _ reader: CanonicalReader, _ issuedAt: Int, _ lifetime: Int
    ) throws(GloveboxError) -> (WallTime, Duration) {
        let (start, length) = (try reader.unsigned(issuedAt), try reader.unsigned(lifetime))
        guard start <= Self.mostMilliseconds, length <= Self.mostMilliseconds else { throw CanonicalReader.malformed }
        return (WallTime(nanoseconds: Int64(start) * 1_000_000), .milliseconds(Int64(length)))
    }

    /// 1 to 63 letters, digits, `-`, `_`, `.`: names appear in logs, headers and metrics.
    static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// 1 to 200 bytes without control characters.
    static func isText(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    static func isMethod(_ text: String) -> Bool {
        (1...20).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == UInt8(ascii: "-") }
    }
}

extension WallTime {
    var milliseconds: UInt64 { UInt64(max(0, self.nanoseconds)) / 1_000_000 }
    var toMillisecond: WallTime { WallTime(nanoseconds: self.nanoseconds - self.nanoseconds % 1_000_000) }
}

extension Duration {
    /// None for less than none; a day and more is all the same, since nothing is valid for so long.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = min(max(self, .zero), .seconds(1 << 40)).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
