import GloveboxCore
import NIOCore
import PostgresWire
import TestSupport

/// Where a server's own words can hold a seed: errors, notices, notifications, settings, names, tags.
extension Probe {
    static let texts: [Probe] =
        fields(.errorResponse) + fields(.noticeResponse) + real + [
            setting("a setting's value", "application_name", Seed.shaped.value),
            setting(
                "a setting's value, of those that PostgreSQL's words are known of", "server_version", Seed.shaped.value),
            setting("a setting's name", Seed.shaped.value, "on"),
            setting("a time zone", "TimeZone", Seed.shaped.value),
            setting("an encoding", "client_encoding", Seed.shaped.value),
            .scripted(
                .notificationResponse(processID: 1, channel: Seed.shaped.value, payload: ""), "its channel"
            ) { [$0, .ready] },
            .scripted(
                .rowDescription(RowFields([RowField(name: Seed.shaped.value)])), "a column's name", format: "text"
            ) {
                [$0, .complete, .ready]
            },
            .scripted(.commandComplete("SELECT \(Seed.shaped.value)"), "its tag") { [$0, .ready] },
            .scripted(.commandComplete("SELECT 5"), "") { [$0, .ready] },
        ]

    private static let real: [Probe] = [
        .real(.errorResponse, "–", "what a cast says of a classified value", .classified) {
            (try await $0.ask([.query("SELECT full_name::int FROM customers WHERE id = 3")]), nil)
        },
        .real(.errorResponse, "–", "what a cast says of a constant") {
            (try await $0.ask([.query("SELECT '\(Seed.shaped.value)'::int")]), nil)
        },
        .real(.errorResponse, "–", "what a unique violation says", .shaped) { shop in
            try await shop.database.sql("UPDATE customers SET email = '\(Seed.shaped.value)' WHERE id = 5")
            let sql = "UPDATE customers SET email = '\(Seed.shaped.value)' WHERE id = 4"
            return (try await shop.ask([.query(sql)], .write), nil)
        },
        .real(.errorResponse, "–", "what a function raises, in each field that it may set") {
            (try await $0.ask([.query("SELECT say('error', notes) FROM customers WHERE id = 3")]), nil)
        },
        .real(.errorResponse, "–", "the same of a classified value", .classified) {
            (try await $0.ask([.query("SELECT say('error', full_name) FROM customers WHERE id = 3")]), nil)
        },
        .real(.noticeResponse, "–", "what a function raises, in each field that it may set") {
            (try await $0.ask([.query("SELECT say('notice', notes) FROM customers WHERE id = 3")]), nil)
        },
        .real(.noticeResponse, "–", "the same of a classified value", .classified) {
            (try await $0.ask([.query("SELECT say('notice', full_name) FROM customers WHERE id = 3")]), nil)
        },
        .real(.parameterStatus, "–", "a setting that the client sets", .shaped) {
            (try await $0.ask([.query("SET application_name = '\(Seed.shaped.value)'")]), nil)
        },
        .real(.rowDescription, "text", "a column's name") {
            (try await $0.ask([.query("SELECT 1 AS \"\(Seed.shaped.value)\"")]), nil)
        },
        notification(.shaped), notification(.classified),
    ]

    /// What another session says to a channel that the client listens to.
    private static func notification(_ seed: Seed) -> Probe {
        .real(.notificationResponse, "–", "its payload", seed) { shop in
            (try await shop.listen(payload: "{\"name\": \"\(seed.value)\"}"), nil)
        }
    }

    private static func setting(_ place: String, _ name: String, _ value: String) -> Probe {
        .scripted(.parameterStatus(name: name, value: value), place) { [$0, .complete, .ready] }
    }

    /// Each field of an error or a notice, of three classes of errors; and all at once, of a statement that reads what is
    /// classified.
    private static func fields(_ kind: BackendMessage.Kind) -> [Probe] {
        func message(_ fields: ErrorFields) -> BackendMessage {
            kind == .errorResponse ? .errorResponse(fields) : .noticeResponse(fields)
        }
        var probes: [Probe] = []
        for (code, name) in Self.fieldNames {
            for state in ["42P01", "22P02", "23505"] {
                var fields = ErrorFields(sqlState: state, message: "it failed")
                fields.fields.removeAll { $0.code == code }
                fields.fields.append(.init(code: code, value: "\"\(Seed.shaped.value)\""))
                var probe = Probe.scripted(message(fields), name) { [$0, .complete, .ready] }
                probe.variant = "SQLSTATE \(state)"
                probes.append(probe)
            }
        }
        let all = ErrorFields(fields: Self.fieldNames.map { .init(code: $0.code, value: Seed.classified.value) })
        probes.append(
            .scripted(
                message(all), "every field, of a statement that works with a classified column", .classified,
                question: [.query("SELECT upper(full_name) FROM customers")]
            ) { [$0, .complete, .ready] })
        return probes
    }

    /// PostgreSQL manual, "Error and Notice Message Fields", and one that doesn't exist.
    static let fieldNames: [(code: UInt8, name: String)] = [
        ("S", "severity"), ("V", "severity, not localised"), ("C", "SQLSTATE"), ("M", "message"), ("D", "detail"),
        ("H", "hint"), ("P", "position"), ("p", "internal position"), ("q", "internal query"), ("W", "where"),
        ("s", "schema"), ("t", "table"), ("c", "column"), ("d", "data type"), ("n", "constraint"), ("F", "file"),
        ("L", "line"), ("R", "routine"), ("Z", "unknown"),
    ].map { code, name in (code.utf8.first ?? 0, "\(code) (\(name))") }
}

extension ByteBuffer {
    static func said(_ message: BackendMessage) -> ByteBuffer { Frame(message).bytes }
    static let ready = said(.readyForQuery(.idle))
    static let complete = said(.commandComplete("SELECT 1"))
}
