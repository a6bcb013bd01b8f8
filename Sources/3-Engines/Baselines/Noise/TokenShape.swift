/// What a random text looks like: the letters before it that stay, the alphabet, and how long it is without them.
package struct TokenShape: Hashable, Sendable {
    /// From the smallest on. A token's is the smallest that has all letters which were seen.
    package enum Alphabet: String, Hashable, Sendable, CaseIterable {
        case digits
        case hex
        case upperHex = "upper-hex"
        case base32
        /// Small letters and digits.
        case base36
        case base62
        case base64url
        case base64
        /// Any but spaces.
        case visible

        func contains(_ byte: UInt8) -> Bool {
            switch self {
            case .digits: byte.isDigit
            case .hex: byte.isDigit || (0x61...0x66).contains(byte)
            case .upperHex: byte.isDigit || (0x41...0x46).contains(byte)
            case .base32: (0x41...0x5A).contains(byte) || (0x32...0x37).contains(byte)
            case .base36: byte.isDigit || (0x61...0x7A).contains(byte)
            case .base62: byte.isLetterOrDigit
            case .base64url: byte.isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            case .base64:
                byte.isLetterOrDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
                    || byte == UInt8(ascii: "=")
            case .visible: byte > 0x20 && byte != 0x7F
            }
        }
    }

    package var prefix: String
    package var alphabet: Alphabet
    package var length: ClosedRange<Int>

    package init(prefix: String = "", alphabet: Alphabet, length: ClosedRange<Int>) {
        self.prefix = prefix
        self.alphabet = alphabet
        self.length = length
    }

    /// What isn't as it was, in words; nil where all is.
    package func fault(of text: String) -> String? {
        guard text.utf8.starts(with: self.prefix.utf8) else { return "doesn't begin with '\(self.prefix)'" }
        let rest = text.utf8.dropFirst(self.prefix.utf8.count)
        guard rest.allSatisfy(self.alphabet.contains) else {
            return "isn't of the alphabet '\(self.alphabet.rawValue)'"
        }
        guard self.length.contains(rest.count) else {
            return "has \(rest.count) letters where \(self.length.written) are expected"
        }
        return nil
    }

    /// The shape of texts that are random to all appearance; nil for words that somebody chose.
    static func learned(_ texts: [String]) -> TokenShape? {
        guard let first = texts.first,
            texts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Alphabet.visible.contains) })
        else { return nil }
        var prefix = Array(first.utf8)
        for text in texts { prefix = zip(prefix, text.utf8).prefix { $0 == $1 }.map(\.0) }
        // Only up to a separator: random texts may begin alike by chance.
        let separators = Array("_-:./".utf8)
        prefix = prefix.lastIndex { separators.contains($0) }.map { Array(prefix[...$0]) } ?? []
        let rests = texts.map { Array($0.utf8.dropFirst(prefix.count)) }
        guard rests.allSatisfy(Self.looksRandom) else { return nil }
        let alphabet = Alphabet.allCases.first { alphabet in rests.allSatisfy { $0.allSatisfy(alphabet.contains) } }
        guard let alphabet, let least = rests.map(\.count).min(), let most = rests.map(\.count).max() else {
            return nil
        }
        let slack = most - least
        return TokenShape(
            prefix: String(decoding: prefix, as: UTF8.self), alphabet: alphabet,
            length: max(1, least - slack)...most + slack)
    }

    /// Digits among letters, or digits alone, or letters of both cases in no order that words have.
    private static func looksRandom(_ text: [UInt8]) -> Bool {
        let digits = text.count(where: \.isDigit)
        if digits == text.count { return text.count >= 4 }
        if text.count < 6 { return false }
        if digits > 0 { return true }
        let changes = zip(text, text.dropFirst()).count { ($0 & 0x20 != 0) && ($1 & 0x20 == 0) }
        return text.count >= 12 && changes >= 2
    }
}

extension ClosedRange<Int> {
    /// `32`, or `6..8`.
    var written: String {
        self.lowerBound == self.upperBound ? "\(self.lowerBound)" : "\(self.lowerBound)..\(self.upperBound)"
    }
}
