import LinearRegex

/// Holds a pattern against RFC 9485, section 4, and writes it in the syntax of ``LinearRegex``, which knows more: what
/// I-Regexp hasn't is refused here, and what the two read differently (`.`, and signs in brackets) is written out.
struct IRegexpTranslator {
    /// Groups in each other.
    static let deepest = 64

    private let scalars: [Unicode.Scalar]
    private var place = 0
    private var depth = 0
    private var result = String.UnicodeScalarView()

    init(_ pattern: String) {
        self.scalars = Array(pattern.unicodeScalars)
    }

    /// - Throws: `regex_invalid`, `regex_too_large`.
    mutating func translated() throws(LinearRegexError) -> String {
        try self.branches()
        guard self.next == nil else { throw self.fault("a ')' stands there without its '('") }
        return String(self.result)
    }

    private var next: Unicode.Scalar? { self.place < self.scalars.count ? self.scalars[self.place] : nil }

    private func fault(_ message: String) -> LinearRegexError {
        LinearRegexError(.invalid, message, at: self.place)
    }

    private mutating func write(_ text: String) { self.result.append(contentsOf: text.unicodeScalars) }

    /// Copies what's next.
    private mutating func pass() {
        self.result.append(self.scalars[self.place])
        self.place += 1
    }

    private mutating func branches() throws(LinearRegexError) {
        guard self.depth < Self.deepest else {
            throw LinearRegexError(.tooLarge, "the pattern's groups are nested too deeply", at: self.place)
        }
        self.depth += 1
        defer { self.depth -= 1 }
        while let next = self.next, next != ")" {
            if next == "|" { self.pass() } else { try self.piece() }
        }
    }

    private mutating func piece() throws(LinearRegexError) {
        guard let next = self.next else { return }
        var isAnchor = false
        switch next {
        case "(":
            self.place += 1
            self.write("(?:")
            try self.branches()
            guard self.next == ")" else { throw self.fault("a '(' isn't closed") }
            self.pass()
        case "[": try self.brackets()
        case ".":
            self.place += 1
            self.write("[^\\n\\r]")
        case "^", "$":
            self.pass()
            isAnchor = true
        case "\\": try self.escape()
        case "*", "+", "?", "{": throw self.fault("'\(next)' has nothing before it to repeat")
        case "]", "}": throw self.fault("'\(next)' has to be escaped")
        default: self.pass()
        }
        guard let quantifier = self.next, "*+?{".unicodeScalars.contains(quantifier) else { return }
        guard !isAnchor else { throw self.fault("'^' and '$' can't be repeated") }
        if quantifier == "{" { try self.bounds() } else { self.pass() }
    }

    /// `{2}`, `{2,}`, `{2,5}`; in which order they are is looked at by ``LinearRegex``.
    private mutating func bounds() throws(LinearRegexError) {
        self.pass()
        try self.digits()
        if self.next == "," {
            self.pass()
            if self.next != "}" { try self.digits() }
        }
        guard self.next == "}" else { throw self.fault("a '{' isn't closed as in {2} or {2,5}") }
        self.pass()
    }

    private mutating func digits() throws(LinearRegexError) {
        let start = self.place
        while let next = self.next, ("0"..."9").contains(next) { self.pass() }
        guard self.place > start else { throw self.fault("a '{' isn't closed as in {2} or {2,5}") }
    }

    // MARK: - Escapes

    /// A character behind its backslash, by itself; nil for a category, which is written already.
    private mutating func escaped() throws(LinearRegexError) -> Unicode.Scalar? {
        self.place += 1
        guard let next = self.next else { throw self.fault("it ends with a backslash") }
        switch next {
        case "n", "r", "t":
            self.place += 1
            return next == "n" ? "\n" : next == "r" ? "\r" : "\t"
        case "(", ")", "*", "+", "-", ".", "?", "[", "\\", "]", "^", "{", "|", "}":
            self.place += 1
            return next
        case "p", "P":
            self.place += 1
            try self.category(next)
            return nil
        default: throw self.fault("there's no escape '\\\(next)'")
        }
    }

    private mutating func escape() throws(LinearRegexError) {
        if let scalar = try self.escaped() { self.literal(scalar) }
    }

    /// So that it means itself, in brackets and outside.
    private mutating func literal(_ scalar: Unicode.Scalar) {
        if scalar.isASCII, !("a"..."z").contains(scalar), !("A"..."Z").contains(scalar), !("0"..."9").contains(scalar),
            scalar > " "
        {
            self.result.append("\\")
        }
        self.result.append(scalar)
    }

    /// `{Lu}`: those that RFC 9485 names, and no others.
    private mutating func category(_ letter: Unicode.Scalar) throws(LinearRegexError) {
        guard self.next == "{" else { throw self.fault("a category stands in braces, as in \\p{Lu}") }
        self.place += 1
        var name = ""
        while let next = self.next, next != "}", name.utf8.count < 3 {
            name.unicodeScalars.append(next)
            self.place += 1
        }
        guard self.next == "}", Self.categories.contains(name) else {
            throw self.fault("there's no category '\(name)': there are those of RFC 9485, such as Lu, L, Nd")
        }
        self.place += 1
        self.write("\\\(letter){\(name)}")
    }

    private static let categories: Set<String> = {
        let minor: [(String, String)] = [
            ("L", "ulmot"), ("M", "nce"), ("N", "dlo"), ("P", "cdseifo"), ("S", "mcko"), ("Z", "slp"), ("C", "cfon"),
        ]
        return Set(minor.flatMap { major, letters in [major] + letters.map { "\(major)\($0)" } })
    }()

    // MARK: - Brackets

    private mutating func brackets() throws(LinearRegexError) {
        self.pass()
        if self.next == "^" { self.pass() }
        var count = 0
        // A '-' stands for itself where it's first or last.
        if self.next == "-" {
            self.literal("-")
            self.place += 1
            count += 1
        }
        while let next = self.next, next != "]" {
            if next == "-", self.place + 1 < self.scalars.count, self.scalars[self.place + 1] == "]" {
                self.literal("-")
                self.place += 1
            } else if let low = try self.member() {
                try self.range(from: low)
            }
            count += 1
        }
        guard self.next == "]" else { throw self.fault("a '[' isn't closed") }
        guard count > 0 else { throw self.fault("brackets hold one character at least") }
        self.pass()
    }

    private mutating func range(from low: Unicode.Scalar) throws(LinearRegexError) {
        self.literal(low)
        guard self.next == "-", self.place + 1 < self.scalars.count, self.scalars[self.place + 1] != "]" else { return }
        self.place += 1
        guard let high = try self.member() else { throw self.fault("a range ends with a character") }
        guard low <= high else { throw self.fault("a range in brackets has its ends in the wrong order") }
        self.write("-")
        self.literal(high)
    }

    /// Nil for a category, which is written already.
    private mutating func member() throws(LinearRegexError) -> Unicode.Scalar? {
        guard let next = self.next else { throw self.fault("a '[' isn't closed") }
        switch next {
        case "\\": return try self.escaped()
        case "[": throw self.fault("a '[' in brackets has to be escaped")
        case "-": throw self.fault("a '-' stands first or last in brackets")
        default:
            self.place += 1
            return next
        }
    }
}
