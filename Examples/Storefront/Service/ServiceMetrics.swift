import Synchronization

/// Requests by status, and how long they took, for Prometheus.
final class ServiceMetrics: Sendable {
    private struct Key: Hashable {
        var status: Int
        /// A test's, with a mark that was verified.
        var isMarked: Bool
    }

    private struct State {
        var requests: [Key: Int] = [:]
        var histogram = Histogram()
    }

    private let prefix: String
    private let labels: String
    private let state = Mutex(State())

    /// - Parameter labels: `name="value"`, in a list.
    init(prefix: String, labels: String = "") {
        self.prefix = prefix
        self.labels = labels
    }

    /// - Parameter status: 0 when there was no answer.
    func count(status: Int, isMarked: Bool = false, took: Duration) {
        self.state.withLock { state in
            state.requests[Key(status: status, isMarked: isMarked), default: 0] += 1
            state.histogram.add(took / .seconds(1))
        }
    }

    func page() -> String {
        let (requests, histogram) = self.state.withLock { ($0.requests, $0.histogram) }
        let more = self.labels.isEmpty ? "" : ",\(self.labels)"
        var lines = ["# TYPE \(self.prefix)_requests_total counter"]
        let sorted = requests.sorted {
            ($0.key.status, $0.key.isMarked ? 1 : 0) < ($1.key.status, $1.key.isMarked ? 1 : 0)
        }
        for (key, count) in sorted {
            lines.append(
                "\(self.prefix)_requests_total{status=\"\(key.status)\",marked=\"\(key.isMarked)\"\(more)} \(count)")
        }
        return lines.joined(separator: "\n") + "\n"
            + histogram.page("\(self.prefix)_request_duration_seconds", labels: self.labels)
    }
}

/// Counts of seconds up to fixed bounds.
struct Histogram {
    /// Close together where a quantile is to be read of them.
    static let bounds = [
        0.001, 0.0015, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04,
        0.05, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// The last is for what's beyond all bounds.
    private var counts = [Int](repeating: 0, count: Self.bounds.count + 1)
    private var sum = 0.0

    mutating func add(_ seconds: Double) {
        self.counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        self.sum += seconds
    }

    func page(_ name: String, labels: String) -> String {
        let more = labels.isEmpty ? "" : ",\(labels)"
        let all = labels.isEmpty ? "" : "{\(labels)}"
        var lines = ["# TYPE \(name) histogram"]
        var total = 0
        for (index, count) in self.counts.enumerated() {
            total += count
            let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
            lines.append("\(name)_bucket{le=\"\(bound)\"\(more)} \(total)")
        }
        lines += ["\(name)_sum\(all) \(self.sum)", "\(name)_count\(all) \(total)"]
        return lines.joined(separator: "\n") + "\n"
    }
}
