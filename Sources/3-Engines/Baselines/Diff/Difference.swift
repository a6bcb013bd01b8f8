/// One thing in which two answers differ, beyond what the rules explain.
package struct Difference: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        /// Another value.
        case changed
        /// Another kind of value: a text for a number, HTML for JSON.
        case kind
        /// At a path whose values differ from answer to answer: it isn't what these still have to be.
        case shape
        case missing
        case added
        /// A member is gone, and one of another name has come with its value.
        case renamed
        /// A list has the same elements in another order.
        case reordered
        case elementMissing = "element-missing"
        case elementAdded = "element-added"
    }

    /// ``AnswerPath``, as it's written.
    package var path: String
    /// ``AnswerPlace``, as it's written.
    package var place: String
    package var kind: Kind
    /// In one short line each; nil where there's nothing.
    package var expected: String?
    package var actual: String?
    /// What isn't as it has to be; of a renamed member the old name.
    package var detail: String?

    package init(
        path: String, place: String, kind: Kind, expected: String? = nil, actual: String? = nil, detail: String? = nil
    ) {
        self.path = path
        self.place = place
        self.kind = kind
        self.expected = expected
        self.actual = actual
        self.detail = detail
    }
}

extension Difference: CustomStringConvertible {
    /// In one line: `$.lines[*].in_stock: renamed from 'available'`.
    package var description: String { "\(self.path): \(self.what)" }

    /// The same without the path.
    package var what: String {
        let (expected, actual) = (self.expected ?? "nothing", self.actual ?? "nothing")
        switch self.kind {
        case .changed: return "\(expected) is expected, \(actual) came"
        case .kind: return "\(expected) is expected, \(actual) came, which is of another kind"
        case .shape: return "\(actual) \(self.detail ?? "isn't what it has to be")"
        case .missing: return "is missing; \(expected) is expected"
        case .added: return "has come, as \(actual)"
        case .renamed: return "renamed from '\(self.detail ?? "")'"
        case .reordered: return "has its elements in another order"
        case .elementMissing: return "an element is missing: \(expected)"
        case .elementAdded: return "an element has come: \(actual)"
        }
    }
}
