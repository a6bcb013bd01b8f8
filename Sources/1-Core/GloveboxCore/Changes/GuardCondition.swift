/// A condition under which a set of changes may stay: a number that's measured again and again, and a bound.
package struct GuardCondition: Hashable, Sendable, Codable {
    /// What's measured.
    package enum Sign: Hashable, Sendable, Codable {
        /// One of the gateway's, by its name in `gateway.yaml`.
        case signal(String)
        /// In PromQL, asked of the gateway's Prometheus.
        case query(String)
    }

    package enum Bound: Hashable, Sendable, Codable {
        case atMost(Double)
        case atLeast(Double)

        package func holds(_ value: Double) -> Bool {
            switch self {
            case .atMost(let most): value <= most
            case .atLeast(let least): value >= least
            }
        }
    }

    package var name: String
    package var sign: Sign
    package var bound: Bound
    /// How long it may go without a measurement: from then on it counts as tripped.
    package var patience: Duration

    package init(name: String, sign: Sign, bound: Bound, patience: Duration) {
        self.name = name
        self.sign = sign
        self.bound = bound
        self.patience = patience
    }
}
