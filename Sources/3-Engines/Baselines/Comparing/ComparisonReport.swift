/// What a comparison came to, for people and for programs.
package struct ComparisonReport: Hashable, Sendable, Codable {
    package enum Ending: String, Hashable, Sendable, Codable {
        /// All that's asked is known.
        case decided
        /// Triples were used up.
        case budget
        /// The driver stopped it.
        case stopped
    }

    package struct Path: Hashable, Sendable, Codable {
        package var path: String
        package var verdict: SequentialTest.Verdict
        /// How many triples the verdict stands on.
        package var compared: Int
        /// In how many of all triples the primary differed from itself, and the candidate from it.
        package var primaryDiffered: Int
        package var candidateDiffered: Int
        /// The first that was seen, masked.
        package var example: Difference?
        /// In which case that was.
        package var exampleCase: String?
    }

    package struct Endpoint: Hashable, Sendable, Codable {
        package var endpoint: String
        package var verdict: SequentialTest.Verdict
        package var cases: [String]
        package var triples: Int
        /// As they called themselves.
        package var primaryVersions: [String]
        package var candidateVersions: [String]
        /// Those that ever differed, the candidate's first.
        package var paths: [Path]
    }

    package var endpoints: [Endpoint]
    package var triples: Int
    package var requests: Int
    package var error: SequentialTest.Error
    /// Among how many tests the error is split.
    package var tests: Int
    package var seed: UInt64
    /// Nil while it's under way.
    package var ending: Ending?

    /// What can't be masked isn't shown.
    static func shown(_ text: String, _ mask: TextMask) -> String { (try? mask(text)) ?? Self.unmasked }
    static let unmasked = "(it can't be masked)"

    /// Differs if any endpoint does; the same if all are.
    package var verdict: SequentialTest.Verdict {
        if self.endpoints.contains(where: { $0.verdict == .differs }) { return .differs }
        return self.endpoints.allSatisfy { $0.verdict == .same } ? .same : .inconclusive
    }
}

extension ComparisonReport.Endpoint {
    /// - Parameter mask: also of paths, since names of members are values of the answer's, too.
    init(_ tally: EndpointTally, _ mask: @escaping TextMask) {
        let paths = tally.order.compactMap { path in
            tally.paths[path].map { tally in
                ComparisonReport.Path(
                    path: ComparisonReport.shown(path, mask), verdict: tally.test.verdict, compared: tally.test.count,
                    primaryDiffered: tally.primaryDiffered, candidateDiffered: tally.candidateDiffered,
                    example: tally.example, exampleCase: tally.exampleCase)
            }
        }.filter { $0.primaryDiffered + $0.candidateDiffered > 0 }
        self.init(
            endpoint: tally.endpoint, verdict: tally.verdict, cases: tally.cases, triples: tally.triples,
            primaryVersions: tally.primaryVersions, candidateVersions: tally.candidateVersions,
            paths: paths.sorted { a, b in
                (a.verdict.order, b.candidateDiffered, a.path) < (b.verdict.order, a.candidateDiffered, b.path)
            })
    }
}

extension SequentialTest.Verdict {
    fileprivate var order: Int {
        switch self {
        case .differs: 0
        case .inconclusive: 1
        case .same: 2
        }
    }
}

extension ComparisonReport {
    /// For a terminal: a line for each endpoint, one below for each path that ever differed, and what the verdicts
    /// stand on.
    package var lines: [String] {
        var lines: [String] = []
        for endpoint in self.endpoints {
            lines.append("\(endpoint.endpoint): \(endpoint.verdict.rawValue) (\(Self.times(endpoint.triples)))")
            if endpoint.verdict == .differs {
                lines.append(
                    "  primary \(Self.listed(endpoint.primaryVersions)); candidate \(Self.listed(endpoint.candidateVersions))"
                )
            }
            for path in endpoint.paths {
                let what = path.example.map { ": \($0.what)" } ?? ""
                let place = path.exampleCase.map { ", first in \($0)" } ?? ""
                lines.append("  \(path.verdict.rawValue)  \(path.path)\(what)")
                lines.append(
                    "           candidate \(path.candidateDiffered), primary \(path.primaryDiffered) of \(endpoint.triples)\(place)"
                )
            }
        }
        lines.append(self.summary)
        return lines
    }

    private var summary: String {
        let error = self.error
        return "\(self.verdict.rawValue): \(self.triples) triples, \(self.requests) requests, seed \(self.seed). "
            + "A false alarm anywhere: \(Self.percent(error.falseAlarm)) at most; "
            + "missing what differs \(Self.percent(error.effect)) more often: \(Self.percent(error.miss)) at most"
    }

    private static func percent(_ share: Double) -> String {
        let thousandths = (share * 10_000).rounded() / 100
        return thousandths == thousandths.rounded() ? "\(Int(thousandths)) %" : "\(thousandths) %"
    }

    private static func times(_ count: Int) -> String { count == 1 ? "1 triple" : "\(count) triples" }
    private static func listed(_ versions: [String]) -> String {
        versions.isEmpty ? "says no version" : versions.joined(separator: " | ")
    }
}
