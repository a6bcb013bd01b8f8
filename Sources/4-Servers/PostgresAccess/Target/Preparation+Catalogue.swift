import GloveboxCore
import Redaction
import SensitiveNames

/// What is asked of the catalogue.
extension Preparation {
    /// Whatever the role, or any role that it could SET ROLE to, may write or owns.
    var writableStatement: String {
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

    /// Which relations there are, and how many columns each has had: what isn't among them is new, and nobody knows what's
    /// in it. A schema's in one row, since there are thousands.
    static let relationsStatement = """
        SELECT n.nspname, pg_catalog.array_to_string(pg_catalog.array_agg(c.oid::pg_catalog.text), ','), \
        pg_catalog.array_to_string(pg_catalog.array_agg(c.relnatts::pg_catalog.text), ','), \
        pg_catalog.array_to_string(pg_catalog.array_agg(c.relname::pg_catalog.text), pg_catalog.chr(1))
        FROM (SELECT oid, relnatts, relname, relnamespace, \
        pg_catalog.row_number() OVER (PARTITION BY relnamespace) / 5000 AS part \
        FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')) c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace GROUP BY n.nspname, c.part
        """

    /// What the columns of the database's own relations are called, each name once: some say what they hold.
    static let namesStatement = """
        SELECT DISTINCT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        """

    /// Of a function `p` that isn't PostgreSQL's own, in a language in which it may read what it likes. What is written in C
    /// is an extension's, and computes.
    private static let isForeign = """
        p.oid >= 16384 AND p.prolang NOT IN \
        (SELECT l.oid FROM pg_catalog.pg_language l WHERE l.lanname IN ('internal', 'c'))
        """

    /// Rows of a kind each, a schema's names in one value, since there are thousands: functions, aggregates with what they
    /// are made of; operators and types whose functions are volatile, or aren't PostgreSQL's own; and functions that aren't
    /// and can be called with one value, in the third column those whose value may be a row.
    ///
    /// A value of a type is made by its input function, by casts, and by what a domain checks (`conbin` names the functions
    /// by their numbers); and as a part of a domain, an array or a row.
    static let functionsStatement = """
        SELECT 'function', n.nspname, p.provolatile = 'v' OR (g.aggfnoid IS NOT NULL AND EXISTS (
          SELECT FROM pg_catalog.pg_proc s WHERE s.provolatile = 'v' AND s.oid IN (g.aggtransfn, g.aggfinalfn, g.aggcombinefn,
          g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn))), p.proretset, \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT p.proname::pg_catalog.text), pg_catalog.chr(1)), NULL
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        LEFT JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid GROUP BY 2, 3, 4
        UNION ALL
        SELECT 'operator', NULL, p.provolatile = 'v', false, \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT o.oprname::pg_catalog.text), pg_catalog.chr(1)), NULL
        FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode WHERE p.provolatile = 'v' GROUP BY 3
        UNION ALL
        SELECT 'foreign operator', NULL, false, false, \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT o.oprname::pg_catalog.text), pg_catalog.chr(1)), NULL
        FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode WHERE \(isForeign) GROUP BY 3
        UNION ALL
        SELECT 'foreign attribute', NULL, t.typtype IN ('c', 'd', 'p'), false, \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT p.proname::pg_catalog.text), pg_catalog.chr(1)), NULL
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.pronargs - p.pronargdefaults <= 1 GROUP BY 3
        UNION ALL
        (WITH RECURSIVE made (id, volatile) AS (
          (SELECT t.oid, true FROM pg_catalog.pg_type t
          WHERE t.typinput IN (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.provolatile = 'v')
          OR t.typreceive IN (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.provolatile = 'v')
          UNION ALL
          SELECT c.casttarget, true FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
          WHERE p.provolatile = 'v'
          UNION ALL
          SELECT c.castsource, true FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
          WHERE p.provolatile = 'v' AND c.castcontext = 'i'
          UNION ALL
          SELECT k.contypid, true FROM pg_catalog.pg_constraint k CROSS JOIN LATERAL
          pg_catalog.regexp_matches(k.conbin::pg_catalog.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m (found)
          JOIN pg_catalog.pg_proc p ON p.oid = m.found[1]::pg_catalog.oid WHERE k.contypid <> 0 AND p.provolatile = 'v'
          UNION ALL
          SELECT c.casttarget, false FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc
          WHERE c.casttarget >= 16384 AND \(isForeign))
          UNION
          SELECT u.id, m.volatile FROM made m CROSS JOIN LATERAL (
            SELECT t.oid FROM pg_catalog.pg_type t WHERE t.typbasetype = m.id
            UNION ALL
            SELECT t.typarray FROM pg_catalog.pg_type t WHERE t.oid = m.id
            UNION ALL
            SELECT c.reltype FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
            WHERE a.atttypid = m.id AND a.attnum > 0
            UNION ALL
            SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngsubtype = m.id) u (id)
          WHERE m.id >= 16384 AND u.id <> 0)
        SELECT 'type', NULL, m.volatile, false, \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT t.typname::pg_catalog.text), pg_catalog.chr(1)), \
        pg_catalog.array_to_string(pg_catalog.array_agg(DISTINCT t.oid::pg_catalog.text), ',')
        FROM made m JOIN pg_catalog.pg_type t ON t.oid = m.id GROUP BY 3)
        """

    /// The classified columns, a row each: the number of what classifies it; its table and attribute; schema, table and
    /// column by name; all columns of the table; and whether it's classified for itself (true), or only reached through a
    /// view, whose definition then decides.
    ///
    /// A column that is to be shown has a row as well, if it's there: its number is -1 less the column's place in the
    /// configuration, and in place of the table's columns stands whether its type isn't PostgreSQL's own.
    func columnsStatement(_ names: CatalogueNames) -> String {
        self.reached(names) + """
            SELECT r.number, r.relid, r.attnum, n.nspname, c.relname, r.attname, (
              SELECT pg_catalog.array_to_string(pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum), pg_catalog.chr(1))
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = r.relid AND a.attnum > 0 AND NOT a.attisdropped), r.direct
            FROM reached r JOIN pg_catalog.pg_class c ON c.oid = r.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            UNION ALL
            SELECT -1 - s.number, a.attrelid, a.attnum, n.nspname, c.relname, a.attname,
              CASE WHEN a.atttypid >= 16384 THEN 'own type' END, false
            FROM shown s JOIN pg_catalog.pg_namespace n ON n.nspname = s.nspname
            JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.relname
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname AND a.attnum > 0
            """
    }

    /// The views of the database's own over what is classified, or over what functions give that may read anything, however
    /// many lie between.
    func viewsStatement(_ names: CatalogueNames) -> String {
        self.reached(names) + """
            , through (relid) AS (
              (SELECT r.relid FROM reached r WHERE r.direct
              UNION
              SELECT w.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
              WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND (
                (d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                  AND d.refobjid IN (SELECT p.oid FROM pg_catalog.pg_proc p WHERE \(Self.isForeign)))
                OR (d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.refobjid IN (
                  SELECT o.oid FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
                  WHERE \(Self.isForeign)))))
              UNION
              SELECT w.ev_class FROM through t JOIN pg_catalog.pg_depend d ON d.refobjid = t.relid
                AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid)
            SELECT c.oid, n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid), (
              SELECT pg_catalog.array_to_string(pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum), pg_catalog.chr(1))
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
            FROM through t JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('v', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY c.oid
            """
    }

    /// What the configuration, Glovebox itself and names classify, and what that reaches: children and partitions by name,
    /// generated columns, and, so that a view's column is called what it shows, views.
    private func reached(_ names: CatalogueNames) -> String {
        let places = names.classifications.enumerated().map { index, classification in
            "(\(index), \(literal(classification.schema)), \(literal(classification.table)), \(literal(classification.column)))"
        }
        let shown = self.target.shown.enumerated().map { index, column in
            "(\(index), \(literal(column.schema)), \(literal(column.table)), \(literal(column.column)))"
        }
        let telling = names.telling.enumerated().map { index, name in
            "(\(names.classifications.count + index), \(literal(name.name)), \(name.kind == .birthDate))"
        }
        return """
            WITH RECURSIVE named (number, nspname, relname, attname) AS (VALUES \(places.joined(separator: ", "))),
            shown (number, nspname, relname, attname) AS (VALUES \((shown + ["(NULL::int, NULL, NULL, NULL)"]).joined(separator: ", "))),
            shown_reached (relid, attname) AS (
              SELECT c.oid, s.attname FROM shown s JOIN pg_catalog.pg_namespace n ON n.nspname = s.nspname
              JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.relname
              UNION
              SELECT i.inhrelid, s.attname FROM shown_reached s JOIN pg_catalog.pg_inherits i ON i.inhparent = s.relid),
            telling (number, attname, is_date) AS (VALUES \((telling + ["(NULL::int, NULL, false)"]).joined(separator: ", "))),
            reached (number, relid, attnum, attname, direct) AS (
              (SELECT named.number, a.attrelid, a.attnum, a.attname, true
              FROM named JOIN pg_catalog.pg_namespace n ON n.nspname = named.nspname
              JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = named.relname
              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = named.attname AND a.attnum > 0
              UNION ALL
              SELECT t.number, a.attrelid, a.attnum, a.attname, true
              FROM telling t JOIN pg_catalog.pg_attribute a ON a.attname = t.attname AND a.attnum > 0
              JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              WHERE a.atttypid <> 'pg_catalog.bool'::pg_catalog.regtype
              AND (t.is_date OR a.atttypid NOT IN (1082, 1083, 1114, 1184, 1186, 1266))
              AND NOT (a.attname ~* 'ids?$' AND a.atttypid IN (20, 21, 23) AND EXISTS (
                SELECT FROM pg_catalog.pg_constraint k
                WHERE k.conrelid = a.attrelid AND k.contype IN ('p', 'f') AND a.attnum = ANY (k.conkey)))
              AND NOT EXISTS (SELECT FROM shown_reached s WHERE s.relid = a.attrelid AND s.attname = a.attname)
              UNION ALL
              SELECT t.number, a.attrelid, a.attnum, a.attname, true
              FROM telling t JOIN pg_catalog.pg_attribute f ON f.attname = t.attname AND f.attnum > 0
              AND f.atttypid <> 'pg_catalog.bool'::pg_catalog.regtype
              AND (t.is_date OR f.atttypid NOT IN (1082, 1083, 1114, 1184, 1186, 1266))
              JOIN pg_catalog.pg_type y ON y.typrelid = f.attrelid
              CROSS JOIN LATERAL (VALUES (y.oid), (y.typarray)) u (id)
              JOIN pg_catalog.pg_attribute a ON a.atttypid = u.id AND a.atttypid >= 16384 AND a.attnum > 0
              JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              WHERE NOT EXISTS (SELECT FROM shown_reached s WHERE s.relid = a.attrelid AND s.attname = a.attname))
              UNION
              SELECT r.number, x.attrelid, x.attnum, x.attname, r.direct AND x.direct FROM reached r CROSS JOIN LATERAL (
                SELECT a.attrelid, a.attnum, a.attname, true FROM pg_catalog.pg_inherits i
                JOIN pg_catalog.pg_attribute a ON a.attrelid = i.inhrelid AND a.attname = r.attname
                WHERE i.inhparent = r.relid
                UNION ALL
                SELECT a.attrelid, a.attnum, a.attname, true FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_attribute a ON a.attrelid = r.relid AND a.attgenerated <> '' AND a.attnum = CASE
                  WHEN d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.relid THEN d.objsubid
                  ELSE (SELECT f.adnum FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid
                    AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.adrelid = r.relid) END
                WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.refobjid = r.relid AND d.refobjsubid = r.attnum
                UNION ALL
                SELECT a.attrelid, a.attnum, a.attname, false FROM pg_catalog.pg_depend d
                JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid AND w.ev_class <> r.relid
                JOIN pg_catalog.pg_attribute a ON a.attrelid = w.ev_class AND a.attnum > 0
                WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                  AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.refobjid = r.relid AND d.refobjsubid = r.attnum
                  AND (a.attname = r.attname OR NOT EXISTS (
                    SELECT FROM pg_catalog.pg_attribute o WHERE o.attrelid = w.ev_class AND o.attname = r.attname AND o.attnum > 0))
              ) x (attrelid, attnum, attname, direct))

            """
    }

    /// With standard_conforming_strings on, doubling the quotes is all.
    private func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
}

/// What classifies columns in a database.
struct CatalogueNames: Sendable {
    struct Telling: Sendable {
        var name: String
        var kind: SensitiveName.Kind
    }

    /// By place: the configuration's, then those of every database.
    let classifications: [Classification]
    /// How many of `classifications` are the configuration's.
    let configured: Int
    /// Names of columns that say what they hold.
    let telling: [Telling]

    init(_ names: [String], _ target: PostgresTarget) {
        self.classifications = target.classifications + Self.ofEveryDatabase
        self.configured = target.classifications.count
        self.telling = names.sorted().compactMap { name in
            NameSegments.judge(name).map { Telling(name: name, kind: $0.kind) }
        }
    }

    /// What a row's number stands for.
    func kind(_ number: Int) -> Kind? {
        if self.classifications.indices.contains(number) { return self.classifications[number].kind }
        let index = number - self.classifications.count
        return self.telling.indices.contains(index) ? Kind(self.telling[index].kind.rawValue) : nil
    }

    /// How often the transaction at hand has read something: of a statement before, whose parts are run or not as a
    /// classified value decides.
    private static let countersOfTables = ["seq_scan", "seq_tup_read", "idx_scan", "idx_tup_fetch"]

    /// PostgreSQL's own columns that hold values of other tables, other people's statements, or secrets; where they are
    /// missing, that's no error.
    private static let ofEveryDatabase: [Classification] =
        [
            ("pg_stat_activity", ["query"], "query_text"), ("pg_prepared_statements", ["statement"], "query_text"),
            ("pg_cursors", ["statement"], "query_text"),
            ("pg_stats", ["most_common_vals", "histogram_bounds", "most_common_elems"], "statistics"),
            ("pg_stats_ext", ["most_common_vals"], "statistics"),
            ("pg_stats_ext_exprs", ["most_common_vals", "histogram_bounds", "most_common_elems"], "statistics"),
            ("pg_statistic", (1...5).map { "stavalues\($0)" }, "statistics"),
            ("pg_statistic_ext_data", ["stxdmcv", "stxdexpr"], "statistics"),
            ("pg_stat_xact_all_tables", Self.countersOfTables, "statistics"),
            ("pg_stat_xact_sys_tables", Self.countersOfTables, "statistics"),
            ("pg_stat_xact_user_tables", Self.countersOfTables, "statistics"),
            ("pg_stat_xact_user_functions", ["calls", "total_time", "self_time"], "statistics"),
            ("pg_authid", ["rolpassword"], "password_hash"), ("pg_shadow", ["passwd"], "password_hash"),
            ("pg_user_mapping", ["umoptions"], "credential"), ("pg_user_mappings", ["umoptions"], "credential"),
            ("pg_subscription", ["subconninfo"], "credential"), ("pg_largeobject", ["data"], "large_object"),
        ].flatMap { table, columns, kind in
            columns.map { Classification(schema: "pg_catalog", table: table, column: $0, kind: Kind(kind)) }
        } + [
            Classification(
                schema: "information_schema", table: "user_mapping_options", column: "option_value",
                kind: Kind("credential")),
            Classification(
                schema: "information_schema", table: "_pg_user_mappings", column: "umoptions", kind: Kind("credential")),
        ]
        + ["public", "pg_catalog"].map {
            Classification(schema: $0, table: "pg_stat_statements", column: "query", kind: Kind("query_text"))
        }
}
