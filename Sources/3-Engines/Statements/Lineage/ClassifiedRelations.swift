/// The tables and views with classified columns, by name.
package struct ClassifiedRelations: Hashable, Sendable {
    struct Relation: Hashable, Sendable {
        /// In their order; empty where they aren't known.
        var columns: [String]
        var classified: Set<String>
        /// A view that calls what isn't PostgreSQL's own.
        var callsForeign = false
    }

    private var relations: [String: [String: Relation]] = [:]
    /// The schemas in which there are relations of a name, classified or not; nil where all are known.
    private var known: [String: Set<String>]?

    package init() {}

    package var isEmpty: Bool { self.relations.isEmpty }

    /// - Parameters:
    ///   - columns: all of the relation, in order.
    ///   - classified: those whose values are masked.
    ///   - callsForeign: it's a view that calls what isn't PostgreSQL's own.
    package mutating func add(
        schema: String, name: String, columns: [String], classified: Set<String>, callsForeign: Bool = false
    ) {
        self.relations[name, default: [:]][schema] = Relation(
            columns: columns, classified: classified, callsForeign: callsForeign)
    }

    /// Whether anything is classified beside what PostgreSQL brings along.
    var hasOwn: Bool {
        self.relations.values.contains { $0.keys.contains { $0 != "pg_catalog" && $0 != "information_schema" } }
    }

    /// Relations that there are. Once some are added, all others count as unknown.
    package mutating func addKnown(_ names: some Sequence<String>, schema: String) {
        var known = self.known.take() ?? [:]
        for name in names { known[name, default: []].insert(schema) }
        self.known = known
    }

    /// Whether there was a relation of this name when the catalogue was read.
    func isKnown(_ name: String, schema: String?) -> Bool {
        guard let known = self.known else { return true }
        guard let schemas = known[name] else { return false }
        return schema.map { schemas.contains($0) } ?? true
    }

    /// Whether a column is classified, whichever relation of the name is meant.
    package func isClassified(_ column: String, of name: String, schema: String?) -> Bool {
        guard let found = self.relations[name] else { return false }
        if let schema { return found[schema]?.classified.contains(column) ?? false }
        let schemas = self.known?[name] ?? Set(found.keys)
        return schemas.allSatisfy { found[$0]?.classified.contains(column) ?? false }
    }

    /// What a name may mean. Without a schema any of that name is meant, whatever the search path says.
    func relation(_ name: String, schema: String?) -> Relation? {
        guard let found = self.relations[name] else { return nil }
        if let schema { return found[schema] }
        guard found.count > 1 else { return found.values.first }
        return Relation(
            columns: [], classified: found.values.reduce(into: []) { $0.formUnion($1.classified) },
            callsForeign: found.values.contains(where: \.callsForeign))
    }
}
