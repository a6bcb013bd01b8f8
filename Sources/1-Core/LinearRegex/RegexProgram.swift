/// An expression as instructions for ``RegexMachine``.
struct RegexProgram: Sendable {
    enum Operation: UInt8, Sendable {
        /// `first` is the scalar's value.
        case scalar
        /// `first` is a place in `classes`.
        case scalarClass
        /// Goes on at `first`, and where that fails at `second`.
        case split
        /// Goes on at `first`.
        case jump
        /// Notes the place as slot `first`.
        case save
        /// `first` is a ``RegexAssertion``.
        case assertion
        case match
    }

    struct Instruction: Sendable {
        var operation: Operation
        var first: Int32 = 0
        var second: Int32 = 0
    }

    /// A class with what it holds of ASCII worked out.
    struct CompiledClass: Sendable {
        let low: UInt64
        let high: UInt64
        let rest: ScalarClass

        init(_ rest: ScalarClass) {
            self.rest = rest
            var low: UInt64 = 0
            var high: UInt64 = 0
            for value in UInt8(0)..<128 where rest.contains(Unicode.Scalar(value)) {
                if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
            }
            self.low = low
            self.high = high
        }

        func contains(_ scalar: Unicode.Scalar) -> Bool {
            if scalar.value < 64 { return self.low >> UInt64(scalar.value) & 1 == 1 }
            if scalar.value < 128 { return self.high >> UInt64(scalar.value - 64) & 1 == 1 }
            return self.rest.contains(scalar)
        }
    }

    /// More than this many instructions are refused: a match's work is at most this times the text's length.
    static let largest = 20_000

    private(set) var instructions: [Instruction] = []
    private(set) var classes: [CompiledClass] = []
    let slotCount: Int
    /// Whether a match can begin at the text's start alone.
    private(set) var isAnchored = false
    /// The ASCII characters that a match can begin with; nil where it may be empty or begins with an assertion.
    private(set) var firstASCII: CompiledClass?

    init(_ node: RegexNode, captures: Int) throws(LinearRegexError) {
        self.slotCount = 2 * (captures + 1)
        try self.emit(.save, 0)
        try self.compile(node)
        try self.emit(.save, 1)
        try self.emit(.match)
        self.isAnchored = Self.isAnchored(node)
        if let first = Self.first(node) { self.firstASCII = CompiledClass(first) }
    }

    private mutating func emit(_ operation: Operation, _ first: Int = 0, _ second: Int = 0) throws(LinearRegexError) {
        guard self.instructions.count < Self.largest else {
            throw LinearRegexError(.tooLarge, "the expression comes to more than \(Self.largest) steps")
        }
        self.instructions.append(
            Instruction(operation: operation, first: Int32(first), second: Int32(second)))
    }

    private var end: Int { self.instructions.count }

    private mutating func compile(_ node: RegexNode) throws(LinearRegexError) {
        switch node {
        case .empty: break
        case .scalar(let scalar): try self.emit(.scalar, Int(scalar.value))
        case .scalarClass(let scalarClass):
            self.classes.append(CompiledClass(scalarClass))
            try self.emit(.scalarClass, self.classes.count - 1)
        case .assertion(let assertion): try self.emit(.assertion, Int(assertion.rawValue))
        case .group(let inner, let index):
            guard let index else { return try self.compile(inner) }
            try self.emit(.save, 2 * index)
            try self.compile(inner)
            try self.emit(.save, 2 * index + 1)
        case .concatenation(let nodes): for node in nodes { try self.compile(node) }
        case .alternation(let nodes):
            var jumps: [Int] = []
            for (number, node) in nodes.enumerated() {
                guard number < nodes.count - 1 else {
                    try self.compile(node)
                    break
                }
                let split = self.end
                try self.emit(.split, split + 1)
                try self.compile(node)
                jumps.append(self.end)
                try self.emit(.jump)
                self.instructions[split].second = Int32(self.end)
            }
            for jump in jumps { self.instructions[jump].first = Int32(self.end) }
        case .repetition(let inner, let least, let most, let isGreedy):
            try self.repetition(inner, least, most, isGreedy)
        }
    }

    private mutating func repetition(
        _ node: RegexNode, _ least: Int, _ most: Int?, _ isGreedy: Bool
    ) throws(LinearRegexError) {
        guard let most else { return try self.repetition(node, atLeast: least, isGreedy) }
        for _ in 0..<least {
            let before = self.end
            try self.compile(node)
            // What takes no instruction isn't repeated.
            if self.end == before { return }
        }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(self.end)
            try self.emit(.split)
            let before = self.end
            try self.compile(node)
            if self.end == before { break }
        }
        for split in splits { self.direct(split, split + 1, self.end, isGreedy) }
    }

    private mutating func repetition(
        _ node: RegexNode, atLeast least: Int, _ isGreedy: Bool
    ) throws(LinearRegexError) {
        let beginning = self.end
        if least == 0 {
            try self.emit(.split)
            if !Self.mayBeEmpty(node) {
                try self.compile(node)
                try self.emit(.jump, beginning)
                return self.direct(beginning, beginning + 1, self.end, isGreedy)
            }
        }
        // What may be empty goes round at its end: at its beginning it would come by a second time without a step in
        // between, where a path of less preference would win.
        var last = self.end
        for _ in 0..<max(least, 1) {
            last = self.end
            try self.compile(node)
            if self.end == last { break }
        }
        let split = self.end
        try self.emit(.split)
        self.direct(split, last, self.end, isGreedy)
        if least == 0 { self.direct(beginning, beginning + 1, self.end, isGreedy) }
    }

    private mutating func direct(_ split: Int, _ inner: Int, _ outer: Int, _ isGreedy: Bool) {
        self.instructions[split].first = Int32(isGreedy ? inner : outer)
        self.instructions[split].second = Int32(isGreedy ? outer : inner)
    }

    private static func mayBeEmpty(_ node: RegexNode) -> Bool {
        switch node {
        case .empty, .assertion: true
        case .scalar, .scalarClass: false
        case .group(let inner, _): self.mayBeEmpty(inner)
        case .concatenation(let nodes): nodes.allSatisfy { self.mayBeEmpty($0) }
        case .alternation(let nodes): nodes.contains { self.mayBeEmpty($0) }
        case .repetition(let inner, let least, _, _): least == 0 || self.mayBeEmpty(inner)
        }
    }

    private static func isAnchored(_ node: RegexNode) -> Bool {
        switch node {
        case .assertion(.textStart): true
        case .group(let inner, _): self.isAnchored(inner)
        case .concatenation(let nodes): nodes.first.map { self.isAnchored($0) } ?? false
        case .alternation(let nodes): nodes.allSatisfy { self.isAnchored($0) }
        case .repetition(let inner, let least, _, _): least > 0 && self.isAnchored(inner)
        case .empty, .scalar, .scalarClass, .assertion: false
        }
    }

    /// What a match has to begin with; nil where nothing can be said.
    private static func first(_ node: RegexNode) -> ScalarClass? {
        switch node {
        case .scalar(let scalar): return .scalar(scalar)
        case .scalarClass(let scalarClass): return scalarClass
        case .group(let inner, _): return self.first(inner)
        case .concatenation(let nodes): return nodes.first.flatMap { self.first($0) }
        case .alternation(let nodes):
            var classes: [ScalarClass] = []
            for node in nodes {
                guard let first = self.first(node) else { return nil }
                classes.append(first)
            }
            return .union(classes)
        case .repetition(let inner, let least, _, _): return least > 0 ? self.first(inner) : nil
        case .empty, .assertion: return nil
        }
    }
}
