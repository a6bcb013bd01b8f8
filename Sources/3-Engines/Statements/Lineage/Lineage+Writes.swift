/// Where statements that write put what they read: a classified value may go to a classified column, where it stays
/// masked, and to no other place.
extension Lineage {
    /// - Parameter kind: `InsertStmt`, `UpdateStmt`, `DeleteStmt` or `MergeStmt`.
    /// - Returns: what its RETURNING shows.
    /// - Throws: `copies_classified`; `predicate_refused` as for a query.
    func written(
        _ kind: String, _ statement: SyntaxNode, in around: QueryScope, depth: Int = 0
    ) throws(StatementRefusal) -> QueryOutput {
        if let known = self.memory.outputs[statement.index] { return known }
        guard depth < Self.deepest else { throw .tooDeep }
        var scope = around
        try self.addCommon(statement["withClause"], to: &scope, depth)
        let relation = statement["relation"]
        let place = WrittenPlace(
            schema: relation["schemaname"].string, name: relation["relname"].string ?? "", relations: self.relations)
        // What is written to is never a common table expression.
        let target = try self.source(table: relation, QueryScope())
        var inside = scope
        inside.sources = [target]
        switch kind {
        case "InsertStmt":
            try self.insert(statement, place, scope, depth)
            try self.resolveConflict(statement, place, inside, depth)
        case "MergeStmt": try self.merge(statement, place, &inside, depth)
        default:
            for item in statement["fromClause"].elements + statement["usingClause"].elements {
                inside.sources += try self.sources(item, &inside.isMerged, inside, depth)
            }
            try self.check(statement["whereClause"], inside, depth)
            try self.assign(statement["targetList"], place, inside, depth)
        }
        let output = try self.targets(statement["returningList"], inside, depth)
        self.memory.outputs[statement.index] = output
        return output
    }

    private func insert(
        _ statement: SyntaxNode, _ place: WrittenPlace, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        guard let (_, query) = statement["selectStmt"].tagged else { return }
        let output = try self.output(of: query, in: scope, depth: depth + 1)
        guard output.isTainted else { return }
        let named = statement["cols"].elements.compactMap { $0.of("ResTarget")["name"].string }
        let columns = named.isEmpty ? place.columns : named
        guard output.isComplete, output.columns.count <= columns.count else { throw .copy(place, nil) }
        for (column, name) in zip(output.columns, columns) where column.isTainted {
            try self.put(into: name, place, isStored: column.isStored, isRespelled: column.isRespelled)
        }
    }

    /// Which rows are there already, by columns that may be classified, is an answer for each row.
    private func resolveConflict(
        _ statement: SyntaxNode, _ place: WrittenPlace, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        let clause = statement["onConflictClause"]
        guard clause.exists else { return }
        let elements = clause["infer"]["indexElems"].elements
        let names = elements.compactMap { $0.of("IndexElem")["name"].string }
        let isPlain = !names.isEmpty && names.count == elements.count && !names.contains(where: place.mayBeClassified)
        if !isPlain, place.hasClassified {
            guard let (_, query) = statement["selectStmt"].tagged, query["valuesLists"].exists else {
                return try self.refuse("ON CONFLICT over what may be a classified column")
            }
            self.memory.disclosures += max(1, query["valuesLists"].elements.count)
        }
        var inside = scope
        inside.sources.append(QuerySource(name: "excluded", output: scope.sources.first?.output ?? .unknown))
        try self.check(clause["infer"]["whereClause"], inside, depth)
        try self.check(clause["whereClause"], inside, depth)
        try self.assign(clause["targetList"], place, inside, depth)
    }

    private func merge(
        _ statement: SyntaxNode, _ place: WrittenPlace, _ scope: inout QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        scope.sources += try self.sources(statement["sourceRelation"], &scope.isMerged, scope, depth)
        try self.check(statement["joinCondition"], scope, depth)
        for item in statement["mergeWhenClauses"].elements {
            let clause = item.of("MergeWhenClause")
            try self.check(clause["condition"], scope, depth)
            let values = clause["values"].elements
            guard !values.isEmpty else {
                try self.assign(clause["targetList"], place, scope, depth)
                continue
            }
            let named = clause["targetList"].elements.compactMap { $0.of("ResTarget")["name"].string }
            let columns = named.isEmpty ? place.columns : named
            for (index, value) in values.enumerated() where try self.isTainted(value, scope, depth) {
                guard index < columns.count else { throw .copy(place, nil) }
                try self.put(
                    into: columns[index], place, isStored: self.isMoved(value, scope, depth),
                    isRespelled: self.isRespelled(value, scope))
            }
        }
    }

    /// `SET a = …, (b, c) = (…)`
    private func assign(
        _ list: SyntaxNode, _ place: WrittenPlace, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        for item in list.elements {
            let target = item.of("ResTarget")
            guard try self.isTainted(target["val"], scope, depth) else { continue }
            try self.put(
                into: target["name"].string ?? "", place, isStored: self.isMoved(target["val"], scope, depth),
                isRespelled: self.isRespelled(target["val"], scope))
        }
    }

    /// Whether it's a stored column as it is, its own row's or one that's asked for.
    private func isMoved(
        _ value: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> Bool {
        if self.isStored(value, scope) { return true }
        let asked = value.of("SubLink")
        guard asked["subLinkType"].string == "EXPR_SUBLINK", let (kind, query) = asked["subselect"].tagged,
            kind == "SelectStmt"
        else { return false }
        return try self.output(of: query, in: scope.inner, depth: depth + 1).isStored
    }

    /// Whether it's a stored column in other letters: `lower(email)`, `trim(email)`.
    func isRespelled(_ value: SyntaxNode, _ scope: QueryScope) -> Bool {
        let call = value.of("FuncCall")
        let (names, arguments) = (call["funcname"].names, call["args"].elements)
        guard let name = names.last, Self.respelling.contains(name), names.count == 1 || names.first == "pg_catalog",
            arguments.count == 1, !self.functions.isOwn(name)
        else { return false }
        return self.isStored(arguments[0], scope)
    }

    private static let respelling: Set<String> = ["lower", "upper", "initcap", "btrim", "ltrim", "rtrim"]

    /// What is worked out stays where it was masked, but of what is stored it's seen later whether it's NULL, and equal to
    /// another: a part of a value, in one place or as NULL in another, would be told so.
    private func put(
        into column: String, _ place: WrittenPlace, isStored: Bool, isRespelled: Bool
    ) throws(StatementRefusal) {
        guard place.isClassified(column) else { throw .copy(place, column) }
        guard !isStored else { return }
        guard isRespelled else { throw .workedOut(place, column) }
        self.memory.pay()
    }
}

/// A relation that is written to.
struct WrittenPlace {
    var schema: String?
    var name: String
    let relations: ClassifiedRelations

    private var relation: ClassifiedRelations.Relation? { self.relations.relation(self.name, schema: self.schema) }
    /// In their order; none where they aren't known.
    var columns: [String] { self.relation?.columns ?? [] }
    var hasClassified: Bool { self.relation != nil }
    func mayBeClassified(_ column: String) -> Bool { self.relation?.classified.contains(column) ?? false }
    func isClassified(_ column: String) -> Bool {
        self.relations.isClassified(column, of: self.name, schema: self.schema)
    }
}

extension StatementRefusal {
    fileprivate static func workedOut(_ place: WrittenPlace, _ column: String) -> StatementRefusal {
        StatementRefusal(
            .copy,
            "this would store what is worked out from a classified column in \(place.name).\(column), where it may be compared: write a value that you name, or a column as it is, or its lower, upper or trim"
        )
    }

    fileprivate static func copy(_ place: WrittenPlace, _ column: String?) -> StatementRefusal {
        let name = place.schema.map { "\($0).\(place.name)" } ?? place.name
        return StatementRefusal(
            .copy,
            "this would copy a classified column's value to \(name)\(column.map { ".\($0)" } ?? ""), where it isn't classified: write a value that you name, or classify that column"
        )
    }
}
