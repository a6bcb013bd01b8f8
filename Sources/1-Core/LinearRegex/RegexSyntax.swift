/// What a pattern says, as a tree.
indirect enum RegexNode: Sendable {
    case empty
    case scalar(Unicode.Scalar)
    case scalarClass(ScalarClass)
    case assertion(RegexAssertion)
    /// `index` 1 and on; nil for a group that captures nothing.
    case group(RegexNode, index: Int?)
    case concatenation([RegexNode])
    case alternation([RegexNode])
    case repetition(RegexNode, least: Int, most: Int?, isGreedy: Bool)
}

enum RegexAssertion: UInt8, Sendable {
    case textStart
    case textEnd
    case lineStart
    case lineEnd
    case lineStartCRLF
    case lineEndCRLF
    case wordBoundary
    case notWordBoundary
    case asciiWordBoundary
    case notASCIIWordBoundary
    case wordStart
    case wordEnd
    case wordStartHalf
    case wordEndHalf
}

/// Reads the syntax of Rust's `regex` crate (docs.rs/regex, "Syntax"), which Hurl's expressions are written in.
struct RegexParser {
    struct Flags {
        var isCaseInsensitive = false
        var isMultiline = false
        var dotMatchesNewline = false
        var swapsGreed = false
        var ignoresSpace = false
        var isUnicode = true
        var isCRLF = false
    }

    /// Groups and classes within one another.
    static let deepest = 100
    /// What `{n}` may ask for; the program's own limit comes first for anything but the smallest.
    static let mostRepetitions = 100_000

    let scalars: [Unicode.Scalar]
    var place = 0
    var depth = 0
    var flags = Flags()
    /// Of each capturing group, in order: its name, if any.
    var names: [String?] = []

    init(_ pattern: String) {
        self.scalars = Array(pattern.unicodeScalars)
    }

    mutating func pattern() throws(LinearRegexError) -> RegexNode {
        let node = try self.alternation()
        guard self.isAtEnd else { throw self.fault("a ')' that opens nothing") }
        return node
    }

    // MARK: the text

    var isAtEnd: Bool { self.place >= self.scalars.count }
    var next: Unicode.Scalar? { self.isAtEnd ? nil : self.scalars[self.place] }

    func peek(_ distance: Int) -> Unicode.Scalar? {
        self.place + distance < self.scalars.count ? self.scalars[self.place + distance] : nil
    }

    func fault(_ message: String) -> LinearRegexError { self.fault(message, at: self.place) }

    func fault(_ message: String, at offset: Int) -> LinearRegexError {
        LinearRegexError(.invalid, message, at: offset)
    }

    mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard self.scalars[self.place...].starts(with: wanted) else { return false }
        self.place += wanted.count
        return true
    }

    /// White space and comments, where the flag `x` says so.
    mutating func skipIgnored() {
        guard self.flags.ignoresSpace else { return }
        while let next = self.next {
            if next.properties.isWhitespace {
                self.place += 1
            } else if next == "#" {
                while let next = self.next, next != "\n" {
                    _ = next
                    self.place += 1
                }
            } else {
                return
            }
        }
    }

    // MARK: expressions

    private mutating func alternation() throws(LinearRegexError) -> RegexNode {
        self.depth += 1
        defer { self.depth -= 1 }
        guard self.depth <= Self.deepest else { throw self.fault("nested too deeply: \(Self.deepest) levels at most") }
        // Flags that a group sets end with the group.
        let flags = self.flags
        defer { self.flags = flags }
        var branches: [RegexNode] = [try self.concatenation()]
        while self.next == "|" {
            self.place += 1
            branches.append(try self.concatenation())
        }
        return branches.count == 1 ? branches[0] : .alternation(branches)
    }

    private mutating func concatenation() throws(LinearRegexError) -> RegexNode {
        var nodes: [RegexNode] = []
        while true {
            self.skipIgnored()
            guard let next = self.next, next != "|", next != ")" else { break }
            let start = self.place
            guard let atom = try self.atom() else { continue }
            nodes.append(try self.repeated(atom, from: start))
        }
        switch nodes.count {
        case 0: return .empty
        case 1: return nodes[0]
        default: return .concatenation(nodes)
        }
    }

    /// Nil where only flags were set.
    private mutating func atom() throws(LinearRegexError) -> RegexNode? {
        guard let next = self.next else { return nil }
        switch next {
        case "(": return try self.group()
        case "[": return .scalarClass(try self.bracketClass())
        case "\\": return try self.escape()
        case ".":
            self.place += 1
            if self.flags.dotMatchesNewline { return .scalarClass(.everything) }
            let newline: [ClosedRange<UInt32>] = self.flags.isCRLF ? [0x0A...0x0A, 0x0D...0x0D] : [0x0A...0x0A]
            return .scalarClass(.complement(.ranges(newline)))
        case "^":
            self.place += 1
            guard self.flags.isMultiline else { return .assertion(.textStart) }
            return .assertion(self.flags.isCRLF ? .lineStartCRLF : .lineStart)
        case "$":
            self.place += 1
            guard self.flags.isMultiline else { return .assertion(.textEnd) }
            return .assertion(self.flags.isCRLF ? .lineEndCRLF : .lineEnd)
        case "*", "+", "?": throw self.fault("'\(next)' repeats nothing")
        case "{": throw self.fault("'{' repeats nothing: write \\{ for the character")
        default:
            self.place += 1
            return self.literal(next)
        }
    }

    func literal(_ scalar: Unicode.Scalar) -> RegexNode {
        self.flags.isCaseInsensitive ? .scalarClass(.anyCase(.scalar(scalar))) : .scalar(scalar)
    }

    private mutating func repeated(_ atom: RegexNode, from start: Int) throws(LinearRegexError) -> RegexNode {
        var node = atom
        var levels = 0
        while true {
            self.skipIgnored()
            var least = 0
            var most: Int?
            switch self.next {
            case "*": self.place += 1
            case "+":
                self.place += 1
                least = 1
            case "?":
                self.place += 1
                most = 1
            case "{": (least, most) = try self.counts()
            default: return node
            }
            levels += 1
            guard levels <= Self.deepest else { throw self.fault("repeated too often", at: start) }
            var isGreedy = true
            if self.next == "?" {
                self.place += 1
                isGreedy = false
            }
            node = .repetition(node, least: least, most: most, isGreedy: isGreedy != self.flags.swapsGreed)
        }
    }

    private mutating func counts() throws(LinearRegexError) -> (Int, Int?) {
        let start = self.place
        self.place += 1
        let least = try self.count(start)
        self.skipIgnored()
        var most: Int? = least
        if self.next == "," {
            self.place += 1
            self.skipIgnored()
            most = self.next == "}" ? nil : try self.count(start)
            self.skipIgnored()
        }
        guard self.next == "}" else { throw self.fault("a repetition '{…}' that isn't closed", at: start) }
        self.place += 1
        if let most, most < least { throw self.fault("a repetition whose end is below its start", at: start) }
        return (least, most)
    }

    private mutating func count(_ start: Int) throws(LinearRegexError) -> Int {
        self.skipIgnored()
        var value = 0
        var digits = 0
        while let next = self.next, ("0"..."9").contains(next) {
            value = min(Self.mostRepetitions + 1, value * 10 + Int(next.value - 0x30))
            digits += 1
            self.place += 1
        }
        guard digits > 0 else { throw self.fault("a repetition wants a number", at: start) }
        guard value <= Self.mostRepetitions else {
            throw LinearRegexError(.tooLarge, "a repetition of more than \(Self.mostRepetitions)", at: start)
        }
        return value
    }

    // MARK: groups

    private mutating func group() throws(LinearRegexError) -> RegexNode? {
        let start = self.place
        self.place += 1
        var index: Int?
        let outer = self.flags
        if self.next == "?" {
            for form in ["?=", "?!", "?<=", "?<!"] where self.take(form) {
                throw self.fault("look-around, which has no linear time", at: start)
            }
            if self.take("?P<") || self.take("?<") {
                let name = try self.name(start)
                guard !self.names.contains(name) else { throw self.fault("two groups named '\(name)'", at: start) }
                self.names.append(name)
                index = self.names.count
            } else {
                self.place += 1
                if try self.setFlags(start) {
                    // `(?flags)`: for what follows in the group around it.
                    return nil
                }
            }
        } else {
            self.names.append(nil)
            index = self.names.count
        }
        let node = try self.alternation()
        self.flags = outer
        guard self.next == ")" else { throw self.fault("a '(' that isn't closed", at: start) }
        self.place += 1
        return .group(node, index: index)
    }

    private mutating func name(_ start: Int) throws(LinearRegexError) -> String {
        var name = String.UnicodeScalarView()
        while let next = self.next, next != ">" {
            let isFirst = name.isEmpty
            guard
                next == "_" || next.properties.isAlphabetic
                    || (!isFirst && (".[]".contains(Character(next)) || next.properties.numericType != nil))
            else { throw self.fault("a group's name is letters, digits and '_'") }
            name.append(next)
            self.place += 1
        }
        guard self.next == ">", !name.isEmpty else { throw self.fault("a group's name that isn't closed", at: start) }
        self.place += 1
        return String(name)
    }

    /// True where the group ended with them.
    private mutating func setFlags(_ start: Int) throws(LinearRegexError) -> Bool {
        var flags = self.flags
        var isOn = true
        var seen = 0
        while let next = self.next {
            self.place += 1
            switch next {
            case ":":
                self.flags = flags
                return false
            case ")":
                guard seen > 0 else { throw self.fault("flags are missing", at: start) }
                self.flags = flags
                return true
            case "-":
                guard isOn else { throw self.fault("two '-' among flags", at: self.place - 1) }
                isOn = false
                continue
            case "i": flags.isCaseInsensitive = isOn
            case "m": flags.isMultiline = isOn
            case "s": flags.dotMatchesNewline = isOn
            case "U": flags.swapsGreed = isOn
            case "x": flags.ignoresSpace = isOn
            case "u": flags.isUnicode = isOn
            case "R": flags.isCRLF = isOn
            default: throw self.fault("there is no flag '\(next)'", at: self.place - 1)
            }
            seen += 1
        }
        throw self.fault("a '(' that isn't closed", at: start)
    }
}
