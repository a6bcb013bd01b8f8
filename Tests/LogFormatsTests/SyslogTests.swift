import LogFormats
import TestSupport
import Testing

@Suite("syslog")
struct SyslogTests {
    private func parse(_ text: String) -> LogRecord? { SyslogMessage.parse(Array(text.utf8)) }
    private func written(_ record: LogRecord) -> String { String(decoding: SyslogMessage.write(record), as: UTF8.self) }

    @Test("the examples of RFC 5424 are read, and written again say the same")
    func examples() throws {
        let text =
            #"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 evntslog 8710 ID47 [ex@32473 iut="3" note="a \"b\" \\ \] c"][other@1 k="1" k="2"] \#u{FEFF}An application event – log entry"#
        let record = try #require(self.parse(text))
        #expect(record.time == 1_061_727_255_000_003_000)
        #expect(record.severity == 10 && record.severityText == "notice")
        #expect(record.body == .string("An application event – log entry"))
        #expect(record.attributes["syslog.facility"] == .int(20))
        #expect(record.attributes["syslog.procid"] == .string("8710"))
        #expect(record.attributes["syslog.msgid"] == .string("ID47"))
        #expect(
            record.attributes["syslog.structured_data"]
                == .map([
                    LogField(
                        "ex@32473",
                        .map([LogField("iut", .string("3")), LogField("note", .string(#"a "b" \ ] c"#))])),
                    LogField("other@1", .map([LogField("k", .list([.string("1"), .string("2")]))])),
                ]))
        #expect(record.resource.attributes["host.name"] == .string("192.0.2.1"))
        #expect(record.resource.attributes["service.name"] == .string("evntslog"))
        #expect(
            self.written(record)
                == text.replacing("2003-08-24T05:14:15.000003-07:00", with: "2003-08-24T12:14:15.000003Z"))
        #expect(SyslogMessage.parse(SyslogMessage.write(record)) == record)
    }

    @Test(
        "what isn't RFC 5424 isn't read as it",
        arguments: [
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "plain text", "<192>1 - - - - - -",
            "<34>2 - - - - - -",
            "<34>1 2003-13-24T05:14:15Z - - - - -", "<34>1 - - - - - [a b=c]", #"<34>1 - - - - - [a b="c"#,
            "<34>1 - - - - ",
            "", "<", "<34>1 - - - - - -x",
        ])
    func others(_ text: String) {
        #expect(self.parse(text) == nil)
    }

    @Test("every severity is itself again after a round through OpenTelemetry's numbers")
    func severities() throws {
        for code in 0..<8 {
            let record = try #require(self.parse("<\(8 + code)>1 - - - - - - x"))
            #expect(self.written(record) == "<\(8 + code)>1 - - - - - - x")
        }
    }

    @Test("what a record has beside syslog's own stands in one element, escaped and under names that are allowed there")
    func attributes() throws {
        var record = LogRecord(text: Array("x".utf8))
        record.attributes = [LogField("http status=]", .int(200)), LogField("q", .string(#"a"]\"#))]
        record.traceID = [UInt8](repeating: 0xAB, count: 16)
        let text = self.written(record)
        #expect(
            text
                == #"<13>1 - - - - - [attributes@32473 http_status__="200" q="a\"\]\\" trace_id="abababababababababababababababab"] x"#
        )
        #expect(self.parse(text) != nil)
    }

    @Test("a stream of counted and of ended messages is cut the same at every byte")
    func framing() throws {
        let messages = ["<13>1 - - - - - - one", "<13>1 - - - - - - two\nlines", "12 plain 34", "2024-01-01 text", "0"]
        let stream = Array(
            "\(messages[0])\n\(messages[1].utf8.count) \(messages[1])\(messages[2])\n\(messages[3])\0\n\(messages[4])\nlast"
                .utf8)
        for cut in 0...stream.count {
            var framing = SyslogFraming(most: 100)
            let first = try framing.take(stream[..<cut])
            let second = try framing.take(stream[cut...])
            let all = first + second
            #expect(all.map { String(decoding: $0, as: UTF8.self) } == messages)
            #expect(try framing.finish() == Array("last".utf8))
        }
        var framing = SyslogFraming(most: 1000)
        var all: [[UInt8]] = []
        for byte in stream { all += try framing.take([byte]) }
        #expect(all.map { String(decoding: $0, as: UTF8.self) } == messages)
    }

    @Test("a message that's longer than may be, and one that isn't all there, is an error")
    func bounds() throws {
        var framing = SyslogFraming(most: 10)
        #expect(throws: LogFormatError.self) { try framing.take(Array("99 <13>".utf8)) }
        framing = SyslogFraming(most: 10)
        #expect(throws: LogFormatError.self) { try framing.take(Array("12345678901".utf8)) }
        framing = SyslogFraming(most: 10)
        #expect(try framing.take(Array("8 <13>".utf8)).isEmpty)
        #expect(throws: LogFormatError.self) { try framing.finish() }
    }

    @Test("lines are cut the same at every byte, and one that's too long comes in pieces")
    func lines() {
        let text = Array("one\n\ntwo\nabcdefghijk\nrest".utf8)
        for cut in 0...text.count {
            var framing = LineFraming(most: 5)
            let lines = framing.take(text[..<cut]) + framing.take(text[cut...])
            #expect(
                lines.map { String(decoding: $0, as: UTF8.self) } == ["one", "", "two", "abcde", "fghij", "k"])
            #expect(framing.finish() == Array("rest".utf8))
        }
    }

    @Test("anything at all is read without a fault, and what's read is written so that it's read again the same")
    func fuzz() throws {
        let seed = Array(
            #"<165>1 2003-08-24T05:14:15.000003Z host app 8710 ID47 [ex@32473 iut="3" n="a\"b"] message"#.utf8)
        try Fuzzing("syslog").run(20_000) { generator in
            let bytes = generator.spoiled(seed)
            var framing = SyslogFraming(most: 200)
            _ = try? framing.take(bytes)
            guard let record = SyslogMessage.parse(bytes), case .string(let text) = record.body,
                !text.hasPrefix("\u{FEFF}")
            else { return }
            let again = SyslogMessage.parse(SyslogMessage.write(record))
            guard again?.body == record.body, again?.severity == record.severity,
                again?.time ?? 0 == record.time / 1000 * 1000
            else { throw TestSupportError("it's another record: \(String(decoding: bytes, as: UTF8.self))") }
        }
    }
}
