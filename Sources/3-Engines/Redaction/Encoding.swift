/// A way in which text is written as other text. A run of it is decoded once, and the same detectors look at what comes
/// out (`Masker.resolve`).
enum Encoding: Sendable {
    /// RFC 4648, sections 4 and 5: either alphabet, padded or not, in one line or folded over several.
    case base64
    /// Two digits a byte, of either case, in one line or folded.
    case hexadecimal
    /// RFC 3986, section 2.1, with `+` for the space of a form.
    case percent
    /// The escapes of JSON (RFC 8259, section 7), with `\x41` of other languages.
    case escape
    /// HTML's character references: by number, and the five that XML has by name.
    case entity
    /// Text with characters of no width in it, which a reader doesn't see.
    case invisible

    /// Whether only some bytes are written otherwise, each with a mark of its own.
    var hasMarks: Bool {
        switch self {
        case .base64, .hexadecimal: false
        case .percent, .escape, .entity, .invisible: true
        }
    }

    /// Bytes that an open finding in a run goes on in.
    func continuation(isFolded: Bool) -> ByteSet {
        switch self {
        case .base64, .hexadecimal:
            isFolded ? ByteSet("+/-_=\r\n").union(.alphanumeric) : ByteSet("+/-_=").union(.alphanumeric)
        case .percent, .invisible: ByteSet.run
        case .escape, .entity: ByteSet("\n").inverted
        }
    }
}

/// What a run says, and where each byte of it is written.
struct Decoded {
    private(set) var bytes: [UInt8] = []
    /// By the decoded byte: the offset of the first raw byte that tells of it, and the one behind the last.
    private(set) var starts: [Int] = []
    private(set) var ends: [Int] = []

    /// Decodes the raw bytes of `range`. A unit that the range cuts is left out.
    init(_ encoding: Encoding, _ range: Range<Int>, of window: Window) {
        self.bytes.reserveCapacity(range.count)
        self.starts.reserveCapacity(range.count)
        self.ends.reserveCapacity(range.count)
        switch encoding {
        case .base64: self.packed(range, window, bits: 6)
        case .hexadecimal: self.packed(range, window, bits: 4)
        case .percent, .escape, .entity, .invisible: self.units(encoding, range, window)
        }
    }

    private mutating func append(_ byte: UInt8, _ raw: Range<Int>) {
        self.bytes.append(byte)
        self.starts.append(raw.lowerBound)
        self.ends.append(raw.upperBound)
    }

    // MARK: So many bits a character

    private mutating func packed(_ range: Range<Int>, _ window: Window, bits: Int) {
        var buffer = 0
        var held = 0
        // Where the bits begin that are held.
        var first = range.lowerBound
        var offset = range.lowerBound
        while offset < range.upperBound {
            let byte = window.at(offset)
            if byte == UInt8(ascii: "\\") {
                // A line's end as an escape.
                offset += 2
                continue
            }
            guard let value = bits == 6 ? EncodedText.sextet(byte) : EncodedText.nibble(byte) else {
                offset += 1
                continue
            }
            if held == 0 { first = offset }
            buffer = (buffer << bits | Int(value)) & 0xFFFF
            held += bits
            if held >= 8 {
                held -= 8
                self.append(UInt8(truncatingIfNeeded: buffer >> held), first..<(offset + 1))
                first = offset
            }
            offset += 1
        }
    }

    // MARK: Units of several characters

    private mutating func units(_ encoding: Encoding, _ range: Range<Int>, _ window: Window) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let byte = window.at(offset)
            if encoding == .invisible, byte >= 0x80, let count = EncodedText.invisible(at: offset, window) {
                offset += count
                continue
            }
            if encoding == .escape, byte == UInt8(ascii: "\\") {
                // Backslashes in pairs before a quote: the quote ends the string, and must end it in what's decoded, too.
                let end = Self.pairs(at: offset, window)
                if end > offset, end <= range.upperBound {
                    for place in offset..<end { self.append(byte, place..<(place + 1)) }
                    offset = end
                    continue
                }
            }
            let unit: (scalar: UInt32, count: Int, isByte: Bool)? =
                switch (encoding, byte) {
                case (.percent, UInt8(ascii: "%")): Self.percent(offset, window)
                case (.percent, UInt8(ascii: "+")): (0x20, 1, true)
                case (.escape, UInt8(ascii: "\\")): Self.escape(offset, window)
                case (.entity, UInt8(ascii: "&")): Self.entity(offset, window)
                default: nil
                }
            guard let unit else {
                self.append(byte, offset..<(offset + 1))
                offset += 1
                continue
            }
            let end = offset + unit.count
            guard end <= range.upperBound else { return }
            if unit.isByte {
                self.append(UInt8(truncatingIfNeeded: unit.scalar), offset..<end)
            } else {
                let scalar = Unicode.Scalar(unit.scalar) ?? "\u{FFFD}"
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { self.append(byte, offset..<end) }
            }
            offset = end
        }
    }

    private typealias Unit = (scalar: UInt32, count: Int, isByte: Bool)

    private static func percent(_ offset: Int, _ window: Window) -> Unit? {
        EncodedText.number(2, at: offset + 1, window).map { ($0, 3, true) }
    }

    /// The offset behind backslashes of an even number that a quote follows; the offset itself where that isn't so.
    private static func pairs(at offset: Int, _ window: Window) -> Int {
        var end = offset
        while window.at(end) == UInt8(ascii: "\\") { end += 1 }
        return (end - offset) % 2 == 0 && window.at(end) == 0x22 ? end : offset
    }

    private static func escape(_ offset: Int, _ window: Window) -> Unit? {
        switch window.at(offset + 1) {
        case 0x22, 0x27, UInt8(ascii: "\\"), UInt8(ascii: "/"): return (UInt32(window.at(offset + 1)), 2, true)
        case UInt8(ascii: "b"): return (0x08, 2, true)
        case UInt8(ascii: "f"): return (0x0C, 2, true)
        case UInt8(ascii: "n"): return (0x0A, 2, true)
        case UInt8(ascii: "r"): return (0x0D, 2, true)
        case UInt8(ascii: "t"): return (0x09, 2, true)
        case UInt8(ascii: "x"): return EncodedText.number(2, at: offset + 2, window).map { ($0, 4, true) }
        case UInt8(ascii: "u"):
            guard let high = EncodedText.number(4, at: offset + 2, window) else { return nil }
            if high >> 10 == 0x36, window.at(offset + 6) == UInt8(ascii: "\\"), window.at(offset + 7) == 0x75,
                let low = EncodedText.number(4, at: offset + 8, window), low >> 10 == 0x37
            {
                return (0x10000 + (high & 0x3FF) << 10 + low & 0x3FF, 12, false)
            }
            return (high, 6, false)
        default: return nil
        }
    }

    private static func entity(_ offset: Int, _ window: Window) -> Unit? {
        if window.at(offset + 1) == UInt8(ascii: "#") {
            let isHexadecimal = window.at(offset + 2) | 0x20 == UInt8(ascii: "x")
            let start = offset + (isHexadecimal ? 3 : 2)
            var end = start
            var scalar: UInt32 = 0
            while end - start < 8, let digit = EncodedText.nibble(window.at(end)), isHexadecimal || digit < 10 {
                scalar = scalar &* (isHexadecimal ? 16 : 10) &+ UInt32(digit)
                end += 1
            }
            guard end > start else { return nil }
            // HTML lets the semicolon go.
            if window.at(end) == UInt8(ascii: ";") { end += 1 }
            return (scalar, end - offset, false)
        }
        for (name, byte) in EncodedText.entities {
            let count = name.utf8CodeUnitCount
            if (0..<count).allSatisfy({ window.at(offset + $0) == name.utf8Start[$0] }) {
                return (UInt32(byte), count, true)
            }
        }
        return nil
    }
}

/// The letters that encodings are written in.
enum EncodedText {
    static let entities: [(StaticString, UInt8)] = [
        ("&quot;", 0x22), ("&apos;", 0x27), ("&amp;", 0x26), ("&lt;", 0x3C), ("&gt;", 0x3E),
    ]

    /// How many bytes the character of no width at `offset` has, if there is one: U+00AD, U+200B, U+2060, U+FEFF.
    static func invisible(at offset: Int, _ window: Window) -> Int? {
        switch (window.at(offset), window.at(offset + 1), window.at(offset + 2)) {
        case (0xC2, 0xAD, _): 2
        case (0xE2, 0x80, 0x8B), (0xE2, 0x81, 0xA0), (0xEF, 0xBB, 0xBF): 3
        default: nil
        }
    }

    @inline(__always)
    static func sextet(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case UInt8(ascii: "-"), UInt8(ascii: "+"): 62
        case UInt8(ascii: "_"), UInt8(ascii: "/"): 63
        default: nil
        }
    }

    @inline(__always)
    static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    static func number(_ count: Int, at offset: Int, _ window: Window) -> UInt32? {
        var value: UInt32 = 0
        for index in offset..<(offset + count) {
            guard let digit = self.nibble(window.at(index)) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
