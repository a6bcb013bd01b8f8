import GloveboxCore
import JSONDocument
import LinearRegex

/// One evaluation of a query: what it has cost counts over all of its parts.
struct JSONPathRun {
    struct Node {
        var value: JSON
        /// Nil at the root, and where nobody asks for places.
        var place: Place?
    }

    private let root: JSON
    private let limits: JSONPathLimits
    private var stepsLeft: Int
    /// The last pattern that came from the document, since mostly it's the same for all that a filter looks at.
    private var computed: (text: String, dialect: PatternDialect, isWhole: Bool, pattern: LinearRegex?)?

    init(root: JSON, limits: JSONPathLimits) {
        self.root = root
        self.limits = limits
        self.stepsLeft = limits.mostSteps
    }

    private mutating func charge(_ steps: Int) throws(GloveboxError) {
        self.stepsLeft -= steps
        guard self.stepsLeft >= 0 else { throw self.tooMuch }
    }

    private var tooMuch: GloveboxError {
        GloveboxError(
            .jsonPathTooLarge,
            "the query costs more than \(self.limits.mostSteps) steps: ask for less of the document")
    }

    // MARK: - Nodes

    mutating func nodes(of query: Query, from current: JSON, tracksPlaces: Bool) throws(GloveboxError) -> [Node] {
        var nodes = [Node(value: query.isAbsolute ? self.root : current, place: nil)]
        for segment in query.segments {
            var next: [Node] = []
            for node in nodes {
                switch segment {
                case .children(let selectors):
                    try self.select(selectors, of: node, into: &next, tracksPlaces)
                case .descendants(let selectors):
                    // Each value before what's in it; a stack of our own, whatever the document's depth.
                    var waiting = [node]
                    while let node = waiting.popLast() {
                        try self.select(selectors, of: node, into: &next, tracksPlaces)
                        let start = waiting.count
                        try self.select([.wildcard], of: node, into: &waiting, tracksPlaces)
                        waiting[start...].reverse()
                    }
                }
            }
            nodes = next
            if nodes.isEmpty { break }
        }
        return nodes
    }

    private mutating func select(
        _ selectors: [Selector], of node: Node, into nodes: inout [Node], _ tracksPlaces: Bool
    ) throws(GloveboxError) {
        func place(_ step: @autoclosure () -> NormalizedPath.Step) -> Place? {
            tracksPlaces ? Place(node.place, step()) : nil
        }
        for selector in selectors {
            try self.charge(1)
            switch (selector, node.value) {
            case (.name(let name), .object(let object)):
                try self.charge(object.members.count)
                if let value = object[name] { nodes.append(Node(value: value, place: place(.name(name)))) }
            case (.index(let index), .array(let elements)):
                let index = index < 0 ? elements.count + index : index
                if elements.indices.contains(index) {
                    nodes.append(Node(value: elements[index], place: place(.index(index))))
                }
            case (.slice(let start, let end, let step), .array(let elements)):
                for index in Self.places(in: elements.count, from: start, to: end, by: step) {
                    try self.charge(1)
                    nodes.append(Node(value: elements[index], place: place(.index(index))))
                }
            case (.wildcard, .array(let elements)):
                try self.charge(elements.count)
                for (index, value) in elements.enumerated() {
                    nodes.append(Node(value: value, place: place(.index(index))))
                }
            case (.wildcard, .object(let object)):
                try self.charge(object.members.count)
                for member in object.members {
                    nodes.append(Node(value: member.value, place: place(.name(member.name))))
                }
            case (.filter(let condition), .array(let elements)):
                for (index, value) in elements.enumerated() where try self.holds(condition, for: value) {
                    nodes.append(Node(value: value, place: place(.index(index))))
                }
            case (.filter(let condition), .object(let object)):
                for member in object.members where try self.holds(condition, for: member.value) {
                    nodes.append(Node(value: member.value, place: place(.name(member.name))))
                }
            case (.name, _), (.index, _), (.slice, _), (.wildcard, _), (.filter, _): break
            }
            guard nodes.count <= self.limits.mostNodes else {
                throw GloveboxError(
                    .jsonPathTooLarge,
                    "the query comes to more than \(self.limits.mostNodes) nodes: ask for less of the document"
                )
            }
        }
    }

    /// Section 2.3.4.2.2.
    private static func places(in count: Int, from start: Int?, to end: Int?, by step: Int) -> StrideTo<Int> {
        func bounded(_ place: Int, _ range: ClosedRange<Int>) -> Int {
            let place = place < 0 ? count + place : place
            return min(max(place, range.lowerBound), range.upperBound)
        }
        guard step != 0, count > 0 else { return stride(from: 0, to: 0, by: 1) }
        if step > 0 {
            return stride(
                from: start.map { bounded($0, 0...count) } ?? 0,
                to: end.map { bounded($0, 0...count) } ?? count,
                by: step)
        }
        return stride(
            from: start.map { bounded($0, -1...count - 1) } ?? count - 1,
            to: end.map { bounded($0, -1...count - 1) } ?? -1, by: step)
    }

    // MARK: - Conditions

    private mutating func holds(_ condition: Condition, for current: JSON) throws(GloveboxError) -> Bool {
        try self.charge(1)
        switch condition {
        case .any(let options):
            for option in options where try self.holds(option, for: current) { return true }
            return false
        case .all(let terms):
            for term in terms where try !self.holds(term, for: current) { return false }
            return true
        case .not(let condition): return try !self.holds(condition, for: current)
        case .exists(let query):
            return try !self.nodes(of: query, from: current, tracksPlaces: false).isEmpty
        case .comparison(let left, let comparison, let right):
            let left = try self.value(of: left, for: current)
            let right = try self.value(of: right, for: current)
            switch comparison {
            case .equal: return try self.isEqual(left, right)
            case .unequal: return try !self.isEqual(left, right)
            case .less: return try self.isLess(left, right)
            case .greater: return try self.isLess(right, left)
            case .lessOrEqual:
                guard try !self.isLess(left, right) else { return true }
                return try self.isEqual(left, right)
            case .greaterOrEqual:
                guard try !self.isLess(right, left) else { return true }
                return try self.isEqual(left, right)
            }
        case .matches(let match):
            guard case .string(let subject)? = try self.value(of: match.subject, for: current) else {
                return false
            }
            let pattern: LinearRegex
            switch match.pattern {
            case .unusable: return false
            case .compiled(let compiled): pattern = compiled
            case .computed(let operand, let dialect):
                guard case .string(let text)? = try self.value(of: operand, for: current),
                    let compiled = try self.pattern(text, dialect, wholly: match.isWhole)
                else { return false }
                pattern = compiled
            }
            do throws(LinearRegexError) {
                return try pattern.matches(subject, steps: &self.stepsLeft)
            } catch {
                throw self.tooMuch
            }
        }
    }

    private mutating func pattern(
        _ text: String, _ dialect: PatternDialect, wholly: Bool
    ) throws(GloveboxError) -> LinearRegex? {
        if let computed = self.computed, computed.text.isSame(as: text), computed.dialect == dialect,
            computed.isWhole == wholly
        {
            return computed.pattern
        }
        try self.charge(text.utf8.count)
        let pattern: LinearRegex?
        do throws(LinearRegexError) {
            pattern = try dialect.regex(text, wholly: wholly)
        } catch {
            guard error.code == .invalid else {
                throw GloveboxError(
                    .jsonPathTooLarge, "a pattern that comes from the document is too large")
            }
            pattern = nil
        }
        self.computed = (text, dialect, wholly, pattern)
        return pattern
    }

    // MARK: - Values

    /// Nil for RFC 9535's Nothing.
    private mutating func value(of operand: Operand, for current: JSON) throws(GloveboxError) -> JSON? {
        switch operand {
        case .literal(let value): return value
        case .query(let query):
            return try self.nodes(of: query, from: current, tracksPlaces: false).first?.value
        case .length(let operand):
            switch try self.value(of: operand, for: current) {
            case .string(let text)?:
                try self.charge(text.utf8.count >> 6)
                return .number(JSONNumber(text.unicodeScalars.count))
            case .array(let elements)?: return .number(JSONNumber(elements.count))
            case .object(let object)?: return .number(JSONNumber(object.members.count))
            case .null?, .bool?, .number?, nil: return nil
            }
        case .count(let query):
            return .number(
                JSONNumber(try self.nodes(of: query, from: current, tracksPlaces: false).count))
        case .value(let query):
            let nodes = try self.nodes(of: query, from: current, tracksPlaces: false)
            return nodes.count == 1 ? nodes[0].value : nil
        }
    }

    /// Section 2.3.5.2.2: two that are nothing are equal.
    private mutating func isEqual(_ a: JSON?, _ b: JSON?) throws(GloveboxError) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        try self.charge(a, b)
        return a == b
    }

    /// Numbers, and strings scalar by scalar; nothing else is in an order.
    private mutating func isLess(_ a: JSON?, _ b: JSON?) throws(GloveboxError) -> Bool {
        switch (a, b) {
        case (.number(let a)?, .number(let b)?): return a < b
        case (.string(let a)?, .string(let b)?):
            try self.charge(min(a.utf8.count, b.utf8.count) >> 6)
            // UTF-8's order is that of its scalars.
            return a.utf8.lexicographicallyPrecedes(b.utf8)
        default: return false
        }
    }

    /// For a comparison of both: as far as they're alike in form, all of `a` may be looked at.
    private mutating func charge(_ a: JSON, _ b: JSON) throws(GloveboxError) {
        switch (a, b) {
        case (.string(let a), .string(let b)) where a.utf8.count == b.utf8.count:
            try self.charge(a.utf8.count >> 6)
        case (.number(let a), .number(let b)):
            try self.charge((a.text.utf8.count + b.text.utf8.count) >> 6)
        case (.array(let a), .array(let b)) where a.count == b.count:
            try self.charge(a.count)
            for (a, b) in zip(a, b) { try self.charge(a, b) }
        case (.object(let a), .object(let b)) where a.members.count == b.members.count:
            try self.charge(a.members.count)
            for member in a.members { try self.charge(member.value, member.value) }
        default: break
        }
    }
}
