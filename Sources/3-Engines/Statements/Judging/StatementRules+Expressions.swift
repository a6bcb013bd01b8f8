/// What stands in a query, wherever it stands.
extension StatementRules {
    /// Holds every node inside `root` against what a query may be made of. The tree is flat, so that depth costs nothing.
    func scan(_ root: SyntaxNode) throws(StatementRefusal) {
        guard root.exists else { return }
        let tree = root.tree
        for index in (root.index + 1)..<Int(tree.entries[root.index].end) {
            let entry = tree.entries[index]
            guard entry.form == .object || entry.form == .list, !entry.key.isEmpty else { continue }
            let node = SyntaxNode(tree: tree, index: index)
            let key = node.key
            guard let first = key.utf8.first else { continue }
            if (65...90).contains(first) {
                try self.judge(node: key, node)
            } else if key == "intoClause" {
                throw StatementRefusal(.writes, "SELECT INTO makes a table, which no lease allows")
            } else if key == "typeName" {
                try self.judgeType(node)
            } else if key == "lockingClause", !self.writes {
                throw StatementRefusal(
                    .writes, "a read lease locks no rows: leave out FOR UPDATE, FOR SHARE and the like")
            }
        }
    }

    private func judge(node kind: String, _ fields: SyntaxNode) throws(StatementRefusal) {
        switch kind {
        case "FuncCall": try self.judgeCall(fields)
        case "A_Expr":
            try self.judgeOperator(fields["name"])
            if fields["kind"].string?.contains("BETWEEN") ?? false {
                for name in ["<", "<=", ">", ">="] { try self.judgeOperator(named: name) }
            }
        case "SubLink":
            try self.judgeOperator(fields["operName"])
            if fields["testexpr"].exists { try self.judgeOperator(named: "=") }
        case "CaseExpr":
            if fields["arg"].exists { try self.judgeOperator(named: "=") }
        case "JoinExpr":
            if fields["usingClause"].exists || fields["isNatural"].bool { try self.judgeOperator(named: "=") }
        case "TypeName": try self.judgeType(fields)
        case "SortBy": try self.judgeOperator(fields["useOp"])
        case "ColumnRef":
            let names = fields["fields"].names
            if names.count > 1, let last = names.last { try self.judgeAttribute(last) }
        case "A_Indirection":
            for name in fields["indirection"].names { try self.judgeAttribute(name) }
        case "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt":
            guard self.writes else { throw .writing(kind) }
            try self.judgePlace(fields["relation"])
        default:
            guard Self.queryNodes.contains(kind) || (self.writes && Self.writeNodes.contains(kind)) else {
                throw StatementRefusal(.kind, "\(Self.name(kind)) isn't allowed in a query")
            }
        }
    }

    /// PostgreSQL 15's nodes of a query, without those that are judged by themselves.
    private static let queryNodes: Set<String> = [
        "SelectStmt", "ResTarget", "A_Star", "A_Const", "String", "Integer", "Float", "Boolean", "BitString",
        "BoolExpr",
        "NullTest", "BooleanTest", "TypeCast", "CaseWhen", "CoalesceExpr", "MinMaxExpr",
        "A_ArrayExpr", "A_Indices", "RowExpr", "ParamRef", "RangeVar", "RangeSubselect", "RangeFunction",
        "RangeTableSample", "RangeTableFunc", "RangeTableFuncCol", "Alias", "WindowDef", "GroupingSet",
        "GroupingFunc", "WithClause", "CommonTableExpr", "CTESearchClause", "CTECycleClause", "CollateClause",
        "SQLValueFunction", "XmlExpr", "XmlSerialize", "NamedArgExpr", "List", "ColumnDef",
    ]
    private static let writeNodes: Set<String> = [
        "LockingClause", "OnConflictClause", "InferClause", "IndexElem", "MergeWhenClause", "MultiAssignRef",
        "SetToDefault", "CurrentOfExpr",
    ]

    // MARK: Functions

    private func judgeCall(_ call: SyntaxNode) throws(StatementRefusal) {
        let names = call["funcname"].names
        guard let name = names.last else {
            throw StatementRefusal(.function, "a function without a name isn't allowed")
        }
        let schema = names.count > 1 ? names[names.count - 2] : nil
        if name == "set_config", schema == nil || schema == "pg_catalog" {
            return try self.judgeSetConfig(call["args"].elements)
        }
        if Self.isDenied(name) { throw .denied(name) }
        // `type(value)` is a cast where there's no such function.
        try self.judgeType(named: name)
        switch self.functions.standing(of: name, schema: schema) {
        case .calm: return
        case .unknown:
            throw StatementRefusal(
                .unknownFunction,
                "the database has no function \((names.suffix(2)).joined(separator: ".")) that Glovebox knows of")
        case .volatile:
            if self.writes { return }
            // Somebody else's function may have the same name.
            if Self.isHarmless(name), schema == "pg_catalog" || !self.functions.isOwnVolatile(name) { return }
            throw StatementRefusal(
                .function,
                "the function \(name) may do more than read (it's marked VOLATILE), and the lease is for reading")
        }
    }

    private func judgeSetConfig(_ arguments: [SyntaxNode]) throws(StatementRefusal) {
        guard arguments.count == 3 else { throw StatementRefusal(.setting, "set_config takes three values") }
        if arguments[0].of("ColumnRef")["fields"].names == ["name"],
            Self.constant(arguments[1]) == Self.pgDumpRestriction
        {
            return
        }
        if let name = Self.constant(arguments[0]), arguments[1].of("ParamRef").exists, self.isFree(name.lowercased()) {
            // The client's own value, as asyncpg puts `jit` back to what it was; any will do for these.
            return
        }
        guard let name = Self.constant(arguments[0]), let value = Self.constant(arguments[1]) else {
            throw StatementRefusal(.setting, "set_config is for constants only: use SET")
        }
        try self.judgeSetting(name.lowercased(), value)
    }

    /// pg_dump asks so, of pg_settings, that no view runs code on its behalf. No other setting does anything with it.
    private static let pgDumpRestriction = "view, foreign-table"

    private func judgeOperator(_ name: SyntaxNode) throws(StatementRefusal) {
        if let name = name.names.last { try self.judgeOperator(named: name) }
    }

    private func judgeOperator(named name: String) throws(StatementRefusal) {
        guard !self.writes, self.functions.isVolatile(operator: name) else { return }
        throw StatementRefusal(
            .function, "the operator \(name) may do more than read: a function of it is marked VOLATILE")
    }

    private func judgeType(_ type: SyntaxNode) throws(StatementRefusal) {
        if let name = type["names"].names.last { try self.judgeType(named: name) }
    }

    private func judgeType(named name: String) throws(StatementRefusal) {
        guard !self.writes, self.functions.isVolatile(type: name) else { return }
        throw StatementRefusal(
            .function,
            "making a value of the type \(name) may do more than read: a function that it's made or checked by is marked VOLATILE"
        )
    }

    /// What a write goes to. PostgreSQL's own relations are settings and the catalogue.
    func judgePlace(_ relation: SyntaxNode) throws(StatementRefusal) {
        guard relation.exists else { return }
        let (name, schema) = (relation["relname"].string ?? "", relation["schemaname"].string)
        let isOwn =
            schema.map { $0.hasPrefix("pg_") || $0 == "information_schema" }
            ?? (name.hasPrefix("pg_") && self.relations.isKnown(name, schema: "pg_catalog"))
        guard isOwn else { return }
        throw StatementRefusal(.kind, "what is PostgreSQL's own isn't written to: \(name)")
    }

    /// `value.name` is `name(value)` where there's no such column (manual, "Using Composite Types in Queries").
    private func judgeAttribute(_ name: String) throws(StatementRefusal) {
        try self.judgeType(named: name)
        let standing = self.functions.standing(of: name, schema: nil)
        if Self.isDenied(name), standing != .unknown { throw .denied(name) }
        guard !self.writes, standing == .volatile, !Self.isHarmless(name) || self.functions.isOwnVolatile(name)
        else { return }
        throw StatementRefusal(
            .function,
            "'.\(name)' may call the function \(name), which is marked VOLATILE: give the column an alias of its own in a subquery without the dot"
        )
    }

    /// PostgreSQL's own functions that are marked VOLATILE and only tell something, or wait.
    private static func isHarmless(_ name: String) -> Bool {
        Self.harmless.contains(name) || name.hasPrefix("pg_stat_get_")
    }

    private static let harmless: Set<String> = [
        "amvalidate", "clock_timestamp", "current_query", "currval", "gen_random_uuid", "lastval",
        "pg_advisory_unlock_all", "pg_available_extension_versions", "pg_available_extensions", "pg_blocking_pids",
        "pg_collation_actual_version", "pg_control_checkpoint", "pg_control_init", "pg_control_recovery",
        "pg_control_system", "pg_current_wal_flush_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_lsn",
        "pg_database_collation_actual_version", "pg_database_size", "pg_get_wal_replay_pause_state",
        "pg_get_wal_resource_managers", "pg_indexes_size", "pg_is_in_recovery", "pg_is_wal_replay_paused",
        "pg_jit_available", "pg_last_committed_xact", "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn",
        "pg_last_xact_replay_timestamp", "pg_lock_status", "pg_notification_queue_usage", "pg_partition_ancestors",
        "pg_partition_tree", "pg_relation_size", "pg_safe_snapshot_blocking_pids", "pg_sequence_last_value", "pg_sleep",
        "pg_sleep_for", "pg_sleep_until", "pg_stat_have_stats", "pg_table_size", "pg_tablespace_size",
        "pg_timezone_abbrevs", "pg_timezone_names", "pg_total_relation_size", "pg_xact_commit_timestamp",
        "pg_xact_commit_timestamp_origin", "pg_xact_status", "random", "setseed", "timeofday", "txid_status",
    ]

    /// Marked calm or not: they run texts as SQL, read tables by name, files, other servers or large objects, or end
    /// other people's work.
    private static func isDenied(_ name: String) -> Bool {
        Self.denied.contains(name) || Self.deniedBeginnings.contains { name.hasPrefix($0) }
    }

    private static let denied: Set<String> = [
        "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_promote", "pg_notify",
        "pg_stat_file", "pg_stat_get_activity", "pg_stat_get_backend_activity", "pg_current_logfile",
        "pg_export_snapshot", "pg_show_all_file_settings", "pg_hba_file_rules",
        "pg_ident_file_mappings", "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml",
        "cursor_to_xmlschema", "table_to_xml", "table_to_xml_and_xmlschema", "schema_to_xml",
        "schema_to_xml_and_xmlschema", "database_to_xml", "database_to_xml_and_xmlschema", "ts_stat", "connectby",
        "xpath_table", "ts_rewrite", "loread", "lowrite", "currtid2", "pg_prewarm", "pgrowlocks",
    ]
    private static let deniedBeginnings = [
        "lo_", "dblink", "pg_read_", "pg_ls_", "pg_file_", "pg_logical_", "pg_create_", "pg_drop_", "pg_replication_",
        "pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory", "crosstab", "postgres_fdw_", "pg_stat_reset",
        "pg_backup_", "pg_start_backup", "pg_stop_backup", "pg_switch_wal", "pg_wal_replay_", "pg_import_",
        "pg_stat_get_xact_",
    ]
}

extension StatementRefusal {
    fileprivate static func denied(_ name: String) -> StatementRefusal {
        StatementRefusal(.function, "the function \(name) reaches beyond the rows that are asked for")
    }
}
