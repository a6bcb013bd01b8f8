/// The members of an object in the order in which they're written, one of the same name twice where that was allowed.
package struct JSONObject: Sendable {
    package struct Member: Hashable, Sendable {
        package var name: String
        package var value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }

        package static func == (a: Self, b: Self) -> Bool { a.name.isSame(as: b.name) && a.value == b.value }

        package func hash(into hasher: inout Hasher) {
            self.name.hashScalars(into: &hasher)
            self.value.hash(into: &hasher)
        }
    }

    package var members: [Member]

    package init(_ members: [Member] = []) {
        self.members = members
    }

    /// The value of this name; of several the last, as most readers of JSON take it.
    package subscript(_ name: String) -> JSON? {
        self.members.last { $0.name.isSame(as: name) }?.value
    }

    /// The names that are there more than once, each once, in order.
    package var repeatedNames: [String] {
        var (seen, repeated): (Set<ScalarText>, Set<ScalarText>) = ([], [])
        return self.members.map { ScalarText($0.name) }
            .filter { !seen.insert($0).inserted && repeated.insert($0).inserted }.map(\.text)
    }

    /// Members by name; those of one name stay in order.
    package var sortedMembers: [Member] {
        self.members.enumerated().sorted { a, b in
            if a.element.name.isSame(as: b.element.name) { return a.offset < b.offset }
            return a.element.name.unicodeScalars.lexicographicallyPrecedes(b.element.name.unicodeScalars)
        }.map(\.element)
    }
}

extension JSONObject: Hashable {
    /// The order of names doesn't count; that of several values of one name does.
    package static func == (a: Self, b: Self) -> Bool {
        guard a.members.count == b.members.count else { return false }
        // Mostly they're in the same order, and sorting is what costs.
        if zip(a.members, b.members).allSatisfy({ $0.name.isSame(as: $1.name) }) { return a.members == b.members }
        return a.sortedMembers == b.sortedMembers
    }

    package func hash(into hasher: inout Hasher) {
        // Sums don't depend on the order.
        hasher.combine(self.members.reduce(0) { $0 &+ $1.hashValue })
    }
}

extension String {
    /// Whether both are the same scalars. Swift's own `==` takes a letter with an accent for the same letter followed by the
    /// accent, which JSON and JSONPath don't.
    package func isSame(as other: String) -> Bool {
        self.utf8.count == other.utf8.count && self.utf8.elementsEqual(other.utf8)
    }

    func hashScalars(into hasher: inout Hasher) {
        for byte in self.utf8 { hasher.combine(byte) }
        hasher.combine(0xFF as UInt8)
    }
}

/// A string that is equal to itself alone: see ``Swift/String/isSame(as:)``.
struct ScalarText: Hashable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (a: Self, b: Self) -> Bool { a.text.isSame(as: b.text) }

    func hash(into hasher: inout Hasher) { self.text.hashScalars(into: &hasher) }
}
