import LogFormats
import NIOCore
import Redaction

extension LogIntake {
    /// Sends canaries every way on which something of an input gets into the spool, which is all that outputs are given.
    /// Leaves no trace in `masker`.
    ///
    /// - Throws: `canary_leaked`, `redaction_failed`.
    @Sendable static func sendCanaries(by masker: Masker) throws {
        let canaries = Canaries(mending: "nothing passes until the masking is mended and reloaded")
        try canaries.sendText(by: masker)
        try masker.trial {
            let redactor = RecordRedactor(masker)
            for (way, records) in Self.ways {
                try canaries.send(by: way) { secret in
                    var lane = RecordRedactor.Lane()
                    var out = ByteBuffer()
                    for record in records(secret) {
                        out.writeBytes(OTLPLogs.protobuf([try redactor.redacted(record, &lane)]))
                    }
                    return out
                }
            }
        }
    }

    private static let ways: [(way: String, records: @Sendable (String) -> [LogRecord])] = [
        ("a record's body", { [LogRecord(text: Array("it says \($0)".utf8))] }),
        ("a record's JSON", { [LogRecord(text: Array(#"{"note": "\#($0.replacing("\n", with: "\\n"))"}"#.utf8))] }),
        // A key comes a line at a time.
        ("records of a line each", { $0.split(separator: "\n").map { LogRecord(text: Array($0.utf8)) } }),
        ("an attribute", { [LogIntake.record(LogField("note", .string($0)))] }),
        ("an attribute's bytes", { [LogIntake.record(LogField("note", .bytes(Array($0.utf8))))] }),
        ("an attribute under a sensitive name", { [LogIntake.record(LogField("api_key", .string($0)))] }),
        ("an attribute's name", { [LogIntake.record(LogField($0, .string("so")))] }),
        (
            "a list within an attribute",
            { [LogIntake.record(LogField("a", .map([LogField("b", .list([.string($0)]))])))] }
        ),
        (
            "a resource",
            { secret in
                var record = LogRecord(text: [])
                record.resource.attributes = [LogField("note", .string(secret))]
                record.scope.name = secret
                record.scope.attributes = [LogField("note", .string(secret))]
                record.eventName = secret
                record.severityText = secret
                return [record]
            }
        ),
    ]

    private static func record(_ field: LogField) -> LogRecord {
        var record = LogRecord(text: [])
        record.attributes = [field]
        return record
    }
}
