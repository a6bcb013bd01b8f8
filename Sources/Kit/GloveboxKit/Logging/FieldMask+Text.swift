extension FieldMask {
    /// Masks what stands behind a sensitive name and `=` or `:` in running text: a word, a text in quotes, or a list or
    /// object in brackets. Behind a header's name (`Authorization: Bearer …`, `Cookie: …`) that's the rest of the line.
    ///
    /// - Returns: nil when nothing is to be masked.
    func mask(inText text: String) -> String? {
        // Most messages name nothing.
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") }) else { return nil }
        let bytes = text.utf8
        var masked = ""
        var passed = bytes.startIndex
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index].isName else {
                index = bytes.index(after: index)
                continue
            }
            let name = index
            index = text.firstIndex(from: index) { !$0.isName }
            guard let value = text.value(behindNameAt: name, to: index),
                let replacement = self.replacement(under: String(text[name..<index]), value: text[value].utf8)
            else { continue }
            let range = text.isHeader(named: replacement, from: index) ? text.restOfLine(value) : value
            masked += text[passed..<range.lowerBound]
            masked += replacement
            passed = range.upperBound
            index = range.upperBound
        }
        guard passed > bytes.startIndex else { return nil }
        return masked + text[passed...]
    }
}

extension String {
    fileprivate func firstIndex(from start: Index, where ends: (UInt8) -> Bool) -> Index {
        self.utf8[start...].firstIndex(where: ends) ?? self.utf8.endIndex
    }

    /// The value behind a name, without its quotes; nil where the name names nothing.
    fileprivate func value(behindNameAt name: Index, to end: Index) -> Range<Index>? {
        let utf8 = self.utf8
        // A quote around the name ends it; JSON within JSON has a backslash before it.
        var index = self.firstIndex(from: end) { !($0 == 0x22 || $0 == 0x27 || $0 == UInt8(ascii: "\\")) }
        index = self.firstIndex(from: index) { $0 != 0x20 }
        guard index < utf8.endIndex, utf8[index] == UInt8(ascii: "=") || utf8[index] == UInt8(ascii: ":") else {
            return nil
        }
        index = self.firstIndex(from: utf8.index(after: index)) { $0 != 0x20 && $0 != UInt8(ascii: "\\") }
        // `https://…` names no value, and neither does `Type::member`.
        guard index < utf8.endIndex, !self[index...].hasPrefix("//"), utf8[index] != UInt8(ascii: ":") else {
            return nil
        }
        switch utf8[index] {
        case 0x22, 0x27:
            let quote = utf8[index]
            let start = utf8.index(after: index)
            let close = self.closing(quote, from: start)
            return close > start ? start..<close : nil
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            return index..<self.closing(bracketAt: index)
        default:
            let close = self.firstIndex(from: index) { $0.endsWord }
            return close > index ? index..<close : nil
        }
    }

    /// Where a text in quotes ends: before its quote, or the backslash of it within JSON.
    private func closing(_ quote: UInt8, from start: Index) -> Index {
        var index = start
        while index < self.utf8.endIndex, self.utf8[index] != quote {
            if self.utf8[index] == UInt8(ascii: "\\") {
                let next = self.utf8.index(after: index)
                guard next < self.utf8.endIndex else { break }
                if self.utf8[next] == quote, start > self.utf8.startIndex,
                    start > self.utf8.index(after: self.utf8.startIndex),
                    self.utf8[self.utf8.index(start, offsetBy: -2)] == UInt8(ascii: "\\")
                {
                    return index
                }
                index = next
            }
            index = self.utf8.index(after: index)
        }
        return index
    }

    /// Behind the bracket that closes the one at `start`, or the text's end.
    private func closing(bracketAt start: Index) -> Index {
        var depth = 0
        var quote: UInt8?
        var index = start
        while index < self.utf8.endIndex {
            let byte = self.utf8[index]
            index = self.utf8.index(after: index)
            if byte == UInt8(ascii: "\\") {
                if index < self.utf8.endIndex { index = self.utf8.index(after: index) }
            } else if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 {
                quote = byte
            } else if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return index
    }

    /// Whether what stands behind a name is a header's colon, and the name that of credentials or cookies, whose values have
    /// blanks.
    fileprivate func isHeader(named replacement: String, from end: Index) -> Bool {
        (replacement == "‹credential›" || replacement == "‹cookie›") && end < self.utf8.endIndex
            && self.utf8[end] == UInt8(ascii: ":")
    }

    fileprivate func restOfLine(_ value: Range<Index>) -> Range<Index> {
        value.lowerBound..<self.firstIndex(from: value.lowerBound) { $0 == 0x0A || $0 == 0x0D || $0 == 0x22 }
    }
}

extension UInt8 {
    /// Letters, digits, and what stands within names. Those above ASCII are of names in other scripts.
    fileprivate var isName: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x80...: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }

    /// What a word without quotes can't go on over.
    fileprivate var endsWord: Bool {
        switch self {
        case 0...0x20, 0x22, 0x27, 0x7F: true
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: ")"), UInt8(ascii: "]"),
            UInt8(ascii: "}"), UInt8(ascii: "<"), UInt8(ascii: ">"):
            true
        default: false
        }
    }
}
