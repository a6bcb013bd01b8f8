/// Words that say what a value near them is, in lower case, each of three bytes and more. A class, so that asking for
/// them copies nothing.
final class ContextWords: Sendable, ExpressibleByArrayLiteral {
    let words: [StaticString]
    /// By a first byte's low bits, which are the same in both cases: those of the second byte; and by the second's those of
    /// the third. Most places have no word's.
    private let seconds: InlineArray<32, UInt32>
    private let thirds: InlineArray<32, UInt32>

    init(arrayLiteral words: StaticString...) {
        var seconds = InlineArray<32, UInt32>(repeating: 0)
        var thirds = seconds
        for word in words {
            seconds[Int(word.utf8Start[0] & 31)] |= 1 << UInt32(word.utf8Start[1] & 31)
            thirds[Int(word.utf8Start[1] & 31)] |= 1 << UInt32(word.utf8Start[2] & 31)
        }
        self.words = words
        self.seconds = seconds
        self.thirds = thirds
    }

    /// Whether a word may begin with these bytes.
    @inline(__always)
    func mayBegin(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Bool {
        self.seconds[Int(first & 31)] >> UInt32(second & 31) & self.thirds[Int(second & 31)] >> UInt32(third & 31) & 1
            == 1
    }
}
