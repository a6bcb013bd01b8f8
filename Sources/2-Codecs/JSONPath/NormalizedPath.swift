package import JSONDocument

/// Where one node is: RFC 9535's normalized path, such as `$['orders'][0]['total']`.
package struct NormalizedPath: Hashable, Sendable, CustomStringConvertible {
    package enum Step: Sendable {
        case name(String)
        case index(Int)
    }

    /// From the root on.
    package var steps: [Step]

    package init(_ steps: [Step] = []) {
        self.steps = steps
    }

    init(_ place: Place?) {
        var steps: [Step] = []
        var next = place
        while let place = next {
            steps.append(place.step)
            next = place.parent
        }
        self.steps = steps.reversed()
    }

    /// The one path that `query` names; nil if it selects anything else than names and places from the start.
    package init?(_ query: JSONPathQuery) {
        var steps: [Step] = []
        for segment in query.query.segments {
            switch segment.only {
            case .name(let name): steps.append(.name(name))
            case .index(let index) where index >= 0: steps.append(.index(index))
            default: return nil
            }
        }
        self.steps = steps
    }

    package func appending(_ step: Step) -> Self { Self(self.steps + [step]) }

    /// What's there in `root`.
    package func value(in root: JSON) -> JSON? {
        var value = root
        for step in self.steps {
            let next: JSON? =
                switch step {
                case .name(let name): value[name]
                case .index(let index): value[index]
                }
            guard let next else { return nil }
            value = next
        }
        return value
    }

    /// By RFC 9535, section 2.7: each node has one such text.
    package var description: String {
        var text = "$"
        for step in self.steps {
            switch step {
            case .index(let index): text += "[\(index)]"
            case .name(let name):
                text += "['\(Self.escaped(name))']"
            }
        }
        return text
    }

    /// A member's name as it stands in single quotes (RFC 9535, section 2.7).
    package static func escaped(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars { self.write(scalar, to: &text) }
        return text
    }

    private static func write(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "'": text += "\\'"
        case "\\": text += "\\\\"
        case "\u{8}": text += "\\b"
        case "\t": text += "\\t"
        case "\n": text += "\\n"
        case "\u{C}": text += "\\f"
        case "\r": text += "\\r"
        case ..<" ":
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: text.unicodeScalars.append(scalar)
        }
    }
}

extension NormalizedPath.Step: Hashable {
    package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.name(let a), .name(let b)): a.isSame(as: b)
        case (.index(let a), .index(let b)): a == b
        case (.name, _), (.index, _): false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .name(let name): hasher.combine(name)
        case .index(let index): hasher.combine(index)
        }
    }
}

/// Where a node is, shared with those above and beside it while a query runs.
final class Place: Sendable {
    let parent: Place?
    let step: NormalizedPath.Step

    init(_ parent: Place?, _ step: NormalizedPath.Step) {
        self.parent = parent
        self.step = step
    }
}
