import GloveboxCore
import TestSupport
import Testing

@testable import Statements

@Suite("PostgreSQL's parser, kept from harm", .timeLimit(.minutes(2)))
struct ParserTests {
    /// Parses on the thread that is there for long texts.
    private func parse(_ text: String) async throws -> SyntaxTree {
        let parser = try StatementParser()
        return try await withCheckedContinuation { continuation in
            parser.parse(text) { continuation.resume(returning: $0) }
        }.get()
    }

    @Test(
        "the deepest trees that a text can have are parsed, and judged, without a crash",
        arguments: [
            "+1", "||$1", " AND a", " ISNULL", "::int", " UNION SELECT 1", " COLLATE a", "+f(1)", " AT TIME ZONE a",
        ])
    func deep(level: String) async throws {
        let count = (StatementParser.longestText - 16) / level.utf8.count
        let text = "SELECT 1" + String(repeating: level, count: count)
        #expect(text.utf8.count <= StatementParser.longestText)
        let tree = try await self.parse(text)
        #expect(tree.statements.count == 1)
        #expect(tree.entries.count > count)
        _ = try? StatementRules(capability: .read, functions: makeCatalogue(), relations: makeRelations()).judge(tree)
    }

    @Test(
        "what is opened more often than PostgreSQL takes is an error",
        arguments: ["(", "-+", "NOT ", "CASE WHEN ", "SELECT(", "f("])
    func unbalanced(piece: String) async throws {
        let text = "SELECT " + String(repeating: piece, count: (StatementParser.longestText - 16) / piece.utf8.count)
        let error = await #expect(throws: ParseFailure.self) { try await self.parse(text) }
        #expect(error?.reason == .syntax)
    }

    @Test("a text that's too long is refused, and the next is parsed")
    func tooLong() async throws {
        let text = "SELECT '" + String(repeating: "a", count: StatementParser.longestText) + "'"
        let error = await #expect(throws: ParseFailure.self) { try await self.parse(text) }
        #expect(error?.reason == .tooLong)
        #expect(try await self.parse("SELECT 1").statements.count == 1)
    }

    @Test("a short text's deepest tree fits any thread's stack")
    func short() throws {
        let parser = try StatementParser()
        let text = "SELECT 1" + String(repeating: "+1", count: (StatementParser.shortText - 8) / 2)
        #expect(text.utf8.count <= StatementParser.shortText)
        #expect(try parser.parseIfShort(text) != nil)
        #expect(try parser.parseIfShort(text + "+12") == nil)
    }

    @Test("strings, names and numbers read as they were written")
    func values() throws {
        let tree = try #require(
            try StatementParser().parseIfShort(#"SELECT E'a\n"\\é\u0001‹', "Na""me"."x", 17, 1.50, TRUE"#))
        let targets = tree.statements[0].fields["targetList"].elements.map { $0.of("ResTarget")["val"] }
        #expect(StatementRules.constant(targets[0]) == "a\n\"\\é\u{1}‹")
        #expect(targets[1].of("ColumnRef")["fields"].names == ["Na\"me", "x"])
        #expect(StatementRules.constant(targets[2]) == "17")
        #expect(StatementRules.constant(targets[3]) == "1.50")
        #expect(StatementRules.constant(targets[4]) == "true")
    }

    @Test("JSON that isn't whole has no tree")
    func broken() throws {
        let whole = Array(#"{"version":1,"stmts":[{"stmt":{"SelectStmt":{"op":"SETOP_NONE","all":true}}}]}"#.utf8)
        #expect(SyntaxTree(json: whole) != nil)
        for length in 0..<whole.count { #expect(SyntaxTree(json: Array(whole.prefix(length))) == nil, "\(length)") }
    }

    @Test("texts made by chance are judged without a crash")
    func chance() async throws {
        let judge = try makeJudge()
        var generator = SeededGenerator(seed: 20_251_125)
        let words = [
            "SELECT", "FROM", "WHERE", "(", ")", ",", "'", "\"", "$$", "$1", "t", "a.b", "*", "+", "::", "int", "JOIN",
            "ON", "WITH", "AS", "DELETE", "RETURNING", "UNION", "ORDER BY", "--", "/*", "*/", "\n", "E'\\", "1", "CASE",
            "END", "[", "]", ";", "NOT", "IN", "touch(1)", "SET", "COPY", "TO STDOUT", "é", "\u{FEFF}",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...14, using: &generator)).map { _ in
                words[Int.random(in: 0..<words.count, using: &generator)]
            }.joined(separator: Bool.random(using: &generator) ? " " : "")
            let verdict = await judge.settled(text)
            if verdict.code == nil {
                #expect(!text.contains("touch(1)") || text.contains { "'\"$-/".contains($0) }, "\(text)")
            }
        }
    }
}
