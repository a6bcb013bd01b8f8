import AuditFiles
import Contracts
import Foundation
import GloveboxCore
import TransparencyLog

/// How fast the gateway's log takes records durably, and how fast it's verified. `scripts/bench audit` runs it beside
/// SQLite and PostgreSQL; it prints one JSON object.
///
///     AuditBenchmark FOLDER SECONDS WRITERS RECORDS_PER_APPEND
@main
struct AuditBenchmark {
    private struct Figures: Codable {
        var records: Int
        var seconds: Double
        var appendsPerSecond: Double
        var signedAfterSeconds: Double
        var verified: UInt64
        var verifySeconds: Double
        var verifiedPerSecond: Double
        var bytesPerRecord: Double
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let seconds = Double(arguments[2]), let writers = Int(arguments[3]),
            let together = Int(arguments[4])
        else {
            print("usage: AuditBenchmark FOLDER SECONDS WRITERS RECORDS_PER_APPEND")
            return
        }
        let folder = arguments[1]
        let signer = NoteSigner(name: "benchmark/log")
        let log = try TiledLog(folder: folder, signer: signer, segmentSize: 64 << 20)
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(seconds))
        let start = clock.now
        // Each writer waits until what it wrote is durable, as a session does.
        let records = try await withThrowingTaskGroup(of: Int.self) { tasks in
            for writer in 0..<writers {
                tasks.addTask {
                    let batch = (0..<together).map { Self.record(writer * together + $0) }
                    var count = 0
                    while clock.now < end {
                        try await log.append(batch)
                        count += batch.count
                    }
                    return count
                }
            }
            var count = 0
            for try await written in tasks { count += written }
            return count
        }
        let appended = clock.now
        try await log.integrate()
        let signed = clock.now
        log.close()
        let verifying = clock.now
        let verified = try TreeVerification.verify(folder: folder, key: signer.verifier)
        let verifySeconds = Self.seconds(verifying.duration(to: clock.now))
        let elapsed = Self.seconds(start.duration(to: appended))
        let figures = Figures(
            records: records, seconds: elapsed, appendsPerSecond: Double(records) / elapsed,
            signedAfterSeconds: Self.seconds(appended.duration(to: signed)), verified: verified.checkpoint.size,
            verifySeconds: verifySeconds, verifiedPerSecond: Double(verified.checkpoint.size) / verifySeconds,
            bytesPerRecord: Double(Self.record(0).canonicalBytes.count))
        print(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
    }

    private static func seconds(_ duration: Duration) -> Double { Double(duration.nanosecondsClamped) / 1e9 }

    /// As a statement's record is.
    private static func record(_ number: Int) -> Record {
        Record(
            time: WallTime(nanoseconds: 1_735_689_600_000_000_000 + Int64(number)),
            identity: IdentityName(unchecked: "ada"), target: TargetName(unchecked: "shop-db"),
            lease: LeaseID(unchecked: "0123456789ab"), session: SessionID(unchecked: "0123456789abcdef"),
            event: .statement(text: "SELECT id, total, placed_at FROM orders WHERE customer = \(number)", values: []))
    }
}
