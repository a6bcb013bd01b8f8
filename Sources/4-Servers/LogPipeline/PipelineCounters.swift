import Telemetry

/// Why something of an input doesn't go on.
enum DropReason: String {
    case malformed
    case tooLarge = "too_large"
    case overrun
    case stopped
    case sealed

    /// In words for the log.
    var words: String {
        switch self {
        case .malformed: "it isn't in the input's format"
        case .tooLarge: "it's larger than a record may be"
        case .overrun: "datagrams came faster than they were taken"
        case .sealed: "it was held back when a canary came out, by what can't be trusted"
        case .stopped: "the pipeline was stopped before there was room for it"
        }
    }
}

/// What a pipeline counts.
final class PipelineCounters: Sendable {
    let taken = Counter("redact_records_in_total", "Records that were read and masked, by input.", labels: ["input"])
    let dropped = Counter(
        "redact_dropped_total", "Records, datagrams and connections that didn't go on, by input and why.",
        labels: ["input", "reason"])
    let waits = Counter(
        "redact_waits_total", "How often an input waited for room in the spool, or was told to wait.",
        labels: ["input"])
    let delivered = Counter(
        "redact_records_out_total", "Records that an output has delivered.", labels: ["output"])
    let retries = Counter(
        "redact_retries_total", "How often an output tried once more.", labels: ["output"])
    let refused = Counter(
        "redact_refused_total", "Records that a collector refused for good, and that are given up.",
        labels: ["output"])

    var families: [MetricFamily] {
        [self.taken, self.dropped, self.waits, self.delivered, self.retries, self.refused].map(\.family)
    }
}
