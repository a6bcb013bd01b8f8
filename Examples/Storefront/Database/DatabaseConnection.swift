import CPQ

/// What PostgreSQL refuses, or why it can't be reached.
struct DatabaseError: Error, CustomStringConvertible {
    var description: String
    /// SQLSTATE; nil where the server said nothing.
    var state: String?
}

/// One connection; used by one thread at a time.
final class DatabaseConnection: @unchecked Sendable {
    private let pointer: OpaquePointer

    init(_ url: String) throws(DatabaseError) {
        guard let pointer = PQconnectdb(url) else { throw DatabaseError(description: "no memory for a connection") }
        self.pointer = pointer
        guard PQstatus(pointer) == CONNECTION_OK else { throw self.failure(nil) }
        try self.query("SET statement_timeout = 5000")
        // Notices go nowhere: the default is standard error.
        _ = PQsetNoticeProcessor(pointer, { _, _ in }, nil)
    }

    deinit { PQfinish(self.pointer) }

    /// Not in the middle of a transaction, and still there.
    var isUsable: Bool {
        PQstatus(self.pointer) == CONNECTION_OK && PQtransactionStatus(self.pointer) == PQTRANS_IDLE
    }

    /// Runs one statement; parameters are texts, of which PostgreSQL makes what the statement needs.
    @discardableResult
    func query(_ sql: String, _ parameters: [String] = []) throws(DatabaseError) -> [[String?]] {
        // PQexecParams takes pointers to pointers: into one buffer that holds all texts, each with its zero.
        var texts: [CChar] = []
        var starts: [Int] = []
        for parameter in parameters {
            starts.append(texts.count)
            texts += parameter.utf8.map { CChar(bitPattern: $0) } + [0]
        }
        let result = texts.withUnsafeBufferPointer { buffer in
            let values = starts.map { start in buffer.baseAddress.map { UnsafePointer($0 + start) } }
            return PQexecParams(self.pointer, sql, Int32(values.count), nil, values, nil, nil, 0)
        }
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else { throw self.failure(result) }
        let columns = PQnfields(result)
        return (0..<PQntuples(result)).map { row in
            (0..<columns).map { column in
                PQgetisnull(result, row, column) == 1
                    ? nil : PQgetvalue(result, row, column).map { String(cString: $0) }
            }
        }
    }

    private func failure(_ result: OpaquePointer?) -> DatabaseError {
        // SQLSTATE's field is 'C'.
        let state = result.flatMap { PQresultErrorField($0, Int32(UInt8(ascii: "C"))) }.map { String(cString: $0) }
        let message = PQerrorMessage(self.pointer).map { String(cString: $0) } ?? "unknown"
        return DatabaseError(description: "PostgreSQL: \(message)", state: state)
    }
}
