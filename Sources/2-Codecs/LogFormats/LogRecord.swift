/// One entry of a log, in OpenTelemetry's data model for logs: what every input is read as and every output is written
/// from. `docs/redact.md` says what becomes of which field.
package struct LogRecord: Hashable, Sendable {
    /// What made the record: a host, a service.
    package struct Resource: Hashable, Sendable {
        package var attributes: [LogField] = []
        package var droppedAttributes: UInt32 = 0
        package var schemaURL = ""

        package init() {}
    }

    /// The part of the program that it came by.
    package struct Scope: Hashable, Sendable {
        package var name = ""
        package var version = ""
        package var attributes: [LogField] = []
        package var droppedAttributes: UInt32 = 0
        package var schemaURL = ""

        package init() {}
    }

    /// Nanoseconds since 1970; 0 where it isn't known.
    package var time: UInt64 = 0
    /// When somebody took it in, as `time` is.
    package var observedTime: UInt64 = 0
    /// From 1 (trace) to 24 (fatal); 0 where it isn't known.
    package var severity: UInt32 = 0
    package var severityText = ""
    package var body = LogValue.empty
    package var attributes: [LogField] = []
    package var droppedAttributes: UInt32 = 0
    package var flags: UInt32 = 0
    /// 16 bytes or none.
    package var traceID: [UInt8] = []
    /// 8 bytes or none.
    package var spanID: [UInt8] = []
    package var eventName = ""
    package var resource = Resource()
    package var scope = Scope()

    package init() {}

    /// A plain text, and nothing known beside it.
    package init(text: some Collection<UInt8>) {
        self.body = LogValue(text: text)
    }
}

/// A name and its value.
package struct LogField: Hashable, Sendable {
    package var name: String
    package var value: LogValue

    package init(_ name: String, _ value: LogValue) {
        self.name = name
        self.value = value
    }
}

package enum LogValue: Hashable, Sendable {
    case empty
    case string(String)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case bytes([UInt8])
    case list([LogValue])
    case map([LogField])

    /// Text, or bytes where it isn't UTF-8.
    package init(text bytes: some Collection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = .string(text)
        } else {
            self = .bytes(Array(bytes))
        }
    }

    /// As one reads it: a text as it is, what has parts as JSON.
    package var text: [UInt8] {
        switch self {
        case .empty: return []
        case .string(let text): return Array(text.utf8)
        case .bytes(let bytes): return bytes
        case .bool, .int, .double, .list, .map:
            var json = JSONText()
            json.write(plain: self)
            return json.bytes
        }
    }
}

extension [LogField] {
    package subscript(name: String) -> LogValue? { self.first { $0.name == name }?.value }
}

/// The eight severities of syslog (RFC 5424, section 6.2.1), and what they are in OpenTelemetry's data model for logs,
/// appendix B.
package enum SyslogSeverity {
    private static let names = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
    private static let numbers: [UInt32] = [21, 19, 18, 17, 13, 10, 9, 5]

    /// - Parameter code: from 0 to 7.
    package static func set(_ code: Int, of record: inout LogRecord) {
        guard Self.numbers.indices.contains(code) else { return }
        record.severity = Self.numbers[code]
        record.severityText = Self.names[code]
    }

    /// The one that comes nearest; `notice` where none is known, as syslog(3) has it.
    package static func code(of severity: UInt32) -> Int {
        switch severity {
        case 0: 5
        case 1...8: 7
        case 9: 6
        case 10...12: 5
        case 13...16: 4
        case 17: 3
        case 18: 2
        case 19...20: 1
        default: 0
        }
    }
}

/// Why bytes aren't what they should be.
package struct LogFormatError: Error, Hashable, Sendable {
    /// In one line, without a byte of the input.
    package var reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}
