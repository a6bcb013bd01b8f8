/// A recognised value: bytes that must not pass.
struct Finding: Sendable {
    var start: Int
    /// The offset behind the last byte; of an open finding, how far it is known to go.
    var end: Int
    var kind: Kind
    /// How the finding ends, when that lies beyond the detector's reach.
    var closer: Closer? = nil
    /// The place of its detector in the table: the earlier gives an overlap its kind.
    var rank = 0
    /// In place of a detector's: a secret that the lease has masked before, behind all detectors.
    static let tainted = Int.max
    /// Whether findings of other kinds are in it.
    var isMixed = false
    /// What stands for it needs this quote about it, which the value had no need of.
    var quote: UInt8? = nil
    /// Nothing is masked: this says how other bytes are to be read.
    var hint: Hint? = nil

    // Both are kept elsewhere, since few findings have one, and a finding is passed on at each of millions of anchors.

    indirect enum Hint: Sendable {
        /// The head of rows.
        case opens(Rows.Head)
        /// A character of no width, without which the word is to be read.
        case isInvisible
    }

    /// Where the rest of an open finding ends.
    indirect enum Closer: Hashable, Sendable {
        /// Before the first byte that isn't in the set.
        case run(ByteSet)
        /// Before the first byte that is in the set.
        case rest(ByteSet)
        /// Before a quote that isn't doubled, nor behind a backslash where these count.
        case quoted(UInt8, escapes: Bool)
        /// Behind the bracket that closes it.
        case brackets(Brackets)
        /// Behind `-----END …-----`, or with the value or stream.
        case armour(Armour)
    }

    /// What opens and ends a private key.
    enum Armour: Sendable {
        /// Five hyphens (RFC 7468, PGP).
        case pem
        /// Four, and a blank (RFC 4716).
        case ssh2

        fileprivate var end: StaticString {
            switch self {
            case .pem: "-----END"
            case .ssh2: "---- END"
            }
        }

        fileprivate var tail: StaticString {
            switch self {
            case .pem: "-----"
            case .ssh2: " ----"
            }
        }
    }

    /// The order in which overlaps are settled: the first to start, then the longest, then the earlier detector; between
    /// two found in decoded bytes the kind's name, so that the order in which they came in settles nothing.
    static func precedes(_ a: Finding, _ b: Finding) -> Bool {
        if a.start != b.start { return a.start < b.start }
        let ends = (a.closer == nil ? a.end : .max, b.closer == nil ? b.end : .max)
        if ends.0 != ends.1 { return ends.0 > ends.1 }
        if a.rank != b.rank { return a.rank < b.rank }
        return a.kind < b.kind
    }

    /// Follows an open finding through `window`. Sets `end` and clears `closer` once its end is known.
    ///
    /// While the end isn't known, it lies at or behind the window's end.
    mutating func follow(_ window: Window) {
        switch self.closer {
        case nil:
            return
        case .run(let set):
            while self.end < window.end, set.contains(window.at(self.end)) { self.end += 1 }
            if self.end < window.end || window.finished { self.closer = nil }
        case .rest(let set):
            while self.end < window.end, !set.contains(window.at(self.end)) { self.end += 1 }
            if self.end < window.end || window.finished { self.closer = nil }
        case .quoted(let quote, let escapes):
            while self.end < window.end {
                if escapes, window.at(self.end) == UInt8(ascii: "\\") {
                    // What a backslash at the window's end stands before has still to come.
                    guard self.end + 1 < window.end || window.finished else { return }
                    self.end = min(self.end + 2, window.end)
                } else if window.at(self.end) != quote {
                    self.end += 1
                } else if self.end + 1 < window.end, window.at(self.end + 1) == quote {
                    self.end += 2
                } else {
                    // A quote at the window's end may be the first of two.
                    if self.end + 1 < window.end || window.finished { self.closer = nil }
                    return
                }
            }
            if window.finished { self.closer = nil }
        case .brackets(var brackets):
            while self.end < window.end {
                switch brackets.take(window.at(self.end)) {
                case .inside: self.end += 1
                case .closes:
                    self.end += 1
                    self.closer = nil
                    return
                case .ended:
                    self.closer = nil
                    return
                }
            }
            self.closer = window.finished ? nil : .brackets(brackets)
        case .armour(let armour):
            self.follow(armour, window)
        }
    }

    /// Longest distance from `-----END` to the end of its line of dashes.
    private static let longestArmourEnd = 80

    private mutating func follow(_ armour: Armour, _ window: Window) {
        let marker = armour.end
        let tail = armour.tail
        let count = marker.utf8CodeUnitCount
        while self.end + count <= window.end {
            guard window.at(self.end) == UInt8(ascii: "-"), Self.matches(marker, window, at: self.end) else {
                self.end += 1
                continue
            }
            let limit = self.end + Self.longestArmourEnd
            var offset = self.end + count
            while offset + 5 <= min(limit, window.end) {
                if Self.matches(tail, window, at: offset) {
                    self.end = offset + 5
                    self.closer = nil
                    return
                }
                offset += 1
            }
            if window.end < limit, !window.finished { return }
            self.end = min(limit, window.end)
            self.closer = nil
            return
        }
        if window.finished {
            self.end = window.end
            self.closer = nil
        }
    }

    private static func matches(_ text: StaticString, _ window: Window, at offset: Int) -> Bool {
        for index in 0..<text.utf8CodeUnitCount where window.at(offset + index) != text.utf8Start[index] {
            return false
        }
        return true
    }
}
