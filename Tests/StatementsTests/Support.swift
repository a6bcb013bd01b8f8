import GloveboxCore

@testable import Statements

/// A catalogue with the functions that the tests call.
func makeCatalogue() -> FunctionCatalogue {
    var catalogue = FunctionCatalogue()
    catalogue.addFunctions(
        [
            "count", "max", "rank", "lower", "now", "upper", "generate_series", "json_agg", "substring", "extract",
            "timezone",
            "pg_get_viewdef", "table_to_xml", "database_to_xml", "current_setting", "row_number", "like_escape",
            "sum", "xmlconcat", "json_to_record", "btrim", "unnest", "pg_options_to_table", "array_to_string",
            "quote_literal",
        ], schema: "pg_catalog", isVolatile: false)
    catalogue.addFunctions(
        [
            "random", "pg_sleep", "nextval", "setval", "pg_read_file", "lo_import", "lo_get", "pg_terminate_backend",
            "pg_notify", "pg_advisory_lock", "query_to_xml", "set_config", "ts_rewrite", "pg_ls_dir",
            "pg_cancel_backend", "txid_current", "pg_reload_conf", "pg_advisory_unlock_all",
        ], schema: "pg_catalog", isVolatile: true)
    // The other ts_rewrite runs no query; a call may mean either.
    catalogue.addFunctions(["ts_rewrite"], schema: "pg_catalog", isVolatile: false)
    catalogue.addFunctions(["price_of", "crosstab"], schema: "public", isVolatile: false)
    catalogue.addFunctions(["touch", "dblink"], schema: "public", isVolatile: true)
    catalogue.addSetReturning(["generate_series", "unnest", "pg_options_to_table"])
    catalogue.addVolatileOperators(["<~~>"])
    catalogue.addVolatileTypes(["wild"], ids: [70_000])
    catalogue.addForeignTypes(["lookup"])
    catalogue.addForeignOperators(["<?>"])
    catalogue.addForeignAttributes(["price_of", "first"], takeRows: false)
    catalogue.addForeignAttributes(["total_of"], takeRows: true)
    return catalogue
}

/// `public.customers`, whose name, e-mail and card are classified.
func makeRelations() -> ClassifiedRelations {
    var relations = ClassifiedRelations()
    relations.add(
        schema: "public", name: "customers", columns: ["id", "full_name", "email", "card", "country", "notes"],
        classified: ["full_name", "email", "card"])
    return relations
}

func makeJudge(
    _ capability: Capability = .read, relations: ClassifiedRelations = ClassifiedRelations()
) throws -> StatementJudge {
    StatementJudge(
        parser: try StatementParser(),
        rules: StatementRules(capability: capability, functions: makeCatalogue(), relations: relations))
}

extension StatementJudge {
    /// The verdict, however long it takes.
    func settled(_ text: String) async -> Verdict {
        if let verdict = self.verdict(of: text) { return verdict }
        return await withCheckedContinuation { continuation in
            self.judge(text) { continuation.resume(returning: $0) }
        }
    }
}

extension StatementJudge.Verdict {
    var code: StatementRefusal.Code? {
        switch self {
        case .allowed: nil
        case .refused(let refusal): refusal.code
        }
    }
}
