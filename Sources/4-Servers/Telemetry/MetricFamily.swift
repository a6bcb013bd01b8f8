/// A metric with its samples at one moment.
///
/// A name is `glovebox_…` with its SI unit in it. The value of a label is a name from a configuration, a code, or a kind
/// that the program knows, so that there are few of them; it's never anything that a target or a stranger sent.
package struct MetricFamily: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// Only grows, from zero when the role starts.
        case counter
        case gauge
        /// Cumulative buckets by `le`, a sum and a count: samples of the three suffixes.
        case histogram
    }

    package struct Sample: Hashable, Sendable {
        package var labels: [Label]
        package var value: Double
        /// Of a histogram: `_bucket`, `_sum` or `_count`.
        package var suffix: String

        package init(_ value: Double, _ labels: [Label] = [], suffix: String = "") {
            self.labels = labels
            self.value = value
            self.suffix = suffix
        }
    }

    package struct Label: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var name: String
    package var help: String
    package var kind: Kind
    package var samples: [Sample]

    package init(_ name: String, _ help: String, _ kind: Kind, _ samples: [Sample]) {
        self.name = "glovebox_\(name)"
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    /// The samples of one histogram.
    ///
    /// - Parameters:
    ///   - counts: by the bucket's upper bound, each of what's above the bound before; what's above the last is in `count` alone.
    ///   - sum: of all that was measured.
    package static func histogram(
        _ counts: [(bound: Double, count: UInt64)], sum: Double, count: UInt64, _ labels: [Label]
    ) -> [Sample] {
        var samples: [Sample] = []
        var below: UInt64 = 0
        for bucket in counts {
            below += bucket.count
            samples.append(
                Sample(Double(below), labels + [Label("le", PrometheusText.number(bucket.bound))], suffix: "_bucket"))
        }
        return samples + [
            Sample(Double(count), labels + [Label("le", "+Inf")], suffix: "_bucket"),
            Sample(sum, labels, suffix: "_sum"), Sample(Double(count), labels, suffix: "_count"),
        ]
    }

    package static func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name, help, .gauge, [Sample(value)])
    }
}

extension Duration {
    /// As metrics give durations.
    package var inSeconds: Double { self / .seconds(1) }
}
