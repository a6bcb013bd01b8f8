import GloveboxCore
import PostgresAccess
import PostgresWire
import TestSupport
import Testing

/// Values of other tables, other people's statements and secrets that PostgreSQL keeps in relations of its own.
@Suite("PostgreSQL's own relations that hold values", .timeLimit(.minutes(3)))
struct CatalogueValuesTests {
    @Test("statistics, statements, password hashes and user mappings show nothing, even to a superuser's session")
    func classified() async throws {
        let server = try await PostgresServer.start(settings: ["shared_preload_libraries = 'pg_stat_statements'"])
        let database = try await server.makeShop(customers: 10)
        try await database.sql(
            """
            CREATE EXTENSION pg_stat_statements;
            CREATE EXTENSION postgres_fdw;
            CREATE TABLE plain (word text, other text);
            INSERT INTO plain SELECT 'sesame-4711', 'sesame-4712' FROM generate_series(1, 100);
            INSERT INTO plain SELECT 'barley-' || n, 'barley-' || n FROM generate_series(1, 300) n;
            CREATE STATISTICS both_words (mcv) ON word, other FROM plain;
            CREATE STATISTICS backwards ON (reverse(word)) FROM plain;
            ANALYZE plain;
            CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
            CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'x', password 'mapping-4713');
            CREATE ROLE keeper PASSWORD 'not-told';
            COMMENT ON TABLE plain IS 'statement-4714';
            """)
        let hash = try await database.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'keeper'")
        let secrets = [
            "sesame-4711", "1174-emases", "barley-17", "mapping-4713", "statement-4714", "activity-4715", hash,
        ]
        let busy = Task { try await database.sql("SELECT 'activity-4715', pg_sleep(100)") }
        defer { busy.cancel() }
        let running = "FROM pg_stat_activity WHERE query LIKE 'SELECT ''activity-4715%'"
        try await eventually("the other's statement") { try await database.sql("SELECT count(*) \(running)") == "1" }
        // Everything is there to be found.
        for (secret, place) in [
            ("sesame-4711", "most_common_vals::text FROM pg_stats WHERE tablename = 'plain' AND attname = 'word'"),
            ("sesame-4711", "stavalues1::text FROM pg_statistic WHERE starelid = 'plain'::regclass AND staattnum = 1"),
            ("sesame-4711", "most_common_vals::text FROM pg_stats_ext"),
            ("1174-emases", "most_common_vals::text FROM pg_stats_ext_exprs"), ("activity-4715", "query \(running)"),
            ("mapping-4713", "umoptions::text FROM pg_user_mapping"),
            ("statement-4714", "string_agg(query, '') FROM pg_stat_statements"),
        ] {
            #expect(try await database.sql("SELECT \(place)").contains(secret), "\(place)")
        }

        var target = try PostgresTarget.shop(database)
        target.signIns[.read] = PostgresTarget.SignIn(user: PostgresServer.superuser, credential: nil)
        target.allowsSuperuser = true
        target.allowsWritingReader = true
        target.disclosures = 10_000
        try await LoopbackGlovebox.run(target: target) { glovebox in
            let client = try await RawClient.signedIn(glovebox, glovebox.lease())
            for (relation, columns) in [
                ("pg_stats", ["most_common_vals", "histogram_bounds"]), ("pg_statistic", ["stavalues1", "stavalues2"]),
                ("pg_stats_ext", ["most_common_vals"]), ("pg_stats_ext_exprs", ["most_common_vals"]),
                ("pg_statistic_ext_data", ["stxdmcv", "stxdexpr"]), ("pg_stat_activity", ["query"]),
                ("pg_stat_statements", ["query"]), ("pg_authid", ["rolpassword"]), ("pg_shadow", ["passwd"]),
                ("pg_user_mapping", ["umoptions"]), ("pg_user_mappings", ["umoptions"]),
                ("information_schema.user_mapping_options", ["option_value"]),
            ] {
                let expressions = columns.flatMap {
                    ["r.\($0)", "r.\($0)::text", "upper(r.\($0)::text)", "to_json(r.\($0))"]
                }
                for sql in [
                    "TABLE \(relation)", "SELECT r FROM \(relation) r", "SELECT to_jsonb(r) FROM \(relation) r",
                    "SELECT (to_jsonb(r) -> '\(columns[0])')::text FROM \(relation) r",
                    "SELECT \(expressions.joined(separator: ", ")) FROM \(relation) r",
                    "WITH c AS MATERIALIZED (SELECT * FROM \(relation)) SELECT x.* FROM c x",
                    "SELECT (SELECT string_agg(\(columns[0])::text, ' ') FROM \(relation))",
                ] {
                    let answer = try await client.query(sql)
                    #expect(answer.errors.isEmpty && !answer.rows.isEmpty, "\(sql): \(answer.errors)")
                    let cells = answer.rows.flatMap { $0 }.compactMap { $0?.lowercased() }
                    for secret in secrets {
                        #expect(!cells.contains { $0.contains(secret.lowercased()) }, "\(sql) shows \(secret)")
                    }
                }
                for condition in ["\(columns[0])::text LIKE '%4%'", "length(\(columns[0])::text) > 9"] {
                    let sql = "SELECT 1 FROM \(relation) WHERE \(condition)"
                    let error = try #require(await client.query(sql).errors.first, "\(sql)")
                    #expect(error.message.hasSuffix("[predicate_refused]"), "\(sql): \(error)")
                }
                // COPY takes tables, not views, and no column of a type without input.
                let copied = try await glovebox.psql(glovebox.lease(), "COPY (SELECT * FROM \(relation)) TO STDOUT;")
                #expect(copied.errors == "" && !copied.output.isEmpty, "\(copied.errors)")
                for secret in secrets {
                    #expect(!copied.output.contains(secret), "COPY of \(relation) shows \(secret)")
                }
            }
            for sql in [
                "SELECT * FROM pg_stat_get_activity(NULL)", "SELECT pg_stat_get_backend_activity(1)",
                "SELECT * FROM pg_stat_statements(true)", "SELECT query FROM public.pg_stat_statements(true)",
                "SELECT (pg_stat_get_activity(NULL)).query",
            ] {
                let error = try #require(await client.query(sql).errors.first, "\(sql)")
                #expect(error.message.hasSuffix("_refused]"), "\(sql): \(error)")
            }
        }
        _ = try await database.sql("SELECT pg_terminate_backend(pid) \(running)")
        try await server.stop()
    }
}
