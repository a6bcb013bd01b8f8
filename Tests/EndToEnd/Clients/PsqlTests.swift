import Glibc
import TestSupport
import Testing

@Suite("psql, pg_dump and pgbench", .serialized, .timeLimit(.minutes(3)))
struct PsqlTests {
    @Test("\\copy goes both ways: masked on its way out, as it's sent on its way in")
    func copy() async throws {
        let lab = try await Lab.get()
        let folder = try TemporaryFolder()
        let (out, back) = (folder.file("rooms.csv"), folder.file("customers.txt"))
        // A column of it is generated, which COPY leaves out.
        let whole = "COPY museum.rooms TO STDOUT"
        try await lab.withLease { lease in
            let result = try await lease.psql(
                [],
                input: "\\copy museum.rooms (id, name, mood) to '\(out)' csv header\n\\copy customers to '\(back)'\n")
            #expect(result.errors == "" && result.output == "COPY 300\nCOPY 1000\n")
            let copied = try await lease.psql(["-c", whole])
            #expect(try await copied.output == lab.shop.directly(["-c", whole]).output)
            let refused = try await lease.psql(
                [], input: "\\copy museum.scratch from '\(out)' csv\nSELECT 'goes on';\n")
            #expect(refused.errors.contains("[statement_writes]") && refused.output.contains("goes on"))
        }
        let direct = try await lab.shop.directly([
            "-c", "COPY museum.rooms (id, name, mood) TO STDOUT (FORMAT csv, HEADER)",
        ])
        #expect(try readFile(out) == direct.standardOutput)
        #expect(try await SecretSearch(of: lab.shop.database).found(in: try readFile(back)) == [])
        try await lab.withLease(capabilities: ["read", "write"]) { lease in
            let result = try await lease.psql([], input: "\\copy museum.scratch from '\(out)' with (format text)\n")
            #expect(result.errors == "" && result.output == "COPY 301\n")
        }
        #expect(try await lab.shop.database.sql("SELECT count(*), max(line) FROM museum.scratch") == "301|id,name,mood")
    }

    @Test("Ctrl-C cancels what runs, in a transaction too, and the session goes on")
    func interrupt() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let psql = try lease.atTerminal()
            try psql.write("SELECT 'first ' || pg_sleep(81);\n")
            try await lab.shop.untilRunning(lease, "pg_sleep(81)")
            try psql.write(interruptKey)
            try await psql.printed("canceling statement due to user request")
            try psql.write("BEGIN;\nSELECT 1;\nSELECT pg_sleep(82);\n")
            try await lab.shop.untilRunning(lease, "pg_sleep(82)")
            try psql.write(interruptKey)
            try await eventually(timeout: .seconds(20), "the second cancel") {
                psql.output.matches(of: /canceling statement/).count == 2
            }
            try psql.write("SELECT 2;\nROLLBACK;\nSELECT 'it ' || 'goes on';\n")
            try await psql.printed("it goes on")
            #expect(psql.output.contains("current transaction is aborted"))
            try psql.write("\\q\n")
            #expect(await psql.finished())
        }
    }

    @Test("\\gdesc, \\gexec, \\gset, \\crosstabview, \\timing and \\errverbose do as they do")
    func commands() async throws {
        let lab = try await Lab.get()
        let script = """
            SELECT id, name, size, mood FROM museum.rooms \\gdesc
            SELECT 'SELECT ' || n FROM generate_series(1, 3) n \\gexec
            SELECT max(id) AS largest FROM museum.rooms \\gset
            SELECT :largest;
            SELECT mood, id % 2, count(*) FROM museum.rooms GROUP BY 1, 2 \\crosstabview
            SELECT name FROM museum.rooms WHERE id = 3 \\gx
            SELECT 1/0;
            \\errverbose
            SELECT 1 AS one \\; SELECT 2 AS two, 3;
            \\set AUTOCOMMIT off
            SELECT 4;
            SELECT 1/0;
            SELECT 5;
            ROLLBACK;
            \\set ON_ERROR_ROLLBACK on
            SELECT 1/0;
            SELECT 6;
            COMMIT;
            \\set FETCH_COUNT 7
            SELECT id FROM museum.rooms ORDER BY id LIMIT 30;
            COMMIT;
            SELECT nothing FROM museum.rooms;
            \\x
            EXPLAIN (COSTS off) SELECT * FROM museum.rooms WHERE id = 3;

            """
        try await lab.withLease { lease in
            let (through, direct) = (
                try await lease.psql([], input: script), try await lab.shop.directly([], input: script)
            )
            #expect(through.output == direct.output)
            #expect(through.errors == direct.errors)
            #expect(direct.errors.matches(of: /division by zero/).count >= 3)
            let timed = try await lease.psql(["-c", "\\timing", "-c", "SELECT 1"])
            #expect(timed.output.contains("Time: "))
        }
    }

    @Test("\\watch runs until it's interrupted")
    func watch() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let psql = try lease.atTerminal()
            try psql.write("SELECT 'ro' || 'und' \\watch 0.05\n")
            try await eventually(timeout: .seconds(20), "three rounds") { psql.output.matches(of: /round/).count >= 3 }
            try psql.write(interruptKey)
            try psql.write("SELECT 'it ' || 'goes on';\n")
            try await psql.printed("it goes on")
            try psql.write("\\q\n")
            #expect(await psql.finished())
        }
    }

    @Test(
        "large objects are listed; reading and writing them, by psql's commands or by SQL, is refused in words, and the session goes on"
    )
    func largeObjects() async throws {
        let lab = try await Lab.get()
        let folder = try TemporaryFolder()
        let number = try await lab.shop.database.sql("SELECT min(oid) FROM pg_largeobject_metadata")
        for capabilities in [["read"], ["read", "write"]] {
            try await lab.withLease(capabilities: capabilities) { lease in
                let file = try folder.write("in", "something")
                let result = try await lease.psql(
                    [],
                    input: """
                        \\lo_list
                        \\lo_export \(number) '\(folder.file("out"))'
                        \\lo_import '\(file)'
                        SELECT lo_get(\(number));
                        SELECT lo_from_bytea(0, 'by SQL');
                        SELECT 'goes on';

                        """)
                #expect(result.output.contains("a picture") && result.output.contains("goes on"))
                #expect(
                    result.errors.matches(of: /ERROR:  .* \[function_call_refused\]/).count == 2, "\(result.errors)")
                #expect(result.errors.matches(of: /ERROR:  .* \[function_refused\]/).count == 2, "\(result.errors)")
                #expect(access(folder.file("out"), F_OK) != 0)
            }
        }
    }

    @Test("what graphical browsers ask of the catalogue is answered")
    func browsers() async throws {
        let lab = try await Lab.get()
        let script = ["-q", "-f", Repository.file("Tests/Lab/browsers.sql")]
        let direct = try await lab.shop.directly(script)
        #expect(direct.errors == "" && direct.output.contains("== DataGrip"))
        try await lab.withLease { lease in
            let through = try await lease.psql(script)
            #expect(through.errors == "")
            // As many lines, but for the sessions and locks that there are at the moment.
            #expect(through.output.contains("items_title") && through.output.contains("thing 300"))
            #expect(!through.output.contains("museum-mapping-password"))
        }
    }

    // MARK: pg_dump

    @Test("a dump of what isn't classified is the same as without Glovebox: schema, data, every format")
    func dump() async throws {
        let lab = try await Lab.get()
        let folder = try TemporaryFolder()
        // Rows that a policy keeps from the role can't be dumped by anybody but their owner.
        let arguments = ["-n", "museum", "-T", "museum.guards", "--restrict-key=lab"]
        try await lab.withLease { lease in
            for more in [
                [], ["--inserts"], ["--schema-only", "--no-owner"], ["--serializable-deferrable", "--data-only"],
            ] {
                let through = try await lease.pgDump(arguments + more)
                let direct = try await runClient(["pg_dump", "-w"] + arguments + more, lab.directly)
                #expect(through.status == 0 && through.errors == direct.errors, "\(through.errors)")
                #expect(through.output == direct.output)
                #expect(more == ["--schema-only", "--no-owner"] || through.output.contains("thing 300"))
            }
            let archive = try await lease.pgDump(arguments.dropLast() + ["-Fc", "-f", folder.file("archive")])
            #expect(archive.status == 0, "\(archive.errors)")
            let restored = try await Subprocess.run(["pg_restore", "-f", "-", folder.file("archive")])
            #expect(restored.status == 0 && restored.output.contains("thing 300"))
            // An error of PostgreSQL's in the middle of it is told as it is.
            let guarded = try await lease.pgDump(["-t", "museum.guards"])
            #expect(
                guarded.status == 1 && guarded.errors.contains("query would be affected by row-level security policy"),
                "\(guarded.errors)")
            let parallel = try await lease.pgDump([
                "-j", "2", "-Fd", "-f", folder.file("parallel"), "-t", "museum.rooms",
            ])
            #expect(parallel.status == 1 && parallel.errors.contains("[function_refused]"), "\(parallel.errors)")
        }
    }

    @Test("a dump of the whole database has pseudonyms where something is classified, and no secret")
    func wholeDump() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            // Of `seeded` the role can't read anything.
            let arguments = ["-T", "museum.guards", "-N", "seeded"]
            let withLargeObjects = try await lease.pgDump(arguments)
            #expect(withLargeObjects.status == 1 && withLargeObjects.errors.contains("[function_call_refused]"))
            let dump = try await lease.pgDump(arguments + ["--no-blobs"])
            #expect(dump.status == 0, "\(dump.errors)")
            #expect(dump.output.contains("COPY public.customers") && dump.output.contains("COPY museum.items"))
            #expect(dump.output.contains("CREATE USER MAPPING FOR public SERVER elsewhere"))
            #expect(dump.output.matches(of: /‹email:[0-9a-z]{16}›/).count >= 1000)
            #expect(!dump.output.contains("museum-mapping-password"))
            #expect(try await SecretSearch(of: lab.shop.database).found(in: dump.standardOutput) == [])
        }
    }

    // MARK: pgbench

    @Test("pgbench: simple, extended, prepared and pipelined, for reading and for writing")
    func pgbench() async throws {
        let lab = try await Lab.get()
        let folder = try TemporaryFolder()
        let pipelined = try folder.write(
            "pipelined.sql",
            """
            \\set id random(1, 200)
            \\startpipeline
            SELECT id, name FROM museum.rooms WHERE id = :id;
            SELECT abalance FROM pgbench_accounts WHERE aid = :id;
            SELECT count(*) FROM museum.items WHERE room = :id;
            \\endpipeline

            """)
        func bench(_ lease: OpenedLease, _ arguments: [String]) async throws {
            let result = try await runClient(
                ["pgbench", "-n", "-c", "4", "-j", "2", "-t", "25"] + arguments, lease.variables)
            #expect(result.status == 0, "\(arguments) \(result.errors)")
            #expect(result.output.contains("number of transactions actually processed: 100/100"), "\(arguments)")
            #expect(result.output.contains("number of failed transactions: 0"), "\(arguments)")
        }
        try await lab.withLease { lease in
            for mode in ["simple", "extended", "prepared"] {
                try await bench(lease, ["-S", "-M", mode])
                if mode != "simple" { try await bench(lease, ["-f", pipelined, "-M", mode]) }
            }
            let writing = try await runClient(["pgbench", "-n", "-t", "1"], lease.variables)
            #expect(writing.status != 0 && writing.errors.contains("[statement_writes]"))
        }
        try await lab.withLease(capabilities: ["read", "write"]) { lease in
            for mode in ["simple", "extended", "prepared"] { try await bench(lease, ["-b", "tpcb-like", "-M", mode]) }
        }
        #expect(try await lab.shop.database.sql("SELECT count(*) FROM pgbench_history") == "300")
    }
}

/// What a terminal sends for Ctrl-C.
private let interruptKey = "\u{3}"

extension OpenedLease {
    /// psql at a terminal of its own. What's typed comes back in its output.
    fileprivate func atTerminal() throws -> RunningProcess {
        try RunningProcess(
            ["script", "-q", "-e", "-c", "psql -X -w -A -t -P pager=off", "/dev/null"],
            environment: self.variables.merging([
                "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TERM": "dumb",
                "SHELL": "/bin/sh",
            ]) { $1 }, input: .open)
    }
}
