/// What the columns of a query carry.
struct QueryOutput {
    struct Column {
        /// Nil where it may be any.
        var name: String?
        /// A value of a classified column, or something worked out from one.
        var isTainted: Bool
        /// It is one stored column itself, nothing worked out.
        var isStored: Bool
        /// It is one stored column in other letters: as much as the column, and no part of it.
        var isRespelled = false
    }

    var columns: [Column] = []
    /// Whether `columns` are all there are, in their order.
    var isComplete = true
    /// Whether those that aren't known are stored ones: it's a table or a view.
    var isRelation = false

    var isTainted: Bool { self.columns.contains(where: \.isTainted) }

    /// Whether it's stored columns and nothing else.
    var isStored: Bool { self.isComplete && !self.columns.isEmpty && self.columns.allSatisfy(\.isStored) }

    static let unknown = QueryOutput(columns: [Column(isTainted: true, isStored: false)], isComplete: false)

    /// The columns of `other` come after these.
    mutating func append(_ other: QueryOutput) {
        self.columns += other.columns
        self.isComplete = self.isComplete && other.isComplete
    }

    /// The rows of both, one under the other.
    func merged(_ other: QueryOutput) -> QueryOutput {
        guard self.isComplete, other.isComplete, self.columns.count == other.columns.count else {
            let all = self.columns + other.columns
            return all.contains(where: \.isTainted) ? .unknown : QueryOutput(isComplete: false)
        }
        var merged = self
        for (index, column) in other.columns.enumerated() {
            merged.columns[index].isTainted = merged.columns[index].isTainted || column.isTainted
            merged.columns[index].isStored = false
        }
        return merged
    }
}

/// What stands in a FROM clause under one name.
struct QuerySource {
    /// How its columns are qualified.
    var name: String
    /// Of a relation that has no alias.
    var schema: String?
    var isAliased = true
    var output: QueryOutput

    /// What `name.column` may carry; nil if it surely has no such column.
    func column(_ name: String) -> QueryOutput.Column? {
        var found: QueryOutput.Column?
        for column in self.output.columns where column.name == name || column.name == nil {
            found = QueryOutput.Column(
                name: name, isTainted: (found?.isTainted ?? false) || column.isTainted,
                isStored: (found?.isStored ?? true) && column.isStored)
        }
        if found == nil, !self.output.isComplete {
            return QueryOutput.Column(
                name: name, isTainted: self.output.isTainted && !self.output.isRelation,
                isStored: self.output.isRelation)
        }
        return found
    }
}

/// Names that a query sees.
struct QueryScope {
    var sources: [QuerySource] = []
    var common: [String: QueryOutput] = [:]
    /// Of the queries around it, the nearest first.
    var outer: [[QuerySource]] = []
    /// USING or NATURAL has made columns one.
    var isMerged = false

    /// For a query inside this one.
    var inner: QueryScope { QueryScope(common: self.common, outer: [self.sources] + self.outer) }
}
