/// In which order lanes send their requests, one at a time: the choices of one trial, from which that of the next
/// follows.
///
/// Lanes are alike, so that it makes no difference which of those begins that haven't sent anything yet: the first
/// does.
struct LaneOrder: Sendable {
    /// Choices that are made already; behind them the first that may is taken, or one at random.
    private let prefix: [Int]
    private var random: SplitMix?
    /// Which was taken, and of how many.
    private(set) var taken: [(choice: Int, count: Int)] = []
    private var started: Set<Int> = []

    init(prefix: [Int] = [], seed: UInt64? = nil) {
        self.prefix = prefix
        self.random = seed.map(SplitMix.init)
    }

    var choices: [Int] { self.taken.map(\.choice) }

    /// - Parameter waiting: lanes that have a request to send; never none.
    mutating func next(_ waiting: [Int]) -> Int {
        var candidates = waiting.filter { self.started.contains($0) }.sorted()
        if let fresh = waiting.filter({ !self.started.contains($0) }).min() { candidates.append(fresh) }
        let step = self.taken.count
        var choice = 0
        if step < self.prefix.count {
            choice = min(self.prefix[step], candidates.count - 1)
        } else if let drawn = self.random?.next() {
            choice = Int(drawn % UInt64(candidates.count))
        }
        self.taken.append((choice, candidates.count))
        self.started.insert(candidates[choice])
        return candidates[choice]
    }

    /// The choices of the order that comes after this one; nil where all have been.
    var following: [Int]? {
        guard let place = self.taken.lastIndex(where: { $0.choice + 1 < $0.count }) else { return nil }
        return self.taken[..<place].map(\.choice) + [self.taken[place].choice + 1]
    }

    /// How many orders there are of lanes that each send so many requests.
    static func count(lanes: Int, requests: Int, isLockstep: Bool) -> Int {
        guard lanes > 1, requests > 0 else { return 1 }
        var orders = 1.0
        if isLockstep {
            let each = (1...lanes).reduce(1.0) { $0 * Double($1) }
            for _ in 1..<max(requests, 1) { orders *= each }
        } else {
            // The multinomial coefficient, lane by lane, without the lanes' own order.
            for lane in 1...lanes {
                for step in 1...requests {
                    orders *= Double((lane - 1) * requests + step) / Double(step)
                }
                orders /= Double(lane)
            }
        }
        return orders < 1e9 ? Int(orders.rounded()) : 1_000_000_000
    }
}

/// A generator whose numbers follow from its seed (Steele et al., "Fast splittable pseudorandom number generators").
struct SplitMix: Sendable {
    private var state: UInt64

    init(_ seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
