/// What conditions, orders and groupings may ask of classified columns: equality of stored ones, for a price, and nothing
/// else.
extension Lineage {
    func refuse(_ place: String) throws(StatementRefusal) {
        guard self.isStrict else { return }
        throw StatementRefusal(
            .predicate,
            "\(place) would tell of a classified column's values: ask for equality with a value that you name, or leave it out"
        )
    }

    /// Holds a condition against what may be asked of a classified column: whether it's a value that the client names, or
    /// another classified column's, or missing. What isn't classified may hold any number of guesses, and shows which was
    /// right.
    func check(_ condition: SyntaxNode, _ scope: QueryScope, _ depth: Int) throws(StatementRefusal) {
        var waiting = [condition]
        while let node = waiting.popLast() {
            guard node.exists, let (kind, fields) = node.tagged else { continue }
            switch kind {
            case "BoolExpr": waiting += fields["args"].elements
            case "A_Expr":
                guard try self.isTainted(node, scope, depth) else { continue }
                guard let count = self.equalities(fields, scope) else {
                    try self.refuse("a condition")
                    continue
                }
                self.memory.disclosures += count
            case "NullTest":
                let argument = fields["arg"]
                guard try self.isTainted(argument, scope, depth) else { continue }
                guard self.isStored(argument, scope) else {
                    try self.refuse("a condition")
                    continue
                }
                self.memory.disclosures += 1
            case "SubLink":
                guard try self.isTainted(node, scope, depth) else { continue }
                guard fields["subLinkType"].string == "ANY_SUBLINK", fields["operName"].elements.isEmpty,
                    self.isStored(fields["testexpr"], scope), try self.isTainted(fields["testexpr"], scope, depth),
                    let (_, query) = fields["subselect"].tagged,
                    case let output = try self.output(of: query, in: scope.inner, depth: depth + 1),
                    output.isStored, output.isTainted
                else {
                    try self.refuse("a condition")
                    continue
                }
                self.memory.disclosures += 1
            default:
                if try self.isTainted(node, scope, depth) { try self.refuse("a condition") }
            }
        }
    }

    /// With how many values a classified column is compared for equality; nil for any other comparison.
    private func equalities(_ fields: SyntaxNode, _ scope: QueryScope) -> Int? {
        guard ["=", "<>"].contains(fields["name"].names.last ?? "") else { return nil }
        var count = 1
        for side in [fields["lexpr"], fields["rexpr"]] {
            if let column = self.stored(side, scope) {
                guard column.isTainted else { return nil }
                continue
            }
            // The client's own values: anything that reads no row.
            guard !side.contains(anyOf: ["ColumnRef", "SubLink", "FuncCall", "A_Indirection"]) else { return nil }
            switch fields["kind"].string {
            case "AEXPR_OP": break
            case "AEXPR_IN": count = max(1, side.of("List")["items"].elements.count, side.elements.count)
            case "AEXPR_OP_ANY":
                // Of a parameter or a constant it isn't known how many are in it, nor of an array's elements, which may be
                // arrays.
                let elements = side.of("A_ArrayExpr")["elements"].elements
                guard side.of("A_ArrayExpr").exists, elements.allSatisfy({ $0.of("A_Const").exists }) else {
                    return nil
                }
                count = max(1, elements.count)
            default: return nil
            }
        }
        return count
    }

    /// Whether it's a stored column itself.
    func isStored(_ node: SyntaxNode, _ scope: QueryScope) -> Bool { self.stored(node, scope) != nil }

    private func stored(_ node: SyntaxNode, _ scope: QueryScope) -> QueryOutput.Column? {
        let reference = node.of("ColumnRef")
        guard reference.exists, let column = self.resolve(reference["fields"].names, scope), column.isStored else {
            return nil
        }
        return column
    }

    func checkDistinct(_ output: QueryOutput) throws(StatementRefusal) {
        if output.columns.contains(where: { $0.isTainted && !$0.isStored }) {
            try self.refuse("DISTINCT or a set operation")
        }
        if output.isTainted { self.memory.disclosures += 1 }
    }

    func checkGrouping(
        _ query: SyntaxNode, _ output: QueryOutput, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        let distinct = query["distinctClause"]
        // Without ON it's a list of nothing.
        if distinct.exists, distinct.elements.allSatisfy({ $0.inside.isEmpty }) { try self.checkDistinct(output) }
        for item in distinct.elements {
            // Which row stands for the others is decided by their order.
            guard let column = try self.sortKey(item, output, scope, depth) else { continue }
            if column.isTainted { try self.refuse("DISTINCT ON") }
        }
        for item in query["groupClause"].elements {
            guard let column = try self.sortKey(item, output, scope, depth) else { continue }
            if column.isTainted, !column.isStored { try self.refuse("GROUP BY") }
            if column.isTainted { self.memory.disclosures += 1 }
        }
        if try self.isTainted(query["havingClause"], scope, depth) { try self.refuse("HAVING") }
    }

    func checkOrder(
        _ clause: SyntaxNode, _ output: QueryOutput, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) {
        for item in clause.elements {
            guard let column = try self.sortKey(item.of("SortBy")["node"], output, scope, depth) else { continue }
            if column.isTainted { try self.refuse("ORDER BY") }
        }
    }

    /// What something in ORDER BY or GROUP BY stands for: an output by number or name, or an expression.
    private func sortKey(
        _ node: SyntaxNode, _ output: QueryOutput, _ scope: QueryScope, _ depth: Int
    ) throws(StatementRefusal) -> QueryOutput.Column? {
        guard let (kind, fields) = node.tagged else { return nil }
        if kind == "A_Const", let number = fields["ival"]["ival"].int {
            guard output.isComplete, output.columns.indices.contains(number - 1) else {
                return output.isTainted ? QueryOutput.Column(isTainted: true, isStored: false) : nil
            }
            return output.columns[number - 1]
        }
        if kind == "ColumnRef" {
            let names = fields["fields"].names
            let resolved = self.resolve(names, scope)
            let named =
                names.count == 1
                ? output.columns.first { ($0.name == nil || $0.name == names[0]) && $0.isTainted } : nil
            if let resolved, resolved.isTainted { return resolved }
            return named ?? resolved
        }
        return QueryOutput.Column(isTainted: try self.isTainted(node, scope, depth), isStored: false)
    }
}
