import GloveboxCore

extension View {
    /// What a token that stands with a vendor's word is made of.
    private static let token = ByteSet("_-.+/=~").union(.alphanumeric)
    private static let connectors = ByteSet("_-.=/+~")
    /// What may stand between a vendor's word, names and a value.
    private static let bridge = ByteSet(" \t\r\n\"'`:=>([{\\")
    private static let word = ByteSet.alphanumeric
    /// Words that say that a key is to come; any of them in a word will do (`ACCESSKEY`).
    private static let keyWords: [StaticString] = [
        "key", "secret", "token", "access", "private", "password", "credential", "auth", "pat", "api",
    ]
    /// Words that say so when they're all that stands there, at the vendor's word itself or before a `=` or `:`.
    private static let idWords: [StaticString] = [
        "id", "user", "username", "client", "clientid", "app", "appid", "application", "account", "bot", "consumer",
    ]
    /// How far behind a vendor's word a value may begin.
    private static let distance = 96

    /// A token behind a vendor's word: `flickr KEY io3l0…`, `codaKEY-1b2c…`, `wandb=…`, `acme.secret.…`. With a name for
    /// a key between the two it may be short; without one, where that's allowed, it stands right there and is long.
    mutating func vendorToken(_ detector: Detector, start: Int, anchorCount: Int, standsAlone: Bool) -> Finding? {
        guard self.startsVendor(start) else { return nil }
        let end = start + anchorCount
        var state = VendorSearch(
            isAlone: standsAlone && !ByteSet("/@.").contains(self.at(start - 1)), hasKey: false, isGlued: true)
        var offset = end
        while offset - end <= Self.distance, state.words < 8 {
            let last = self.run(of: Self.token, from: offset, most: 1024)
            if last > offset, let value = self.value(in: offset..<last, &state) {
                let isOpen = last >= self.high && self.clipped
                return Finding(
                    start: value, end: last, kind: detector.kind, closer: isOpen ? .run(Self.token) : nil)
            }
            guard !state.isOver else { return nil }
            offset = self.bridge(from: last, state)
            guard offset > last else { return nil }
            state.isGlued = false
        }
        return nil
    }

    /// Where the search for a value behind a vendor's word stands.
    private struct VendorSearch {
        /// Whether a long value may stand there without a name.
        var isAlone: Bool
        /// Whether a name for a key was seen.
        var hasKey: Bool
        /// Whether what comes next stands at the vendor's word itself.
        var isGlued: Bool
        /// Whether every word so far was the name of a key.
        var hasOnlyKeys = true
        var words = 0
        var isOver = false
    }

    /// Whether a word begins at `start`: behind no letter, or with a capital behind a small one.
    private mutating func startsVendor(_ start: Int) -> Bool {
        self.startsToken(start) || (self.at(start - 1).isLower && self.at(start).isUpper)
    }

    /// Where the value in a row of bytes begins, once leading names are taken off; nil when it's none.
    private mutating func value(in range: Range<Int>, _ state: inout VendorSearch) -> Int? {
        var offset = range.lowerBound
        if state.isGlued, self.at(offset) == UInt8(ascii: "."), self.isHostName(offset..<range.upperBound) {
            state.isOver = true
            return nil
        }
        while offset < range.upperBound {
            // What follows the name of a key as one row belongs to the value, whatever it is.
            let isToken = self.isToken(offset..<range.upperBound, state)
            if state.hasKey, isToken { return self.run(of: Self.connectors, from: offset) }
            let start = self.run(of: Self.connectors, from: offset)
            let end = self.run(of: Self.word, from: start)
            guard end > start, end <= range.upperBound else { return nil }
            if self.isKeyName(start..<end, isGlued: state.isGlued && offset == range.lowerBound) {
                state.hasKey = true
            } else if isToken, state.isAlone {
                return start
            } else if state.hasOnlyKeys, self.isIdName(start..<end) {
                if state.isGlued || self.isAssigned(end) { state.hasKey = true }
            } else {
                state.hasOnlyKeys = false
                if end - start > 2 { state.isAlone = false }
            }
            state.words += 1
            offset = end
        }
        return nil
    }

    private mutating func isToken(_ range: Range<Int>, _ state: VendorSearch) -> Bool {
        let start = self.run(of: Self.connectors, from: range.lowerBound)
        guard start < range.upperBound else { return false }
        let shape = TokenShape(self.bytes(start..<range.upperBound))
        if state.hasKey { return shape.isTokenUnderName }
        return state.isAlone && shape.isTokenBesideVendor
    }

    /// Whether a word names a key: with letters only but for a few digits at its end, and one of the words in it.
    private mutating func isKeyName(_ range: Range<Int>, isGlued: Bool) -> Bool {
        guard range.count <= 32 else { return false }
        let letters = self.run(of: .letters, from: range.lowerBound)
        guard range.upperBound - letters <= 3, letters > range.lowerBound else { return false }
        for offset in range.lowerBound..<letters {
            for word in Self.keyWords where offset + word.utf8CodeUnitCount <= letters {
                // Short ones only as a whole word, so that `path` and `capital` aren't any.
                let isShort = word.utf8CodeUnitCount == 3 && !(offset + 3 == letters || isGlued)
                if !isShort, self.matches(word, at: offset) { return true }
            }
        }
        return false
    }

    private mutating func isIdName(_ range: Range<Int>) -> Bool {
        for word in Self.idWords where word.utf8CodeUnitCount == range.count {
            if self.matches(word, at: range.lowerBound) { return true }
        }
        return false
    }

    /// Whether a value is given to the name that ends at `end`.
    private mutating func isAssigned(_ end: Int) -> Bool {
        let next = self.run(of: ByteSet(" \t\"'`"), from: end, most: 4)
        return self.at(next) == UInt8(ascii: "=") || self.at(next) == UInt8(ascii: ":")
    }

    /// Whether `.com/…` and the like stands there.
    private mutating func isHostName(_ range: Range<Int>) -> Bool {
        let end = self.run(of: .letters, from: range.lowerBound + 1)
        guard (2...6).contains(end - range.lowerBound - 1) else { return false }
        return !self.isKeyName((range.lowerBound + 1)..<end, isGlued: true)
    }

    /// Behind what may stand between two words. The end of a line may, once, where all so far were names: a list of them.
    private mutating func bridge(from start: Int, _ state: VendorSearch) -> Int {
        var lines = 0
        var offset = start
        while offset - start < 8, Self.bridge.contains(self.at(offset)) {
            if self.at(offset) == 0x0A {
                lines += 1
                guard state.hasOnlyKeys, lines <= 2 else { return start }
            }
            offset += 1
        }
        return offset
    }
}
