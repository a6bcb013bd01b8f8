import GloveboxCore
import LogFormats
import Redaction
import TestSupport
import Testing

@testable import LogPipeline

@Suite("what becomes of a record")
struct RecordRedactorTests {
    private let redactor: RecordRedactor

    init() throws {
        self.redactor = RecordRedactor(
            try Masker(detectors: Detectors(), pseudonyms: Pseudonyms(linkable: false)))
    }

    private func redacted(_ record: LogRecord) throws -> LogRecord {
        var lane = RecordRedactor.Lane()
        return try self.redactor.redacted(record, &lane)
    }

    private func isMasked(_ value: LogValue?) -> Bool {
        guard case .string(let text) = value else { return false }
        return text.hasPrefix("‹") && text.hasSuffix("›")
    }

    @Test("a value under a sensitive name is masked whatever it is, and others keep their type")
    func names() throws {
        var record = LogRecord(text: Array("hello".utf8))
        record.attributes = [
            LogField("db_password", .int(12345)), LogField("api.token", .map([LogField("a", .bool(true))])),
            LogField("user", .map([LogField("password", .string("x")), LogField("age", .int(42))])),
            LogField("password", .bool(true)), LogField("count", .int(7)), LogField("ok", .bool(true)),
            LogField("ratio", .double(0.5)), LogField("password", .empty),
        ]
        let out = try self.redacted(record).attributes
        #expect(self.isMasked(out[0].value) && self.isMasked(out[1].value) && self.isMasked(out[3].value))
        guard case .map(let user) = out[2].value else {
            Issue.record("a map stays one")
            return
        }
        #expect(self.isMasked(user[0].value) && user[1].value == .int(42))
        #expect(Array(out[4...]) == Array(record.attributes[4...]))
    }

    @Test("a body that's JSON is masked by its names, too, and stays JSON")
    func json() throws {
        let text = #"{"msg": "hi", "password": 12345, "deep": [{"secret": {"a": 1}}], "n": 1}"#
        guard case .string(let out) = try self.redacted(LogRecord(text: Array(text.utf8))).body else {
            Issue.record("text stays text")
            return
        }
        #expect(!out.contains("12345") && !out.contains(#""a""#) && out.contains(#""n": 1"#))
        #expect(JSONShape.isJSON(Array(out.utf8)))
    }

    @Test(
        "what only looks like JSON is text", arguments: ["[info] mail anna@example.com", "{x} anna@example.com", "{"])
    func likeJSON(_ text: String) throws {
        guard case .string(let out) = try self.redacted(LogRecord(text: Array(text.utf8))).body else {
            Issue.record("text stays text")
            return
        }
        #expect(text.hasPrefix(out.prefix { $0 != "‹" }))
        #expect(!out.contains("anna"))
    }

    @Test("a private key that comes line by line is masked to its END, and what comes between isn't")
    func key() throws {
        var lane = RecordRedactor.Lane()
        let lines = [
            "before", "-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7",
            "another program says hello", "qGgYrF1PTGxNqJGZ0wYlvhYvKQ==", "-----END RSA PRIVATE KEY-----", "after",
        ]
        let out = try lines.map { line -> String in
            let record = try self.redactor.redacted(LogRecord(text: Array(line.utf8)), &lane)
            return String(decoding: record.body.text, as: UTF8.self)
        }
        #expect(out[0] == "before" && out[3] == lines[3] && out[6] == "after")
        for index in [1, 2, 4, 5] { #expect(out[index].hasPrefix("‹private_key:"), "\(out[index])") }
    }

    @Test("bytes that are text are masked as text, names and scopes too; identifiers and times are kept")
    func rest() throws {
        var record = LogRecord(text: Array("x".utf8))
        record.time = 5
        record.severity = 9
        record.traceID = [UInt8](repeating: 0x41, count: 16)
        record.attributes = [
            LogField("raw", .bytes(Array("mail anna@example.com".utf8))), LogField("anna@example.com", .int(1)),
        ]
        record.scope.name = "anna@example.com"
        record.resource.attributes = [LogField("owner", .string("anna@example.com"))]
        let out = try self.redacted(record)
        #expect(!OTLPLogs.json([out]).contains(Array("anna".utf8)))
        guard case .bytes(let bytes) = out.attributes[0].value else {
            Issue.record("bytes stay bytes")
            return
        }
        #expect(!bytes.contains(Array("anna".utf8)))
        #expect(out.traceID == record.traceID && out.time == 5 && out.severity == 9)
    }
}
