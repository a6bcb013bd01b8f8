import TestSupport
import Testing

/// Each runs a program of `Tests/Lab` with and without Glovebox, and what isn't listed as differing must be the same.
@Suite("Drivers and tools answer as they do without Glovebox", .serialized, .timeLimit(.minutes(3)))
struct DriverTests {
    @Test("asyncpg: its own look at types, binary results, cursors, COPY, time-outs, pools")
    func asyncpg() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.asyncpg, under: lease, in: lab)
            #expect(
                answers["masked"].contains("id=3 email='‹email:") && answers["masked"].contains("date_of_birth=None"))
            #expect(answers["refused"].contains("InsufficientPrivilegeError 42501"))
            #expect(answers["refused"].contains("[statement_refused]"))
            #expect(answers["refused in the extended protocol"].contains("ReadOnlySQLTransactionError 25006"))
        }
    }

    @Test("SQLAlchemy with psycopg and asyncpg: inspection of every schema, reflection, queries")
    func sqlalchemy() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.sqlalchemy, under: lease, in: lab)
            for driver in ["psycopg", "asyncpg"] {
                #expect(answers["\(driver) masked"].hasPrefix("[(1, '‹email:"))
                #expect(answers["\(driver) refused"].contains("[predicate_refused]"))
                #expect(answers["\(driver) tables"].contains("museum.room_sizes"))
            }
        }
    }

    @Test("pgcli: what it asks for its completion, and its commands")
    func pgcli() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.pgcli, under: lease, in: lab)
            #expect(answers[LabProgram.pgcliMasked].contains("(3, '‹email:"))
            #expect(answers["run DROP TABLE customers"].contains("[statement_refused]"))
            #expect(answers["functions"].contains("'twice'"))
        }
    }

    @Test("libpq 18: how a connection begins, pipelines, cursors, places of errors, large objects, notices")
    func libpq() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.libpq, under: lease, in: lab)
            #expect(answers["at most 3.2"] == "'in'" && answers["the latest"] == "'in'")
            #expect(answers["at least 3.2"].contains("server only supports protocol version 3.0"))
            #expect(answers["direct TLS"] == "'in'")
            #expect(answers["read-write"].contains("session is read-only"))
            // What a client sets at start-up that a session doesn't have, it's told of.
            #expect(answers["options"] == "'in'")
            #expect(
                answers["pipeline"]
                    == #"['TUPLES_OK', b'2', "FATAL_ERROR 25006 ERROR:  a read lease runs only what can't write, and this would DELETE [statement_writes]", 'PIPELINE_ABORTED', 'PIPELINE_SYNC', 'TUPLES_OK', b'5', 'PIPELINE_SYNC', 'goes on']"#
            )
            #expect(
                answers["failed transaction"].matches(of: /42501 [^"]*\[statement_refused\]/).count == 2
                    && answers["failed transaction"].contains("25P02")
                    && answers["failed transaction"].hasSuffix("'ROLLBACK', ('goes on',)]"))
            // A function that the database doesn't have is refused before it's looked for, without a place.
            #expect(
                answers["places"]
                    == "[('42601', '13'), ('42601', '13'), ('42703', '13'), ('42703', '13'), ('42883', ''), ('42883', ''), ('42703', '14'), ('42703', '14')]"
            )
            for question in ["large object by SQL", "function call"] {
                #expect(answers[question].contains("42501") && answers[question].contains("[function_refused]"))
            }
            #expect(answers["masked"].hasPrefix("(3, '‹email:"))
        }
    }

    @Test("JDBC: all of its metadata, as database browsers ask for it")
    func metadata() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.jdbc("metadata"), under: lease, in: lab)
            #expect(answers["museum columns"].contains("items") && answers.questions.count > 70)
        }
    }

    @Test("JDBC: statements that turn to the server and to binary, portals by the piece, time-outs, COPY")
    func reading() async throws {
        let lab = try await Lab.get()
        try await lab.withLease { lease in
            let answers = try await Answers.compared(.jdbc("reading"), under: lease, in: lab)
            #expect(answers["portal"] == "300 45150 5")
        }
    }

    @Test("JDBC under a lease that may write: batches, keys, COPY, refusals, notifications")
    func writing() async throws {
        let lab = try await Lab.get()
        try await lab.withLease(capabilities: ["read", "write"]) { lease in
            let answers = try await Answers.given(LabProgram.jdbc("writing").arguments, lease.variables)
            #expect(answers["batch"] == "300" && answers["keys"] == "1" && answers["copy"] == "1")
            #expect(answers["violation"].contains("SQLSTATE 23505"))
            #expect(answers["masked"].matches(of: /5\|‹email:[0-9a-z]{16}›\|null\|‹card:/).count >= 1)
            #expect(answers["refused"].contains("SQLSTATE 42501") && answers["refused"].contains("[statement_refused]"))
            #expect(answers["large object"].contains("SQLSTATE 0A000"))
            #expect(answers["large object"].contains("[function_call_refused]"))
            #expect(answers["after it"] == "[goes on]")
            // What's in a payload nobody knows.
            #expect(answers["notification"].contains(/^‹unknown_origin:[0-9a-z]{16}›$/))
            #expect(try await lab.shop.database.sql("SELECT count(*) FROM orders WHERE id >= 7000000") == "301")
        }
    }
}
