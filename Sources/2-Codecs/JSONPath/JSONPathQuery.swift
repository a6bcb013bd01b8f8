package import GloveboxCore
package import JSONDocument

/// Whose reading of JSONPath is asked for.
package enum JSONPathDialect: Hashable, Sendable {
    /// RFC 9535, its patterns by RFC 9485. A pattern that isn't one matches nothing.
    case rfc9535
    /// The same as Hurl 8 has it, whose patterns are those of Rust's `regex`: with `\d`, `\w`, `(?i)` and more, and a literal
    /// pattern that isn't one is a fault of the query.
    case hurl
}

/// How much a query may cost, however it's written and whatever it's asked of.
package struct JSONPathLimits: Hashable, Sendable {
    /// Nodes that a segment may come to.
    package var mostNodes: Int
    /// Values looked at, and scalars of strings tried against the states of a pattern.
    package var mostSteps: Int

    package init(mostNodes: Int = 1_000_000, mostSteps: Int = 20_000_000) {
        self.mostNodes = mostNodes
        self.mostSteps = mostSteps
    }
}

/// One node that a query came to: a value and where it is.
package struct JSONPathNode: Hashable, Sendable {
    package let value: JSON
    package let location: NormalizedPath
}

/// A query over JSON by RFC 9535: all of its selectors, filters and functions, checked for types when it's read.
///
/// Of an object's members, a query comes to all in order; of several of one name, a name selects the last.
package struct JSONPathQuery: Sendable {
    /// Bytes that a query may have, and levels of brackets in each other.
    package static let longest = 65_536
    package static let deepest = 64

    /// As it was written.
    package let text: String
    let query: Query

    /// - Throws: `jsonpath_invalid` with the place, `jsonpath_too_large`.
    package init(_ text: String, dialect: JSONPathDialect = .rfc9535) throws(JSONFault) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.longest else {
            throw JSONFault(
                .jsonPathTooLarge, line: 1, column: 1,
                "the query has \(bytes.count) bytes, of which \(Self.longest) may be read")
        }
        var parser = JSONPathParser(bytes, dialect)
        self.text = text
        self.query = try parser.document()
    }

    /// Whether it comes to one node at most, whatever it's asked of: RFC 9535's singular query, others' definite path.
    package var isSingular: Bool { self.query.isSingular }

    /// The nodes that it comes to, in order, one twice if it's selected twice.
    /// - Throws: `jsonpath_too_large` when it costs more than `limits`.
    package func nodes(
        in root: JSON, _ limits: JSONPathLimits = JSONPathLimits()
    ) throws(GloveboxError) -> [JSONPathNode] {
        var run = JSONPathRun(root: root, limits: limits)
        return try run.nodes(of: self.query, from: root, tracksPlaces: true).map {
            JSONPathNode(value: $0.value, location: NormalizedPath($0.place))
        }
    }

    /// The values of ``nodes(in:_:)``.
    package func values(
        in root: JSON, _ limits: JSONPathLimits = JSONPathLimits()
    )
        throws(GloveboxError) -> [JSON]
    {
        var run = JSONPathRun(root: root, limits: limits)
        return try run.nodes(of: self.query, from: root, tracksPlaces: false).map(\.value)
    }

    /// What Hurl's `jsonpath` gives: nothing for no node (then `exists` doesn't hold, and a filter has no input), the value
    /// itself for one, an array of them for several. That's by how many there are in this document: whether the query could
    /// have come to several doesn't count (hurl 8.0). An array that's one node is thus the array, not a list with it.
    ///
    /// - Parameter coerces: `false` for what Hurl's `no-jsonpath-coercion` gives: an array of all nodes, always.
    /// - Throws: `jsonpath_too_large`.
    package func hurlValue(
        in root: JSON, coerces: Bool = true, _ limits: JSONPathLimits = JSONPathLimits()
    ) throws(GloveboxError) -> JSON? {
        let values = try self.values(in: root, limits)
        guard coerces else { return .array(values) }
        return values.count > 1 ? .array(values) : values.first
    }
}

extension JSONPathQuery: Hashable, CustomStringConvertible {
    package static func == (a: Self, b: Self) -> Bool {
        a.text.isSame(as: b.text) && a.query == b.query
    }
    package func hash(into hasher: inout Hasher) { self.text.hash(into: &hasher) }
    package var description: String { self.text }
}

extension GloveboxError.Code {
    /// A text isn't a query by RFC 9535.
    package static let jsonPathInvalid = Self("jsonpath_invalid")
    /// A query is too long or too deep, or costs more than it may.
    package static let jsonPathTooLarge = Self("jsonpath_too_large")
}
