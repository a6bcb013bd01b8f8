import GloveboxCore
import LogFormats

/// Why records weren't delivered.
enum DeliveryFailure: Error {
    /// It may work later; not before `after`, where that's known.
    case later(String, after: Duration?)
    /// It never will for these records.
    case never(String)
    /// It may for fewer of them.
    case tooMany(String)
}

/// Where redacted records go.
protocol LogOutput: Sendable {
    /// Returns when all of `records` have got there, as far as that can be known.
    /// - Returns: how many of them were refused there.
    /// - Throws: ``DeliveryFailure``, `CancellationError`.
    func deliver(_ records: [LogRecord]) async throws -> Int
    func close() async
}

extension PipelineConfiguration.Format {
    /// A record as it stands in a file, with what ends it.
    func bytes(of record: LogRecord) -> [UInt8] {
        switch self {
        case .otlp: OTLPLogs.json([record]) + [0x0A]
        case .syslog: Self.oneLine(SyslogMessage.write(record)) + [0x0A]
        case .text: Self.oneLine(record.body.text) + [0x0A]
        case .journal: JournalExport.write(record)
        }
    }

    /// A line feed within a record would be taken for its end.
    private static func oneLine(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(0x0A) else { return bytes }
        return bytes.flatMap { $0 == 0x0A ? Array("\\n".utf8) : [$0] }
    }
}
