/// Settings and transactions: what a session may change of itself.
extension StatementRules {
    /// How dates and numbers look and how long things take: changing them changes no data, and nothing that Glovebox relies
    /// on.
    private static let free: Set<String> = [
        "application_name", "array_nulls", "bytea_output", "client_min_messages", "constraint_exclusion",
        "datestyle", "deadlock_timeout", "extra_float_digits",
        "from_collapse_limit", "geqo", "idle_in_transaction_session_timeout", "idle_session_timeout", "intervalstyle",
        "jit", "join_collapse_limit", "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "lock_timeout",
        "max_parallel_workers_per_gather", "plan_cache_mode", "quote_all_identifiers",
        "row_security", "statement_timeout", "synchronize_seqscans", "time zone", "timezone",
        "transaction_deferrable", "transaction_isolation", "default_transaction_isolation",
        "default_transaction_deferrable", "work_mem", "xmlbinary", "xmloption",
    ]

    /// How the planner reaches rows, and so in which order they come: an index over a classified column, read from end to
    /// end, would give them in the order of its values.
    private static let planning: Set<String> = [
        "cursor_tuple_fraction", "effective_cache_size", "random_page_cost", "seq_page_cost",
    ]

    func isFree(_ name: String) -> Bool {
        if Self.free.contains(name) { return true }
        return !self.relations.hasOwn && (Self.planning.contains(name) || name.hasPrefix("enable_"))
    }

    /// `SET` and `RESET`.
    func judgeSetting(_ statement: SyntaxNode) throws(StatementRefusal) {
        let name = (statement["name"].string ?? "").lowercased()
        switch statement["kind"].string {
        case "VAR_RESET_ALL": return
        case "VAR_RESET", "VAR_SET_DEFAULT":
            guard self.isFree(name) || Self.pinned[name] != nil || name == "role" || name == "session_authorization"
            else {
                throw .setting(name)
            }
        case "VAR_SET_CURRENT": guard self.isFree(name) else { throw .setting(name) }
        case "VAR_SET_MULTI":
            guard name == "transaction" || name == "session characteristics" else { throw .setting(name) }
            try self.judgeModes(statement["args"])
        case "VAR_SET_VALUE":
            let values = statement["args"].elements
            try self.judgeSetting(name, values.count == 1 ? Self.constant(values[0]) : nil)
        default: throw .setting(name)
        }
    }

    /// - Parameter value: nil where it isn't one constant.
    func judgeSetting(_ name: String, _ value: String?) throws(StatementRefusal) {
        if self.isFree(name) { return }
        if let accepted = Self.pinned[name] {
            guard let value, accepted.contains(value.lowercased()) else { throw .pinned(name) }
        } else if name == "transaction_read_only" || name == "default_transaction_read_only" {
            guard self.writes || ["on", "true", "yes", "1"].contains(value?.lowercased()) else {
                throw StatementRefusal(.writes, "a read lease's transactions stay read-only")
            }
        } else {
            throw .setting(name)
        }
    }

    /// Settings that a session keeps as they are, and the values that they have: clients set them as a matter of form.
    /// An empty search path is what pg_dump works with; then every name says its schema.
    private static let pinned: [String: Set<String>] = [
        "client_encoding": ["utf8", "utf-8", "unicode"],
        "standard_conforming_strings": ["on", "true", "yes", "1"],
        "search_path": [""],
    ]

    func judgeTransaction(_ statement: SyntaxNode) throws(StatementRefusal) {
        switch statement["kind"].string {
        case nil, "TRANS_STMT_BEGIN", "TRANS_STMT_START", "TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK",
            "TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO":
            try self.judgeModes(statement["options"])
        default:
            throw StatementRefusal(.kind, "prepared transactions aren't allowed: they would outlive the session")
        }
    }

    /// `READ ONLY`, `ISOLATION LEVEL …`, `DEFERRABLE`.
    private func judgeModes(_ modes: SyntaxNode) throws(StatementRefusal) {
        for mode in modes.elements {
            let element = mode.of("DefElem")
            switch element["defname"].string {
            case "transaction_isolation", "transaction_deferrable": break
            case "transaction_read_only":
                // What is 0 isn't written out.
                guard self.writes || element["arg"].of("A_Const")["ival"]["ival"].int == 1 else {
                    throw StatementRefusal(.writes, "a read lease's transactions stay read-only")
                }
            default: throw StatementRefusal(.kind, "this transaction mode isn't allowed")
            }
        }
    }

    /// What a constant says, as text. (libpg_query 15 writes no integer that isn't positive: these read as 0.)
    static func constant(_ node: SyntaxNode) -> String? {
        let constant = node.of("A_Const")
        guard constant.exists else { return nil }
        if let text = constant["sval"]["sval"].string { return text }
        if constant["sval"].exists { return "" }
        if constant["ival"].exists { return String(constant["ival"]["ival"].int ?? 0) }
        if constant["boolval"].exists { return constant["boolval"]["boolval"].bool ? "true" : "false" }
        return constant["fval"]["fval"].string
    }
}

extension StatementRefusal {
    fileprivate static func setting(_ name: String) -> StatementRefusal {
        switch name {
        case "role", "session_authorization":
            StatementRefusal(
                .setting, "a session stays who it is: SET ROLE and SET SESSION AUTHORIZATION aren't allowed")
        default:
            StatementRefusal(.setting, "the setting '\(name)' isn't one that a session may change")
        }
    }

    fileprivate static func pinned(_ name: String) -> StatementRefusal {
        switch name {
        case "client_encoding": StatementRefusal(.setting, "sessions are in UTF8: client_encoding can't be changed")
        case "search_path":
            StatementRefusal(.setting, "search_path can't be changed: write schema.table, for example")
        default: StatementRefusal(.setting, "the setting '\(name)' can't be changed")
        }
    }
}
