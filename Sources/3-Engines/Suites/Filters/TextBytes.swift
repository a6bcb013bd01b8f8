/// Texts by their bytes: what's looked for is found character by character of Unicode, and not by how it looks.
enum TextBytes {
    /// Where `part` stands first in `whole`, at `start` or behind it.
    static func range(of part: [UInt8], in whole: [UInt8], from start: Int = 0) -> Range<Int>? {
        guard !part.isEmpty else { return start <= whole.count ? start..<start : nil }
        guard whole.count - start >= part.count else { return nil }
        // Horspool's: as far on as the last byte under the part allows.
        var skips = [Int](repeating: part.count, count: 256)
        for (index, byte) in part.dropLast().enumerated() { skips[Int(byte)] = part.count - 1 - index }
        var place = start
        while place + part.count <= whole.count {
            var index = part.count - 1
            while whole[place + index] == part[index] {
                if index == 0 { return place..<place + part.count }
                index -= 1
            }
            place += skips[Int(whole[place + part.count - 1])]
        }
        return nil
    }

    /// The pieces between what separates them. Without a separator: each character, with nothing before and behind.
    static func split(_ text: String, by separator: String) -> [String] {
        guard !separator.isEmpty else { return [""] + text.unicodeScalars.map { String($0) } + [""] }
        let (bytes, part) = (Array(text.utf8), Array(separator.utf8))
        var pieces: [String] = []
        var start = 0
        while let range = self.range(of: part, in: bytes, from: start) {
            pieces.append(String(decoding: bytes[start..<range.lowerBound], as: UTF8.self))
            start = range.upperBound
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    static func replacing(_ old: String, with new: String, in text: String) -> String {
        // Nothing stands between any two characters.
        guard !old.isEmpty else { return new + text.unicodeScalars.map { "\($0)\(new)" }.joined() }
        return self.split(text, by: old).joined(separator: new)
    }
}

/// Base64 by RFC 4648, in its usual letters and in those for URLs.
enum Base64Text {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlLetters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// For URLs without padding.
    static func encoded(_ bytes: [UInt8], forURL: Bool) -> String {
        let letters = forURL ? self.urlLetters : self.letters
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits = UInt32(bytes[start]) << 16
            if count > 1 { bits |= UInt32(bytes[start + 1]) << 8 }
            if count > 2 { bits |= UInt32(bytes[start + 2]) }
            for place in 0...count { text.append(letters[Int(bits >> UInt32(18 - 6 * place) & 63)]) }
            if !forURL { text += [UInt8](repeating: UInt8(ascii: "="), count: 3 - count) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for what is no base64: padding has to be there in the usual letters, and may be in those for URLs.
    static func decoded(_ text: String, forURL: Bool) -> [UInt8]? {
        let digits = Array(text.utf8)
        let unpadded = digits.prefix { $0 != UInt8(ascii: "=") }
        let padding = digits.count - unpadded.count
        let wanted = (4 - unpadded.count % 4) % 4
        guard unpadded.count % 4 != 1, digits.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") }),
            padding == wanted || (forURL && padding == 0)
        else { return nil }
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for digit in unpadded {
            guard let value = self.value(digit, forURL) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // Bits that are over have to be none.
        return bits & (1 << UInt32(count) - 1) == 0 ? bytes : nil
    }

    private static func value(_ digit: UInt8, _ forURL: Bool) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit) - 0x41
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit) - 0x61 + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit) - 0x30 + 52
        case UInt8(ascii: forURL ? "-" : "+"): 62
        case UInt8(ascii: forURL ? "_" : "/"): 63
        default: nil
        }
    }
}

/// Percent-encoding by RFC 3986.
enum URLText {
    /// All but unreserved characters and the slash.
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + SuiteValue.hexadecimal(byte).uppercased()
            }
        }
        return result
    }

    /// A `%` that two hexadecimal digits don't follow stays; bytes that are no UTF-8 become U+FFFD.
    static func decoded(_ text: some StringProtocol, plusIsBlank: Bool = false) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var place = 0
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "%"), place + 2 < bytes.count, let high = Self.digit(bytes[place + 1]),
                let low = Self.digit(bytes[place + 2])
            {
                result.append(high << 4 | low)
                place += 3
            } else {
                result.append(plusIsBlank && byte == UInt8(ascii: "+") ? 0x20 : byte)
                place += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x61 + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x41 + 10
        default: nil
        }
    }

    /// The first value of a parameter in a URL's query; nil where there's none.
    /// - Throws: `suite_bad_url`.
    static func parameter(_ name: String, in url: String) throws(SuiteError) -> String? {
        let lower = url.prefix(8).lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else {
            throw SuiteError(.badURL, "'\(url.prefix(100))' is no URL: it begins with http:// or https://")
        }
        let whole = url.utf8.prefix { $0 != UInt8(ascii: "#") }
        guard let mark = whole.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        for pair in whole[whole.index(after: mark)...].split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let key = self.decoded(String(decoding: parts[0], as: UTF8.self), plusIsBlank: true)
            guard key.isSame(as: name) else { continue }
            return parts.count > 1 ? self.decoded(String(decoding: parts[1], as: UTF8.self), plusIsBlank: true) : ""
        }
        return nil
    }
}
