/// A `traceparent` header (W3C Trace Context, level 2): which trace a request belongs to, and who sent it.
package struct TraceParent: Hashable, Sendable {
    /// 16 bytes, not all zero.
    package let traceID: [UInt8]
    /// 8 bytes, not all zero.
    package let parentID: [UInt8]
    package let flags: UInt8

    private static let (sampled, random): (UInt8, UInt8) = (1, 2)
    /// Letters of version 00.
    private static let length = 55

    package var isSampled: Bool { self.flags & Self.sampled != 0 }
    /// At least the last 7 bytes of the trace's id were drawn at random.
    package var isRandom: Bool { self.flags & Self.random != 0 }

    /// Nil for ids of other lengths or of zeros alone.
    package init?(traceID: [UInt8], parentID: [UInt8], isSampled: Bool, isRandom: Bool = false) {
        guard traceID.count == 16, parentID.count == 8, traceID.contains(where: { $0 != 0 }),
            parentID.contains(where: { $0 != 0 })
        else { return nil }
        self.traceID = traceID
        self.parentID = parentID
        self.flags = (isSampled ? Self.sampled : 0) | (isRandom ? Self.random : 0)
    }

    /// The header's one line: several are none. A version that's unknown is read as far as it's like this one
    /// (section "Versioning of traceparent").
    package init?(_ lines: [[UInt8]]) {
        guard lines.count == 1 else { return nil }
        self.init(lines[0])
    }

    /// Nil for anything that isn't one, capital letters and white space included: then a trace begins anew.
    package init?(_ line: [UInt8]) {
        guard line.count >= Self.length, let version = Hexadecimal.decode(line[0..<2]), version != [0xFF],
            line[2] == UInt8(ascii: "-"), line[35] == UInt8(ascii: "-"), line[52] == UInt8(ascii: "-"),
            let traceID = Hexadecimal.decode(line[3..<35]), let parentID = Hexadecimal.decode(line[36..<52]),
            let flags = Hexadecimal.decode(line[53..<55])
        else { return nil }
        if line.count > Self.length {
            guard version != [0], line[Self.length] == UInt8(ascii: "-") else { return nil }
        }
        guard traceID.contains(where: { $0 != 0 }), parentID.contains(where: { $0 != 0 }) else { return nil }
        self.traceID = traceID
        self.parentID = parentID
        // Of a version that's unknown, only what this one knows.
        self.flags = version == [0] ? flags[0] : flags[0] & Self.sampled
    }

    /// The same trace from another sender on. Nil for an id that isn't 8 bytes, or is zeros alone.
    package func child(parentID: [UInt8], isSampled: Bool? = nil) -> TraceParent? {
        TraceParent(
            traceID: self.traceID, parentID: parentID, isSampled: isSampled ?? self.isSampled, isRandom: self.isRandom)
    }
}

extension TraceParent: CustomStringConvertible {
    /// In version 00, without flags that it has no meaning for.
    package var description: String {
        let flags = Hexadecimal.encode([self.flags & (Self.sampled | Self.random)])
        return "00-\(Hexadecimal.encode(self.traceID))-\(Hexadecimal.encode(self.parentID))-\(flags)"
    }
}

/// Base 16 in small letters, and in no others.
enum Hexadecimal {
    static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// - Parameter text: of an even length.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text
        while let high = rest.popFirst(), let low = rest.popFirst() {
            guard !(0x41...0x46).contains(high), !(0x41...0x46).contains(low), let high = Percents.digit(high),
                let low = Percents.digit(low)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
