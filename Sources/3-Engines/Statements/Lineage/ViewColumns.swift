import GloveboxCore

/// A view as the catalogue describes it.
package struct ViewDefinition: Hashable, Sendable {
    package var schema: String
    package var name: String
    /// In their order.
    package var columns: [String]
    /// What it selects (`pg_get_viewdef`).
    package var query: String

    package init(schema: String, name: String, columns: [String], query: String) {
        self.schema = schema
        self.name = name
        self.columns = columns
        self.query = query
    }
}

extension StatementParser {
    /// The columns of `views` that show, or are worked out from, what is classified, by the views' places in the list;
    /// `relations` knows them afterwards. Of a view that can't be followed it's all columns.
    package func classifiedColumns(
        of views: [ViewDefinition], functions: FunctionCatalogue, relations: inout ClassifiedRelations
    ) async -> [Set<String>] {
        var trees: [SyntaxTree?] = []
        for view in views {
            trees.append(
                await withCheckedContinuation { continuation in
                    self.parse(view.query) { continuation.resume(returning: try? $0.get()) }
                })
        }
        var classified = views.map { _ in Set<String>() }
        var callsForeign = views.map { _ in false }
        // A view may show another that comes later in the list.
        var isChanged = true
        while isChanged {
            isChanged = false
            for (index, view) in views.enumerated() {
                let found = Self.classifiedColumns(of: view, trees[index], functions, relations)
                guard !found.columns.isSubset(of: classified[index]) || (found.callsForeign && !callsForeign[index])
                else { continue }
                classified[index].formUnion(found.columns)
                callsForeign[index] = callsForeign[index] || found.callsForeign
                relations.add(
                    schema: view.schema, name: view.name, columns: view.columns, classified: classified[index],
                    callsForeign: callsForeign[index])
                isChanged = true
            }
        }
        return classified
    }

    private static func classifiedColumns(
        of view: ViewDefinition, _ tree: SyntaxTree?, _ functions: FunctionCatalogue, _ relations: ClassifiedRelations
    ) -> (columns: Set<String>, callsForeign: Bool) {
        let lineage = Lineage(
            relations: relations, functions: functions, isStrict: false)
        guard let (kind, query) = tree?.statements.first, kind == "SelectStmt",
            let output = try? lineage.output(of: query, in: QueryScope())
        else { return (Set(view.columns), true) }
        let callsForeign = lineage.memory.callsForeign
        guard output.isComplete, output.columns.count == view.columns.count else {
            return (output.isTainted ? Set(view.columns) : [], callsForeign)
        }
        return (Set(zip(view.columns, output.columns).filter { $0.1.isTainted }.map(\.0)), callsForeign)
    }
}
