import LogFormats
import NIOCore

/// Turns the bytes of one source into records, and hands them on: a connection, a file, a FIFO.
enum ByteReading: Sendable {
    case syslog(SyslogFraming)
    case journal(JournalExport)
    case lines

    /// Most bytes of a message, an entry, a line.
    static let longest = 256 << 10

    static var syslog: ByteReading { .syslog(SyslogFraming(most: Self.longest)) }
    static var journal: ByteReading { .journal(JournalExport(most: 2 * Self.longest)) }

    /// - Throws: ``LogFormatError`` for what isn't the format; what ``LogIntake`` throws.
    mutating func take(_ bytes: ByteBuffer, lane: Int, input: String, _ intake: LogIntake) async throws {
        let records: [LogRecord]
        switch self {
        case .syslog(var framing):
            defer { self = .syslog(framing) }
            records = try framing.take(bytes.readableBytesView).map(Self.record)
        case .journal(var export):
            defer { self = .journal(export) }
            records = try export.take(bytes.readableBytesView)
        case .lines:
            return try await intake.take(text: bytes, lane: lane, most: Self.longest, input: input)
        }
        if !records.isEmpty { try await intake.take(records, lane: lane, input: input) }
    }

    /// Hands on what is left at the source's end.
    mutating func finish(lane: Int, input: String, _ intake: LogIntake) async throws {
        let record: LogRecord?
        switch self {
        case .syslog(var framing):
            defer { self = .syslog(framing) }
            record = try framing.finish().map(Self.record)
        case .journal(var export):
            defer { self = .journal(export) }
            record = try export.finish()
        case .lines: return try await intake.endText(lane: lane, input: input)
        }
        if let record { try await intake.take([record], lane: lane, input: input) }
    }

    private static func record(_ message: [UInt8]) -> LogRecord {
        SyslogMessage.parse(message) ?? LogRecord(text: message)
    }
}
