/// A set of bytes. Those above ASCII are all in or all out.
struct ByteSet: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    var others = false

    init() {}

    init(_ text: StaticString) {
        text.withUTF8Buffer { for byte in $0 { self.insert(byte) } }
    }

    mutating func insert(_ byte: UInt8) {
        if byte < 64 {
            self.low |= 1 << UInt64(byte)
        } else if byte < 128 {
            self.high |= 1 << UInt64(byte - 64)
        } else {
            self.others = true
        }
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range { self.insert(byte) }
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        byte < 64
            ? self.low >> UInt64(byte) & 1 == 1 : byte < 128 ? self.high >> UInt64(byte - 64) & 1 == 1 : self.others
    }

    func union(_ other: ByteSet) -> ByteSet {
        var set = self
        set.low |= other.low
        set.high |= other.high
        set.others = set.others || other.others
        return set
    }

    /// Everything else but NUL, which stands for "outside" in a `View`.
    var inverted: ByteSet {
        var set = self
        set.low = ~set.low & ~1
        set.high = ~set.high
        set.others.toggle()
        return set
    }

    /// `folded` holds both cases of every letter.
    var folded: ByteSet {
        var set = self
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") where self.contains(letter) || self.contains(letter - 32) {
            set.insert(letter)
            set.insert(letter - 32)
        }
        return set
    }

    static let digits: ByteSet = {
        var set = ByteSet()
        set.insert(0x30...0x39)
        return set
    }()
    static let upper: ByteSet = {
        var set = ByteSet()
        set.insert(0x41...0x5A)
        return set
    }()
    static let lower: ByteSet = {
        var set = ByteSet()
        set.insert(0x61...0x7A)
        return set
    }()
    static let letters = upper.union(lower)
    static let alphanumeric = letters.union(digits)
    /// Bytes that may stand between the start of a finding and its anchor: all but controls and the space.
    static let run: ByteSet = {
        var set = ByteSet()
        set.insert(0x21...0x7E)
        set.others = true
        return set
    }()
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isUpper: Bool { self &- 0x41 < 26 }
    @inline(__always) var isLower: Bool { self &- 0x61 < 26 }
    @inline(__always) var isAlphanumeric: Bool { self.isDigit || self.isLetter }
    @inline(__always) var isHexDigit: Bool { self.isDigit || (self | 0x20) &- 0x61 < 6 }
    @inline(__always) var isBlank: Bool { self == 0x20 || self == 0x09 }
    @inline(__always) var lowercased: UInt8 { self.isUpper ? self | 0x20 : self }
}
