import NIOCore
import PostgresWire

/// Where results can hold a seed: rows and COPY data, from PostgreSQL itself.
extension Probe {
    static let results: [Probe] = rows + copies

    private static let rows: [Probe] = [
        ("a column classified by the configuration", Seed.classified, "SELECT full_name FROM customers WHERE id = 3"),
        (
            "the same, through a cursor", .classified,
            "BEGIN; DECLARE c CURSOR FOR SELECT full_name FROM customers WHERE id = 3; FETCH c; COMMIT"
        ),
        ("free text", .shaped, "SELECT notes FROM customers WHERE id = 3"),
        ("a JSON document", .shaped, "SELECT profile FROM customers WHERE id = 3"),
        ("an array", .shaped, "SELECT aliases FROM customers WHERE id = 3"),
        ("bytea", .shaped, "SELECT convert_to(notes, 'UTF8') FROM customers WHERE id = 3"),
        ("a row of a composite type", .shaped, "SELECT ROW(id, notes) FROM customers WHERE id = 3"),
        ("a tsvector", .shaped, "SELECT to_tsvector('simple', notes) FROM customers WHERE id = 3"),
        ("xml", .shaped, "SELECT xmlelement(name n, notes) FROM customers WHERE id = 3"),
        (
            "an expression over a classified column", .classified,
            "SELECT reverse(full_name) FROM customers WHERE id = 3"
        ),
        ("the same as bytea", .classified, "SELECT full_name::bytea FROM customers WHERE id = 3"),
        ("the whole row", .classified, "SELECT c FROM customers c WHERE id = 3"),
        ("an aggregate", .classified, "SELECT json_agg(c) FROM customers c WHERE id = 3"),
        ("a set operation", .classified, "SELECT full_name FROM customers WHERE id = 3 UNION ALL SELECT 'x'"),
        ("a function of the database's own", .classified, "SELECT say('none', full_name) FROM customers WHERE id = 3"),
    ].flatMap { place, seed, sql in
        let text = Probe.real(.dataRow, "text", place, seed) { (try await $0.ask([.query(sql)]), nil) }
        // The extended protocol takes one statement.
        guard !sql.contains(";") else { return [text] }
        let binary = Probe.real(.dataRow, "binary", place, seed) { shop in
            let question: [FrontendMessage] = [
                .parse(.init(text: sql)), .bind(.init(resultFormats: [.binary])),
                .execute(portal: "", maximumRows: 0), .sync,
            ]
            return (try await shop.ask(question), nil)
        }
        return [text, binary]
    }

    private static let copies: [Probe] = [
        ("text", "TEXT"), ("csv", "CSV, HEADER"), ("binary", "BINARY"),
    ].flatMap { format, option in
        [
            ("a classified column of a table", Seed.classified, "COPY customers TO STDOUT (FORMAT \(option))"),
            ("free text", .shaped, "COPY (SELECT notes FROM customers WHERE id = 3) TO STDOUT (FORMAT \(option))"),
            (
                "a query's expression", .classified,
                "COPY (SELECT upper(full_name) FROM customers) TO STDOUT (FORMAT \(option))"
            ),
            (
                "columns that aren't known: more than one statement in the text", .classified,
                "SELECT 1; COPY customers TO STDOUT (FORMAT \(option))"
            ),
        ].map { place, seed, sql in
            .real(.copyData, format, place, seed) { (try await $0.ask([.query(sql)]), nil) }
        }
    }
}
