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

    private func readsHidden(_ node: SyntaxNode) -> Bool {
        var found = false
        node.forEachObject(named: "RangeVar") { range in
            let relation = self.relations.relation(range["relname"].string ?? "", schema: range["schemaname"].string)
            found = found || relation != nil
        }
        for kind in ["FuncCall", "TypeCast", "A_Expr"] {
            node.forEachObject(named: kind) { found = found || self.callsForeign(kind, $0) }
        }
        return found
    }

    /// Whether a node may run what isn't PostgreSQL's own: nobody knows what that reads.
    private func callsForeign(_ kind: String, _ node: SyntaxNode) -> Bool {
        switch kind {
        case "FuncCall":
            let names = node["funcname"].names
            guard let name = names.last else { return false }
            return self.functions.isForeign(name, schema: names.count > 1 ? names[names.count - 2] : nil)
                || self.functions.isForeign(type: name)
        case "TypeCast": return self.functions.isForeign(type: node["typeName"]["names"].names.last ?? "")
        case "A_Expr": return self.functions.isForeign(operator: node["name"].names.last ?? "")
        default: return false
        }
    }

    private func values(
        _ lists: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput {
        var output: QueryOutput?
        for list in lists.elements {
            var row = QueryOutput()
            for (index, value) in list.of("List")["items"].elements.enumerated() {
                row.columns.append(
                    QueryOutput.Column(
                        name: "column\(index + 1)", isTainted: try self.isTainted(value, scope, depth), isStored: false)
                )
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
                output.append(isTainted ? .unknown : QueryOutput(isComplete: false))
                continue
            }
            let names = reference["fields"].names
            let name = target["name"].string ?? Self.figuredName(value)
            if reference.exists, let column = self.resolve(names, scope) {
                output.columns.append(
                    QueryOutput.Column(name: name, isTainted: column.isTainted, isStored: column.isStored))
            } else {
                output.columns.append(
                    QueryOutput.Column(
                        name: name, isTainted: try self.isTainted(value, scope, depth), isStored: false,
                        isRespelled: self.isRespelled(value, scope)))
            }
        }
        return output
    }

    /// `*`, `name.*` or `schema.name.*`
    private func star(_ names: [String], _ scope: QueryScope) -> QueryOutput {
        let sources = names.isEmpty ? scope.sources : Self.sources(qualifiedBy: names, scope)
        if sources.isEmpty, !names.isEmpty { return .unknown }
        var output = QueryOutput()
        for source in sources { output.append(source.output) }
        // Columns that USING made one stand first, and in no source's place.
        if scope.isMerged { output.isComplete = false }
        return output
    }

    /// What PostgreSQL calls a column without a name of its own (FigureColname), where that's simple; another name is no
    /// column's.
    private static func figuredName(_ value: SyntaxNode) -> String {
        var value = value
        while value.of("TypeCast").exists {
            let cast = value.of("TypeCast")
            if !cast["arg"].of("ColumnRef").exists, !cast["arg"].of("FuncCall").exists,
                !cast["arg"].of("TypeCast").exists
            {
                return cast["typeName"]["names"].names.last ?? "?column?"
            }
            value = cast["arg"]
        }
        if let name = value.of("ColumnRef")["fields"].names.last { return name }
        return value.of("FuncCall")["funcname"].names.last ?? "?column?"
    }

    // MARK: FROM

    /// - Parameter isMerged: set where USING or NATURAL makes columns one.
    func sources(
        _ item: SyntaxNode, _ isMerged: inout Bool, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> [QuerySource] {
        guard depth < Self.deepest, let (kind, node) = item.tagged else {
            throw .tooDeep
        }
        switch kind {
        case "RangeVar": return [try self.source(table: node, scope)]
        case "RangeSubselect":
            guard let (kind, query) = node["subquery"].tagged, kind == "SelectStmt" else { break }
            let output = try self.output(of: query, in: scope.inner, depth: depth + 1)
            return [Self.source(output, node["alias"])]
        case "JoinExpr": return try self.join(node, &isMerged, scope, depth)
        case "RangeTableSample":
            for part in [node["args"], node["repeatable"]] where try self.isTainted(part, scope, depth) {
                try self.refuse("TABLESAMPLE")
            }
            return try self.sources(node["relation"], &isMerged, scope, depth + 1)
        case "RangeFunction", "RangeTableFunc":
            let functions = kind == "RangeFunction" ? node["functions"] : node
            if let options = try self.options(node, scope, depth) { return [Self.source(options, node["alias"])] }
            // How many rows come tells of the value.
            if try self.isTainted(functions, scope, depth) {
                try self.refuse("a function in FROM")
                return [Self.source(.unknown, node["alias"])]
            }
            return [Self.source(QueryOutput(isComplete: false), node["alias"])]
        default: break
        }
        return [QuerySource(name: "", output: .unknown)]
    }

    /// `pg_options_to_table(column)` alone: psql and pg_dump lay out the options of foreign servers and user mappings with
    /// it. Which options are set, and how many, isn't what is classified; their values are.
    private func options(
        _ range: SyntaxNode, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput? {
        let functions = range["functions"].elements
        guard functions.count == 1, !range["ordinality"].bool, !range["coldeflist"].exists,
            let call = functions[0].of("List")["items"].elements.first?.of("FuncCall")
        else { return nil }
        let (names, arguments) = (call["funcname"].names, call["args"].elements)
        guard names.last == "pg_options_to_table",
            !self.functions.isForeign("pg_options_to_table", schema: names.count > 1 ? names[names.count - 2] : nil),
            arguments.count == 1, self.isStored(arguments[0], scope)
        else { return nil }
        let isTainted = try self.isTainted(arguments[0], scope, depth)
        return QueryOutput(columns: [
            QueryOutput.Column(name: "option_name", isTainted: false, isStored: false),
            QueryOutput.Column(name: "option_value", isTainted: isTainted, isStored: false),
        ])
    }

    func source(table: SyntaxNode, _ scope: QueryScope) throws(StatementRefusal) -> QuerySource {
        let (name, schema) = (table["relname"].string ?? "", table["schemaname"].string)
        let alias = table["alias"]
        if schema == nil, let common = scope.common[name] {
            var source = Self.source(common, alias)
            if !alias.exists { source.name = name }
            return source
        }
        var output = QueryOutput(isComplete: false, isRelation: true)
        if !self.relations.isKnown(name, schema: schema) {
            // It may be a view, made a moment ago, of anything.
            guard !self.isStrict else {
                throw .unknownRelation(schema.map { "\($0).\(name)" } ?? name, at: table["location"].int ?? 0)
            }
            output = .unknown
        }
        if let relation = self.relations.relation(name, schema: schema) {
            output.isComplete = !relation.columns.isEmpty
            if relation.callsForeign { self.memory.callsForeign = true }
            let columns = relation.columns.isEmpty ? Array(relation.classified) : relation.columns
            output.columns = columns.map {
                QueryOutput.Column(name: $0, isTainted: relation.classified.contains($0), isStored: true)
            }
        }
        var source = Self.source(output, alias)
        if !alias.exists {
            source.name = name
            source.schema = schema
            source.isAliased = false
        }
        return source
    }

    private static func source(_ output: QueryOutput, _ alias: SyntaxNode) -> QuerySource {
        QuerySource(name: alias["aliasname"].string ?? "", output: Self.renamed(output, alias["colnames"].names))
    }

    private static func renamed(_ output: QueryOutput, _ names: [String]) -> QueryOutput {
        if names.isEmpty { return output }
        var output = output
        guard output.isComplete, names.count <= output.columns.count else {
            // Which is which isn't known any more.
            if output.isTainted { return .unknown }
            output.columns = []
            output.isComplete = false
            return output
        }
        for (index, name) in names.enumerated() { output.columns[index].name = name }
        return output
    }

    private func join(
        _ join: SyntaxNode, _ isMerged: inout Bool, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> [QuerySource] {
        let left = try self.sources(join["larg"], &isMerged, scope, depth + 1)
        var inside = scope
        inside.sources += left
        let right = try self.sources(join["rarg"], &isMerged, inside, depth + 1)
        inside.sources += right
        if join["usingClause"].exists || join["isNatural"].bool { isMerged = true }
        for name in join["usingClause"].names {
            // The merged column may be worked out from both.
            if (left + right).contains(where: { $0.column(name)?.isTainted ?? false }) { try self.refuse("USING") }
        }
        if join["isNatural"].bool, (left + right).contains(where: { $0.output.isTainted }) {
            try self.refuse("NATURAL JOIN")
        }
        try self.check(join["quals"], inside, depth)
        let names = [join["alias"]["aliasname"].string, join["join_using_alias"]["aliasname"].string].compactMap(\.self)
        let isTainted = (left + right).contains(where: \.output.isTainted)
        return left + right
            + names.map { QuerySource(name: $0, output: isTainted ? .unknown : QueryOutput(isComplete: false)) }
    }

    // MARK: Names and expressions

    /// What a reference carries; nil where nothing of that name is known.
    func resolve(_ names: [String], _ scope: QueryScope) -> QueryOutput.Column? {
        guard let last = names.last else { return nil }
        guard names.count > 1 else {
            // Of relations without anything classified it isn't known which columns they have: a name may be an outer
            // query's.
            let all = scope.sources + scope.outer.joined()
            let rows = all.filter { $0.name == last }
            let found = all.compactMap { $0.column(last) }
            let tainted = found.filter(\.isTainted)
            if !tainted.isEmpty {
                return QueryOutput.Column(name: last, isTainted: true, isStored: tainted.allSatisfy(\.isStored))
            }
            // The whole row.
            if !rows.isEmpty {
                return QueryOutput.Column(
                    name: last, isTainted: rows.contains(where: \.output.isTainted), isStored: false)
            }
            if Self.systemColumns.contains(last), all.contains(where: \.output.isRelation) {
                return QueryOutput.Column(name: last, isTainted: false, isStored: true)
            }
            return found.isEmpty
                ? nil : QueryOutput.Column(name: last, isTainted: false, isStored: found.allSatisfy(\.isStored))
        }
        let named = Self.sources(qualifiedBy: Array(names.dropLast()), scope)
        if named.isEmpty { return nil }
        let found = named.compactMap { $0.column(last) }
        if let tainted = found.first(where: \.isTainted) { return tainted }
        if found.isEmpty, Self.systemColumns.contains(last), named.allSatisfy(\.output.isRelation) {
            return QueryOutput.Column(name: last, isTainted: false, isStored: true)
        }
        // In `(t.c).field` and `t.function` the last name isn't a column: the row is what's read.
        return found.first
            ?? QueryOutput.Column(name: last, isTainted: named.contains(where: \.output.isTainted), isStored: false)
    }

    /// The nearest that `name` or `schema.name` may mean; with a schema it's a relation by its own name.
    private static func sources(qualifiedBy names: [String], _ scope: QueryScope) -> [QuerySource] {
        for sources in [scope.sources] + scope.outer {
            let named = sources.filter {
                $0.name == names.last && (names.count == 1 || ($0.output.isRelation && !$0.isAliased))
            }
            if !named.isEmpty { return named }
        }
        return []
    }

    private static let systemColumns: Set<String> = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"]

    /// Whether anything in an expression carries a classified value. Each part is looked at once, however it's nested.
    func isTainted(_ root: SyntaxNode, _ scope: QueryScope, _ depth: Int) throws(StatementRefusal) -> Bool {
        guard root.exists else { return false }
        guard depth < Self.deepest * 4 else { throw .tooDeep }
        let tree = root.tree
        var tainted = false
        /// Parts that must not be tainted, and what they decide.
        var deciding: [Int: String] = [:]
        var index = root.index
        let end = Int(tree.entries[root.index].end)
        while index < end {
            let entry = tree.entries[index]
            let node = SyntaxNode(tree: tree, index: index)
            if index > root.index, let place = deciding.removeValue(forKey: index) {
                if try self.isTainted(node, scope, depth + 1) {
                    // What a CASE gives is masked; that a stored column is NULL may be asked, as in WHERE.
                    let isMissing = place == "CASE" && self.isStored(node.of("NullTest")["arg"], scope)
                    if !isMissing { try self.refuse(place) }
                    tainted = true
                }
                index = Int(entry.end)
                continue
            }
            guard entry.form == .object, !entry.key.isEmpty else {
                index += 1
                continue
            }
            let kind = node.key
            if self.callsForeign(kind, node) {
                tainted = true
                self.memory.callsForeign = true
            }
            switch kind {
            case "ColumnRef":
                let reference = node["fields"]
                let names = reference.names
                if reference.elements.last?.of("A_Star").exists ?? false {
                    tainted = tainted || self.star(names, scope).isTainted
                } else {
                    // What can't be resolved may be anything.
                    tainted = tainted || (self.resolve(names, scope)?.isTainted ?? true)
                }
                index = Int(entry.end)
            case "FuncCall":
                let names = node["funcname"].names
                if let name = names.last {
                    let schema = names.count > 1 ? names[names.count - 2] : nil
                    // How many rows come of it tells of its arguments.
                    if self.functions.mayReturnSet(name) {
                        deciding[node["args"].index] = "a function that returns a set"
                    }
                    // What may do more than compute may put it somewhere, or wait as long as it says.
                    if self.functions.standing(of: name, schema: schema) == .volatile {
                        deciding[node["args"].index] = "a function that is marked VOLATILE"
                    }
                    // In which order rows come tells of what they are numbered by.
                    deciding[node["over"].index] = "a window"
                }
                index += 1
            case "CaseWhen":
                deciding[node["expr"].index] = "CASE"
                index += 1
            case "CaseExpr":
                deciding[node["arg"].index] = "CASE"
                index += 1
            case "SubLink":
                if let (kind, query) = node["subselect"].tagged, kind == "SelectStmt" {
                    let output = try self.output(of: query, in: scope.inner, depth: depth + 1)
                    if node["subLinkType"].string != "EXISTS_SUBLINK" { tainted = tainted || output.isTainted }
                } else {
                    tainted = true
                }
                if try self.isTainted(node["testexpr"], scope, depth + 1) { tainted = true }
                index = Int(entry.end)
            default: index += 1
            }
        }
        return tainted
    }
}

/// What is found on the way through one statement.
final class LineageMemory {
    /// Answers about classified values: whether one is equal to another.
    var disclosures = 0
    /// It runs what isn't PostgreSQL's own.
    var callsForeign = false
    /// By the query's place in the tree.
    var outputs: [Int: QueryOutput] = [:]
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
