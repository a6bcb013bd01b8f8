/// What names stand for, and whether an expression carries a classified value.
extension Lineage {
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
        // Where there's no such column, PostgreSQL looks for a function of the row.
        if self.functions.isForeign(attribute: last, ofRow: named.allSatisfy(\.output.isRelation)),
            !named.contains(where: { $0.output.columns.contains { $0.name == last } })
        {
            self.memory.callsForeign = true
            return QueryOutput.Column(name: last, isTainted: true, isStored: false)
        }
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
    static func sources(qualifiedBy names: [String], _ scope: QueryScope) -> [QuerySource] {
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
            case "A_Indirection":
                if node["indirection"].names.contains(where: self.functions.mayReturnSet) {
                    deciding[node["arg"].index] = "a function that returns a set"
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

    /// Whether what is classified may be read anywhere inside, by its name or by what isn't PostgreSQL's own.
    func readsHidden(_ node: SyntaxNode) -> Bool {
        var found = false
        node.forEachObject(named: "RangeVar") { range in
            let relation = self.relations.relation(range["relname"].string ?? "", schema: range["schemaname"].string)
            found = found || relation != nil
        }
        for kind in ["FuncCall", "TypeCast", "A_Expr", "SubLink", "A_Indirection"] {
            node.forEachObject(named: kind) { found = found || self.callsForeign(kind, $0) }
        }
        node.forEachObject(named: "ColumnRef") { reference in
            let names = reference["fields"].names
            found = found || (names.count > 1 && self.functions.isForeign(attribute: names.last ?? "", ofRow: false))
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
        case "SubLink":
            return node["testexpr"].exists && self.functions.isForeign(operator: node["operName"].names.last ?? "=")
        case "A_Indirection":
            // `(3).name_of` is `name_of(3)`.
            return node["indirection"].names.contains { self.functions.isForeign(attribute: $0, ofRow: false) }
        default: return false
        }
    }
}
