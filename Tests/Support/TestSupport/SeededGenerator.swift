/// A random generator whose draws follow from its seed, so that a failing case can be run again. SplitMix64
/// (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// `count` random bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: self.next() >> 32) }
    }

    /// `value` cut into pieces at random places, none empty.
    package mutating func pieces<Element>(_ value: [Element]) -> [[Element]] {
        var pieces: [[Element]] = []
        var start = 0
        while start < value.count {
            let count = Int.random(in: 1...(value.count - start), using: &self)
            pieces.append(Array(value[start..<start + count]))
            start += count
        }
        return pieces
    }
}
