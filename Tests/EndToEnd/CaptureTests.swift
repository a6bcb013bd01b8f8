import Glibc
import TestSupport
import Testing

/// Promises 1 and 2. Installations of their own, so that all which they made is searched.
@Suite("Nothing secret leaves the agent's host, and no token is kept", .serialized, .timeLimit(.minutes(3)))
struct CaptureTests {
    /// Every column of every table, in every way that they can be asked for.
    private static let script = """
        SELECT * FROM customers;
        SELECT * FROM orders;
        SELECT * FROM payments;
        TABLE customers;
        SELECT * FROM customers JOIN orders ON customer_id = customers.id JOIN payments ON order_id = orders.id LIMIT 500;
        SELECT * FROM (SELECT * FROM customers OFFSET 0) AS inner_query;
        WITH everybody AS (SELECT * FROM customers) SELECT * FROM everybody ORDER BY country DESC;
        SELECT DISTINCT email, phone, card, iban, password_hash FROM customers;
        SELECT notes, profile, aliases FROM customers;
        SELECT profile -> 'payments' ->> 'api_key', profile -> 'cloud', response -> 'contact'
        FROM customers, payments WHERE customers.id = payments.id;
        SELECT string_agg(email, ', '), string_agg(card, E'\\n'), array_agg(iban), jsonb_agg(profile) FROM customers;
        SELECT json_build_object('mail', email, 'card', card, 'iban', iban, 'key', profile) FROM customers;
        SELECT row(email, phone, card) FROM customers;
        SELECT 'Dear customer, write to ' || email || ' or call ' || phone FROM customers;
        SELECT unnest(aliases) FROM customers;
        COPY customers TO STDOUT;
        COPY customers TO STDOUT (FORMAT csv, HEADER);
        COPY customers TO STDOUT (FORMAT binary);
        COPY (SELECT * FROM customers ORDER BY id) TO STDOUT;
        COPY orders TO STDOUT;
        COPY payments TO STDOUT (FORMAT csv, FORCE_QUOTE *);
        SELECT full_name::int FROM customers;
        SELECT email::int FROM customers;
        SELECT card::date FROM customers;
        SELECT (iban || phone)::uuid FROM customers;
        SELECT password_hash::jsonb FROM customers;
        SELECT notes::numeric FROM customers WHERE notes IS NOT NULL;
        SELECT date_of_birth::text::int FROM customers;
        SELECT email::bytea::int FROM customers;
        SELECT full_name::regclass FROM customers;
        SELECT profile::text::point FROM customers;
        SELECT to_date(full_name, 'YYYY') FROM customers;
        SELECT set_config('search_path', email, false) FROM customers;
        SELECT set_config(email, '1', false) FROM customers;
        SELECT set_config('application_name', email, false) FROM customers WHERE id < 100;
        SELECT tell();
        SELECT fail();
        BEGIN; DECLARE walk CURSOR FOR SELECT * FROM customers; FETCH 777 FROM walk; FETCH ALL FROM walk; COMMIT;
        PREPARE find (bigint) AS SELECT * FROM customers WHERE id >= $1; EXECUTE find (900);
        EXPLAIN SELECT * FROM customers WHERE email = 'nobody@example.com';
        SELECT 'the end is reached';

        """

    /// Functions of the shop's own that say too much.
    private static let tellers = """
        CREATE FUNCTION tell() RETURNS void STABLE LANGUAGE plpgsql AS $$ DECLARE one record; BEGIN
            FOR one IN SELECT * FROM customers LIMIT 200 LOOP
                RAISE NOTICE '% % % %', one.email, one.phone, one.card, one.iban;
                RAISE WARNING USING MESSAGE = one.email, DETAIL = one.card, HINT = one.iban;
            END LOOP;
        END $$;
        CREATE FUNCTION fail() RETURNS void STABLE LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'on purpose: %', (SELECT profile FROM customers WHERE id = 5);
        END $$;
        """

    @Test("the gateway receives no seeded secret from the tunnel, and nothing holds one: clients, logs, store, journal")
    func capture() async throws {
        let shop = try await Installation.make()
        let search = try await SecretSearch(of: shop.database)
        #expect(search.count > 5_000)
        try await shop.database.sql(Self.tellers)
        let up = try await shop.up()
        let connected = try await ConnectedPort.open(shop.admin)
        let writing = try await ConnectedPort.open(shop.admin, more: ["--write"])
        let proxy = try await RecordingProxy.start(to: connected.port)
        let writingProxy = try await RecordingProxy.start(to: writing.port)

        // Before anything is believed: the search finds what is really there.
        let raw = try await shop.directly(["-A", "-t", "-c", "SELECT * FROM customers"])
        #expect(search.found(in: raw.standardOutput).count == 10)

        let text = try await connected.psql(["-A"], port: proxy.port, input: Self.script)
        #expect(text.output.contains("(1000 rows)") && text.output.contains("‹email:"))
        #expect(search.found(in: text.standardOutput) == [])
        #expect(search.found(in: text.standardError) == [])
        // Every statement was answered as it's meant to be.
        #expect(text.errors.matches(of: /ERROR:/).count == 15, "\(text.errors)")
        #expect(text.errors.matches(of: /\[setting_refused\]/).count == 3)
        // What functions raise between rows would tell by its number.
        #expect(text.errors.matches(of: #/(NOTICE|WARNING):/#).isEmpty)
        #expect(text.errors.contains("is hidden") && !text.errors.contains("on purpose"))
        for part in ["(777 rows)", "(101 rows)", "QUERY PLAN", "the end is reached"] {
            #expect(text.output.contains(part), "\(part) in \(text.errors.suffix(2000))")
        }

        let binary = try await connected.python(Self.everythingInBinary, port: proxy.port)
        #expect(search.found(in: binary) == [])
        #expect(binary.contains("\\u2039email:"))

        let email = try await shop.directly(["-A", "-t", "-c", "SELECT email FROM customers WHERE id = 21"]).line
        let card = try await shop.directly(["-A", "-t", "-c", "SELECT card FROM customers WHERE id = 22"]).line
        let violations = try await writing.psql(
            ["-A"], port: writingProxy.port,
            input: """
                UPDATE customers SET email = (SELECT email FROM customers WHERE id = 21) WHERE id = 20;
                INSERT INTO customers SELECT * FROM customers WHERE id = 22;
                UPDATE customers SET card = NULL WHERE id = 22;
                UPDATE customers SET email = email RETURNING *;
                UPDATE orders SET customer_id = 999999999 WHERE id = 1;
                SELECT * FROM customers WHERE email = '\(email)';
                INSERT INTO orders SELECT 5000000, 1, 'x', '\(card)', 1, 1, '\(email)', now() RETURNING *;

                """)
        for state in ["duplicate key", "null value", "violates foreign key"] {
            #expect(violations.errors.contains(state))
        }
        #expect(search.found(in: violations.standardOutput) == [])
        #expect(search.found(in: violations.standardError) == [])

        // All records have reached the gateway's log once the sessions' ends have.
        for port in [connected, writing] {
            port.process.signal(SIGINT)
            #expect(await port.process.finished())
            #expect(search.found(in: port.process.output) == [] && search.found(in: port.process.errors) == [])
        }
        try await eventually(timeout: .seconds(30), "the sessions' receipts") {
            try await shop.admin.records(event: "session_ended").count == 3
        }
        let listed = try await shop.admin.glovebox(["audit", "list", "--limit", "0", "--json"])
        #expect(listed.output.contains("UPDATE customers SET email"))
        #expect(search.found(in: listed.standardOutput) == [])

        #expect(proxy.received.count > 3_000_000)
        #expect(search.found(in: proxy.received) == [])
        #expect(writingProxy.received.count > 100_000)
        #expect(search.found(in: writingProxy.received) == [])
        let result = await up.stop()
        #expect(search.found(in: result.standardOutput) == [])
        #expect(search.found(in: result.standardError) == [])
        #expect(filesUnder(shop.state).contains { $0.contains("journal") })
        #expect(try search.found(under: shop.root) == [:])
    }

    private static let everythingInBinary = """
        with connect() as connection:
            for table in ("customers", "orders", "payments"):
                for binary in (True, False):
                    cursor = connection.cursor(binary=binary)
                    cursor.execute(f"SELECT * FROM {table}", prepare=True)
                    show(cursor.fetchall())
            cursor = connection.cursor(binary=True)
            cursor.execute("SELECT array_agg(email), jsonb_agg(profile), array_agg(card), max(iban) FROM customers GROUP BY country")
            show(cursor.fetchall())
            with cursor.copy("COPY customers TO STDOUT (FORMAT binary)") as copy:
                show(sum(len(piece) for piece in copy))
            for statement in ("SELECT full_name::int FROM customers", "SELECT email::date FROM customers WHERE id > %s"):
                try:
                    connection.execute(statement, (3,) if "%s" in statement else None)
                except psycopg.Error as error:
                    show([str(error), error.diag.message_detail, error.diag.message_primary, error.diag.context])
        """

    @Test("lease tokens and invitation codes are in no file, no command line and no log")
    func tokens() async throws {
        let shop = try await Installation.make(customers: 200)
        let up = try await shop.up()
        let lease = try await shop.admin.openLease()
        let connected = try await ConnectedPort.open(shop.admin)
        let invitation = try await shop.admin.ask(Invitation.self, "identity", "invite", "mia", "--role", "member")
        let agent = try await shop.admin.ask(Invitation.self, "agent", "invite", "second")
        let used = try await shop.admin.ask(Invitation.self, "identity", "invite", "mo", "--role", "member")
        let mo = shop.person("mo")
        #expect(
            try await mo.glovebox(["login", "--gateway", shop.gatewayAddress], input: used.code + "\n").status == 0)
        let search = try SecretSearch([lease.token, connected.token, invitation.code, agent.code, used.code])

        // While sessions run, in all the ways to have one.
        let plain = try lease.start("SELECT pg_sleep(71)")
        let piped = try connected.start("SELECT pg_sleep(72)")
        let wrapped = try RunningProcess(
            [Repository.program, "psql", "shop-db", "--", "-X", "-c", "SELECT pg_sleep(73)"],
            environment: shop.admin.environment)
        try await eventually(timeout: .seconds(30), "three running queries") {
            try await shop.database.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(shop.database.name)' AND state = 'active' AND query LIKE 'SELECT pg_sleep(7_)'"
            ) == "3"
        }
        let (commandLines, environments) = try readProcesses()
        #expect(commandLines.contains(Array("pg_sleep(73)".utf8)))
        #expect(search.found(in: commandLines) == [])
        // 'glovebox psql' opens a lease of its own, whose token nobody saw: any token's form counts.
        #expect(String(decoding: commandLines, as: UTF8.self).matches(of: /gbl_[0-9a-z]{32}/).isEmpty)
        let own = environments.filter { $0.contains(Array("GLOVEBOX_HOME=\(shop.root)".utf8)) }
        #expect(own.count >= 2)
        #expect(own.allSatisfy { String(decoding: $0, as: UTF8.self).matches(of: /gb[lia]_[0-9a-z]{26,}/).isEmpty })

        // Ctrl-C comes to a whole group of processes; to one alone SIGTERM is the word.
        for process in [plain, piped] { process.signal(SIGINT) }
        wrapped.signal(SIGTERM)
        for process in [plain, piped, wrapped] { #expect(await process.finished()) }
        connected.process.signal(SIGINT)
        #expect(await connected.process.finished())
        #expect(search.found(in: wrapped.result.standardOutput + wrapped.result.standardError) == [])
        try await shop.admin.endLease(lease)
        let listed = try await shop.admin.glovebox(["audit", "list", "--limit", "0", "--json"])
        #expect(search.found(in: listed.standardOutput) == [])
        #expect(
            search.found(in: try await shop.admin.glovebox(["lease", "list", "--all", "--json"]).standardOutput) == [])
        let result = await up.stop()
        #expect(search.found(in: result.standardOutput + result.standardError) == [])
        #expect(try search.found(under: shop.root) == [:])
    }
}

/// The command lines of all processes, and the environments of those that may be looked at.
private func readProcesses() throws -> (commandLines: [UInt8], environments: [[UInt8]]) {
    var commandLines: [UInt8] = []
    var environments: [[UInt8]] = []
    guard let folder = opendir("/proc") else { throw TestSupportError("no /proc") }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
            String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard Int(name) != nil else { continue }
        commandLines += (try? readFile("/proc/\(name)/cmdline")) ?? []
        if let environment = try? readFile("/proc/\(name)/environ") { environments.append(environment) }
    }
    return (commandLines, environments)
}
