import Synchronization

/// Counts, by the values of its labels.
///
/// Of these there are at most so many: what would be one more is counted under `other`, so that nothing that goes wrong
/// elsewhere fills this process's memory or its Prometheus.
package final class Counter: Sendable {
    package static let other = "other"

    private let name: String
    private let help: String
    private let labels: [String]
    private let mostSamples: Int
    private let counts: Mutex<[[String]: Int64]>

    package init(_ name: String, _ help: String, labels: [String] = [], mostSamples: Int = 200) {
        self.name = name
        self.help = help
        self.labels = labels
        self.mostSamples = mostSamples
        // Where there's one sample it's there from the beginning, so that its first step shows.
        self.counts = Mutex(labels.isEmpty ? [[]: 0] : [:])
    }

    /// - Parameter values: of the labels, in their order; those that are missing are empty.
    package func add(_ count: Int64 = 1, _ values: String...) {
        let values = self.labels.indices.map { values.indices.contains($0) ? values[$0] : "" }
        self.counts.withLock { counts in
            let isKnown = counts[values] != nil || counts.count < self.mostSamples
            let key = isKnown ? values : self.labels.map { _ in Self.other }
            counts[key] = (counts[key] ?? 0).addingReportingOverflow(count).partialValue
        }
    }

    package var family: MetricFamily {
        let counts = self.counts.withLock { $0 }
        return MetricFamily(
            self.name, self.help, .counter,
            counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { values, count in
                MetricFamily.Sample(Double(count), zip(self.labels, values).map { MetricFamily.Label($0, $1) })
            })
    }
}
