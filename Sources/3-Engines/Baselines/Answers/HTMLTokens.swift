/// Tags and texts of an HTML page, as far as comparing pages needs them: by html.spec.whatwg.org, 13.2.5, without its
/// repairs. It takes whatever comes; time is in proportion to the length.
struct HTMLTokens {
    enum Token: Equatable {
        case start(name: String, attributes: [Attribute], closesItself: Bool)
        case end(name: String)
        case text(String)
    }

    struct Attribute: Equatable {
        var name: String
        var value: String
    }

    /// Their content isn't markup.
    private static let raw: Set<String> = [
        "script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes",
    ]

    private let bytes: [UInt8]
    private var place = 0
    /// The element whose content is a text up to its end tag.
    private var rawName: String?

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> Token? {
        if let name = self.rawName {
            self.rawName = nil
            let text = self.rawText(name)
            if !text.isEmpty { return .text(text) }
        }
        while self.place < self.bytes.count {
            guard self.bytes[self.place] == UInt8(ascii: "<") else { return .text(self.text()) }
            if let token = self.tag() { return token }
        }
        return nil
    }

    private func byte(_ offset: Int = 0) -> UInt8? {
        self.place + offset < self.bytes.count ? self.bytes[self.place + offset] : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Up to the next `<` that begins something.
    private mutating func text() -> String {
        let start = self.place
        self.place += 1
        while self.place < self.bytes.count, self.bytes[self.place] != UInt8(ascii: "<") { self.place += 1 }
        return Self.unescaped(self.bytes[start..<self.place])
    }

    private mutating func rawText(_ name: String) -> String {
        let start = self.place
        let end = Array("</\(name)".utf8)
        while self.place + end.count <= self.bytes.count {
            let isEnd =
                self.bytes[self.place] == UInt8(ascii: "<")
                && zip(self.bytes[self.place...], end).allSatisfy { Self.lowered($0) == $1 }
            if isEnd { break }
            self.place += 1
        }
        if self.place + end.count > self.bytes.count { self.place = self.bytes.count }
        let text = self.bytes[start..<self.place]
        return name == "title" || name == "textarea" ? Self.unescaped(text) : String(decoding: text, as: UTF8.self)
    }

    /// Nil for what was passed by: comments, declarations.
    private mutating func tag() -> Token? {
        switch self.byte(1) {
        case UInt8(ascii: "!"), UInt8(ascii: "?"):
            self.skipDeclaration()
            return nil
        case UInt8(ascii: "/"):
            guard let letter = self.byte(2), letter.isLetter else {
                self.skip(past: UInt8(ascii: ">"))
                return nil
            }
            self.place += 2
            let name = self.name()
            self.skip(past: UInt8(ascii: ">"))
            return .end(name: name)
        case .some(let letter) where letter.isLetter:
            self.place += 1
            return self.startTag()
        case .some, nil: return .text(self.text())
        }
    }

    private mutating func skip(past byte: UInt8) {
        while self.place < self.bytes.count, self.bytes[self.place] != byte { self.place += 1 }
        self.place = min(self.place + 1, self.bytes.count)
    }

    private mutating func skipDeclaration() {
        guard self.bytes[self.place...].starts(with: "<!--".utf8) else { return self.skip(past: UInt8(ascii: ">")) }
        self.place += 4
        while self.place < self.bytes.count, !self.bytes[self.place...].starts(with: "-->".utf8) { self.place += 1 }
        self.place = min(self.place + 3, self.bytes.count)
    }

    private mutating func name() -> String {
        let start = self.place
        while let byte = self.byte(), !Self.isSpace(byte), byte != UInt8(ascii: ">"), byte != UInt8(ascii: "/") {
            self.place += 1
        }
        return String(decoding: self.bytes[start..<self.place].map(Self.lowered), as: UTF8.self)
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    private mutating func startTag() -> Token {
        let name = self.name()
        var attributes: [Attribute] = []
        var closesItself = false
        while let byte = self.byte(), byte != UInt8(ascii: ">") {
            if Self.isSpace(byte) || byte == UInt8(ascii: "/") {
                closesItself = byte == UInt8(ascii: "/")
                self.place += 1
                continue
            }
            closesItself = false
            let attribute = self.attribute()
            // Of two of a name the first counts.
            if !attributes.contains(where: { $0.name == attribute.name }) { attributes.append(attribute) }
        }
        self.place = min(self.place + 1, self.bytes.count)
        if Self.raw.contains(name), !closesItself { self.rawName = name }
        return .start(name: name, attributes: attributes, closesItself: closesItself)
    }

    private mutating func attribute() -> Attribute {
        let start = self.place
        self.place += 1
        while let byte = self.byte(), !Self.isSpace(byte),
            ![UInt8(ascii: "="), UInt8(ascii: ">"), UInt8(ascii: "/")].contains(byte)
        {
            self.place += 1
        }
        let name = String(decoding: self.bytes[start..<self.place].map(Self.lowered), as: UTF8.self)
        while let byte = self.byte(), Self.isSpace(byte) { self.place += 1 }
        guard self.byte() == UInt8(ascii: "=") else { return Attribute(name: name, value: "") }
        self.place += 1
        while let byte = self.byte(), Self.isSpace(byte) { self.place += 1 }
        let opening = self.place
        if let quote = self.byte(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            self.skipQuoted(quote)
            let end = max(
                opening + 1, self.place - (self.place > opening + 1 && self.bytes[self.place - 1] == quote ? 1 : 0))
            return Attribute(
                name: name, value: Self.unescaped(self.bytes[min(opening + 1, end)..<min(end, self.bytes.count)]))
        }
        while let byte = self.byte(), !Self.isSpace(byte), byte != UInt8(ascii: ">") { self.place += 1 }
        return Attribute(name: name, value: Self.unescaped(self.bytes[opening..<self.place]))
    }

    private mutating func skipQuoted(_ quote: UInt8) {
        self.place += 1
        self.skip(past: quote)
    }

    private static let named: [(String, String)] = [
        ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"), ("nbsp", "\u{A0}"),
    ]

    /// With references by number and the usual names replaced; others stay as they're written, in both pages alike.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "&")) else { return String(decoding: bytes, as: UTF8.self) }
        var result = ""
        var rest = bytes
        while let start = rest.firstIndex(of: UInt8(ascii: "&")) {
            result += String(decoding: rest[..<start], as: UTF8.self)
            rest = rest[(start + 1)...]
            let end = rest.prefix(10).firstIndex(of: UInt8(ascii: ";"))
            let name = end.map { String(decoding: rest[..<$0], as: UTF8.self) } ?? ""
            if let end, let text = self.referenced(name) {
                result += text
                rest = rest[(end + 1)...]
            } else {
                result += "&"
            }
        }
        return result + String(decoding: rest, as: UTF8.self)
    }

    private static func referenced(_ name: String) -> String? {
        if name.hasPrefix("#") {
            let digits = name.dropFirst()
            let isHex = digits.first == "x" || digits.first == "X"
            let value = isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
            return value.flatMap(Unicode.Scalar.init).map { String($0) }
        }
        return self.named.first { $0.0 == name }?.1
    }
}
