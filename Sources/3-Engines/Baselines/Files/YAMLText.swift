/// Writes the lines of a YAML file that YAMLDocument reads again to the same values. All text is quoted; whole
/// documents stand in blocks, where people can read them.
struct YAMLText {
    private(set) var text = ""
    private var depth = 0
    /// Whether the next line is the first of a list's entry.
    private var isEntry = false

    mutating func line(_ content: String) {
        var indent = String(repeating: "  ", count: self.depth)
        if self.isEntry {
            indent = String(indent.dropLast(2)) + "- "
            self.isEntry = false
        }
        self.text += indent + content + "\n"
    }

    mutating func comment(_ text: String) { self.line("# \(text)") }

    mutating func value(_ key: String, _ text: String) { self.line("\(key): \(Self.quoted(text))") }

    mutating func nested(_ key: String, _ body: (inout Self) -> Void) {
        self.line("\(key):")
        self.indented(body)
    }

    /// One entry of a list whose key was written.
    mutating func entry(_ body: (inout Self) -> Void) {
        self.depth += 1
        self.isEntry = true
        body(&self)
        self.depth -= 1
    }

    private mutating func indented(_ body: (inout Self) -> Void) {
        self.depth += 1
        body(&self)
        self.depth -= 1
    }

    /// A text of several lines, as a block where one can hold it.
    mutating func block(_ key: String, _ text: String) {
        guard Self.fitsBlock(text) else { return self.value(key, text) }
        let hasEnd = text.hasSuffix("\n")
        // The number says where the block's own blanks begin.
        self.line("\(key): |2\(hasEnd ? "+" : "-")")
        let indent = String(repeating: "  ", count: self.depth + 1)
        for line in (hasEnd ? Substring(text.dropLast()) : text[...]).split(
            separator: "\n", omittingEmptySubsequences: false)
        {
            self.text += line.isEmpty ? "\n" : "\(indent)\(line)\n"
        }
    }

    private static func fitsBlock(_ text: String) -> Bool {
        guard text.utf8.contains(where: { $0 != 0x0A }) else { return false }
        var previous: Unicode.Scalar = "\n"
        for scalar in text.unicodeScalars {
            guard scalar == "\n" || scalar == "\t" || Self.isPlain(scalar) else { return false }
            // What could be taken for an alias.
            if previous == "*", scalar.isOfName { return false }
            previous = scalar
        }
        // Beyond these lines, libyaml takes blanks at the start for the block's own.
        return !text.hasPrefix("\n") && !text.hasPrefix(" ") && !text.hasPrefix("\t")
    }

    /// What YAML's readers take in as it is.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        var scalars = text.unicodeScalars.makeIterator()
        var next = scalars.next()
        while let scalar = next {
            next = scalars.next()
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "*" where next?.isOfName == true: result += "\\x2A"
            case _ where self.isPlain(scalar): result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                let count = digits.utf8.count <= 2 ? 2 : digits.utf8.count <= 4 ? 4 : 8
                let letter = [2: "x", 4: "u", 8: "U"][count] ?? "U"
                result += "\\\(letter)" + String(repeating: "0", count: count - digits.utf8.count) + digits
            }
        }
        return result + "\""
    }

    /// JSON text with escapes for what YAML doesn't take in as it is.
    static func escaped(json: String) -> String {
        var result = ""
        var scalars = json.unicodeScalars.makeIterator()
        var next = scalars.next()
        while let scalar = next {
            next = scalars.next()
            let isSafe = scalar == "\n" || (self.isPlain(scalar) && !(scalar == "*" && next?.isOfName == true))
            if isSafe {
                result.unicodeScalars.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    fileprivate var isOfName: Bool {
        self.value < 0x80 && (UInt8(self.value).isLetterOrDigit || self == "_" || self == "-")
    }
}
