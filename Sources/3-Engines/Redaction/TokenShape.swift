/// What a row of bytes looks like, told by the classes of its characters: whether it could be a token that somebody drew
/// at random, or is a word, a number, a version, a path.
struct TokenShape {
    private var digits = 0
    private var upper = 0
    private var lower = 0
    /// Letters and digits that occur, as bits from `0` on.
    private var seen: (UInt64, UInt64) = (0, 0)
    /// Whether all letters and digits are hexadecimal, in groups of 8, 4, 4, 4 and 12.
    private(set) var isUUID = false

    var count: Int { self.digits + self.letters }
    private var letters: Int { self.upper + self.lower }
    private var distinct: Int { self.seen.0.nonzeroBitCount + self.seen.1.nonzeroBitCount }
    private var isMixed: Bool { self.digits >= 2 && self.letters >= 1 }

    /// The shape of the richest part between dots and slashes: a version and a path have poor ones.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        for part in bytes.split(whereSeparator: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }) {
            let shape = Self(part: UnsafeBufferPointer(rebasing: part))
            if shape.count > self.count { self = shape }
        }
    }

    private init(part bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes {
            if byte.isDigit {
                self.digits += 1
            } else if byte.isUpper {
                self.upper += 1
            } else if byte.isLower {
                self.lower += 1
            } else {
                continue
            }
            if byte < 0x60 { self.seen.0 |= 1 << UInt64(byte - 0x30) } else { self.seen.1 |= 1 << UInt64(byte - 0x60) }
        }
        let groups = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        self.isUUID = groups.map(\.count) == [8, 4, 4, 4, 12] && groups.allSatisfy { $0.allSatisfy(\.isAlphanumeric) }
    }

    /// Whether it's a token when a name says that a key is to come.
    var isTokenUnderName: Bool {
        if self.letters == 0 { return self.digits >= 16 && self.distinct >= 3 }
        if self.digits < 2 { return self.count >= 20 }
        return self.count >= 10 && self.distinct >= 5
    }

    /// Whether it's a token when only a vendor's word stands there.
    var isTokenBesideVendor: Bool {
        if self.letters == 0 { return self.digits >= 24 && self.distinct >= 3 }
        if self.digits < 2 { return self.count >= 32 && self.distinct >= 10 }
        return self.count >= 16 && self.distinct >= 6
    }

    /// Whether it's a token under a name that says `key` and nothing more, which may be the key of a record.
    var isTokenUnderPlainKey: Bool {
        guard self.isMixed, !self.isUUID, self.distinct >= 8 else { return false }
        return self.count >= 20 || (self.count >= 16 && self.upper > 0 && self.lower > 0)
    }
}
