/// A regular expression that takes time at most in proportion to its size times the text's, whatever both are: it's run as
/// an automaton in all of its states at once (Thompson, "Regular expression search algorithm", 1968), and never goes back.
///
/// It says whether there's a match, not where.
package struct TextPattern: Sendable {
    package enum Dialect: Hashable, Sendable {
        /// RFC 9485. Outside of brackets `^` and `$` stand for the text's begin and end, as the compliance suite of RFC 9535
        /// has it; RFC 9485's grammar has them among the ordinary characters.
        case iRegexp
        /// What's common in the syntax of Rust's `regex`: I-Regexp, and `\d`, `\s`, `\w`, `\b` and their opposites, `\A`, `\z`,
        /// `\x41`, `\u{e9}`, any punctuation escaped, lazy quantifiers, `(?:…)`, named groups, `(?i)` in front of all.
        case rust
    }

    package enum Fault: Error, Hashable, Sendable {
        case invalid(String)
        case tooLarge(String)
    }

    /// Groups in each other.
    static let deepest = 64
    /// Instructions, once repeated parts are written out.
    static let mostInstructions = 10_000

    package let text: String
    package let dialect: Dialect
    let program: [Instruction]

    /// - Throws: what's wrong with it, in a few words without a place.
    package init(_ text: String, _ dialect: Dialect) throws(Fault) {
        var parser = PatternParser(text, dialect)
        let tree = try parser.document()
        var compiler = PatternCompiler()
        try compiler.emit(tree)
        self.text = text
        self.dialect = dialect
        self.program = compiler.program + [.accept]
    }

    /// - Parameters:
    ///   - wholly: whether all of `text` has to match, rather than some part of it.
    ///   - steps: how many may be taken, and how many are left; each is one state that one scalar is tried against.
    /// - Returns: nil when they didn't suffice.
    package func matches(_ text: String, wholly: Bool, steps: inout Int) -> Bool? {
        var automaton = Automaton(self.program, Array(text.unicodeScalars), wholly: wholly)
        return automaton.run(&steps)
    }
}

extension TextPattern: Hashable {
    package static func == (a: Self, b: Self) -> Bool {
        a.dialect == b.dialect && a.text.utf8.elementsEqual(b.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { self.text.hash(into: &hasher) }
}

/// What a pattern says, before it's a program.
indirect enum PatternTree: Hashable, Sendable {
    case set(ScalarSet)
    case assertion(Assertion)
    case sequence([PatternTree])
    case options([PatternTree])
    /// Without an upper bound where `most` is nil.
    case repeated(PatternTree, least: Int, most: Int?)
}

/// What has to hold between two scalars.
enum Assertion: Hashable, Sendable {
    case begin, end, wordBoundary, noWordBoundary
}

enum Instruction: Sendable {
    case set(ScalarSet)
    case assertion(Assertion)
    /// Goes on at both.
    case split(Int, Int)
    case jump(Int)
    case accept
}

struct PatternCompiler {
    private(set) var program: [Instruction] = []

    private mutating func append(_ instruction: Instruction) throws(TextPattern.Fault) {
        guard self.program.count < TextPattern.mostInstructions else {
            throw .tooLarge("the pattern is too large, with its repeated parts written out")
        }
        self.program.append(instruction)
    }

    mutating func emit(_ tree: PatternTree) throws(TextPattern.Fault) {
        switch tree {
        case .set(let set): try self.append(.set(set))
        case .assertion(let assertion): try self.append(.assertion(assertion))
        case .sequence(let parts): for part in parts { try self.emit(part) }
        case .options(let options):
            var ends: [Int] = []
            for (index, option) in options.enumerated() {
                guard index + 1 < options.count else {
                    try self.emit(option)
                    break
                }
                let split = self.program.count
                try self.append(.split(split + 1, split + 1))
                try self.emit(option)
                ends.append(self.program.count)
                try self.append(.jump(0))
                self.program[split] = .split(split + 1, self.program.count)
            }
            for end in ends { self.program[end] = .jump(self.program.count) }
        case .repeated(let part, let least, let most):
            for _ in 0..<least { try self.emitCopy(part) }
            if let most {
                var splits: [Int] = []
                for _ in least..<max(least, most) {
                    splits.append(self.program.count)
                    try self.append(.split(0, 0))
                    try self.emitCopy(part)
                }
                for split in splits { self.program[split] = .split(split + 1, self.program.count) }
            } else {
                let split = self.program.count
                try self.append(.split(0, 0))
                try self.emit(part)
                try self.append(.jump(split))
                self.program[split] = .split(split + 1, self.program.count)
            }
        }
    }

    /// One of many: a part that comes to no instruction would be written out in vain, as often as its bounds say.
    private mutating func emitCopy(_ part: PatternTree) throws(TextPattern.Fault) {
        let start = self.program.count
        try self.emit(part)
        if self.program.count == start { try self.append(.jump(start + 1)) }
    }
}
