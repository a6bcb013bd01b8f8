import GloveboxCore
import PostgresWire
import Redaction
import Statements

/// A stored column, as RowDescription names it.
struct ColumnID: Hashable, Sendable {
    var table: UInt32
    var attribute: Int16
}

/// What an agent does on a fresh connection before a session begins: it asks whom it signed in as and, where that isn't
/// known from another session of the last minute, reads from the catalogue what ``TargetKnowledge`` holds.
///
/// A classification also holds for the columns of the same name in tables that inherit or are partitions, for columns
/// that are generated from it, and for what views show of it.
struct Preparation: Sendable {
    let target: PostgresTarget
    let capability: Capability
    let lease: LeaseID
    let limits: Limits
    /// Whether the catalogue is read as well.
    var readsCatalogue = false

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
    /// - Parameter isPlain: only what poolers know how to pass on (PgBouncer's manual, "ignore_startup_parameters").
    /// - Returns: the parameters, and the names of the client's that weren't passed on.
    /// - Throws: `invalid_argument` for another database or encoding than the session can have.
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

    // MARK: Rounds

    /// The statements of the next round trip, each answered in order.
    ///
    /// - Parameter answers: the rows of each statement so far, as text.
    /// - Returns: nil when nothing is left to ask.
    func statements(after answers: [[[String?]]]) throws(GloveboxError) -> String? {
        switch answers.count {
        case 0 where self.readsCatalogue:
            return [
                Self.uncompiled, Self.resetting, self.roleStatement, self.writableStatement, Self.relationsStatement,
                Self.functionsStatement,
                Self.namesStatement,
            ].joined(separator: ";\n")
        case 0: return [Self.resetting, self.roleStatement].joined(separator: ";\n")
        case 5:
            let names = CatalogueNames(answers[4].compactMap { $0.first ?? nil }, self.target)
            return [Self.uncompiled, self.columnsStatement(names), self.viewsStatement(names)].joined(separator: ";\n")
        default: return nil
        }
    }

    /// Compiling what is asked of the catalogue takes longer than asking it. For this round trip, which is one transaction.
    private static let uncompiled = "SET LOCAL jit = off"

    /// Undoes what another may have left on the connection, where a pooler hands it on as it was: no temporary table stands
    /// before a table of the same name, no cursor or statement has a name, and names mean what they mean to everybody.
    private static let resetting = """
        RESET SESSION AUTHORIZATION; RESET ROLE; RESET search_path; RESET default_transaction_read_only; \
        RESET standard_conforming_strings; RESET client_encoding; \
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
        pg_catalog.pg_backend_pid(), pg_catalog.current_setting('default_transaction_read_only'), \
        pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.current_setting('client_encoding') \
        FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
        """
    }

    // MARK: The role

    /// Judges the role that the agent is in the database.
    ///
    /// - Throws: `ceiling_denied` for a role that can do more than the ceiling allows.
    func judgeRole(_ answers: [[[String?]]]) throws(GloveboxError) {
        let target = self.target.name
        guard let role = answers.first?.first, role.count == 8 else { throw self.unreadable("role") }
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
        // What RESET ALL and DISCARD ALL go back to: behind a pooler that's what the role begins with, not what the startup
        // packet says, and statements would then be read otherwise than they were judged.
        for (name, found, wanted) in [
            ("standard_conforming_strings", role[6], "on"), ("client_encoding", role[7], "UTF8"),
        ] where found != wanted {
            throw GloveboxError(
                .configurationInvalid,
                "the agent's role for '\(target)' doesn't begin with \(name) = \(wanted), and a pooler keeps the agent's settings to itself: run ALTER ROLE … SET \(name) = '\(wanted)'"
            )
        }
        guard self.capability == .read, !self.target.allowsWritingReader else { return }
        if role[2] != "f" {
            throw GloveboxError(
                .ceilingDenied,
                "the agent's role for reading '\(target)' can create roles or databases, replicate, or reach the server's files: use one that can't"
            )
        }
    }

    /// - Parameter writable: one thing that the role for reading could write.
    func judgeWritable(_ writable: String?) throws(GloveboxError) {
        guard self.capability == .read, !self.target.allowsWritingReader, let writable else { return }
        throw GloveboxError(
            .ceilingDenied, "the agent's role for reading '\(self.target.name)' can \(writable): use one that can't")
    }

    /// Whether a pooler stands between: then the server's process is another than the one that was named at sign-in.
    static func isPooled(_ answers: [[[String?]]], _ session: BackendSession) -> Bool {
        guard let process = answers.first?.first.flatMap({ $0.count > 4 ? $0[4] : nil }).flatMap({ UInt32($0) })
        else { return true }
        return session.cancelKey?.processID != process
    }

    func unreadable(_ what: String) -> GloveboxError {
        GloveboxError(
            .targetRefused, "the \(what) of '\(self.target.name)' can't be read: the database answered something else")
    }
}
