import Foundation
import NIOSSL
import OutboundHTTP
import Synchronization

/// Requests by OFREP, over HTTP/2, for a while.
struct Requests {
    var gateway: String
    var authority: String
    var target: String
    var flag: String
    var seconds: Double

    private static let atOnce = 16

    private struct Figures: Encodable {
        var requests: Int
        var seconds: Double
        var failures: Int
    }

    func run() async throws {
        let token = readLine() ?? ""
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(self.authority))
        let client = OutboundClient(tls: tls, timeout: .seconds(10), mostBytes: 65_536, allowsHTTP2: true)
        let url = "\(self.gateway)/flags/\(self.target)/ofrep/v1/evaluate/flags/\(self.flag)"
        let body = Array(#"{"context": {"targetingKey": "user-7f3a", "email": "user@faas.com", "country": "DE"}}"#.utf8)
        let headers = [("authorization", "Bearer \(token)"), ("content-type", "application/json")]
        let clock = ContinuousClock()
        let begun = clock.now
        let end = begun.advanced(by: .seconds(self.seconds))
        let counts = try await withThrowingTaskGroup(of: (Int, Int).self) { tasks in
            for _ in 0..<Self.atOnce {
                tasks.addTask {
                    var (done, failed) = (0, 0)
                    while clock.now < end {
                        let answer = try await client.send("POST", url, headers: headers, body: body)
                        if answer.status == 200 { done += 1 } else { failed += 1 }
                        if answer.status == 429 { try await Task.sleep(for: .milliseconds(20)) }
                    }
                    return (done, failed)
                }
            }
            return try await tasks.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
        let taken = begun.duration(to: clock.now) / .seconds(1)
        await client.shutdown()
        try FlagBenchmark.show(Figures(requests: counts.0, seconds: taken, failures: counts.1))
    }
}
