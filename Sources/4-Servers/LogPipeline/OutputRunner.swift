import GloveboxCore
import LogFormats
import LogSpool
import Logging
import Synchronization
import Telemetry

/// Brings what is in the spool to one output, in order, and acknowledges what has got there.
final class OutputRunner: Sendable {
    private static let mostRecords = 512
    private static let mostBytes = 512 << 10
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(30)

    let name: String
    private let output: any LogOutput
    private let spool: LogSpool
    private let intake: LogIntake
    private let counters: PipelineCounters
    private let logger: Logger
    private let lastFailure = Mutex<String?>(nil)

    /// A canary has come out since the records were read.
    private struct Stale: Error {}

    init(
        name: String, output: any LogOutput, spool: LogSpool, intake: LogIntake, counters: PipelineCounters,
        logger: Logger
    ) {
        self.intake = intake
        self.name = name
        self.output = output
        self.spool = spool
        self.counters = counters
        self.logger = logger
    }

    /// Why nothing gets there now.
    var failure: String? { self.lastFailure.withLock { $0 } }

    /// Returns when the task is cancelled.
    /// - Throws: `spool_corrupt`, `spool_unavailable`.
    func run() async throws {
        do {
            while !Task.isCancelled {
                let entries = try await self.spool.read(
                    self.name, most: Self.mostRecords, mostBytes: Self.mostBytes)
                guard let last = entries.last else { continue }
                let (records, round) = try await self.intake.proven(entries.map { ($0, try Self.record($0)) })
                do {
                    try await self.deliver(records[...], round)
                } catch is Stale {
                    continue
                }
                try await self.spool.acknowledge(self.name, through: last.number)
            }
        } catch is CancellationError {
            // What wasn't acknowledged stays in the spool.
        }
        await self.output.close()
    }

    private static func record(_ entry: LogSpool.Entry) throws(GloveboxError) -> [LogRecord] {
        do {
            return try OTLPLogs.read(protobuf: entry.payload)
        } catch {
            throw GloveboxError(.spoolCorrupt, "record \(entry.number) of the spool can't be read: \(error.reason)")
        }
    }

    private func deliver(_ records: ArraySlice<LogRecord>, _ round: Int) async throws {
        var pause = Self.firstPause
        while true {
            guard await self.intake.mayPass(round) else { throw Stale() }
            do {
                let refused = try await self.output.deliver(Array(records))
                self.note(nil)
                self.counters.delivered.add(Int64(records.count - refused), self.name)
                if refused > 0 { self.giveUp(refused, "the receiver has refused them") }
                return
            } catch let failure as DeliveryFailure {
                switch failure {
                case .never(let why): return self.giveUp(records.count, why)
                case .tooMany(let why):
                    guard records.count > 1 else { return self.giveUp(1, why) }
                    let middle = records.startIndex + records.count / 2
                    try await self.deliver(records[..<middle], round)
                    return try await self.deliver(records[middle...], round)
                case .later(let why, let after):
                    self.note(why)
                    self.counters.retries.add(1, self.name)
                    // So that not all come back at once.
                    let drawn = pause * Double.random(in: 0.5...1)
                    try await Task.sleep(for: max(drawn, after ?? .zero))
                    pause = min(pause * 2, Self.longestPause)
                }
            }
        }
    }

    private func giveUp(_ count: Int, _ why: String) {
        self.counters.refused.add(Int64(count), self.name)
        self.logger.error("\(count) records are given up: \(why)", metadata: ["output": "\(self.name)"])
    }

    private func note(_ failure: String?) {
        let before = self.lastFailure.withLock { last in
            defer { last = failure }
            return last
        }
        if let failure, before != failure {
            self.logger.warning("\(failure); it's tried again", metadata: ["output": "\(self.name)"])
        } else if failure == nil, before != nil {
            self.logger.notice("records get there again", metadata: ["output": "\(self.name)"])
        }
    }
}
