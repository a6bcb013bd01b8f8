import GloveboxCore
import TestSupport
import Testing

@testable import Statements

@Suite("Spoiled statements", .timeLimit(.minutes(10)))
struct FuzzTests {
    private static let texts = [
        "SELECT id, full_name || '!' FROM customers c JOIN orders o ON o.customer = c.id WHERE c.email = $1 ORDER BY 1",
        "WITH a AS (SELECT * FROM customers) SELECT count(*) FROM a GROUP BY country HAVING count(*) > 2",
        "COPY (SELECT id, email FROM customers) TO STDOUT WITH (FORMAT csv, HEADER)",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT 1", "DECLARE c CURSOR FOR SELECT row_to_json(t) FROM customers t",
        "SET LOCAL statement_timeout = 100; SELECT set_config('a.b', 'c', true)",
        "SELECT CASE WHEN card LIKE '4%' THEN 1 ELSE generate_series(1, 3) END FROM public.customers",
        "INSERT INTO notes SELECT email FROM customers RETURNING *", "DO $$ BEGIN PERFORM 1; END $$",
        "SELECT (((((((((1))))))))) UNION ALL SELECT ARRAY[1, 2, 3][1] INTERSECT VALUES (1), (2)",
    ]

    @Test("60,000 spoiled statements are judged or refused, the same each time")
    func spoiled() throws {
        let fuzzing = Fuzzing("statements")
        let judges = try [makeJudge(.read, relations: makeRelations()), makeJudge(.write, relations: makeRelations())]
        var (allowed, refused) = (0, 0)
        try fuzzing.run(60_000) { generator in
            var text = Array(Self.texts[generator.place(in: Self.texts.count)].utf8)
            if generator.once(in: 3) {
                // Two of them, one inside of the other.
                text.insert(
                    contentsOf: Array(Self.texts[generator.place(in: Self.texts.count)].utf8),
                    at: generator.place(in: text.count))
            } else if !generator.once(in: 8) {
                text = generator.spoiled(text)
            }
            let string = String(decoding: text, as: UTF8.self)
            for judge in judges {
                guard let verdict = judge.verdict(of: string) else { continue }
                if case .allowed = verdict { allowed += 1 } else { refused += 1 }
                guard judge.verdict(of: string) == verdict else { throw TestSupportError("two verdicts of one text") }
            }
        }
        guard !fuzzing.isSingle else { return }
        #expect(allowed > 5000 && refused > 20_000, "\(allowed) allowed, \(refused) refused")
    }
}
