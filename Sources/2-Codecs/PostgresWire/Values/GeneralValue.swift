package import NIOCore

/// A value of a date's, a time's or an address's type with the exact taken away, in the same type and format: the first of
/// January of its year, its /24 or /48 network.
package enum GeneralValue {
    /// - Returns: nil for other types, for a value that isn't of its type's form or in another DateStyle than ISO, and where
    ///   there's nothing to take away (`infinity`).
    package static func general(of value: ByteBuffer, type: PostgresType, format: ValueFormat) -> ByteBuffer? {
        var value = value
        switch (type, format) {
        case (.date, .binary):
            guard let days = value.readInteger(as: Int32.self), value.readableBytes == 0, abs(Int(days)) < Self.mostDays
            else { return nil }
            return ByteBuffer(integer: Int32(Self.firstDay(ofYearWith: Int(days))))
        case (.timestamp, .binary), (.timestamptz, .binary):
            guard let time = value.readInteger(as: Int64.self), value.readableBytes == 0 else { return nil }
            let days = (time - (time < 0 ? Self.microseconds - 1 : 0)) / Self.microseconds
            guard abs(days) < Self.mostDays else { return nil }
            return ByteBuffer(integer: Int64(Self.firstDay(ofYearWith: Int(days))) * Self.microseconds)
        case (.date, .text), (.timestamp, .text), (.timestamptz, .text):
            return Self.year(value, type)
        case (.inet, .binary), (.cidr, .binary):
            return Self.network(&value)
        case (.inet, .text), (.cidr, .text):
            return Self.network(String(buffer: value))
        default:
            return nil
        }
    }

    // MARK: Times

    private static let microseconds: Int64 = 86_400_000_000
    /// PostgreSQL's dates go to the year 5,874,897.
    private static let mostDays = 2_200_000_000

    /// Days from 1 January 2000 to the first of the year in which a day lies, in the proleptic Gregorian calendar.
    private static func firstDay(ofYearWith day: Int) -> Int {
        // 400 years have 146,097 days, and 2000 begins such a row.
        let cycle = (day - (day < 0 ? 146_096 : 0)) / 146_097
        let rest = day - cycle * 146_097
        var year = rest / 366
        while Self.days(before: year + 1) <= rest { year += 1 }
        return cycle * 146_097 + Self.days(before: year)
    }

    /// Days of the years before the `year`th of a row of 400, of which the first, each fourth and no hundredth have one more.
    private static func days(before year: Int) -> Int {
        year == 0 ? 0 : year * 365 + 1 + (year - 1) / 4 - (year - 1) / 100
    }

    /// `2026-11-26` and what may follow it: a time, a zone, `BC`.
    private static func year(_ value: ByteBuffer, _ type: PostgresType) -> ByteBuffer? {
        let bytes = Array(value.readableBytesView)
        guard let end = bytes.firstIndex(of: UInt8(ascii: "-")), end >= 4, bytes[..<end].allSatisfy(Self.isDigit),
            bytes.count >= end + 6, bytes[end + 3] == UInt8(ascii: "-")
        else { return nil }
        var text = Array(bytes[..<end]) + Array("-01-01".utf8)
        if type != .date { text += Array(" 00:00:00".utf8) }
        if type == .timestamptz { text += Array("+00".utf8) }
        if bytes.suffix(3).elementsEqual(" BC".utf8) { text += Array(" BC".utf8) }
        return ByteBuffer(bytes: text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    // MARK: Addresses

    /// Family (2 or 3), bits, whether it's a network, length, and the address itself.
    private static func network(_ value: inout ByteBuffer) -> ByteBuffer? {
        guard let head = value.readBytes(length: 4), var address = value.readBytes(length: Int(head[3])),
            value.readableBytes == 0
        else { return nil }
        let kept: Int
        switch (head[0], address.count) {
        case (2, 4): kept = 3
        case (3, 16): kept = 6
        default: return nil
        }
        for index in kept..<address.count { address[index] = 0 }
        return ByteBuffer(bytes: [head[0], min(head[1], UInt8(kept * 8)), head[2], head[3]] + address)
    }

    private static func network(_ text: String) -> ByteBuffer? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first, parts.count <= 2 else { return nil }
        let isFour = !address.contains(":")
        let kept = isFour ? 24 : 48
        let bits = parts.count == 2 ? Int(parts[1]) : kept
        guard let bits, (0...128).contains(bits) else { return nil }
        let suffix = "/\(min(bits, kept))"
        if isFour {
            let octets = address.split(separator: ".", omittingEmptySubsequences: false)
            guard octets.count == 4, octets.allSatisfy({ UInt8($0) != nil }) else { return nil }
            return ByteBuffer(string: octets.prefix(3).joined(separator: ".") + ".0" + suffix)
        }
        guard let groups = Self.groups(address) else { return nil }
        return ByteBuffer(string: groups.prefix(3).map { String($0, radix: 16) }.joined(separator: ":") + "::" + suffix)
    }

    /// The eight groups of an IPv6 address; the last two may be written as IPv4.
    private static func groups(_ address: Substring) -> [UInt16]? {
        func read(_ part: Substring) -> [UInt16]? {
            var groups: [UInt16] = []
            for piece in part.isEmpty ? [] : part.split(separator: ":", omittingEmptySubsequences: false) {
                if piece.contains(".") {
                    let octets = piece.split(separator: ".").compactMap { UInt8($0) }
                    guard octets.count == 4 else { return nil }
                    groups += [UInt16(octets[0]) << 8 | UInt16(octets[1]), UInt16(octets[2]) << 8 | UInt16(octets[3])]
                } else {
                    guard piece.count <= 4, let group = UInt16(piece, radix: 16) else { return nil }
                    groups.append(group)
                }
            }
            return groups
        }
        guard let gap = address.firstRange(of: "::") else {
            return read(address).flatMap { $0.count == 8 ? $0 : nil }
        }
        guard let head = read(address[..<gap.lowerBound]), let tail = read(address[gap.upperBound...]),
            head.count + tail.count <= 7
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }
}
