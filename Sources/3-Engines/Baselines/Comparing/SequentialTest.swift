import Foundation

/// Whether a candidate differs at one path more often than the primary differs from itself, looked at after every
/// comparison, as long as one likes.
///
/// **What's observed.** A *triple* is three answers to the same request, by primary, primary and candidate, asked for
/// in random order. Of a path it says two things: whether the second primary answer differs from the first (`primary`),
/// and whether the candidate's does (`candidate`).
///
/// **Differs.** Under the hypothesis that the candidate answers as the primary does, which of the three answers is
/// called the candidate's is chance alone, since the order was drawn; nothing is assumed of the answers, which may
/// drift, be cached or depend on each other. Exchanging second primary and candidate exchanges the two observations. So
/// of triples in which they disagree, each has the candidate's on the differing side with probability 1/2, whatever
/// came before; and with at most 1/2 where the candidate differs less. For each `q` in (1/2, 1] the product of `2q`
/// (candidate alone differs) and `2(1 − q)` (primary alone differs) is then a supermartingale that begins at 1, and so
/// is a mixture of them. Its reaching `1/a` at any time at all has probability `a` at most (Ville's inequality). The
/// mixture is half a point at `q = 1`, since most faults show each time, and half uniform over (1/2, 1], for those
/// among noise.
///
/// **Same.** Under the hypothesis that the candidate differs more often by ``Error/effect`` at least, whatever came
/// before, the product of `1 + λ(effect − d)` with `d = candidate − primary` is a supermartingale for each λ in [0,
/// 1/(1 − effect)]; the mixture is over four λ. Its reaching `1/b` has probability `b` at most. Where no difference was
/// seen at all, that's the same as `(1 − effect)ⁿ ≤ 4b`, or less.
package struct SequentialTest: Hashable, Sendable {
    /// What may go wrong, and how often.
    package struct Error: Hashable, Sendable, Codable {
        /// The probability that anything at all is said to differ in a comparison, though the candidate is as the
        /// primary.
        package var falseAlarm: Double
        /// The probability that a path which differs by ``effect`` or more is said to be the same.
        package var miss: Double
        /// By how much more often a path has to differ in the candidate's answers to count: 0.05 are five of a hundred.
        package var effect: Double

        package init(falseAlarm: Double = 0.01, miss: Double = 0.01, effect: Double = 0.05) {
            self.falseAlarm = falseAlarm
            self.miss = miss
            self.effect = effect
        }
    }

    package enum Verdict: String, Hashable, Sendable, Codable {
        case differs
        case same
        /// Not yet known.
        case inconclusive
    }

    /// Of `λ`'s largest value.
    private static let shares = [1.0, 0.5, 0.25, 0.1]

    /// Its share of the error: ``Comparison`` says how it's split.
    private let error: Error
    /// How many triples were looked at, and in how many one alone differed.
    package private(set) var count = 0
    package private(set) var candidateAlone = 0
    package private(set) var primaryAlone = 0
    /// Natural logarithms of the products for `same`, one for each share.
    private var logs = [Double](repeating: 0, count: Self.shares.count)
    private var hasDiffered = false
    private var hasBeenSame = false

    package init(_ error: Error) {
        self.error = error
    }

    /// Once said to differ, it's said to; sameness goes back where a difference is found later.
    package var verdict: Verdict { self.hasDiffered ? .differs : self.hasBeenSame ? .same : .inconclusive }

    package mutating func add(primary: Bool, candidate: Bool) {
        self.count += 1
        if candidate, !primary { self.candidateAlone += 1 }
        if primary, !candidate { self.primaryAlone += 1 }
        let difference = (candidate ? 1.0 : 0) - (primary ? 1.0 : 0)
        let effect = self.error.effect
        for (index, share) in Self.shares.enumerated() {
            let factor = 1 + share / (1 - effect) * (effect - difference)
            self.logs[index] += factor > 0 ? log(factor) : -.infinity
        }
        // It only grows by these.
        if candidate, !primary, self.logEvidenceOfDifference >= -log(self.error.falseAlarm) { self.hasDiffered = true }
        if self.logEvidenceOfSameness >= -log(self.error.miss) { self.hasBeenSame = true }
    }

    /// The mixture against "as the primary": how much likelier what was seen is if the candidate differs more often.
    package var evidenceOfDifference: Double { exp(self.logEvidenceOfDifference) }

    /// The natural logarithm of the mixture against "as the primary".
    var logEvidenceOfDifference: Double {
        let (k, n) = (Double(self.candidateAlone), Double(self.candidateAlone + self.primaryAlone))
        // ∫ over (1/2, 1] of (2q)^k (2(1 − q))^(n − k) · 2 dq = 2^(n + 1) · B(k + 1, n − k + 1) · P(Beta > 1/2), and
        // that probability is that of at most k heads among n + 1 tosses of a fair coin.
        let beta = lgamma(k + 1) + lgamma(n - k + 1) - lgamma(n + 2)
        let uniform = (n + 1) * log(2.0) + beta + Self.logAtMost(self.candidateAlone, of: Int(n) + 1)
        let point = self.primaryAlone == 0 ? k * log(2.0) : -.infinity
        return Self.logSum([uniform, point]) - log(2.0)
    }

    var logEvidenceOfSameness: Double { Self.logSum(self.logs) - log(Double(Self.shares.count)) }

    /// The logarithm of the probability of at most `k` heads in `n` tosses of a fair coin.
    private static func logAtMost(_ k: Int, of n: Int) -> Double {
        guard k < n else { return 0 }
        let total = Double(n)
        // The shorter tail is summed, from its largest term on until they no longer count. Each follows from the one
        // before.
        let isLower = k < n - k
        let start = Double(isLower ? k : k + 1)
        let ways: Double = lgamma(total + 1) - lgamma(start + 1) - lgamma(total - start + 1)
        var (sum, term, heads) = (1.0, 1.0, start)
        while term > 1e-18 {
            term *= isLower ? heads / (total - heads + 1) : (total - heads) / (heads + 1)
            heads += isLower ? -1 : 1
            sum += term
        }
        let tail = min(0, ways - total * log(2.0) + log(sum))
        return isLower ? tail : log1p(-min(exp(tail), 1 - 1e-15))
    }

    private static func logSum(_ logs: [Double]) -> Double {
        guard let most = logs.max(), most > -.infinity else { return -.infinity }
        return most + log(logs.reduce(0) { $0 + exp($1 - most) })
    }

    /// How many triples say "same" where no difference is ever seen.
    package static func triplesForSameness(_ error: Error) -> Int {
        var test = Self(error)
        while test.verdict == .inconclusive, test.count < 1_000_000 { test.add(primary: false, candidate: false) }
        return test.count
    }

    /// How many triples say "differs" where the candidate alone differs each time.
    package static func triplesForDifference(_ error: Error) -> Int {
        var test = Self(error)
        while test.verdict != .differs, test.count < 10_000 { test.add(primary: false, candidate: true) }
        return test.count
    }
}
