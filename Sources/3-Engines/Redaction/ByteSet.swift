/// A set of bytes. Those above ASCII are all in or all out.
struct ByteSet: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    var others = false

    init() {}

    /// The bytes below 64 and those below 128, a bit each.
    private init(low: UInt64, high: UInt64, others: Bool = false) {
        self.low = low
        self.high = high
        self.others = others
    }

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

    mutating func remove(_ byte: UInt8) {
        if byte < 64 {
            self.low &= ~(1 << UInt64(byte))
        } else if byte < 128 {
            self.high &= ~(1 << UInt64(byte - 64))
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

    static let any = ByteSet(low: .max, high: .max, others: true)
    // Computed, so that they are constants in the code that asks for them.
    static var digits: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0) }
    static var upper: ByteSet { ByteSet(low: 0, high: 0x0000_0000_07FF_FFFE) }
    static var lower: ByteSet { ByteSet(low: 0, high: 0x07FF_FFFE_0000_0000) }
    static var letters: ByteSet { upper.union(lower) }
    static var alphanumeric: ByteSet { letters.union(digits) }
    static var hexDigits: ByteSet { digits.union(ByteSet(low: 0, high: 0x0000_007E_0000_007E)) }
    /// The space and the tab.
    static var blanks: ByteSet { ByteSet(low: 1 << 0x20 | 1 << 0x09, high: 0) }
    /// `=` and `>`
    static var assignment: ByteSet { ByteSet(low: 0b11 << 0x3D, high: 0) }
    /// Letters, digits and the underscore.
    static var identifier: ByteSet { alphanumeric.union(ByteSet(low: 0, high: 1 << 0x1F)) }
    /// Bytes that may stand between the start of a finding and its anchor: all but controls and the space.
    static var run: ByteSet { ByteSet(low: 0xFFFF_FFFE_0000_0000, high: 0x7FFF_FFFF_FFFF_FFFF, others: true) }
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
