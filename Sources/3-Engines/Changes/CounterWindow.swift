package import GloveboxCore

/// How much counters have grown over the last while, from looks at them: counts that only grow, but for a start anew.
package struct CounterWindow<Key: Hashable & Sendable>: Sendable {
    private let span: Duration
    private var looks: [(at: BootInstant, counts: [Key: Double])] = []

    /// - Parameter span: how far back it reaches.
    package init(over span: Duration) {
        self.span = span
    }

    /// Takes a look's counts.
    /// - Returns: by how much each has grown since the oldest look within the span; nil after the first look, and where a
    ///   count has shrunk, which begins anew.
    package mutating func add(_ counts: [Key: Double], at now: BootInstant) -> [Key: Double]? {
        if let last = self.looks.last?.counts, last.contains(where: { counts[$0.key, default: 0] < $0.value }) {
            self.looks = []
        }
        self.looks.append((now, counts))
        // The newest of those that are too old stays, so that the span is covered.
        while self.looks.count > 2, self.looks[1].at.advanced(by: self.span) <= now { self.looks.removeFirst() }
        guard self.looks.count > 1, let first = self.looks.first?.counts else { return nil }
        return Dictionary(uniqueKeysWithValues: counts.map { ($0.key, $0.value - first[$0.key, default: 0]) })
    }
}
