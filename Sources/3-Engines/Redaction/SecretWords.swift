/// Where words for a secret begin, of which the names of those who sign in need one behind them: nearly every line of a log
/// has a user, and few a password. Vectorscan reports these words with all other literals.
struct SecretWords {
    /// In order.
    private var starts: [Int] = []
    private var next = 0
    /// Whether all of them are known.
    private var isComplete = false

    /// Forgets those before: they lie before all that will be asked about.
    mutating func take(_ anchors: [Anchor], _ detectors: Detectors) {
        self.starts.removeAll(keepingCapacity: true)
        self.next = 0
        self.isComplete = !detectors.isPartOfSecretWord.isEmpty
        guard self.isComplete else { return }
        for anchor in anchors where detectors.isPartOfSecretWord[anchor.literal] { self.starts.append(anchor.start) }
        // Longer words are reported later than shorter ones that begin behind them.
        if self.starts.count > 1 { self.starts.sort() }
    }

    /// Whether one may begin within `reach` bytes behind `offset`; true where that isn't known.
    mutating func mayStand(behind offset: Int, within reach: Int, _ window: Window) -> Bool {
        // One at the end of what has arrived isn't reported yet.
        guard self.isComplete, window.finished || offset + reach + Self.longest < window.end else { return true }
        // Anchors come in the order of their ends.
        while self.next < self.starts.count, self.starts[self.next] < offset - Self.longest { self.next += 1 }
        var index = self.next
        while index < self.starts.count, self.starts[index] < offset + reach {
            if self.starts[index] > offset { return true }
            index += 1
        }
        return false
    }

    /// No literal is longer.
    private static let longest = 64

    /// Which of `literals` are part of a word for a secret. None where some word has none of them in it: then nobody can
    /// tell from literals where words stand.
    static func parts(among literals: [[UInt8]]) -> [Bool] {
        var parts = Array(repeating: false, count: literals.count)
        for word in View.secretNames {
            let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
            var isKnown = false
            for (index, literal) in literals.enumerated()
            where (1...bytes.count).contains(literal.count)
                && (0...(bytes.count - literal.count)).contains(where: { bytes[$0...].starts(with: literal) })
            {
                parts[index] = true
                isKnown = true
            }
            if !isKnown { return [] }
        }
        return parts
    }
}
