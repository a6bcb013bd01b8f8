import GloveboxCore
import PostgresAccess
import Redaction
import TestSupport
import Testing

@Suite("Signing in to a target", .timeLimit(.minutes(2)))
struct TargetTests {
    let server: PostgresServer
    let database: TestDatabase

    init() async throws {
        self.server = try await PostgresServer.shared()
        self.database = try await self.server.makeDatabase()
        try await self.database.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    }

    private func target(
        _ user: String, _ credential: CredentialSource?, tls: PostgresTarget.TLSMode = .off
    ) throws -> PostgresTarget {
        PostgresTarget(
            name: try TargetName("shop-db"), address: .tcp(host: self.server.host, port: self.server.port),
            database: self.database.name, tls: tls, signIns: [.read: .init(user: user, credential: credential)])
    }

    private func ask(_ target: PostgresTarget, _ sql: String = "SELECT 'in'") async throws -> Subprocess.Result {
        try await LoopbackGlovebox.run(target: target) { try await $0.psql($0.lease(), sql) }
    }

    /// A role that no other test has.
    private func makeRole(_ group: String?, attributes: String = "") async throws -> (name: String, password: String) {
        let name = "role_\(SessionID.random())"
        return (name, try await self.server.makeRole(name, group: group, attributes: attributes))
    }

    @Test("trust, MD5 and SCRAM work, and the password comes from a file, the environment or a command")
    func methods() async throws {
        let folder = try TemporaryFolder()
        let trusted = try await self.makeRole("auth_trust")
        #expect(try await self.ask(self.target(trusted.name, nil)).outcome == "in\n")
        let hashed = try await self.makeRole("auth_md5")
        let file = try folder.write("password", hashed.password + "\n")
        #expect(try await self.ask(self.target(hashed.name, .file(file))).outcome == "in\n")
        let proved = try await self.makeRole("auth_scram")
        let command = CredentialSource.command(["sh", "-c", "printf '%s\\n' \"$0\"", proved.password])
        #expect(try await self.ask(self.target(proved.name, command)).outcome == "in\n")
    }

    @Test("TLS is used where it's configured; verify-full refuses a server that it can't verify")
    func tls() async throws {
        let role = try await self.makeRole("auth_tls")
        let folder = try TemporaryFolder()
        let file = CredentialSource.file(try folder.write("password", role.password))
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        #expect(try await self.ask(self.target(role.name, file, tls: .require), sql).output == "t\n")
        let verified = PostgresTarget.TLSMode.verifyFull(
            certificateAuthority: self.server.certificateFile, serverName: nil)
        #expect(try await self.ask(self.target(role.name, file, tls: verified), sql).output == "t\n")
        let roots = PostgresTarget.TLSMode.verifyFull(certificateAuthority: nil, serverName: nil)
        #expect(
            try await self.ask(self.target(role.name, file, tls: roots), sql).errors.contains("[target_unreachable]"))
        try await Subprocess.check([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2",
            "-subj", "/CN=localhost", "-keyout", folder.file("key"), "-out", folder.file("crt"),
        ])
        let stranger = PostgresTarget.TLSMode.verifyFull(certificateAuthority: folder.file("crt"), serverName: nil)
        #expect(
            try await self.ask(self.target(role.name, file, tls: stranger), sql).errors.contains("[target_unreachable]")
        )
        #expect(try await self.ask(self.target(role.name, file), sql).errors.contains("[target_refused]"))
    }

    @Test("a password goes out in the clear only to a server that has proved who it is")
    func cleartext() async throws {
        let role = try await self.makeRole("auth_cleartext")
        let folder = try TemporaryFolder()
        let file = CredentialSource.file(try folder.write("password", role.password))
        let verified = PostgresTarget.TLSMode.verifyFull(
            certificateAuthority: self.server.certificateFile, serverName: nil)
        #expect(try await self.ask(self.target(role.name, file, tls: verified)).outcome == "in\n")
        for tls in [PostgresTarget.TLSMode.off, .require] {
            let result = try await self.ask(self.target(role.name, file, tls: tls))
            #expect(result.errors.contains("wants the password in the clear"))
        }
    }

    @Test("what is wrong with a credential or a target is told without the credential, the role or the server's words")
    func failures() async throws {
        let role = try await self.makeRole("auth_scram")
        let folder = try TemporaryFolder()
        let open = try folder.write("open", role.password, mode: 0o644)
        let wrong = try folder.write("wrong", "not it")
        var unreachable = try self.target(role.name, nil)
        unreachable.address = .tcp(host: "127.0.0.1", port: try freePort())
        for (target, code) in [
            (try self.target(role.name, .file(open)), "target_credential"),
            (try self.target(role.name, .file("/none")), "target_credential"),
            (try self.target(role.name, .command(["false"])), "target_credential"),
            (try self.target(role.name, .environment("GLOVEBOX_NOT_SET")), "target_credential"),
            (try self.target(role.name, .file(wrong)), "target_refused"), (unreachable, "target_unreachable"),
        ] {
            let errors = try await self.ask(target).errors
            #expect(errors.contains("[\(code)]"))
            #expect(!errors.contains(role.password) && !errors.contains(role.name))
        }
    }

    @Test("superusers are refused unless the ceiling names them")
    func superuser() async throws {
        var target = try self.target(PostgresServer.superuser, nil)
        #expect(try await self.ask(target).errors.contains("[ceiling_denied]"))
        let member = try await self.makeRole("auth_trust")
        try await self.server.sql("GRANT postgres TO \(member.name)")
        #expect(try await self.ask(self.target(member.name, nil)).errors.contains("superuser"))
        target.allowsSuperuser = true
        target.allowsWritingReader = true
        #expect(try await self.ask(target).outcome == "in\n")
    }

    @Test(
        "a role for reading that could write is refused unless the ceiling allows it",
        arguments: [
            ("CREATE TABLE t (n int); GRANT INSERT ON t TO @", "write to public.t"),
            ("CREATE TABLE t (n int); GRANT UPDATE (n) ON t TO @", "write to public.t"),
            ("CREATE TABLE t (n int); ALTER TABLE t OWNER TO @", "write to public.t"),
            ("CREATE SEQUENCE s; GRANT USAGE ON SEQUENCE s TO @", "write to public.s"),
            ("GRANT CREATE ON SCHEMA public TO @", "create in schema public"),
            ("GRANT pg_write_server_files TO @", "reach the server's files"),
            ("ALTER ROLE @ CREATEROLE", "create roles"),
            (
                "CREATE TABLE t (n int); CREATE ROLE @_writer; GRANT DELETE ON t TO @_writer; ALTER ROLE @ NOINHERIT; GRANT @_writer TO @",
                "write to public.t"
            ),
        ])
    func writingReader(_ grant: String, _ why: String) async throws {
        let role = try await self.makeRole("auth_trust")
        let sql = grant.split(separator: "@", omittingEmptySubsequences: false).joined(separator: role.name)
        try await self.database.sql(sql)
        var target = try self.target(role.name, nil)
        let errors = try await self.ask(target).errors
        #expect(errors.contains("[ceiling_denied]") && errors.contains(why), "\(errors)")
        target.allowsWritingReader = true
        #expect(try await self.ask(target).outcome == "in\n")
    }
}

extension Subprocess.Result {
    /// What it printed, and its errors, which a failing expectation then shows.
    var outcome: String { self.output + self.errors }
}
