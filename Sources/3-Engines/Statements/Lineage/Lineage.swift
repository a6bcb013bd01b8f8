/// Follows a statement to the classified columns that it reads.
///
/// PostgreSQL says of a result's column which stored column it is, if it's one; of everything that's worked out it says
/// nothing. So that an expression over a classified column is masked as the column is, and so that nobody sorts, joins
/// or filters by what they may not see, names are resolved here, by the rules of PostgreSQL (manual, "Queries"), and
/// where they can't be, the worse is believed.
struct Lineage {
    let relations: ClassifiedRelations
    /// Of what isn't PostgreSQL's own nobody knows what it reads.
    let functions: FunctionCatalogue
    /// Whether what tells of classified values is refused; a view's own conditions are its owner's.
    var isStrict = true
    /// Of one statement: a lineage isn't used for another.
    let memory = LineageMemory()

    /// More deeply nested queries aren't followed.
    static let deepest = 64
    /// PostgreSQL's own bound (MaxTupleAttributeNumber).
    private static let mostColumns = 1664

    // MARK: Queries

    /// - Throws: `predicate_refused` for a condition, an order or a grouping that tells of a classified column.
    func output(
        of query: SyntaxNode, in around: QueryScope, depth: Int = 0
    ) throws(StatementRefusal) -> QueryOutput {
        // A query in a condition is asked for more than once.
        if let known = self.memory.outputs[query.index] { return known }
        guard depth < Self.deepest else { throw .tooDeep }
        var scope = around
        try self.addCommon(query["withClause"], to: &scope, depth)
        var output: QueryOutput
        if let operation = query["op"].string, operation != "SETOP_NONE" {
            output = try self.combined(query, scope, depth)
        } else if query["valuesLists"].exists {
            output = try self.values(query["valuesLists"], scope, depth)
        } else {
            for item in query["fromClause"].elements {
                scope.sources += try self.sources(item, &scope.isMerged, scope, depth)
            }
            try self.check(query["whereClause"], scope, depth)
            output = try self.targets(query["targetList"], scope, depth)
            try self.checkGrouping(query, output, scope, depth)
        }
        guard output.columns.count <= Self.mostColumns else { throw .tooDeep }
        try self.checkOrder(query["sortClause"], output, scope, depth)
        for clause in [query["limitCount"], query["limitOffset"], query["windowClause"]] {
            if try self.isTainted(clause, scope, depth) { try self.refuse("LIMIT, OFFSET or a window") }
        }
        self.memory.outputs[query.index] = output
        return output
    }

    /// What a statement in WITH gives.
    private func shown(
        by kind: String, _ statement: SyntaxNode, in scope: QueryScope, depth: Int
    ) throws(StatementRefusal) -> QueryOutput {
        kind == "SelectStmt"
            ? try self.output(of: statement, in: scope, depth: depth)
            : try self.written(kind, statement, in: scope, depth: depth)
    }

    /// UNION and the like. Chains lean to the left, as long as the text is.
    private func combined(
        _ query: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput {
        var operations: [SyntaxNode] = []
        var first = query
        while let operation = first["op"].string, operation != "SETOP_NONE",
            operations.isEmpty || !Self.hasClauses(first)
        {
            operations.append(first)
            first = first["larg"]
        }
        var output = try self.output(of: first, in: scope, depth: depth + 1)
        for operation in operations.reversed() {
            output = output.merged(try self.output(of: operation["rarg"], in: scope, depth: depth + 1))
            // All but UNION ALL compare rows.
            if !operation["all"].bool || operation["op"].string != "SETOP_UNION" { try self.checkDistinct(output) }
        }
        return output
    }

    /// Whether a set operation in parentheses has clauses of its own, which are looked at where it's one query.
    private static func hasClauses(_ query: SyntaxNode) -> Bool {
        query["withClause"].exists || query["sortClause"].exists || query["limitCount"].exists
            || query["limitOffset"].exists
    }

    func addCommon(_ with: SyntaxNode, to scope: inout QueryScope, _ depth: Int) throws(StatementRefusal) {
        let isRecursive = with["recursive"].bool
        let items = with["ctes"].elements.map { $0.of("CommonTableExpr") }
        if isRecursive {
            // They may speak of themselves and of each other before they're known: then the worse is believed.
            let reads =
                self.readsHidden(with) || scope.common.values.contains(where: \.isTainted)
                || (scope.sources + scope.outer.joined()).contains(where: \.output.isTainted)
            for common in items {
                if let name = common["ctename"].string {
                    scope.common[name] = reads ? .unknown : QueryOutput(isComplete: false)
                }
            }
            guard !reads else {
                for common in items {
                    if let (kind, query) = common["ctequery"].tagged {
                        _ = try self.shown(by: kind, query, in: scope.inner, depth: depth + 1)
                    }
                }
                return
            }
        }
        for common in items {
            guard let name = common["ctename"].string, let (kind, query) = common["ctequery"].tagged else { continue }
            var output = try self.shown(by: kind, query, in: scope.inner, depth: depth + 1)
            if kind == "SelectStmt" {
                if common["search_clause"].exists || common["cycle_clause"].exists {
                    output = output.isTainted ? .unknown : QueryOutput(isComplete: false)
                }
            }
            scope.common[name] = Self.renamed(output, common["aliascolnames"].names)
        }
    }

    private func values(
        _ lists: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput {
        var output: QueryOutput?
        for list in lists.elements {
            var row = QueryOutput()
            for (index, value) in list.of("List")["items"].elements.enumerated() {
                let isTainted = try self.isTainted(value, scope, depth)
                if isTainted { self.memory.pay(forWorkingOut: value) }
                row.columns.append(
                    QueryOutput.Column(name: "column\(index + 1)", isTainted: isTainted, isStored: false))
            }
            output = output?.merged(row) ?? row
        }
        return output ?? QueryOutput()
    }

    func targets(
        _ list: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput {
        var output = QueryOutput()
        for item in list.elements {
            let target = item.of("ResTarget")
            let value = target["val"]
            let reference = value.of("ColumnRef")
            if let last = reference["fields"].elements.last, last.of("A_Star").exists {
                output.append(self.star(reference["fields"].names, scope))
                continue
            }
            if value.of("A_Indirection")["indirection"].elements.contains(where: { $0.of("A_Star").exists }) {
                // As many columns as a row has that isn't known.
                let isTainted = try self.isTainted(value, scope, depth)
                if isTainted { self.memory.pay(forWorkingOut: value) }
                output.append(isTainted ? .unknown : QueryOutput(isComplete: false))
                continue
            }
            let names = reference["fields"].names
            let name = target["name"].string ?? Self.figuredName(value)
            var column = QueryOutput.Column(isTainted: false, isStored: false)
            if reference.exists, let known = self.resolve(names, scope) {
                column = known
            } else {
                column.isTainted = try self.isTainted(value, scope, depth)
                column.isRespelled = self.isRespelled(value, scope)
            }
            if column.isTainted, !column.isStored { self.memory.pay(forWorkingOut: value) }
            column.name = name
            output.columns.append(column)
        }
        return output
    }

    /// `*`, `name.*` or `schema.name.*`
    func star(_ names: [String], _ scope: QueryScope) -> QueryOutput {
        let sources = names.isEmpty ? scope.sources : Self.sources(qualifiedBy: names, scope)
        if sources.isEmpty, !names.isEmpty { return .unknown }
        var output = QueryOutput()
        for source in sources { output.append(source.output) }
        // Columns that USING made one stand first, and in no source's place.
        if scope.isMerged { output.isComplete = false }
        return output
    }

    /// What PostgreSQL calls a column without a name of its own (FigureColname); nil where that's not worked out here: then
    /// any name may be its.
    private static func figuredName(_ value: SyntaxNode) -> String? {
        var value = value
        var typeName: String?
        while let (kind, node) = value.tagged {
            switch kind {
            case "ColumnRef": return node["fields"].names.last
            case "FuncCall": return node["funcname"].names.last
            case "TypeCast":
                // The type's, where what is cast has none.
                typeName = typeName ?? node["typeName"]["names"].names.last
                value = node["arg"]
            case "CollateClause": value = node["arg"]
            case "A_Indirection":
                if let name = node["indirection"].names.last { return name }
                value = node["arg"]
            case "A_Expr" where node["kind"].string == "AEXPR_NULLIF": return nil
            case "A_Const", "A_Expr", "BoolExpr", "NullTest", "BooleanTest", "ParamRef": return typeName ?? "?column?"
            default: return nil
            }
        }
        return nil
    }
}

/// What is found on the way through one statement.
final class LineageMemory {
    /// Answers about classified values: whether one is equal to another, and whether working something out fails.
    var disclosures = 0
    /// Something is worked out from classified values, wherever in the statement, shown or not.
    var worksOut = false
    /// It runs what isn't PostgreSQL's own.
    var callsForeign = false
    /// By the query's place in the tree.
    var outputs: [Int: QueryOutput] = [:]
    private var hasPaid = false

    /// Whether working something out fails is an answer; one for the statement.
    func pay() {
        if !self.hasPaid { self.disclosures += 1 }
        self.hasPaid = true
    }

    /// A query inside may be run or not, as a value decides, and PostgreSQL counts how often it reads a table: each is an
    /// answer.
    func pay(forWorkingOut value: SyntaxNode) {
        self.worksOut = true
        self.pay()
        value.forEachObject(named: "SubLink") { _ in self.disclosures += 1 }
    }
}

extension StatementRefusal {
    /// - Parameter offset: in the text, in bytes.
    static func unknownRelation(_ name: String, at offset: Int) -> StatementRefusal {
        var refusal = StatementRefusal(
            .unknownRelation,
            "relation \"\(name)\" does not exist, or is so new that Glovebox doesn't know it: open another session")
        refusal.offset = offset
        return refusal
    }

    static let tooDeep = StatementRefusal(
        .tooLong, "the statement is larger or nested more deeply than is judged")
}
