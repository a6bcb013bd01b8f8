import GloveboxCore

/// A guard as it's asked for: what's measured, and its bound.
package struct GuardItem: Sendable, Hashable, Codable {
    /// What it's called; the signal's name, or `query`, if it's left out.
    package var name: String?
    /// One of the gateway's, or a query in PromQL: one of the two.
    package var signal: String?
    package var query: String?
    package var atMost: Double?
    package var atLeast: Double?
    /// How long it may go unjudged; a minute, if it's left out.
    package var patience: Seconds?

    package static let standardPatience = Duration.seconds(60)

    package init(
        name: String? = nil, signal: String? = nil, query: String? = nil, atMost: Double? = nil,
        atLeast: Double? = nil, patience: Seconds? = nil
    ) {
        self.name = name
        self.signal = signal
        self.query = query
        self.atMost = atMost
        self.atLeast = atLeast
        self.patience = patience
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["name", "signal", "query", "atMost", "atLeast", "patience"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.name = try container.decodeIfPresent(String.self, forKey: .name)
        self.signal = try container.decodeIfPresent(String.self, forKey: .signal)
        self.query = try container.decodeIfPresent(String.self, forKey: .query)
        self.atMost = try container.decodeIfPresent(Double.self, forKey: .atMost)
        self.atLeast = try container.decodeIfPresent(Double.self, forKey: .atLeast)
        self.patience = try container.decodeIfPresent(Seconds.self, forKey: .patience)
    }

    /// - Throws: `invalid_argument`.
    func condition() throws(GloveboxError) -> GuardCondition {
        let sign: GuardCondition.Sign
        switch (self.signal, self.query) {
        case (let signal?, nil): sign = .signal(signal)
        case (nil, let query?):
            guard (1...4000).contains(query.utf8.count) else {
                throw GloveboxError(.invalidArgument, "guards: a query is 1 to 4000 bytes of PromQL")
            }
            sign = .query(query)
        default: throw GloveboxError(.invalidArgument, "guards: say one of 'signal' and 'query' of each")
        }
        let name = self.name ?? self.signal ?? "query"
        try validateLine(name, "guards: a guard's name")
        let bound: GuardCondition.Bound
        switch (self.atMost, self.atLeast) {
        case (let most?, nil): bound = .atMost(most)
        case (nil, let least?): bound = .atLeast(least)
        default: throw GloveboxError(.invalidArgument, "guard '\(name)': say one of 'atMost' and 'atLeast'")
        }
        let patience = self.patience?.duration ?? Self.standardPatience
        guard patience >= .seconds(1), patience <= .seconds(86_400) else {
            throw GloveboxError(.invalidArgument, "guard '\(name)': its patience is from 1s to 24h")
        }
        return GuardCondition(name: name, sign: sign, bound: bound, patience: patience)
    }
}

/// A step of a rollout as it's asked for.
package struct RolloutItem: Sendable, Hashable, Codable {
    /// 1 to 100.
    package var percent: Int
    /// How long all guards have to have held before the next step.
    package var holds: Seconds

    package init(percent: Int, holds: Seconds) {
        self.percent = percent
        self.holds = holds
    }

    package init(from decoder: any Decoder) throws {
        try decoder.allowOnly(["percent", "holds"])
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.percent = try container.decode(Int.self, forKey: .percent)
        self.holds = try container.decodeIfPresent(Seconds.self, forKey: .holds) ?? Seconds(.zero)
    }
}
