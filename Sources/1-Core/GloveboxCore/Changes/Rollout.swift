/// Progressive delivery: a share in steps, each of which has to hold for a while under the guards before the next.
package struct Rollout: Hashable, Sendable, Codable {
    package struct Step: Hashable, Sendable, Codable {
        /// 0 to 100.
        package var percent: Int
        /// How long all guards have to have held before the next step.
        package var holds: Duration

        package init(percent: Int, holds: Duration) {
            self.percent = percent
            self.holds = holds
        }
    }

    package var steps: [Step]

    /// All at once.
    package static let whole = Rollout(unchecked: [Step(percent: 100, holds: .zero)])

    private init(unchecked steps: [Step]) {
        self.steps = steps
    }

    /// - Throws: `invalid_argument` unless shares grow, from above 0 to 100 at most.
    package init(_ steps: [Step]) throws(GloveboxError) {
        guard !steps.isEmpty else {
            throw GloveboxError(.invalidArgument, "a rollout has one step at least, such as {percent: 10, holds: 5m}")
        }
        for (before, step) in zip([0] + steps.map(\.percent), steps) {
            guard step.percent > before, step.percent <= 100 else {
                throw GloveboxError(
                    .invalidArgument,
                    "a rollout's shares grow from step to step, up to 100: \(step.percent) comes after \(before)")
            }
        }
        self.steps = steps
    }
}
