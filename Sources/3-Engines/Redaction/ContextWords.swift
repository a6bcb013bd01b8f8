/// Words that say what a value near them is, in lower case, each of two bytes and more.
struct ContextWords: Sendable, ExpressibleByArrayLiteral {
    let words: [StaticString]
    /// By a first byte's low bits, which are the same in both cases: those of the second byte. Most places have no word's.
    private var pairs = InlineArray<32, UInt32>(repeating: 0)

    init(arrayLiteral words: StaticString...) {
        self.words = words
        for word in words {
            self.pairs[Int(word.utf8Start[0] & 31)] |= 1 << UInt32(word.utf8Start[1] & 31)
        }
    }

    /// Whether a word may begin with these bytes.
    @inline(__always)
    func mayBegin(_ first: UInt8, _ second: UInt8) -> Bool {
        self.pairs[Int(first & 31)] >> UInt32(second & 31) & 1 == 1
    }
}
