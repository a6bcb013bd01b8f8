/// A metric with its samples at one moment.
///
/// A name is `glovebox_…` with its SI unit in it. The value of a label is a name from a configuration, a code, or a kind
/// that the program knows, so that there are few of them; it's never anything that a target or a stranger sent.
package struct MetricFamily: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// Only grows, from zero when the role starts.
        case counter
        case gauge
    }

    package struct Sample: Hashable, Sendable {
        package var labels: [Label]
        package var value: Double

        package init(_ value: Double, _ labels: [Label] = []) {
            self.labels = labels
            self.value = value
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

    package static func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name, help, .gauge, [Sample(value)])
    }
}

extension Duration {
    /// As metrics give durations.
    package var inSeconds: Double { self / .seconds(1) }
}
