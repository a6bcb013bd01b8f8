/// What stands in FROM, and the columns that it brings.
extension Lineage {
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

    static func renamed(_ output: QueryOutput, _ names: [String]) -> QueryOutput {
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
}
