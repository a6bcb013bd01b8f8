import Contracts
import GloveboxCore
import Identity
import Logging
import TestSupport
import Testing

@testable import Gateway

@Suite("The gateway's own certificate")
struct ServerCertificatesTests {
    @Test("it's renewed while the gateway runs, long before it runs out")
    func renewed() async throws {
        let folder = try TemporaryFolder()
        let time = ManualTime()
        let authority = try CertificateAuthority(folder: folder.path, time: time)
        let certificates = try ServerCertificates(
            authority: authority, names: ["localhost"], time: time, logger: Logger(label: "test"))
        let running = Task { try await certificates.run() }
        var before = certificates.notAfter
        // More than it lasts, a day at a time.
        for _ in 0..<10 {
            await time.untilSleeping()
            time.advance(by: .seconds(86_400))
            let last = before
            try await eventually(timeout: .seconds(10), "another certificate") { certificates.notAfter > last }
            before = certificates.notAfter
            #expect(before > time.wall.advanced(by: .seconds(5 * 86_400)))
        }
        running.cancel()
        try? await running.value
    }
}
