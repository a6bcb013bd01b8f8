import LogFormats
import TestSupport
import Testing

@Suite("OTLP's logs")
struct OTLPLogsTests {
    private static let record: LogRecord = {
        var record = LogRecord(text: Array("hello \"world\"\n".utf8))
        record.time = 1_544_712_660_300_000_000
        record.observedTime = 1_544_712_660_300_000_001
        record.severity = 10
        record.severityText = "Information"
        record.traceID = Array(0..<16)
        record.spanID = Array(8..<16)
        record.flags = 1
        record.eventName = "click"
        record.droppedAttributes = 3
        record.attributes = [
            LogField("string", .string("some string")), LogField("boolean", .bool(false)), LogField("int", .int(-10)),
            LogField("zero", .int(0)), LogField("double", .double(637.704)), LogField("infinite", .double(.infinity)),
            LogField("array", .list([.string("many"), .int(.max), .empty])),
            LogField("map", .map([LogField("some.map.key", .string("some value"))])),
            LogField("bytes", .bytes([0, 255, 10])), LogField("empty", .empty), LogField("none", .string("")),
        ]
        record.resource.attributes = [LogField("service.name", .string("my.service"))]
        record.resource.schemaURL = "https://opentelemetry.io/schemas/1.0.0"
        record.scope.name = "my.library"
        record.scope.version = "1.0.0"
        record.scope.attributes = [LogField("my.scope.attribute", .string("some scope attribute"))]
        return record
    }()

    private var records: [LogRecord] {
        var other = Self.record
        other.body = .map([LogField("a", .int(1))])
        var third = other
        third.resource.attributes = []
        return [Self.record, other, third]
    }

    @Test("what's written is read again the same, in Protocol Buffers and in JSON")
    func rounds() throws {
        #expect(try OTLPLogs.read(protobuf: OTLPLogs.protobuf(self.records)) == self.records)
        #expect(try OTLPLogs.read(json: OTLPLogs.json(self.records)) == self.records)
    }

    @Test("the specification's example in JSON is read")
    func example() throws {
        let text = """
            {"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
            "scopeLogs":[{"scope":{"name":"my.library","version":"1.0.0"},"logRecords":[{"timeUnixNano":"1544712660300000000",
            "observedTimeUnixNano":1544712660300000000,"severityNumber":10,"severityText":"Information",
            "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","unknown":{"a":[1]},
            "body":{"stringValue":"Example log record"},"attributes":[{"key":"int.attribute","value":{"intValue":"10"}},
            {"key":"n","value":{"intValue":5}},{"key":"d","value":{"doubleValue":2}}]}]}]}]}
            """
        let records = try OTLPLogs.read(json: Array(text.utf8))
        let record = try #require(records.first)
        #expect(record.traceID.first == 0x5B && record.traceID.count == 16 && record.spanID.count == 8)
        #expect(record.attributes["int.attribute"] == .int(10) && record.attributes["n"] == .int(5))
        #expect(record.attributes["d"] == .double(2))
        #expect(record.body == .string("Example log record") && record.time == record.observedTime)
        #expect(!String(decoding: OTLPLogs.json(records), as: UTF8.self).contains("unknown"))
    }

    @Test("a field that isn't known is left out, wherever it stands")
    func unknown() throws {
        // ResourceLogs with field 15 in it, ScopeLogs with 14, LogRecord with 13, each a text.
        func text(_ number: UInt8) -> [UInt8] { [number << 3 | 2, 6] + Array("secret".utf8) }
        func message(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
        let bytes = message(1, text(15) + message(2, text(14) + message(2, text(13) + message(5, message(1, [0x78])))))
        let records = try OTLPLogs.read(protobuf: bytes)
        #expect(records.map(\.body) == [.string("x")])
        #expect(!OTLPLogs.protobuf(records).contains(Array("secret".utf8)))
    }

    @Test(
        "what isn't a request, and what's nested too deep, is an error and says nothing of what's in it",
        arguments: [
            "nonsense-4711", #"{"resourceLogs": 4711}"#,
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"nonsense-4711"}]}]}]}"#,
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":"nonsense-4711"}}]}]}]}"#,
        ])
    func wrong(_ text: String) {
        #expect {
            try OTLPLogs.read(json: Array(text.utf8))
        } throws: {
            $0 is LogFormatError && !"\($0)".contains("4711")
        }
    }

    @Test("nesting is bounded")
    func deep() throws {
        var value = LogValue.int(1)
        var record = LogRecord()
        for _ in 1..<64 { value = .map([LogField("a", value)]) }
        record.body = value
        #expect(try OTLPLogs.read(protobuf: OTLPLogs.protobuf([record])) == [record])
        #expect(try OTLPLogs.read(json: OTLPLogs.json([record])) == [record])
        for _ in 0..<200 {
            value = .list([value])
            record.body = value
            #expect(throws: LogFormatError.self) { try OTLPLogs.read(protobuf: OTLPLogs.protobuf([record])) }
            #expect(throws: LogFormatError.self) { try OTLPLogs.read(json: OTLPLogs.json([record])) }
        }
    }

    @Test("anything at all is read without a fault, and what's read is written so that it's read again the same")
    func fuzz() throws {
        let protobuf = OTLPLogs.protobuf(self.records)
        let json = OTLPLogs.json([Self.record])
        try Fuzzing("otlp logs").run(5000) { generator in
            if let records = try? OTLPLogs.read(protobuf: generator.spoiled(protobuf)) {
                let bytes = OTLPLogs.protobuf(records)
                guard try OTLPLogs.protobuf(OTLPLogs.read(protobuf: bytes)) == bytes else {
                    throw TestSupportError("it's another")
                }
            }
            if let records = try? OTLPLogs.read(json: generator.spoiled(json)) {
                let bytes = OTLPLogs.json(records)
                guard try OTLPLogs.json(OTLPLogs.read(json: bytes)) == bytes else {
                    throw TestSupportError("it's another in JSON")
                }
            }
        }
    }
}
