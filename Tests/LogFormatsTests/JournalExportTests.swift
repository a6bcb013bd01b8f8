import LogFormats
import TestSupport
import Testing

@Suite("the journal's export format")
struct JournalExportTests {
    /// As `journalctl -o export` writes it (systemd's JOURNAL_EXPORT_FORMATS).
    private static let sample: [UInt8] = {
        var bytes = Array(
            """
            __CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7
            __REALTIME_TIMESTAMP=1342540861416409
            __MONOTONIC_TIMESTAMP=7069
            PRIORITY=4
            SYSLOG_IDENTIFIER=app
            _HOSTNAME=fedora
            MESSAGE

            """.utf8)
        let message = Array("two\nlines".utf8)
        bytes += [UInt8(message.count), 0, 0, 0, 0, 0, 0, 0] + message
        bytes += Array("\nBINARY\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0x0A, 0, 0x0A]
        bytes += Array("_SOURCE_REALTIME_TIMESTAMP=1342540861413961\n\n".utf8)
        bytes += Array("__REALTIME_TIMESTAMP=1342540861421465\nMESSAGE=second=2\nPRIORITY=6\n\n".utf8)
        return bytes
    }()

    @Test("entries are read the same at every cut, with text and bytes")
    func read() throws {
        for cut in 0...Self.sample.count {
            var export = JournalExport(most: 4096)
            let records = try export.take(Self.sample[..<cut]) + export.take(Self.sample[cut...])
            #expect(records.count == 2)
            #expect(try export.finish() == nil)
            let first = try #require(records.first)
            #expect(first.body == .string("two\nlines"))
            #expect(first.attributes["BINARY"] == .bytes([0xFF, 0x0A, 0]))
            #expect(first.attributes["__CURSOR"] == .string("s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7"))
            #expect(first.observedTime == 1_342_540_861_416_409_000)
            #expect(first.time == 1_342_540_861_413_961_000)
            #expect(first.severity == 13)
            #expect(first.resource.attributes["host.name"] == .string("fedora"))
            #expect(records[1].body == .string("second=2"))
        }
    }

    @Test("what's written is read again the same")
    func written() throws {
        var export = JournalExport(most: 4096)
        let records = try export.take(Self.sample)
        var again = JournalExport(most: 4096)
        #expect(try again.take(records.flatMap { JournalExport.write($0) }) == records)
    }

    @Test("names of other formats become the journal's")
    func names() {
        var record = LogRecord(text: Array("x".utf8))
        record.attributes = [LogField("http.status", .int(200)), LogField("1st", .bool(true))]
        #expect(
            String(decoding: JournalExport.write(record), as: UTF8.self)
                == "HTTP_STATUS=200\n_ST=true\nMESSAGE=x\n\n")
    }

    @Test("what isn't the format, or is too long, is an error")
    func wrong() {
        for text in ["lower=1\n", "=1\n", "A\n12345678", String(repeating: "A=b\n", count: 100)] {
            var export = JournalExport(most: 100)
            #expect(throws: LogFormatError.self) { try export.take(Array(text.utf8)) }
        }
        var export = JournalExport(most: 100)
        #expect(throws: LogFormatError.self) {
            _ = try export.take(Array("MESSAGE=x".utf8))
            _ = try export.finish()
        }
    }

    @Test("anything at all is read without a fault, and within its bound")
    func fuzz() throws {
        try Fuzzing("journal export").run(20_000) { generator in
            let bytes = generator.spoiled(Self.sample)
            var export = JournalExport(most: 300)
            _ = try? export.take(bytes)
        }
    }
}
