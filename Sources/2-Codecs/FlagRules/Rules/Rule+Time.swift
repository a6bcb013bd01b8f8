extension Rule {
    /// Whether what it comes to may hang on the time. A name that's worked out may name it.
    var asksForTime: Bool {
        switch self {
        case .value: false
        case .variable(let variable, let otherwise): variable == .timestamp || otherwise?.asksForTime ?? false
        case .variableNamed: true
        case .missing, .missingSome: true
        case .list(let rules), .choice(let rules), .and(let rules), .or(let rules), .ordered(_, let rules),
            .arithmetic(_, let rules), .merge(let rules), .concatenation(let rules):
            rules.contains(where: \.asksForTime)
        case .truth(let rule, _), .knownVersion(let rule, _, _): rule.asksForTime
        case .equal(let one, let other, _, _), .contains(let one, let other), .affix(_, let one, let other),
            .semanticVersion(let one, _, let other), .quantified(_, let one, let other):
            one.asksForTime || other.asksForTime
        case .reduce(let list, let rule, let first):
            list.asksForTime || rule.asksForTime || first.asksForTime
        case .substring(let text, let start, let length):
            text.asksForTime || start.asksForTime || length?.asksForTime ?? false
        case .fractional(let fractional):
            fractional.key?.asksForTime ?? false
                || fractional.buckets.contains { $0.value.asksForTime || $0.weight.asksForTime }
        case .shared(let shared): shared.asksForTime
        }
    }
}
