import JSONDocument
import LinearRegex

/// A query's form, after RFC 9535's grammar. What isn't well-typed can't be said in it.
struct Query: Hashable, Sendable {
    /// Whether it begins at the document's root (`$`), rather than at what a filter looks at (`@`).
    var isAbsolute: Bool
    var segments: [Segment]

    /// Comes to one node at most, by its form (section 2.3.5.1).
    var isSingular: Bool {
        self.segments.allSatisfy { segment in
            switch segment.only {
            case .name, .index: true
            default: false
            }
        }
    }
}

enum Segment: Hashable, Sendable {
    case children([Selector])
    case descendants([Selector])

    /// The one selector of children, if it's one.
    var only: Selector? {
        if case .children(let selectors) = self, selectors.count == 1 { selectors[0] } else { nil }
    }
}

indirect enum Selector: Hashable, Sendable {
    case name(String)
    case wildcard
    case index(Int)
    case slice(start: Int?, end: Int?, step: Int)
    case filter(Condition)
}

/// What a filter asks of a value: section 2.3.5's logical expressions.
indirect enum Condition: Hashable, Sendable {
    case any([Condition])
    case all([Condition])
    case not(Condition)
    case exists(Query)
    case comparison(Operand, Comparison, Operand)
    case matches(Match)
}

enum Comparison: Hashable, Sendable {
    case equal, unequal, less, lessOrEqual, greater, greaterOrEqual
}

/// Section 2.4.1's ValueType: a value, or nothing.
indirect enum Operand: Hashable, Sendable {
    case literal(JSON)
    /// Singular.
    case query(Query)
    case length(Operand)
    case count(Query)
    case value(Query)
}

/// `match` and `search`.
struct Match: Hashable, Sendable {
    var subject: Operand
    var pattern: PatternOperand
    /// `match`: the whole string, rather than a part of it.
    var isWhole: Bool
}

enum PatternOperand: Hashable, Sendable {
    case compiled(LinearRegex)
    /// A literal that is no pattern: it matches nothing.
    case unusable
    case computed(Operand, PatternDialect)
}
