/// Characters of HTML that are written otherwise (html.spec.whatwg.org, 13.2.5.72 and on).
enum HTMLText {
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#x27;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// With all references replaced, by number and by name; names that HTML knows without a `;` too.
    static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var place = 0
        while place < bytes.count {
            if bytes[place] == UInt8(ascii: "&"), let (value, end) = self.reference(bytes, place + 1) {
                result += value.utf8
                place = end
            } else {
                result.append(bytes[place])
                place += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What the reference behind a `&` stands for, and where it ends; nil where there's none.
    private static func reference(_ bytes: [UInt8], _ start: Int) -> (String, Int)? {
        guard start < bytes.count else { return nil }
        if bytes[start] == UInt8(ascii: "#") { return self.numeric(bytes, start + 1) }
        var end = start
        while end < bytes.count, end - start < self.longest, Self.isNamed(bytes[end]) { end += 1 }
        if end < bytes.count, bytes[end] == UInt8(ascii: ";") { end += 1 }
        // The longest name that's known.
        while end > start {
            if let value = self.names[String(decoding: bytes[start..<end], as: UTF8.self)] { return (value, end) }
            end -= 1
        }
        return nil
    }

    private static func isNamed(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
    }

    private static func numeric(_ bytes: [UInt8], _ start: Int) -> (String, Int)? {
        let isHexadecimal = start < bytes.count && bytes[start] | 0x20 == UInt8(ascii: "x")
        var place = isHexadecimal ? start + 1 : start
        var value: UInt32 = 0
        var count = 0
        while place < bytes.count {
            let byte = bytes[place]
            let digit: UInt32
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt32(byte) - 0x30
            case UInt8(ascii: "a")...UInt8(ascii: "f") where isHexadecimal: digit = UInt32(byte) - 0x61 + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F") where isHexadecimal: digit = UInt32(byte) - 0x41 + 10
            default: digit = .max
            }
            guard digit != .max else { break }
            value = min(0x11_0000, value * (isHexadecimal ? 16 : 10) + digit)
            count += 1
            place += 1
        }
        guard count > 0 else { return nil }
        if place < bytes.count, bytes[place] == UInt8(ascii: ";") { place += 1 }
        return (self.character(value), place)
    }

    private static func character(_ value: UInt32) -> String {
        if value == 0 { return "\u{FFFD}" }
        if let index = (0x80...0x9F).contains(value) ? Int(value - 0x80) : nil {
            return String(self.windows1252[index])
        }
        return Unicode.Scalar(value).map { String($0) } ?? "\u{FFFD}"
    }

    /// What the numbers 0x80 to 0x9F are taken for.
    static let windows1252: [Unicode.Scalar] = [
        "\u{20AC}", "\u{81}", "\u{201A}", "\u{192}", "\u{201E}", "\u{2026}", "\u{2020}", "\u{2021}", "\u{2C6}",
        "\u{2030}", "\u{160}", "\u{2039}", "\u{152}", "\u{8D}", "\u{17D}", "\u{8F}", "\u{90}", "\u{2018}", "\u{2019}",
        "\u{201C}", "\u{201D}", "\u{2022}", "\u{2013}", "\u{2014}", "\u{2DC}", "\u{2122}", "\u{161}", "\u{203A}",
        "\u{153}", "\u{9D}", "\u{17E}", "\u{178}",
    ]

    private static let names: [String: String] = {
        var names: [String: String] = [:]
        let text = String(decoding: PackageResources.character_references_txt, as: UTF8.self)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            var value = String.UnicodeScalarView()
            for word in words.dropFirst() {
                if let scalar = UInt32(word, radix: 16).flatMap(Unicode.Scalar.init) { value.append(scalar) }
            }
            if let name = words.first { names[String(name)] = String(value) }
        }
        return names
    }()

    private static let longest = 32
}
