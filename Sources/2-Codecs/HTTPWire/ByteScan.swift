/// Looks through the bytes of heads, eight at a time where it can.
package enum ByteScan {
    /// The first place in `start..<end` with a control character that no line may have within it: all but HTAB, and with
    /// them the CR and LF that end lines. `end` if there's none.
    @inline(__always)
    static func control(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        guard start < end, let base = bytes.baseAddress else { return end }
        var at = start
        while at &+ 8 <= end {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            // A byte's high bit is set where it's below 0x20, or DEL. A borrow makes more of them only above one that's so.
            let low = (word &- 0x2020_2020_2020_2020) & ~word
            let other = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let delete = (other &- 0x0101_0101_0101_0101) & ~other
            let found = (low | delete) & 0x8080_8080_8080_8080
            if found == 0 {
                at &+= 8
                continue
            }
            at &+= found.trailingZeroBitCount / 8
            if base.load(fromByteOffset: at, as: UInt8.self) != 0x09 { return at }
            at &+= 1
        }
        while at < end {
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            if byte < 0x20 && byte != 0x09 || byte == 0x7F { return at }
            at &+= 1
        }
        return end
    }

    /// Where the line that begins before `scanned` ends: the place of its CR; `nil` while the bytes that tell aren't there.
    /// - Parameter bound: the line and its end have to lie before this.
    /// - Throws: for any control character but HTAB before the line's CR and LF; `tooLong` where it reaches `bound`.
    @inline(__always)
    static func lineEnd(
        _ bytes: UnsafeRawBufferPointer, scanned: inout Int, bound: Int, tooLong: HTTPRefusal.Code
    ) throws(HTTPRefusal) -> Int? {
        let found = Self.control(bytes, from: scanned, to: min(bytes.count, bound))
        scanned = found
        guard found < bound else { throw HTTPRefusal(tooLong) }
        guard found < bytes.count else { return nil }
        switch bytes[found] {
        case UInt8(ascii: "\r"):
            guard found &+ 1 < bound else { throw HTTPRefusal(tooLong) }
            guard found &+ 1 < bytes.count else { return nil }
            guard bytes[found &+ 1] == UInt8(ascii: "\n") else { throw HTTPRefusal(.bareCarriageReturn) }
            return found
        case UInt8(ascii: "\n"): throw HTTPRefusal(.bareLineFeed)
        default: throw HTTPRefusal(.controlCharacter)
        }
    }

    /// Whether these bytes are `text`, which is in lower case, but for the case of letters.
    @inline(__always)
    package static func isSame(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ length: Int, _ text: StaticString) -> Bool
    {
        guard length == text.utf8CodeUnitCount else { return false }
        let expected = text.utf8Start
        for index in 0..<length where bytes[at &+ index].lowercased != expected[index] { return false }
        return true
    }

    /// Whether these bytes are those of `text`, which is in lower case, but for the case of letters.
    package static func isSame(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ length: Int, _ text: [UInt8]) -> Bool {
        guard length == text.count else { return false }
        for index in 0..<length where bytes[at &+ index].lowercased != text[index] { return false }
        return true
    }
}

extension UInt8 {
    /// RFC 9110, 5.6.2: `tchar`.
    @inline(__always)
    var isTokenCharacter: Bool {
        // One bit for each of the first 128 characters.
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        guard self < 0x80 else { return false }
        return (self < 64 ? low >> UInt64(self) : high >> UInt64(self &- 64)) & 1 == 1
    }

    @inline(__always)
    package var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// What a hexadecimal digit stands for.
    @inline(__always)
    package var hexadecimal: UInt8? {
        switch self {
        case 0x30...0x39: self &- 0x30
        case 0x41...0x46: self &- 0x37
        case 0x61...0x66: self &- 0x57
        default: nil
        }
    }
}
