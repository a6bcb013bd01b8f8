package import GloveboxCore

/// Which samples of a page are meant, written as PromQL's instant selectors are: `http_requests_total{status=~"5.."}`.
package struct SampleSelector: Hashable, Sendable {
    private enum Match: Hashable, Sendable {
        case equal(String)
        case unequal(String)
        case like(String)
        case unlike(String)
    }

    package let name: String
    private let matches: [String: Match]

    /// - Throws: `invalid_argument` with what's wrong, without a place.
    package init(_ text: String) throws(GloveboxError) {
        func wrong(_ why: String) -> GloveboxError {
            GloveboxError(
                .invalidArgument,
                "'\(text.prefix(80))' selects no metric, since \(why): write http_requests_total{status=~\"5..\"}")
        }
        var rest = text[...]
        rest.skipBlanks()
        self.name = String(rest.take { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") })
        guard let first = self.name.first, !first.isNumber else { throw wrong("it begins with no name") }
        var matches: [String: Match] = [:]
        rest.skipBlanks()
        if rest.first == "{" {
            rest.removeFirst()
            while true {
                rest.skipBlanks()
                guard let next = rest.first else { throw wrong("its '{' isn't closed") }
                if next == "}" {
                    rest.removeFirst()
                    break
                }
                let label = String(rest.take { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
                rest.skipBlanks()
                let sign = String(rest.take { "=!~".contains($0) })
                rest.skipBlanks()
                guard !label.isEmpty, let value = rest.quoted() else {
                    throw wrong("its labels aren't written as name=\"value\"")
                }
                switch sign {
                case "=": matches[label] = .equal(value)
                case "!=": matches[label] = .unequal(value)
                case "=~", "!~":
                    guard (try? Regex(value)) != nil else { throw wrong("\"\(value.prefix(40))\" is no expression") }
                    matches[label] = sign == "=~" ? .like(value) : .unlike(value)
                default: throw wrong("a label is compared by =, !=, =~ or !~")
                }
                rest.skipBlanks()
                if rest.first == "," { rest.removeFirst() }
            }
        }
        rest.skipBlanks()
        guard rest.isEmpty else { throw wrong("something stands behind it") }
        self.matches = matches
    }

    /// A label that's missing is an empty one, as in PromQL.
    package func takes(_ sample: Sample) -> Bool {
        sample.name == self.name && self.takes(labels: sample.labels)
    }

    /// Those of a histogram's buckets, by their upper bounds, as many samples with the same bound added.
    package func buckets(_ page: [Sample]) -> [Double: Double] {
        var buckets: [Double: Double] = [:]
        for sample in page where sample.name == self.name + "_bucket" && self.takes(labels: sample.labels) {
            guard let bound = sample.labels["le"].flatMap({ Sample.number($0) }) else { continue }
            buckets[bound, default: 0] += sample.value
        }
        return buckets
    }

    /// Of all that are selected; nil where there are none.
    package func sum(_ page: [Sample]) -> Double? {
        var sum: Double?
        for sample in page where self.takes(sample) { sum = (sum ?? 0) + sample.value }
        return sum
    }

    private func takes(labels: [String: String]) -> Bool {
        self.matches.allSatisfy { label, match in
            let value = labels[label] ?? ""
            return switch match {
            case .equal(let wanted): value == wanted
            case .unequal(let unwanted): value != unwanted
            // Expressions were tried when the selector was read; like PromQL's they're about the whole value.
            case .like(let text): ((try? Regex(text).wholeMatch(in: value)) ?? nil) != nil
            case .unlike(let text): ((try? Regex(text).wholeMatch(in: value)) ?? nil) == nil
            }
        }
    }
}

/// The value below which a share of a histogram's observations lie, as PromQL's `histogram_quantile` has it: straight
/// between the bounds of the bucket that it falls into; the highest finite bound where it's beyond.
///
/// - Parameters:
///   - share: 0 to 1.
///   - buckets: cumulative counts by upper bound, `+Inf` among them.
/// - Returns: nil without observations, or without `+Inf`.
package func quantile(_ share: Double, of buckets: [Double: Double]) -> Double? {
    guard let total = buckets[.infinity], total > 0 else { return nil }
    let rank = share * total
    var (lower, below) = (0.0, 0.0)
    for bound in buckets.keys.sorted() {
        let count = max(below, buckets[bound] ?? 0)
        if count >= rank {
            guard bound < .infinity else { return buckets.count > 1 ? lower : nil }
            return count > below ? lower + (bound - lower) * (rank - below) / (count - below) : bound
        }
        (lower, below) = (bound, count)
    }
    return nil
}
