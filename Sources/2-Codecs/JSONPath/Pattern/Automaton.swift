/// A pattern's program at work on one text.
struct Automaton {
    private let program: [Instruction]
    private let text: [Unicode.Scalar]
    private let isWhole: Bool
    /// The instructions that wait for the next scalar, each once.
    private var waiting: [Int] = []
    /// In which round each instruction was reached last, so that none is reached twice in one.
    private var reached: [Int]
    private var stack: [Int] = []
    private var isAccepted = false

    init(_ program: [Instruction], _ text: [Unicode.Scalar], wholly: Bool) {
        self.program = program
        self.text = text
        self.isWhole = wholly
        self.reached = Array(repeating: -1, count: program.count)
    }

    mutating func run(_ steps: inout Int) -> Bool? {
        for place in 0...self.text.count {
            var next: [Int] = []
            swap(&next, &self.waiting)
            self.isAccepted = false
            if place == 0 || !self.isWhole { self.reach(0, place, &steps) }
            if place > 0 {
                let scalar = self.text[place - 1]
                for index in next {
                    steps -= 1
                    if case .set(let set) = self.program[index], set.contains(scalar) {
                        self.reach(index + 1, place, &steps)
                    }
                }
            }
            guard steps >= 0 else { return nil }
            if self.isAccepted && (!self.isWhole || place == self.text.count) { return true }
            if self.waiting.isEmpty && self.isWhole { return false }
        }
        return false
    }

    /// All that can be reached from an instruction at `place` without taking a scalar.
    private mutating func reach(_ index: Int, _ place: Int, _ steps: inout Int) {
        self.stack.append(index)
        while let index = self.stack.popLast() {
            guard self.reached[index] != place else { continue }
            self.reached[index] = place
            steps -= 1
            switch self.program[index] {
            case .set: self.waiting.append(index)
            case .accept: self.isAccepted = true
            case .jump(let target): self.stack.append(target)
            case .split(let first, let second):
                self.stack.append(second)
                self.stack.append(first)
            case .assertion(let assertion):
                if self.holds(assertion, place) { self.stack.append(index + 1) }
            }
        }
    }

    private func holds(_ assertion: Assertion, _ place: Int) -> Bool {
        switch assertion {
        case .begin: return place == 0
        case .end: return place == self.text.count
        case .wordBoundary, .noWordBoundary:
            let before = place > 0 && ScalarSet.isWord(self.text[place - 1])
            let behind = place < self.text.count && ScalarSet.isWord(self.text[place])
            return (before != behind) == (assertion == .wordBoundary)
        }
    }
}
