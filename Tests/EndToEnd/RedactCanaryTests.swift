import Foundation
import TestSupport
import Testing

/// Vectorscan itself is made to find nothing, in the real program: what masking would do on a machine where it's broken.
@Suite("Masking that doesn't mask is found out before anything passes")
struct RedactCanaryTests {
    private static let secret = "ghp_0123456789abcdefABCDEF0123456789abcd"

    private let folder: TemporaryFolder
    private let ada: Person

    init() throws {
        self.folder = try TemporaryFolder()
        self.ada = Person(name: "ada", folder: self.folder)
    }

    private func blindness() async throws -> Blindness {
        Blindness(library: try await Fault.library(in: self.folder), in: self.folder)
    }

    private func environment(_ blindness: Blindness) -> [String: String] {
        self.ada.environment.merging(blindness.environment) { $1 }
    }

    @Test("glovebox redact passes nothing, and says why in one line")
    func stream() async throws {
        let blindness = try await self.blindness()
        try blindness.begin()
        func run() async throws -> Subprocess.Result {
            try await Subprocess.run(
                [Repository.program, "redact"], environment: self.environment(blindness),
                input: .text("token \(Self.secret)\n"))
        }
        let result = try await run()
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("glovebox: a canary came out unmasked by a text: nothing passes;"))
        #expect(result.errors.hasSuffix(" [canary_leaked]\n") && result.errors.split(separator: "\n").count == 1)
        blindness.end()
        let sound = try await run()
        #expect(sound.status == 0 && sound.output.hasPrefix("token ‹"))
    }

    @Test("glovebox redact that goes blind on its way ends at the next round")
    func later() async throws {
        let blindness = try await self.blindness()
        let process = try RunningProcess(
            [Repository.program, "redact", "--canaries", "1s"], environment: self.environment(blindness), input: .open)
        try process.write("first line\n")
        try await eventually { process.output == "first line\n" }
        try blindness.begin()
        // Without text there is no round.
        try await eventually {
            try? process.write("words\n")
            return process.snapshot.status != nil
        }
        #expect(await process.finished())
        #expect(process.result.status == 1 && process.errors.contains("[canary_leaked]"))
    }

    private func configuration(_ telemetry: Int, _ otlp: Int, canaries: String) -> String {
        let path = self.folder.path
        return """
            version: 1
            spool: {folder: \(path)/spool}
            canaries: \(canaries)
            telemetry: 127.0.0.1:\(telemetry)
            inputs:
              app: {kind: otlp, listen: 127.0.0.1:\(otlp)}
            outputs:
              file: {kind: file, path: \(path)/out.text, format: text}
            """
    }

    private func post(_ port: Int, _ text: String) async throws -> Int {
        let body = try self.folder.write(
            "body", #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\#(text)"}}]}]}]}"#)
        return try await LoopbackHTTP.get(
            port, "/v1/logs",
            more: ["--data-binary", "@\(body)", "-H", "content-type: application/json", "-H", "expect:"]
        ).status
    }

    private var out: String { (try? String(decoding: self.folder.read("out.text"), as: UTF8.self)) ?? "" }

    @Test("redact serve doesn't begin, and takes nothing")
    func serveStart() async throws {
        let blindness = try await self.blindness()
        try blindness.begin()
        let file = try self.folder.write(
            "redact.yaml", self.configuration(try freePort(), try freePort(), canaries: "10m"))
        let result = try await Subprocess.run(
            [Repository.program, "redact", "serve", "--config", file], environment: self.environment(blindness))
        #expect(result.status == 1 && !result.errors.contains("ready"))
        #expect(result.errors.contains("a canary came out unmasked by") && result.errors.contains("[canary_leaked]"))
        #expect(self.out.isEmpty && !filesUnder(self.folder.path).contains { $0.hasSuffix("out.text") })
    }

    @Test("a reload whose canaries come out is refused; at an interval it seals, until a reload is good")
    func serve() async throws {
        let blindness = try await self.blindness()
        let (telemetry, otlp) = (try freePort(), try freePort())
        let file = try self.folder.write("redact.yaml", self.configuration(telemetry, otlp, canaries: "1s"))
        let process = try RunningProcess(
            [Repository.program, "redact", "serve", "--config", file], environment: self.environment(blindness))
        try await process.printed("ready: logs are taken in")
        #expect(try await self.post(otlp, "one \(Self.secret)") == 200)
        try await eventually { self.out.hasPrefix("one ‹") }
        #expect(try await LoopbackHTTP.get(telemetry, "/readyz").status == 200)

        try blindness.begin()
        try await process.printed("a canary wasn't masked")
        let ready = try await LoopbackHTTP.get(telemetry, "/readyz")
        #expect(ready.status == 503 && ready.body.contains("a canary came out unmasked by"))
        #expect(try await LoopbackHTTP.get(telemetry, "/metrics").body.contains("\nglovebox_redact_sealed 1\n"))
        #expect(try await self.post(otlp, "two \(Self.secret)") == 503)
        process.signal(SIGHUP)
        try await process.printed("masking stays as it was")
        let metrics = try await LoopbackHTTP.get(telemetry, "/metrics").body
        #expect(metrics.contains("\nglovebox_redact_reload_failed 1\n"))
        #expect(metrics.contains("\nglovebox_redact_sealed 1\n"))

        blindness.end()
        process.signal(SIGHUP)
        try await process.printed("masking is read anew, and may be trusted again")
        #expect(try await self.post(otlp, "three \(Self.secret)") == 200)
        try await eventually { self.out.contains("\nthree ‹") }
        #expect(!self.out.contains("two") && !self.out.contains("ghp_"))
        #expect(try await LoopbackHTTP.get(telemetry, "/readyz").status == 200)

        try blindness.begin()
        try await eventually { try await LoopbackHTTP.get(telemetry, "/readyz").status == 503 }
        // One that is stopped sealed says so to whoever started it.
        let result = await process.stop()
        #expect(result.status == 1 && result.errors.contains("[canary_leaked]"))
    }
}
