/// How long to wait before the gateway is dialled again: doubling from try to try, less up to a half by chance, so
/// that the agents of a gateway that restarts don't all come at once.
struct Redial {
    private let range: ClosedRange<Duration>
    private var failures = 0

    init(_ range: ClosedRange<Duration>) {
        self.range = range
    }

    mutating func succeeded() {
        self.failures = 0
    }

    /// - Parameter chance: from 0 to 1.
    mutating func failed(chance: Double) -> Duration {
        let longest = min(self.range.upperBound, self.range.lowerBound * (1 << min(self.failures, 20)))
        self.failures += 1
        return longest * (1 - chance / 2)
    }
}
