import GloveboxCore
import PostgresWire
import Redaction
import Statements

/// A stored column, as RowDescription names it.
struct ColumnID: Hashable, Sendable {
    var table: UInt32
    var attribute: Int16
}

/// What an agent does on a fresh connection before a session begins, in one round trip: it asks whom it signed in as
/// and what that role could write, and where the classified columns are.
///
/// A classification also holds for the columns of the same name in tables that inherit or are partitions, and in views
/// that read the column; a view that shows it under another name is classified as a whole.
struct Preparation: Sendable {
    let target: PostgresTarget
    let capability: Capability
    let lease: LeaseID
    let limits: Limits
    /// Whether the functions are asked for as well.
    let asksForFunctions: Bool

    /// Parameters of a client's startup packet that are passed on, by their names in small letters.
    static let passedParameters: Set<String> = [
        "datestyle", "timezone", "extra_float_digits", "intervalstyle", "bytea_output",
    ]
    /// Those of them that every pooler passes on.
    private static let pooledParameters: Set<String> = ["datestyle", "timezone"]
    /// Parameters that are Glovebox's own, or that every client sends.
    private static let ownParameters: Set<String> = ["user", "database", "application_name", "client_encoding"]

    /// The startup packet for the target.
    ///
    /// - Returns: the parameters, and the names of the client's that weren't passed on.
    /// - Throws: `invalid_argument` for another database or encoding than the session can have.
    ///
    /// - Parameter isPlain: only what poolers know how to pass on (PgBouncer's manual, "ignore_startup_parameters").
    func startup(
        user: String, client: [String: String], isPlain: Bool = false
    ) throws(GloveboxError) -> (StartupParameters, left: [String]) {
        if let database = client["database"], !database.isEmpty, database != self.target.database,
            database != client["user"], database != self.target.name.rawValue
        {
            throw GloveboxError(
                .invalidArgument,
                "'\(self.target.name)' is one database: connect without a database name, or with '\(self.target.name)'")
        }
        if let encoding = client["client_encoding"], !Self.isAccepted(encoding: encoding) {
            throw GloveboxError(
                .invalidArgument, "sessions are in UTF8: set client_encoding (PGCLIENTENCODING) to UTF8")
        }
        var parameters: [(String, String)] = [
            ("user", user), ("database", self.target.database), ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"), ("application_name", "glovebox/\(self.lease)"),
        ]
        if self.capability == .read, !isPlain { parameters.append(("default_transaction_read_only", "on")) }
        if let seconds = self.limits.seconds, !isPlain {
            parameters.append(("statement_timeout", "\(min(max(seconds, 1), 2_000_000))s"))
        }
        var left: [String] = []
        for (name, value) in client.sorted(by: { $0.key < $1.key }) {
            if (isPlain ? Self.pooledParameters : Self.passedParameters).contains(name.lowercased()),
                value.utf8.count <= 256
            {
                parameters.append((name, value))
            } else if !Self.ownParameters.contains(name), !name.hasPrefix("_pq_.") {
                left.append(name)
            }
        }
        return (StartupParameters(parameters.map { StartupParameters.Parameter(name: $0.0, value: $0.1) }), left)
    }

    /// What clients say who want UTF-8, or who don't care.
    private static func isAccepted(encoding: String) -> Bool {
        let letters = encoding.lowercased().utf8.filter { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
        return ["utf8", "unicode", "sqlascii", "auto", ""].contains(String(decoding: letters, as: UTF8.self))
    }

    // MARK: Statements

    /// Five statements that are answered, in order: the role, one thing that it could write, the classified columns, the views
    /// over their relations, the functions.
    var statements: String {
        [
            Self.resetting, self.roleStatement, self.writableStatement, self.columnsStatement, self.viewsStatement,
            self.functionsStatement,
        ].joined(
            separator: ";\n")
    }

    /// Undoes what another may have left on the connection, where a pooler hands it on as it was: no temporary table stands
    /// before a table of the same name, no cursor or statement has a name, and names mean what they mean to everybody.
    private static let resetting = """
        RESET SESSION AUTHORIZATION; RESET ROLE; RESET search_path; RESET default_transaction_read_only; \
        DEALLOCATE ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP
        """

    /// Also has the server look every 2 s whether the agent is still there while a statement runs (PostgreSQL 14 and
    /// later), so that an agent that was killed leaves nothing running.
    private var roleStatement: String {
        """
        SELECT current_user, pg_catalog.bool_or(r.rolsuper), pg_catalog.bool_or(r.rolcreaterole OR r.rolcreatedb OR \
        r.rolreplication OR r.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')), \
        CASE WHEN pg_catalog.current_setting('client_connection_check_interval', true) IS NOT NULL \
        THEN pg_catalog.set_config('client_connection_check_interval', '2s', false) END, \
        pg_catalog.pg_backend_pid(), pg_catalog.current_setting('default_transaction_read_only') \
        FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
        """
    }

    /// Whatever the role, or any role that it could SET ROLE to, may write or owns.
    private var writableStatement: String {
        guard self.capability == .read, !self.target.allowsWritingReader else { return "SELECT NULL WHERE false" }
        return """
            WITH roles AS MATERIALIZED (
              SELECT r.oid FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') AND NOT r.rolsuper
            ), spaces AS MATERIALIZED (
              SELECT n.oid, n.nspname, n.nspowner FROM pg_catalog.pg_namespace n
              WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            )
            (SELECT 'write to ' || pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname)
              FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace CROSS JOIN roles
              WHERE (c.relkind IN ('r', 'p', 'v', 'f', 'm') AND (c.relowner = roles.oid
                  OR pg_catalog.has_table_privilege(roles.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                  OR pg_catalog.has_any_column_privilege(roles.oid, c.oid, 'INSERT, UPDATE')))
                OR (c.relkind = 'S' AND pg_catalog.has_sequence_privilege(roles.oid, c.oid, 'USAGE, UPDATE')) LIMIT 1)
            UNION ALL
            (SELECT 'create in schema ' || pg_catalog.quote_ident(s.nspname) FROM spaces s CROSS JOIN roles
              WHERE s.nspowner = roles.oid OR pg_catalog.has_schema_privilege(roles.oid, s.oid, 'CREATE') LIMIT 1)
            UNION ALL
            (SELECT 'create in the database' FROM pg_catalog.pg_database d CROSS JOIN roles
              WHERE d.datname = pg_catalog.current_database()
                AND (d.datdba = roles.oid OR pg_catalog.has_database_privilege(roles.oid, d.oid, 'CREATE')) LIMIT 1)
            """
    }

    /// The target's, then what is classified in every database.
    private var classifications: [Classification] { self.target.classifications + Self.ownClassifications }

    /// PostgreSQL's own columns that hold values of other tables, other people's statements, or secrets; where they are
    /// missing, that's no error. (pg_authid's hashes are left to the detectors: by its views every role's name would be
    /// classified too.)
    private static let ownClassifications: [Classification] =
        [
            ("pg_stat_activity", ["query"], "query_text"), ("pg_prepared_statements", ["statement"], "query_text"),
            ("pg_cursors", ["statement"], "query_text"),
            ("pg_stats", ["most_common_vals", "histogram_bounds", "most_common_elems"], "statistics"),
            ("pg_stats_ext", ["most_common_vals"], "statistics"),
            ("pg_stats_ext_exprs", ["most_common_vals", "histogram_bounds", "most_common_elems"], "statistics"),
            ("pg_shadow", ["passwd"], "password_hash"),
            ("pg_user_mapping", ["umoptions"], "credential"), ("pg_user_mappings", ["umoptions"], "credential"),
            ("pg_subscription", ["subconninfo"], "credential"),
        ].flatMap { table, columns, kind in
            columns.map { Classification(schema: "pg_catalog", table: table, column: $0, kind: Kind(kind)) }
        }
        + ["public", "pg_catalog"].map {
            Classification(schema: $0, table: "pg_stat_statements", column: "query", kind: Kind("query_text"))
        }

    private var columnsStatement: String {
        let names = self.classifications.enumerated().map { index, classification in
            "(\(index), \(literal(classification.schema)), \(literal(classification.table)), \(literal(classification.column)))"
        }
        return """
            WITH RECURSIVE named (number, nspname, relname, attname) AS (VALUES \(names.joined(separator: ", "))),
            reached (number, relid, attnum, attname) AS (
              SELECT named.number, a.attrelid, a.attnum, a.attname
              FROM named JOIN pg_catalog.pg_namespace n ON n.nspname = named.nspname
              JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = named.relname
              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = named.attname AND a.attnum > 0
              UNION
              SELECT r.number, x.attrelid, x.attnum, x.attname FROM reached r CROSS JOIN LATERAL (
                SELECT a.attrelid, a.attnum, a.attname FROM pg_catalog.pg_inherits i
                JOIN pg_catalog.pg_attribute a ON a.attrelid = i.inhrelid AND a.attname = r.attname
                WHERE i.inhparent = r.relid
                UNION ALL
                SELECT a.attrelid, a.attnum, a.attname FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid AND w.ev_class <> r.relid
                JOIN pg_catalog.pg_attribute a ON a.attrelid = w.ev_class AND a.attnum > 0
                WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.refobjid = r.relid AND d.refobjsubid = r.attnum
                  AND (a.attname = r.attname OR NOT EXISTS (
                    SELECT FROM pg_catalog.pg_attribute o WHERE o.attrelid = w.ev_class AND o.attname = r.attname AND o.attnum > 0))
              ) x)
            SELECT r.number, r.relid, r.attnum, n.nspname, c.relname, r.attname, (
              SELECT pg_catalog.array_to_string(pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum), pg_catalog.chr(1))
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.relid AND a.attnum > 0 AND NOT a.attisdropped)
            FROM reached r JOIN pg_catalog.pg_class c ON c.oid = r.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            """
    }

    private var viewsStatement: String {
        let names = Set(self.target.classifications.map { [$0.schema, $0.table] })
        guard !names.isEmpty else { return "SELECT NULL WHERE false" }
        return """
            WITH RECURSIVE reached (relid) AS (
              SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE (n.nspname, c.relname) IN (\(names.map { "(\(literal($0[0])), \(literal($0[1])))" }.joined(separator: ", ")))
              UNION
              SELECT x.relid FROM reached r CROSS JOIN LATERAL (
                SELECT i.inhrelid AS relid FROM pg_catalog.pg_inherits i WHERE i.inhparent = r.relid
                UNION ALL
                SELECT w.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
                WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = r.relid
              ) x)
            SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid), (
              SELECT pg_catalog.array_to_string(pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum), pg_catalog.chr(1))
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
            FROM reached r JOIN pg_catalog.pg_class c ON c.oid = r.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') ORDER BY c.oid
            """
    }

    /// A schema's names in one value, since there are thousands. The last row has the operators whose functions are
    /// volatile.
    private var functionsStatement: String {
        guard self.asksForFunctions else { return "SELECT NULL WHERE false" }
        return """
            SELECT n.nspname, p.provolatile = 'v', p.proretset, \
            pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT p.proname::pg_catalog.text), pg_catalog.chr(1))
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace GROUP BY 1, 2, 3
            UNION ALL
            SELECT NULL, true, false, \
            pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT o.oprname::pg_catalog.text), pg_catalog.chr(1))
            FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode WHERE p.provolatile = 'v'
            """
    }

    /// With standard_conforming_strings on, doubling the quotes is all.
    private func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }

    // MARK: Answers

    /// Judges the role and gives the classified columns.
    ///
    /// - Throws: `ceiling_denied` for a role that can do more than the ceiling allows; `configuration_invalid` for a
    ///   classified column that the database doesn't have.
    func judge(_ answers: [[[String?]]]) throws(GloveboxError) -> [ColumnID: Kind] {
        let target = self.target.name
        guard answers.count == 5, let role = answers[0].first, role.count == 6 else {
            throw GloveboxError(
                .targetRefused, "a session on '\(target)' can't be prepared: the database answered something else")
        }
        if role[1] != "f", !self.target.allowsSuperuser {
            throw GloveboxError(
                .ceilingDenied,
                "the agent's role for '\(target)' is, or can become, a superuser, and the ceiling doesn't allow that")
        }
        // The startup packet says so; a pooler may keep that to itself.
        if self.capability == .read, role[5] != "on" {
            throw GloveboxError(
                .ceilingDenied,
                "the agent's role for reading '\(target)' doesn't begin its transactions read-only, since a pooler keeps the agent's settings to itself: run ALTER ROLE … SET default_transaction_read_only = on"
            )
        }
        if self.capability == .read, !self.target.allowsWritingReader {
            if role[2] != "f" {
                throw GloveboxError(
                    .ceilingDenied,
                    "the agent's role for reading '\(target)' can create roles or databases, replicate, or reach the server's files: use one that can't"
                )
            }
            if let writable = answers[1].first?.first {
                throw GloveboxError(
                    .ceilingDenied,
                    "the agent's role for reading '\(target)' can \(writable ?? "write"): use one that can't")
            }
        }
        var columns: [ColumnID: Kind] = [:]
        var missing = Set(self.target.classifications.indices)
        let classifications = self.classifications
        for row in answers[2] {
            guard row.count == 7, let number = row[0].flatMap({ Int($0) }), let table = row[1].flatMap({ UInt32($0) }),
                let attribute = row[2].flatMap({ Int16($0) }), classifications.indices.contains(number)
            else {
                throw GloveboxError(
                    .targetRefused, "a session on '\(target)' can't be prepared: the database answered something else")
            }
            missing.remove(number)
            // Where several classifications reach one column, the first in the configuration names it.
            let kind = classifications[number].kind
            columns[ColumnID(table: table, attribute: attribute)] =
                columns[ColumnID(table: table, attribute: attribute)] ?? kind
        }
        if let number = missing.min() {
            let classification = self.target.classifications[number]
            throw GloveboxError(
                .configurationInvalid,
                "'\(target)' has no column \(classification.schema).\(classification.table).\(classification.column), which the agent's configuration classifies"
            )
        }
        return columns
    }

    /// Whether a pooler stands between: then the server's process is another than the one that was named at sign-in.
    func isPooled(_ answers: [[[String?]]], _ session: BackendSession) -> Bool {
        guard let process = answers.first?.first.flatMap({ $0.count > 4 ? $0[4] : nil }).flatMap({ UInt32($0) })
        else { return true }
        return session.cancelKey?.processID != process
    }

    /// The views over classified relations, and which relation each is.
    func views(_ answers: [[[String?]]]) throws(GloveboxError) -> [(table: UInt32, view: ViewDefinition)] {
        var views: [(UInt32, ViewDefinition)] = []
        for row in answers[3] {
            guard row.count == 5, let table = row[0].flatMap({ UInt32($0) }), let schema = row[1], let name = row[2]
            else {
                throw GloveboxError(
                    .targetRefused,
                    "the views of '\(self.target.name)' can't be read: the database answered something else")
            }
            let columns = (row[4] ?? "").split(separator: "\u{1}").map(String.init)
            // Without a definition it's a view that can't be followed.
            views.append((table, ViewDefinition(schema: schema, name: name, columns: columns, query: row[3] ?? "")))
        }
        return views
    }

    /// The relations of the classified columns, by name.
    func relations(_ answers: [[[String?]]]) -> ClassifiedRelations {
        var found: [[String]: (columns: [String], classified: Set<String>)] = [:]
        for row in answers[2] {
            guard let schema = row[3], let table = row[4], let column = row[5] else { continue }
            let columns = (row[6] ?? "").split(separator: "\u{1}").map(String.init)
            found[[schema, table], default: (columns, [])].classified.insert(column)
        }
        var relations = ClassifiedRelations()
        for (name, relation) in found {
            relations.add(
                schema: name[0], name: name[1], columns: relation.columns, classified: relation.classified)
        }
        return relations
    }

    /// - Throws: `target_refused` for an answer that can't be read.
    func functions(_ answers: [[[String?]]]) throws(GloveboxError) -> FunctionCatalogue {
        var catalogue = FunctionCatalogue()
        for row in answers.last ?? [] {
            guard row.count == 4, row[0] != nil || row[1] == "t" else {
                throw GloveboxError(
                    .targetRefused,
                    "the functions of '\(self.target.name)' can't be read: the database answered something else")
            }
            let names = (row[3] ?? "").split(separator: "\u{1}").map(String.init)
            if row[2] != "f" { catalogue.addSetReturning(names) }
            if let schema = row[0] {
                catalogue.addFunctions(names, schema: schema, isVolatile: row[1] != "f")
            } else {
                catalogue.addVolatileOperators(names)
            }
        }
        return catalogue
    }
}
