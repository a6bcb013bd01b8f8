/// Reads a pattern by RFC 9485, section 4, and what a dialect has beyond it.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private let dialect: TextPattern.Dialect
    private var place = 0
    private var depth = 0
    private var ignoresCase = false

    init(_ text: String, _ dialect: TextPattern.Dialect) {
        self.scalars = Array(text.unicodeScalars)
        self.dialect = dialect
    }

    private var isRust: Bool { self.dialect == .rust }
    private var scalar: Unicode.Scalar? {
        self.place < self.scalars.count ? self.scalars[self.place] : nil
    }

    private mutating func skip(_ text: String) -> Bool {
        guard self.scalars[self.place...].starts(with: text.unicodeScalars) else { return false }
        self.place += text.unicodeScalars.count
        return true
    }

    mutating func document() throws(TextPattern.Fault) -> PatternTree {
        if self.isRust && self.skip("(?i)") { self.ignoresCase = true }
        let tree = try self.options()
        guard self.scalar == nil else { throw .invalid("a ')' stands there without its '('") }
        return tree
    }

    private mutating func options() throws(TextPattern.Fault) -> PatternTree {
        guard self.depth < TextPattern.deepest else {
            throw .tooLarge("the pattern's groups are nested too deeply")
        }
        self.depth += 1
        defer { self.depth -= 1 }
        var options = [try self.sequence()]
        while self.skip("|") { options.append(try self.sequence()) }
        return options.count == 1 ? options[0] : .options(options)
    }

    private mutating func sequence() throws(TextPattern.Fault) -> PatternTree {
        var parts: [PatternTree] = []
        while let scalar = self.scalar, scalar != "|" && scalar != ")" {
            parts.append(try self.quantified(try self.atom()))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func quantified(_ atom: PatternTree) throws(TextPattern.Fault) -> PatternTree {
        let bounds: (least: Int, most: Int?)
        switch self.scalar {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            self.place += 1
            let least = try self.count()
            var most: Int? = least
            if self.skip(",") { most = self.scalar == "}" ? nil : try self.count() }
            guard self.scalar == "}" else { throw .invalid("a '{' isn't closed as in {2} or {2,5}") }
            if let most, most < least {
                throw .invalid("{\(least),\(most)} has its bounds in the wrong order")
            }
            bounds = (least, most)
        default: return atom
        }
        self.place += 1
        // Whether it takes little or much first makes no difference to whether there's a match.
        if self.isRust { _ = self.skip("?") }
        if case .assertion = atom, !self.isRust { throw .invalid("'^' and '$' can't be repeated") }
        return .repeated(atom, least: bounds.least, most: bounds.most)
    }

    private mutating func count() throws(TextPattern.Fault) -> Int {
        let start = self.place
        while let scalar = self.scalar, ("0"..."9").contains(scalar) { self.place += 1 }
        guard self.place > start else { throw .invalid("a '{' isn't closed as in {2} or {2,5}") }
        var text = ""
        text.unicodeScalars.append(contentsOf: self.scalars[start..<self.place])
        guard let count = Int(text), count <= TextPattern.mostInstructions else {
            throw .tooLarge("the pattern repeats something too often")
        }
        return count
    }

    private mutating func atom() throws(TextPattern.Fault) -> PatternTree {
        guard let scalar = self.scalar else { throw .invalid("it ends too early") }
        self.place += 1
        switch scalar {
        case "(": return try self.group()
        case "[": return .set(try self.bracketed())
        case ".":
            return .set(
                ScalarSet(
                    self.isRust ? [Self.one("\n")] : [Self.one("\n"), Self.one("\r")], isNegated: true))
        case "^": return .assertion(.begin)
        case "$": return .assertion(.end)
        case "\\": return try self.escaped()
        case "*", "+", "?", "{": throw .invalid("'\(scalar)' has nothing before it to repeat")
        case "]", "}":
            guard self.isRust else { throw .invalid("'\(scalar)' has to be escaped") }
            return .set(self.set(Self.one(scalar)))
        default: return .set(self.set(Self.one(scalar)))
        }
    }

    private func set(_ part: ScalarSet.Part) -> ScalarSet {
        ScalarSet([part], ignoresCase: self.ignoresCase)
    }

    private static func one(_ scalar: Unicode.Scalar) -> ScalarSet.Part { .range(scalar, scalar) }

    private mutating func group() throws(TextPattern.Fault) -> PatternTree {
        if self.isRust && self.skip("?") {
            if self.skip("P<") || self.skip("<") {
                while let scalar = self.scalar, ScalarSet.isWord(scalar) { self.place += 1 }
                guard self.skip(">") else { throw .invalid("a group's name isn't closed") }
            } else if !self.skip(":") {
                throw .invalid(
                    "of groups that begin with '(?' there are (?:…), (?P<name>…), and (?i) in front of all")
            }
        }
        let tree = try self.options()
        guard self.skip(")") else { throw .invalid("a '(' isn't closed") }
        return tree
    }

    // MARK: - Brackets

    /// Behind its `[`.
    private mutating func bracketed() throws(TextPattern.Fault) -> ScalarSet {
        var set = ScalarSet([], isNegated: self.skip("^"), ignoresCase: self.ignoresCase)
        if self.skip("-") { set.parts.append(Self.one("-")) }
        while let scalar = self.scalar, scalar != "]" {
            if scalar == "-" {
                // Only at the end, but that it's read where the dialect has more.
                self.place += 1
                guard self.scalar == "]" || self.isRust else {
                    throw .invalid("a '-' stands first or last in brackets")
                }
                set.parts.append(Self.one("-"))
                continue
            }
            let first = try self.member()
            guard case .range(let low, _) = first, self.scalar == "-",
                self.place + 1 < self.scalars.count,
                self.scalars[self.place + 1] != "]"
            else {
                set.parts.append(first)
                continue
            }
            self.place += 1
            guard case .range(let high, _) = try self.member() else {
                throw .invalid("a range ends with a character")
            }
            guard low <= high else {
                throw .invalid("a range in brackets has its ends in the wrong order")
            }
            set.parts.append(.range(low, high))
        }
        guard self.skip("]") else { throw .invalid("a '[' isn't closed") }
        guard !set.parts.isEmpty else { throw .invalid("brackets hold one character at least") }
        return set
    }

    private mutating func member() throws(TextPattern.Fault) -> ScalarSet.Part {
        guard let scalar = self.scalar else { throw .invalid("a '[' isn't closed") }
        self.place += 1
        switch scalar {
        case "\\":
            guard case .set(let set) = try self.escaped(), let part = set.parts.first else {
                throw .invalid("this escape has no place in brackets")
            }
            return part
        case "[": throw .invalid("a '[' in brackets has to be escaped")
        case "-" where !self.isRust: throw .invalid("a '-' stands first or last in brackets")
        default: return Self.one(scalar)
        }
    }

    // MARK: - Escapes

    /// Behind its backslash; each set has one part.
    private mutating func escaped() throws(TextPattern.Fault) -> PatternTree {
        guard let scalar = self.scalar else { throw .invalid("it ends with a backslash") }
        self.place += 1
        switch scalar {
        case "n": return .set(ScalarSet("\n"))
        case "r": return .set(ScalarSet("\r"))
        case "t": return .set(ScalarSet("\t"))
        case "(", ")", "*", "+", "-", ".", "?", "[", "\\", "]", "^", "{", "|", "}":
            return .set(ScalarSet(scalar))
        case "p", "P": return .set(self.set(try self.category(isNegated: scalar == "P")))
        default:
            guard self.isRust else { throw .invalid("there's no escape '\\\(scalar)'") }
            return try self.rustEscape(scalar)
        }
    }

    private mutating func rustEscape(_ scalar: Unicode.Scalar) throws(TextPattern.Fault) -> PatternTree {
        switch scalar {
        case "d", "D":
            return .set(
                ScalarSet([.categories(ScalarSet.categories("Nd") ?? 0, isNegated: scalar == "D")]))
        case "w", "W": return .set(ScalarSet([.word(isNegated: scalar == "W")]))
        case "s", "S": return .set(ScalarSet([.space(isNegated: scalar == "S")]))
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.noWordBoundary)
        case "A": return .assertion(.begin)
        case "z": return .assertion(.end)
        case "f": return .set(ScalarSet("\u{C}"))
        case "v": return .set(ScalarSet("\u{B}"))
        case "a": return .set(ScalarSet("\u{7}"))
        case "x": return .set(self.set(Self.one(try self.hexadecimal(2))))
        case "u": return .set(self.set(Self.one(try self.hexadecimal(4))))
        case "U": return .set(self.set(Self.one(try self.hexadecimal(8))))
        case "!"..."~" where !ScalarSet.isWord(scalar) && scalar != "<" && scalar != ">":
            return .set(ScalarSet(scalar))
        default: throw .invalid("there's no escape '\\\(scalar)'")
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(TextPattern.Fault) -> Unicode.Scalar {
        let isBraced = self.skip("{")
        let start = self.place
        while let scalar = self.scalar, scalar.properties.isASCIIHexDigit,
            self.place - start < (isBraced ? 8 : digits)
        {
            self.place += 1
        }
        var text = ""
        text.unicodeScalars.append(contentsOf: self.scalars[start..<self.place])
        guard isBraced ? self.skip("}") : text.utf8.count == digits,
            let value = UInt32(text, radix: 16),
            let scalar = Unicode.Scalar(value)
        else { throw .invalid("an escape in hexadecimal digits names no character") }
        return scalar
    }

    /// `{Lu}`; Rust's may be one letter without braces.
    private mutating func category(isNegated: Bool) throws(TextPattern.Fault) -> ScalarSet.Part {
        var name = ""
        if self.skip("{") {
            while let scalar = self.scalar, scalar != "}", name.utf8.count < 40 {
                name.unicodeScalars.append(scalar)
                self.place += 1
            }
            guard self.skip("}") else { throw .invalid("the '{' of a category isn't closed") }
        } else if self.isRust, let scalar = self.scalar {
            name.unicodeScalars.append(scalar)
            self.place += 1
        }
        guard let categories = ScalarSet.categories(name) else {
            throw .invalid(
                "there's no category '\(name)': there are those of RFC 9485, such as Lu, L, Nd")
        }
        return .categories(categories, isNegated: isNegated)
    }
}
