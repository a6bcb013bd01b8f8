/// Runs a program over a text, all its threads at once (Thompson's simulation with captures, as Pike wrote it): each
/// character costs as many steps as the program has instructions at most. The match is the leftmost one, and of those
/// the one that the expression prefers.
struct RegexMachine {
    private let program: RegexProgram
    private let text: UnsafeBufferPointer<UInt8>
    private let slotCount: Int
    /// How many steps may still be taken.
    private(set) var steps: Int
    private var slots: [Int]
    private var stack: [Frame] = []

    /// The threads at one place: instructions in their order of preference, each once, with their captures.
    private struct Threads {
        var order: [Int32] = []
        var position: [Int32]
        var captures: [Int]

        init(_ instructions: Int, slots: Int) {
            self.position = Array(repeating: 0, count: instructions)
            self.captures = Array(repeating: -1, count: instructions * slots)
        }

        func holds(_ instruction: Int32) -> Bool {
            let position = Int(self.position[Int(instruction)])
            return position < self.order.count && self.order[position] == instruction
        }

        mutating func insert(_ instruction: Int32, _ slots: [Int]) {
            self.position[Int(instruction)] = Int32(self.order.count)
            self.order.append(instruction)
            let from = Int(instruction) * slots.count
            for slot in slots.indices { self.captures[from + slot] = slots[slot] }
        }
    }

    private enum Frame {
        case explore(Int32)
        case restore(Int, Int)
    }

    /// - Parameters:
    ///   - slots: 0 where only whether there's a match is wanted, else 2 for each group with the whole.
    ///   - steps: how many may be taken.
    init(_ program: RegexProgram, _ text: UnsafeBufferPointer<UInt8>, slots: Int, steps: Int) {
        self.program = program
        self.text = text
        self.slotCount = slots
        self.slots = Array(repeating: -1, count: slots)
        self.steps = steps
    }

    /// The slots of the first match that begins at `start` or behind it; nil where there is none.
    mutating func match(from start: Int) throws(LinearRegexError) -> [Int]? {
        guard self.steps > 0 else {
            throw LinearRegexError(.tooMuchWork, "the text is too long for the expression")
        }
        var current = Threads(self.program.instructions.count, slots: self.slotCount)
        var next = Threads(self.program.instructions.count, slots: self.slotCount)
        var found: [Int]?
        var place = start
        while true {
            if current.order.isEmpty {
                if found != nil || (self.program.isAnchored && place > 0) { break }
                // Nothing under way: on to where a match can begin.
                if let first = self.program.firstASCII {
                    while place < self.text.count, self.text[place] < 0x80,
                        !first.contains(Unicode.Scalar(self.text[place]))
                    {
                        place += 1
                    }
                    if place == self.text.count { break }
                }
            }
            if found == nil, !self.program.isAnchored || place == 0 {
                for slot in self.slots.indices { self.slots[slot] = -1 }
                self.add(0, at: place, to: &current)
            }
            let (scalar, width) = self.scalar(at: place)
            next.order.removeAll(keepingCapacity: true)
            threads: for thread in current.order {
                self.steps -= 1
                let instruction = self.program.instructions[Int(thread)]
                let isTaken: Bool
                switch instruction.operation {
                case .match:
                    // Whoever doesn't ask where it is needn't know which one is preferred.
                    if self.slotCount == 0 { return [] }
                    let from = Int(thread) * self.slotCount
                    found = Array(current.captures[from..<from + self.slotCount])
                    // What comes behind is preferred less.
                    break threads
                case .scalar: isTaken = width > 0 && Int32(bitPattern: scalar.value) == instruction.first
                case .scalarClass:
                    isTaken = width > 0 && self.program.classes[Int(instruction.first)].contains(scalar)
                case .split, .jump, .save, .assertion: continue threads
                }
                guard isTaken else { continue }
                let from = Int(thread) * self.slotCount
                for slot in self.slots.indices { self.slots[slot] = current.captures[from + slot] }
                self.add(thread + 1, at: place + width, to: &next)
            }
            if width == 0 { break }
            swap(&current, &next)
            place += width
            guard self.steps > 0 else {
                throw LinearRegexError(.tooMuchWork, "the text is too long for the expression")
            }
        }
        return found
    }

    /// Adds an instruction, and all that it leads to without taking a character; `slots` are its captures.
    private mutating func add(_ start: Int32, at place: Int, to threads: inout Threads) {
        self.stack.append(.explore(start))
        while let frame = self.stack.popLast() {
            var thread: Int32
            switch frame {
            case .restore(let slot, let value):
                self.slots[slot] = value
                continue
            case .explore(let instruction): thread = instruction
            }
            follow: while !threads.holds(thread) {
                self.steps -= 1
                let instruction = self.program.instructions[Int(thread)]
                threads.insert(thread, self.slots)
                switch instruction.operation {
                case .scalar, .scalarClass, .match: break follow
                case .jump: thread = instruction.first
                case .split:
                    self.stack.append(.explore(instruction.second))
                    thread = instruction.first
                case .save:
                    let slot = Int(instruction.first)
                    if slot < self.slotCount {
                        self.stack.append(.restore(slot, self.slots[slot]))
                        self.slots[slot] = place
                    }
                    thread += 1
                case .assertion:
                    guard let assertion = RegexAssertion(rawValue: UInt8(truncatingIfNeeded: instruction.first)),
                        self.holds(assertion, at: place)
                    else { break follow }
                    thread += 1
                }
            }
        }
    }

    // MARK: the text

    /// The scalar at a place, and how many bytes it takes: none at the text's end. The text is valid UTF-8.
    private func scalar(at place: Int) -> (Unicode.Scalar, Int) {
        guard place < self.text.count else { return ("\0", 0) }
        let byte = UInt32(self.text[place])
        if byte < 0x80 { return (Unicode.Scalar(UInt8(byte)), 1) }
        let width = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        guard place + width <= self.text.count else { return ("\u{FFFD}", self.text.count - place) }
        var value = byte & (width == 2 ? 0x1F : width == 3 ? 0x0F : 0x07)
        for index in 1..<width { value = value << 6 | UInt32(self.text[place + index] & 0x3F) }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", width)
    }

    private func scalar(before place: Int) -> Unicode.Scalar? {
        guard place > 0 else { return nil }
        var start = place - 1
        while start > 0, self.text[start] & 0xC0 == 0x80, place - start < 4 { start -= 1 }
        return self.scalar(at: start).0
    }

    private func holds(_ assertion: RegexAssertion, at place: Int) -> Bool {
        let before = { (isASCII: Bool) in self.scalar(before: place).map { Self.isWord($0, isASCII) } ?? false }
        let after = { (isASCII: Bool) in
            let (scalar, width) = self.scalar(at: place)
            return width > 0 && Self.isWord(scalar, isASCII)
        }
        let byteBefore = place > 0 ? self.text[place - 1] : nil
        let byteAfter = place < self.text.count ? self.text[place] : nil
        switch assertion {
        case .textStart: return byteBefore == nil
        case .textEnd: return byteAfter == nil
        case .lineStart: return byteBefore == nil || byteBefore == 0x0A
        case .lineEnd: return byteAfter == nil || byteAfter == 0x0A
        // Never between the two of a pair.
        case .lineStartCRLF: return byteBefore == nil || byteBefore == 0x0A || (byteBefore == 0x0D && byteAfter != 0x0A)
        case .lineEndCRLF: return byteAfter == nil || byteAfter == 0x0D || (byteAfter == 0x0A && byteBefore != 0x0D)
        case .wordBoundary: return before(false) != after(false)
        case .notWordBoundary: return before(false) == after(false)
        case .asciiWordBoundary: return before(true) != after(true)
        case .notASCIIWordBoundary: return before(true) == after(true)
        case .wordStart: return !before(false) && after(false)
        case .wordEnd: return before(false) && !after(false)
        case .wordStartHalf: return !before(false)
        case .wordEndHalf: return !after(false)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar, _ isASCII: Bool) -> Bool {
        if scalar.isASCII || isASCII { return ScalarClass.asciiWord.contains(scalar) }
        return ScalarClass.word.contains(scalar)
    }
}
