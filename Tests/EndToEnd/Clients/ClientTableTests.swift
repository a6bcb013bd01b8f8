import TestSupport
import Testing

@Suite("docs/clients.md", .timeLimit(.minutes(1)))
struct ClientTableTests {
    @Test("says which versions these tests really run")
    func versions() async throws {
        let page = String(decoding: try readFile(Repository.file("docs/clients.md")), as: UTF8.self)
        var said: [String: Substring] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|").map { $0.drop { $0 == " " } }
            if cells.count == 3, let client = cells[0].split(separator: " ").first { said[String(client)] = cells[1] }
        }
        let python = try await Subprocess.check([
            Repository.file(".build-venv/bin/python"), "-B", "-c",
            """
            import psycopg, asyncpg, sqlalchemy, pgcli
            print(psycopg.pq.version() // 10000, psycopg.__version__, asyncpg.__version__, sqlalchemy.__version__, pgcli.__version__)
            """,
        ]).split(separator: " ")
        try #require(python.count == 5)
        let psql = try await Subprocess.check(["psql", "--version"]).split(separator: " ")
        let bouncer = try await Subprocess.check(
            ["pgbouncer", "--version"], environment: ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin"]
        ).split(whereSeparator: \.isWhitespace)
        let jdbc = try await Subprocess.check(["sh", "-c", "ls /usr/share/java/postgresql-[0-9]*.jar"])
        func begins(_ client: String, _ version: Substring?, parts: Int = 1) -> Bool {
            let main = (version ?? "?").split(separator: ".").prefix(parts).joined(separator: ".")
            return said[client]?.hasPrefix(main) ?? false
        }
        for client in ["psql", "pg_dump", "pgbench"] { #expect(begins(client, psql.dropFirst(2).first), "\(client)") }
        #expect(begins("libpq", python[0]) && begins("psycopg", python[1]))
        #expect(begins("SQLAlchemy", python[3]) && begins("pgcli", python[4]))
        #expect(begins("asyncpg", python[2]))
        #expect(begins("PgBouncer", bouncer.dropFirst().first, parts: 2))
        #expect(begins("JDBC", jdbc.split(separator: "-").last, parts: 2))
    }
}
